//! A link in words: for a new device without a camera or a clipboard, on which the person types twelve words (KE-84).
//!
//! The whole card of the link waits in a blob at the home server of the device that made it. Name, read capability and key of the blob follow
//! from the words. How words are written is the program's business: here they are sixteen bytes.

use kith_crypto::attachment::{NewBlob, open_chunk, seal_chunk, words_shape};
use kith_crypto::hash::hash_signed;
use kith_crypto::random;
use kith_session::check_card;
use kith_wire::Wire;
use kith_wire::address::{ServerAddress, ServerUrl};
use kith_wire::card::{CardOffer, CardPurpose};
use kith_wire::id::LinkSecret;
use kith_wire::operation::{Answer, Refusal};
use kith_wire::padding::{LENGTH_BYTES, pad_to, unpad};
use rusqlite::{Connection, params};

use crate::api::{ContactId, Event, LinkInWords, Reply};
use crate::devices::siblings::{self, State};
use crate::devices::{linking, own_devices};
use crate::errors::CommandError;
use crate::ground::database::{StorageError, all, column, exists, first, run};
use crate::ground::person;
use crate::ground::work::Work;
use crate::mail::servers;
use crate::people::card_keys::{self, Fetched};
use crate::people::cards;
use crate::people::contacts::Stage;

/// What version 4 adds: words that were typed here, and where their card is looked for.
pub(crate) const TABLES_4: &str = "
CREATE TABLE word_requests (contact INTEGER PRIMARY KEY, server INTEGER NOT NULL, secret BLOB NOT NULL) STRICT;
";

/// Seconds for which the card is looked for.
const LOOK_SECONDS: u64 = 3600;

/// Puts the card of a link where words lead to.
pub(crate) fn publish(work: &mut Work<'_>, contact: ContactId, offer: &CardOffer) -> Result<Reply, CommandError> {
    let is_of_link = siblings::find(work.db, contact)?.is_some_and(|sibling| sibling.state == State::Linking);
    let sql = "SELECT 1 FROM contacts WHERE id = ?1 AND card = ?2 AND giver IS NOT NULL";
    let is_its_card = exists(work.db, sql, params![contact.column(), hash_signed(&offer.card).0])?;
    if !is_of_link || !is_its_card || offer.kem.is_none() {
        return Err(CommandError::UnknownContact);
    }
    let secret = LinkSecret::new(random::bytes(work.rng));
    let blob = NewBlob::of_words(&secret, work.rng);
    let padded = pad_to(&offer.to_bytes(), CardOffer::MAX_BYTES + LENGTH_BYTES);
    let sealed = words_shape().zip(padded).and_then(|(shape, padded)| seal_chunk(&blob.key, shape, 0, &padded).ok());
    let sealed = sealed.ok_or(StorageError::Damaged("card_blobs"))?;
    card_keys::publish_whole(work, contact, &blob, &sealed)?;
    Ok(Reply::Words(secret))
}

/// Looks for the card that words lead to, at the home server of the device that shows them. Whose key that server has, the card will tell: until
/// then the one that it proves is good enough, because it learns nothing from being asked.
pub(crate) fn join(
    work: &mut Work<'_>,
    url: &ServerUrl,
    descriptor: &[u8],
    secret: &LinkSecret,
    name: &str,
) -> Result<Reply, CommandError> {
    linking::check_fresh(work, name)?;
    let address = ServerAddress { url: url.clone(), key: person::named_key(descriptor)? };
    linking::begin_anew(work)?;
    let server = servers::add(work.db, &address)?;
    servers::learn(work.db, server, descriptor, work.now)?;
    own_devices::named(work, name)?;
    let contact = linking::join_anew(work, Stage::Answered)?;
    linking::lasts_until(work.db, contact, work.now.plus_seconds(LOOK_SECONDS).hour())?;
    let sql = "INSERT INTO word_requests (contact, server, secret) VALUES (?1, ?2, ?3)";
    run(work.db, sql, params![contact.column(), server.0, secret.expose()])?;
    work.tell(Event::Devices);
    Ok(Reply::Contact(contact))
}

/// Returns the links of this device that wait for somebody to type their words.
pub(crate) fn waiting(db: &Connection) -> Result<Vec<LinkInWords>, StorageError> {
    let Some(shape) = words_shape() else { return Ok(Vec::new()) };
    let sql = "SELECT contact, state = ?2 FROM card_blobs WHERE length(sealed) = ?1";
    all(db, sql, params![column(shape.sealed_bytes()), card_keys::THERE], |row| {
        Ok(LinkInWords { contact: ContactId::from_column(row.get(0)?), is_there: row.get(1)? })
    })
}

/// Returns the words whose card is looked for.
pub(crate) fn secret(db: &Connection, contact: ContactId) -> Result<Option<LinkSecret>, StorageError> {
    let sql = "SELECT secret FROM word_requests WHERE contact = ?1";
    first(db, sql, [contact.column()], |row| row.get(0).map(LinkSecret::new))
}

/// Returns whether the card is still looked for.
pub(crate) fn are_wanted(db: &Connection, contact: ContactId) -> Result<bool, StorageError> {
    exists(db, "SELECT 1 FROM word_requests WHERE contact = ?1", [contact.column()])
}

/// The server has answered: the card is answered in turn. Nothing (KE-137), and what is no card of a link, end the attempt.
pub(crate) fn got(
    work: &mut Work<'_>,
    contact: ContactId,
    secret: &LinkSecret,
    answer: &Answer,
) -> Result<Fetched, StorageError> {
    let chunk = match answer {
        Answer::BlobChunk { chunk } => chunk,
        Answer::Refused { reason: Refusal::NotFound } => return give_up(work, contact),
        _ => return Ok(Fetched::Later),
    };
    let key = NewBlob::of_words(secret, work.rng).key;
    let opened = words_shape().and_then(|shape| open_chunk(&key, shape, 0, chunk).ok());
    let padded = opened.as_deref().and_then(|bytes| bytes.get(..CardOffer::MAX_BYTES + LENGTH_BYTES));
    let offer = padded.and_then(|padded| CardOffer::from_bytes(unpad(padded).ok()?).ok());
    let card = offer.as_ref().and_then(|offer| check_card(offer.clone(), CardPurpose::Link, work.now).ok());
    let (Some(offer), Some(card)) = (offer, card) else { return give_up(work, contact) };
    match cards::answer_or_fetch(work, contact, &card, &offer) {
        Ok(()) => {}
        Err(CommandError::Storage(problem)) => return Err(problem),
        Err(CommandError::NoSpareQueue) => return Ok(Fetched::Later),
        Err(_) => return give_up(work, contact),
    }
    run(work.db, "DELETE FROM word_requests WHERE contact = ?1", [contact.column()])?;
    linking::lasts_until(work.db, contact, card.card().not_after)?;
    work.tell(Event::Devices);
    Ok(Fetched::Done)
}

fn give_up(work: &mut Work<'_>, contact: ContactId) -> Result<Fetched, StorageError> {
    siblings::drop_row(work, contact)?;
    Ok(Fetched::Done)
}
