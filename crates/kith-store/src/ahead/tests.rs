//! What is there after a power cut or a failed wait, when commits run ahead of the disk.

use kith_home::store::{Account, Txn};
use kith_wire::id::AccountKey;
use kith_wire::time::Day;
use proptest::prelude::*;

use super::*;
use crate::journal::files::simulated::Simulated;

/// Opens a store whose commits run ahead.
fn open(folder: &Simulated) -> Ahead<Simulated> {
    let taken = folder.clone();
    let mut store = Ahead::open_with(move || Ok(taken.clone())).unwrap();
    store.set_waiting(Waiting::Outside);
    store
}

fn key(number: u32) -> AccountKey {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    AccountKey(bytes)
}

fn account() -> Account {
    Account { created: Day(7), n_queues: 0, blob_bytes: 0, kept_bytes: 0, n_outgoing: 0, closed: None }
}

/// Commits an account with this number, and a secret too when asked.
fn commit(store: &mut Ahead<Simulated>, number: u32, with_secret: bool) -> Result<(), StoreError> {
    let mut txn = store.begin()?;
    txn.put_account(&key(number), &account())?;
    if with_secret {
        let secret = kith_home::store::Secret::new(&number.to_be_bytes());
        txn.set_meta(kith_home::store::MetaKey::Generation, &secret)?;
    }
    txn.commit()
}

/// Returns how many accounts there are, which must be the first ones.
fn n_accounts(store: &mut impl Store) -> u32 {
    let txn = store.begin().unwrap();
    let n = (0..).take_while(|number| txn.account(&key(*number)).unwrap().is_some()).count();
    assert_eq!(txn.counts().unwrap().accounts, n as u64);
    u32::try_from(n).unwrap()
}

#[test]
fn a_commit_is_seen_at_once_and_durable_when_its_debt_is_paid() {
    let folder = Simulated::default();
    let mut store = open(&folder);
    commit(&mut store, 0, false).unwrap();
    assert_eq!(n_accounts(&mut store), 1);
    let left = |folder: Simulated| n_accounts(&mut Journal::open_in(folder).unwrap());
    assert_eq!(left(folder.after_worst_power_cut()), 0);
    store.owed().unwrap()().unwrap();
    assert_eq!((left(folder.after_worst_power_cut()), left(folder.after_power_cut(1))), (1, 1));
    assert!(store.owed().is_none());
}

#[test]
fn a_debt_that_is_not_paid_takes_back_all_that_came_after_the_last_one() {
    let folder = Simulated::default();
    let mut store = open(&folder);
    commit(&mut store, 0, false).unwrap();
    store.owed().unwrap()().unwrap();
    commit(&mut store, 1, false).unwrap();
    let debt = store.owed().unwrap();
    // One more stands on it before it turns out to have failed.
    commit(&mut store, 2, false).unwrap();
    folder.fail_syncs(1);
    assert!(debt().is_err());
    assert!(store.begin().is_err() && store.owed().unwrap()().is_err());
    store.set_back().unwrap();
    assert_eq!(n_accounts(&mut store), 1);
    commit(&mut store, 1, false).unwrap();
    store.owed().unwrap()().unwrap();
    assert_eq!(n_accounts(&mut Journal::open_in(folder.after_power_cut(3)).unwrap()), 2);
}

#[test]
fn a_debt_that_nobody_pays_counts_as_failed() {
    let mut store = open(&Simulated::default());
    commit(&mut store, 0, false).unwrap();
    drop(store.owed());
    assert!(store.begin().is_err());
    store.set_back().unwrap();
    assert_eq!(n_accounts(&mut store), 0);
}

#[test]
fn a_disk_that_goes_on_failing_is_asked_again_until_it_works() {
    let folder = Simulated::default();
    let mut store = open(&folder);
    commit(&mut store, 0, false).unwrap();
    folder.fail_syncs(3);
    assert!(store.owed().unwrap()().is_err());
    assert!(store.set_back().is_err() && store.set_back().is_err() && store.begin().is_err());
    store.set_back().unwrap();
    assert_eq!(n_accounts(&mut store), 0);
}

#[test]
fn a_store_that_could_not_be_opened_again_is_tried_again_until_it_can() {
    let folder = Simulated::default();
    let (taken, refuses) = (folder.clone(), Arc::new(AtomicBool::new(false)));
    let is_refused = Arc::clone(&refuses);
    let take = move || if is_refused.load(Ordering::Relaxed) { Err(JournalError::InUse) } else { Ok(taken.clone()) };
    let mut store = Ahead::open_with(take).unwrap();
    commit(&mut store, 0, false).unwrap();
    refuses.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        assert!(store.set_back().is_err());
        // Whoever asks what is owed hears that it is not paid, and so knows what to do.
        assert!(store.begin().is_err() && store.owed().unwrap()().is_err());
    }
    refuses.store(false, Ordering::Relaxed);
    store.set_back().unwrap();
    assert_eq!(n_accounts(&mut store), 1);
    commit(&mut store, 1, false).unwrap();
    assert_eq!(n_accounts(&mut store), 2);
}

#[test]
fn secrets_never_reach_the_disk_before_the_log_that_they_stand_on() {
    let folder = Simulated::default();
    let mut store = open(&folder);
    commit(&mut store, 0, false).unwrap();
    folder.fail_syncs(1);
    // The log is made durable before a file of secrets is touched, and that fails.
    assert!(commit(&mut store, 1, true).is_err());
    assert!(store.owed().unwrap()().is_err());
    store.set_back().unwrap();
    assert_eq!(n_accounts(&mut store), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn after_a_power_cut_all_that_was_paid_for_is_there_and_only_a_beginning_of_the_rest(
        steps in proptest::collection::vec((any::<bool>(), any::<bool>(), any::<bool>()), 1..8), luck in any::<u64>(),
    ) {
        let folder = Simulated::default();
        let mut store = open(&folder);
        let mut n_paid = 0;
        for (number, (pays, late, with_secret)) in (0..).zip(&steps) {
            commit(&mut store, number, *with_secret && *pays).unwrap();
            if *pays && let Some(debt) = store.owed() {
                if *late {
                    // Paid while the next transaction is open.
                    let txn = store.begin().unwrap();
                    debt().unwrap();
                    drop(txn);
                } else {
                    debt().unwrap();
                }
            }
            if *pays {
                n_paid = number + 1;
            }
            let left = n_accounts(&mut Journal::open_in(folder.after_power_cut(luck.rotate_left(number))).unwrap());
            prop_assert!(n_paid <= left && left <= number + 1, "{n_paid} {left} {number}");
        }
    }
}
