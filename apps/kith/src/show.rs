//! Contacts, messages and events as objects for programs and as lines for people.

use std::time::Duration;

use kith_client::{Client, Notice, Written};
use kith_engine::{
    AttachmentState, AttachmentView, ContactId, ContactState, ContactView, Direction, Ended, Event, Held, LinkState,
    MessageBody, MessageChange, MessageState, MessageView, Receipts, RestoredView,
};
use kith_wire::Timestamp;
use kith_wire::id::MessageId;
use serde_json::{Map, Value, json};

use crate::context::contact_id;
use crate::duration::Span;
use crate::failure::trouble_failure;
use crate::output::{Colour, Out};
use crate::times;

mod devices;
mod held;
mod printable;
mod returning;
mod words;

pub(crate) use devices::{
    Progress, device_line, device_object, devices_line, new_devices, only_device_object, revoked_line, revoked_object,
    stopped_line,
};
pub(crate) use held::{held_briefly, held_code, held_words};
pub(crate) use printable::{is_blank, one_line, printable};
pub(crate) use returning::{not_back_with, return_briefly, return_code, return_line};
pub(crate) use words::{name_among, sentence, unconfirmed};

/// Names a contact's state for programs.
pub(crate) fn contact_state(state: ContactState) -> &'static str {
    match state {
        ContactState::Invited => "invited",
        ContactState::Answered => "answered",
        ContactState::Established => "established",
        ContactState::Blocked => "blocked",
    }
}

/// Names a message's state for programs.
pub(crate) fn message_state(state: MessageState) -> &'static str {
    match state {
        MessageState::Waiting => "waiting",
        MessageState::Accepted => "accepted",
        MessageState::Delivered => "delivered",
        MessageState::Read => "read",
        MessageState::Expired => "expired",
    }
}

/// Draws a message's state: clock, one tick, two, two filled.
pub(crate) fn ticks(state: MessageState) -> &'static str {
    match state {
        MessageState::Waiting => "◷",
        MessageState::Accepted => "✓",
        MessageState::Delivered => "✓✓",
        MessageState::Read => "✔✔",
        MessageState::Expired => "not delivered",
    }
}

/// Something that was taken out of a picture: its name for programs, and in words.
pub(crate) fn removed(written: Written) -> (&'static str, &'static str) {
    match written {
        Written::Place => ("place", "the place"),
        Written::Camera => ("camera", "what the camera wrote"),
        Written::Words => ("words", "what programs wrote"),
        Written::More => ("more", "other parts that nobody sees"),
    }
}

/// A contact for programs.
pub(crate) fn contact_object(contact: &ContactView, now: Timestamp) -> Value {
    json!({
        "contact": contact_id(contact.id),
        "name": contact.name,
        "state": contact_state(contact.state),
        "verified": contact.verified,
        "pq_age_s": contact.pq_since.map(|since| now.seconds().saturating_sub(since.seconds())),
        "unread": contact.unread,
        "disappear_s": contact.disappearing,
        "receipts": contact.receipts == Receipts::Sent,
        "picture": contact.picture.is_some(),
        "pinned": contact.pinned,
        "muted": contact.muted,
        "archived": contact.archived,
        "server": contact.server.as_ref().map(|server| server.as_str()),
        "needs_card": contact.needs_card,
        "new_keys_since": contact.new_keys.map(times::rfc3339),
        "from_home_backup_since": contact.from_home.map(times::rfc3339),
        "held": contact.held.map(held_code),
        "draft": contact.draft,
        "restored_at": contact.restored.and_then(|restored| restored.since).map(times::rfc3339),
        "restored_twice": contact.restored.map(|restored| restored.twice),
        "refused_another_since": contact.refused_another.map(times::rfc3339),
        "restoring": contact.restoring.map(return_code),
    })
}

