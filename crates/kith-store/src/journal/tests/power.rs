//! Power cuts and failing disks, at every call that a history makes.

use std::io::ErrorKind;

use kith_home::store::memory::Memory;
use kith_home::store::{Store, StoreError};
use proptest::prelude::*;

use super::super::Journal;
use super::super::files::simulated::{Simulated, Trouble};
use super::world::{SEGMENT_BYTES, Step, World, act, history, see_store};

/// Runs a history without trouble and returns how many calls it made.
fn n_calls(history: &[Step]) -> u64 {
    let files = Simulated::default();
    let mut world = World::new(&files).unwrap();
    for step in history {
        world.step(step).unwrap();
    }
    files.n_calls()
}

/// Runs a history until the power fails at a call. Returns what was answered, and with it what was on its way.
fn run_until(files: &Simulated, history: &[Step], call: u64) -> (Memory, Memory) {
    files.set_trouble(Some(Trouble { first: call, n_calls: u64::MAX, kind: ErrorKind::Other, leaves_half: true }));
    let Ok(mut world) = World::new(files) else { return (Memory::new(), Memory::new()) };
    for step in history {
        if world.step(step).is_err() {
            let mut on_its_way = world.model.clone();
            do_all(&mut on_its_way, step);
            return (world.model, on_its_way);
        }
    }
    (world.model.clone(), world.model)
}

/// Does a transaction and commits it.
fn do_all(store: &mut impl Store, step: &Step) {
    let mut txn = store.begin().unwrap();
    step.acts.iter().for_each(|n| act(&mut txn, *n).unwrap());
    kith_home::store::Txn::commit(txn).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn after_a_power_cut_at_any_call_all_that_was_answered_is_there_and_nothing_else(
        history in history(12), luck in any::<u64>(),
    ) {
        for call in 0..n_calls(&history) {
            let files = Simulated::default();
            let (mut answered, mut on_its_way) = run_until(&files, &history, call);
            let left = files.after_power_cut(luck.wrapping_add(call));
            // The power fails again while the store is opened.
            left.set_trouble(Some(Trouble { first: call % 40, n_calls: 1, kind: ErrorKind::Other, leaves_half: true }));
            drop(Journal::open_with(left.clone(), SEGMENT_BYTES));
            let left = left.after_power_cut(luck.rotate_left(17).wrapping_add(call));
            let mut store = Journal::open_with(left, SEGMENT_BYTES).unwrap();
            let seen = see_store(&mut store);
            if seen != see_store(&mut on_its_way) {
                prop_assert!(seen == see_store(&mut answered), "power cut at call {}", call);
            }
        }
    }

    #[test]
    fn what_a_failed_sync_left_to_be_read_is_not_built_upon_by_the_next_process(
        history in history(12), luck in any::<u64>(),
    ) {
        for call in 0..n_calls(&history) {
            let files = Simulated::default();
            drop(run_until(&files, &history, call));
            // The process ends, the disk works again, and what it lost can still be read.
            files.set_trouble(None);
            let mut store = Journal::open_with(files.clone(), SEGMENT_BYTES).unwrap();
            do_all(&mut store, &history[0]);
            let seen = see_store(&mut store);
            let left = files.after_power_cut(luck.wrapping_add(call));
            let mut after = Journal::open_with(left, SEGMENT_BYTES).unwrap();
            prop_assert!(see_store(&mut after) == seen, "failing from call {}", call);
        }
    }

    #[test]
    fn a_disk_that_fails_at_any_call_is_survived_and_what_was_refused_never_happened(
        history in history(12), luck in any::<u64>(), n_failing in 1_u64..6, is_full in any::<bool>(),
    ) {
        for call in 0..n_calls(&history) {
            let files = Simulated::default();
            let kind = if is_full { ErrorKind::StorageFull } else { ErrorKind::Other };
            files.set_trouble(Some(Trouble { first: call, n_calls: n_failing, kind, leaves_half: true }));
            let Ok(mut world) = World::new(&files) else { continue };
            for step in &history {
                if let Err(problem) = world.step(step) {
                    prop_assert!(matches!(problem, StoreError::Backend(_)), "{problem:?}");
                }
            }
            files.set_trouble(None);
            world.check();
            // Whatever is done next finds the disk in order.
            world.step(&history[0]).unwrap();
            world.check();
            let mut model = world.model;
            let left = files.after_power_cut(luck);
            let mut store = Journal::open_with(left, SEGMENT_BYTES).unwrap();
            prop_assert!(see_store(&mut store) == see_store(&mut model), "failing from call {}", call);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn many_power_cuts_in_a_row_lose_nothing_that_was_answered(
        history in history(150), cuts in prop::collection::vec((1_u64..150, any::<u64>()), 1..12),
    ) {
        let mut world = World::new(&Simulated::default()).unwrap();
        let mut steps = history.iter();
        for (n_calls, luck) in cuts {
            let first = world.files.n_calls() + n_calls;
            let trouble = Trouble { first, n_calls: u64::MAX, kind: ErrorKind::Other, leaves_half: true };
            world.files.set_trouble(Some(trouble));
            let cut = steps.find(|step| world.step(step).is_err());
            let mut on_its_way = world.model.clone();
            if let Some(step) = cut {
                do_all(&mut on_its_way, step);
            }
            world.files = world.files.after_power_cut(luck);
            world.reopen();
            if see_store(&mut world.store) == see_store(&mut on_its_way) {
                world.model = on_its_way;
            }
            world.check();
        }
        steps.for_each(|step| world.step(step).unwrap());
        world.check();
        world.reopen();
        world.check();
    }

    #[test]
    fn random_histories_with_reopens_agree_with_memory_while_the_log_is_cleaned(history in history(150)) {
        let mut world = World::new(&Simulated::default()).unwrap();
        for (n, step) in history.iter().enumerate() {
            world.step(step).unwrap();
            if n % 16 == 15 {
                world.check();
                world.reopen();
            }
        }
        world.check();
        world.reopen();
        world.check();
    }
}

#[test]
fn whatever_fails_a_secret_that_does_not_count_is_in_no_file_once_the_next_transaction_begins() {
    use kith_home::store::{Secret, Txn};
    use kith_wire::time::EpochId;
    let (kept, erased, refused) = ([0xa1; 64], [0xb2; 64], [0xc3; 64]);
    for call in 0..12 {
        let files = Simulated::default();
        let mut store = Journal::open_with(files.clone(), SEGMENT_BYTES).unwrap();
        let mut txn = store.begin().unwrap();
        txn.insert_epoch_key(EpochId(1), &Secret::new(&kept)).unwrap();
        txn.insert_epoch_key(EpochId(2), &Secret::new(&erased)).unwrap();
        txn.commit().unwrap();
        let first = files.n_calls() + call;
        files.set_trouble(Some(Trouble { first, n_calls: 1, kind: ErrorKind::StorageFull, leaves_half: true }));
        let changed = store.begin().and_then(|mut txn| {
            txn.erase_epoch_key(EpochId(2))?;
            txn.insert_epoch_key(EpochId(3), &Secret::new(&refused))?;
            txn.commit()
        });
        files.set_trouble(None);
        let seeds = store.begin().unwrap().epoch_keys().unwrap();
        assert_eq!(seeds.len(), 2);
        assert!(files.holds(&kept));
        assert_eq!([files.holds(&erased), files.holds(&refused)], [changed.is_err(), changed.is_ok()], "call {call}");
    }
}
