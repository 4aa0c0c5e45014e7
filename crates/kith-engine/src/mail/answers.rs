//! What the home server's answers mean for the requests that they answer.

use std::borrow::Cow;

use kith_crypto::attachment::open_chunk;
use kith_crypto::sealed::PendingAnswer;
use kith_wire::Wire;
use kith_wire::id::RelayId;
use kith_wire::operation::{Answer, Operation, Refusal};
use kith_wire::sealed::OneShotReply;

use crate::api::{AttachmentId, ContactId, Event, Output, Trouble};
use crate::devices::own_devices::{self, Locked};
use crate::devices::sibling_meetings;
use crate::ground::clocks::{Mended, PutOff};
use crate::ground::database::StorageError;
use crate::ground::person;
use crate::ground::person::Registration;
use crate::ground::work::{LinkEffect, Work};
use crate::mail::connection::{AccountStep, Link, Quiet, UploadStep};
use crate::mail::jobs::Job;
use crate::mail::outbox::FrameKind;
use crate::mail::servers::{DescriptorError, ServerId};
use crate::mail::{expiry, outbox, queues, servers, sessions};
use crate::people::card_keys::Fetched;
use crate::people::{card_keys, introductions};
use crate::recovery::closings;
use crate::talk::attachments;

/// Seconds after which something is tried again that the server refused for a reason of its own.
const REFUSED_SECONDS: u64 = 60;
/// The longest for which a server is left alone that wants to be, before it is asked again.
const LONGEST_HOLD_SECONDS: u64 = 3600;
/// Seconds after which a deposit is tried again that the server does not want to pass on at all.
const FORBIDDEN_SECONDS: u64 = 3600;
/// When a deposit is tried again that the server has not taken. (First answers wait for hours beside, for a reason of their own.)
pub(crate) fn put_off() -> PutOff {
    let which = format!("deposited IS NULL AND (kind <> {} OR attempts > 0)", FrameKind::Answer as i64);
    let longest = LONGEST_HOLD_SECONDS.max(FORBIDDEN_SECONDS).max(REFUSED_SECONDS);
    PutOff {
        table: "frames",
        time: "due",
        which: Cow::Owned(which),
        longest_ms: longest * 1000,
        mended: Mended::AtOnce,
    }
}

/// Seconds between this clock and the server's that are worth a warning.
const CLOCK_SECONDS: u64 = 300;

