//! Meeting a contact again: when a session has stopped, or a card was never answered, a new card goes on in the same
//! conversation. Messages, settings and the name stay; keys, queues and the comparison of digits begin anew.

use kith_wire::Timestamp;
use kith_wire::card::CardOffer;
use kith_wire::time::Hour;
use rusqlite::{Connection, params};

use crate::api::{ContactId, Held, Whom};
use crate::errors::CommandError;
use crate::ground::database::{StorageError, all, column, exists, run};
use crate::ground::work::Work;
use crate::mail::sessions::PeerDevice;
use crate::mail::{outbox, queues, sessions};
use crate::people::contacts::{self, Contact, Stage};
use crate::people::{card_keys, cards, held, own_lists, unopened};
use crate::recovery::{replaced, restored};

/// What version 5 adds to contacts: when their keys were last replaced by those of another meeting.
pub(crate) const TABLES_5: &str = "ALTER TABLE contacts ADD COLUMN renewed_at INTEGER;";

/// What version 7 makes of contacts that wait for somebody who may never answer: they are told when what was sent to them is given up. Where nothing was
/// sent yet, because the card's key is still to be fetched, the card says until when: see `wake`.
pub(crate) const TABLES_7: &str = "
UPDATE contacts SET expires = coalesce((SELECT max(f.expires) FROM frames f JOIN peers p ON p.id = f.peer WHERE p.contact = contacts.id), 0)
WHERE kind = 0 AND stage = 1 AND id NOT IN (SELECT contact FROM card_requests);
";

/// Seconds for which a meeting is given a chance that a card of a few minutes has begun: most devices are on once in so many days.
const PATIENCE_SECONDS: u64 = 3 * 24 * 3600;

/// KE-110: from when on nobody is expected to confirm any more that a card was answered: when the card has run out, but not within the first days.
pub(crate) fn expect_until(work: &mut Work<'_>, id: ContactId, not_after: Hour) -> Result<(), StorageError> {
    let end = Hour(not_after.0.saturating_add(1)).start().max(work.now.plus_seconds(PATIENCE_SECONDS));
    run(work.db, "UPDATE contacts SET expires = ?2 WHERE id = ?1 AND kind = 0", params![id.column(), column(end.0)])?;
    held::look(work, id)
}

/// Returns whether nobody has confirmed a meeting in time: the person needs another card. What is confirmed later counts all the same.
pub(crate) fn is_unanswered(db: &Connection, id: ContactId, now: Timestamp) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM contacts WHERE id = ?1 AND kind = 0 AND stage = 1 AND blocked = 0 AND unusable = 0 AND expires <= ?2";
    exists(db, sql, params![id.column(), column(now.0)])
}

/// Tells the person of contacts of whom that has become true.
pub(crate) fn wake(work: &mut Work<'_>) -> Result<(), StorageError> {
    for (contact, not_after) in card_keys::requested(work.db)? {
        let is_of_before = "SELECT 1 FROM contacts WHERE id = ?1 AND kind = 0 AND coalesce(expires, 0) = 0";
        if exists(work.db, is_of_before, [contact.column()])? {
            expect_until(work, contact, not_after)?;
        }
    }
    let sql = "SELECT id FROM contacts WHERE kind = 0 AND stage = 1 AND expires <= ?1 AND held IS NOT ?2";
    let news = params![column(work.now.0), Held::Unanswered as i64];
    for contact in all(work.db, sql, news, |row| row.get(0).map(ContactId::from_column))? {
        held::look(work, contact)?;
    }
    Ok(())
}

/// The person gives up the keys of a contact, to meet it again by a new card although the session goes on (KE-105). Its devices are told, so that
/// somebody whose place another one wants to take hears of it.
pub(crate) fn end_sessions(work: &mut Work<'_>, id: ContactId, offer: CardOffer) -> Result<(), CommandError> {
    let contact = contacts::required(work.db, id)?;
    if contact.blocked {
        return Err(CommandError::Blocked);
    }
    if contact.stage == Stage::Invited {
        return Err(CommandError::NothingToRenew);
    }
    cards::check_new(work, offer)?;
    if waits_for_confirmation(work.db, &contact)? {
        // Nothing has come of it that could end: the card takes its place by itself (KE-110).
        return Ok(());
    }
    // Of one that goes on from a backup nobody else is waited for: whoever came back is given up, too.
    run(work.db, "UPDATE contacts SET restored_at = NULL, restored_list = 0 WHERE id = ?1", [id.column()])?;
    for peer in sessions::in_use(work.db, id)? {
        replaced::stop(work, &peer)?;
    }
    Ok(())
}

/// Returns the contact that a card is for: a new one, or one whose old meeting is cleared away (KE-37).
pub(crate) fn contact_for(work: &mut Work<'_>, whom: &Whom, stage: Stage) -> Result<ContactId, CommandError> {
    match whom {
        Whom::New(name) => {
            let contact = contacts::add(work.db, name.as_deref(), stage)?;
            contacts::begin_lamport(work, contact)?;
            Ok(contact)
        }
        Whom::Again(id) => {
            let contact = contacts::required(work.db, *id)?;
            let is_silent = unopened::is_telling(work.db, *id)?
                || restored::is_waiting(work.db, *id)?
                || is_unanswered(work.db, *id, work.now)?
                || waits_for_confirmation(work.db, &contact)?;
            check(&contact, is_silent)?;
            clear(work, *id, stage)?;
            Ok(*id)
        }
    }
}

/// Returns whether nothing has come of a meeting yet but an answer under way: another card of the same person takes the place of the one before, which
/// nobody may ever confirm (KE-110).
fn waits_for_confirmation(db: &Connection, contact: &Contact) -> Result<bool, StorageError> {
    let has_session = sessions::in_use(db, contact.id)?.iter().any(PeerDevice::has_session);
    Ok(contact.stage == Stage::Answered && !has_session)
}

/// A session that goes on, or one that only has to be confirmed here, is not given up for a card.
fn check(contact: &Contact, is_silent: bool) -> Result<(), CommandError> {
    if contact.blocked {
        return Err(CommandError::Blocked);
    }
    if contact.unusable || is_silent || contact.stage == Stage::Invited {
        Ok(())
    } else {
        Err(CommandError::NothingToRenew)
    }
}

fn clear(work: &mut Work<'_>, id: ContactId, stage: Stage) -> Result<(), CommandError> {
    card_keys::forget(work.db, id)?;
    queues::forget(work.db, id)?;
    sessions::forget(work.db, id)?;
    unopened::forget(work.db, id)?;
    own_lists::forget(work.db, id)?;
    // What was to be said of the old queues would lead the contact to one that is gone.
    outbox::withdraw_moves(work.db, id)?;
    run(
        work.db,
        "UPDATE contacts SET renewed_at = iif(stage = 2, ?3, renewed_at), stage = ?2, unusable = 0, restoring = 0, restored_at = NULL, restored_list = 0, restored_twice = 0, refused_another = NULL, verified = 0, verified_at = max(?3, verified_at + 1), \
         next_list = NULL, announce_at = NULL, highest = 0, introduce_at = NULL, digits = NULL, pq_since = NULL, peer_list = NULL, \
         card = NULL, card_key = NULL, expires = NULL, giver = NULL, answerer = NULL, answered = NULL WHERE id = ?1",
        params![id.column(), stage as i64, column(work.now.0)],
    )?;
    Ok(())
}
