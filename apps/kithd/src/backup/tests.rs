//! Backups of stores that change while they are read, and what is made of damaged ones.

use kith_home::store::memory::Memory;
use kith_home::store::{
    Account, Blob, Counts, Entry, Invite, MetaKey, NonceScope, Outgoing, OutgoingKey, Overflow, Queue, Returned,
    Secret, Stay, Store, StoreError, Txn,
};
use kith_wire::Timestamp;
use kith_wire::address::{ServerAddress, ServerUrl};
use kith_wire::id::{
    AccountKey, BlobId, Hash, LookupKey, Nonce, ReaderId, RelayId, SenderId, ServerKey, Signature, Verifier,
};
use kith_wire::time::{Day, EpochId, Hour};

use super::*;

/// A clock far above what the tests number.
const NOW: Timestamp = Timestamp(1_795_000_000_000);

fn account(n: u8) -> AccountKey {
    AccountKey([n; 32])
}

fn change<S: Store>(store: &mut S, key: AccountKey, by: impl FnOnce(&mut Account)) {
    let mut txn = store.begin().unwrap();
    let mut account = txn.account(&key).unwrap().unwrap();
    by(&mut account);
    txn.put_account(&key, &account).unwrap();
    txn.commit().unwrap();
}

/// Adds a queue, as the rules do.
fn add_queue<S: Store>(store: &mut S, n: u8, owner: u8) {
    let mut txn = store.begin().unwrap();
    let queue = Queue {
        sender: SenderId([n; 24]),
        account: account(owner),
        lookup: LookupKey([n; 32]),
        verifier: Verifier([n; 32]),
        next_seq: 1,
        length: 0,
        overflow: if n.is_multiple_of(2) { Overflow::Dropped } else { Overflow::Complete },
    };
    txn.insert_queue(&ReaderId([n; 24]), &queue).unwrap();
    txn.commit().unwrap();
    change(store, account(owner), |account| account.n_queues += 1);
}

/// Adds a frame, as the rules do.
fn deposit<S: Store>(store: &mut S, n: u8, content: u32) {
    let mut txn = store.begin().unwrap();
    let reader = ReaderId([n; 24]);
    let mut queue = txn.queue(&reader).unwrap().unwrap();
    let mut frame = vec![n; 4096];
    frame[..4].copy_from_slice(&content.to_be_bytes());
    txn.insert_entry(&reader, queue.next_seq, &Entry { arrived: Hour(7), frame }).unwrap();
    queue.next_seq += 1;
    queue.length += 1;
    txn.update_queue(&reader, &queue).unwrap();
    txn.commit().unwrap();
}

/// Removes the oldest frame, as an acknowledgement does.
fn acknowledge<S: Store>(store: &mut S, n: u8) {
    let mut txn = store.begin().unwrap();
    let reader = ReaderId([n; 24]);
    let mut queue = txn.queue(&reader).unwrap().unwrap();
    let Some((seq, _)) = txn.entries(&reader, 0, 1).unwrap().pop() else { return };
    txn.remove_entry(&reader, seq).unwrap();
    queue.length -= 1;
    txn.update_queue(&reader, &queue).unwrap();
    txn.commit().unwrap();
}

