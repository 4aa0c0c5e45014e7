//! The meeting: making a card, answering one, and the two frames that follow.
//!
//! The cryptography is kith-session's; here is what must be stored together, and what is sent again until it is
//! acknowledged.

use kith_crypto::sign::ContactSecret;
use kith_session::{
    AnsweredCard, Answerer, CheckedCard, Confirmed, Giver, LateAnswer, Met, NewCard, Peer, answer, check_card, new_card,
};
use kith_wire::Wire;
use kith_wire::card::{CardOffer, CardPurpose};
use kith_wire::devices::DeviceList;
use kith_wire::frame::Frame;
use kith_wire::signed::Signed;
use rusqlite::{Connection, params};

use crate::api::{ContactId, Ended, Event, Reply, Whom};
use crate::devices::{device_keys, own_devices, sibling_meetings, siblings};
use crate::errors::CommandError;
use crate::ground::database::{StorageError, column, exists, first, run};
use crate::ground::person;
use crate::ground::work::Work;
use crate::mail::outbox::{self, FrameKind, NewFrame};
use crate::mail::{queues, sessions};
use crate::people::contacts::{self, Stage};
use crate::people::{card_keys, renewal, spare_cards, unopened};

/// Binds a sealed contact key to its purpose.
pub(crate) const CONTACT_SECRET_PURPOSE: &[u8] = b"kith/1/contact-secret";

/// What a card is made for.
pub(crate) struct Terms {
    pub(crate) purpose: CardPurpose,
    /// Seconds for which it may be answered.
    pub(crate) expires: u64,
}

/// Makes a card and the contact that waits for its answer. For a contact that is met again, the conversation goes on.
pub(crate) fn new(work: &mut Work<'_>, whom: &Whom, expires: u64) -> Result<Reply, CommandError> {
    person::required(work.db)?;
    check_not_joining(work)?;
    let contact = renewal::contact_for(work, whom, Stage::Invited)?;
    give(work, contact, &Terms { purpose: CardPurpose::Contact, expires })
}

/// Makes a card for a contact, or for a device of the person, that waits for its answer.
pub(crate) fn give(work: &mut Work<'_>, contact: ContactId, terms: &Terms) -> Result<Reply, CommandError> {
    let before = contacts::find(work.db, contact)?.and_then(|contact| contact.conversation);
    let (_, queue) = queues::take_spare(work, contact)?;
    let not_after = work.now.plus_seconds(terms.expires).hour();
    let made = new_card(terms.purpose, identity(work, contact)?, queue, not_after, work.now.day(), work.rng)?;
    let made = before.into_iter().fold(made, NewCard::in_conversation);
    keep_secret(work, contact, &made.contact_secret)?;
    run(
        work.db,
        "UPDATE contacts SET conversation = ?2, device = ?3, own_list = ?4, card = ?5, card_key = ?6, expires = ?7, \
         giver = ?8, own = ?9 WHERE id = ?1",
        params![
            contact.column(),
            made.conversation.0,
            made.own.id().0,
            made.devices.signed().to_bytes(),
            made.hash.0,
            made.contact_secret.public().0,
            column(not_after.start().plus_seconds(3600).0),
            made.giver.to_bytes().as_slice(),
            made.own.to_bytes().as_slice(),
        ],
    )?;
    device_keys::drawn(work, contact)?;
    card_keys::keep(work, contact, &made.blob, made.offer.kem.as_ref())?;
    work.tell(Event::Contact { contact });
    Ok(Reply::Card { card: made.card, contact, offer: Box::new(made.offer) })
}

/// KE-58: a device that is becoming one of another person's meets nobody of its own: its keys are about to change.
fn check_not_joining(work: &Work<'_>) -> Result<(), CommandError> {
    if own_devices::is_joining(work.db)? { Err(CommandError::Joining) } else { Ok(()) }
}

/// Checks that a card can be answered: that it is good, not one's own, and was not answered before (KE-11).
pub(crate) fn check_new(work: &Work<'_>, offer: CardOffer) -> Result<CheckedCard, CommandError> {
    person::required(work.db)?;
    check_not_joining(work)?;
    let card = check_card(offer, CardPurpose::Contact, work.now)?;
    if exists(work.db, "SELECT 1 FROM contacts WHERE card_key = ?1", [card.contact_key().0])? {
        return Err(CommandError::OwnCard);
    }
    if exists(work.db, "SELECT 1 FROM contacts WHERE card = ?1", [card.hash().0])? {
        return Err(CommandError::AlreadyAnswered);
    }
    Ok(card)
}

/// Answers a card, once, and not one's own (KE-11). A card from a code is answered when its key has been fetched.
pub(crate) fn accept(work: &mut Work<'_>, offer: CardOffer, whom: &Whom) -> Result<Reply, CommandError> {
    let card = check_new(work, offer.clone())?;
    let contact = renewal::contact_for(work, whom, Stage::Answered)?;
    answer_or_fetch(work, contact, &card, &offer)?;
    renewal::expect_until(work, contact, card.card().not_after)?;
    work.tell(Event::Contact { contact });
    Ok(Reply::Contact(contact))
}

