//! Files among the person's devices: what no home server has any more, a device that still has it lends to one that has not.
//!
//! A loan is an outgoing attachment like any other, whose chunks are those of another one here, sealed anew as they leave; the content
//! that waits for it is for the sibling alone.

use kith_crypto::attachment::{NewBlob, open_chunk, seal_chunk};
use kith_crypto::random;
use kith_wire::Wire;
use kith_wire::blob::Manifest;
use kith_wire::content::KnownBody;
use kith_wire::id::{ConversationId, MessageId};
use kith_wire::sync::SyncItem;
use rusqlite::{Connection, params};

use crate::api::{AttachmentId, ContactId};
use crate::devices::{siblings, sync};
use crate::errors::CommandError;
use crate::ground::database::{StorageError, all, column, exists, first, run};
use crate::ground::person;
use crate::ground::work::Work;
use crate::mail::outbox::{self, NewContent};
use crate::mail::servers;
use crate::people::contacts;
use crate::talk::attachments::{self, Attachment, State, Way};

/// What version 5 adds: of which attachment one is the loan and since when, and whether siblings were asked for one.
pub(crate) const TABLES_5: &str = "
ALTER TABLE attachments ADD COLUMN lends INTEGER;
ALTER TABLE attachments ADD COLUMN lent_at INTEGER;
ALTER TABLE attachments ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;
CREATE INDEX attachments_lent ON attachments (lends) WHERE lends IS NOT NULL;
";

/// KE-121: the home server has a file no more, or something else under its name. Asks the siblings, once, if there are any.
pub(crate) fn ask(work: &mut Work<'_>, attachment: &Attachment) -> Result<bool, StorageError> {
    if attachment.way == Way::Out || was_asked(work.db, attachment.id)? || siblings::linked(work.db)?.is_empty() {
        return Ok(false);
    }
    if !tell_wish(work, attachment, true)? {
        return Ok(false);
    }
    run(work.db, "UPDATE attachments SET asked = 1 WHERE id = ?1", [attachment.id.column()])?;
    attachments::set_state(work, attachment.id, State::Asked)?;
    Ok(true)
}

/// Asks the siblings again: the person wants the file still.
pub(crate) fn ask_again(work: &mut Work<'_>, attachment: &Attachment) -> Result<(), StorageError> {
    tell_wish(work, attachment, true).map(drop)
}

/// The file is here, or the person does not want it any more: a loan may end.
pub(crate) fn thank(work: &mut Work<'_>, attachment: &Attachment) -> Result<(), StorageError> {
    if was_asked(work.db, attachment.id)? {
        run(work.db, "UPDATE attachments SET asked = 0 WHERE id = ?1", [attachment.id.column()])?;
        tell_wish(work, attachment, false)?;
    }
    Ok(())
}

/// The person starts a file again from the beginning: siblings may be asked once more.
pub(crate) fn may_ask_again(db: &Connection, id: AttachmentId) -> Result<(), StorageError> {
    run(db, "UPDATE attachments SET asked = 0 WHERE id = ?1", [id.column()])?;
    Ok(())
}

fn was_asked(db: &Connection, id: AttachmentId) -> Result<bool, StorageError> {
    let asked = first(db, "SELECT asked FROM attachments WHERE id = ?1", [id.column()], |row| row.get::<_, bool>(0))?;
    Ok(asked.unwrap_or(false))
}

fn tell_wish(work: &mut Work<'_>, attachment: &Attachment, wanted: bool) -> Result<bool, StorageError> {
    let contact = attachment.contact.map(|contact| contacts::find(work.db, contact)).transpose()?.flatten();
    let conversation = contact.and_then(|contact| contact.conversation);
    let (Some(contact), Some(message)) = (conversation, attachment.message) else { return Ok(false) };
    sync::tell(work, &SyncItem::FileWanted { contact, message, wanted })?;
    Ok(true)
}

/// KE-122: a sibling wants a file, or has it now.
pub(crate) fn wanted(
    work: &mut Work<'_>,
    sibling: ContactId,
    contact: ConversationId,
    message: MessageId,
    wanted: bool,
) -> Result<(), StorageError> {
    let Some(source) = source(work.db, contact, message)? else { return Ok(()) };
    for loan in loans(work.db, Some(source.id), Some(sibling))? {
        if wanted && is_fresh(work, loan.id)? {
            return Ok(());
        }
        give_up(work, &loan)?;
    }
    if wanted && source.state == State::Complete {
        promise(work, &source, sibling)?;
    }
    start_waiting(work, sibling)
}

