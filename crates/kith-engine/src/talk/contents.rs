//! What a contact says, applied: texts, reactions, edits, deletions, receipts, moves and settings.
//!
//! The session has proven which contact speaks; what is checked here is what that contact may do.

use kith_wire::content::{Body, Content, KnownBody, ReceiptKind};
use kith_wire::id::MessageId;

use crate::api::{ContactId, Direction, Event, MessageChange, MessageState};
use crate::devices::{device_keys, sync};
use crate::ground::database::StorageError;
use crate::ground::work::Work;
use crate::mail::sessions::PeerDevice;
use crate::mail::{outbox, queues, rotation};
use crate::people::contacts::{self, Contact};
use crate::people::{cards, introductions, spare_cards};
use crate::recovery::refused;
use crate::talk::actions::{self, Act, Action};
use crate::talk::conversations::{self, NewMessage, Said};
use crate::talk::{attachments, disappearing};

/// The highest time that is believed (KE-20).
const MAX_TIME: u64 = 1 << 48;
/// Seconds by which two clocks may differ: a message that its sender still waits for must never be dropped here.
const CLOCKS_DIFFER_SECONDS: u64 = 3600;
/// Messages that one receipt may name.
const MAX_RECEIPTS: usize = 256;

/// When the turn of a content came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// With one of its own frames.
    AtOnce,
    /// With another frame, which came before in order: its sender may know long since that it came.
    Later,
}

/// Applies a content that came in a session. One that breaks a rule is dropped.
pub(crate) fn apply(work: &mut Work<'_>, peer: &PeerDevice, content: Content, turn: Turn) -> Result<(), StorageError> {
    let Some(contact) = contacts::find(work.db, peer.contact)? else { return Ok(()) };
    if !is_acceptable(work, peer, &contact, &content)? || (turn == Turn::AtOnce && is_too_late(work, &content)) {
        return Ok(());
    }
    contacts::saw_lamport(work.db, contact.id, content.lamport)?;
    if contact.is_sibling {
        return sync::receive(work, contact.id, content);
    }
    sync::pass_on(work, contact.id, &content)?;
    match content.body.clone() {
        Body::Known(body) => apply_known(work, peer, &contact, &content, body),
        Body::Unknown(bytes) => show(work, &contact, &content, Said::Newer(bytes), None),
        // A body that even its decoder does not name cannot be shown.
        _ => Ok(()),
    }
}

/// Applies a content that a contact said to a sibling of this device. The sibling has looked at it as `apply` does.
pub(crate) fn apply_heard(work: &mut Work<'_>, id: ContactId, content: Content) -> Result<(), StorageError> {
    let Some(contact) = contacts::find(work.db, id)? else { return Ok(()) };
    if content.lamport > contacts::MAX_LAMPORT || content.sent.0 > MAX_TIME {
        return Ok(());
    }
    contacts::saw_lamport(work.db, id, content.lamport)?;
    match content.body.clone() {
        Body::Known(body) => apply_said(work, &contact, &content, body),
        Body::Unknown(bytes) => show(work, &contact, &content, Said::Newer(bytes), None),
        _ => Ok(()),
    }
}

/// KE-20: numbers within bounds, this conversation, and a device of the contact's newest list, or the one that speaks: a newer list that
/// was made without knowing of it does not take its word away, and a revoked one's session has stopped.
fn is_acceptable(
    work: &Work<'_>,
    peer: &PeerDevice,
    contact: &Contact,
    content: &Content,
) -> Result<bool, StorageError> {
    if content.lamport > contacts::MAX_LAMPORT || content.sent.0 > MAX_TIME {
        return Ok(false);
    }
    if contact.conversation != Some(content.conversation) {
        return Ok(false);
    }
    if peer.device == Some(content.device) {
        return Ok(true);
    }
    let list = cards::peer_list(work.db, contact.id)?;
    Ok(list.is_some_and(|list| list.devices.iter().any(|device| device.id == content.device)))
}

