//! Blobs: sealed chunks under a name, with separate rights to read and to delete.

use std::collections::BTreeMap;

use kith_crypto::capability::{may_delete, may_read};
use kith_wire::id::{BlobId, DeleteCapability, ReadCapability, Verifier};
use kith_wire::limits::{MAX_BLOB_CHUNKS, MAX_KEPT_AT_ONCE, SEALED_CHUNK_BYTES};
use kith_wire::operation::{Answer, Refusal};
use kith_wire::time::Hour;

use crate::batch::Batch;
use crate::caller::Caller;
use crate::operations::Stop;
use crate::store::{Account, Blob, Stay, StoreError, Txn};

impl<T: Txn> Batch<'_, T> {
    /// Reserves a blob; the same again is fine (KH-22). The whole size counts against the quota at once (KH-23).
    pub(crate) fn blob_create(
        &mut self,
        caller: &Caller,
        id: &BlobId,
        n_chunks: u32,
        size: u64,
        read: Verifier,
        delete: Verifier,
    ) -> Result<Answer, Stop> {
        let (key, mut account) = self.account_of(caller)?;
        let fits =
            size > 0 && n_chunks <= MAX_BLOB_CHUNKS && size.div_ceil(SEALED_CHUNK_BYTES as u64) == u64::from(n_chunks);
        if !fits {
            return Err(Stop::Refuse(Refusal::Invalid));
        }
        if let Some(blob) = self.txn.blob(id)? {
            let same = blob.account == key && (blob.size, blob.read, blob.delete) == (size, read, delete);
            return if same { Ok(Answer::Accepted) } else { Err(Stop::Refuse(Refusal::Invalid)) };
        }
        self.needs_room()?;
        let used = account.blob_bytes.saturating_add(size);
        if used > self.home.config.quotas.blob_bytes {
            return Err(Stop::Refuse(Refusal::QuotaExceeded));
        }
        let expires = Hour(self.now.hour().0.saturating_add(self.home.config.retention.blob_hours));
        let stay = Stay::Passing;
        self.txn.put_blob(id, &Blob { account: key, size, n_chunks, n_present: 0, read, delete, expires, stay })?;
        account.blob_bytes = used;
        self.txn.put_account(&key, &account)?;
        Ok(Answer::Accepted)
    }

    /// Stores a chunk; the same again is fine, another one under its number is not (KH-22).
    pub(crate) fn blob_put(&mut self, caller: &Caller, id: &BlobId, number: u32, chunk: &[u8]) -> Result<Answer, Stop> {
        let blob = self.own_blob(caller, id)?;
        if expected_bytes(&blob, number) != Some(chunk.len() as u64) {
            return Err(Stop::Refuse(Refusal::Invalid));
        }
        if let Some(stored) = self.txn.chunk(id, number)? {
            return if stored == chunk { Ok(Answer::Accepted) } else { Err(Stop::Refuse(Refusal::Invalid)) };
        }
        self.needs_room()?;
        // A chunk that the disk had lost is counted already.
        let is_new = !self.txn.chunk_numbers(id)?.contains(&number);
        self.txn.insert_chunk(id, number, chunk)?;
        let n_present = blob.n_present.saturating_add(is_new.into()).min(blob.n_chunks);
        self.txn.put_blob(id, &Blob { n_present, ..blob })?;
        Ok(Answer::Accepted)
    }

    /// Tells the uploader which chunks are there, so that it goes on where it stopped (KH-22). Those that the disk is known to have lost are not (KH-41).
    pub(crate) fn blob_status(&mut self, caller: &Caller, id: &BlobId) -> Result<Answer, Stop> {
        let blob = self.own_blob(caller, id)?;
        let bytes = usize::try_from(blob.n_chunks.div_ceil(8)).unwrap_or(0);
        let mut present = vec![0_u8; bytes];
        let lost = self.txn.lost_chunks(id)?;
        for number in self.txn.chunk_numbers(id)?.into_iter().filter(|number| !lost.contains(number)) {
            let byte = usize::try_from(number / 8).ok().and_then(|idx| present.get_mut(idx));
            if let Some(byte) = byte {
                *byte |= 1 << (number % 8);
            }
        }
        Ok(Answer::BlobStatus { present })
    }

    /// Gives a chunk to whoever has the read capability. Absent, expired, incomplete and denied look alike (KH-24).
    pub(crate) fn blob_get(&mut self, id: &BlobId, number: u32, capability: &ReadCapability) -> Result<Answer, Stop> {
        let blob = self.live_blob(id)?;
        // The same work for a blob that is absent, so that time does not tell.
        let stored = blob.as_ref().map_or(Verifier([0; 32]), |blob| blob.read);
        let allowed = may_read(capability, &stored) && blob.is_some();
        let chunk = if allowed { self.txn.chunk(id, number)? } else { None };
        chunk.map(|chunk| Answer::BlobChunk { chunk }).ok_or(Stop::Refuse(Refusal::NotFound))
    }

    /// Deletes a blob for whoever has the delete capability; the answer is always the same (KH-25).
    pub(crate) fn blob_delete(&mut self, id: &BlobId, capability: &DeleteCapability) -> Result<Answer, Stop> {
        self.txn.touch()?;
        let blob = self.txn.blob(id)?;
        let stored = blob.as_ref().map_or(Verifier([0; 32]), |blob| blob.delete);
        if let (true, Some(blob)) = (may_delete(capability, &stored), blob) {
            self.drop_blob(id, &blob)?;
        }
        Ok(Answer::Accepted)
    }

    /// Keeps blobs for long that are whole, and those that are kept already for as long again: all of them or none (KH-44).
    pub(crate) fn blob_keep(&mut self, caller: &Caller, ids: &[BlobId]) -> Result<Answer, Stop> {
        let (key, mut account) = self.account_of(caller)?;
        if ids.len() > MAX_KEPT_AT_ONCE {
            return Err(Stop::Refuse(Refusal::Invalid));
        }
        let mut blobs = BTreeMap::new();
        for id in ids {
            let blob = self.own_blob(caller, id)?;
            if blob.n_present < blob.n_chunks || !self.txn.lost_chunks(id)?.is_empty() {
                return Err(Stop::Refuse(Refusal::NotFound));
            }
            blobs.insert(id, blob);
        }
        let passing = blobs.values().filter(|blob| blob.stay == Stay::Passing);
        let new = passing.map(|blob| Blob { stay: Stay::Kept, ..blob.clone() }.kept_bytes()).sum::<u64>();
        if new > 0 {
            self.needs_room()?;
            account.kept_bytes = account.kept_bytes.saturating_add(new);
            if account.kept_bytes > self.home.config.quotas.kept_bytes {
                return Err(Stop::Refuse(Refusal::QuotaExceeded));
            }
            self.txn.put_account(&key, &account)?;
        }
        let until = kept_until(self.now.hour(), self.home.config.retention.kept_hours);
        for (id, blob) in blobs.into_iter().filter(|(_, blob)| blob.stay == Stay::Passing || blob.expires < until) {
            let expires = blob.expires.max(until);
            self.txn.put_blob(id, &Blob { expires, stay: Stay::Kept, ..blob })?;
        }
        Ok(Answer::Accepted)
    }

    /// Removes a blob and gives its bytes back to the account.
    pub(crate) fn drop_blob(&mut self, id: &BlobId, blob: &Blob) -> Result<(), StoreError> {
        self.txn.remove_blob(id)?;
        self.change_account(&blob.account, |account: &mut Account| {
            account.blob_bytes = account.blob_bytes.saturating_sub(blob.size);
            account.kept_bytes = account.kept_bytes.saturating_sub(blob.kept_bytes());
        })
    }

    fn live_blob(&self, id: &BlobId) -> Result<Option<Blob>, StoreError> {
        Ok(self.txn.blob(id)?.filter(|blob| blob.expires >= self.now.hour()))
    }

    fn own_blob(&self, caller: &Caller, id: &BlobId) -> Result<Blob, Stop> {
        let (key, _) = self.account_of(caller)?;
        let blob = self.live_blob(id)?.filter(|blob| blob.account == key);
        blob.ok_or(Stop::Refuse(Refusal::NotFound))
    }
}

