//! Spare cards: given to contacts and renewed, and those that contacts gave, kept for the day on which all devices are lost.
//!
//! Who answers one is a device that was restored from a backup: what follows at the giver is in `replaced.rs`, what the restored
//! device does in `restored.rs`.

use kith_crypto::random;
use kith_session::{Giver, ListedDevice, check_card, spare_card};
use kith_wire::Wire;
use kith_wire::card::{CardOffer, CardPurpose};
use kith_wire::content::KnownBody;
use kith_wire::id::{DeviceId, MessageId};
use rusqlite::{Connection, params};

use crate::api::ContactId;
use crate::devices::device_keys;
use crate::errors::CommandError;
use crate::ground::clocks::{ANY, Mended, PutOff};
use crate::ground::database::{StorageError, all, column, count, exists, first, run};
use crate::ground::work::Work;
use crate::mail::outbox::{self, NewContent};
use crate::mail::rotation;
use crate::mail::sessions::{self, PeerDevice, PeerId};
use crate::people::cards::LATE_ANSWER_SECONDS;
use crate::people::contacts::{self, Contact, Stage};
use crate::people::introductions::verified_peers;
use crate::people::own_lists;
use crate::recovery::replaced;

/// What version 4 adds. Contacts of before get their card when it is their turn, one after the other.
pub(crate) const TABLES: &str = "
CREATE TABLE spare_givers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    contact INTEGER NOT NULL,
    queue INTEGER NOT NULL,
    card BLOB NOT NULL,
    offer BLOB,
    renew INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    giver BLOB,
    closed INTEGER NOT NULL DEFAULT 0,
    answered BLOB,
    peer INTEGER,
    awaited INTEGER
) STRICT;
CREATE INDEX spare_givers_by_contact ON spare_givers (contact);
CREATE TABLE spare_told (peer INTEGER PRIMARY KEY, card BLOB NOT NULL) STRICT;
CREATE TABLE spare_times (contact INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT;
CREATE TABLE spare_cards (
    contact INTEGER NOT NULL,
    device BLOB NOT NULL,
    offer BLOB NOT NULL,
    PRIMARY KEY (contact, device)
) STRICT, WITHOUT ROWID;
INSERT INTO spare_times (contact, at) SELECT id, 0 FROM contacts WHERE kind = 0 AND stage = 2 AND own IS NOT NULL;
";

/// Seconds for which a spare card may be answered: a year.
const CARD_SECONDS: u64 = 365 * 24 * 3600;
/// Seconds after which a spare card is renewed at the latest: half of its time, so that a backup of half a year ago has a good one.
const RENEWED_SECONDS: u64 = CARD_SECONDS / 2;
/// Seconds by which contacts differ in that (KE-40).
const RENEWED_SPREAD_SECONDS: u64 = 30 * 24 * 3600;
/// When spare cards are renewed.
pub(crate) const PUT_OFF: PutOff = PutOff {
    table: "spare_times",
    time: "at",
    which: ANY,
    longest_ms: RENEWED_SECONDS * 1000,
    mended: Mended::ByAsMuch,
};
/// Seconds after which a contact is looked at again that could not be given a card.
const AGAIN_SECONDS: u64 = 24 * 3600;
/// Spare cards of a contact that may be answered at most, the newest among them: older backups have older ones.
const MAX_GOOD: u32 = 3;
/// Spare cards that are remembered of a contact when they were answered or withdrawn, so that a second answer is found out.
const MAX_SPENT: u32 = 8;
/// Devices of a contact whose spare cards are kept: twice as many as anybody has. 2.5 KB each.
const MAX_KEPT: u64 = 16;

/// Gives a contact the spare card that it should have, and says it to each of its devices that has not heard it (KE-63).
pub(crate) fn go_on(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    let Some(known) = contacts::find(work.db, contact)? else { return Ok(()) };
    let met = met(work.db, &known)?;
    if met.is_empty() {
        return Ok(());
    }
    let Some((card, offer)) = current(work, &known)? else { return Ok(()) };
    for peer in met {
        let sql = "INSERT INTO spare_told (peer, card) VALUES (?1, ?2) \
                   ON CONFLICT (peer) DO UPDATE SET card = ?2 WHERE card <> ?2";
        if run(work.db, sql, params![peer.0, card])? > 0 {
            say(work, contact, peer, offer.clone())?;
        }
    }
    Ok(())
}

/// Returns the devices of a contact that can be told a card: none of a contact that is told nothing.
fn met(db: &Connection, known: &Contact) -> Result<Vec<PeerId>, StorageError> {
    let mut met = Vec::new();
    if known.is_sibling || known.blocked || known.unusable || known.stage != Stage::Established {
        return Ok(met);
    }
    for peer in sessions::in_use(db, known.id)? {
        if peer.session(db)?.is_some_and(|session| session.is_established()) {
            met.push(peer.id);
        }
    }
    Ok(met)
}

/// Returns the card that a contact should have, with its hash: the one that it has, or a new one when that is used, names a queue
/// of before, or half of its time is over. Nothing while none can be made.
fn current(work: &mut Work<'_>, known: &Contact) -> Result<Option<([u8; 32], CardOffer)>, StorageError> {
    let Some((queue, address)) = rotation::newest(work, known.id)? else { return Ok(None) };
    let sql = "SELECT card, offer FROM spare_givers WHERE contact = ?1 AND queue = ?2 AND renew > ?3 \
               AND giver IS NOT NULL AND closed = 0 AND offer IS NOT NULL ORDER BY id DESC LIMIT 1";
    let row = first(work.db, sql, params![known.id.column(), queue.0, column(work.now.0)], |row| {
        Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, Vec<u8>>(1)?))
    })?;
    if let Some((card, offer)) = row {
        let offer = CardOffer::from_bytes(&offer).map_err(|_| StorageError::Damaged("spare_givers"))?;
        return Ok(Some((card, offer)));
    }
    let own = own_lists::own_device(work.db, known.id)?;
    let lists = (own_lists::newest(work.db, known.id)?, verified_peers(work.db, known.id)?);
    let (Some(conversation), Some(own), (Some(list), Some(peers))) = (known.conversation, own, lists) else {
        return Ok(None);
    };
    let expires = work.now.plus_seconds(CARD_SECONDS);
    // A list that does not name this device yet makes no card: its adoption brings this up again.
    let made = spare_card(&own, &list, &peers, conversation, address, expires.hour(), work.rng);
    let Ok(made) = made else { return Ok(None) };
    let spread = device_keys::below(work, RENEWED_SPREAD_SECONDS);
    let renew = column(work.now.plus_seconds(RENEWED_SECONDS - spread).0);
    let giver = made.giver.to_bytes();
    let row = params![
        known.id.column(),
        queue.0,
        made.hash.0,
        made.offer.to_bytes(),
        renew,
        column(expires.plus_seconds(LATE_ANSWER_SECONDS + 3600).0),
        giver.as_slice(),
    ];
    let sql = "INSERT INTO spare_givers (contact, queue, card, offer, renew, expires, giver) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    run(work.db, sql, row)?;
    bound(work.db, known.id)?;
    set_time(work.db, known.id, renew)?;
    Ok(Some((made.hash.0, made.offer)))
}