/// A contact for people.
pub(crate) fn contact_line(contact: &ContactView, colour: Colour) -> String {
    let state = match (contact.state, contact.restoring) {
        // What holds it says so.
        (ContactState::Answered, _) if contact.held == Some(Held::Unanswered) => "",
        (ContactState::Blocked, _) => "blocked",
        _ if contact.needs_card => "needs a new card",
        (ContactState::Invited, _) => "has not answered your card yet",
        (ContactState::Answered, _) => "is being introduced; messages wait until that is done",
        (ContactState::Established, Some(restoring)) => return_briefly(restoring),
        (ContactState::Established, None) => acquaintance(contact),
    };
    let unread = match contact.unread {
        0 => String::new(),
        1 => "1 new message".to_owned(),
        n => format!("{n} new messages"),
    };
    let draft = if contact.draft.is_empty() { "" } else { "draft" };
    let disappearing = match contact.disappearing {
        Some(seconds) => format!("messages disappear after {}", Span(Duration::from_secs(seconds.into()))),
        None => String::new(),
    };
    let held = contact.held.filter(|_| contact.restoring.is_none()).map_or("", held_briefly);
    let restored = contact.restored.map_or_else(String::new, restored_note);
    let refused = contact.refused_another.map_or("", |_| REFUSED_ANOTHER);
    let shown = [(contact.pinned, "pinned"), (contact.muted, "muted"), (contact.archived, "archived")];
    let shown = shown.map(|(is_so, word)| if is_so { word } else { "" });
    let about: Vec<&str> = [state, held, &restored, refused, &unread, &disappearing, draft]
        .into_iter()
        .chain(shown)
        .filter(|part| !part.is_empty())
        .collect();
    let id = colour.quiet(&format!("{:>5}", contact_id(contact.id)));
    format!("{id}  {}  {}", colour.loud(&one_line(&contact.name)), about.join(", ")).trim_end().to_owned()
}

/// Says how well a contact is known that one can talk to.
fn acquaintance(contact: &ContactView) -> &'static str {
    let is_restored = contact.restored.is_some_and(|restored| restored.since.is_some());
    match contact.verified {
        true if is_restored => "verified before the restore",
        true => "verified",
        false if contact.new_keys.is_some() => "HAS NEW KEYS, by a new card: compare digits",
        false if contact.from_home.is_some() => {
            "not verified: known from a backup at a home server, so compare digits, also if you had before"
        }
        false => "not verified",
    }
}

/// What is said of a contact that refused somebody who came as this person.
pub(crate) const REFUSED_ANOTHER: &str = "SAYS THAT ANOTHER DEVICE CLAIMED TO BE YOU: somebody has a backup or a device of yours, or theirs is wrong; ask them";

/// What a person should know of a contact that goes on from a backup.
fn restored_note(restored: RestoredView) -> String {
    let since =
        restored.since.map(|since| format!("goes on from a backup, on a new device, since {}", times::date(since)));
    let twice = restored.twice.then(|| "SOMEBODY ELSE HAS A BACKUP OR AN OLD DEVICE OF THIS CONTACT".to_owned());
    let notes: Vec<String> = since.into_iter().chain(twice).collect();
    format!("{}: compare digits again if in doubt", notes.join("; "))
}

/// A message for programs.
pub(crate) fn message_object(message: &MessageView) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| drop(object.insert(name.to_owned(), value));
    put("message_id", json!(message.id.to_string()));
    put("direction", json!(direction(message.direction)));
    put("sent_at", json!(times::rfc3339(message.sent)));
    match &message.body {
        MessageBody::Text(text) => put("text", json!(text)),
        MessageBody::Deleted => put("deleted", json!(true)),
        MessageBody::NewerVersion => put("newer_version", json!(true)),
    }
    put("state", json!(message_state(message.state)));
    if let Some(target) = message.reply_to {
        put("reply_to", json!(target.to_string()));
    }
    if message.edited {
        put("edited", json!(true));
    }
    if !message.reactions.is_empty() {
        let reactions = message.reactions.iter().map(|(by, emoji)| json!({"by": direction(*by), "emoji": emoji}));
        put("reactions", reactions.collect());
    }
    if let Some(attachment) = &message.attachment {
        put("attachment", attachment_object(attachment));
    }
    if let Some(preview) = &message.preview {
        let about = json!({"address": preview.address, "title": preview.title, "description": preview.description,
            "picture_bytes": preview.picture.as_ref().map_or(0, Vec::len)});
        put("preview", about);
    }
    if let Some(at) = message.disappears {
        put("disappears_at", json!(times::rfc3339(at)));
    }
    object
}

