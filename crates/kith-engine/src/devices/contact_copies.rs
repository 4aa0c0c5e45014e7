//! A contact as one device tells another: made into an item, and taken in. Of what both know the later counts (KE-53).

use kith_crypto::sign::open;
use kith_session::check_list;
use kith_wire::Timestamp;
use kith_wire::Wire;
use kith_wire::devices::DeviceList;
use kith_wire::id::ConversationId;
use kith_wire::signed::Signed;
use kith_wire::sync::{ContactCopy, ContactSettings, Setting};
use rusqlite::{Connection, params};

use crate::api::{ContactId, Event};
use crate::devices::{siblings, sync};
use crate::errors::CommandError;
use crate::ground::database::{StorageError, column, first, number, run};
use crate::ground::work::{LinkEffect, Work};
use crate::mail::{outbox, queues, sessions};
use crate::people::contacts::{self, Stage};
use crate::people::{held, introductions, own_lists, peer_list};
use crate::sabotage::{self, Bug};
use crate::talk::disappearing;

/// Returns a contact as siblings are told it; nothing before it is established.
pub(crate) fn copy(db: &Connection, id: ContactId) -> Result<Option<ContactCopy>, StorageError> {
    let sql = "SELECT conversation, secret, own_list, peer_list, coalesce(digits, ''), lamport, met_at, name, name_at, verified, \
               verified_at, blocked, blocked_at, receipts, receipts_at, disappearing_set, disappearing, pinned, pinned_at, muted, \
               muted_at, archived, archived_at FROM contacts \
               WHERE id = ?1 AND kind = 0 AND conversation IS NOT NULL AND secret IS NOT NULL AND own_list IS NOT NULL \
               AND peer_list IS NOT NULL AND stage = 2";
    let row = first(db, sql, [id.column()], |row| {
        let at = |index| -> rusqlite::Result<Timestamp> { Ok(Timestamp(number(row.get(index)?))) };
        let settings = ContactSettings {
            name: Setting { at: at(8)?, value: row.get(7)? },
            verified: Setting { at: at(10)?, value: row.get(9)? },
            blocked: Setting { at: at(12)?, value: row.get(11)? },
            receipts: Setting { at: at(14)?, value: row.get(13)? },
            disappearing: (number(row.get(15)?), row.get(16)?),
            pinned: Setting { at: at(18)?, value: row.get(17)? },
            muted: Setting { at: at(20)?, value: row.get(19)? },
            archived: Setting { at: at(22)?, value: row.get(21)? },
        };
        let lists: (Vec<u8>, Vec<u8>) = (row.get(2)?, row.get(3)?);
        let head = (ConversationId(row.get(0)?), row.get::<_, Vec<u8>>(1)?, row.get::<_, String>(4)?);
        Ok((head, lists, settings, number(row.get(5)?), at(6)?))
    })?;
    let Some(((contact, secret, digits), lists, settings, lamport, met)) = row else { return Ok(None) };
    let list = |bytes: &[u8]| Signed::<DeviceList>::from_bytes(bytes).map_err(|_| StorageError::Damaged("contacts"));
    let (own_list, peer_list) = (list(&lists.0)?, list(&lists.1)?);
    let owners = own_lists::owners(db, id)?;
    Ok(Some(ContactCopy { contact, secret, own_list, peer_list, digits, settings, lamport, met, owners, before: None }))
}

/// Returns what a backup says of a contact whose keys are not settled: nothing of one with whom nothing was said.
pub(crate) fn unmet(
    db: &Connection,
    id: ContactId,
) -> Result<Option<(ConversationId, ContactSettings, u64)>, StorageError> {
    let sql = "SELECT conversation, lamport, name, name_at, verified, verified_at, blocked, blocked_at, receipts, receipts_at, \
               disappearing_set, disappearing, pinned, pinned_at, muted, muted_at, archived, archived_at FROM contacts \
               WHERE id = ?1 AND kind = 0 AND conversation IS NOT NULL \
               AND EXISTS (SELECT 1 FROM messages m WHERE m.contact = contacts.id)";
    first(db, sql, [id.column()], |row| {
        let at = |index| -> rusqlite::Result<Timestamp> { Ok(Timestamp(number(row.get(index)?))) };
        let settings = ContactSettings {
            name: Setting { at: at(3)?, value: row.get(2)? },
            verified: Setting { at: at(5)?, value: row.get(4)? },
            blocked: Setting { at: at(7)?, value: row.get(6)? },
            receipts: Setting { at: at(9)?, value: row.get(8)? },
            disappearing: (number(row.get(10)?), row.get(11)?),
            pinned: Setting { at: at(13)?, value: row.get(12)? },
            muted: Setting { at: at(15)?, value: row.get(14)? },
            archived: Setting { at: at(17)?, value: row.get(16)? },
        };
        Ok((ConversationId(row.get(0)?), settings, number(row.get(1)?)))
    })
}