/// KE-34: its sender has given it up and was told so; a server kept a copy for too long.
fn is_too_late(work: &Work<'_>, content: &Content) -> bool {
    let is_shown = matches!(content.body, Body::Known(KnownBody::Text { .. }) | Body::Unknown(_));
    let given_up = outbox::expiry(content.sent).plus_seconds(CLOCKS_DIFFER_SECONDS);
    is_shown && given_up <= work.now
}

fn apply_known(
    work: &mut Work<'_>,
    peer: &PeerDevice,
    contact: &Contact,
    content: &Content,
    body: KnownBody,
) -> Result<(), StorageError> {
    let id = contact.id;
    match body {
        KnownBody::QueueMove { queue } => rotation::follow(work, id, peer.id, &queue),
        KnownBody::QueueMoved { sender_id } => queues::moved(work, id, peer.id, &sender_id),
        KnownBody::DeviceCard { to, list, offer } => introductions::came(work, id, to, list, *offer),
        KnownBody::Rotation { rotation } => device_keys::heard(work, id, &rotation),
        KnownBody::SpareCard { offer } => spare_cards::came(work, peer, *offer),
        said => apply_said(work, contact, content, said),
    }
}

/// Applies what the contact's person said, to whichever device.
fn apply_said(work: &mut Work<'_>, contact: &Contact, content: &Content, body: KnownBody) -> Result<(), StorageError> {
    let id = contact.id;
    match body {
        // A copy must not leave a second attachment behind.
        KnownBody::Text { .. } if conversations::is_there(work, id, content.message)? => Ok(()),
        KnownBody::Text { text, reply_to, attachment, preview } => {
            let manifest = attachment.filter(kith_wire::blob::Manifest::is_well_formed);
            let attachment = match &manifest {
                Some(manifest) => Some(attachments::add_incoming(work, id, content.message, manifest)?),
                None => None,
            };
            show(work, contact, content, Said::Text { text, reply_to, preview }, attachment)
        }
        KnownBody::Reaction { target, emoji } => act(work, id, content, target, Action::React(emoji)),
        KnownBody::Edit { target, text } => act(work, id, content, target, Action::Edit(text)),
        KnownBody::Delete { target } => act(work, id, content, target, Action::Delete),
        KnownBody::Receipt { kind, messages } => receipt(work, id, kind, &messages),
        KnownBody::Disappearing { seconds } => disappearing::heard(work, id, content.lamport, seconds),
        KnownBody::RefusedAnother => refused::heard(work, id),
        // Nothing to say, newer than this code, or what only siblings say (KE-50), or one device to another.
        _ => Ok(()),
    }
}

fn show(
    work: &mut Work<'_>,
    contact: &Contact,
    content: &Content,
    said: Said,
    attachment: Option<crate::api::AttachmentId>,
) -> Result<(), StorageError> {
    let new = NewMessage {
        contact: contact.id,
        message: content.message,
        direction: Direction::In,
        device: content.device,
        lamport: content.lamport,
        sent: content.sent,
        said,
        lifetime: content.disappears,
        attachment,
    };
    if conversations::insert(work, &new)? {
        work.tell(Event::Message { contact: contact.id, message: content.message, change: MessageChange::New });
    }
    Ok(())
}

fn act(
    work: &mut Work<'_>,
    contact: ContactId,
    content: &Content,
    target: MessageId,
    action: Action,
) -> Result<(), StorageError> {
    let act = Act { contact, target, by: Direction::In, lamport: content.lamport, action };
    if let Some(change) = actions::apply(work, &act)? {
        work.tell(Event::Message { contact, message: target, change });
    }
    Ok(())
}

/// Moves the person's own messages on; receipts for others' are ignored.
fn receipt(
    work: &mut Work<'_>,
    contact: ContactId,
    kind: ReceiptKind,
    messages: &[MessageId],
) -> Result<(), StorageError> {
    let state = match kind {
        ReceiptKind::Delivered => MessageState::Delivered,
        ReceiptKind::Read => MessageState::Read,
    };
    for message in messages.iter().take(MAX_RECEIPTS) {
        conversations::shown_after_all(work, contact, *message)?;
        conversations::advance_in(work, contact, *message, state)?;
    }
    Ok(())
}
