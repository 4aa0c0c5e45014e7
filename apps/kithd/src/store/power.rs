//! The whole server but its sockets, on a disk that forgets what nobody waited for, and on one that fails for a while.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex};

use kith_crypto::capability::{new_send, prove, send_verifier};
use kith_crypto::sealed::seal;
use kith_home::store::{Account, Overflow, Queue, Store as _, Txn as _};
use kith_home::{Config, Home};
use kith_store::journal::files::simulated::{Simulated, Trouble};
use kith_store::{Ahead, Journal, Waiting};
use kith_wire::Wire as _;
use kith_wire::address::ServerUrl;
use kith_wire::descriptor::Descriptor;
use kith_wire::frame::Frame;
use kith_wire::id::{AccountKey, DedupId, LookupKey, Proof, ReaderId, SendCapability, SenderId};
use kith_wire::operation::{Answer, Deposit, Operation, Request};
use kith_wire::sealed::{OneShotReply, SealKind};
use kith_wire::signed::Signed;
use kith_wire::time::{Day, Hour};
use rand::rngs::SysRng;
use rand_core::UnwrapErr;

use crate::clock::now;
use crate::keeper::{Keeper, KeeperTask};
use crate::metrics::Metrics;

const READER: ReaderId = ReaderId([1; 24]);
const SENDER: SenderId = SenderId([2; 24]);
/// Clients that deposit at the same time.
const CLIENTS: u32 = 6;

/// What was offered, and whether it was accepted.
type Offered = Arc<Mutex<BTreeMap<u32, bool>>>;

/// Starts a server on a disk; `None` when the disk does not let it.
fn start(files: &Simulated) -> Option<(Keeper, KeeperTask)> {
    let folder = files.clone();
    let mut store = Ahead::open_with(move || Ok(folder.clone())).ok()?;
    let config = Config::new(vec![ServerUrl::parse("https://home.example").unwrap()]);
    let home = Home::open(&mut store, config, now(), &mut UnwrapErr(SysRng)).ok()?;
    store.set_waiting(Waiting::Outside);
    let (keeper, thread, _dials) = Keeper::start(home, store, Arc::new(Metrics::default()), 9).unwrap();
    Some((keeper, thread))
}

/// Makes a queue on a disk that works.
fn make_queue(files: &Simulated, send: &SendCapability) {
    let mut store = Journal::open_in(files.clone()).unwrap();
    let mut txn = store.begin().unwrap();
    let (account, lookup, verifier) = (AccountKey([3; 32]), LookupKey([4; 32]), send_verifier(send));
    let queue =
        Queue { sender: SENDER, account, lookup, verifier, next_seq: 1, length: 0, overflow: Overflow::Complete };
    txn.insert_queue(&READER, &queue).unwrap();
    txn.put_account(
        &account,
        &Account { created: Day(1), n_queues: 1, blob_bytes: 0, kept_bytes: 0, n_outgoing: 0, closed: None },
    )
    .unwrap();
    txn.commit().unwrap();
}

/// Deposits a frame that begins with a number; returns whether it was accepted.
async fn deposit(keeper: &Keeper, send: &SendCapability, number: u32) -> bool {
    let rng = &mut UnwrapErr(SysRng);
    let descriptor: Descriptor = Signed::from_bytes(&keeper.descriptor()).unwrap().decode_unverified().unwrap();
    let (key, epoch) = (descriptor.server_key, &descriptor.epochs[0]);
    let mut frame = [0; 4096];
    frame[..4].copy_from_slice(&number.to_be_bytes());
    let mut dedup = [7; 16];
    dedup[..4].copy_from_slice(&number.to_be_bytes());
    let expires = Hour(now().hour().0 + 24);
    let (proof, frame) = (Proof([0; 32]), Frame::new(frame));
    let deposit = Deposit { sender_id: SENDER, proof, dedup: DedupId(dedup), expires, frame };
    let operation = Operation::Deposit(prove(deposit, send, &key));
    let content = Request { operation, signatures: Vec::new() }.to_bytes();
    let sealed = seal(&key, epoch, SealKind::OneShot, &content, rng).unwrap();
    let Ok(reply) = keeper.one_shot(sealed.bytes.into()).await else { return false };
    let Some(OneShotReply::Sealed(reply)) = OneShotReply::from_bytes(&reply) else { return false };
    assert_eq!(Answer::from_bytes(&sealed.pending.open(&reply).unwrap()).unwrap(), Answer::Accepted);
    true
}