/// A store with something of everything: four accounts, 32 queues with up to a hundred frames, blobs, and the rest.
fn filled() -> Memory {
    let mut store = Memory::new();
    let mut txn = store.begin().unwrap();
    for n in 1..=4 {
        txn.put_account(
            &account(n),
            &Account { created: Day(n.into()), n_queues: 0, blob_bytes: 0, kept_bytes: 0, n_outgoing: 0, closed: None },
        )
        .unwrap();
        txn.put_invite(&Hash([n; 32]), &Invite { uses_left: 3, expires: Timestamp(99) }).unwrap();
        let id = BlobId([n; 24]);
        let blob = Blob {
            account: account(n),
            size: 600_000,
            n_chunks: 10,
            n_present: 9,
            read: Verifier([n; 32]),
            delete: Verifier([n; 32]),
            expires: Hour(50),
            stay: Stay::Kept,
        };
        txn.put_blob(&id, &blob).unwrap();
        for number in 0..9 {
            txn.insert_chunk(&id, number, &vec![n; 65_000]).unwrap();
        }
        let key = OutgoingKey { account: account(n), relay: RelayId([n; 16]) };
        let to = ServerAddress { url: ServerUrl::parse("https://b.example").unwrap(), key: ServerKey([n; 32]) };
        let (accepted, next_attempt) = (Hour(3), Timestamp(4));
        txn.put_outgoing(&key, &Outgoing { to, sealed: vec![n; 5376], accepted, next_attempt, attempts: 2 }).unwrap();
        let key = OutgoingKey { relay: RelayId([100; 16]), ..key };
        txn.put_returned(&key, &Returned { stored: Hour(5), notice: vec![n; 30] }).unwrap();
        let closed = (n == 2).then_some(Signature([n; 64]));
        let used = Account {
            created: Day(n.into()),
            n_queues: 0,
            blob_bytes: 600_000,
            kept_bytes: 600_000,
            n_outgoing: 1,
            closed,
        };
        txn.put_account(&account(n), &used).unwrap();
    }
    txn.insert_nonce(&NonceScope([1; 32]), &Nonce([1; 16]), Timestamp(1)).unwrap();
    txn.insert_epoch_key(EpochId(5), &Secret::new(&[5; 64])).unwrap();
    txn.set_meta(MetaKey::ServerSeed, &Secret::new(&[1; 32])).unwrap();
    txn.set_meta(MetaKey::DescriptorSerial, &Secret::new(&17_u64.to_be_bytes())).unwrap();
    txn.set_meta(MetaKey::Descriptor, &Secret::new(b"signed")).unwrap();
    txn.set_meta(MetaKey::Generation, &Secret::new(&16_u64.to_be_bytes())).unwrap();
    txn.commit().unwrap();
    for n in 0..32 {
        add_queue(&mut store, 100 + n, 1 + n % 4);
        (0..u32::from(n) * 3).for_each(|content| deposit(&mut store, 100 + n, content));
    }
    store
}

/// Makes a backup, doing something to the store before each page.
fn back_up<S: Store>(store: &mut S, mut meanwhile: impl FnMut(&mut S, usize)) -> Vec<u8> {
    let (mut encoder, mut bytes) = Encoder::begin();
    let mut walk = Walk::default();
    for page in 0.. {
        meanwhile(store, page);
        let rows = walk.page(store).unwrap();
        if rows.is_empty() {
            break;
        }
        bytes.extend_from_slice(&encoder.rows(&rows));
    }
    bytes.extend(encoder.end());
    bytes
}

fn restored(bytes: &[u8]) -> Memory {
    let mut store = Memory::new();
    restore(&mut Reader::begin(bytes).unwrap(), &mut store, NOW, |_| {}).unwrap();
    store
}

