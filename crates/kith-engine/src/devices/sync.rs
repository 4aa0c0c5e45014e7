//! What the person's devices tell each other, said and taken in. Each item has its room; here is who is told, and who may say it.
//!
//! An item is a content with body 10 in the session with a sibling, so it comes once, in order, and survives crashes as
//! messages do. Whatever order items of different siblings come in, all devices show the same in the end (KE-53): what comes before that
//! to which it belongs is in `sync/early.rs`.

mod early;

use kith_crypto::random;
use kith_session::check_list;
use kith_wire::Wire;
use kith_wire::content::{Body, Content, KnownBody};
use kith_wire::id::{ConversationId, MessageId};
use kith_wire::sync::{ContactCopy, SyncItem};
use rusqlite::params;

use crate::api::{ContactId, Direction, Event, MessageChange, MessageState};
use crate::devices::siblings::{self, Sibling, State};
use crate::devices::{contact_copies, device_keys, history, own_devices, sibling_meetings};
use crate::errors::CommandError;
use crate::ground::database::{StorageError, all, column, exists, first, run};
use crate::ground::work::Work;
use crate::mail::outbox::{self, NewContent};
use crate::people::pictures::{self, Chosen};
use crate::people::{contacts, introductions, own_lists};
use crate::recovery::{closings, replaced};
use crate::sabotage::{self, Bug};
use crate::talk::actions::{self, Act, Action};
use crate::talk::conversations::{self, NewMessage, Said, state_of_column};
use crate::talk::{attachments, contents, disappearing, drafts, lending};
pub(crate) use early::{keep_state, take_early_state};

