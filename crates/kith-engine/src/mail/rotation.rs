//! Moving a contact to a fresh queue and lookup key.
//!
//! All devices of the contact write into one queue. Each is told inside its session; the old queue is read until all of
//! them have written into the new one, and a day longer (KE-16), or four weeks after the first (KE-47).

use kith_crypto::random;
use kith_wire::address::QueueAddress;
use kith_wire::content::KnownBody;
use kith_wire::id::MessageId;

use crate::api::ContactId;
use crate::errors::CommandError;
use crate::ground::database::StorageError;
use crate::ground::work::Work;
use crate::mail::outbox::{self, NewContent};
use crate::mail::queues::{self, QueueId, QueueState};
use crate::mail::sessions::{self, PeerId};
use crate::people::contacts::{self, Stage};
use crate::people::spare_cards;

/// Moves a contact to a fresh queue.
pub(crate) fn rotate(work: &mut Work<'_>, contact: ContactId) -> Result<(), CommandError> {
    if contacts::writable(work.db, contact)?.stage != Stage::Established {
        return Err(CommandError::NotEstablished);
    }
    queues::take_spare(work, contact)?;
    announce(work, contact)?;
    Ok(spare_cards::go_on(work, contact)?)
}

/// Tells a contact the newest of their queues.
fn announce(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    match newest(work, contact)? {
        Some((_, queue)) => say(work, contact, None, KnownBody::QueueMove { queue }),
        None => Ok(()),
    }
}

/// Tells it once more to each of their devices that has not followed yet.
pub(crate) fn remind(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    let Some((id, queue)) = newest(work, contact)? else { return Ok(()) };
    for peer in sessions::writing_elsewhere(work.db, contact, id)? {
        tell(work, contact, peer, queue.clone())?;
    }
    Ok(())
}

/// Tells one device of a contact which queue it is to write to.
pub(crate) fn tell(
    work: &mut Work<'_>,
    contact: ContactId,
    peer: PeerId,
    queue: QueueAddress,
) -> Result<(), StorageError> {
    say(work, contact, Some(peer), KnownBody::QueueMove { queue })
}

/// Returns the newest queue of a contact, with its address.
pub(crate) fn newest(work: &Work<'_>, contact: ContactId) -> Result<Option<(QueueId, QueueAddress)>, StorageError> {
    let queues = queues::of_contact(work.db, contact)?;
    let mut used = queues.iter().filter(|queue| queue.state == QueueState::Used);
    let Some(newest) = used.next_back() else { return Ok(None) };
    Ok(Some((newest.id, queues::address(work.db, newest)?)))
}

/// A contact's device has moved: everything for it goes to the new queue, first of all that it does.
pub(crate) fn follow(
    work: &mut Work<'_>,
    contact: ContactId,
    peer: PeerId,
    queue: &QueueAddress,
) -> Result<(), StorageError> {
    sessions::move_queue(work.db, peer, queue)?;
    // KE-35: a contact that moves and never acknowledges must not fill the disk.
    outbox::withdraw_moved(work.db, contact, peer)?;
    say(work, contact, Some(peer), KnownBody::QueueMoved { sender_id: queue.sender_id })
}

/// Says something on the device's own behalf, to one of the contact's devices or to all. Nobody is told when it does not
/// fit: it is short.
fn say(work: &mut Work<'_>, contact: ContactId, peer: Option<PeerId>, body: KnownBody) -> Result<(), StorageError> {
    let message = MessageId(random::bytes(work.rng));
    let lamport = contacts::next_lamport(work.db, contact)?;
    let content = NewContent { peer, message, lamport, disappears: None, body, attachment: None };
    match outbox::send(work, contact, content) {
        Err(CommandError::Storage(problem)) => Err(problem),
        Ok(()) | Err(_) => Ok(()),
    }
}
