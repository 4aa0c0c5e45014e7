//! What a carrier or the vault brought, taken in.

use kith_wire::Wire;
use kith_wire::live::LiveEvent;
use kith_wire::operation::Operation;
use kith_wire::sealed::OneShotReply;

use crate::api::{Arrival, AttachmentId, Event, LinkId, Trouble};
use crate::ground::database::StorageError;
use crate::ground::person;
use crate::ground::work::{LinkEffect, Work};
use crate::mail::connection::{Link, Live, Phase, Quiet};
use crate::mail::jobs::Job;
use crate::mail::servers::DescriptorError;
use crate::mail::{answers, inbox, outbox, servers};
use crate::talk::{attachments, lending};

/// Requests and notices that are unanswered before a server that floods this device is left: twice as many deposits as a
/// server keeps for an account come back at worst.
const MAX_NOTICES: usize = 8192;

/// Takes in what arrived. Hostile bytes end the connection at worst.
pub(crate) fn receive(work: &mut Work<'_>, link: &mut Link, arrival: Arrival) -> Result<(), StorageError> {
    match arrival {
        Arrival::Descriptor { link: id, bytes } => descriptor(work, link, id, &bytes),
        Arrival::Live { link: id, bytes } if link.id() == Some(id) => live(work, link, &bytes),
        Arrival::LinkClosed { link: id, .. } if link.id() == Some(id) => {
            work.effects.link = LinkEffect::Lose;
            Ok(())
        }
        // Of an attempt that is over.
        Arrival::Live { .. } | Arrival::LinkClosed { .. } => Ok(()),
        Arrival::ChunkLoaded { attachment, index, sealed } => chunk_loaded(work, link, attachment, index, sealed),
        Arrival::ChunkFailed { attachment, index } => {
            if let Some(live) = link.live() {
                live.with_vault.remove(&(attachment, index));
                live.quiet = Quiet::Busy;
            }
            attachments::interrupt(work, attachment)
        }
        Arrival::ChunkStored { attachment, index } => {
            if let Some(live) = link.live() {
                live.with_vault.remove(&(attachment, index));
                live.quiet = Quiet::Busy;
            }
            attachments::chunk_done(work, attachment, index)
        }
    }
}

/// The own home server's descriptor: believed only under the pinned key.
fn descriptor(work: &mut Work<'_>, link: &mut Link, id: LinkId, bytes: &[u8]) -> Result<(), StorageError> {
    let asked = matches!(&link.phase, Phase::Fetching { id: asked, .. } if *asked == id);
    let (true, Some(person)) = (asked, person::find(work.db)?) else { return Ok(()) };
    if learn_own(work, &person, bytes)? {
        // The opening follows after the commit.
        link.phase = Phase::Learnt;
    } else {
        work.effects.link = LinkEffect::Lose;
    }
    Ok(())
}

fn learn_own(work: &mut Work<'_>, person: &person::Person, bytes: &[u8]) -> Result<bool, StorageError> {
    match servers::learn(work.db, person.server, bytes, work.now) {
        Ok(()) => Ok(true),
        Err(DescriptorError::Storage(problem)) => Err(problem),
        Err(DescriptorError::NotSigned) => {
            work.tell(Event::Trouble(Trouble::ServerKeyChanged));
            Ok(false)
        }
        Err(_) => {
            work.tell(Event::Trouble(Trouble::BadDescriptor));
            Ok(false)
        }
    }
}

fn live(work: &mut Work<'_>, link: &mut Link, bytes: &[u8]) -> Result<(), StorageError> {
    match std::mem::replace(&mut link.phase, Phase::Off) {
        Phase::Opening { id, opening, .. } => {
            // Whatever goes wrong below ends this attempt.
            link.phase = Phase::Fetching { id, since: work.now };
            match OneShotReply::from_bytes(bytes) {
                Some(OneShotReply::Sealed(sealed)) => {
                    if let Ok(channel) = opening.accept(&sealed) {
                        link.phase = Phase::Live(Live::new(id, channel));
                        return Ok(());
                    }
                }
                Some(OneShotReply::Descriptor(bytes)) => {
                    if let Some(person) = person::find(work.db)?
                        && learn_own(work, &person, &bytes)?
                    {
                        work.effects.link = LinkEffect::Reopen;
                        return Ok(());
                    }
                }
                Some(OneShotReply::Busy(_) | OneShotReply::Refused) | None => {}
            }
            work.effects.link = LinkEffect::Lose;
            Ok(())
        }
        Phase::Live(mut live) => {
            let opened = live.channel.open(bytes).ok();
            let event = opened.and_then(|bytes| LiveEvent::from_bytes(&bytes).ok());
            link.phase = Phase::Live(live);
            match event {
                Some(event) => live_event(work, link, event),
                None => {
                    work.effects.link = LinkEffect::Lose;
                    Ok(())
                }
            }
        }
        other => {
            link.phase = other;
            Ok(())
        }
    }
}

fn live_event(work: &mut Work<'_>, link: &mut Link, event: LiveEvent) -> Result<(), StorageError> {
    match event {
        LiveEvent::Answer { number, answer } => {
            let request = link.live().and_then(|live| live.in_flight.remove(&number));
            match request {
                Some(request) => answers::answered(work, link, request.job, answer),
                None => Ok(()),
            }
        }
        LiveEvent::Push { reader_id, entry, frame } => {
            busy(link);
            inbox::receive(work, reader_id, entry, &frame)
        }
        LiveEvent::Overflow { reader_id } => inbox::overflowed(work, reader_id),
        LiveEvent::Returned { relay_id, descriptor } => {
            busy(link);
            if !descriptor.is_empty() {
                servers::learn_anywhere(work.db, &descriptor, work.now)?;
            }
            outbox::returned(work, relay_id)?;
            if let Some(live) = link.live() {
                if live.in_flight.len() >= MAX_NOTICES {
                    work.effects.link = LinkEffect::Lose;
                    return Ok(());
                }
                let ack = Operation::ReturnAck { relay_id };
                live.ask(Job::ReturnAck, ack, work.now, &mut work.effects.outputs);
            }
            Ok(())
        }
        // Newer than this code.
        _ => Ok(()),
    }
}

fn busy(link: &mut Link) {
    if let Some(live) = link.live() {
        live.quiet = Quiet::Busy;
    }
}

fn chunk_loaded(
    work: &mut Work<'_>,
    link: &mut Link,
    attachment: AttachmentId,
    index: u32,
    sealed: Option<Vec<u8>>,
) -> Result<(), StorageError> {
    let asked = link.live().is_some_and(|live| live.with_vault.remove(&(attachment, index)));
    let sealed = match (sealed, attachments::find(work.db, attachment)?) {
        (Some(sealed), Some(found)) => lending::sealed_to_leave(work.db, &found, index, sealed)?,
        (sealed, _) => sealed,
    };
    match (sealed, link.live()) {
        (Some(sealed), Some(live)) if asked => {
            live.loaded.push((attachment, index, sealed));
            Ok(())
        }
        (Some(_), _) => Ok(()),
        // The vault has lost it: nothing can be sent.
        (None, _) => attachments::fail(work, attachment),
    }
}