pub(crate) const TABLES: &str = "
CREATE TABLE forgotten (conversation BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE early_items (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation BLOB NOT NULL,
    sibling INTEGER NOT NULL,
    item BLOB NOT NULL
) STRICT;
CREATE INDEX early_items_by_conversation ON early_items (conversation);
CREATE TABLE early_states (
    contact INTEGER NOT NULL,
    message BLOB NOT NULL,
    state INTEGER NOT NULL,
    PRIMARY KEY (contact, message)
) STRICT, WITHOUT ROWID;
CREATE TABLE seen_early (contact INTEGER NOT NULL, message BLOB NOT NULL, PRIMARY KEY (contact, message)) STRICT, WITHOUT ROWID;
";

/// What version 4 adds: when a contact was forgotten, and whether here, so that these and the newest stay when there are too many.
pub(crate) const TABLES_4: &str = "
ALTER TABLE forgotten ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE forgotten ADD COLUMN here INTEGER NOT NULL DEFAULT 1;
ALTER TABLE contacts ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
";

/// Tells all siblings.
pub(crate) fn tell(work: &mut Work<'_>, item: &SyncItem) -> Result<(), StorageError> {
    for sibling in siblings::linked(work.db)? {
        tell_one(work, sibling.contact, item)?;
    }
    Ok(())
}

/// Tells one sibling.
pub(crate) fn tell_one(work: &mut Work<'_>, sibling: ContactId, item: &SyncItem) -> Result<(), StorageError> {
    let message = MessageId(random::bytes(work.rng));
    tell_as(work, sibling, message, item)
}

/// Tells one sibling, under a name by which it can be taken back while it waits.
pub(crate) fn tell_as(
    work: &mut Work<'_>,
    sibling: ContactId,
    message: MessageId,
    item: &SyncItem,
) -> Result<(), StorageError> {
    let lamport = contacts::next_lamport(work.db, sibling)?;
    let body = KnownBody::Sync { item: item.to_bytes() };
    let content = NewContent { peer: None, message, lamport, disappears: None, body, attachment: None };
    match outbox::send(work, sibling, content) {
        Err(CommandError::Storage(problem)) => Err(problem),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Tells the siblings, or one of them, a contact as it is now.
pub(crate) fn tell_contact(work: &mut Work<'_>, contact: ContactId, to: Option<ContactId>) -> Result<(), StorageError> {
    if to.is_none() && siblings::linked(work.db)?.is_empty() {
        return Ok(());
    }
    let Some(copy) = contact_copies::copy(work.db, contact)? else { return Ok(()) };
    let before = contacts::conversations_before(work.db, contact)?;
    let item = SyncItem::Contact(Box::new(ContactCopy { before: (!before.is_empty()).then_some(before), ..copy }));
    match to {
        Some(sibling) => {
            tell_one(work, sibling, &item)?;
            pictures::tell(work, contact, to)?;
            device_keys::tell_known(work, contact, sibling)
        }
        None => tell(work, &item),
    }
}

/// Tells the siblings what the person said to a contact. What is said before the contact is established is told with it.
pub(crate) fn tell_said(work: &mut Work<'_>, contact: ContactId, new: &NewContent) -> Result<(), StorageError> {
    let is_for_siblings = matches!(
        new.body,
        KnownBody::Text { .. }
            | KnownBody::Reaction { .. }
            | KnownBody::Edit { .. }
            | KnownBody::Delete { .. }
            | KnownBody::Disappearing { .. }
    );
    if !is_for_siblings || siblings::linked(work.db)?.is_empty() {
        return Ok(());
    }
    let Some(known) = contacts::find(work.db, contact)?.filter(|known| !known.is_sibling) else { return Ok(()) };
    let (Some(conversation), Some(device)) = (known.conversation, known.device) else { return Ok(()) };
    let content = Content {
        message: new.message,
        conversation,
        lamport: new.lamport,
        device,
        sent: work.now,
        disappears: new.disappears,
        body: Body::Known(new.body.clone()),
        also_for: None,
    };
    tell(work, &SyncItem::Said { content: Box::new(content) })
}

/// A contact became established: the siblings learn of it, and, when it is the first time, of what was said before. Without a list of its
/// devices it cannot be told; the list may come after the frame that established it (`peer_list.rs`).
pub(crate) fn contact_made(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    if contacts::find(work.db, contact)?.is_none_or(|known| known.is_sibling) {
        return siblings::met(work, contact);
    }
    let sql = "SELECT told FROM contacts WHERE id = ?1 AND peer_list IS NOT NULL";
    let Some(is_known) = first(work.db, sql, [contact.column()], |row| row.get::<_, bool>(0))? else { return Ok(()) };
    run(work.db, "UPDATE contacts SET told = 1 WHERE id = ?1", [contact.column()])?;
    if siblings::linked(work.db)?.is_empty() {
        return Ok(());
    }
    tell_contact(work, contact, None)?;
    pictures::tell(work, contact, None)?;
    if is_known {
        return Ok(());
    }
    let sql = "SELECT message FROM messages WHERE contact = ?1 ORDER BY lamport";
    let messages = all(work.db, sql, [contact.column()], |row| row.get(0).map(MessageId))?;
    for message in messages {
        tell_message(work, contact, message)?;
    }
    Ok(())
}

/// Tells the siblings one message as it is now.
pub(crate) fn tell_message(work: &mut Work<'_>, contact: ContactId, message: MessageId) -> Result<(), StorageError> {
    let conversation = contacts::find(work.db, contact)?.and_then(|contact| contact.conversation);
    let past = history::past_message(work.db, contact, message)?;
    match (conversation, past) {
        (Some(contact), Some(past)) => {
            tell(work, &SyncItem::History { contact, messages: vec![past], told: 0, total: 0 })
        }
        _ => Ok(()),
    }
}

/// Tells the siblings how far a message of this device has come.
pub(crate) fn tell_state(
    work: &mut Work<'_>,
    contact: ContactId,
    message: MessageId,
    state: MessageState,
) -> Result<(), StorageError> {
    // That the contact has read it, the contact tells every device.
    let is_news = matches!(state, MessageState::Delivered | MessageState::Expired);
    if !is_news || siblings::linked(work.db)?.is_empty() {
        return Ok(());
    }
    let known = contacts::find(work.db, contact)?.filter(|known| !known.is_sibling);
    let Some(conversation) = known.as_ref().and_then(|known| known.conversation) else { return Ok(()) };
    let own = known.and_then(|known| known.device).map(|device| device.0);
    let sql = "SELECT 1 FROM messages WHERE contact = ?1 AND message = ?2 AND device = ?3";
    if !exists(work.db, sql, params![contact.column(), message.0, own])? {
        return Ok(());
    }
    let number = u8::try_from(conversations::state_column(state)).unwrap_or(0);
    tell(work, &SyncItem::States { contact: conversation, states: vec![(message, number)] })
}

/// A content in the session with a sibling. Everything that is not the person's own is ignored (KE-50).
pub(crate) fn receive(work: &mut Work<'_>, from: ContactId, content: Content) -> Result<(), StorageError> {
    let Body::Known(KnownBody::Sync { item }) = content.body else { return Ok(()) };
    let (Some(sibling), Ok(item)) = (siblings::find(work.db, from)?, SyncItem::from_bytes(&item)) else {
        return Ok(());
    };
    match (sibling.state, item) {
        (State::Linking, SyncItem::Hello { device, name, user }) => {
            siblings::hello(work, &sibling, device, &name, &user)
        }
        (State::Joining, SyncItem::Welcome { user, devices, contacts, messages, name }) => {
            siblings::welcomed(work, &sibling, &user, devices, name.as_deref(), (contacts, messages))
        }
        (State::Linked, item) => from_linked(work, &sibling, item),
        _ => Ok(()),
    }
}

fn from_linked(work: &mut Work<'_>, sibling: &Sibling, item: SyncItem) -> Result<(), StorageError> {
    if early::keep(work, sibling.contact, &item)? {
        return Ok(());
    }
    match item {
        SyncItem::Contact(copy) if !is_copy_of_forgotten(work, &copy)? => {
            let conversation = copy.contact;
            siblings::told_a_contact(work, sibling.contact)?;
            contact_copies::take(work, Some(sibling.contact), *copy)?;
            for (from, item) in early::take(work, conversation)? {
                if let Some(from) = siblings::find(work.db, from)? {
                    from_linked(work, &from, item)?;
                }
            }
            Ok(())
        }
        SyncItem::ContactsTold => siblings::told_all_contacts(work, sibling.contact),
        SyncItem::Forgotten { contact } => forgotten(work, contact),
        SyncItem::AllForgotten { contacts } => {
            for contact in contacts {
                forgotten(work, contact)?;
            }
            Ok(())
        }
        SyncItem::List { contact, list, owners } => {
            if let Some(known) = contacts::by_conversation(work.db, contact)? {
                own_lists::note_owners(work.db, known, &owners, sibling.device)?;
                introductions::pass_waiting(work, known)?;
            }
            own_lists::told(work, contact, list)
        }
        SyncItem::Introduction { contact, to, list, offer } => introductions::pass_on(work, contact, to, list, *offer),
        SyncItem::CardForYou { contact, list, offer } => {
            let Some(contact) = contacts::by_conversation(work.db, contact)? else { return Ok(()) };
            let key = contacts::peer_key(work.db, contact)?;
            let list = key.and_then(|key| check_list(list, &key).ok());
            list.map_or(Ok(()), |list| introductions::answer(work, contact, &list, *offer))
        }
        SyncItem::Said { content } => said(work, *content),
        SyncItem::Heard { content } => heard(work, *content),
        SyncItem::History { contact, messages, told, total } => {
            history::heard(work, sibling.contact, contact, messages, (told, total))
        }
        SyncItem::Changed { contact, messages } => history::changed(work, contact, messages),
        SyncItem::Seen { contact, messages } => seen(work, contact, &messages),
        SyncItem::States { contact, states } => {
            let Some(contact) = contacts::by_conversation(work.db, contact)? else { return Ok(()) };
            for (message, state) in states {
                let state = state_of_column(i64::from(state));
                if matches!(state, MessageState::Delivered | MessageState::Read) {
                    conversations::shown_after_all(work, contact, message)?;
                }
                conversations::advance_in(work, contact, message, state)?;
            }
            Ok(())
        }
        SyncItem::Devices { devices } => {
            if own_devices::learn(work, devices)? {
                sibling_meetings::meet_everyone(work)?;
            }
            Ok(())
        }
        SyncItem::Rotation { contact, rotation } => match contacts::by_conversation(work.db, contact)? {
            Some(contact) => device_keys::told(work, contact, &rotation),
            None => Ok(()),
        },
        SyncItem::Restored { contact, list, at } => replaced::told(work, contact, list, at),
        SyncItem::Meet { to, from, offer } => sibling_meetings::introduced(work, to, from, *offer),
        SyncItem::Draft { contact, draft } => drafts::heard(work, contact, &draft),
        SyncItem::Picture { contact, at, picture } => pictures::heard(work, contact, &Chosen { at, picture }),
        SyncItem::FileWanted { contact, message, wanted } => {
            lending::wanted(work, sibling.contact, contact, message, wanted)
        }
        SyncItem::FileLent { contact, message, file } => lending::lent(work, contact, message, &file),
        SyncItem::Closing { device, server, sealed } => closings::heard(work, sibling, device, &server, &sealed),
        SyncItem::Close { device, server, account, signature } => {
            closings::told(work, device, &server, account, signature)
        }
        _ => Ok(()),
    }
}

/// Returns whether the person forgot a contact that a sibling tells, by whichever id it knew the conversation.
fn is_copy_of_forgotten(work: &Work<'_>, copy: &ContactCopy) -> Result<bool, StorageError> {
    for conversation in std::iter::once(&copy.contact).chain(copy.before.iter().flatten()) {
        if is_forgotten(work, *conversation)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_forgotten(work: &Work<'_>, contact: ConversationId) -> Result<bool, StorageError> {
    exists(work.db, "SELECT 1 FROM forgotten WHERE conversation = ?1", [contact.0])
}

/// The person forgets a contact here: siblings forget it too, and it does not come back from one that has not heard.
pub(crate) fn forget(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    if siblings::everyone(work.db)?.is_empty() {
        return Ok(());
    }
    let known = contacts::find(work.db, contact)?.filter(|known| !known.is_sibling);
    let Some(conversation) = known.and_then(|known| known.conversation) else { return Ok(()) };
    // A sibling that has not heard that the contact started anew goes by an id of before.
    for conversation in contacts::conversations_before(work.db, contact)?.into_iter().chain([conversation]) {
        note_forgotten(work, conversation, Where::Here)?;
        tell(work, &SyncItem::Forgotten { contact: conversation })?;
    }
    Ok(())
}

/// On which device the person forgot a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    Here,
    Elsewhere,
}

/// Remembers that a contact was forgotten. Of too many the oldest are let go, first those of which a sibling said so: these are far more
/// than anybody forgets, unless a sibling lies.
fn note_forgotten(work: &Work<'_>, conversation: ConversationId, place: Where) -> Result<(), StorageError> {
    let sql = "INSERT OR IGNORE INTO forgotten (conversation, at, here) VALUES (?1, ?2, ?3)";
    run(work.db, sql, params![conversation.0, column(work.now.0), place == Where::Here])?;
    let sql = "DELETE FROM forgotten WHERE conversation IN \
               (SELECT conversation FROM forgotten ORDER BY here DESC, at DESC, conversation LIMIT -1 OFFSET ?1)";
    run(work.db, sql, [MAX_FORGOTTEN])?;
    Ok(())
}

/// Forgotten contacts that are remembered: 30 bytes each.
const MAX_FORGOTTEN: u32 = 10_000;

fn forgotten(work: &mut Work<'_>, conversation: ConversationId) -> Result<(), StorageError> {
    note_forgotten(work, conversation, Where::Elsewhere)?;
    early::forget(work.db, conversation)?;
    match contacts::by_conversation(work.db, conversation)? {
        Some(contact) => contacts::erase(work, contact),
        None => Ok(()),
    }
}

/// What the person said on another device, shown here as the person's own.
fn said(work: &mut Work<'_>, content: Content) -> Result<(), StorageError> {
    let Some(contact) = contacts::by_conversation(work.db, content.conversation)? else { return Ok(()) };
    if content.lamport > contacts::MAX_LAMPORT {
        return Ok(());
    }
    contacts::saw_lamport(work.db, contact, content.lamport)?;
    let Body::Known(body) = content.body.clone() else { return Ok(()) };
    let (target, action) = match body {
        KnownBody::Text { text, reply_to, attachment, preview } => {
            return said_text(work, contact, &content, Said::Text { text, reply_to, preview }, attachment);
        }
        KnownBody::Disappearing { seconds } => return disappearing::heard(work, contact, content.lamport, seconds),
        KnownBody::Reaction { target, emoji } => (target, Action::React(emoji)),
        KnownBody::Edit { target, text } => (target, Action::Edit(text)),
        KnownBody::Delete { target } => (target, Action::Delete),
        _ => return Ok(()),
    };
    let act = Act { contact, target, by: Direction::Out, lamport: content.lamport, action };
    if let Some(change) = actions::apply(work, &act)? {
        work.tell(Event::Message { contact, message: target, change });
    }
    Ok(())
}

fn said_text(
    work: &mut Work<'_>,
    contact: ContactId,
    content: &Content,
    said: Said,
    attachment: Option<kith_wire::blob::Manifest>,
) -> Result<(), StorageError> {
    if conversations::is_there(work, contact, content.message)? {
        return Ok(());
    }
    let manifest = attachment.filter(kith_wire::blob::Manifest::is_well_formed);
    let add = |manifest| attachments::add_incoming(work, contact, content.message, &manifest);
    let attachment = manifest.map(add).transpose()?;
    let new = NewMessage {
        contact,
        message: content.message,
        direction: Direction::Out,
        device: content.device,
        lamport: content.lamport,
        sent: content.sent,
        said,
        lifetime: content.disappears,
        attachment,
    };
    if conversations::add(work, &new)? {
        work.tell(Event::Message { contact, message: content.message, change: MessageChange::Synced });
        conversations::advance_in(work, contact, content.message, MessageState::Accepted)?;
        conversations::take_early(work, contact, content.message)?;
    }
    Ok(())
}

/// What a contact's device said before it had met a sibling is passed on to that one (KE-55). The content tells whom it had met.
pub(crate) fn pass_on(work: &mut Work<'_>, contact: ContactId, content: &Content) -> Result<(), StorageError> {
    let is_for_all = !matches!(
        content.body,
        Body::Known(
            KnownBody::QueueMove { .. }
                | KnownBody::QueueMoved { .. }
                | KnownBody::DeviceCard { .. }
                | KnownBody::Rotation { .. }
                | KnownBody::SpareCard { .. }
                | KnownBody::Sync { .. }
                | KnownBody::Nothing
        )
    );
    let linked = siblings::linked(work.db)?;
    if !is_for_all || linked.is_empty() || sabotage::is_on(Bug::NothingIsPassedOn) {
        return Ok(());
    }
    let met = content.also_for.as_deref().unwrap_or_default();
    let owners = own_lists::owners(work.db, contact)?;
    let is_met = |device| owners.iter().any(|(owner, here)| *owner == device && met.contains(here));
    let item = SyncItem::Heard { content: Box::new(Content { also_for: None, ..content.clone() }) };
    for sibling in linked.iter().filter(|sibling| sibling.device.is_some_and(|device| !is_met(device))) {
        tell_one(work, sibling.contact, &item)?;
    }
    Ok(())
}

/// What a contact said to a sibling before it knew of this device.
fn heard(work: &mut Work<'_>, content: Content) -> Result<(), StorageError> {
    match contacts::by_conversation(work.db, content.conversation)? {
        Some(contact) => contents::apply_heard(work, contact, content),
        None => Ok(()),
    }
}

/// Tells the siblings what the person has seen.
pub(crate) fn tell_seen(work: &mut Work<'_>, contact: ContactId, messages: &[MessageId]) -> Result<(), StorageError> {
    let conversation = contacts::find(work.db, contact)?.and_then(|contact| contact.conversation);
    let Some(contact) = conversation else { return Ok(()) };
    for messages in messages.chunks(SEEN_AT_ONCE) {
        tell(work, &SyncItem::Seen { contact, messages: messages.to_vec() })?;
    }
    Ok(())
}

/// Messages of a conversation that were seen elsewhere before they came here, at most.
const MAX_SEEN_EARLY: u32 = 10_000;
/// Messages that are told seen at once.
const SEEN_AT_ONCE: usize = 1000;

fn seen(work: &mut Work<'_>, contact: ConversationId, messages: &[MessageId]) -> Result<(), StorageError> {
    let Some(contact) = contacts::by_conversation(work.db, contact)? else { return Ok(()) };
    let mut n_changed = 0;
    for message in messages {
        let key = params![contact.column(), message.0, column(work.now.0)];
        let sql = "UPDATE messages SET state = 3, disappears = ?3 + 1000 * lifetime \
                   WHERE contact = ?1 AND message = ?2 AND direction = 0 AND state < 3";
        n_changed += run(work.db, sql, key)?;
        if !conversations::is_there(work, contact, *message)? {
            // It has not come yet: it will come as seen.
            let sql = "INSERT OR IGNORE INTO seen_early (contact, message) SELECT ?1, ?2 \
                       WHERE (SELECT count(*) FROM seen_early WHERE contact = ?1) < ?3";
            run(work.db, sql, params![contact.column(), message.0, MAX_SEEN_EARLY])?;
        }
    }
    if n_changed > 0 {
        work.tell(Event::Contact { contact });
    }
    Ok(())
}

/// A message came that the person has seen on another device before.
pub(crate) fn see_early(work: &mut Work<'_>, contact: ContactId, message: MessageId) -> Result<(), StorageError> {
    let key = params![contact.column(), message.0];
    if run(work.db, "DELETE FROM seen_early WHERE contact = ?1 AND message = ?2", key)? > 0 {
        let sql = "UPDATE messages SET state = 3, disappears = ?3 + 1000 * lifetime \
                   WHERE contact = ?1 AND message = ?2 AND direction = 0";
        run(work.db, sql, params![contact.column(), message.0, column(work.now.0)])?;
    }
    Ok(())
}
