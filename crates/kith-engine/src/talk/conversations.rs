//! Conversations: the messages as they are shown, what the person writes, and how far each message has come.

use kith_crypto::random;
use kith_wire::Timestamp;
use kith_wire::blob::Manifest;
use kith_wire::content::KnownBody;
use kith_wire::id::{DeviceId, MessageId};
use kith_wire::preview::Preview;
use rusqlite::params;

use crate::api::{AttachmentId, ContactId, Direction, Event, MessageState};
use crate::devices::sync;
use crate::errors::CommandError;
use crate::ground::database::{StorageError, column, exists, first, run};
use crate::ground::work::Work;
use crate::mail::outbox::{self, NewContent};
use crate::people::{contacts, own_lists};
use crate::recovery::restored;
use crate::talk::actions::{self, Act, Action};
use crate::talk::emoji::is_reaction;
use crate::talk::{attachments, drafts, previews};

pub(crate) const TABLES: &str = "
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    contact INTEGER NOT NULL,
    message BLOB NOT NULL,
    direction INTEGER NOT NULL,
    device BLOB NOT NULL,
    lamport INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    text TEXT NOT NULL DEFAULT '',
    raw BLOB,
    reply_to BLOB,
    edit_lamport INTEGER NOT NULL DEFAULT 0,
    state INTEGER NOT NULL,
    attachment INTEGER,
    lifetime INTEGER,
    disappears INTEGER,
    UNIQUE (contact, message)
) STRICT;
CREATE INDEX messages_in_order ON messages (contact, lamport, device, message);
CREATE INDEX messages_by_name ON messages (message);
CREATE INDEX messages_by_end ON messages (disappears) WHERE disappears IS NOT NULL;
CREATE INDEX messages_unread ON messages (contact) WHERE direction = 0 AND state < 3;
CREATE TABLE reactions (
    contact INTEGER NOT NULL,
    message BLOB NOT NULL,
    direction INTEGER NOT NULL,
    emoji TEXT NOT NULL,
    lamport INTEGER NOT NULL,
    PRIMARY KEY (contact, message, direction)
) STRICT, WITHOUT ROWID;
CREATE TABLE early_actions (
    contact INTEGER NOT NULL,
    message BLOB NOT NULL,
    direction INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    text TEXT NOT NULL,
    lamport INTEGER NOT NULL,
    PRIMARY KEY (contact, message, direction, kind)
) STRICT, WITHOUT ROWID;
";

/// What a message says, as it is stored.
pub(crate) enum Said {
    /// A text, with what a page is about that it names.
    Text { text: String, reply_to: Option<MessageId>, preview: Option<Preview> },
    /// A body of a newer version, kept for the release that knows it.
    Newer(Vec<u8>),
}

/// A message to show.
pub(crate) struct NewMessage {
    pub(crate) contact: ContactId,
    pub(crate) message: MessageId,
    pub(crate) direction: Direction,
    pub(crate) device: DeviceId,
    pub(crate) lamport: u64,
    pub(crate) sent: Timestamp,
    pub(crate) said: Said,
    pub(crate) lifetime: Option<u32>,
    pub(crate) attachment: Option<AttachmentId>,
}

pub(crate) const fn direction_column(direction: Direction) -> i64 {
    match direction {
        Direction::In => 0,
        Direction::Out => 1,
    }
}

/// The numbers of the column.
pub(crate) const fn state_column(state: MessageState) -> i64 {
    match state {
        MessageState::Waiting => 0,
        MessageState::Accepted => 1,
        MessageState::Delivered => 2,
        MessageState::Read => 3,
        MessageState::Expired => 4,
    }
}

pub(crate) const fn state_of_column(column: i64) -> MessageState {
    match column {
        0 => MessageState::Waiting,
        1 => MessageState::Accepted,
        2 => MessageState::Delivered,
        3 => MessageState::Read,
        _ => MessageState::Expired,
    }
}

/// Adds a message, with whatever came before it; one that is there already stays as it is (KE-22). Returns whether it
/// is new.
pub(crate) fn insert(work: &mut Work<'_>, new: &NewMessage) -> Result<bool, StorageError> {
    let is_new = add(work, new)?;
    if is_new {
        take_early(work, new.contact, new.message)?;
    }
    Ok(is_new)
}

/// Does to a message what came before it. Siblings are told how it is then: whoever knows more of it adds that before.
pub(crate) fn take_early(work: &mut Work<'_>, contact: ContactId, message: MessageId) -> Result<(), StorageError> {
    sync::see_early(work, contact, message)?;
    sync::take_early_state(work, contact, message)?;
    actions::apply_early(work, contact, message)
}

