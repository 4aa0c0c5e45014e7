//! What the engine knows, in the words of the contract. Nothing is decided here.

use data_encoding::BASE64;
use kith_engine::{
    AttachmentState, AttachmentView, ContactState, ContactView, DeviceState, DeviceView, Direction, Ended, Event, Held,
    LinkState, MessageBody, MessageChange, MessageState, MessageView, Receipts, Restoring, Status, Trouble,
};
use kith_picture::Written;
use kith_wire::preview::Preview;

use crate::contract;

/// A contact; the newest message of the conversation is given beside it.
pub(crate) fn contact(view: ContactView, newest: Option<&MessageView>) -> contract::Contact {
    contract::Contact {
        id: view.id.0,
        name: view.name,
        state: match view.state {
            ContactState::Invited => contract::ContactState::Invited,
            ContactState::Answered => contract::ContactState::Answered,
            ContactState::Established => contract::ContactState::Established,
            ContactState::Blocked => contract::ContactState::Blocked,
        },
        verified: view.verified,
        unread: view.unread,
        draft: view.draft,
        disappearing: view.disappearing,
        receipts: view.receipts == Receipts::Sent,
        picture: view.picture.map(|at| at.0),
        pinned: view.pinned,
        muted: view.muted,
        archived: view.archived,
        server: view.server.map(|url| url.to_string()),
        needs_card: view.needs_card,
        waiting: view.waiting,
        held: view.held.map(held),
        restored: view.restored.map(|view| contract::Restored { since: view.since.map(|at| at.0), twice: view.twice }),
        refused_another: view.refused_another.map(|at| at.0),
        from_home: view.from_home.map(|at| at.0),
        restoring: view.restoring.map(|restoring| match restoring {
            Restoring::NeedsPassword => contract::Restoring::NeedsPassword,
            Restoring::Told => contract::Restoring::Told,
            Restoring::Unanswered => contract::Restoring::Unanswered,
            Restoring::NeedsCard => contract::Restoring::NeedsCard,
        }),
        pq_since: view.pq_since.map(|at| at.0),
        last: newest.map(last_message),
    }
}

fn held(why: Held) -> contract::Held {
    match why {
        Held::NotNamed => contract::Held::NotNamed,
        Held::NotMet => contract::Held::NotMet,
        Held::UnknownOwnList => contract::Held::UnknownOwnList,
        Held::ListRanOut => contract::Held::ListRanOut,
        Held::ListsContradict => contract::Held::ListsContradict,
        Held::Unanswered => contract::Held::Unanswered,
        _ => contract::Held::Other,
    }
}

fn last_message(view: &MessageView) -> contract::LastMessage {
    contract::LastMessage {
        id: view.id.to_string(),
        mine: view.direction == Direction::Out,
        sent: view.sent.0,
        state: message_state(view.state),
        body: body(&view.body),
        file: view.attachment.as_ref().map(|attachment| attachment.name.clone()),
    }
}

/// A message; the one that it answers is given beside it, when it is here.
pub(crate) fn message(view: MessageView, answered: Option<&MessageView>) -> contract::Message {
    let quote = view.reply_to.map(|id| contract::Quote {
        id: id.to_string(),
        mine: answered.is_some_and(|message| message.direction == Direction::Out),
        body: answered.map(|message| body(&message.body)),
    });
    contract::Message {
        id: view.id.to_string(),
        mine: view.direction == Direction::Out,
        sent: view.sent.0,
        body: body(&view.body),
        state: message_state(view.state),
        reply_to: quote,
        edited: view.edited,
        reactions: view.reactions.into_iter().map(reaction).collect(),
        attachment: view.attachment.map(attachment),
        preview: view.preview.map(preview),
        disappears: view.disappears.map(|at| at.0),
    }
}

fn preview(preview: Preview) -> contract::Preview {
    contract::Preview {
        picture: preview.picture.map(|bytes| BASE64.encode(&bytes)),
        address: preview.address,
        title: preview.title,
        description: preview.description,
    }
}

fn reaction((direction, emoji): (Direction, String)) -> contract::Reaction {
    contract::Reaction { mine: direction == Direction::Out, emoji }
}

fn body(body: &MessageBody) -> contract::MessageBody {
    match body {
        MessageBody::Text(text) => contract::MessageBody::Text { text: text.clone() },
        MessageBody::Deleted => contract::MessageBody::Deleted,
        MessageBody::NewerVersion => contract::MessageBody::NewerVersion,
    }
}

fn message_state(state: MessageState) -> contract::MessageState {
    match state {
        MessageState::Waiting => contract::MessageState::Waiting,
        MessageState::Accepted => contract::MessageState::Accepted,
        MessageState::Delivered => contract::MessageState::Delivered,
        MessageState::Read => contract::MessageState::Read,
        MessageState::Expired => contract::MessageState::Expired,
    }
}

/// An attachment.
pub(crate) fn attachment(view: AttachmentView) -> contract::Attachment {
    contract::Attachment {
        id: view.id.0,
        name: view.name,
        media_type: view.media_type,
        size: view.size,
        state: match view.state {
            AttachmentState::Moving => contract::AttachmentState::Moving,
            AttachmentState::Paused => contract::AttachmentState::Paused,
            AttachmentState::Complete => contract::AttachmentState::Complete,
            AttachmentState::Failed => contract::AttachmentState::Failed,
            AttachmentState::Asked => contract::AttachmentState::Asked,
        },
        done: view.done,
        total: view.total,
    }
}