/// Applies the answer to a request.
pub(crate) fn answered(work: &mut Work<'_>, link: &mut Link, job: Job, answer: Answer) -> Result<(), StorageError> {
    if let Answer::Refused { reason: Refusal::UnknownAccount } = answer {
        // The server has forgotten the account, or never had it: it is registered anew.
        person::set_registration(work.db, Registration::Open)?;
        link.is_forgotten();
        work.effects.link = LinkEffect::Lose;
        return Ok(());
    }
    if let Answer::Closed { signature } = answer {
        // KE-54, KE-88: a server that says so without the statement is only one that does not serve.
        work.effects.link = LinkEffect::Lose;
        return if closings::is_closed(work.db, &signature)? {
            own_devices::lock(work, Locked::Revoked)
        } else {
            Ok(())
        };
    }
    match job {
        Job::Account => account(work, link, &answer)?,
        Job::Register => register(work, link, &answer)?,
        Job::MakeQueue(id) => match answer {
            Answer::Queue { reader_id, sender_id } => {
                if queues::made(work.db, id, reader_id, sender_id)? {
                    introductions::queue_made(work)?;
                    sibling_meetings::queue_made(work)?;
                } else {
                    work.effects.link = LinkEffect::Lose;
                }
            }
            other => refused(work, link, &other),
        },
        Job::DeleteQueue(id) => match answer {
            Answer::Busy { .. } => refused(work, link, &answer),
            _ => queues::deleted(work.db, id)?,
        },
        Job::Deposit { frame, relay } => deposit(work, frame, relay, &answer)?,
        Job::Descriptor(server) => descriptor(work, link, server, &answer)?,
        Job::BlobCreate(id) => blob_created(work, link, id, &answer)?,
        Job::BlobStatus(id) => match answer {
            Answer::BlobStatus { present } => {
                attachments::set_present(work, id, present)?;
                set_upload(link, id, UploadStep::Moving);
            }
            Answer::Busy { .. } => {
                refused(work, link, &answer);
                drop_upload(link, id);
            }
            Answer::Refused { reason: Refusal::NotFound } => upload_again(work, link, id)?,
            _ => attachments::stop(work, id)?,
        },
        Job::BlobPut(id, index) => blob_put(work, link, id, index, &answer)?,
        // What another place says that the file was fetched from before means nothing any more.
        Job::BlobGet { attachment, blob, .. }
            if attachments::find(work.db, attachment)?.is_none_or(|known| known.blob != blob) => {}
        Job::BlobGet { attachment, index, server, pending, .. } => {
            let got = Got { attachment, index, server, pending };
            blob_got(work, link, &got, answer)?;
        }
        Job::CardCreate(contact) => match answer {
            Answer::Accepted => {
                let fill = card_keys::created(work.db, contact)?;
                if let (Some(fill), Some(live)) = (fill, link.live()) {
                    live.ask(Job::CardPut(contact), fill, work.now, &mut work.effects.outputs);
                }
            }
            other => refused(work, link, &other),
        },
        Job::CardPut(contact) => match answer {
            Answer::Accepted => card_keys::put(work.db, contact)?,
            other => refused(work, link, &other),
        },
        Job::CardGet { contact, server, pending } => card_got(work, link, contact, server, &pending, &answer)?,
        Job::CloseAccount { closing, server, pending } => {
            closings::answered(work, link, closing, server, &pending, &answer)?;
        }
        Job::BlobDelete(blob) => match answer {
            Answer::Accepted => attachments::deleted(work.db, blob)?,
            other => refused(work, link, &other),
        },
        Job::Clock => clock(work, link, &answer)?,
        // Queues that are not there, and entries and notices that are gone, need nothing more.
        Job::Read | Job::Ack | Job::ReturnAck => {}
    }
    Ok(())
}

/// Returns for how many seconds a server is left alone that asks for it (KE-134).
fn held(seconds: u16) -> u64 {
    u64::from(seconds).clamp(1, LONGEST_HOLD_SECONDS)
}

/// The server says no, or not now: it is left alone for a while.
fn refused(work: &mut Work<'_>, link: &mut Link, answer: &Answer) {
    let seconds = match answer {
        Answer::Busy { seconds } => held(*seconds),
        _ => REFUSED_SECONDS,
    };
    if let Answer::Refused { reason: Refusal::QuotaExceeded } = answer {
        work.tell(Event::Trouble(Trouble::QuotaExceeded));
    }
    if let Some(live) = link.live() {
        live.hold = live.hold.max(Some(work.now.plus_seconds(seconds)));
    }
}

fn account(work: &mut Work<'_>, link: &mut Link, answer: &Answer) -> Result<(), StorageError> {
    if *answer != Answer::Accepted {
        work.effects.link = LinkEffect::Lose;
        return Ok(());
    }
    let registered = person::find(work.db)?.is_some_and(|person| person.registration == Registration::Done);
    if registered {
        ready(work, link);
    } else if let Some(live) = link.live() {
        live.account = AccountStep::Proven;
    }
    Ok(())
}

fn register(work: &mut Work<'_>, link: &mut Link, answer: &Answer) -> Result<(), StorageError> {
    match answer {
        Answer::Accepted => {
            person::set_registration(work.db, Registration::Done)?;
            ready(work, link);
        }
        Answer::Refused { reason: Refusal::InviteNeeded } => {
            if let Some(live) = link.live() {
                live.account = AccountStep::Refused;
            }
            work.tell(Event::Trouble(Trouble::InviteNeeded));
        }
        _ => work.effects.link = LinkEffect::Lose,
    }
    Ok(())
}

fn ready(work: &mut Work<'_>, link: &mut Link) {
    if let Some(live) = link.live() {
        live.is_ready(work.now);
    }
    link.is_up(&mut work.effects.outputs);
}

