//! Blobs that are kept for long: whose they are, what they count for, and when they end. The last test compares random histories with a model.

use std::collections::BTreeMap;

use kith_crypto::capability::{delete_verifier, read_verifier};
use kith_crypto::request::closing_statement;
use kith_wire::id::{BlobId, DeleteCapability, ReadCapability};
use kith_wire::limits::MAX_KEPT_AT_ONCE;
use proptest::prelude::*;

use super::*;
use crate::{Quotas, Retention};

/// Bytes of every blob here: one chunk, more than the least that a kept one counts for.
const SIZE: u64 = 5000;
const DAY: u64 = 24 * 3600;

fn name(n: u8) -> BlobId {
    BlobId([n; 24])
}

fn create(n: u8) -> Operation {
    let read = read_verifier(&ReadCapability::new([n; 32]));
    let delete = delete_verifier(&DeleteCapability::new([n; 32]));
    Operation::BlobCreate { blob: name(n), chunks: 1, bytes: SIZE, read, delete }
}

fn put(n: u8) -> Operation {
    Operation::BlobPut { blob: name(n), index: 0, chunk: vec![n; SIZE.try_into().unwrap()] }
}

fn keep(names: &[u8]) -> Operation {
    Operation::BlobKeep { blobs: names.iter().map(|n| name(*n)).collect() }
}

fn delete(n: u8, capability: u8) -> Operation {
    Operation::BlobDelete { blob: name(n), capability: DeleteCapability::new([capability; 32]) }
}

fn is_there(world: &mut World, n: u8) -> bool {
    let get = Operation::BlobGet { blob: name(n), index: 0, capability: ReadCapability::new([n; 32]) };
    matches!(world.ask(get, Vec::new()), Answer::BlobChunk { .. })
}

fn upload(world: &mut World, account: &AccountSecret, n: u8) {
    assert_eq!(world.ask_as_account(account, create(n)), Answer::Accepted);
    assert_eq!(world.ask_as_account(account, put(n)), Answer::Accepted);
}

/// A world whose clock stands at the beginning of a step, so that the end of what is kept is easy to tell.
fn at_a_step(config: Config) -> World {
    let mut world = World::with(config);
    let hours = world.now.hour().0.next_multiple_of(30 * 24);
    world.now = Hour(hours).start();
    world.tick();
    world
}

fn used(world: &mut World, account: &AccountSecret) -> (u64, u64) {
    let txn = world.store.begin().unwrap();
    let account = txn.account(&account.public()).unwrap().unwrap();
    (account.blob_bytes, account.kept_bytes)
}

#[test]
fn kh_44_whole_blobs_of_the_account_are_kept_all_or_none_and_whatever_is_wrong_looks_alike() {
    let mut world = World::new();
    let (account, other) = (world.account(), world.account());
    upload(&mut world, &account, 1);
    upload(&mut world, &account, 2);
    upload(&mut world, &other, 3);
    assert_eq!(world.ask_as_account(&account, create(4)), Answer::Accepted);
    let not_found = refused(Refusal::NotFound);
    // Another's, one that is not whole, and one that does not exist.
    for wrong in [3, 4, 9] {
        assert_eq!(world.ask_as_account(&account, keep(&[1, wrong])), not_found);
    }
    assert_eq!(used(&mut world, &account).1, 0, "none of them");
    let many = vec![1; MAX_KEPT_AT_ONCE + 1];
    assert_eq!(world.ask_as_account(&account, keep(&many)), refused(Refusal::Invalid));
    assert_eq!(world.ask(keep(&[1]), Vec::new()), refused(Refusal::NotAuthorised));
    assert_eq!(world.ask_as_account(&account, keep(&[1, 2, 1])), Answer::Accepted);
    assert_eq!(world.ask_as_account(&account, keep(&[1, 2])), Answer::Accepted, "said again");
    assert_eq!(used(&mut world, &account), (3 * SIZE, 2 * SIZE));
}

#[test]
fn kh_44_what_the_disk_has_lost_is_not_kept() {
    let mut world = World::new();
    let account = world.account();
    upload(&mut world, &account, 1);
    world.store.lose_chunk(&name(1), 0);
    assert!(!is_there(&mut world, 1));
    assert_eq!(world.ask_as_account(&account, keep(&[1])), refused(Refusal::NotFound));
    assert_eq!(world.ask_as_account(&account, put(1)), Answer::Accepted);
    assert_eq!(world.ask_as_account(&account, keep(&[1])), Answer::Accepted);
}