/// Returns what an audit of a store finds, and what the store holds.
fn audited<S: Store>(store: &mut S) -> (Totals, Vec<(&'static str, u64)>) {
    let (mut audit, mut walk) = (Audit::default(), Walk::default());
    loop {
        let rows = walk.page(store).unwrap();
        if rows.is_empty() {
            break;
        }
        rows.iter().for_each(|row| audit.see(row));
    }
    let counts = store.begin().unwrap().counts().unwrap();
    let (totals, findings) = audit.finish(Some(&counts));
    (totals, findings.kinds().to_vec())
}

fn frames<S: Store>(store: &mut S, n: u8) -> Vec<Vec<u8>> {
    let entries = store.begin().unwrap().entries(&ReaderId([n; 24]), 0, 9999).unwrap();
    entries.into_iter().map(|(_, entry)| entry.frame).collect()
}

#[test]
fn a_restored_store_holds_what_was_backed_up() {
    let mut store = filled();
    let bytes = back_up(&mut store, |_, _| {});
    let mut again = restored(&bytes);
    assert_eq!(audited(&mut again).1, []);
    for n in 100..132 {
        assert_eq!(frames(&mut again, n), frames(&mut store, n));
    }
    let counts = |store: &mut Memory| Counts { dedup: 0, ..store.begin().unwrap().counts().unwrap() };
    assert_eq!(counts(&mut again), counts(&mut store));
    let (txn, was) = (again.begin().unwrap(), store.begin().unwrap());
    for n in 1..=4 {
        assert_eq!(txn.account(&account(n)).unwrap(), was.account(&account(n)).unwrap());
        assert_eq!(txn.blob(&BlobId([n; 24])).unwrap(), was.blob(&BlobId([n; 24])).unwrap());
        assert_eq!(txn.chunk(&BlobId([n; 24]), 8).unwrap(), Some(vec![n; 65_000]));
        assert_eq!(txn.returned(&account(n), 9).unwrap(), was.returned(&account(n), 9).unwrap());
        assert_eq!(txn.invite(&Hash([n; 32])).unwrap(), was.invite(&Hash([n; 32])).unwrap());
        let key = OutgoingKey { account: account(n), relay: RelayId([n; 16]) };
        assert_eq!(txn.outgoing(&key).unwrap(), was.outgoing(&key).unwrap());
    }
    assert_eq!(txn.epoch_keys().unwrap(), was.epoch_keys().unwrap());
    assert_eq!(txn.meta(MetaKey::ServerSeed).unwrap(), was.meta(MetaKey::ServerSeed).unwrap());
}

#[test]
fn a_backup_of_one_kind_of_store_makes_another_of_any_kind() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = back_up(&mut filled(), |_, _| {});
    let mut journal = kith_store::Journal::open(folder.path()).unwrap();
    restore(&mut Reader::begin(bytes.as_slice()).unwrap(), &mut journal, NOW, |_| {}).unwrap();
    drop(journal);
    let mut journal = kith_store::Journal::open(folder.path()).unwrap();
    let (totals, findings) = audited(&mut journal);
    assert_eq!(findings, []);
    let again = back_up(&mut journal, |_, _| {});
    let mut memory = restored(&again);
    assert_eq!(audited(&mut memory), (totals, Vec::new()));
    for n in 100..132 {
        assert_eq!(frames(&mut memory, n), frames(&mut filled(), n));
    }
}

#[test]
fn any_bytes_are_read_as_a_row_or_refused() {
    use rand_core::Rng as _;
    let mut rng = rand_core::UnwrapErr(rand::rngs::SysRng);
    let mut store = filled();
    let mut walk = Walk::default();
    loop {
        let rows = walk.page(&mut store).unwrap();
        for row in &rows {
            let mut bytes = Vec::new();
            row.write(&mut bytes);
            let mut rest = bytes.as_slice();
            assert_eq!(Row::read(&mut rest).as_ref(), Ok(row));
            assert!(rest.is_empty());
            let end = bytes.len().min(400);
            for _ in 0..20 {
                let mut changed = bytes[..end].to_vec();
                let at = rng.next_u32() as usize % end;
                changed[at] = rng.next_u32() as u8;
                let _ = Row::read(&mut changed.as_slice());
                let _ = Row::read(&mut &changed[..at]);
            }
        }
        if rows.is_empty() {
            break;
        }
    }
}

