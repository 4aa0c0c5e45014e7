//! Devices of persons who know each other meet: device cards given, passed on, answered and confirmed.
//!
//! A row is one meeting under way between this device and one of a contact. When it is done, the device is a row of `peers`
//! with a session.

use std::borrow::Cow;

use kith_crypto::sign::{Verified, open};
use kith_session::{
    AnsweredCard, Answerer, CheckedCard, Giver, LateAnswer, ListedDevice, answer_device, check_card, check_list,
    device_card,
};
use kith_wire::Wire;
use kith_wire::address::QueueAddress;
use kith_wire::card::{CardOffer, CardPurpose};
use kith_wire::content::KnownBody;
use kith_wire::devices::DeviceList;
use kith_wire::frame::Frame;
use kith_wire::id::{ConversationId, DeviceId, Hash, MessageId};
use kith_wire::signed::Signed;
use kith_wire::sync::SyncItem;
use rusqlite::{Connection, params};

use crate::api::ContactId;
use crate::devices::{device_keys, siblings, sync};
use crate::errors::CommandError;
use crate::ground::clocks::{ANY, Mended, PutOff};
use crate::ground::database::{StorageError, all, column, count, exists, first, run};
use crate::ground::work::Work;
use crate::mail::outbox::{self, FrameKind, NewContent, NewFrame};
use crate::mail::queues::{self, QueueState};
use crate::mail::sessions::{self, PeerId};
use crate::people::contacts::{self, Stage};
use crate::people::{named, own_lists, peer_list, spare_cards};
use crate::recovery::restored;

pub(crate) const TABLES: &str = "
CREATE TABLE introductions (
    contact INTEGER NOT NULL,
    device BLOB NOT NULL,
    card BLOB NOT NULL,
    giver BLOB,
    answerer BLOB,
    answered BLOB,
    offer BLOB,
    peer INTEGER,
    expires INTEGER NOT NULL,
    PRIMARY KEY (contact, device)
) STRICT, WITHOUT ROWID;
CREATE TABLE cards_waiting (
    contact INTEGER NOT NULL,
    device BLOB NOT NULL,
    list BLOB NOT NULL,
    offer BLOB NOT NULL,
    PRIMARY KEY (contact, offer)
) STRICT, WITHOUT ROWID;
";

/// Seconds for which a device card may be answered.
const CARD_SECONDS: u64 = 30 * 24 * 3600;
/// Seconds after which an unanswered device card is given again: whoever was to pass it on may have lost it, with a session that ended or
/// with a device that is gone.
const AGAIN_SECONDS: u64 = 7 * 24 * 3600;
/// Seconds for which a device waits before it gives a card to a device of a contact that it has heard of: that one gives
/// cards to everybody when it is new, and its card is under way.
const PATIENCE_SECONDS: u64 = 24 * 3600;

/// When this device gives cards to devices that it has heard of.
pub(crate) const PUT_OFF: PutOff = PutOff {
    table: "contacts",
    time: "introduce_at",
    which: ANY,
    longest_ms: PATIENCE_SECONDS * 1000,
    mended: Mended::ByAsMuch,
};
/// When another card is given in the place of one that nobody has answered.
pub(crate) const GIVEN: PutOff = PutOff {
    table: "introductions",
    time: "expires",
    which: Cow::Borrowed("giver IS NOT NULL"),
    longest_ms: AGAIN_SECONDS * 1000,
    mended: Mended::ByAsMuch,
};
/// When a card is let go that could not be answered yet. One that was answered is left alone: given up too early, because the clock is behind
/// now, it would be answered once more, with other keys, and be taken for somebody else's.
pub(crate) const TO_BE_ANSWERED: PutOff = PutOff {
    table: "introductions",
    time: "expires",
    which: Cow::Borrowed("offer IS NOT NULL"),
    longest_ms: CARD_SECONDS * 1000,
    mended: Mended::ByAsMuch,
};