/// Has clients deposit until each was refused once.
async fn load(keeper: &Keeper, send: &SendCapability, round: u32, offered: &Offered) {
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        let (keeper, send, offered) = (keeper.clone(), send.clone(), Arc::clone(offered));
        clients.spawn(async move {
            for n in 0.. {
                let number = round << 16 | client << 12 | n;
                offered.lock().unwrap().insert(number, false);
                if !deposit(&keeper, &send, number).await {
                    return;
                }
                offered.lock().unwrap().insert(number, true);
            }
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
}

/// Checks that all that was accepted waits in the queue, once, and nothing that nobody offered.
fn check(files: &Simulated, offered: &Offered) {
    let mut store = Journal::open_in(files.clone()).unwrap();
    let entries = store.begin().unwrap().entries(&READER, 0, usize::MAX).unwrap();
    let mut waiting = offered.lock().unwrap().clone();
    for (_, entry) in entries {
        let number = u32::from_be_bytes(*entry.frame.first_chunk().unwrap());
        assert!(waiting.remove(&number).is_some(), "{number:x} is there twice, or was never sent");
    }
    let lost: Vec<_> = waiting.iter().filter(|(_, is_accepted)| **is_accepted).collect();
    assert!(lost.is_empty(), "accepted and lost: {lost:x?}");
}

#[tokio::test]
async fn deposits_accepted_before_a_power_cut_survive_it_whatever_the_disk_had_not_written() {
    let (mut files, send, offered) = (Simulated::default(), new_send(&mut UnwrapErr(SysRng)), Offered::default());
    make_queue(&files, &send);
    for round in 0..24 {
        // Somewhere in the start, in the first batch, or in full swing.
        let first = files.n_calls() + 1 + u64::from(round * 97 % 1_200);
        let trouble = Trouble { first, n_calls: u64::MAX, kind: ErrorKind::Other, leaves_half: true };
        files.set_trouble(Some(trouble));
        if let Some((keeper, thread)) = start(&files) {
            load(&keeper, &send, round, &offered).await;
            thread.stop().await;
        }
        let luck = if round % 4 == 0 { 0 } else { u64::from(round).wrapping_mul(0x9e37_79b9_7f4a_7c15) };
        files = files.after_power_cut(luck);
        check(&files, &offered);
    }
    assert!(offered.lock().unwrap().values().filter(|is_accepted| **is_accepted).count() > 50);
}

#[tokio::test]
async fn a_disk_that_is_full_broken_or_read_only_for_a_while_gives_refusals_and_the_server_goes_on_by_itself() {
    let (files, send, offered) = (Simulated::default(), new_send(&mut UnwrapErr(SysRng)), Offered::default());
    make_queue(&files, &send);
    let (keeper, thread) = start(&files).unwrap();
    for (round, kind) in
        [ErrorKind::StorageFull, ErrorKind::Other, ErrorKind::ReadOnlyFilesystem].into_iter().enumerate()
    {
        for n in 0..5 {
            let first = files.n_calls() + 7 * n;
            files.set_trouble(Some(Trouble { first, n_calls: u64::MAX, kind, leaves_half: n % 2 == 0 }));
            let round = u32::try_from(round).unwrap() * 8 + u32::try_from(n).unwrap();
            load(&keeper, &send, round, &offered).await;
            assert!(!deposit(&keeper, &send, 0xeeee_0000).await, "and still not");
            files.set_trouble(None);
            let number = 0xffff_0000 + round;
            // The batch that finds the disk in order again may itself be the one that is refused.
            let is_accepted = deposit(&keeper, &send, number).await || deposit(&keeper, &send, number).await;
            assert!(is_accepted, "service resumes by itself");
            offered.lock().unwrap().insert(number, true);
        }
    }
    offered.lock().unwrap().insert(0xeeee_0000, false);
    thread.stop().await;
    check(&files.after_power_cut(0), &offered);
}