/// Answers a card that was checked, or asks for its key first.
pub(crate) fn answer_or_fetch(
    work: &mut Work<'_>,
    contact: ContactId,
    card: &CheckedCard,
    offer: &CardOffer,
) -> Result<(), CommandError> {
    run(work.db, "UPDATE contacts SET card = ?2 WHERE id = ?1", params![contact.column(), card.hash().0])?;
    if card.needs_kem() {
        return Ok(card_keys::request(work.db, contact, card, offer)?);
    }
    answer_checked(work, contact, card)
}

/// Answers a card that was checked and has its key.
pub(crate) fn answer_checked(work: &mut Work<'_>, contact: ContactId, card: &CheckedCard) -> Result<(), CommandError> {
    let (_, queue) = queues::take_spare(work, contact)?;
    let answered = answer(card, identity(work, contact)?, queue, work.now.day(), work.rng)?;
    keep_secret(work, contact, &answered.contact_secret)?;
    run(
        work.db,
        "UPDATE contacts SET device = ?2, own_list = ?3, answerer = ?4, own = ?5 WHERE id = ?1",
        params![
            contact.column(),
            answered.own.id().0,
            answered.devices.signed().to_bytes(),
            answered.answerer.to_bytes().as_slice(),
            answered.own.to_bytes().as_slice(),
        ],
    )?;
    device_keys::drawn(work, contact)?;
    let peer = sessions::add(work.db, contact, &answered.peer.queue)?;
    let expires = outbox::expiry(work.now);
    let frame = NewFrame { peer, seq: None, kind: FrameKind::Answer, message: None, frame: &answered.answer, expires };
    outbox::add(work, &frame)?;
    Ok(())
}

/// Returns who this person is towards a new contact: somebody new. Towards the person's own devices a device is always the same.
fn identity(work: &mut Work<'_>, contact: ContactId) -> Result<ContactSecret, StorageError> {
    match siblings::find(work.db, contact)? {
        Some(_) => own_devices::secret(work.db),
        None => Ok(ContactSecret::generate(work.rng)),
    }
}

fn keep_secret(work: &mut Work<'_>, contact: ContactId, secret: &ContactSecret) -> Result<(), CommandError> {
    let user = person::user_key(work.db)?;
    let sealed = user.seal(CONTACT_SECRET_PURPOSE, secret.expose(), work.rng);
    let sealed = sealed.map_err(|_| StorageError::Damaged("user_key"))?;
    run(work.db, "UPDATE contacts SET secret = ?2 WHERE id = ?1", params![contact.column(), sealed])?;
    Ok(())
}

/// What a meeting made of a frame.
pub(crate) enum Meeting {
    /// The frame was part of the meeting, and is done with.
    Done,
    /// It was not.
    NotMine,
}

/// Takes a frame for an answer or a confirmation, when the contact waits for one.
pub(crate) fn receive(work: &mut Work<'_>, contact: ContactId, frame: &Frame) -> Result<Meeting, StorageError> {
    let row = first(work.db, "SELECT giver, answerer FROM contacts WHERE id = ?1", [contact.column()], |row| {
        Ok((row.get::<_, Option<Vec<u8>>>(0)?, row.get::<_, Option<Vec<u8>>>(1)?))
    })?;
    match row {
        Some((Some(giver), _)) => receive_answer(work, contact, &giver, frame),
        Some((_, Some(answerer))) => receive_confirm(work, contact, &answerer, frame),
        _ => Ok(Meeting::NotMine),
    }
}

fn receive_answer(
    work: &mut Work<'_>,
    contact: ContactId,
    giver: &[u8],
    frame: &Frame,
) -> Result<Meeting, StorageError> {
    let giver = Giver::from_bytes(giver).map_err(|_| StorageError::Damaged("contacts"))?;
    let Ok(met) = giver.accept(frame, work.now, work.rng) else { return Ok(Meeting::NotMine) };
    if !sibling_meetings::is_answered_by(work.db, contact, &met.peer.contact_key)? {
        return Ok(Meeting::Done);
    }
    let Met { session, peer, digits, confirm, answered, conversation, .. } = met;
    let Peer { queue, .. } = peer;
    run(
        work.db,
        "UPDATE contacts SET giver = NULL, answered = ?2, digits = ?3, conversation = ?4, expires = NULL, pq_since = ?5 \
         WHERE id = ?1",
        params![contact.column(), answered.to_bytes().as_slice(), digits.join(" "), conversation.0, column(work.now.0)],
    )?;
    renewal::expect_until(work, contact, outbox::expiry(work.now).hour())?;
    card_keys::drop_blob(work.db, contact)?;
    let peer = sessions::add(work.db, contact, &queue)?;
    sessions::begin(work, contact, peer, session)?;
    sessions::keep(work, peer, &confirm, None, FrameKind::Confirm)?;
    contacts::set_stage(work, contact, Stage::Answered)?;
    Ok(Meeting::Done)
}

