//! Attachments: manifests, keys and which chunks are where. The chunks themselves are the vault's.
//!
//! How chunks travel is in `transfers.rs`.

mod chunks;

use kith_crypto::attachment::NewBlob;
use kith_crypto::capability::{delete_verifier, read_verifier};
use kith_wire::address::ServerAddress;
use kith_wire::blob::{BlobShape, Manifest};
use kith_wire::id::{AttachmentKey, BlobId, DeleteCapability, Hash, MessageId, ReadCapability, Verifier};
use rusqlite::{Connection, Row, params};

pub(crate) use chunks::Chunks;

use crate::api::{AttachmentId, AttachmentKeys, AttachmentState, ContactId, Event, NewAttachment, Output};
use crate::errors::CommandError;
use crate::ground::database::{StorageError, all, column, count, first, number, run};
use crate::ground::person;
use crate::ground::work::Work;
use crate::mail::outbox;
use crate::mail::servers::{self, ServerId};
use crate::talk::{conversations, lending};

pub(crate) const TABLES: &str = "
CREATE TABLE attachments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    contact INTEGER,
    message BLOB,
    outgoing INTEGER NOT NULL,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    hash BLOB NOT NULL,
    server INTEGER NOT NULL,
    blob BLOB NOT NULL,
    read BLOB NOT NULL,
    erase BLOB,
    key BLOB NOT NULL,
    present BLOB NOT NULL,
    state INTEGER NOT NULL
) STRICT;
CREATE INDEX attachments_by_contact ON attachments (contact);
CREATE INDEX attachments_by_server ON attachments (server);
CREATE INDEX attachments_moving ON attachments (id) WHERE state = 0;
CREATE TABLE blob_deletions (blob BLOB PRIMARY KEY, erase BLOB NOT NULL) STRICT, WITHOUT ROWID;
";

impl AttachmentId {
    pub(crate) fn column(self) -> i64 {
        column(self.0)
    }

    pub(crate) fn from_column(id: i64) -> Self {
        Self(number(id))
    }
}

/// An attachment.
pub(crate) struct Attachment {
    pub(crate) id: AttachmentId,
    pub(crate) contact: Option<ContactId>,
    pub(crate) message: Option<MessageId>,
    pub(crate) way: Way,
    pub(crate) name: String,
    pub(crate) media_type: String,
    pub(crate) size: u64,
    pub(crate) hash: Hash,
    pub(crate) server: ServerId,
    pub(crate) blob: BlobId,
    pub(crate) read: ReadCapability,
    pub(crate) erase: Option<DeleteCapability>,
    pub(crate) key: AttachmentKey,
    pub(crate) present: Chunks,
    pub(crate) state: State,
    /// The one whose chunks it has, when it is lent to a sibling.
    pub(crate) lends: Option<AttachmentId>,
}

/// Which way an attachment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    In,
    Out,
}

/// Where an attachment stands. The numbers are those of the column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Moving = 0,
    Paused = 1,
    Complete = 2,
    Failed = 3,
    /// Outgoing, and not part of a message yet.
    Prepared = 4,
    /// Incoming, gone from where it was, and asked of the siblings.
    Asked = 5,
}

impl State {
    pub(crate) const fn shown(self) -> AttachmentState {
        match self {
            Self::Moving => AttachmentState::Moving,
            Self::Paused | Self::Prepared => AttachmentState::Paused,
            Self::Complete => AttachmentState::Complete,
            Self::Failed => AttachmentState::Failed,
            Self::Asked => AttachmentState::Asked,
        }
    }
}

impl Attachment {
    /// Returns how it is cut and padded. Sizes were checked before they were stored.
    pub(crate) fn shape(&self) -> Option<BlobShape> {
        BlobShape::of(self.size)
    }

    /// Returns what the home server stores of its capabilities.
    pub(crate) fn verifiers(&self) -> Option<(Verifier, Verifier)> {
        Some((read_verifier(&self.read), delete_verifier(self.erase.as_ref()?)))
    }

