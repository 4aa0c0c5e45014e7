//! Cards in QR codes: the X-Wing key, for which a code has no room, waits in a blob at the giver's home server.
//!
//! Name, read capability and key of the blob follow from the card, so the code needs no more bytes. The giver uploads
//! it when the person shows a code; the answerer fetches it and checks it against the card (KE-33).

use kith_crypto::attachment::{NewBlob, open_chunk, seal_chunk, words_shape};
use kith_crypto::capability::{delete_verifier, read_verifier};
use kith_crypto::random;
use kith_crypto::sealed::seal;
use kith_session::{CardBlob, CheckedCard, check_card};
use kith_wire::Wire;
use kith_wire::blob::BlobShape;
use kith_wire::card::{CardOffer, CardPurpose};
use kith_wire::id::{BlobId, DeleteCapability, KemKey, ReadCapability};
use kith_wire::operation::{Answer, Operation, Request};
use kith_wire::sealed::SealKind;
use kith_wire::time::Hour;
use rusqlite::{Connection, params};

use crate::api::{ContactId, Ended};
use crate::devices::siblings::State;
use crate::devices::{link_words, siblings};
use crate::errors::CommandError;
use crate::ground::database::{StorageError, all, exists, first, run};
use crate::ground::person;
use crate::ground::work::Work;
use crate::mail::jobs::Job;
use crate::mail::pump::Pump;
use crate::mail::servers::{self, ServerId};
use crate::mail::sessions;
use crate::people::{cards, renewal};