impl Blob {
    /// Returns for how many bytes it counts among what its account has kept (KH-45): nothing when it is not kept, and otherwise as many as the
    /// smallest does at least.
    pub fn kept_bytes(&self) -> u64 {
        match self.stay {
            Stay::Passing => 0,
            Stay::Kept => self.size.max(LEAST_KEPT_BYTES),
        }
    }
}

/// Returns the last hour of what is kept now, rounded up: what is stored must not tell on which day somebody was here (KH-46).
fn kept_until(now: Hour, hours: u32) -> Hour {
    let least = now.0.saturating_add(hours);
    Hour(least.checked_next_multiple_of(KEPT_STEP_HOURS).unwrap_or(least))
}

/// Bytes for which the smallest blob counts that is kept. A thousand tiny ones are a thousand rows for a year.
const LEAST_KEPT_BYTES: u64 = 4096;
/// Hours of the steps in which what is kept ends: thirty days.
const KEPT_STEP_HOURS: u32 = 30 * 24;

/// Returns how long a chunk must be; `None` beyond the last.
fn expected_bytes(blob: &Blob, number: u32) -> Option<u64> {
    if number >= blob.n_chunks {
        return None;
    }
    let before = u64::from(number).checked_mul(SEALED_CHUNK_BYTES as u64)?;
    Some(blob.size.checked_sub(before)?.min(SEALED_CHUNK_BYTES as u64))
}