/// A message for people, under the name of who wrote it, with the beginning of what it answers.
pub(crate) fn message_line(
    name: &str,
    message: &MessageView,
    answered: Option<&str>,
    now: Timestamp,
    colour: Colour,
) -> String {
    let (who, state) = match message.direction {
        Direction::In => (name, ""),
        Direction::Out => ("You", ticks(message.state)),
    };
    let mut line = format!("{}  {}", colour.loud(&one_line(who)), colour.quiet(&times::local(message.sent, now)));
    if !state.is_empty() {
        line += &format!("  {}", colour.quiet(&format!("{state}{}", unconfirmed(message, now))));
    }
    if let Some(answered) = answered {
        line += &format!("  {}", colour.quiet(&format!("↪ {answered}")));
    }
    line += &match &message.body {
        MessageBody::Text(text) if text.is_empty() => String::new(),
        MessageBody::Text(text) => format!("  {}", printable(text)),
        MessageBody::Deleted => format!("  {}", colour.quiet("(taken back)")),
        MessageBody::NewerVersion => format!("  {}", colour.quiet("(needs a newer version of Kith)")),
    };
    if let Some(preview) = &message.preview {
        let host = preview.address.trim_start_matches("https://").split(['/', '?', '#']).next().unwrap_or_default();
        line += &format!("  {}", colour.quiet(&format!("[{}: {}]", one_line(host), one_line(&preview.title))));
    }
    if message.edited && message.body != MessageBody::Deleted {
        line += &format!("  {}", colour.quiet("(edited)"));
    }
    if let Some(attachment) = &message.attachment {
        // Whoever wants the file needs the id.
        line += &format!("  {}  {}", attachment_words(attachment), colour.quiet(&message.id.to_string()));
    }
    for (_, emoji) in &message.reactions {
        line += &format!("  {}", one_line(emoji));
    }
    line
}

/// A message that has other reactions, for people: who reacts how, and to what.
fn reactions_line(name: &str, message: &MessageView, about: &str, colour: Colour) -> String {
    let who = |by: &Direction| if *by == Direction::Out { "You".to_owned() } else { one_line(name) };
    let all: Vec<String> =
        message.reactions.iter().map(|(by, emoji)| format!("{}  {}", colour.loud(&who(by)), one_line(emoji))).collect();
    let reactions = if all.is_empty() { format!("{name}  no reaction any more") } else { all.join(", ") };
    format!("{reactions}  {}", colour.quiet(&format!("to: {about}")))
}

fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "in",
        Direction::Out => "out",
    }
}

fn attachment_object(attachment: &AttachmentView) -> Value {
    let state = match attachment.state {
        AttachmentState::Moving => "moving",
        AttachmentState::Paused => "paused",
        AttachmentState::Complete => "complete",
        AttachmentState::Failed => "failed",
        AttachmentState::Asked => "asked",
    };
    json!({
        "name": attachment.name,
        "size": attachment.size,
        "media_type": attachment.media_type,
        "state": state,
        "done": attachment.done,
        "total": attachment.total,
    })
}

fn attachment_words(attachment: &AttachmentView) -> String {
    let state = match attachment.state {
        AttachmentState::Moving => format!(", {} %", percent(attachment.done, attachment.total)),
        AttachmentState::Paused => ", not fetched".to_owned(),
        AttachmentState::Complete => String::new(),
        AttachmentState::Failed => ", no longer there".to_owned(),
        AttachmentState::Asked => ", asked of your other devices".to_owned(),
    };
    format!("[{}, {}{state}]", one_line(&attachment.name), size(attachment.size))
}