#[test]
fn kh_2_kh_15_what_was_given_out_since_a_backup_is_never_given_out_again() {
    let mut store = filled();
    let bytes = back_up(&mut store, |_, _| {});
    let mut first = restored(&bytes);
    let numbers = |store: &mut Memory| {
        let entries = store.begin().unwrap().entries(&ReaderId([131; 24]), 0, 9999).unwrap();
        entries.into_iter().map(|(seq, _)| seq).collect::<Vec<_>>()
    };
    assert_eq!(numbers(&mut first), numbers(&mut store), "a late acknowledgement finds what it means");
    let mut second = Memory::new();
    let later = NOW.plus_seconds(1);
    restore(&mut Reader::begin(bytes.as_slice()).unwrap(), &mut second, later, |_| {}).unwrap();
    for key in [MetaKey::DescriptorSerial, MetaKey::Generation] {
        let number = |store: &mut Memory| {
            let value = store.begin().unwrap().meta(key).unwrap().unwrap();
            u64::from_be_bytes(value.expose().try_into().unwrap())
        };
        assert!(17 < number(&mut first) && number(&mut first) < number(&mut second), "{key:?}");
    }
    assert_eq!(first.begin().unwrap().meta(MetaKey::Descriptor).unwrap(), None, "it is signed anew");
}

#[test]
fn kh_15_two_restores_in_one_second_begin_numbers_of_their_own() {
    let bytes = back_up(&mut filled(), |_, _| {});
    let generations = [NOW.0, NOW.0 + 1, NOW.0 + 999].map(|now| {
        let mut store = Memory::new();
        restore(&mut Reader::begin(bytes.as_slice()).unwrap(), &mut store, Timestamp(now), |_| {}).unwrap();
        let value = store.begin().unwrap().meta(MetaKey::Generation).unwrap().unwrap();
        u64::from_be_bytes(value.expose().try_into().unwrap())
    });
    assert!(generations.is_sorted_by(|one, next| one < next), "{generations:?}");
}

#[test]
fn a_backup_of_a_store_in_use_has_each_queue_as_it_was_at_one_moment() {
    let mut store = filled();
    // All states that each queue ever had while the backup was made.
    let mut states: Vec<Vec<Vec<Vec<u8>>>> = (100..132).map(|n| vec![frames(&mut store, n)]).collect();
    let mut n_pages = 0;
    let bytes = back_up(&mut store, |store, page| {
        n_pages = page;
        for n in 100..132_u8 {
            // Whichever queue is read in between, its first half goes and new ones come.
            (0..5).for_each(|_| acknowledge(store, n));
            (0..3).for_each(|k| deposit(store, n, 1_000_000 + u32::try_from(page).unwrap() * 10 + k));
            states[usize::from(n - 100)].push(frames(store, n));
        }
        if page == 2 {
            change(store, account(4), |account| account.blob_bytes = 0);
            let mut txn = store.begin().unwrap();
            txn.remove_blob(&BlobId([4; 24])).unwrap();
            // Somebody new, before the place where the backup is and behind it.
            let fresh =
                Account { created: Day(9), n_queues: 0, blob_bytes: 0, kept_bytes: 0, n_outgoing: 0, closed: None };
            txn.put_account(&account(9), &fresh).unwrap();
            txn.commit().unwrap();
            add_queue(store, 1, 9);
            add_queue(store, 250, 9);
        }
    });
    assert!(n_pages > 8, "{n_pages} pages");
    let mut again = restored(&bytes);
    assert_eq!(audited(&mut again).1, []);
    for n in 100..132 {
        assert!(states[usize::from(n - 100)].contains(&frames(&mut again, n)), "queue {n}");
    }
    assert_eq!(again.begin().unwrap().blob(&BlobId([4; 24])).unwrap(), None);
}