fn deposit(work: &mut Work<'_>, frame: i64, relay: RelayId, answer: &Answer) -> Result<(), StorageError> {
    match answer {
        Answer::Accepted => outbox::deposited(work, frame, relay),
        Answer::Busy { seconds } => outbox::postponed(work, frame, held(*seconds)),
        Answer::Refused { reason: Refusal::QuotaExceeded } => {
            work.tell(Event::Trouble(Trouble::QuotaExceeded));
            outbox::postponed(work, frame, REFUSED_SECONDS)
        }
        _ => outbox::postponed(work, frame, FORBIDDEN_SECONDS),
    }
}

/// Another server's descriptor, by way of the own one: believed only under the pinned key.
fn descriptor(work: &mut Work<'_>, link: &mut Link, server: ServerId, answer: &Answer) -> Result<(), StorageError> {
    // Nothing may need it any more by now.
    if !servers::is_known(work.db, server)? {
        return Ok(());
    }
    let learnt = match answer {
        Answer::Descriptor { descriptor } => servers::learn(work.db, server, descriptor, work.now),
        _ => Err(DescriptorError::NotSigned),
    };
    let is_forbidden = matches!(answer, Answer::Refused { reason: Refusal::ForbiddenDestination });
    if is_forbidden && !link.pauses.contains_key(&server) {
        for contact in sessions::contacts_at(work.db, server)? {
            work.tell(Event::ForbiddenServer { contact });
        }
    }
    match learnt {
        Ok(()) => {
            link.pauses.remove(&server);
        }
        Err(DescriptorError::Storage(problem)) => return Err(problem),
        Err(_) => link.pause_server(server, work.now, work.rng),
    }
    Ok(())
}

fn set_upload(link: &mut Link, id: AttachmentId, step: UploadStep) {
    if let Some(live) = link.live() {
        live.uploads.insert(id, step);
    }
}

fn drop_upload(link: &mut Link, id: AttachmentId) {
    if let Some(live) = link.live() {
        live.uploads.remove(&id);
    }
}

/// The blob's time was over before it was whole: it begins again, once. A server that loses it at once would be fed for ever.
fn upload_again(work: &mut Work<'_>, link: &mut Link, id: AttachmentId) -> Result<(), StorageError> {
    drop_upload(link, id);
    if link.live().is_some_and(|live| !live.begun_again.insert(id)) {
        return attachments::stop(work, id);
    }
    attachments::set_present(work, id, Vec::new())
}

fn blob_created(work: &mut Work<'_>, link: &mut Link, id: AttachmentId, answer: &Answer) -> Result<(), StorageError> {
    let Some(attachment) = attachments::find(work.db, id)? else { return Ok(()) };
    match answer {
        Answer::Accepted => {
            if let Some(live) = link.live() {
                live.uploads.insert(id, UploadStep::Asking);
                let status = Operation::BlobStatus { blob: attachment.blob };
                live.ask(Job::BlobStatus(id), status, work.now, &mut work.effects.outputs);
            }
            Ok(())
        }
        Answer::Busy { .. } => {
            refused(work, link, answer);
            drop_upload(link, id);
            Ok(())
        }
        Answer::Refused { reason: Refusal::QuotaExceeded } => {
            work.tell(Event::Trouble(Trouble::QuotaExceeded));
            attachments::stop(work, id)
        }
        _ => attachments::fail(work, id),
    }
}

fn blob_put(
    work: &mut Work<'_>,
    link: &mut Link,
    id: AttachmentId,
    index: u32,
    answer: &Answer,
) -> Result<(), StorageError> {
    match answer {
        Answer::Accepted => attachments::chunk_done(work, id, index),
        Answer::Busy { .. } => {
            refused(work, link, answer);
            Ok(())
        }
        Answer::Refused { reason: Refusal::NotFound } => upload_again(work, link, id),
        _ => attachments::stop(work, id),
    }
}

struct Got {
    attachment: AttachmentId,
    index: u32,
    server: ServerId,
    pending: PendingAnswer,
}