/// Gives a card to every device of a contact that this one has not met.
pub(crate) fn go_on(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    answer_waiting(work, contact)?;
    pass_waiting(work, contact)?;
    let Some(known) = contacts::find(work.db, contact)? else { return Ok(()) };
    let (Some(conversation), Some(own)) = (known.conversation, own_lists::own_device(work.db, contact)?) else {
        return Ok(());
    };
    let (Some(list), Some(peers)) = (own_lists::newest(work.db, contact)?, verified_peers(work.db, contact)?) else {
        return Ok(());
    };
    let is_named = list.get().devices.iter().any(|device| device.id == own.id());
    if known.is_sibling || known.blocked || known.stage != Stage::Established || !is_named {
        return Ok(());
    }
    // After a restore nobody could pass a card on: spare cards come first.
    if restored::is_waiting(work.db, contact)? {
        return Ok(());
    }
    for device in &peers.get().devices {
        let is_known = has_met(work.db, contact, device.id)? || is_under_way(work, contact, device.id)?;
        if is_known || named::is_revoked(work.db, contact, device.id)? {
            continue;
        }
        let Some(to) = listed(work, contact, &peers, |known| known.id() == device.id)? else { continue };
        // Without a queue it waits until one is there: see `queue_made`.
        let Some(queue) = own_queue(work, contact)? else { return Ok(()) };
        let expires = work.now.plus_seconds(CARD_SECONDS);
        let made = device_card(&own, &list, &to, conversation, queue, expires.hour(), work.rng);
        let Ok(made) = made else { continue };
        let giver = made.giver.to_bytes();
        let ends = column(work.now.plus_seconds(AGAIN_SECONDS).0);
        let row = params![contact.column(), device.id.0, made.hash.0, giver.as_slice(), ends];
        let sql =
            "INSERT OR REPLACE INTO introductions (contact, device, card, giver, expires) VALUES (?1, ?2, ?3, ?4, ?5)";
        run(work.db, sql, row)?;
        send(work, contact, conversation, device.id, list.signed().clone(), made.offer)?;
    }
    Ok(())
}

/// Sends a device card on its way: in a session with a device of the contact, or by way of a sibling that has one.
fn send(
    work: &mut Work<'_>,
    contact: ContactId,
    conversation: ConversationId,
    to: DeviceId,
    list: Signed<DeviceList>,
    offer: CardOffer,
) -> Result<(), StorageError> {
    if let Some(peer) = messenger(work.db, contact, to)? {
        return say(work, contact, peer, to, list, offer);
    }
    sync::tell(work, &SyncItem::Introduction { contact: conversation, to, list, offer: Box::new(offer) })
}

/// Returns the device of a contact that takes a card to `to`: itself, or any other that was met.
fn messenger(db: &Connection, contact: ContactId, to: DeviceId) -> Result<Option<PeerId>, StorageError> {
    let peers = sessions::in_use(db, contact)?;
    let mut met = Vec::new();
    for peer in peers {
        if peer.session(db)?.is_some_and(|session| session.is_established()) {
            met.push(peer);
        }
    }
    let direct = met.iter().find(|peer| peer.device == Some(to));
    Ok(direct.or(met.first()).map(|peer| peer.id))
}