/// What is under way, or was put there within a day, is not made anew.
fn is_fresh(work: &Work<'_>, loan: AttachmentId) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM attachments WHERE id = ?1 AND (state = 0 OR state = 1 OR lent_at > ?2)";
    exists(work.db, sql, params![loan.column(), column(work.now.minus_seconds(24 * 3600).0)])
}

/// Returns the attachment of a message of a contact.
fn source(db: &Connection, contact: ConversationId, message: MessageId) -> Result<Option<Attachment>, StorageError> {
    let Some(contact) = contacts::by_conversation(db, contact)? else { return Ok(None) };
    let sql = "SELECT id FROM attachments WHERE contact = ?1 AND message = ?2 AND lends IS NULL";
    let id = first(db, sql, params![contact.column(), message.0], |row| row.get(0).map(AttachmentId::from_column))?;
    Ok(id.map(|id| attachments::find(db, id)).transpose()?.flatten())
}

fn loans(db: &Connection, of: Option<AttachmentId>, to: Option<ContactId>) -> Result<Vec<Attachment>, StorageError> {
    let sql =
        "SELECT id FROM attachments WHERE lends = coalesce(?1, lends) AND contact = coalesce(?2, contact) ORDER BY id";
    let place = params![of.map(AttachmentId::column), to.map(ContactId::column)];
    let ids = all(db, sql, place, |row| row.get(0).map(AttachmentId::from_column))?;
    let found: Result<Vec<_>, _> = ids.into_iter().map(|id| attachments::find(db, id)).collect();
    Ok(found?.into_iter().flatten().collect())
}

/// Loans to one sibling at a time, and their bytes; one alone may be larger. Others wait. So an unlocked sibling in the wrong hands
/// fills no more than this of the person's room at the home server.
const LOANS_AT_ONCE: usize = 8;
const LOAN_BYTES: u64 = 128 * 1024 * 1024;

/// Makes a loan that waits for its turn: under another name and another key, so that nobody sees that it is the file that lay elsewhere.
fn promise(work: &mut Work<'_>, source: &Attachment, sibling: ContactId) -> Result<(), StorageError> {
    let Some(person) = person::find(work.db)? else { return Ok(()) };
    let blob = NewBlob::generate(work.rng);
    let file = Manifest {
        name: source.name.clone(),
        media_type: source.media_type.clone(),
        size: source.size,
        hash: source.hash,
        server: person.address,
        blob: blob.id,
        capability: blob.read,
        key: blob.key,
    };
    let place = Some((sibling, MessageId(random::bytes(work.rng))));
    let id = attachments::insert(work.db, &file, person.server, Some(&blob.delete), place, State::Paused)?;
    let sql = "UPDATE attachments SET lends = ?2, lent_at = ?3 WHERE id = ?1";
    run(work.db, sql, params![id.column(), source.id.column(), column(work.now.0)])?;
    Ok(())
}

/// Starts the loans for which there is room now, the oldest first.
fn start_waiting(work: &mut Work<'_>, sibling: ContactId) -> Result<(), StorageError> {
    let (waiting, begun): (Vec<_>, Vec<_>) =
        loans(work.db, None, Some(sibling))?.into_iter().partition(|loan| loan.state == State::Paused);
    let (mut number, mut bytes) = (begun.len(), begun.iter().map(|loan| loan.size).sum::<u64>());
    for loan in waiting {
        bytes = bytes.saturating_add(loan.size);
        if number > 0 && (number >= LOANS_AT_ONCE || bytes > LOAN_BYTES) {
            return Ok(());
        }
        number = number.saturating_add(1);
        start(work, &loan, sibling)?;
    }
    Ok(())
}