#[test]
fn kh_45_what_is_kept_has_a_quota_of_its_own_until_it_is_gone() {
    let quotas = Quotas { kept_bytes: 2 * SIZE, ..Quotas::default() };
    let mut world = World::with(Config { quotas, ..config() });
    let account = world.account();
    for n in 1..=3 {
        upload(&mut world, &account, n);
    }
    assert_eq!(world.ask_as_account(&account, keep(&[1, 2, 3])), refused(Refusal::QuotaExceeded));
    assert_eq!(world.ask_as_account(&account, keep(&[1, 2])), Answer::Accepted);
    assert_eq!(world.ask_as_account(&account, keep(&[1, 2])), Answer::Accepted, "what is kept already is no more");
    assert_eq!(world.ask_as_account(&account, keep(&[3])), refused(Refusal::QuotaExceeded));
    assert_eq!(world.ask(delete(1, 1), Vec::new()), Answer::Accepted);
    assert_eq!(world.ask_as_account(&account, keep(&[3])), Answer::Accepted);
    assert_eq!(used(&mut world, &account), (2 * SIZE, 2 * SIZE));
}

#[test]
fn kh_45_the_smallest_blob_counts_for_what_is_remembered_of_it() {
    let mut world = World::new();
    let account = world.account();
    let Operation::BlobCreate { blob, read, delete, .. } = create(1) else { unreachable!() };
    let small = Operation::BlobCreate { blob, chunks: 1, bytes: 1, read, delete };
    assert_eq!(world.ask_as_account(&account, small), Answer::Accepted);
    let chunk = Operation::BlobPut { blob, index: 0, chunk: vec![1] };
    assert_eq!(world.ask_as_account(&account, chunk), Answer::Accepted);
    assert_eq!(world.ask_as_account(&account, keep(&[1])), Answer::Accepted);
    assert_eq!(used(&mut world, &account), (1, 4096));
    assert_eq!(world.ask(self::delete(1, 1), Vec::new()), Answer::Accepted);
    assert_eq!(used(&mut world, &account), (0, 0));
}

#[test]
fn kh_46_what_is_kept_lives_thirteen_months_from_when_it_was_last_asked_for_and_tells_no_day() {
    let mut world = at_a_step(config());
    let account = world.account();
    upload(&mut world, &account, 1);
    world.pass(3 * DAY);
    assert_eq!(world.ask_as_account(&account, keep(&[1])), Answer::Accepted);
    let expires = |world: &mut World| world.store.begin().unwrap().blob(&name(1)).unwrap().unwrap().expires;
    let first = expires(&mut world);
    assert_eq!(first.0 % (30 * 24), 0);
    world.pass(10 * DAY);
    assert_eq!(world.ask_as_account(&account, keep(&[1])), Answer::Accepted);
    assert_eq!(expires(&mut world), first, "the same month");
    world.pass(30 * DAY);
    assert_eq!(world.ask_as_account(&account, keep(&[1])), Answer::Accepted);
    assert_eq!(expires(&mut world).0, first.0 + 30 * 24);
    world.pass(400 * DAY);
    world.tick();
    assert!(is_there(&mut world, 1), "thirteen months after the last visit");
    world.pass(31 * DAY);
    world.tick();
    assert!(!is_there(&mut world, 1));
    assert_eq!(used(&mut world, &account), (0, 0));
}

#[test]
fn kh_46_a_closed_account_keeps_its_blobs_until_their_time_is_over_and_no_longer() {
    let mut world = at_a_step(config());
    let account = world.account();
    upload(&mut world, &account, 1);
    assert_eq!(world.ask_as_account(&account, keep(&[1])), Answer::Accepted);
    let signature = closing_statement(&account, &world.key());
    let close = Operation::AccountClose { account: account.public(), signature };
    assert_eq!(world.ask(close, Vec::new()), Answer::Accepted);
    world.pass(300 * DAY);
    assert!(is_there(&mut world, 1), "who revoked the device restores from it");
    let closed = Answer::Closed { signature };
    assert_eq!(world.ask_as_account(&account, keep(&[1])), closed, "nobody makes it live longer");
    assert_eq!(world.ask(delete(1, 2), Vec::new()), Answer::Accepted, "another capability");
    assert!(is_there(&mut world, 1));
    assert_eq!(world.ask(delete(1, 1), Vec::new()), Answer::Accepted, "whoever has the right deletes it still");
    assert!(!is_there(&mut world, 1));
}

