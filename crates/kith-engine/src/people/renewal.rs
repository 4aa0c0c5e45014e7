//! Meeting a contact again: when a session has stopped, or a card was never answered, a new card goes on in the same
//! conversation. Messages, settings and the name stay; keys, queues and the comparison of digits begin anew.

use kith_wire::card::CardOffer;
use rusqlite::params;

use crate::api::{ContactId, Whom};
use crate::errors::CommandError;
use crate::ground::database::{column, run};
use crate::ground::work::Work;
use crate::mail::{outbox, queues, sessions};
use crate::people::contacts::{self, Contact, Stage};
use crate::people::{card_keys, cards, own_lists, unopened};
use crate::recovery::{replaced, restored};

/// What version 5 adds to contacts: when their keys were last replaced by those of another meeting.
pub(crate) const TABLES_5: &str = "ALTER TABLE contacts ADD COLUMN renewed_at INTEGER;";

/// The person gives up the keys of a contact, to meet it again by a new card although the session goes on (KE-105). Its devices are told, so that
/// somebody whose place another one wants to take hears of it.
pub(crate) fn end_sessions(work: &mut Work<'_>, id: ContactId, offer: CardOffer) -> Result<(), CommandError> {
    let contact = contacts::required(work.db, id)?;
    if contact.blocked {
        return Err(CommandError::Blocked);
    }
    if contact.stage != Stage::Established {
        return Err(CommandError::NothingToRenew);
    }
    cards::check_new(work, offer)?;
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
            let is_silent = unopened::is_telling(work.db, *id)? || restored::is_waiting(work.db, *id)?;
            check(&contact, is_silent)?;
            clear(work, *id, stage)?;
            Ok(*id)
        }
    }
}

/// A meeting that may still succeed, or a session that goes on, is not given up for a card.
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