#[test]
fn a_blob_that_goes_while_it_is_read_is_not_restored() {
    let mut store = filled();
    let mut n_gone = 0;
    let bytes = back_up(&mut store, |store, _| {
        // The first that is there: a page ends in the middle of one.
        let mut txn = store.begin().unwrap();
        if let Some(id) = (1..=4).map(|n| BlobId([n; 24])).find(|id| txn.blob(id).unwrap().is_some()) {
            n_gone += 1;
            if n_gone > 6 {
                txn.remove_blob(&id).unwrap();
            }
        }
        txn.commit().unwrap();
    });
    let mut again = restored(&bytes);
    let txn = again.begin().unwrap();
    for blob in (1..=4).filter_map(|n| txn.blob(&BlobId([n; 24])).unwrap()) {
        assert_eq!(blob.n_present, 9);
    }
    drop(txn);
    assert_eq!(audited(&mut again).1, []);
}

#[test]
fn a_queue_that_moved_during_the_backup_is_there_once() {
    let mut store = filled();
    let bytes = back_up(&mut store, |store, page| {
        if page == 1 {
            // The first queue was read by now; its owner makes it again and the server names it anew.
            let mut txn = store.begin().unwrap();
            let queue = txn.queue(&ReaderId([100; 24])).unwrap().unwrap();
            txn.remove_queue(&ReaderId([100; 24])).unwrap();
            let queue = Queue { sender: SenderId([251; 24]), next_seq: 1, length: 0, ..queue };
            txn.insert_queue(&ReaderId([251; 24]), &queue).unwrap();
            txn.commit().unwrap();
        }
    });
    let mut again = restored(&bytes);
    let txn = again.begin().unwrap();
    assert_eq!(txn.queue(&ReaderId([100; 24])).unwrap(), None);
    assert!(txn.queue(&ReaderId([251; 24])).unwrap().is_some());
    drop(txn);
    assert_eq!(audited(&mut again).1, []);
}

#[test]
fn a_backup_that_is_cut_or_changed_anywhere_is_refused() {
    let mut store = Memory::new();
    let mut txn = store.begin().unwrap();
    txn.put_account(
        &account(1),
        &Account { created: Day(1), n_queues: 0, blob_bytes: 0, kept_bytes: 0, n_outgoing: 0, closed: None },
    )
    .unwrap();
    txn.set_meta(MetaKey::ServerSeed, &Secret::new(&[1; 32])).unwrap();
    txn.commit().unwrap();
    let bytes = back_up(&mut store, |_, _| {});
    let read = |bytes: &[u8]| {
        let mut reader = Reader::begin(bytes)?;
        while reader.next()?.is_some() {}
        Ok::<_, BackupError>(())
    };
    read(&bytes).unwrap();
    for end in 0..bytes.len() {
        assert!(read(&bytes[..end]).is_err(), "cut at {end}");
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[end] ^= 1 << bit;
            assert!(read(&changed).is_err(), "bit {bit} of byte {end}");
        }
    }
    assert!(read(&[bytes.as_slice(), b"x"].concat()).is_err(), "something follows");
    let mut newer = bytes;
    newer[7] = 4;
    assert!(matches!(read(&newer), Err(BackupError::Newer(4))));
}

#[test]
fn a_damaged_backup_restores_nothing_that_would_be_a_server() {
    let bytes = back_up(&mut filled(), |_, _| {});
    let mut store = Memory::new();
    let cut = &bytes[..bytes.len() - 20];
    let outcome = restore(&mut Reader::begin(cut).unwrap(), &mut store, NOW, |_| {});
    assert!(matches!(outcome, Err(RestoreError::Backup(BackupError::CutOff(_)))));
    assert_eq!(store.begin().unwrap().meta(MetaKey::ServerSeed).unwrap(), None);
}

