//! Blobs.

use kith_crypto::capability::{delete_verifier, read_verifier};
use kith_wire::id::{BlobId, DeleteCapability, ReadCapability};
use kith_wire::limits::SEALED_CHUNK_BYTES;

use super::*;
use crate::Quotas;

const BLOB: BlobId = BlobId([5; 24]);
const LAST: usize = 100;
/// Two whole chunks and a short one.
const SIZE: u64 = 2 * SEALED_CHUNK_BYTES as u64 + LAST as u64;

fn create(blob: BlobId, chunks: u32, bytes: u64) -> Operation {
    let read = read_verifier(&ReadCapability::new([1; 32]));
    let delete = delete_verifier(&DeleteCapability::new([2; 32]));
    Operation::BlobCreate { blob, chunks, bytes, read, delete }
}

fn put(index: u32, byte: u8) -> Operation {
    let length = if index == 2 { LAST } else { SEALED_CHUNK_BYTES };
    Operation::BlobPut { blob: BLOB, index, chunk: vec![byte; length] }
}

fn get(blob: BlobId, index: u32, capability: u8) -> Operation {
    Operation::BlobGet { blob, index, capability: ReadCapability::new([capability; 32]) }
}

fn delete(blob: BlobId, capability: u8) -> Operation {
    Operation::BlobDelete { blob, capability: DeleteCapability::new([capability; 32]) }
}

fn with_blob() -> (World, AccountSecret) {
    let mut world = World::new();
    let account = world.account();
    assert_eq!(world.ask_as_account(&account, create(BLOB, 3, SIZE)), Answer::Accepted);
    (world, account)
}

#[test]
fn kh_41_a_chunk_that_the_disk_has_lost_is_told_as_missing_and_may_be_put_again() {
    let (mut world, account) = with_blob();
    for index in 0..3 {
        assert_eq!(world.ask_as_account(&account, put(index, 7)), Answer::Accepted);
    }
    // The memory's way of losing one.
    world.store.lose_chunk(&BLOB, 1);
    assert_eq!(world.ask(get(BLOB, 1, 1), Vec::new()), refused(Refusal::NotFound));
    let status = Operation::BlobStatus { blob: BLOB };
    let present = |bits| Answer::BlobStatus { present: vec![bits] };
    assert_eq!(world.ask_as_account(&account, status.clone()), present(0b101));
    assert_eq!(world.ask_as_account(&account, put(1, 7)), Answer::Accepted);
    assert_eq!(world.ask_as_account(&account, status), present(0b111));
    assert!(matches!(world.ask(get(BLOB, 1, 1), Vec::new()), Answer::BlobChunk { .. }));
}

#[test]
fn kh_22_an_upload_can_be_repeated_and_resumed_but_not_changed() {
    let (mut world, account) = with_blob();
    let status = Operation::BlobStatus { blob: BLOB };
    assert_eq!(world.ask_as_account(&account, put(2, 7)), Answer::Accepted);
    assert_eq!(world.ask_as_account(&account, put(0, 7)), Answer::Accepted);
    let mut world = world.restarted();
    let present = Answer::BlobStatus { present: vec![0b101] };
    assert_eq!(world.ask_as_account(&account, status.clone()), present);
    assert_eq!(world.ask_as_account(&account, create(BLOB, 3, SIZE)), Answer::Accepted);
    assert_eq!(world.ask_as_account(&account, put(0, 7)), Answer::Accepted);
    let invalid = refused(Refusal::Invalid);
    assert_eq!(world.ask_as_account(&account, put(0, 8)), invalid);
    assert_eq!(world.ask_as_account(&account, create(BLOB, 3, SIZE - 1)), invalid);
    let stranger = world.account();
    assert_eq!(world.ask_as_account(&stranger, create(BLOB, 3, SIZE)), invalid);
    assert_eq!(world.ask_as_account(&stranger, put(1, 7)), refused(Refusal::NotFound));
    assert_eq!(world.ask_as_account(&stranger, status.clone()), refused(Refusal::NotFound));
    assert_eq!(world.ask_as_account(&account, status), present);
}

