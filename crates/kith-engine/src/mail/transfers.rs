//! Chunks on their way: up to the own home server, down from the contact's.
//!
//! At most four chunks are under way at a time, between vault and server together. What has arrived is remembered by
//! chunk, so that everything goes on where it stopped.

use kith_crypto::sealed::seal;
use kith_wire::Wire;
use kith_wire::operation::{Operation, Request};
use kith_wire::sealed::SealKind;

use crate::api::{AttachmentId, Output};
use crate::ground::database::StorageError;
use crate::ground::person;
use crate::mail::connection::{Asked, Live, UploadStep};
use crate::mail::jobs::Job;
use crate::mail::pump::Pump;
use crate::mail::servers;
use crate::talk::attachments::{self, Attachment, Way};

/// Chunks under way at most: 256 KiB in memory.
const MAX_CHUNKS: usize = 4;

/// Sends what transfers need.
pub(crate) fn send(pump: &mut Pump<'_>) -> Result<(), StorageError> {
    send_loaded(pump)?;
    for attachment in attachments::moving(pump.db)? {
        match attachment.way {
            Way::Out => upload(pump, &attachment),
            Way::In => download(pump, &attachment)?,
        }
    }
    Ok(())
}

/// Sends the chunks that the vault has brought.
fn send_loaded(pump: &mut Pump<'_>) -> Result<(), StorageError> {
    let Some(live) = pump.link.live() else { return Ok(()) };
    for (id, index, chunk) in std::mem::take(&mut live.loaded) {
        let Some(attachment) = attachments::find(pump.db, id)? else { continue };
        pump.ask(Job::BlobPut(id, index), Operation::BlobPut { blob: attachment.blob, index, chunk });
    }
    Ok(())
}

fn upload(pump: &mut Pump<'_>, attachment: &Attachment) {
    let id = attachment.id;
    let Some(live) = pump.link.live() else { return };
    match live.uploads.get(&id) {
        None => {
            let (Some(shape), Some((read, delete))) = (attachment.shape(), attachment.verifiers()) else { return };
            live.uploads.insert(id, UploadStep::Creating);
            let (chunks, bytes) = (shape.chunks, shape.sealed_bytes());
            pump.ask(Job::BlobCreate(id), Operation::BlobCreate { blob: attachment.blob, chunks, bytes, read, delete });
        }
        Some(UploadStep::Creating | UploadStep::Asking) => {}
        Some(UploadStep::Moving) => {
            for index in attachment.present.missing() {
                if n_under_way(live) >= MAX_CHUNKS {
                    return;
                }
                if !is_under_way(live, id, index) {
                    live.with_vault.insert((id, index));
                    pump.out.push_back(Output::LoadChunk {
                        attachment: id,
                        from: attachment.lends.unwrap_or(id),
                        index,
                    });
                }
            }
        }
    }
}

fn download(pump: &mut Pump<'_>, attachment: &Attachment) -> Result<(), StorageError> {
    let (id, server) = (attachment.id, attachment.server);
    if pump.link.is_paused(server) {
        return Ok(());
    }
    let Some(person) = person::find(pump.db)? else { return Ok(()) };
    pump.refresh(&person, server)?;
    let Some(epoch) = servers::epoch(pump.db, server, pump.now)? else { return Ok(()) };
    let to = servers::address(pump.db, server)?;
    for index in attachment.present.missing() {
        let Some(live) = pump.link.live() else { return Ok(()) };
        if n_under_way(live) >= MAX_CHUNKS {
            return Ok(());
        }
        if is_under_way(live, id, index) {
            continue;
        }
        let get = Operation::BlobGet { blob: attachment.blob, index, capability: attachment.read.clone() };
        let request = Request { operation: get, signatures: Vec::new() };
        let sealed = seal(&to.key, &epoch.keys, SealKind::OneShot, &request.to_bytes(), pump.rng);
        let Ok(sealed) = sealed else { return Ok(()) };
        let job = Job::BlobGet { attachment: id, index, blob: attachment.blob, server, pending: sealed.pending };
        if pump.ask(job, Operation::Relay { to: to.clone(), sealed: sealed.bytes }) == Asked::TooLong {
            return Ok(());
        }
    }
    Ok(())
}

fn is_chunk(job: &Job) -> Option<(AttachmentId, u32)> {
    match job {
        Job::BlobPut(id, index) | Job::BlobGet { attachment: id, index, .. } => Some((*id, *index)),
        _ => None,
    }
}

fn n_under_way(live: &Live) -> usize {
    let asked = live.in_flight.values().filter(|request| is_chunk(&request.job).is_some()).count();
    asked + live.with_vault.len() + live.loaded.len()
}

fn is_under_way(live: &Live, id: AttachmentId, index: u32) -> bool {
    live.is_asking(|job| is_chunk(job) == Some((id, index)))
        || live.with_vault.contains(&(id, index))
        || live.loaded.iter().any(|(other, place, _)| (*other, *place) == (id, index))
}
