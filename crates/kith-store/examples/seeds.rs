//! Writes seeds for the fuzz target `journal` into a folder: `cargo run -p kith-store --example seeds -- fuzz/corpus/journal`.
//!
//! A short life of a store, once as its files and once as what its segment says.

use std::error::Error;
use std::path::Path;

use kith_home::store::{
    Account, Blob, Entry, Invite, Outgoing, OutgoingKey, Overflow, Queue, Returned, Stay, Store, StoreError, Txn,
};
use kith_store::Journal;
use kith_wire::address::{ServerAddress, ServerUrl};
use kith_wire::id::{AccountKey, BlobId, DedupId, Hash, LookupKey, ReaderId, RelayId, SenderId, ServerKey, Verifier};
use kith_wire::time::{Day, Hour, Timestamp};

/// Bytes before the first record, and before the payload of each.
const SEGMENT_HEAD: usize = 28;
const RECORD_HEAD: usize = 28;

fn main() -> Result<(), Box<dyn Error>> {
    let to = std::env::args().nth(1).ok_or("into which folder?")?;
    let folder = std::env::temp_dir().join(format!("kith-seeds-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let lived = live(&folder);
    let segment = std::fs::read(folder.join("0000000001.log"))?;
    std::fs::remove_dir_all(&folder)?;
    lived?;
    let (length, records) = measure(&segment).ok_or("no segment")?;
    let segment = segment.get(..length).ok_or("no segment")?;
    std::fs::create_dir_all(&to)?;
    std::fs::write(Path::new(&to).join("files-of-a-short-life"), file(0, segment)?)?;
    std::fs::write(Path::new(&to).join("what-a-short-life-says"), file(1, &records)?)?;
    Ok(())
}

/// A store in which something of everything comes, changes, and goes in part.
fn live(folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut store = Journal::open(folder)?;
    let url = ServerUrl::parse("https://b.example").map_err(|_| "no address")?;
    let to = ServerAddress { url, key: ServerKey([9; 32]) };
    for n in [1, 2] {
        let mut txn = store.begin()?;
        add(&mut txn, n, &to)?;
        txn.commit()?;
    }
    let mut txn = store.begin()?;
    txn.remove_entry(&ReaderId([1; 24]), 1)?;
    txn.remove_queue(&ReaderId([2; 24]))?;
    txn.remove_blob(&BlobId([2; 24]))?;
    txn.purge_dedup(Hour(4), 99)?;
    txn.remove_outgoing(&OutgoingKey { account: AccountKey([2; 32]), relay: RelayId([2; 16]) })?;
    txn.commit()?;
    Ok(())
}

fn add<T: Txn>(txn: &mut T, n: u8, to: &ServerAddress) -> Result<(), StoreError> {
    let (reader, account) = (ReaderId([n; 24]), AccountKey([n; 32]));
    txn.put_account(
        &account,
        &Account { created: Day(1), n_queues: 1, blob_bytes: 9, kept_bytes: 0, n_outgoing: 1, closed: None },
    )?;
    let (sender, lookup, verifier) = (SenderId([n; 24]), LookupKey([n; 32]), Verifier([n; 32]));
    let queue = Queue { sender, account, lookup, verifier, next_seq: 2, length: 1, overflow: Overflow::Complete };
    txn.insert_queue(&reader, &queue)?;
    txn.insert_dedup(&sender, &DedupId([n; 16]), Hour(u32::from(n) + 2))?;
    txn.insert_entry(&reader, 1, &Entry { arrived: Hour(1), frame: vec![n; 9] })?;
    txn.update_queue(&reader, &Queue { length: 2, ..queue })?;
    let (size, read, delete) = (9, Verifier([n; 32]), Verifier([n; 32]));
    txn.put_blob(
        &BlobId([n; 24]),
        &Blob { account, size, n_chunks: 1, n_present: 1, read, delete, expires: Hour(9), stay: Stay::Passing },
    )?;
    txn.insert_chunk(&BlobId([n; 24]), 0, &[n; 9])?;
    let key = OutgoingKey { account, relay: RelayId([n; 16]) };
    let (accepted, next_attempt) = (Hour(1), Timestamp(1));
    txn.put_outgoing(&key, &Outgoing { to: to.clone(), sealed: vec![n; 9], accepted, next_attempt, attempts: 0 })?;
    txn.put_returned(&key, &Returned { stored: Hour(1), notice: vec![n; 9] })?;
    txn.put_invite(&Hash([n; 32]), &Invite { uses_left: 1, expires: Timestamp(9) })
}

/// Returns the committed bytes of a segment, and its records as a fuzzer's input has them.
fn measure(segment: &[u8]) -> Option<(usize, Vec<u8>)> {
    let (mut at, mut records) = (SEGMENT_HEAD, Vec::new());
    loop {
        let number = |from: usize| {
            let bytes = segment.get(from..from + 4)?.first_chunk()?;
            usize::try_from(u32::from_le_bytes(*bytes)).ok()
        };
        let (n_payload, n_ops) = (number(at)?, number(at + 4)?);
        if n_ops == 0 {
            return Some((at, records));
        }
        let ops = segment.get(at + RECORD_HEAD + n_payload..at + RECORD_HEAD + n_payload + n_ops)?;
        records.extend_from_slice(&u16::try_from(ops.len()).ok()?.to_le_bytes());
        records.extend_from_slice(ops);
        at += RECORD_HEAD + n_payload + n_ops;
    }
}

fn file(kind: u8, content: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let length = u16::try_from(content.len())?.to_le_bytes();
    Ok([&[kind], &length[..], content].concat())
}