    /// Returns what describes it to whoever may fetch it.
    fn manifest(&self, server: ServerAddress) -> Manifest {
        Manifest {
            name: self.name.clone(),
            media_type: self.media_type.clone(),
            size: self.size,
            hash: self.hash,
            server,
            blob: self.blob,
            capability: self.read.clone(),
            key: self.key.clone(),
        }
    }
}

const COLUMNS: &str = "id, contact, message, outgoing, name, media_type, size, hash, server, blob, read, erase, key, present, state, \
     lends";

fn read(row: &Row<'_>) -> rusqlite::Result<Attachment> {
    let size = number(row.get(6)?);
    let total = BlobShape::of(size).map_or(0, |shape| shape.chunks);
    let state = match row.get::<_, i64>(14)? {
        0 => State::Moving,
        1 => State::Paused,
        2 => State::Complete,
        3 => State::Failed,
        4 => State::Prepared,
        _ => State::Asked,
    };
    Ok(Attachment {
        id: AttachmentId::from_column(row.get(0)?),
        contact: row.get::<_, Option<i64>>(1)?.map(ContactId::from_column),
        message: row.get::<_, Option<[u8; 16]>>(2)?.map(MessageId),
        way: if row.get(3)? { Way::Out } else { Way::In },
        name: row.get(4)?,
        media_type: row.get(5)?,
        size,
        hash: Hash(row.get(7)?),
        server: ServerId(row.get(8)?),
        blob: BlobId(row.get(9)?),
        read: ReadCapability::new(row.get(10)?),
        erase: row.get::<_, Option<[u8; 32]>>(11)?.map(DeleteCapability::new),
        key: AttachmentKey::new(row.get(12)?),
        present: Chunks::new(row.get(13)?, total),
        state,
        lends: row.get::<_, Option<i64>>(15)?.map(AttachmentId::from_column),
    })
}

/// Attachments up to this size are fetched without asking.
const FETCHED_BY_ITSELF_BYTES: u64 = 256 * 1024;
/// Attachments of one contact that are on their way in without having been asked for; more wait for the person. Four
/// mebibytes at most, so that a contact cannot keep the connection busy.
const FETCHED_AT_ONCE: u64 = 16;
/// Bytes that one contact may bring into the vault in a day without being asked.
const FETCHED_A_DAY_BYTES: u64 = 8 * 1024 * 1024;

/// Makes room for an outgoing attachment; the program seals its chunks into the vault with the keys returned.
pub(crate) fn prepare(
    work: &mut Work<'_>,
    new: &NewAttachment,
) -> Result<(AttachmentId, AttachmentKeys), CommandError> {
    let person = person::required(work.db)?;
    let blob = NewBlob::generate(work.rng);
    let manifest = Manifest {
        name: new.name.clone(),
        media_type: new.media_type.clone(),
        size: new.size,
        hash: new.hash,
        server: person.address,
        blob: blob.id,
        capability: blob.read.clone(),
        key: blob.key.clone(),
    };
    if !manifest.is_well_formed() {
        return Err(CommandError::BadAttachment);
    }
    let id = insert(work.db, &manifest, person.server, Some(&blob.delete), None, State::Prepared)?;
    Ok((id, AttachmentKeys { key: blob.key, size: new.size, hash: new.hash }))
}

/// Makes a prepared attachment part of a message; each is part of one only (KE-28). Its chunks begin to move.
pub(crate) fn attach(
    work: &mut Work<'_>,
    id: AttachmentId,
    contact: ContactId,
    message: MessageId,
) -> Result<Manifest, CommandError> {
    let found = find(work.db, id)?.filter(|attachment| attachment.state == State::Prepared);
    let attachment = found.ok_or(CommandError::UnknownAttachment)?;
    run(
        work.db,
        "UPDATE attachments SET contact = ?2, message = ?3, state = 0 WHERE id = ?1",
        params![id.column(), contact.column(), message.0],
    )?;
    let server = servers::address(work.db, attachment.server)?;
    Ok(attachment.manifest(server))
}