fn percent(done: u32, total: u32) -> u64 {
    u64::from(done).saturating_mul(100).checked_div(total.into()).unwrap_or(100)
}

/// Says how many there are of something.
pub(crate) fn number(n: impl TryInto<u64>, what: &str) -> String {
    match n.try_into().unwrap_or_default() {
        1 => format!("one {what}"),
        n => format!("{n} {what}s"),
    }
}

/// Says a number of bytes as people do.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = bytes.saturating_mul(10);
    let mut unit = "B";
    for next in UNITS {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = next;
    }
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// Tells what happened; what no contract knows goes to people only.
pub(crate) fn notice(out: &Out, client: &Client, notice: &Notice) {
    match notice {
        Notice::Event(event) => self::event(out, client, event),
        Notice::Unreachable(error) => {
            out.note(format!("your home server does not answer: {error}; it is tried again by itself"));
        }
        Notice::Storage(reason) => error(out, "storage", None, &format!("your folder cannot be written: {reason}")),
        _ => {}
    }
}

fn event(out: &Out, client: &Client, event: &Event) {
    match event {
        Event::Message { contact, message, change } => changed(out, client, *contact, *message, *change),
        Event::State { contact, message, state } => {
            let kind = if *state == MessageState::Expired { "expired" } else { "receipt" };
            let object = json!({"event": kind, "contact": contact_id(*contact), "message_id": message.to_string(),
                "state": message_state(*state)});
            out.data(&object, || {
                let which = beginning(client, *contact, *message).unwrap_or_default();
                out.colour().quiet(&format!("{}  {}  {which}", ticks(*state), name(client, *contact)))
            });
        }
        Event::Contact { contact } => {
            let view = client.ask(|engine| engine.contact(*contact)).ok();
            let state = view.as_ref().map(|view| contact_state(view.state));
            let object = json!({"event": "contact", "contact": contact_id(*contact), "state": state,
                "name": view.as_ref().map(|view| view.name.clone())});
            out.data(&object, || match view {
                Some(view) => contact_line(&view, out.colour()),
                None => format!("{}  is gone", contact_id(*contact)),
            });
        }
        Event::Held { contact, why } => {
            let object = json!({"event": "held", "contact": contact_id(*contact), "held": why.map(held_code)});
            let name = name(client, *contact);
            out.data(&object, || match why {
                Some(why) => format!("! {}", held_words(*why, &name)),
                None => format!("{name}  what you write goes out again"),
            });
        }
        Event::CardAnsweredTwice { contact } => {
            let text = "somebody else answered the card that was for this contact; compare digits with `kith verify`";
            error(out, "card_answered_twice", Some((client, *contact)), text);
        }
        Event::ContactRestored { contact } => {
            let object = json!({"event": "contact_restored", "contact": contact_id(*contact)});
            out.data(&object, || {
                let name = name(client, *contact);
                format!("{name}  goes on from a backup, on a new device; compare digits with `kith verify` if in doubt")
            });
        }
        Event::ContactRestoredTwice { contact } => {
            let text = "somebody else has answered for this contact with the same backup or an old device, and was refused: \
                        tell the contact, and compare digits with `kith verify`";
            error(out, "contact_restored_twice", Some((client, *contact)), text);
        }
        Event::ContactRefusedAnother { contact } => {
            let text = "this contact says that another device claimed to be you: either somebody has a backup or a device of \
                        yours, or the contact's device is wrong, or lies; ask the contact by another way, and see whether others say \
                        the same, before you do anything";
            error(out, "contact_refused_another", Some((client, *contact)), text);
        }
        Event::SessionUnusable { contact, why } => {
            let text = format!("{}; give the contact a new card with `kith card new --name CONTACT`", ended(*why));
            error(out, "session_unusable", Some((client, *contact)), &text);
        }
        Event::DeviceStopped { contact, why } => {
            let text = format!("{}, with one of the contact's devices; it goes on with the others", ended(*why));
            error(out, "device_stopped", Some((client, *contact)), &text);
        }
        Event::DeviceKeyForked { contact } => {
            let text = "somebody else uses a key of one of the contact's devices: nothing that is new is believed of it until \
                        the contact enters the password there; tell them";
            error(out, "device_key_forked", Some((client, *contact)), text);
        }
        Event::ForbiddenServer { contact } => {
            let text = "your home server may not talk to this contact's home server: ask who runs it; on one machine, for \
                        a trial, start it with --allow-private-peers";
            error(out, "forbidden_destination", Some((client, *contact)), text);
        }
        Event::Unopened { contact } => {
            let text = "what the contact sends cannot be opened: perhaps one of you went on from an older copy of the \
                        folder; give the contact a new card with `kith card new --name CONTACT`";
            error(out, "unopened", Some((client, *contact)), text);
        }
        Event::Overflow { contact } => {
            let text = "so much waited that the home server had to drop some; it is sent again by itself";
            error(out, "overflow", Some((client, *contact)), text);
        }
        Event::Attachment { contact, message, attachment, done, total } => {
            attachment_moved(out, client, *contact, *message, *attachment, (*done, *total));
        }
        Event::Trouble(trouble) => {
            let failure = trouble_failure(*trouble);
            error(out, &failure.code, None, &format!("{}; {}", failure.message, failure.hint));
        }
        Event::Devices => devices_changed(out, client),
        Event::DeviceAdded { device, name } => {
            let object = json!({"event": "device_added", "device": device.to_string(), "name": name});
            out.data(&object, || {
                let name = one_line(name);
                format!(
                    "! {name} is a new device of yours; if you did not link it: `kith device revoke \"{name}\" --lost`"
                )
            });
        }
        Event::SiblingStopped { device, name, why } => {
            let object = json!({"event": "error", "code": "sibling_stopped", "device": device.to_string(), "name": name,
                "hint": stopped_line(name, *why)});
            out.data(&object, || format!("! {}", stopped_line(name, *why)));
        }
        Event::Link(LinkState::Up) => out.note("you are online"),
        Event::Link(LinkState::Down) => out.note("you are offline"),
        _ => {}
    }
}