/// One step of a history: `who` is one of two accounts, `n` one of five blobs.
#[derive(Debug, Clone)]
enum Step {
    Upload { who: usize, n: u8 },
    Keep { who: usize, names: Vec<u8> },
    Delete { n: u8 },
    Days { days: u64 },
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (who, n) = (0_usize..2, 0_u8..5);
    let step = prop_oneof![
        4 => (who.clone(), n.clone()).prop_map(|(who, n)| Step::Upload { who, n }),
        4 => (who, prop::collection::vec(n.clone(), 1..4)).prop_map(|(who, names)| Step::Keep { who, names }),
        2 => n.prop_map(|n| Step::Delete { n }),
        3 => (1_u64..60).prop_map(|days| Step::Days { days }),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..60)
}

/// What should be there: whose it is, whether it is kept, and its last hour.
type Model = BTreeMap<u8, (usize, bool, u32)>;

fn kept_by(model: &Model, who: usize) -> u64 {
    SIZE * model.values().filter(|(owner, is_kept, _)| *owner == who && *is_kept).count() as u64
}

fn should_keep(model: &mut Model, who: usize, names: &[u8], now: u32) -> Answer {
    let is_own = |n: &u8| model.get(n).is_some_and(|(owner, _, expires)| *owner == who && *expires >= now);
    if !names.iter().all(is_own) {
        return refused(Refusal::NotFound);
    }
    let mut after = model.clone();
    let until = (now + 90 * 24).next_multiple_of(30 * 24);
    for n in names {
        let (_, is_kept, expires) = after.get_mut(n).unwrap();
        (*is_kept, *expires) = (true, until.max(*expires));
    }
    if kept_by(&after, who) > 3 * SIZE {
        return refused(Refusal::QuotaExceeded);
    }
    *model = after;
    Answer::Accepted
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn kh_44_histories_of_keeping_agree_with_a_model(history in steps()) {
        let quotas = Quotas { kept_bytes: 3 * SIZE, ..Quotas::default() };
        let retention = Retention { kept_hours: 90 * 24, ..Retention::default() };
        let mut world = World::with(Config { quotas, retention, ..config() });
        let accounts = [world.account(), world.account()];
        let mut model = Model::new();
        for step in history {
            let now = world.now.hour().0;
            match step {
                Step::Upload { who, n } => {
                    let is_free = !model.contains_key(&n);
                    let created = world.ask_as_account(&accounts[who], create(n));
                    prop_assert_eq!(created == Answer::Accepted, is_free || model[&n].0 == who);
                    if is_free {
                        prop_assert_eq!(world.ask_as_account(&accounts[who], put(n)), Answer::Accepted);
                        model.insert(n, (who, false, now + 21 * 24));
                    }
                }
                Step::Keep { who, names } => {
                    let should = should_keep(&mut model, who, &names, now);
                    prop_assert_eq!(world.ask_as_account(&accounts[who], keep(&names)), should);
                }
                Step::Delete { n } => {
                    prop_assert_eq!(world.ask(delete(n, n), Vec::new()), Answer::Accepted);
                    model.remove(&n);
                }
                Step::Days { days } => {
                    world.pass(days * DAY);
                    // Twice: a round removes a few blobs only.
                    for _ in 0..2 {
                        world.tick();
                        world.pass(60);
                    }
                    let now = world.now.hour().0;
                    model.retain(|_, (.., expires)| *expires >= now);
                }
                Step::Restart => world = world.restarted(),
            }
            for n in 0..5 {
                prop_assert_eq!(is_there(&mut world, n), model.contains_key(&n));
            }
            for who in [0, 1] {
                let all = SIZE * model.values().filter(|(owner, ..)| *owner == who).count() as u64;
                prop_assert_eq!(used(&mut world, &accounts[who]), (all, kept_by(&model, who)));
            }
        }
    }
}
