//! Moving a contact to a fresh queue and lookup key.
//!
//! The contact is told inside the session; the old queue is read until they have written into the new one, and a day
//! longer (KE-16).

use kith_crypto::random;
use kith_wire::address::QueueAddress;
use kith_wire::content::KnownBody;
use kith_wire::id::MessageId;

use crate::api::ContactId;
use crate::contacts::{self, Stage};
use crate::database::StorageError;
use crate::errors::CommandError;
use crate::outbox::{self, NewContent};
use crate::queues::{self, QueueState};
use crate::sessions::{self, PeerId};
use crate::work::Work;

/// Moves a contact to a fresh queue.
pub(crate) fn rotate(work: &mut Work<'_>, contact: ContactId) -> Result<(), CommandError> {
    if contacts::writable(work.db, contact)?.stage != Stage::Established {
        return Err(CommandError::NotEstablished);
    }
    queues::take_spare(work, contact)?;
    announce(work, contact)?;
    Ok(())
}

/// Tells a contact the newest of their queues.
pub(crate) fn announce(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    let queues = queues::of_contact(work.db, contact)?;
    let mut used = queues.iter().filter(|queue| queue.state == QueueState::Used);
    let Some(newest) = used.next_back() else { return Ok(()) };
    let queue = queues::address(work.db, newest)?;
    say(work, contact, KnownBody::QueueMove { queue })
}

/// A contact's device has moved: everything goes to the new queue, first of all that it does.
pub(crate) fn follow(
    work: &mut Work<'_>,
    contact: ContactId,
    peer: PeerId,
    queue: &QueueAddress,
) -> Result<(), StorageError> {
    sessions::move_queue(work.db, peer, queue)?;
    // KE-35: a contact that moves and never acknowledges must not fill the disk.
    outbox::withdraw_moved(work.db, contact)?;
    say(work, contact, KnownBody::QueueMoved { sender_id: queue.sender_id })
}

/// Says something on the device's own behalf. Nobody is told when it does not fit: it is short.
fn say(work: &mut Work<'_>, contact: ContactId, body: KnownBody) -> Result<(), StorageError> {
    let message = MessageId(random::bytes(work.rng));
    let lamport = contacts::next_lamport(work.db, contact)?;
    let content = NewContent { message, lamport, disappears: None, body, attachment: None };
    match outbox::send(work, contact, content) {
        Err(CommandError::Storage(problem)) => Err(problem),
        Ok(()) | Err(_) => Ok(()),
    }
}
