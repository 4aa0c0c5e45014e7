//! Attachment chunks on their way between the engine and the vault. What they hold was sealed before.

use kith_crypto::hash::hash;
use kith_crypto::label::Label;
use kith_engine::{Arrival, AttachmentId};
use kith_vault::{AttachmentSecret, GetError, PutError};
use kith_wire::limits::MAX_BLOB_CHUNKS;

use crate::client::{Client, rng};
use crate::drive::Notice;

impl Client {
    pub(crate) fn load_chunk(&self, attachment: AttachmentId, from: AttachmentId, index: u32) {
        let sealed = match self.inner.chunks.get(&place(from), index) {
            Ok(sealed) => Some(sealed.to_vec()),
            Err(GetError::Absent { .. } | GetError::Damaged { .. }) => None,
            Err(error) => return self.chunk_failed(attachment, index, &error),
        };
        self.inner.arrivals.borrow_mut().push_back(Arrival::ChunkLoaded { attachment, index, sealed });
    }

    pub(crate) fn store_chunk(&self, attachment: AttachmentId, index: u32, sealed: &[u8]) {
        match self.put_chunk(attachment, index, sealed) {
            Ok(()) => self.inner.arrivals.borrow_mut().push_back(Arrival::ChunkStored { attachment, index }),
            Err(error) => self.chunk_failed(attachment, index, &error),
        }
    }

    fn chunk_failed(&self, attachment: AttachmentId, index: u32, error: &dyn std::error::Error) {
        self.tell(Notice::Storage(error.to_string()));
        self.inner.arrivals.borrow_mut().push_back(Arrival::ChunkFailed { attachment, index });
    }

    pub(crate) fn put_chunk(&self, attachment: AttachmentId, index: u32, sealed: &[u8]) -> Result<(), PutError> {
        self.inner.chunks.put(&place(attachment), index, sealed, &mut rng())
    }

    /// Removes what a crash has left in the vault for attachments that are no more.
    pub(crate) fn sweep_chunks(&self) {
        let known = self.ask(|engine| engine.attachments()).unwrap_or_default();
        let views: Vec<_> = known.iter().filter_map(|id| self.ask(|engine| engine.attachment(*id)).ok()).collect();
        let n_known: u64 = views.iter().map(|view| u64::from(view.done)).sum();
        if self.inner.chunks.usage().is_ok_and(|usage| usage.n_chunks <= n_known) {
            return;
        }
        let places: Vec<_> = views.iter().map(|view| (place(view.id), view.total)).collect();
        if let Err(error) = self.inner.chunks.keep_only(places.iter().map(|(place, total)| (place, *total))) {
            self.tell(Notice::Storage(error.to_string()));
        }
    }

    pub(crate) fn drop_chunks(&self, attachment: AttachmentId) {
        if let Err(error) = self.inner.chunks.remove(&place(attachment), 0..MAX_BLOB_CHUNKS) {
            self.tell(Notice::Storage(error.to_string()));
        }
    }
}

/// Names an attachment's place in the vault. The chunks themselves are sealed under a key that the engine forgets with
/// the attachment, so the place need not be a secret; a contact who chooses keys cannot choose it.
pub(crate) fn place(attachment: AttachmentId) -> AttachmentSecret {
    AttachmentSecret::from_bytes(hash(Label::AT_REST, &[b"place".as_slice(), &attachment.0.to_be_bytes()].concat()).0)
}
