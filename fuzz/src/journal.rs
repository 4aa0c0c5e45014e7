//! A home server's folder with whatever bytes in it: it opens to something that holds together, or is refused.
//!
//! The first byte says what the rest is: the files of a store as they are, or what segments say, to be given checksums that are right.
//! Each file or segment is its length in two bytes, least significant first, and so many bytes; the last one takes what is left.

use kith_home::store::{Counts, RowKey, Store, StoreError, Txn};
use kith_store::Journal;
use kith_store::journal::files::simulated::Simulated;
use kith_store::journal::forge;
use kith_wire::time::{Hour, Timestamp};

/// Files in the order in which an input has them.
const FILES: [&str; 4] = ["0000000001.log", "0000000002.log", "0000000001.sum", "0000000003.log"];
/// Steps of housekeeping after which nothing is left to clean in a folder as small as an input.
const TIDIES: usize = 8;

/// Bytes after which a segment is sealed.
const SEGMENT_BYTES: u64 = 4096;

/// Opens the folder that the input describes, reads all, removes all, and looks whether it is gone.
pub fn journal(bytes: &[u8]) {
    let files = folder(bytes);
    let before = files.all();
    let read = Journal::read_in(files.clone()).and_then(|mut store| see(&mut store));
    assert_eq!(files.all(), before, "reading changes nothing");
    let Ok(mut store) = open(&files) else { return };
    let seen = see(&mut store).expect("what opens can be read");
    assert_eq!(read.ok().as_ref(), Some(&seen));
    drop(store);
    let mut store = open(&files).expect("what opens once opens again");
    assert_eq!(see(&mut store).expect("and can be read again"), seen);
    tidy(&mut store, |_| {});
    assert_eq!(see(&mut store).expect("tidying keeps all readable"), seen);
    drop(store);
    let mut store = open(&files).expect("what was tidied opens");
    assert_eq!(see(&mut store).expect("and can be read"), seen, "tidying loses nothing");
    tidy(&mut store, |txn| remove_all(txn));
    drop(store);
    let mut store = open(&files).expect("what was emptied opens");
    let Counts { accounts: _, dedup: _, .. } = seen.counts;
    let left = see(&mut store).expect("and can be read").counts;
    assert_eq!([left.queues, left.entries, left.outgoing, left.blobs], [0; 4]);
}

fn open(files: &Simulated) -> Result<Journal<Simulated>, StoreError> {
    Journal::open_with(files.clone(), SEGMENT_BYTES)
}

/// All that can be seen of a store.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    counts: Counts,
    rows: Vec<String>,
}

fn folder(bytes: &[u8]) -> Simulated {
    let files = Simulated::default();
    // The files of secrets are small and have checksums of their own: they are as they should be.
    drop(open(&files).expect("an empty folder becomes a store"));
    let (is_forged, mut rest) = match bytes.split_first() {
        Some((kind, rest)) => (kind % 2 == 1, rest),
        None => (false, bytes),
    };
    for (name, number) in FILES.into_iter().zip([1, 2, 1, 3]) {
        let Some((length, after)) = rest.split_first_chunk::<2>() else { break };
        let (content, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length))).unwrap_or((after, &[]));
        rest = after;
        let is_segment = name.ends_with(".log");
        if is_forged && is_segment {
            files.put(name, &forge::segment(number, content));
        } else if !is_forged {
            files.put(name, content);
        }
    }
    files
}

fn see(store: &mut Journal<Simulated>) -> Result<Seen, StoreError> {
    let txn = store.begin()?;
    let mut rows = Vec::new();
    let mut last = None;
    loop {
        let keys = txn.keys_after(last.as_ref(), 7)?;
        let Some(key) = keys.last() else { break };
        last = Some(*key);
        for key in keys {
            let row = match key {
                RowKey::Queue(reader) => format!("{:?} {:?}", txn.queue(&reader)?, txn.entries(&reader, 0, 999)?),
                RowKey::Blob(id) => {
                    let chunks: Result<Vec<_>, _> =
                        txn.chunk_numbers(&id)?.into_iter().map(|number| txn.chunk(&id, number)).collect();
                    format!("{:?} {:?}", txn.blob(&id)?, chunks?)
                }
                RowKey::Outgoing(key) => format!("{:?}", txn.outgoing(&key)?),
                RowKey::Returned(account) => format!("{:?}", txn.returned(&account, 999)?),
                RowKey::Invite(code) => format!("{:?}", txn.invite(&code)?),
                RowKey::Account(key) => format!("{:?}", txn.account(&key)?),
            };
            rows.push(format!("{key:?} {row}"));
        }
    }
    Ok(Seen { counts: txn.counts()?, rows })
}

/// Lets housekeeping have its time, after something else was done.
fn tidy(store: &mut Journal<Simulated>, first: impl FnOnce(&mut kith_store::JournalTxn<'_, Simulated>)) {
    let mut txn = store.begin().expect("the disk is good");
    first(&mut txn);
    txn.commit().expect("the disk is good");
    for _ in 0..TIDIES {
        let mut txn = store.begin().expect("the disk is good");
        txn.shrink(1 << 12).expect("it only asks");
        txn.commit().expect("the disk is good");
    }
}

fn remove_all<T: Txn>(txn: &mut T) {
    let all = "what is listed can be removed";
    for (reader, seq) in txn.entries_before(Hour(u32::MAX), usize::MAX).expect(all) {
        txn.remove_entry(&reader, seq).expect(all);
    }
    for key in txn.keys_after(None, usize::MAX).expect(all) {
        match key {
            RowKey::Queue(reader) => txn.remove_queue(&reader).expect(all),
            RowKey::Blob(id) => txn.remove_blob(&id).expect(all),
            RowKey::Outgoing(key) => txn.remove_outgoing(&key).expect(all),
            RowKey::Invite(code) => txn.remove_invite(&code).expect(all),
            RowKey::Returned(_) | RowKey::Account(_) => {}
        }
    }
    txn.purge_returned(Hour(u32::MAX), usize::MAX).expect(all);
    txn.purge_nonces(Timestamp(u64::MAX), usize::MAX).expect(all);
}
