//! Reads a whole store, a page at a time, so that a server goes on serving in between.
//!
//! What a page reads, it reads in one transaction: a queue is never spread over two of them, so what a backup has of a
//! queue is what was there at one moment. Rows that come behind the place where the walk is are not seen; rows that go
//! before it comes to them neither. Accounts are read last, and they are never removed: each row's account is there.
//! Remembered deposits and nonces are left out. They keep what was recorded from counting twice; a server that goes
//! back in time has forgotten the youngest of them anyway.

use std::collections::VecDeque;

use kith_home::store::{Blob, Entry, Queue, RowKey, Store, StoreError, Txn};
use kith_wire::id::{AccountKey, BlobId, ReaderId};

use super::row::META;
use super::{Lost, Row};

/// Where a walk is.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// Names that were listed and not yet read.
    keys: VecDeque<RowKey>,
    /// The last name that was listed.
    last: Option<RowKey>,
    /// A blob of which some chunks were read, and the first number that was not.
    blob: Option<(BlobId, u32)>,
    stage: Stage,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Rows,
    Server,
    Over,
}

impl Walk {
    /// Reads the next page; an empty one is the end. After an error the walk is over.
    ///
    /// # Errors
    /// The store fails, or holds a row that cannot be read.
    pub(crate) fn page<S: Store>(&mut self, store: &mut S) -> Result<Vec<Row>, StoreError> {
        let txn = store.look()?;
        let mut page = Page::default();
        while page.weight < PAGE_WEIGHT {
            if let Some((id, from)) = self.blob.take() {
                self.blob = chunks(&txn, id, from, &mut page)?;
            } else if let Some(key) = self.keys.pop_front() {
                self.row(&txn, key, &mut page)?;
            } else {
                match self.stage {
                    Stage::Rows => self.list(&txn)?,
                    Stage::Server => {
                        server(&txn, &mut page)?;
                        self.stage = Stage::Over;
                    }
                    Stage::Over => break,
                }
            }
        }
        Ok(page.rows)
    }

    fn list<T: Txn>(&mut self, txn: &T) -> Result<(), StoreError> {
        self.keys = txn.keys_after(self.last.as_ref(), KEYS)?.into();
        match self.keys.back() {
            Some(last) => self.last = Some(*last),
            None => self.stage = Stage::Server,
        }
        Ok(())
    }

    /// Reads what a name stands for. What is gone by now is left out.
    fn row<T: Txn>(&mut self, txn: &T, key: RowKey, page: &mut Page) -> Result<(), StoreError> {
        match key {
            RowKey::Queue(reader) => {
                if let Some(found) = txn.queue(&reader)? {
                    queue(txn, reader, found, page)?;
                }
            }
            RowKey::Blob(id) => {
                if let Some(blob) = txn.blob(&id)? {
                    page.put(Row::Blob(id, blob), ROW_WEIGHT);
                    self.blob = Some((id, 0));
                }
            }
            RowKey::Outgoing(key) => {
                let before = txn.n_lost();
                if let Some(outgoing) = txn.outgoing(&key)? {
                    let weight = outgoing.sealed.len();
                    page.put(Row::Outgoing(key, outgoing), weight);
                }
                page.note_lost(txn, before, Lost::Content);
            }
            RowKey::Returned(account) => notices(txn, account, page)?,
            RowKey::Invite(code) => {
                if let Some(invite) = txn.invite(&code)? {
                    page.put(Row::Invite(code, invite), ROW_WEIGHT);
                }
            }
            RowKey::Account(key) => {
                if let Some(account) = txn.account(&key)? {
                    page.put(Row::Account(key, account), ROW_WEIGHT);
                }
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Page {
    rows: Vec<Row>,
    weight: usize,
}

impl Page {
    /// Notes what was lost among what was just read: `before` is what had been lost until then.
    fn note_lost<T: Txn>(&mut self, txn: &T, before: u64, lost: Lost) {
        for _ in before..txn.n_lost() {
            self.put(Row::Lost(lost), ROW_WEIGHT);
        }
    }

    fn put(&mut self, row: Row, weight: usize) {
        self.rows.push(row);
        self.weight = self.weight.saturating_add(weight);
    }
}

fn queue<T: Txn>(txn: &T, reader: ReaderId, queue: Queue, page: &mut Page) -> Result<(), StoreError> {
    page.put(Row::Queue(reader, queue), ROW_WEIGHT);
    let mut from = 0;
    loop {
        let before = txn.n_lost();
        let entries: Vec<(u64, Entry)> = txn.entries(&reader, from, ENTRIES)?;
        page.note_lost(txn, before, Lost::Entry);
        let Some((last, _)) = entries.last() else { return Ok(()) };
        from = last.saturating_add(1);
        for (seq, entry) in entries {
            let weight = entry.frame.len();
            page.put(Row::Entry(seq, entry), weight);
        }
    }
}

/// Reads chunks until the page is full; returns where to go on.
fn chunks<T: Txn>(txn: &T, id: BlobId, from: u32, page: &mut Page) -> Result<Option<(BlobId, u32)>, StoreError> {
    let blob: Option<Blob> = txn.blob(&id)?;
    if blob.is_none() {
        page.put(Row::Gone, ROW_WEIGHT);
        return Ok(None);
    }
    for number in txn.chunk_numbers(&id)?.into_iter().filter(|number| *number >= from) {
        if page.weight >= PAGE_WEIGHT {
            return Ok(Some((id, number)));
        }
        let before = txn.n_lost();
        if let Some(bytes) = txn.chunk(&id, number)? {
            let weight = bytes.len();
            page.put(Row::Chunk(number, bytes), weight);
        }
        page.note_lost(txn, before, Lost::Chunk);
    }
    Ok(None)
}

fn notices<T: Txn>(txn: &T, account: AccountKey, page: &mut Page) -> Result<(), StoreError> {
    let before = txn.n_lost();
    for (relay, returned) in txn.returned(&account, usize::MAX)? {
        let weight = returned.notice.len();
        page.put(Row::Returned(kith_home::store::OutgoingKey { account, relay }, returned), weight);
    }
    page.note_lost(txn, before, Lost::Content);
    Ok(())
}

/// Reads what makes the server the one it is. Last of all: a folder that was restored in part is no server.
fn server<T: Txn>(txn: &T, page: &mut Page) -> Result<(), StoreError> {
    for (epoch, seed) in txn.epoch_keys()? {
        page.put(Row::EpochKey(epoch, seed), ROW_WEIGHT);
    }
    for key in META {
        if let Some(value) = txn.meta(key)? {
            page.put(Row::Meta(key, value), ROW_WEIGHT);
        }
    }
    Ok(())
}

/// Bytes after which a page is full: read in a few milliseconds. A long queue makes a longer page.
const PAGE_WEIGHT: usize = 256 * 1024;
/// What a row without bytes of varying length counts as.
const ROW_WEIGHT: usize = 192;
/// Names listed at once. Few in tests, so that much happens between two listings.
const KEYS: usize = if cfg!(test) { 8 } else { 4096 };
/// Entries read at once.
const ENTRIES: usize = 64;