/// A chunk by way of the own server: what is inside was sealed by the contact's.
fn blob_got(work: &mut Work<'_>, link: &mut Link, got: &Got, answer: Answer) -> Result<(), StorageError> {
    let reply = match answer {
        Answer::Relayed { reply } => OneShotReply::from_bytes(&reply),
        Answer::Busy { .. } => {
            refused(work, link, &answer);
            return Ok(());
        }
        _ => None,
    };
    match reply {
        Some(OneShotReply::Sealed(sealed)) => {
            let opened = got.pending.open(&sealed).ok();
            match opened.and_then(|bytes| Answer::from_bytes(&bytes).ok()) {
                Some(Answer::BlobChunk { chunk }) => chunk_got(work, link, got, chunk),
                Some(Answer::Refused { .. }) => attachments::fail(work, got.attachment),
                _ => {
                    link.pause_server(got.server, work.now, work.rng);
                    Ok(())
                }
            }
        }
        Some(OneShotReply::Descriptor(bytes)) => {
            let learnt = Answer::Descriptor { descriptor: bytes };
            descriptor(work, link, got.server, &learnt)
        }
        Some(OneShotReply::Busy(_) | OneShotReply::Refused) | None => {
            link.pause_server(got.server, work.now, work.rng);
            Ok(())
        }
    }
}

/// Returns what another server has replied by way of the own one.
pub(crate) fn relayed(answer: &Answer) -> Option<OneShotReply> {
    match answer {
        Answer::Relayed { reply } => OneShotReply::from_bytes(reply),
        _ => None,
    }
}

/// A card's key by way of the own server.
fn card_got(
    work: &mut Work<'_>,
    link: &mut Link,
    contact: ContactId,
    server: ServerId,
    pending: &PendingAnswer,
    answer: &Answer,
) -> Result<(), StorageError> {
    let fetched = match relayed(answer) {
        Some(OneShotReply::Descriptor(bytes)) => {
            return descriptor(work, link, server, &Answer::Descriptor { descriptor: bytes });
        }
        Some(OneShotReply::Sealed(sealed)) => match pending.open(&sealed).map(|bytes| Answer::from_bytes(&bytes)) {
            Ok(Ok(answer)) => card_keys::got(work, contact, &answer)?,
            _ => Fetched::Later,
        },
        Some(OneShotReply::Busy(_) | OneShotReply::Refused) | None => Fetched::Later,
    };
    if fetched == Fetched::Later {
        link.pause_server(server, work.now, work.rng);
    }
    Ok(())
}

/// A chunk that does not open was not what the contact sealed: the attachment fails (KE-30).
fn chunk_got(work: &mut Work<'_>, link: &mut Link, got: &Got, sealed: Vec<u8>) -> Result<(), StorageError> {
    let (id, index) = (got.attachment, got.index);
    let Some(attachment) = attachments::find(work.db, id)? else { return Ok(()) };
    let opens = attachment.shape().is_some_and(|shape| open_chunk(&attachment.key, shape, index, &sealed).is_ok());
    if !opens {
        return attachments::fail(work, id);
    }
    link.pauses.remove(&got.server);
    if let Some(live) = link.live() {
        live.with_vault.insert((id, index));
    }
    work.effects.outputs.push_back(Output::StoreChunk { attachment: id, index, sealed });
    Ok(())
}

/// The time, and with it the end of all that the server had to say before.
fn clock(work: &mut Work<'_>, link: &mut Link, answer: &Answer) -> Result<(), StorageError> {
    match answer {
        Answer::Clock { time } => {
            let ahead = i128::from(work.now.seconds()) - i128::from(*time);
            let ahead = i64::try_from(ahead).unwrap_or(if ahead < 0 { i64::MIN } else { i64::MAX });
            if ahead.unsigned_abs() > CLOCK_SECONDS {
                work.tell(Event::Trouble(Trouble::ClockOff { ahead }));
            }
            link.time_said(ahead);
        }
        Answer::Busy { .. } => {
            link.time_put_off();
            refused(work, link, answer);
        }
        _ => link.time_refused(),
    }
    if let Some(live) = link.live()
        && live.quiet == Quiet::Asked
    {
        live.quiet = Quiet::Told;
        link.is_remembered();
        // What nobody has acknowledged by now nobody will.
        expiry::expire(work, link)?;
        work.tell(Event::Quiet);
    }
    Ok(())
}