fn say(
    work: &mut Work<'_>,
    contact: ContactId,
    peer: PeerId,
    to: DeviceId,
    list: Signed<DeviceList>,
    offer: CardOffer,
) -> Result<(), StorageError> {
    let message = MessageId(kith_crypto::random::bytes(work.rng));
    let lamport = contacts::next_lamport(work.db, contact)?;
    let body = KnownBody::DeviceCard { to, list, offer: Box::new(offer) };
    let content = NewContent { peer: Some(peer), message, lamport, disappears: None, body, attachment: None };
    match outbox::send(work, contact, content) {
        Err(CommandError::Storage(problem)) => Err(problem),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A sibling asks to pass a card on.
pub(crate) fn pass_on(
    work: &mut Work<'_>,
    conversation: ConversationId,
    to: DeviceId,
    list: Signed<DeviceList>,
    offer: CardOffer,
) -> Result<(), StorageError> {
    own_lists::told(work, conversation, list.clone())?;
    let Some(contact) = contacts::by_conversation(work.db, conversation)? else { return Ok(()) };
    match messenger(work.db, contact, to)? {
        Some(peer) => say(work, contact, peer, to, list, offer),
        // This device has met nobody of the contact either.
        None => keep(work.db, contact, to, &list, &offer),
    }
}

/// Keeps a card that cannot be passed on yet: it is for a device of the contact, and nobody of the contact was met, or for a
/// sibling, and it is not known which one.
fn keep(
    db: &Connection,
    contact: ContactId,
    to: DeviceId,
    list: &Signed<DeviceList>,
    offer: &CardOffer,
) -> Result<(), StorageError> {
    if count(db, "SELECT count(*) FROM cards_waiting WHERE contact = ?1", [contact.column()])? >= MAX_WAITING {
        return Ok(());
    }
    let sql = "INSERT OR IGNORE INTO cards_waiting (contact, device, list, offer) VALUES (?1, ?2, ?3, ?4)";
    run(db, sql, params![contact.column(), to.0, list.to_bytes(), offer.to_bytes()])?;
    Ok(())
}

/// Cards that wait for a contact at most: each of eight devices gives one to each of eight.
const MAX_WAITING: u64 = 64;

/// Passes on the cards that waited, as far as they can be: somebody of the contact was met, or a sibling has said who it is.
pub(crate) fn pass_waiting(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    let sql = "SELECT device, list, offer FROM cards_waiting WHERE contact = ?1";
    let waiting = all(work.db, sql, [contact.column()], |row| {
        Ok((DeviceId(row.get(0)?), row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?))
    })?;
    let Some(key) = contacts::peer_key(work.db, contact)? else { return Ok(()) };
    for (to, list, offer) in waiting {
        let sql = "DELETE FROM cards_waiting WHERE contact = ?1 AND offer = ?2";
        run(work.db, sql, params![contact.column(), offer])?;
        let (Ok(list), Ok(offer)) = (Signed::<DeviceList>::from_bytes(&list), CardOffer::from_bytes(&offer)) else {
            continue;
        };
        match (check_list(list.clone(), &key), messenger(work.db, contact, to)?) {
            (Ok(theirs), _) => hand_over(work, contact, to, &theirs, offer)?,
            (Err(_), Some(peer)) => say(work, contact, peer, to, list, offer)?,
            (Err(_), None) => keep(work.db, contact, to, &list, &offer)?,
        }
    }
    Ok(())
}

/// A device of a contact brought a card: for this device, or for a sibling.
pub(crate) fn came(
    work: &mut Work<'_>,
    contact: ContactId,
    to: DeviceId,
    list: Signed<DeviceList>,
    offer: CardOffer,
) -> Result<(), StorageError> {
    let Some(key) = contacts::peer_key(work.db, contact)? else { return Ok(()) };
    let Ok(list) = check_list(list, &key) else { return Ok(()) };
    peer_list::learn(work, contact, &list)?;
    let Some(known) = contacts::find(work.db, contact)? else { return Ok(()) };
    if known.device == Some(to) {
        return answer(work, contact, &list, offer);
    }
    hand_over(work, contact, to, &list, offer)
}

/// Gives a card of a contact's device to the sibling that it is for.
fn hand_over(
    work: &mut Work<'_>,
    contact: ContactId,
    to: DeviceId,
    list: &Verified<DeviceList>,
    offer: CardOffer,
) -> Result<(), StorageError> {
    let owner = own_lists::owners(work.db, contact)?.into_iter().find(|(_, here)| *here == to);
    let conversation = contacts::find(work.db, contact)?.and_then(|contact| contact.conversation);
    let Some(conversation) = conversation else { return Ok(()) };
    let Some((owner, _)) = owner else { return keep(work.db, contact, to, list.signed(), &offer) };
    for sibling in siblings::linked(work.db)?.into_iter().filter(|sibling| sibling.device == Some(owner)) {
        let (list, offer) = (list.signed().clone(), Box::new(offer.clone()));
        sync::tell_one(work, sibling.contact, &SyncItem::CardForYou { contact: conversation, list, offer })?;
    }
    Ok(())
}

/// Answers a device card (KS-50). When both devices gave each other one, that of the lower id counts.
pub(crate) fn answer(
    work: &mut Work<'_>,
    contact: ContactId,
    list: &Verified<DeviceList>,
    offer: CardOffer,
) -> Result<(), StorageError> {
    peer_list::learn(work, contact, list)?;
    let Ok(card) = check_card(offer.clone(), CardPurpose::Device, work.now) else { return Ok(()) };
    let key = card.contact_key().0;
    let Some(from) = listed(work, contact, list, |known| known.has_key(&key))? else { return Ok(()) };
    let Some(own) = own_lists::own_device(work.db, contact)? else { return Ok(()) };
    if is_answered(work.db, contact, from.id(), card.hash())? || named::is_revoked(work.db, contact, from.id())? {
        return Ok(());
    }
    // A contact that names ever new devices makes nothing grow without bound.
    let in_use = "SELECT count(*) FROM peers WHERE contact = ?1 AND stopped = 0";
    if count(work.db, in_use, [contact.column()])? >= MAX_MET {
        return Ok(());
    }
    match sessions::with_device(work.db, contact, from.id())? {
        // The giver was away for so long that it gave a new card: it never saw the answer to the one before.
        Some(unfinished) if !unfinished.has_session() => sessions::remove(work, &unfinished)?,
        Some(_) => return Ok(()),
        None => {}
    }
    if gives(work.db, contact, from.id())? && own.id() < from.id() {
        return Ok(());
    }
    let Some(devices) = own_lists::newest(work.db, contact)? else { return Ok(()) };
    drop_row(work, contact, from.id())?;
    let is_named = devices.get().devices.iter().any(|device| device.id == own.id());
    let queue = if is_named { own_queue(work, contact)? } else { None };
    let expires = column(work.now.plus_seconds(CARD_SECONDS).0);
    let Some(queue) = queue else {
        let sql =
            "INSERT OR REPLACE INTO introductions (contact, device, card, offer, expires) VALUES (?1, ?2, ?3, ?4, ?5)";
        let row = params![contact.column(), from.id().0, card.hash().0, offer.to_bytes(), expires];
        run(work.db, sql, row)?;
        return Ok(());
    };
    let Ok(answered) = answer_device(&card, &from, &own, &devices, queue, work.rng) else { return Ok(()) };
    let peer = sessions::add(work.db, contact, &answered.queue)?;
    sessions::set_device(work.db, peer, from.id())?;
    let frame_expires = outbox::expiry(work.now);
    let frame = NewFrame {
        peer,
        seq: None,
        kind: FrameKind::Answer,
        message: None,
        frame: &answered.answer,
        expires: frame_expires,
    };
    outbox::add(work, &frame)?;
    self::answered(work.db, contact, from.id(), &card, &answered.answerer, peer, expires)
}

/// Remembers that a card was answered whose answer is under way to the device that gave it.
pub(crate) fn answered(
    db: &Connection,
    contact: ContactId,
    device: DeviceId,
    card: &CheckedCard,
    answerer: &Answerer,
    peer: PeerId,
    expires: i64,
) -> Result<(), StorageError> {
    let sql = "INSERT OR REPLACE INTO introductions (contact, device, card, answerer, peer, expires) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let answerer = answerer.to_bytes();
    let row = params![contact.column(), device.0, card.hash().0, answerer.as_slice(), peer.0, expires];
    run(db, sql, row)?;
    Ok(())
}

/// Answers cards that waited for a queue, or for this device to be in the list.
fn answer_waiting(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    let sql = "SELECT offer FROM introductions WHERE contact = ?1 AND offer IS NOT NULL";
    let offers = all(work.db, sql, [contact.column()], |row| row.get::<_, Vec<u8>>(0))?;
    let Some(list) = verified_peers(work.db, contact)? else { return Ok(()) };
    for offer in offers {
        if let Ok(offer) = CardOffer::from_bytes(&offer) {
            run(
                work.db,
                "DELETE FROM introductions WHERE contact = ?1 AND offer = ?2",
                params![contact.column(), offer.to_bytes()],
            )?;
            answer(work, contact, &list, offer)?;
        }
    }
    Ok(())
}

/// What a frame in the contact's queue is to the meetings under way.
pub(crate) fn receive(work: &mut Work<'_>, contact: ContactId, frame: &Frame) -> Result<bool, StorageError> {
    let sql = "SELECT device, giver, answerer, answered, peer FROM introductions WHERE contact = ?1";
    let rows = all(work.db, sql, [contact.column()], |row| {
        Ok(Meeting {
            device: DeviceId(row.get(0)?),
            giver: row.get(1)?,
            answerer: row.get(2)?,
            answered: row.get(3)?,
            peer: row.get::<_, Option<i64>>(4)?.map(PeerId),
        })
    })?;
    for meeting in rows {
        if receive_in(work, contact, &meeting, frame)? {
            return Ok(true);
        }
    }
    Ok(false)
}

struct Meeting {
    device: DeviceId,
    giver: Option<Vec<u8>>,
    answerer: Option<Vec<u8>>,
    answered: Option<Vec<u8>>,
    peer: Option<PeerId>,
}

fn receive_in(work: &mut Work<'_>, contact: ContactId, meeting: &Meeting, frame: &Frame) -> Result<bool, StorageError> {
    let damaged = |_| StorageError::Damaged("introductions");
    if let Some(giver) = &meeting.giver {
        let mut giver = Giver::from_bytes(giver).map_err(damaged)?;
        let Some(peers) = verified_peers(work.db, contact)? else { return Ok(false) };
        let expected = listed(work, contact, &peers, |known| known.id() == meeting.device)?;
        let Some(expected) = expected else { return Ok(false) };
        giver.expect(expected);
        let Ok(met) = giver.accept(frame, work.now, work.rng) else { return Ok(false) };
        let peer = sessions::add(work.db, contact, &met.peer.queue)?;
        sessions::set_device(work.db, peer, meeting.device)?;
        sessions::begin(work, contact, peer, met.session)?;
        sessions::keep(work, peer, &met.confirm, None, FrameKind::Confirm)?;
        let sql = "UPDATE introductions SET giver = NULL, answered = ?3, peer = ?4 WHERE contact = ?1 AND device = ?2";
        let answered = met.answered.to_bytes();
        run(work.db, sql, params![contact.column(), meeting.device.0, answered.as_slice(), peer.0])?;
        return Ok(true);
    }
    if let (Some(answerer), Some(peer)) = (&meeting.answerer, meeting.peer) {
        let answerer = Answerer::from_bytes(answerer).map_err(damaged)?;
        let Ok(confirmed) = answerer.confirm(frame, work.now, work.rng) else { return Ok(false) };
        outbox::drop_answer(work.db, peer)?;
        sessions::begin(work, contact, peer, confirmed.session)?;
        sessions::keep(work, peer, &confirmed.first, None, FrameKind::Control)?;
        let sql = "DELETE FROM introductions WHERE contact = ?1 AND device = ?2";
        run(work.db, sql, params![contact.column(), meeting.device.0])?;
        peer_list::learn(work, contact, &confirmed.peer_devices)?;
        outbox::seal_waiting(work, contact)?;
        pass_waiting(work, contact)?;
        restored::met(work, contact)?;
        spare_cards::go_on(work, contact)?;
        return Ok(true);
    }
    if let (Some(answered), Some(peer)) = (&meeting.answered, meeting.peer) {
        let answered = AnsweredCard::from_bytes(answered).map_err(damaged)?;
        if answered.classify(frame) == LateAnswer::Same {
            outbox::hurry(work.db, peer, work.now)?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// A queue was made: whoever waited for one goes on.
pub(crate) fn queue_made(work: &mut Work<'_>) -> Result<(), StorageError> {
    for contact in waiting_for_queues(work.db)? {
        go_on(work, contact)?;
    }
    Ok(())
}

/// Returns the contacts that this device knows from a sibling and has no queue for yet.
pub(crate) fn waiting_for_queues(db: &Connection) -> Result<Vec<ContactId>, StorageError> {
    let sql = "SELECT c.id FROM contacts c WHERE c.kind = 0 AND c.stage = 2 AND c.own IS NOT NULL AND c.blocked = 0 \
               AND NOT EXISTS (SELECT 1 FROM queues q WHERE q.contact = c.id AND q.state = 2) ORDER BY c.id LIMIT 64";
    all(db, sql, [], |row| row.get(0).map(ContactId::from_column))
}

/// Drops cards that were given and not answered in time, once everything was heard that waits at the home server: an answer may be among it.
/// Others are given in their place.
pub(crate) fn expire(work: &mut Work<'_>) -> Result<(), StorageError> {
    drop_over(work, "giver IS NOT NULL")
}

fn drop_over(work: &mut Work<'_>, which: &str) -> Result<(), StorageError> {
    let sql = format!("SELECT contact, device FROM introductions WHERE expires <= ?1 AND {which}");
    let over = all(work.db, &sql, [column(work.now.0)], |row| {
        Ok((ContactId::from_column(row.get(0)?), DeviceId(row.get(1)?)))
    })?;
    for (contact, device) in over {
        drop_row(work, contact, device)?;
        let sql = "UPDATE contacts SET introduce_at = ?2 WHERE id = ?1 AND kind = 0";
        run(work.db, sql, params![contact.column(), column(work.now.0)])?;
    }
    Ok(())
}

/// Gives cards to devices that were heard of long enough ago, and again where one expired.
pub(crate) fn wake(work: &mut Work<'_>) -> Result<(), StorageError> {
    drop_over(work, "offer IS NOT NULL")?;
    let sql = "SELECT id FROM contacts WHERE introduce_at <= ?1";
    let due = all(work.db, sql, [column(work.now.0)], |row| row.get(0).map(ContactId::from_column))?;
    for contact in due {
        run(work.db, "UPDATE contacts SET introduce_at = NULL WHERE id = ?1", [contact.column()])?;
        go_on(work, contact)?;
    }
    Ok(())
}

/// A list of a contact names devices that were not met: their cards are awaited for a while, then this device gives its own.
pub(crate) fn heard_of(work: &mut Work<'_>, contact: ContactId, list: &DeviceList) -> Result<(), StorageError> {
    for device in &list.devices {
        if !has_met(work.db, contact, device.id)? {
            named::await_one(work.db, contact, device.id)?;
        }
        if !has_met(work.db, contact, device.id)? && !is_under_way(work, contact, device.id)? {
            let at = column(work.now.plus_seconds(PATIENCE_SECONDS).0);
            let sql = "UPDATE contacts SET introduce_at = coalesce(introduce_at, ?2) WHERE id = ?1 AND kind = 0";
            run(work.db, sql, params![contact.column(), at])?;
        }
    }
    Ok(())
}

/// Devices of a contact that are in use, or were met halfway, at most: twice as many as anybody has.
const MAX_MET: u64 = 16;

fn has_met(db: &Connection, contact: ContactId, device: DeviceId) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM peers WHERE contact = ?1 AND device = ?2";
    exists(db, sql, params![contact.column(), device.0])
}

fn is_under_way(work: &Work<'_>, contact: ContactId, device: DeviceId) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM introductions WHERE contact = ?1 AND device = ?2 AND (expires > ?3 OR giver IS NOT NULL)";
    exists(work.db, sql, params![contact.column(), device.0, column(work.now.0)])
}

fn is_answered(db: &Connection, contact: ContactId, device: DeviceId, card: Hash) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM introductions WHERE contact = ?1 AND device = ?2 AND card = ?3 AND offer IS NULL";
    exists(db, sql, params![contact.column(), device.0, card.0])
}

fn gives(db: &Connection, contact: ContactId, device: DeviceId) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM introductions WHERE contact = ?1 AND device = ?2 AND giver IS NOT NULL";
    exists(db, sql, params![contact.column(), device.0])
}

/// Ends a meeting under way, with the device that was to come of it.
fn drop_row(work: &mut Work<'_>, contact: ContactId, device: DeviceId) -> Result<(), StorageError> {
    let sql = "DELETE FROM introductions WHERE contact = ?1 AND device = ?2";
    run(work.db, sql, params![contact.column(), device.0])?;
    Ok(())
}

/// Forgets all meetings with a contact.
pub(crate) fn forget(db: &Connection, contact: ContactId) -> Result<(), StorageError> {
    run(db, "DELETE FROM introductions WHERE contact = ?1", [contact.column()])?;
    run(db, "DELETE FROM cards_waiting WHERE contact = ?1", [contact.column()])?;
    named::forget(db, contact)
}

/// Finds a device in a list, with what is known of its keys by now; none while these contradict each other (KS-54).
pub(crate) fn listed(
    work: &Work<'_>,
    contact: ContactId,
    list: &Verified<DeviceList>,
    is_it: impl Fn(&ListedDevice) -> bool,
) -> Result<Option<ListedDevice>, StorageError> {
    for device in &list.get().devices {
        let Some(device) = ListedDevice::by_id(list, &device.id) else { continue };
        if let Some(device) = device_keys::current(work, contact, device)?.filter(|device| is_it(device)) {
            return Ok(Some(device));
        }
    }
    Ok(None)
}

/// Returns the newest list of a contact.
pub(crate) fn verified_peers(
    db: &Connection,
    contact: ContactId,
) -> Result<Option<Verified<DeviceList>>, StorageError> {
    let sql = "SELECT peer_list FROM contacts WHERE id = ?1";
    let bytes = first(db, sql, [contact.column()], |row| row.get::<_, Option<Vec<u8>>>(0))?.flatten();
    let Some(bytes) = bytes else { return Ok(None) };
    let list = Signed::<DeviceList>::from_bytes(&bytes).ok().and_then(|list| open(list).ok());
    list.map(Some).ok_or(StorageError::Damaged("contacts"))
}

/// Returns where all devices of a contact write to: the newest queue, or a spare one.
pub(crate) fn own_queue(work: &mut Work<'_>, contact: ContactId) -> Result<Option<QueueAddress>, StorageError> {
    let queues = queues::of_contact(work.db, contact)?;
    if let Some(newest) = queues.iter().rev().find(|queue| queue.state == QueueState::Used) {
        return queues::address(work.db, newest).map(Some);
    }
    match queues::take_spare(work, contact) {
        Ok((_, address)) => Ok(Some(address)),
        Err(CommandError::Storage(problem)) => Err(problem),
        Err(_) => Ok(None),
    }
}