/// Returns the manifest of an attachment that is part of a message, for a sibling.
pub(crate) fn manifest_of(db: &Connection, id: AttachmentId) -> Result<Option<Manifest>, StorageError> {
    let Some(attachment) = find(db, id)? else { return Ok(None) };
    let server = servers::address(db, attachment.server)?;
    Ok(Some(attachment.manifest(server)))
}

/// Counts an attachment against what a contact may send unasked; returns whether it is within that.
fn is_fetched_by_itself(work: &Work<'_>, contact: ContactId, size: u64) -> Result<bool, StorageError> {
    let sql = "SELECT count(*) FROM attachments WHERE contact = ?1 AND outgoing = 0 AND state IN (0, 5)";
    if size > FETCHED_BY_ITSELF_BYTES || count(work.db, sql, [contact.column()])? >= FETCHED_AT_ONCE {
        return Ok(false);
    }
    let changed = run(
        work.db,
        "UPDATE contacts SET fetch_bytes = iif(fetch_day = ?2, fetch_bytes, 0) + ?3, fetch_day = ?2 \
         WHERE id = ?1 AND iif(fetch_day = ?2, fetch_bytes, 0) + ?3 <= ?4",
        params![contact.column(), work.now.day().0, column(size), column(FETCHED_A_DAY_BYTES)],
    )?;
    Ok(changed > 0)
}

/// Remembers an attachment that a contact sent. Small ones are fetched at once.
pub(crate) fn add_incoming(
    work: &mut Work<'_>,
    contact: ContactId,
    message: MessageId,
    manifest: &Manifest,
) -> Result<AttachmentId, StorageError> {
    let server = servers::add(work.db, &manifest.server)?;
    let state = if is_fetched_by_itself(work, contact, manifest.size)? { State::Moving } else { State::Paused };
    insert(work.db, manifest, server, None, Some((contact, message)), state)
}

pub(super) fn insert(
    db: &Connection,
    manifest: &Manifest,
    server: ServerId,
    erase: Option<&DeleteCapability>,
    place: Option<(ContactId, MessageId)>,
    state: State,
) -> Result<AttachmentId, StorageError> {
    let total = BlobShape::of(manifest.size).map_or(0, |shape| shape.chunks);
    run(
        db,
        "INSERT INTO attachments (contact, message, outgoing, name, media_type, size, hash, server, blob, read, erase, \
         key, present, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        params![
            place.map(|(contact, _)| contact.column()),
            place.map(|(_, message)| message.0),
            erase.is_some(),
            manifest.name,
            manifest.media_type,
            column(manifest.size),
            manifest.hash.0,
            server.0,
            manifest.blob.0,
            manifest.capability.expose(),
            erase.map(DeleteCapability::expose),
            manifest.key.expose(),
            Chunks::none(total).bits(),
            state as i64,
        ],
    )?;
    Ok(AttachmentId::from_column(db.last_insert_rowid()))
}

/// Returns an attachment.
pub(crate) fn find(db: &Connection, id: AttachmentId) -> Result<Option<Attachment>, StorageError> {
    first(db, &format!("SELECT {COLUMNS} FROM attachments WHERE id = ?1"), [id.column()], read)
}

/// Returns all attachments of which chunks are on their way. Those of a blocked contact rest: their home server would see
/// that somebody is there (KE-7). Those for a contact that has not answered rest too: a blob lives three weeks only.
pub(crate) fn moving(db: &Connection) -> Result<Vec<Attachment>, StorageError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM attachments WHERE state = 0 \
         AND contact IN (SELECT id FROM contacts WHERE blocked = 0 AND (outgoing = 0 OR (stage = 2 AND unusable = 0))) \
         ORDER BY id"
    );
    all(db, &sql, [], read)
}

/// Starts an attachment again that was stopped, failed, or not asked for.
pub(crate) fn resume(work: &mut Work<'_>, id: AttachmentId) -> Result<(), CommandError> {
    let attachment = find(work.db, id)?.ok_or(CommandError::UnknownAttachment)?;
    match attachment.state {
        State::Failed if attachment.way == Way::Out => send_again(work, &attachment),
        State::Failed => {
            lending::may_ask_again(work.db, id)?;
            Ok(set_state(work, id, State::Moving)?)
        }
        State::Paused => Ok(set_state(work, id, State::Moving)?),
        State::Asked => Ok(lending::ask_again(work, &attachment)?),
        State::Moving | State::Complete => Ok(()),
        State::Prepared => Err(CommandError::UnknownAttachment),
    }
}