#[test]
fn an_audit_finds_what_does_not_fit() -> Result<(), StoreError> {
    assert_eq!(audited(&mut Memory::new()).1, []);
    assert_eq!(audited(&mut filled()).1, []);
    let spoil = |with: &dyn Fn(&mut Memory) -> Result<(), StoreError>| {
        let mut store = filled();
        with(&mut store).unwrap();
        audited(&mut store).1.into_iter().map(|(what, _)| what).collect::<Vec<_>>()
    };
    let queue_says = |change: fn(&mut Queue)| {
        spoil(&move |store| {
            let mut txn = store.begin()?;
            let Some(mut queue) = txn.queue(&ReaderId([120; 24]))? else { return Ok(()) };
            change(&mut queue);
            txn.update_queue(&ReaderId([120; 24]), &queue)?;
            txn.commit()
        })
    };
    assert_eq!(queue_says(|queue| queue.length += 1), ["a queue's length disagrees with its entries"]);
    assert_eq!(queue_says(|queue| queue.next_seq = 1), ["an entry's number is not below its queue's next number"]);
    let counters = spoil(&|store| {
        change(store, account(2), |account| account.n_queues += 1);
        Ok(())
    });
    assert_eq!(counters, ["an account's counters disagree with its queues, blobs and deposits"]);
    let blob = spoil(&|store| {
        let mut txn = store.begin()?;
        txn.insert_chunk(&BlobId([1; 24]), 77, b"beyond")?;
        txn.commit()
    });
    assert_eq!(blob.len(), 2, "{blob:?}");
    let orphan = spoil(&|store| {
        let mut txn = store.begin()?;
        txn.insert_entry(&ReaderId([77; 24]), 1, &Entry { arrived: Hour(1), frame: vec![0] })?;
        let key = OutgoingKey { account: account(77), relay: RelayId([1; 16]) };
        txn.put_returned(&key, &Returned { stored: Hour(5), notice: vec![1] })?;
        txn.commit()
    });
    let wanted = ["something belongs to an account that is not there", "the store has rows that belong to nothing"];
    assert_eq!(orphan, wanted);
    Ok(())
}

#[test]
fn kh_41_what_the_disk_lost_is_counted_once_and_everything_else_fits_together() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = kith_store::Journal::open(folder.path()).unwrap();
    let bytes = back_up(&mut filled(), |_, _| {});
    restore(&mut Reader::begin(bytes.as_slice()).unwrap(), &mut journal, NOW, |_| {}).unwrap();
    drop(journal);
    // One frame, one chunk, one request to another server, one notice: each behind its checksum.
    let frame = [[0, 0, 0, 3].as_slice(), &[110; 4092]].concat();
    for content in [frame, vec![2; 65_000], vec![3; 5376], vec![4; 30]] {
        let lost = [&crc32c::crc32c(&content).to_le_bytes(), content.as_slice()].concat();
        let damage = |path: std::path::PathBuf| {
            let mut bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(lost.len()).position(|window| window == lost.as_slice());
            if let Some(at) = found.filter(|_| path.extension().is_some_and(|kind| kind == "log")) {
                bytes[at + 9] ^= 1;
                std::fs::write(&path, bytes).unwrap();
            }
            found.is_some()
        };
        assert!(std::fs::read_dir(folder.path()).unwrap().any(|file| damage(file.unwrap().path())));
    }
    let mut journal = kith_store::Journal::open(folder.path()).unwrap();
    let whole = audited(&mut filled()).0;
    for _ in 0..2 {
        let (totals, findings) = audited(&mut journal);
        // The descriptor is signed anew, not restored.
        let (entries, chunks, meta) = (whole.entries - 1, whole.chunks - 1, whole.meta - 1);
        let expected = Totals { damaged: 4, entries, chunks, meta, ..whole.clone() };
        assert_eq!(totals, expected);
        let lost = "the disk has lost a frame, a chunk, a notice or a request to another server";
        assert_eq!(findings, [(lost, 4)]);
    }
    assert_eq!(journal.health().damaged_rows, 4);
    let bytes = back_up(&mut journal, |_, _| {});
    let mut again = restored(&bytes);
    let (totals, findings) = audited(&mut again);
    assert_eq!((totals.damaged, totals.entries, totals.outgoing), (0, whole.entries - 1, whole.outgoing));
    assert_eq!(findings, []);
}