/// Adds a message, as it was said; one that is there already stays as it is (KE-22). Returns whether it is new.
pub(crate) fn add(work: &mut Work<'_>, new: &NewMessage) -> Result<bool, StorageError> {
    let (kind, text, raw, reply_to) = match &new.said {
        Said::Text { text, reply_to, .. } => (0, text.as_str(), None, reply_to.map(|id| id.0)),
        Said::Newer(bytes) => (2, "", Some(bytes.as_slice()), None),
    };
    let (state, disappears) = match new.direction {
        Direction::In => (MessageState::Delivered, None),
        Direction::Out => {
            // KE-26: what another device of the person says that it sent later than now, by a clock that is ahead, lives no longer for it.
            let sent = new.sent.min(work.now);
            let end = new.lifetime.map(|seconds| column(sent.plus_seconds(seconds.into()).0));
            (MessageState::Waiting, end)
        }
    };
    let inserted = run(
        work.db,
        "INSERT OR IGNORE INTO messages (contact, message, direction, device, lamport, sent, kind, text, raw, reply_to, \
         state, attachment, lifetime, disappears) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        params![
            new.contact.column(),
            new.message.0,
            direction_column(new.direction),
            new.device.0,
            column(new.lamport),
            column(new.sent.0),
            kind,
            text,
            raw,
            reply_to,
            state_column(state),
            new.attachment.map(AttachmentId::column),
            new.lifetime,
            disappears,
        ],
    )?;
    if inserted > 0
        && let Said::Text { text, preview, .. } = &new.said
    {
        previews::keep(work.db, new.contact, new.message, text, preview.clone())?;
    }
    Ok(inserted > 0)
}

/// Writes a message.
pub(crate) fn send(
    work: &mut Work<'_>,
    id: ContactId,
    text: &str,
    reply_to: Option<MessageId>,
    attachment: Option<AttachmentId>,
    preview: Option<Preview>,
) -> Result<MessageId, CommandError> {
    own_lists::announce_now(work, id)?;
    restored::answer_now(work, id)?;
    let contact = contacts::writable(work.db, id)?;
    if text.is_empty() && attachment.is_none() {
        return Err(CommandError::Empty);
    }
    // What no other program would show is not sent.
    let preview = preview.and_then(|preview| preview.fitting(text));
    let message = MessageId(random::bytes(work.rng));
    let manifest = attachment.map(|attachment| attachments::attach(work, attachment, id, message)).transpose()?;
    let lamport = contacts::next_lamport(work.db, id)?;
    let said = Said::Text { text: text.to_owned(), reply_to, preview: preview.clone() };
    let new = NewMessage {
        contact: id,
        message,
        direction: Direction::Out,
        device: contact.device.unwrap_or(DeviceId([0; 16])),
        lamport,
        sent: work.now,
        said,
        lifetime: contact.disappearing,
        attachment,
    };
    insert(work, &new)?;
    drafts::sent(work, id)?;
    let body = KnownBody::Text { text: text.to_owned(), reply_to, attachment: manifest, preview };
    outbox::send(
        work,
        id,
        NewContent { peer: None, message, lamport, disappears: contact.disappearing, body, attachment },
    )?;
    Ok(message)
}

/// Sends a message again that could not leave because its attachment could not. Nobody has seen it: it is as if written now.
pub(crate) fn send_again(
    work: &mut Work<'_>,
    id: ContactId,
    message: MessageId,
    attachment: AttachmentId,
    manifest: Manifest,
) -> Result<(), CommandError> {
    let contact = contacts::writable(work.db, id)?;
    let sql = "SELECT text, reply_to FROM messages WHERE contact = ?1 AND message = ?2 AND kind = 0";
    let row = first(work.db, sql, params![id.column(), message.0], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, Option<[u8; 16]>>(1)?.map(MessageId)))
    })?;
    let (text, reply_to) = row.ok_or(CommandError::UnknownMessage)?;
    let lamport = contacts::next_lamport(work.db, id)?;
    let end = contact.disappearing.map(|seconds| column(work.now.plus_seconds(seconds.into()).0));
    run(
        work.db,
        "UPDATE messages SET lamport = ?3, sent = ?4, state = 0, lifetime = ?5, disappears = ?6 \
         WHERE contact = ?1 AND message = ?2",
        params![id.column(), message.0, column(lamport), column(work.now.0), contact.disappearing, end],
    )?;
    work.tell(Event::State { contact: id, message, state: MessageState::Waiting });
    let body = KnownBody::Text { text, reply_to, attachment: Some(manifest), preview: None };
    let disappears = contact.disappearing;
    outbox::send(work, id, NewContent { peer: None, message, lamport, disappears, body, attachment: Some(attachment) })
}

