//! Somebody else came as a contact, from a backup or an old device, and was refused. The person is told, and so is the contact, whose
//! backup it is: nobody else could tell it (KE-124).
//!
//! Who is refused is decided in `replaced.rs`.

use kith_crypto::random;
use kith_wire::content::KnownBody;
use kith_wire::id::MessageId;
use rusqlite::params;

use crate::api::{ContactId, Event};
use crate::errors::CommandError;
use crate::ground::database::{StorageError, column, exists, run};
use crate::ground::work::Work;
use crate::mail::outbox::{self, NewContent};
use crate::mail::sessions;
use crate::people::contacts::{self, Stage};
use crate::people::{own_lists, spare_cards};
use crate::recovery::replaced;
use crate::sabotage::{self, Bug};

/// What version 6 adds to contacts: when one has said that it refused somebody else who came as this person.
pub(crate) const TABLES_6: &str = "ALTER TABLE contacts ADD COLUMN refused_another INTEGER;";

/// KE-68: whoever came first stays; the person is told of the second, and keeps seeing it. Whoever came first is told once, until digits
/// are compared: nobody makes this device speak by coming again and again.
pub(crate) fn another(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    // Digits may have been compared under a clock that was ahead: what is heard now comes after.
    let sql = "UPDATE contacts SET restored_twice = max(?2, coalesce(verified_at, 0)) WHERE id = ?1 \
               AND (restored_twice = 0 OR (verified = 1 AND verified_at > restored_twice))";
    let is_first_time = run(work.db, sql, params![contact.column(), column(work.now.0)])? > 0;
    work.tell(Event::ContactRestoredTwice { contact });
    if sabotage::is_on(Bug::SecondsEndFirsts) {
        for peer in sessions::in_use(work.db, contact)? {
            replaced::stop(work, &peer)?;
        }
    }
    if is_first_time && !sabotage::is_on(Bug::RefusalsAreSilent) {
        say(work, contact)?;
    }
    Ok(())
}

/// A restored device takes the place of one that was told: no backup says it.
pub(crate) fn say_again(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    let sql = "SELECT 1 FROM contacts WHERE id = ?1 AND restored_twice > 0 AND (verified = 0 OR verified_at <= restored_twice)";
    if exists(work.db, sql, [contact.column()])? && !sabotage::is_on(Bug::RefusalsAreSilent) {
        say(work, contact)?;
    }
    Ok(())
}

/// Tells it all devices of the contact that are its own. One that came first, and whose list is still under way, hears it then.
fn say(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    let Some(known) = contacts::find(work.db, contact)? else { return Ok(()) };
    if known.blocked || known.unusable || known.stage != Stage::Established {
        return Ok(());
    }
    let message = MessageId(random::bytes(work.rng));
    let lamport = contacts::next_lamport(work.db, contact)?;
    let body = KnownBody::RefusedAnother;
    let content = NewContent { peer: None, message, lamport, disappears: None, body, attachment: None };
    match outbox::send(work, contact, content) {
        Err(CommandError::Storage(problem)) => Err(problem),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A contact says that it refused somebody else who came as this person. It may lie: nothing follows but that the person is told, once, and
/// keeps seeing it until digits are compared.
pub(crate) fn heard(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    if !can_be(work, contact)? {
        return Ok(());
    }
    let sql = "UPDATE contacts SET refused_another = max(?2, coalesce(verified_at, 0)) WHERE id = ?1 \
               AND (refused_another IS NULL OR (verified = 1 AND verified_at > refused_another))";
    if run(work.db, sql, params![contact.column(), column(work.now.0)])? > 0 {
        work.tell(Event::ContactRefusedAnother { contact });
    }
    Ok(())
}

/// Whoever comes as this person answers a spare card, or has done so: without any there is nobody to refuse. Lists that revoke a device outlast the cards.
fn can_be(work: &Work<'_>, contact: ContactId) -> Result<bool, StorageError> {
    let has_revoked = own_lists::newest(work.db, contact)?.is_some_and(|list| !list.get().revoked.is_empty());
    Ok(has_revoked || !spare_cards::known(work.db, contact)?.is_empty())
}