/// Lets the oldest cards go of which there are too many: no backup has only these.
fn bound(db: &Connection, contact: ContactId) -> Result<(), StorageError> {
    for (state, most) in [("giver IS NOT NULL", MAX_GOOD), ("answered IS NOT NULL", MAX_SPENT)] {
        let sql = format!(
            "DELETE FROM spare_givers WHERE contact = ?1 AND {state} AND id NOT IN \
             (SELECT id FROM spare_givers WHERE contact = ?1 AND {state} ORDER BY id DESC LIMIT ?2)"
        );
        run(db, &sql, params![contact.column(), most])?;
    }
    Ok(())
}

fn set_time(db: &Connection, contact: ContactId, at: i64) -> Result<(), StorageError> {
    run(db, "INSERT OR REPLACE INTO spare_times (contact, at) VALUES (?1, ?2)", params![contact.column(), at])?;
    Ok(())
}

fn say(work: &mut Work<'_>, contact: ContactId, peer: PeerId, offer: CardOffer) -> Result<(), StorageError> {
    let message = MessageId(random::bytes(work.rng));
    let lamport = contacts::next_lamport(work.db, contact)?;
    let body = KnownBody::SpareCard { offer: Box::new(offer) };
    let content = NewContent { peer: Some(peer), message, lamport, disappears: None, body, attachment: None };
    match outbox::send(work, contact, content) {
        Err(CommandError::Storage(problem)) => Err(problem),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Renews the card of the contact whose time has come. When it has come for several, because the device was off, the others follow one
/// after the other, so that no hour tells two of them that they know one person (KE-40).
pub(crate) fn wake(work: &mut Work<'_>) -> Result<(), StorageError> {
    run(work.db, "DELETE FROM spare_givers WHERE expires <= ?1", [column(work.now.0)])?;
    // Into a queue that is gone nobody answers.
    let sql = "DELETE FROM spare_givers WHERE giver IS NOT NULL AND queue NOT IN (SELECT id FROM queues WHERE state IN (2, 3))";
    run(work.db, sql, [])?;
    replaced::give_up_silent(work)?;
    let sql = "SELECT contact FROM spare_times WHERE at <= ?1 ORDER BY at, contact";
    let due = all(work.db, sql, [column(work.now.0)], |row| row.get(0).map(ContactId::from_column))?;
    for (place, contact) in (0..).zip(due) {
        let seconds = if place == 0 { AGAIN_SECONDS } else { place * BETWEEN_SECONDS };
        let later = seconds + device_keys::below(work, BETWEEN_SECONDS);
        set_time(work.db, contact, column(work.now.plus_seconds(later).0))?;
        if place == 0 {
            go_on(work, contact)?;
        }
    }
    Ok(())
}

/// Seconds between two contacts whose time has come at once, and as many by chance.
const BETWEEN_SECONDS: u64 = 1800;

/// A device of a contact gave its spare card. It is kept when it is that very device's (KE-64). The session shows who gives it, so the device
/// key that signed need not be known.
pub(crate) fn came(work: &mut Work<'_>, peer: &PeerDevice, offer: CardOffer) -> Result<(), StorageError> {
    let (Some(device), Some(peers)) = (peer.device, verified_peers(work.db, peer.contact)?) else { return Ok(()) };
    let Ok(card) = check_card(offer.clone(), CardPurpose::Spare, work.now) else { return Ok(()) };
    let is_theirs = ListedDevice::by_id(&peers, &device).is_some_and(|from| from.gave_spare(&card));
    if is_theirs && !card.needs_kem() {
        keep(work.db, peer.contact, device, &offer)?;
    }
    Ok(())
}

/// Keeps the newest spare card of a contact's device.
pub(crate) fn keep(
    db: &Connection,
    contact: ContactId,
    device: DeviceId,
    offer: &CardOffer,
) -> Result<(), StorageError> {
    let key = params![contact.column(), device.0, offer.to_bytes()];
    let is_known = exists(
        db,
        "SELECT 1 FROM spare_cards WHERE contact = ?1 AND device = ?2",
        params![contact.column(), device.0],
    )?;
    if is_known || count(db, "SELECT count(*) FROM spare_cards WHERE contact = ?1", [contact.column()])? < MAX_KEPT {
        run(db, "INSERT OR REPLACE INTO spare_cards (contact, device, offer) VALUES (?1, ?2, ?3)", key)?;
    }
    Ok(())
}

/// Returns the spare cards that a contact's devices gave, for a backup.
pub(crate) fn known(db: &Connection, contact: ContactId) -> Result<Vec<(DeviceId, CardOffer)>, StorageError> {
    let sql = "SELECT device, offer FROM spare_cards WHERE contact = ?1 ORDER BY device";
    let rows = all(db, sql, [contact.column()], |row| Ok((DeviceId(row.get(0)?), row.get::<_, Vec<u8>>(1)?)))?;
    let read = |(device, bytes): (DeviceId, Vec<u8>)| {
        let offer = CardOffer::from_bytes(&bytes).map_err(|_| StorageError::Damaged("spare_cards"))?;
        Ok((device, offer))
    };
    rows.into_iter().map(read).collect()
}

/// None of the spare cards of a contact's devices is of use any more: one was answered and confirmed.
pub(crate) fn drop_known(db: &Connection, contact: ContactId) -> Result<(), StorageError> {
    run(db, "DELETE FROM spare_cards WHERE contact = ?1", [contact.column()])?;
    Ok(())
}

/// A spare card is of no use any more: nobody reads what answers it.
pub(crate) fn drop_card(db: &Connection, contact: ContactId, device: DeviceId) -> Result<(), StorageError> {
    run(db, "DELETE FROM spare_cards WHERE contact = ?1 AND device = ?2", params![contact.column(), device.0])?;
    Ok(())
}

/// A device of the contact was revoked as lost or stolen: it has the cards, and perhaps the password. They are good no more, and the others
/// are given a new one (KE-63).
pub(crate) fn replace(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    withdraw(work.db, contact)?;
    go_on(work, contact)
}

/// A sibling was told that the contact goes on from a backup: the cards that are out may still be answered by that very device, and by nobody
/// else (KE-68).
pub(crate) fn close(db: &Connection, contact: ContactId) -> Result<(), StorageError> {
    let sql = "UPDATE spare_givers SET closed = 1, offer = NULL WHERE contact = ?1 AND giver IS NOT NULL";
    run(db, sql, [contact.column()])?;
    Ok(())
}

/// The cards that a contact has are good no more, but for finding out who still answers them (KE-68).
pub(crate) fn withdraw(db: &Connection, contact: ContactId) -> Result<(), StorageError> {
    let sql = "SELECT id, giver FROM spare_givers WHERE contact = ?1 AND giver IS NOT NULL AND closed = 0";
    let rows = all(db, sql, [contact.column()], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    for (id, giver) in rows {
        let giver = Giver::from_bytes(&giver).map_err(|_| StorageError::Damaged("spare_givers"))?;
        let left = giver.withdraw().to_bytes();
        let sql = "UPDATE spare_givers SET giver = NULL, offer = NULL, answered = ?2 WHERE id = ?1";
        run(db, sql, params![id, left.as_slice()])?;
    }
    bound(db, contact)
}

/// Forgets the cards of a contact, both ways: it is met anew, or forgotten.
pub(crate) fn forget(db: &Connection, contact: ContactId) -> Result<(), StorageError> {
    for sql in [
        "DELETE FROM spare_givers WHERE contact = ?1",
        "DELETE FROM spare_times WHERE contact = ?1",
        "DELETE FROM spare_cards WHERE contact = ?1",
        "DELETE FROM spare_told WHERE peer IN (SELECT id FROM peers WHERE contact = ?1)",
    ] {
        run(db, sql, [contact.column()])?;
    }
    Ok(())
}