/// Reacts, edits or takes back.
pub(crate) fn act(
    work: &mut Work<'_>,
    id: ContactId,
    target: MessageId,
    action: Action,
) -> Result<MessageId, CommandError> {
    contacts::writable(work.db, id)?;
    check_target(work, id, target, &action)?;
    let body = match &action {
        Action::React(emoji) => KnownBody::Reaction { target, emoji: emoji.clone() },
        Action::Edit(text) => KnownBody::Edit { target, text: text.clone() },
        Action::Delete => KnownBody::Delete { target },
    };
    let withdrawn = action == Action::Delete && outbox::withdraw(work.db, id, target)?;
    let lamport = contacts::next_lamport(work.db, id)?;
    let act = Act { contact: id, target, by: Direction::Out, lamport, action };
    if let Some(change) = actions::apply(work, &act)? {
        work.tell(Event::Message { contact: id, message: target, change });
    }
    let message = MessageId(random::bytes(work.rng));
    let new = NewContent { peer: None, message, lamport, disappears: None, body, attachment: None };
    if withdrawn {
        // What never left needs no taking back from the contact; the siblings may have it.
        sync::tell_said(work, id, &new)?;
    } else {
        outbox::send(work, id, new)?;
    }
    Ok(message)
}

fn check_target(work: &Work<'_>, contact: ContactId, target: MessageId, action: &Action) -> Result<(), CommandError> {
    let sql = "SELECT direction, kind FROM messages WHERE contact = ?1 AND message = ?2";
    let found = first(work.db, sql, params![contact.column(), target.0], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
    })?;
    let Some((direction, kind)) = found.filter(|(_, kind)| *kind != 1) else {
        return Err(CommandError::UnknownMessage);
    };
    match action {
        Action::React(emoji) if !is_reaction(emoji) => Err(CommandError::BadReaction),
        Action::React(_) => Ok(()),
        Action::Edit(_) | Action::Delete if direction != direction_column(Direction::Out) => {
            Err(CommandError::NotTheAuthor)
        }
        Action::Edit(text) if text.is_empty() => Err(CommandError::Empty),
        Action::Edit(_) if kind != 0 => Err(CommandError::UnknownMessage),
        Action::Edit(_) | Action::Delete => Ok(()),
    }
}

/// Moves a message of the person's own on, in whatever conversation it is.
pub(crate) fn advance(work: &mut Work<'_>, message: MessageId, state: MessageState) -> Result<(), StorageError> {
    let sql = "SELECT contact FROM messages WHERE message = ?1 AND direction = 1";
    let contacts =
        crate::ground::database::all(work.db, sql, [message.0], |row| row.get(0).map(ContactId::from_column))?;
    for contact in contacts {
        advance_in(work, contact, message, state)?;
    }
    Ok(())
}

/// Moves a message of the person's own on; never back, and not out of its end (KE-23).
pub(crate) fn advance_in(
    work: &mut Work<'_>,
    contact: ContactId,
    message: MessageId,
    state: MessageState,
) -> Result<(), StorageError> {
    let limit = match state {
        // What was delivered cannot expire any more.
        MessageState::Expired => state_column(MessageState::Delivered),
        _ => state_column(state),
    };
    let changed = run(
        work.db,
        "UPDATE messages SET state = ?3 WHERE contact = ?1 AND message = ?2 AND direction = 1 AND state < ?4",
        params![contact.column(), message.0, state_column(state), limit],
    )?;
    if changed > 0 {
        work.tell(Event::State { contact, message, state });
        sync::tell_state(work, contact, message, state)?;
    } else if !is_there(work, contact, message)? {
        sync::keep_state(work, contact, message, state)?;
    }
    Ok(())
}

/// A receipt names a message that was given up: its ack was lost or late, and it is not expired.
pub(crate) fn shown_after_all(work: &Work<'_>, contact: ContactId, message: MessageId) -> Result<(), StorageError> {
    let sql = "UPDATE messages SET state = 1 WHERE contact = ?1 AND message = ?2 AND direction = 1 AND state = 4";
    run(work.db, sql, params![contact.column(), message.0])?;
    Ok(())
}

/// Returns whether a message is there.
pub(crate) fn is_there(work: &Work<'_>, contact: ContactId, message: MessageId) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM messages WHERE contact = ?1 AND message = ?2";
    exists(work.db, sql, params![contact.column(), message.0])
}