/// KE-38: what failed on its way up has taken its message with it, which nobody has seen. It is sent as if written now.
fn send_again(work: &mut Work<'_>, attachment: &Attachment) -> Result<(), CommandError> {
    let place = attachment.contact.zip(attachment.message);
    let (contact, message) = place.ok_or(CommandError::UnknownAttachment)?;
    let manifest = attachment.manifest(servers::address(work.db, attachment.server)?);
    set_state(work, attachment.id, State::Moving)?;
    conversations::send_again(work, contact, message, attachment.id, manifest)
}

/// Stops an attachment; what is there stays.
pub(crate) fn pause(work: &mut Work<'_>, id: AttachmentId) -> Result<(), CommandError> {
    let attachment = find(work.db, id)?.ok_or(CommandError::UnknownAttachment)?;
    if attachment.state == State::Asked {
        lending::thank(work, &attachment)?;
    }
    if matches!(attachment.state, State::Moving | State::Asked) {
        set_state(work, id, State::Paused)?;
    }
    Ok(())
}

pub(super) fn set_state(work: &mut Work<'_>, id: AttachmentId, state: State) -> Result<(), StorageError> {
    run(work.db, "UPDATE attachments SET state = ?2 WHERE id = ?1", params![id.column(), state as i64])?;
    progress(work, id)
}

/// Stops an attachment that the person must decide about. Of a loan nobody knows: it is given up, and the sibling may ask again.
pub(crate) fn stop(work: &mut Work<'_>, id: AttachmentId) -> Result<(), StorageError> {
    if let Some(loan) = find(work.db, id)?.filter(|attachment| attachment.lends.is_some()) {
        return lending::give_up(work, &loan);
    }
    set_state(work, id, State::Paused)
}

/// Stops an attachment if it is moving at all.
pub(crate) fn interrupt(work: &mut Work<'_>, id: AttachmentId) -> Result<(), StorageError> {
    match find(work.db, id)? {
        Some(attachment) if attachment.state == State::Moving => stop(work, id),
        _ => Ok(()),
    }
}

/// Replaces what is known of which chunks are there.
pub(crate) fn set_present(work: &mut Work<'_>, id: AttachmentId, bits: Vec<u8>) -> Result<(), StorageError> {
    let Some(attachment) = find(work.db, id)? else { return Ok(()) };
    let present = Chunks::new(bits, attachment.present.total());
    store_present(work, &attachment, &present)
}

/// KE-123: what came is not what the message promised. It goes, and the siblings are asked.
pub(crate) fn damaged(work: &mut Work<'_>, id: AttachmentId) -> Result<(), CommandError> {
    let attachment = find(work.db, id)?.ok_or(CommandError::UnknownAttachment)?;
    if attachment.way == Way::In && attachment.state == State::Complete {
        set_present(work, id, Vec::new())?;
        work.effects.outputs.push_back(Output::DropChunks { attachment: id });
        lending::may_ask_again(work.db, id)?;
        fail(work, id)?;
    }
    Ok(())
}

/// A chunk is where it should be.
pub(crate) fn chunk_done(work: &mut Work<'_>, id: AttachmentId, index: u32) -> Result<(), StorageError> {
    let Some(attachment) = find(work.db, id)? else { return Ok(()) };
    let mut present = attachment.present.clone();
    present.add(index);
    store_present(work, &attachment, &present)
}

fn store_present(work: &mut Work<'_>, attachment: &Attachment, present: &Chunks) -> Result<(), StorageError> {
    let id = attachment.id;
    let sql = "UPDATE attachments SET present = ?2 WHERE id = ?1";
    run(work.db, sql, params![id.column(), present.bits()])?;
    if present.done() < present.total() {
        return progress(work, id);
    }
    set_state(work, id, State::Complete)?;
    match attachment.way {
        Way::Out => outbox::release(work, id),
        Way::In => lending::thank(work, attachment),
    }
}