/// Tells the person's devices: a new one must not come unnoticed.
fn devices_changed(out: &Out, client: &Client) {
    // That this one was revoked ends every command that is online, and is said there.
    if is_revoked(client) {
        return;
    }
    let all = client.devices().unwrap_or_default();
    let object = json!({"event": "devices", "devices": all.iter().map(device_object).collect::<Value>()});
    out.data(&object, || format!("your devices: {}", devices_line(&all)));
}

/// Tells a person, for a day, that there is another device than they may know of.
pub(crate) fn banner(out: &Out, client: &Client) {
    if let Some(text) = new_devices(&client.devices().unwrap_or_default(), times::now()) {
        out.note(out.colour().loud(&text));
    }
}

/// Returns whether another device of the person has revoked this one.
pub(crate) fn is_revoked(client: &Client) -> bool {
    client.ask(|engine| engine.status(times::now())).is_ok_and(|status| status.revoked)
}

fn changed(out: &Out, client: &Client, contact: ContactId, message: MessageId, change: MessageChange) {
    let kind = match change {
        MessageChange::New => "new",
        MessageChange::Edited => "edited",
        MessageChange::Deleted => "deleted",
        MessageChange::Reacted => "reacted",
        MessageChange::Disappeared => "disappeared",
        MessageChange::Synced => "synced",
    };
    let mut object = Map::new();
    object.insert("event".into(), json!("message"));
    object.insert("contact".into(), json!(contact_id(contact)));
    object.insert("message_id".into(), json!(message.to_string()));
    object.insert("change".into(), json!(kind));
    let view = client.ask(|engine| engine.message(contact, message)).ok();
    if let Some(view) = &view {
        object.extend(message_object(view));
    }
    out.data(&Value::Object(object), || match &view {
        Some(view) if change == MessageChange::Reacted => {
            let about = beginning(client, contact, message).unwrap_or_default();
            reactions_line(&name(client, contact), view, &about, out.colour())
        }
        Some(view) => {
            let answered = answered(client, contact, view);
            message_line(&name(client, contact), view, answered.as_deref(), times::now(), out.colour())
        }
        None => out.colour().quiet(&format!("{}  a message has disappeared", name(client, contact))),
    });
}

