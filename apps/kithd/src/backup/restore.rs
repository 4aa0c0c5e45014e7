//! Writes a backup into an empty store.
//!
//! A restored server goes on from a moment in the past, and must not give out again what it gave out since. Entries keep
//! their numbers, so that a late acknowledgement finds the frame that it means. New numbers begin in a generation above
//! every one that there can have been (KH-15), and the descriptor's serial continues above every one that was signed
//! (KH-2, KE-4): both from the clock, so that a second restore lies above the first, by a millisecond if need be. What counts
//! rows is counted anew. What the store had lost before the backup stays lost.

use std::collections::HashMap;
use std::io::Read;

use kith_home::store::{Account, Blob, MetaKey, Queue, Secret, Store, StoreError, Txn};
use kith_wire::Timestamp;
use kith_wire::id::{AccountKey, BlobId, ReaderId};
use thiserror::Error;

use super::audit::Usage;
use super::{BackupError, Reader, Row, Totals};

/// Why a backup could not be restored.
#[derive(Debug, Error)]
pub(crate) enum RestoreError {
    /// The backup is none.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes everything of a backup into a store that is empty, telling now and then how far it is.
///
/// # Errors
/// The backup is damaged, or the store fails; then what was written is of no use.
pub(crate) fn restore<S: Store, R: Read>(
    reader: &mut Reader<R>,
    store: &mut S,
    now: Timestamp,
    mut progress: impl FnMut(&Totals),
) -> Result<(), RestoreError> {
    let mut restoring = Restoring { now, used: HashMap::new(), queue: None, blob: None };
    let mut is_more = true;
    while is_more {
        let mut txn = store.begin()?;
        for _ in 0..BLOCKS_AT_ONCE {
            let Some(rows) = reader.next()? else {
                is_more = false;
                break;
            };
            for row in rows {
                restoring.row(&mut txn, row)?;
            }
        }
        restoring.write_down(&mut txn)?;
        txn.commit()?;
        progress(reader.totals());
    }
    // What comes last on a disk cannot be told from what was being written, should the disk lose a part of it. It shall be
    // nothing of meaning.
    let mut txn = store.begin()?;
    txn.touch()?;
    Ok(txn.commit()?)
}

struct Restoring {
    now: Timestamp,
    used: HashMap<AccountKey, Usage>,
    queue: Option<(ReaderId, Queue)>,
    blob: Option<(BlobId, Blob)>,
}

impl Restoring {
    fn row<T: Txn>(&mut self, txn: &mut T, row: Row) -> Result<(), StoreError> {
        Usage::note(&mut self.used, &row);
        if !matches!(row, Row::Entry(..) | Row::Chunk(..) | Row::Gone | Row::Lost(_)) {
            self.write_down(txn)?;
            (self.queue, self.blob) = (None, None);
        }
        match row {
            Row::Queue(reader, queue) => self.begin_queue(txn, reader, queue)?,
            Row::Entry(seq, entry) => {
                let Some((reader, queue)) = &mut self.queue else { return Err(damaged("entries")) };
                txn.insert_entry(reader, seq, &entry)?;
                queue.next_seq = queue.next_seq.max(seq.saturating_add(1));
                queue.length = queue.length.saturating_add(1);
            }
            Row::Blob(id, blob) => {
                let blob = Blob { n_present: 0, ..blob };
                txn.put_blob(&id, &blob)?;
                self.blob = Some((id, blob));
            }
            Row::Chunk(number, bytes) => {
                let Some((id, blob)) = &mut self.blob else { return Err(damaged("chunks")) };
                txn.insert_chunk(id, number, &bytes)?;
                blob.n_present = blob.n_present.saturating_add(1);
            }
            Row::Gone => {
                let Some((id, blob)) = self.blob.take() else { return Err(damaged("blobs")) };
                txn.remove_blob(&id)?;
                if let Some(used) = self.used.get_mut(&blob.account) {
                    used.blob_bytes = used.blob_bytes.saturating_sub(blob.size);
                    used.kept_bytes = used.kept_bytes.saturating_sub(blob.kept_bytes());
                }
            }
            Row::Outgoing(key, outgoing) => txn.put_outgoing(&key, &outgoing)?,
            Row::Returned(key, returned) => txn.put_returned(&key, &returned)?,
            Row::Invite(code, invite) => txn.put_invite(&code, &invite)?,
            Row::Account(key, account) => {
                let used = self.used.remove(&key).unwrap_or_default();
                let Usage { queues: n_queues, blob_bytes, kept_bytes, outgoing: n_outgoing } = used;
                txn.put_account(&key, &Account { n_queues, blob_bytes, kept_bytes, n_outgoing, ..account })?;
            }
            Row::EpochKey(epoch, seed) => txn.insert_epoch_key(epoch, &seed)?,
            Row::Meta(key, value) => self.meta(txn, key, &value)?,
            // What is counted is counted anew; and the end is read by the reader, never handed on.
            Row::Lost(_) | Row::End(_) => {}
        }
        Ok(())
    }

    fn begin_queue<T: Txn>(&mut self, txn: &mut T, reader: ReaderId, queue: Queue) -> Result<(), StoreError> {
        // A queue that was removed during the backup and made again under another name was read twice: the later one is.
        if let Some((earlier, gone)) = txn.queue_by_lookup(&queue.lookup)? {
            txn.remove_queue(&earlier)?;
            if let Some(used) = self.used.get_mut(&gone.account) {
                used.queues = used.queues.saturating_sub(1);
            }
        }
        let queue = Queue { length: 0, ..queue };
        txn.insert_queue(&reader, &queue)?;
        self.queue = Some((reader, queue));
        Ok(())
    }

    /// Writes down what the queue or blob at hand has by now; more of it may come.
    fn write_down<T: Txn>(&mut self, txn: &mut T) -> Result<(), StoreError> {
        if let Some((reader, queue)) = &self.queue {
            txn.update_queue(reader, queue)?;
        }
        if let Some((id, blob)) = &self.blob {
            txn.put_blob(id, blob)?;
        }
        Ok(())
    }

    fn meta<T: Txn>(&self, txn: &mut T, key: MetaKey, value: &Secret) -> Result<(), StoreError> {
        match key {
            MetaKey::ServerSeed => txn.set_meta(key, value),
            MetaKey::DescriptorSerial => {
                // The rules raise it once a week or so, never once a second.
                txn.set_meta(key, &at_least(self.now.seconds(), value)?)
            }
            MetaKey::Generation => txn.set_meta(key, &at_least(kith_home::generation_at(self.now), value)?),
            // Signed anew, with the serial above.
            MetaKey::Descriptor => Ok(()),
        }
    }
}

fn at_least(least: u64, value: &Secret) -> Result<Secret, StoreError> {
    let value = value.expose().try_into().map(u64::from_be_bytes).map_err(|_| damaged("meta"))?;
    Ok(Secret::new(&value.max(least).to_be_bytes()))
}

fn damaged(table: &'static str) -> StoreError {
    StoreError::Damaged { table }
}

/// Blocks in one transaction: some eight megabytes.
const BLOCKS_AT_ONCE: usize = 32;