pub(crate) const TABLES: &str = "
CREATE TABLE card_blobs (
    contact INTEGER PRIMARY KEY,
    blob BLOB NOT NULL,
    read BLOB NOT NULL,
    erase BLOB NOT NULL,
    sealed BLOB NOT NULL,
    state INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE card_requests (
    contact INTEGER PRIMARY KEY,
    offer BLOB NOT NULL,
    server INTEGER NOT NULL
) STRICT;
";

/// States of a card's blob: only here, wanted at the home server, there.
const WANTED: i64 = 1;
pub(crate) const THERE: i64 = 2;

/// How a blob with one X-Wing key is cut: one chunk.
fn shape() -> Option<BlobShape> {
    BlobShape::of(KemKey::SIZE as u64)
}

/// Returns how a sealed blob of a card is cut: with its key alone, or with a whole card for whoever types words.
fn shape_of(sealed: &[u8]) -> Option<BlobShape> {
    let shapes = [shape(), words_shape()];
    shapes.into_iter().flatten().find(|shape| shape.sealed_bytes() == sealed.len() as u64)
}

/// Puts a whole card at the home server instead of its key: for a link in words.
pub(crate) fn publish_whole(
    work: &mut Work<'_>,
    contact: ContactId,
    blob: &NewBlob,
    sealed: &[u8],
) -> Result<(), CommandError> {
    if !exists(work.db, "SELECT 1 FROM card_blobs WHERE contact = ?1", [contact.column()])? {
        return Err(CommandError::UnknownContact);
    }
    drop_blob(work.db, contact)?;
    let sql = "INSERT INTO card_blobs (contact, blob, read, erase, sealed, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let row = params![contact.column(), blob.id.0, blob.read.expose(), blob.delete.expose(), sealed, WANTED];
    run(work.db, sql, row)?;
    Ok(())
}

/// Keeps the blob of a new card, in case the card is shown as a code.
pub(crate) fn keep(
    work: &mut Work<'_>,
    contact: ContactId,
    blob: &CardBlob,
    kem: Option<&KemKey>,
) -> Result<(), StorageError> {
    let sealed = shape().zip(kem).map(|(shape, kem)| seal_chunk(&blob.key, shape, 0, kem.as_bytes()));
    let Some(Ok(sealed)) = sealed else { return Err(StorageError::Damaged("card_blobs")) };
    let erase = DeleteCapability::new(random::bytes(work.rng));
    run(
        work.db,
        "INSERT INTO card_blobs (contact, blob, read, erase, sealed) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![contact.column(), blob.id.0, blob.read.expose(), erase.expose(), sealed],
    )?;
    Ok(())
}

/// The person shows the card as a code: its key must be at the home server.
pub(crate) fn publish(work: &mut Work<'_>, contact: ContactId) -> Result<(), CommandError> {
    let key = [contact.column()];
    if !exists(work.db, "SELECT 1 FROM card_blobs WHERE contact = ?1", key)? {
        return Err(CommandError::UnknownContact);
    }
    run(work.db, "UPDATE card_blobs SET state = 1 WHERE contact = ?1 AND state = 0", key)?;
    Ok(())
}

/// The card was answered, has expired or is forgotten: the blob goes.
pub(crate) fn drop_blob(db: &Connection, contact: ContactId) -> Result<(), StorageError> {
    let key = [contact.column()];
    let sql = "INSERT OR REPLACE INTO blob_deletions (blob, erase) \
               SELECT blob, erase FROM card_blobs WHERE contact = ?1 AND state > 0";
    run(db, sql, key)?;
    run(db, "DELETE FROM card_blobs WHERE contact = ?1", key)?;
    Ok(())
}

/// Forgets whatever there is of a contact.
pub(crate) fn forget(db: &Connection, contact: ContactId) -> Result<(), StorageError> {
    drop_blob(db, contact)?;
    run(db, "DELETE FROM card_requests WHERE contact = ?1", [contact.column()])?;
    run(db, "DELETE FROM word_requests WHERE contact = ?1", [contact.column()])?;
    Ok(())
}

/// Remembers a card whose key must be fetched before it can be answered.
pub(crate) fn request(
    db: &Connection,
    contact: ContactId,
    card: &CheckedCard,
    offer: &CardOffer,
) -> Result<(), StorageError> {
    let server = servers::add(db, &card.card().queue.server)?;
    let sql = "INSERT INTO card_requests (contact, offer, server) VALUES (?1, ?2, ?3)";
    run(db, sql, params![contact.column(), offer.to_bytes(), server.0])?;
    Ok(())
}

/// Returns the contacts whose card's key is still to be fetched, with until when each card is good.
pub(crate) fn requested(db: &Connection) -> Result<Vec<(ContactId, Hour)>, StorageError> {
    let rows = all(db, "SELECT contact, offer FROM card_requests", [], |row| {
        Ok((ContactId::from_column(row.get(0)?), row.get::<_, Vec<u8>>(1)?))
    })?;
    // One that cannot be read is found out when its key has come.
    let read = |(contact, offer): (ContactId, Vec<u8>)| {
        let card = CardOffer::from_bytes(&offer).and_then(|offer| offer.card.decode_unverified());
        Some((contact, card.ok()?.not_after))
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

/// Returns whether a card's key is still to be uploaded.
pub(crate) fn has_uploads(db: &Connection) -> Result<bool, StorageError> {
    exists(db, "SELECT 1 FROM card_blobs WHERE state = 1", [])
}

struct Upload {
    blob: BlobId,
    read: ReadCapability,
    erase: DeleteCapability,
    sealed: Vec<u8>,
}

fn upload(db: &Connection, contact: ContactId) -> Result<Option<Upload>, StorageError> {
    let sql = "SELECT blob, read, erase, sealed FROM card_blobs WHERE contact = ?1";
    first(db, sql, [contact.column()], |row| {
        Ok(Upload {
            blob: BlobId(row.get(0)?),
            read: ReadCapability::new(row.get(1)?),
            erase: DeleteCapability::new(row.get(2)?),
            sealed: row.get(3)?,
        })
    })
}

fn request_of(db: &Connection, contact: ContactId) -> Result<Option<CardOffer>, StorageError> {
    let sql = "SELECT offer FROM card_requests WHERE contact = ?1";
    let bytes = first(db, sql, [contact.column()], |row| row.get::<_, Vec<u8>>(0))?;
    bytes.map(|bytes| CardOffer::from_bytes(&bytes).map_err(|_| StorageError::Damaged("card_requests"))).transpose()
}

/// Sends what the keys of cards need.
pub(crate) fn send(pump: &mut Pump<'_>) -> Result<(), StorageError> {
    let wanted = all(pump.db, "SELECT contact FROM card_blobs WHERE state = ?1", [WANTED], |row| row.get(0))?;
    for contact in wanted.into_iter().map(ContactId::from_column) {
        let is_it = |job: &Job| matches!(job, Job::CardCreate(id) | Job::CardPut(id) if *id == contact);
        if pump.is_asking(is_it) || !pump.has_room() {
            continue;
        }
        let Some(upload) = upload(pump.db, contact)? else { continue };
        if let Some(shape) = shape_of(&upload.sealed) {
            let (read, delete) = (read_verifier(&upload.read), delete_verifier(&upload.erase));
            let (blob, chunks, bytes) = (upload.blob, shape.chunks, shape.sealed_bytes());
            pump.ask(Job::CardCreate(contact), Operation::BlobCreate { blob, chunks, bytes, read, delete });
        }
    }
    let sql = "SELECT contact, server FROM card_requests UNION ALL SELECT contact, server FROM word_requests";
    let requests = all(pump.db, sql, [], |row| Ok((ContactId::from_column(row.get(0)?), ServerId(row.get(1)?))))?;
    for (contact, server) in requests {
        send_request(pump, contact, server)?;
    }
    Ok(())
}

fn send_request(pump: &mut Pump<'_>, contact: ContactId, server: ServerId) -> Result<(), StorageError> {
    let is_it = |job: &Job| matches!(job, Job::CardGet { contact: id, .. } if *id == contact);
    if pump.link.is_paused(server) || pump.is_asking(is_it) || !pump.has_room() {
        return Ok(());
    }
    let Some(person) = person::find(pump.db)? else { return Ok(()) };
    pump.refresh(&person, server)?;
    let (Some(epoch), Some(blob)) = (servers::epoch(pump.db, server, pump.now)?, wanted_blob(pump, contact)?) else {
        return Ok(());
    };
    let get = Operation::BlobGet { blob: blob.id, index: 0, capability: blob.read };
    let request = Request { operation: get, signatures: Vec::new() };
    let to = servers::address(pump.db, server)?;
    if let Ok(sealed) = seal(&to.key, &epoch.keys, SealKind::OneShot, &request.to_bytes(), pump.rng) {
        let job = Job::CardGet { contact, server, pending: sealed.pending };
        pump.ask(job, Operation::Relay { to, sealed: sealed.bytes });
    }
    Ok(())
}

/// Returns what is asked for: the key of a card, or the card that words lead to.
fn wanted_blob(pump: &mut Pump<'_>, contact: ContactId) -> Result<Option<NewBlob>, StorageError> {
    if let Some(secret) = link_words::secret(pump.db, contact)? {
        return Ok(Some(NewBlob::of_words(&secret, pump.rng)));
    }
    // An expired card is found out when its key has come.
    let card = request_of(pump.db, contact)?.and_then(|offer| offer.card.decode_unverified().ok());
    Ok(card.map(|card| NewBlob::of_card(&card.reply_secret, pump.rng)))
}

/// The blob is reserved: returns the request that fills it.
pub(crate) fn created(db: &Connection, contact: ContactId) -> Result<Option<Operation>, StorageError> {
    let upload = upload(db, contact)?;
    Ok(upload.map(|upload| Operation::BlobPut { blob: upload.blob, index: 0, chunk: upload.sealed }))
}

/// The blob is there.
pub(crate) fn put(db: &Connection, contact: ContactId) -> Result<(), StorageError> {
    let sql = "UPDATE card_blobs SET state = ?2 WHERE contact = ?1 AND state = 1";
    run(db, sql, params![contact.column(), THERE])?;
    Ok(())
}

/// What became of a request for a card's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fetched {
    /// It is done with.
    Done,
    /// It is asked for again after a pause.
    Later,
}

/// The giver's server answered for the key: the card is answered with it, or given up.
pub(crate) fn got(work: &mut Work<'_>, contact: ContactId, answer: &Answer) -> Result<Fetched, StorageError> {
    if let Some(secret) = link_words::secret(work.db, contact)? {
        return link_words::got(work, contact, &secret, answer);
    }
    let Some(offer) = request_of(work.db, contact)? else { return Ok(Fetched::Done) };
    let purpose = match siblings::find(work.db, contact)?.map(|sibling| sibling.state) {
        None => CardPurpose::Contact,
        Some(State::Linking) => CardPurpose::Join,
        Some(_) => CardPurpose::Link,
    };
    let Ok(card) = check_card(offer, purpose, work.now) else { return give_up(work, contact) };
    // Absent may mean not yet: the giver uploads when they are online.
    let Answer::BlobChunk { chunk } = answer else { return Ok(Fetched::Later) };
    let opened = shape().map(|shape| open_chunk(&card.blob().key, shape, 0, chunk));
    let Some(Ok(bytes)) = opened else { return give_up(work, contact) };
    // KE-33: the key must be the one that the card names.
    let kem = bytes.get(..KemKey::SIZE).and_then(KemKey::from_slice);
    let Some(Ok(card)) = kem.map(|kem| card.with_kem(kem)) else { return give_up(work, contact) };
    match cards::answer_checked(work, contact, &card) {
        Ok(()) => {
            run(work.db, "DELETE FROM card_requests WHERE contact = ?1", [contact.column()])?;
            // The answer leaves only now.
            renewal::expect_until(work, contact, card.card().not_after)?;
            Ok(Fetched::Done)
        }
        Err(CommandError::Storage(problem)) => Err(problem),
        Err(CommandError::NoSpareQueue) => Ok(Fetched::Later),
        Err(_) => give_up(work, contact),
    }
}

/// The card cannot be answered any more: the person needs a new one.
fn give_up(work: &mut Work<'_>, contact: ContactId) -> Result<Fetched, StorageError> {
    run(work.db, "DELETE FROM card_requests WHERE contact = ?1", [contact.column()])?;
    sessions::unusable(work, contact, Ended::CardKey)?;
    Ok(Fetched::Done)
}