/// Puts a file at the own home server for a sibling, and says where it is when all of it is there.
fn start(work: &mut Work<'_>, loan: &Attachment, sibling: ContactId) -> Result<(), StorageError> {
    let source = loan.lends.map(|source| attachments::find(work.db, source)).transpose()?.flatten();
    let of = source.and_then(|source| source.contact.zip(source.message));
    let Some((contact, message)) = of else { return give_up(work, loan) };
    let conversation = contacts::find(work.db, contact)?.and_then(|contact| contact.conversation);
    let (Some(contact), Some(name)) = (conversation, loan.message) else { return give_up(work, loan) };
    let Some(file) = attachments::manifest_of(work.db, loan.id)? else { return Ok(()) };
    attachments::set_state(work, loan.id, State::Moving)?;
    run(work.db, "UPDATE attachments SET lent_at = ?2 WHERE id = ?1", params![loan.id.column(), column(work.now.0)])?;
    let item = SyncItem::FileLent { contact, message, file }.to_bytes();
    let lamport = contacts::next_lamport(work.db, sibling)?;
    let body = KnownBody::Sync { item };
    let content = NewContent { peer: None, message: name, lamport, disappears: None, body, attachment: Some(loan.id) };
    match outbox::send(work, sibling, content) {
        Err(CommandError::Storage(problem)) => Err(problem),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A sibling lends a file: taken when it was asked for, and is the one that the contact's message promised.
pub(crate) fn lent(
    work: &mut Work<'_>,
    contact: ConversationId,
    message: MessageId,
    file: &Manifest,
) -> Result<(), StorageError> {
    let Some(wish) = source(work.db, contact, message)?.filter(|wish| wish.state == State::Asked) else {
        return Ok(());
    };
    if !file.is_well_formed() || (file.size, file.hash) != (wish.size, wish.hash) {
        return Ok(());
    }
    let server = servers::add(work.db, &file.server)?;
    run(
        work.db,
        "UPDATE attachments SET server = ?2, blob = ?3, read = ?4, key = ?5 WHERE id = ?1",
        params![wish.id.column(), server.0, file.blob.0, file.capability.expose(), file.key.expose()],
    )?;
    servers::collect(work.db)?;
    attachments::set_present(work, wish.id, Vec::new())?;
    attachments::set_state(work, wish.id, State::Moving)
}

/// A loan ends, or cannot be made: its content is taken back.
pub(crate) fn give_up(work: &mut Work<'_>, loan: &Attachment) -> Result<(), StorageError> {
    if let (Some(sibling), Some(name)) = (loan.contact, loan.message) {
        outbox::withdraw(work.db, sibling, name)?;
    }
    attachments::drop_one(work, loan.id)
}

/// An attachment goes: what was lent of it goes, too.
pub(crate) fn forget(work: &mut Work<'_>, source: AttachmentId) -> Result<(), StorageError> {
    give_up_all(work, Some(source), None)
}

/// A sibling is taken out, or gone: nothing is lent to it any more.
pub(crate) fn forget_sibling(work: &mut Work<'_>, sibling: ContactId) -> Result<(), StorageError> {
    give_up_all(work, None, Some(sibling))
}

fn give_up_all(work: &mut Work<'_>, of: Option<AttachmentId>, to: Option<ContactId>) -> Result<(), StorageError> {
    for loan in loans(work.db, of, to)? {
        give_up(work, &loan)?;
    }
    Ok(())
}

/// Seconds for which a loan can be fetched: so long do home servers keep blobs.
const LOAN_SECONDS: u64 = 21 * 24 * 3600;

/// Ends loans that nobody fetched in time: the home server has dropped them by now. Then others have their turn.
pub(crate) fn end_old(work: &mut Work<'_>) -> Result<(), StorageError> {
    let before = column(work.now.minus_seconds(LOAN_SECONDS).0);
    let sql = "SELECT id FROM attachments WHERE lends IS NOT NULL AND state <> 1 AND lent_at <= ?1";
    for id in all(work.db, sql, [before], |row| row.get(0).map(AttachmentId::from_column))? {
        let Some(loan) = attachments::find(work.db, id)? else { continue };
        give_up(work, &loan)?;
        if let Some(sibling) = loan.contact {
            start_waiting(work, sibling)?;
        }
    }
    Ok(())
}

/// Seals a chunk anew that leaves as part of a loan; of other attachments it leaves as it is. Nothing when it does not open.
pub(crate) fn sealed_to_leave(
    db: &Connection,
    attachment: &Attachment,
    index: u32,
    chunk: Vec<u8>,
) -> Result<Option<Vec<u8>>, StorageError> {
    let Some(source) = attachment.lends else { return Ok(Some(chunk)) };
    let (Some(source), Some(shape)) = (attachments::find(db, source)?, attachment.shape()) else { return Ok(None) };
    let opened = open_chunk(&source.key, shape, index, &chunk).ok();
    Ok(opened.and_then(|plain| seal_chunk(&attachment.key, shape, index, &plain).ok()))
}