/// One of the person's devices.
pub(crate) fn device(view: DeviceView) -> contract::Device {
    contract::Device {
        id: view.id.map(|id| id.to_string()),
        link: view.contact.map(|contact| contact.0),
        heard: view.heard.map(|at| at.0),
        contacts: view.contacts.map(progress),
        history: view.history.map(progress),
        name: view.name,
        is_this: view.is_this,
        since: view.since.map(|day| day.start().0),
        state: match view.state {
            DeviceState::Waiting | DeviceState::Looking => contract::DeviceState::Waiting,
            DeviceState::Compare { code, asks } => contract::DeviceState::Compare { code, asks },
            DeviceState::Linked => contract::DeviceState::Linked,
            DeviceState::Revoked => contract::DeviceState::Revoked,
        },
        stopped: view.stopped,
    }
}

fn progress((told, total): (u64, u64)) -> contract::Progress {
    contract::Progress { told, total }
}

/// How a device is doing that is to become another one of a person.
pub(crate) fn joining(status: &Status, step: contract::JoinStep) -> contract::State {
    contract::State::Joining { server: status.server.to_string(), online: status.link == LinkState::Up, step }
}

/// How an open person is doing.
pub(crate) fn state(status: Status) -> contract::State {
    contract::State::Open {
        name: status.name,
        server: status.server.to_string(),
        server_key: status.server_key.to_string(),
        registered: status.registered,
        online: status.link == LinkState::Up,
        waiting: status.waiting,
        revoked: status.revoked,
        left_behind: status.left_behind,
        rotation_hours: status.rotation_hours,
    }
}

/// What only a person can mend.
pub(crate) fn trouble(trouble: Trouble) -> Option<contract::Trouble> {
    match trouble {
        Trouble::InviteNeeded => Some(contract::Trouble::InviteNeeded),
        Trouble::QuotaExceeded => Some(contract::Trouble::QuotaExceeded),
        Trouble::ServerKeyChanged => Some(contract::Trouble::ServerKeyChanged),
        Trouble::ClockOff { .. } => Some(contract::Trouble::ClockOff),
        Trouble::BadDescriptor => Some(contract::Trouble::BadDescriptor),
        _ => None,
    }
}

/// What the app is told of an event; nothing of those that change how things stand, which are told as a state.
pub(crate) fn notice(event: Event) -> Option<contract::Notice> {
    use contract::{ContactTrouble, Notice};
    let about = |contact: kith_engine::ContactId, trouble| Notice::ContactTrouble { contact: contact.0, trouble };
    Some(match event {
        Event::Message { contact, message, change } => {
            Notice::Message { contact: contact.0, message: message.to_string(), change: message_change(change) }
        }
        Event::State { contact, message, state } => {
            Notice::MessageState { contact: contact.0, message: message.to_string(), state: message_state(state) }
        }
        Event::Contact { contact } | Event::Held { contact, .. } => Notice::Contact { contact: contact.0 },
        Event::ContactRestored { contact } => about(contact, ContactTrouble::Restored),
        Event::ContactRestoredTwice { contact } => about(contact, ContactTrouble::RestoredTwice),
        Event::ContactRefusedAnother { contact } => about(contact, ContactTrouble::RefusedAnother),
        Event::CardAnsweredTwice { contact } => about(contact, ContactTrouble::CardAnsweredTwice),
        Event::SessionUnusable { contact, why: Ended::Unreadable } => about(contact, ContactTrouble::Unreadable),
        Event::SessionUnusable { contact, .. } => about(contact, ContactTrouble::NeedsCard),
        Event::DeviceStopped { contact, .. } => about(contact, ContactTrouble::DeviceStopped),
        Event::DeviceKeyForked { contact } => about(contact, ContactTrouble::DeviceKeyStolen),
        Event::ForbiddenServer { contact } => about(contact, ContactTrouble::ForbiddenServer),
        Event::Unopened { contact } => about(contact, ContactTrouble::Unreadable),
        Event::Overflow { contact } => about(contact, ContactTrouble::Overflow),
        Event::Attachment { contact, message, attachment, done, total } => Notice::Attachment {
            contact: contact.0,
            message: message.to_string(),
            attachment: attachment.0,
            done,
            total,
        },
        Event::Devices => Notice::Devices,
        Event::DeviceAdded { name, .. } => Notice::DeviceAdded { name },
        Event::Trouble(found) => Notice::Trouble { trouble: trouble(found)? },
        _ => return None,
    })
}

fn message_change(change: MessageChange) -> contract::MessageChange {
    match change {
        MessageChange::New => contract::MessageChange::New,
        MessageChange::Edited => contract::MessageChange::Edited,
        MessageChange::Deleted => contract::MessageChange::Deleted,
        MessageChange::Reacted => contract::MessageChange::Reacted,
        MessageChange::Disappeared => contract::MessageChange::Disappeared,
        MessageChange::Synced => contract::MessageChange::Synced,
    }
}

/// Something that was taken out of a picture.
pub(crate) fn written(written: Written) -> contract::Written {
    match written {
        Written::Place => contract::Written::Place,
        Written::Camera => contract::Written::Camera,
        Written::Words => contract::Written::Words,
        Written::More => contract::Written::More,
    }
}