fn attachment_moved(
    out: &Out,
    client: &Client,
    contact: ContactId,
    message: MessageId,
    attachment: kith_engine::AttachmentId,
    (done, total): (u32, u32),
) {
    let Ok(view) = client.ask(|engine| engine.attachment(attachment)) else { return };
    out.progress(&one_line(&view.name), done.into(), total.into());
    if matches!(view.state, AttachmentState::Complete | AttachmentState::Failed | AttachmentState::Asked) {
        let object = json!({"event": "message", "contact": contact_id(contact), "message_id": message.to_string(),
            "change": "attachment", "attachment": attachment_object(&view)});
        let direction = client.ask(|engine| engine.message(contact, message)).ok().map(|message| message.direction);
        out.data(&object, || {
            let way = match (view.state, direction) {
                (AttachmentState::Complete, Some(Direction::In)) => "  has come",
                (AttachmentState::Complete, Some(Direction::Out)) => "  has left",
                _ => "",
            };
            format!("{}  {}{way}", name(client, contact), attachment_words(&view))
        });
    }
}

fn error(out: &Out, code: &str, about: Option<(&Client, ContactId)>, text: &str) {
    let mut object = json!({"event": "error", "code": code, "hint": text});
    if let (Some((_, contact)), Some(object)) = (about, object.as_object_mut()) {
        object.insert("contact".into(), json!(contact_id(contact)));
    }
    out.data(&object, || match about {
        Some((client, contact)) => format!("! {}: {text}", name(client, contact)),
        None => format!("! {text}"),
    });
}

/// Returns the beginning of the message that this one answers, as far as it is known here.
pub(crate) fn answered(client: &Client, contact: ContactId, message: &MessageView) -> Option<String> {
    let target = message.reply_to?;
    Some(beginning(client, contact, target).unwrap_or_else(|| "a message that is not here".to_owned()))
}

/// Returns how a message begins, enough to know which one it is.
fn beginning(client: &Client, contact: ContactId, message: MessageId) -> Option<String> {
    let view = client.ask(|engine| engine.message(contact, message)).ok()?;
    let words = match (&view.body, &view.attachment) {
        (MessageBody::Text(text), Some(attachment)) if text.is_empty() => one_line(&attachment.name),
        (MessageBody::Text(text), _) => one_line(text),
        (MessageBody::Deleted, _) => "(taken back)".to_owned(),
        (MessageBody::NewerVersion, _) => return None,
    };
    let short: String = words.chars().take(BEGINNING).collect();
    Some(if short.len() < words.len() { format!("{}…", short.trim_end()) } else { short })
}

/// Returns what the person calls a contact.
pub(crate) fn name(client: &Client, contact: ContactId) -> String {
    let view = client.ask(|engine| engine.contact(contact));
    view.map_or_else(|_| contact_id(contact), |view| one_line(&view.name))
}

/// Says why a conversation has ended.
fn ended(why: Ended) -> &'static str {
    match why {
        Ended::OwnCopy => {
            "this folder was restored from an older copy, or somebody uses a copy of it, so this conversation has ended"
        }
        Ended::ContactsCopy => {
            "the contact's data was restored from an older copy, or somebody uses a copy of it, so this conversation has ended"
        }
        Ended::ByContactForCopy => {
            "the contact's side noticed that data was restored from an older copy, or copied, so this conversation has ended"
        }
        Ended::Devices => "the contact's list of devices contradicts itself, so this conversation has ended",
        Ended::ByContact => "the contact's side has ended this conversation",
        Ended::CardKey => "the key that belongs to the card could not be fetched",
        _ => "what the contact sent could not be read, so this conversation has ended",
    }
}

/// Letters of a message that say which one it is; a line of a narrow terminal has room for them.
const BEGINNING: usize = 32;

#[cfg(test)]
mod tests;