/// Takes such a contact in, from a backup: it needs a new card. One that is known is known better.
pub(crate) fn take_unmet(
    work: &mut Work<'_>,
    contact: ConversationId,
    settings: &ContactSettings,
    lamport: u64,
) -> Result<(), StorageError> {
    if contacts::by_conversation(work.db, contact)?.is_some() || lamport > contacts::MAX_LAMPORT {
        return Ok(());
    }
    let id = match contacts::add(work.db, Some(&settings.name.value), Stage::Invited) {
        Ok(id) => id,
        Err(CommandError::Storage(problem)) => return Err(problem),
        Err(_) => contacts::add_nameless(work.db, Stage::Invited)?,
    };
    run(work.db, "UPDATE contacts SET conversation = ?2 WHERE id = ?1", params![id.column(), contact.0])?;
    contacts::saw_lamport(work.db, id, lamport)?;
    settle(work, id, settings, false)?;
    work.tell(Event::Contact { contact: id });
    Ok(())
}

/// Takes a contact in that a sibling told, or a backup.
pub(crate) fn take(work: &mut Work<'_>, from: Option<ContactId>, copy: ContactCopy) -> Result<(), StorageError> {
    let peers = open(copy.peer_list.clone()).ok().filter(|list| list.get().is_well_formed());
    let owns = open(copy.own_list.clone()).ok().filter(|list| list.get().is_well_formed());
    let (Some(peers), Some(owns)) = (peers, owns) else { return Ok(()) };
    let id = match known_as(work.db, &copy)? {
        Some(id) => id,
        None => match contacts::add(work.db, Some(&copy.settings.name.value), Stage::Established) {
            Ok(id) => id,
            Err(CommandError::Storage(problem)) => return Err(problem),
            Err(_) => contacts::add_nameless(work.db, Stage::Established)?,
        },
    };
    let met = first(
        work.db,
        "SELECT met_at, own IS NULL AND secret IS NULL FROM contacts WHERE id = ?1",
        [id.column()],
        |row| Ok((number(row.get(0)?), row.get::<_, bool>(1)?)),
    )?;
    let (met_at, is_new) = met.ok_or(StorageError::Damaged("contacts"))?;
    // A clock that is far ahead, or a sibling that lies, must not make a meeting that nobody can follow.
    if copy.met > work.now.plus_seconds(AHEAD_SECONDS) && !is_new {
        return Ok(());
    }
    if is_new || met_at < copy.met.0 {
        // Another meeting: every key is another one (KE-37).
        queues::forget(work.db, id)?;
        for peer in sessions::of_contact(work.db, id)? {
            outbox::give_up(work, peer.id)?;
        }
        outbox::withdraw_moves(work.db, id)?;
        sessions::forget(work.db, id)?;
        own_lists::forget(work.db, id)?;
        for before in copy.before.iter().flatten().take(contacts::MAX_BEFORE as usize) {
            contacts::goes_on_as(work.db, id, *before)?;
        }
        contacts::goes_on_as(work.db, id, copy.contact)?;
        run(
            work.db,
            "UPDATE contacts SET secret = ?2, own_list = ?3, peer_list = ?4, digits = ?5, met_at = ?6, \
             stage = 2, own = NULL, device = NULL, unusable = 0, verified = 0, verified_at = CASE WHEN ?7 THEN 0 ELSE ?6 END, highest = 0, \
             introduce_at = NULL, giver = NULL, answerer = NULL, answered = NULL, card = NULL, \
             card_key = NULL, expires = NULL, next_list = NULL, announce_at = NULL, told = 1 WHERE id = ?1",
            params![
                id.column(),
                copy.secret,
                owns.signed().to_bytes(),
                peers.signed().to_bytes(),
                copy.digits,
                column(copy.met.0),
                is_new,
            ],
        )?;
        own_lists::note(work.db, id, &owns)?;
        // Its name in what this device says must be known from the first word on, also before the password lists it.
        own_lists::draw(work, id)?;
    } else {
        own_lists::told(work, copy.contact, copy.own_list)?;
        let key = contacts::peer_key(work.db, id)?;
        if let Some(list) = key.and_then(|key| check_list(copy.peer_list, &key).ok()) {
            peer_list::learn(work, id, &list)?;
        }
    }
    let said_by =
        from.map(|from| siblings::find(work.db, from)).transpose()?.flatten().and_then(|sibling| sibling.device);
    own_lists::note_owners(work.db, id, &copy.owners, said_by)?;
    introductions::pass_waiting(work, id)?;
    contacts::saw_lamport(work.db, id, copy.lamport)?;
    // KE-59: that digits were compared counts for those digits.
    let digits = first(work.db, "SELECT coalesce(digits, '') FROM contacts WHERE id = ?1", [id.column()], |row| {
        row.get::<_, String>(0)
    })?;
    settle(work, id, &copy.settings, digits.as_deref() == Some(copy.digits.as_str()))?;
    work.tell(Event::Contact { contact: id });
    if (is_new || met_at < copy.met.0) && copy.met.plus_seconds(RECENT_SECONDS) > work.now {
        // Whoever told it may not reach each other sibling (KE-80).
        for sibling in siblings::linked(work.db)?.into_iter().filter(|sibling| Some(sibling.contact) != from) {
            sync::tell_contact(work, id, Some(sibling.contact))?;
        }
    }
    held::look(work, id)
}