/// The blob is gone, or not what was promised, or the vault has lost a chunk.
pub(crate) fn fail(work: &mut Work<'_>, id: AttachmentId) -> Result<(), StorageError> {
    let Some(attachment) = find(work.db, id)? else { return Ok(()) };
    if attachment.lends.is_some() {
        return lending::give_up(work, &attachment);
    }
    // Of several chunks that were asked for together each fails; the siblings were asked at the first.
    if attachment.state == State::Asked || lending::ask(work, &attachment)? {
        return Ok(());
    }
    set_state(work, id, State::Failed)?;
    if let (Way::Out, Some(contact), Some(message)) = (attachment.way, attachment.contact, attachment.message) {
        outbox::withdraw(work.db, contact, message)?;
        conversations::advance_in(work, contact, message, crate::api::MessageState::Expired)?;
    }
    Ok(())
}

fn progress(work: &mut Work<'_>, id: AttachmentId) -> Result<(), StorageError> {
    let Some(attachment) = find(work.db, id)? else { return Ok(()) };
    if attachment.lends.is_some() {
        return Ok(());
    }
    if let (Some(contact), Some(message)) = (attachment.contact, attachment.message) {
        let (done, total) = (attachment.present.done(), attachment.present.total());
        work.tell(Event::Attachment { contact, message, attachment: id, done, total });
    }
    Ok(())
}

/// Deletes an attachment here, and at the home server when it is there.
pub(crate) fn drop_one(work: &mut Work<'_>, id: AttachmentId) -> Result<(), StorageError> {
    let Some(attachment) = find(work.db, id)? else { return Ok(()) };
    lending::forget(work, id)?;
    if let Some(erase) = &attachment.erase {
        let sql = "INSERT OR REPLACE INTO blob_deletions (blob, erase) VALUES (?1, ?2)";
        run(work.db, sql, params![attachment.blob.0, erase.expose()])?;
    }
    run(work.db, "DELETE FROM attachments WHERE id = ?1", [id.column()])?;
    work.effects.outputs.push_back(Output::DropChunks { attachment: id });
    servers::collect(work.db)
}

/// Deletes all attachments of a contact.
pub(crate) fn forget_contact(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    let sql = "SELECT id FROM attachments WHERE contact = ?1";
    for id in all(work.db, sql, [contact.column()], |row| row.get(0).map(AttachmentId::from_column))? {
        drop_one(work, id)?;
    }
    Ok(())
}

/// Deletes what was prepared and could not be sealed into the vault.
pub(crate) fn discard(work: &mut Work<'_>, id: AttachmentId) -> Result<(), StorageError> {
    if run(work.db, "DELETE FROM attachments WHERE id = ?1 AND state = 4", [id.column()])? > 0 {
        work.effects.outputs.push_back(Output::DropChunks { attachment: id });
    }
    Ok(())
}

/// Deletes what was prepared and never became part of a message before the program ended.
pub(crate) fn drop_unused(work: &mut Work<'_>) -> Result<(), StorageError> {
    let sql = "SELECT id FROM attachments WHERE state = 4";
    for id in all(work.db, sql, [], |row| row.get(0).map(AttachmentId::from_column))? {
        run(work.db, "DELETE FROM attachments WHERE id = ?1", [id.column()])?;
        work.effects.outputs.push_back(Output::DropChunks { attachment: id });
    }
    Ok(())
}

/// Returns the blobs to delete at the home server.
pub(crate) fn deletions(db: &Connection) -> Result<Vec<(BlobId, DeleteCapability)>, StorageError> {
    all(db, "SELECT blob, erase FROM blob_deletions LIMIT 16", [], |row| {
        Ok((BlobId(row.get(0)?), DeleteCapability::new(row.get(1)?)))
    })
}

/// A blob was deleted at the home server.
pub(crate) fn deleted(db: &Connection, blob: BlobId) -> Result<(), StorageError> {
    run(db, "DELETE FROM blob_deletions WHERE blob = ?1", [blob.0])?;
    Ok(())
}
