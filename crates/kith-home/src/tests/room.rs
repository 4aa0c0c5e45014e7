//! A disk that is nearly full.

use kith_crypto::capability::{delete_verifier, read_verifier};
use kith_wire::id::{BlobId, DeleteCapability, ReadCapability, RelayId};

use super::*;
use crate::Room;

#[test]
fn kh_40_a_server_with_little_room_takes_nothing_in_and_lets_everything_out() {
    let mut world = World::new();
    let device = world.device();
    world.send(&device, 1);
    world.home.set_room(Room::Scarce);
    let busy = Answer::Busy { seconds: 600 };
    let stranger = AccountSecret::generate(&mut world.rng);
    assert_eq!(world.ask_as_account(&stranger, Operation::AccountOpen { invite: None }), busy);
    let lookup = LookupSecret::generate(&mut world.rng);
    let create =
        Operation::QueueCreate { lookup_key: lookup.public(), verifier: send_verifier(&new_send(&mut world.rng)) };
    assert_eq!(world.ask_as_both(&device.account, &lookup, create.clone()), busy);
    let to = world.address();
    let mut sealed = vec![1; 5376];
    sealed[..6].copy_from_slice(&[1, 1, 0, 0, 0, 9]);
    let relay = Operation::RelayDurable { to, relay_id: RelayId([1; 16]), sealed };
    assert_eq!(world.ask_as_account(&device.account, relay), busy);
    // What strangers ask looks as ever, and what was dropped fits again later.
    let deposit = world.deposit_to(&device, 2);
    assert_eq!(world.deposit(deposit.clone()), Answer::Accepted);
    assert_eq!(world.fetch(&device), (vec![(1, 1)], true));
    assert_eq!(world.ask_as_account(&device.account, Operation::AccountOpen { invite: None }), Answer::Accepted);
    assert_eq!(world.ack(&device, &[1]), Answer::Accepted);

    world.home.set_room(Room::Ample);
    assert_eq!(world.deposit(deposit), Answer::Accepted);
    assert_eq!(world.fetch(&device), (vec![(2, 2)], false));
    assert!(matches!(world.ask_as_both(&device.account, &lookup, create), Answer::Queue { .. }));
}

#[test]
fn kh_40_a_blob_is_not_begun_nor_continued_without_room() {
    let mut world = World::new();
    let account = world.account();
    let blob = BlobId([7; 24]);
    let (read, delete) = (ReadCapability::new([2; 32]), DeleteCapability::new([3; 32]));
    let create = |blob| Operation::BlobCreate {
        blob,
        chunks: 1,
        bytes: 100,
        read: read_verifier(&read),
        delete: delete_verifier(&delete),
    };
    assert_eq!(world.ask_as_account(&account, create(blob)), Answer::Accepted);
    world.home.set_room(Room::Scarce);
    let busy = Answer::Busy { seconds: 600 };
    assert_eq!(world.ask_as_account(&account, create(BlobId([8; 24]))), busy);
    let put = Operation::BlobPut { blob, index: 0, chunk: vec![1; 100] };
    assert_eq!(world.ask_as_account(&account, put), busy);
    let deleted = world.ask(Operation::BlobDelete { blob, capability: delete }, Vec::new());
    assert_eq!(deleted, Answer::Accepted);
    assert_eq!(world.counts().blobs, 0);
}