#[test]
fn kh_22_shapes_that_do_not_add_up_are_refused() {
    let (mut world, account) = with_blob();
    let other = BlobId([6; 24]);
    for (chunks, bytes) in [
        (0, 0),
        (1, 0),
        (0, 1),
        (2, SIZE),
        (4, SIZE),
        (1665, 1665 * SEALED_CHUNK_BYTES as u64),
        (1665, u64::MAX),
        (u32::MAX, SIZE),
    ] {
        let answer = world.ask_as_account(&account, create(other, chunks, bytes));
        assert_eq!(answer, refused(Refusal::Invalid), "{chunks} {bytes}");
    }
    let chunk = |index, length| Operation::BlobPut { blob: BLOB, index, chunk: vec![0; length] };
    for (index, length) in [(0, LAST), (2, LAST + 1), (3, LAST), (u32::MAX, LAST), (1, 0)] {
        assert_eq!(world.ask_as_account(&account, chunk(index, length)), refused(Refusal::Invalid));
    }
}

#[test]
fn kh_23_blobs_count_against_the_quota_until_they_are_gone() {
    let quotas = Quotas { blob_bytes: SIZE, ..Quotas::default() };
    let mut world = World::with(Config { quotas, ..config() });
    let account = world.account();
    let other = BlobId([6; 24]);
    assert_eq!(world.ask_as_account(&account, create(BLOB, 3, SIZE)), Answer::Accepted);
    assert_eq!(world.ask_as_account(&account, create(other, 1, 1)), refused(Refusal::QuotaExceeded));
    assert_eq!(world.ask(delete(BLOB, 2), Vec::new()), Answer::Accepted);
    assert_eq!(world.ask_as_account(&account, create(other, 1, 1)), Answer::Accepted);
}

#[test]
fn kh_24_absent_incomplete_expired_and_denied_look_alike() {
    let (mut world, account) = with_blob();
    assert_eq!(world.ask_as_account(&account, put(0, 7)), Answer::Accepted);
    let chunk = Answer::BlobChunk { chunk: vec![7; SEALED_CHUNK_BYTES] };
    assert_eq!(world.ask(get(BLOB, 0, 1), Vec::new()), chunk);
    let not_found = refused(Refusal::NotFound);
    assert_eq!(world.ask(get(BLOB, 0, 2), Vec::new()), not_found);
    assert_eq!(world.ask(get(BLOB, 1, 1), Vec::new()), not_found);
    assert_eq!(world.ask(get(BlobId([9; 24]), 0, 1), Vec::new()), not_found);
    world.now = world.now.hour().start().plus_seconds((21 * 24 + 1) * 3600 - 1);
    world.tick();
    assert_eq!(world.ask(get(BLOB, 0, 1), Vec::new()), chunk);
    world.pass(1);
    assert_eq!(world.ask(get(BLOB, 0, 1), Vec::new()), not_found, "before anything was purged");
    world.pass(60);
    world.tick();
    assert_eq!(world.counts().blobs, 0);
    let txn = world.store.begin().unwrap();
    assert_eq!(txn.account(&account.public()).unwrap().unwrap().blob_bytes, 0);
}

#[test]
fn kh_25_deleting_says_the_same_whether_it_worked_or_not() {
    let (mut world, account) = with_blob();
    assert_eq!(world.ask_as_account(&account, put(0, 7)), Answer::Accepted);
    for (blob, capability) in [(BLOB, 1), (BlobId([9; 24]), 2)] {
        assert_eq!(world.ask(delete(blob, capability), Vec::new()), Answer::Accepted);
    }
    assert!(matches!(world.ask(get(BLOB, 0, 1), Vec::new()), Answer::BlobChunk { .. }));
    assert_eq!(world.ask(delete(BLOB, 2), Vec::new()), Answer::Accepted);
    assert_eq!(world.ask(get(BLOB, 0, 1), Vec::new()), refused(Refusal::NotFound));
}