/// Returns the contact that a copy is of: one that has its conversation, or one that it had before (KE-129).
fn known_as(db: &Connection, copy: &ContactCopy) -> Result<Option<ContactId>, StorageError> {
    let most = if sabotage::is_on(Bug::AnewIsAnother) { 0 } else { contacts::MAX_BEFORE as usize };
    let before = copy.before.iter().flatten().rev().take(most);
    for conversation in std::iter::once(&copy.contact).chain(before) {
        if let Some(id) = contacts::by_conversation(db, *conversation)? {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Seconds after a meeting for which siblings pass on what they hear of it. What is older, each tells each other when they meet.
const RECENT_SECONDS: u64 = 60 * 24 * 3600;

/// Takes settings over that are later than those known.
fn settle(
    work: &mut Work<'_>,
    id: ContactId,
    settings: &ContactSettings,
    same_digits: bool,
) -> Result<(), StorageError> {
    let ContactSettings { name, verified, blocked, receipts, disappearing, pinned, muted, archived } = settings;
    let latest = latest(work.now);
    if contacts::check_name(&name.value).is_ok() && name.at <= latest {
        let sql = "UPDATE contacts SET name_at = ?1, name = ?2 WHERE id = ?3 AND (name_at, name) < (?1, ?2)";
        run(work.db, sql, params![column(name.at.0), name.value, id.column()])?;
    }
    for (sql, setting) in [
        (
            "UPDATE contacts SET verified_at = ?1, verified = ?2 WHERE id = ?3 AND (verified_at, verified) < (?1, ?2)",
            verified,
        ),
        (
            "UPDATE contacts SET blocked_at = ?1, blocked = ?2 WHERE id = ?3 AND (blocked_at, blocked) < (?1, ?2)",
            blocked,
        ),
        (
            "UPDATE contacts SET receipts_at = ?1, receipts = ?2 WHERE id = ?3 AND (receipts_at, receipts) < (?1, ?2)",
            receipts,
        ),
        // KE-96.
        ("UPDATE contacts SET pinned_at = ?1, pinned = ?2 WHERE id = ?3 AND (pinned_at, pinned) < (?1, ?2)", pinned),
        ("UPDATE contacts SET muted_at = ?1, muted = ?2 WHERE id = ?3 AND (muted_at, muted) < (?1, ?2)", muted),
        (
            "UPDATE contacts SET archived_at = ?1, archived = ?2 WHERE id = ?3 AND (archived_at, archived) < (?1, ?2)",
            archived,
        ),
    ] {
        if setting.at > latest || (std::ptr::eq(setting, verified) && !same_digits) {
            continue;
        }
        let changed = run(work.db, sql, params![column(setting.at.0), setting.value, id.column()])?;
        if changed > 0 && std::ptr::eq(setting, blocked) {
            work.effects.link = LinkEffect::Reopen;
            if !setting.value {
                contacts::is_heard_again(work, id)?;
            }
        }
    }
    let (lamport, seconds) = *disappearing;
    if lamport > contacts::MAX_LAMPORT {
        return Ok(());
    }
    disappearing::heard(work, id, lamport, seconds)
}

/// Returns the latest time of a setting that is believed.
pub(crate) fn latest(now: Timestamp) -> Timestamp {
    now.plus_seconds(AHEAD_SECONDS)
}

/// Seconds by which the clock of a sibling may be ahead: what it set later than that, nobody could change for long.
const AHEAD_SECONDS: u64 = 24 * 3600;