fn receive_confirm(
    work: &mut Work<'_>,
    contact: ContactId,
    answerer: &[u8],
    frame: &Frame,
) -> Result<Meeting, StorageError> {
    let answerer = Answerer::from_bytes(answerer).map_err(|_| StorageError::Damaged("contacts"))?;
    let Ok(confirmed) = answerer.confirm(frame, work.now, work.rng) else { return Ok(Meeting::NotMine) };
    let Confirmed { session, digits, conversation, first, peer_devices } = confirmed;
    if contacts::is_anothers(work.db, contact, conversation)? {
        return end_meeting(work, contact);
    }
    contacts::goes_on_as(work.db, contact, conversation)?;
    run(
        work.db,
        "UPDATE contacts SET answerer = NULL, digits = ?2, pq_since = ?3, peer_list = ?4 WHERE id = ?1",
        params![contact.column(), digits.join(" "), column(work.now.0), peer_devices.signed().to_bytes()],
    )?;
    if let Some(peer) = sessions::of_contact(work.db, contact)?.first() {
        outbox::drop_answer(work.db, peer.id)?;
        sessions::begin(work, contact, peer.id, session)?;
        sessions::keep(work, peer.id, &first, None, FrameKind::Control)?;
    }
    contacts::set_stage(work, contact, Stage::Established)?;
    outbox::seal_waiting(work, contact)?;
    spare_cards::go_on(work, contact)?;
    Ok(Meeting::Done)
}

/// KE-129: the giver's conversation is the one with somebody else here. Whoever knows its id would be taken for them by the siblings.
fn end_meeting(work: &mut Work<'_>, contact: ContactId) -> Result<Meeting, StorageError> {
    run(work.db, "UPDATE contacts SET answerer = NULL WHERE id = ?1", [contact.column()])?;
    for peer in sessions::of_contact(work.db, contact)? {
        sessions::end(work, &peer, Ended::Unreadable)?;
    }
    Ok(Meeting::Done)
}

/// Looks at a frame that no session opens: is it an answer to a card that was answered already (KE-13)?
pub(crate) fn receive_late(work: &mut Work<'_>, contact: ContactId, frame: &Frame) -> Result<(), StorageError> {
    let row = first(work.db, "SELECT answered FROM contacts WHERE id = ?1", [contact.column()], |row| {
        row.get::<_, Option<Vec<u8>>>(0)
    })?;
    let Some(answered) = row.flatten() else { return unopened::note(work, contact) };
    let answered = AnsweredCard::from_bytes(&answered).map_err(|_| StorageError::Damaged("contacts"))?;
    match answered.classify(frame) {
        LateAnswer::Same => outbox::hurry_confirm(work.db, contact, work.now)?,
        LateAnswer::Different => work.tell(Event::CardAnsweredTwice { contact }),
        LateAnswer::Garbage => unopened::note(work, contact)?,
    }
    Ok(())
}

/// Lets a card go whose time is over: nobody can answer it any more, its queue is deleted.
pub(crate) fn expire(work: &mut Work<'_>) -> Result<(), StorageError> {
    let sql = "SELECT id FROM contacts WHERE giver IS NOT NULL AND expires <= ?1";
    let late = work.now.minus_seconds(LATE_ANSWER_SECONDS);
    let over =
        crate::ground::database::all(work.db, sql, [column(late.0)], |row| row.get(0).map(ContactId::from_column))?;
    for contact in over {
        run(work.db, "UPDATE contacts SET giver = NULL, expires = NULL WHERE id = ?1", [contact.column()])?;
        queues::forget(work.db, contact)?;
        card_keys::drop_blob(work.db, contact)?;
        work.tell(Event::Contact { contact });
    }
    Ok(())
}

/// Seconds for which an answer that was given in time may be under way: 21 days in a queue and 7 between servers.
pub(crate) const LATE_ANSWER_SECONDS: u64 = 28 * 24 * 3600;

/// Returns the device list of a contact that was verified last.
pub(crate) fn peer_list(db: &Connection, contact: ContactId) -> Result<Option<DeviceList>, StorageError> {
    let row = first(db, "SELECT peer_list FROM contacts WHERE id = ?1", [contact.column()], |row| {
        row.get::<_, Option<Vec<u8>>>(0)
    })?;
    let Some(bytes) = row.flatten() else { return Ok(None) };
    let signed = Signed::<DeviceList>::from_bytes(&bytes).and_then(|signed| signed.decode_unverified());
    signed.map(Some).map_err(|_| StorageError::Damaged("contacts"))
}
