//! Messages of before, told to a device that was linked: as many as the person wants, a few at a time.
//!
//! A job remembers how far it has come; nothing is told while much of what was told before is still under way.

use kith_wire::Timestamp;
use kith_wire::content::{Body, KnownBody};
use kith_wire::id::{ConversationId, DeviceId, MessageId};
use kith_wire::sync::{PastMessage, SyncItem};
use rusqlite::{Connection, params};

use crate::api::{ContactId, Direction, HistoryWish};
use crate::devices::sync;
use crate::ground::database::{StorageError, all, column, count, first, number, run};
use crate::ground::work::Work;
use crate::mail::outbox;
use crate::people::contacts;
use crate::talk::actions::{self, Act, Action};
use crate::talk::conversations::{self, NewMessage, Said, direction_column};
use crate::talk::{attachments, previews};

pub(crate) const TABLES: &str = "
CREATE TABLE history (
    sibling INTEGER PRIMARY KEY,
    since INTEGER NOT NULL,
    next INTEGER NOT NULL,
    last INTEGER NOT NULL,
    told INTEGER NOT NULL,
    total INTEGER NOT NULL
) STRICT;
";

/// Bytes of messages in one item, about: with its header it fits a content.
pub(crate) const ITEM_BYTES: usize = 20_000;
/// Messages in one item.
pub(crate) const ITEM_MESSAGES: i64 = 64;
/// Items that wait or are under way before the next one is told: 1 MiB of frames.
pub(crate) const UNDER_WAY: u64 = 256;

/// Returns how many messages of before a sibling is told.
pub(crate) fn wished(work: &Work<'_>, wish: HistoryWish) -> Result<u64, StorageError> {
    let Some(since) = since(work.now, wish) else { return Ok(0) };
    count(work.db, "SELECT count(*) FROM messages WHERE sent >= ?1", [column(since.0)])
}

fn since(now: Timestamp, wish: HistoryWish) -> Option<Timestamp> {
    match wish {
        HistoryWish::None => None,
        HistoryWish::Days(days) => Some(now.minus_seconds(u64::from(days) * 86_400)),
        HistoryWish::All => Some(Timestamp(0)),
    }
}

/// A sibling is going to tell so many messages of before.
pub(crate) fn awaited(db: &Connection, sibling: ContactId, n_messages: u64) -> Result<(), StorageError> {
    let sql = "INSERT OR REPLACE INTO history (sibling, since, next, last, told, total) VALUES (?1, 0, 0, 0, 0, ?2)";
    run(db, sql, params![sibling.column(), column(n_messages)])?;
    Ok(())
}

/// Begins to tell a sibling messages of before.
pub(crate) fn begin(work: &mut Work<'_>, sibling: ContactId, wish: HistoryWish) -> Result<(), StorageError> {
    let Some(since) = since(work.now, wish) else { return Ok(()) };
    let sql = "SELECT max(id) FROM messages";
    let last = first(work.db, sql, [], |row| row.get::<_, Option<i64>>(0))?.flatten().unwrap_or(0);
    let total =
        count(work.db, "SELECT count(*) FROM messages WHERE sent >= ?1 AND id <= ?2", params![column(since.0), last])?;
    run(
        work.db,
        "INSERT OR REPLACE INTO history (sibling, since, next, last, told, total) VALUES (?1, ?2, 0, ?3, 0, ?4)",
        params![sibling.column(), column(since.0), last, column(total)],
    )?;
    go_on(work)
}

/// Returns how many messages were told, and heard of, of how many.
pub(crate) fn progress(db: &Connection, sibling: ContactId) -> Result<Option<(u64, u64)>, StorageError> {
    first(db, "SELECT told, total FROM history WHERE sibling = ?1", [sibling.column()], |row| {
        Ok((number(row.get(0)?), number(row.get(1)?)))
    })
}

struct Job {
    sibling: ContactId,
    since: i64,
    next: i64,
    last: i64,
    told: u64,
    total: u64,
}

/// Tells what fits now.
pub(crate) fn go_on(work: &mut Work<'_>) -> Result<(), StorageError> {
    let sql = "SELECT sibling, since, next, last, told, total FROM history WHERE next < last";
    let jobs = all(work.db, sql, [], |row| {
        let sibling = ContactId::from_column(row.get(0)?);
        let (told, total) = (number(row.get(4)?), number(row.get(5)?));
        Ok(Job { sibling, since: row.get(1)?, next: row.get(2)?, last: row.get(3)?, told, total })
    })?;
    for mut job in jobs {
        while job.next < job.last && n_under_way(work.db, job.sibling)? < UNDER_WAY {
            tell_some(work, &mut job)?;
        }
        let sql = "UPDATE history SET next = ?2, told = ?3 WHERE sibling = ?1";
        run(work.db, sql, params![job.sibling.column(), job.next, column(job.told)])?;
    }
    Ok(())
}

/// Returns how much of what a sibling was told waits or is under way.
pub(crate) fn n_under_way(db: &Connection, sibling: ContactId) -> Result<u64, StorageError> {
    let sql = "SELECT (SELECT count(*) FROM frames f JOIN peers p ON p.id = f.peer WHERE p.contact = ?1) \
               + (SELECT count(*) FROM outgoing WHERE contact = ?1)";
    count(db, sql, [sibling.column()])
}

/// Tells the next few messages of one conversation.
fn tell_some(work: &mut Work<'_>, job: &mut Job) -> Result<(), StorageError> {
    let sql =
        "SELECT id, contact, message FROM messages WHERE id > ?1 AND id <= ?2 AND sent >= ?3 ORDER BY id LIMIT ?4";
    let found = all(work.db, sql, params![job.next, job.last, job.since, ITEM_MESSAGES], |row| {
        Ok((row.get::<_, i64>(0)?, ContactId::from_column(row.get(1)?), MessageId(row.get(2)?)))
    })?;
    let Some((_, contact, _)) = found.first().copied() else {
        job.next = job.last;
        return Ok(());
    };
    let conversation = contacts::find(work.db, contact)?.and_then(|contact| contact.conversation);
    let (mut messages, mut bytes) = (Vec::new(), 0);
    for (id, _, message) in found.into_iter().take_while(|(_, of, _)| *of == contact) {
        if let Some(past) = past_message(work.db, contact, message)? {
            let length = past.body.as_ref().map_or(0, Vec::len) + 256;
            if !messages.is_empty() && bytes + length > ITEM_BYTES {
                break;
            }
            bytes += length;
            messages.push(past);
        }
        job.told += 1;
        job.next = id;
    }
    let Some(contact) = conversation else { return Ok(()) };
    let (told, total) = (job.told, job.total);
    sync::tell_one(work, job.sibling, &SyncItem::History { contact, messages, told, total })
}

/// Returns one message of a conversation as a sibling is told it; nothing while it waits for its file.
pub(crate) fn past_message(
    db: &Connection,
    contact: ContactId,
    message: MessageId,
) -> Result<Option<PastMessage>, StorageError> {
    let sql = "SELECT direction, device, lamport, sent, kind, text, raw, reply_to, edit_lamport, state, attachment, lifetime, \
               disappears FROM messages WHERE contact = ?1 AND message = ?2";
    let key = params![contact.column(), message.0];
    let row = first(db, sql, key, |row| {
        let attachment: Option<i64> = row.get(10)?;
        let reply_to: Option<[u8; 16]> = row.get(7)?;
        let said = match row.get::<_, i64>(4)? {
            0 => Some((row.get::<_, String>(5)?, reply_to.map(MessageId))),
            _ => None,
        };
        let lifetime: Option<u32> = row.get(11)?;
        let disappears: Option<i64> = row.get(12)?;
        let past = PastMessage {
            message,
            is_own: row.get::<_, i64>(0)? == direction_column(Direction::Out),
            device: DeviceId(row.get(1)?),
            lamport: number(row.get(2)?),
            sent: Timestamp(number(row.get(3)?)),
            body: row.get(6)?,
            edited: number(row.get(8)?),
            state: row.get(9)?,
            reactions: Vec::new(),
            disappears: lifetime.map(|seconds| (seconds, disappears.map(|at| Timestamp(number(at))))),
        };
        Ok((past, said, attachment))
    })?;
    let Some((mut past, said, attachment)) = row else { return Ok(None) };
    if attachment.is_some() && outbox::waits_for_file(db, message)? {
        // It is told with its file.
        return Ok(None);
    }
    if let Some((text, reply_to)) = said {
        let attachment = attachment.map(crate::api::AttachmentId::from_column);
        let attachment = attachment.map(|id| attachments::manifest_of(db, id)).transpose()?.flatten();
        let preview = previews::find(db, contact, message)?;
        past.body = minicbor::to_vec(Body::Known(KnownBody::Text { text, reply_to, attachment, preview })).ok();
    }
    let sql = "SELECT direction, lamport, emoji FROM reactions WHERE contact = ?1 AND message = ?2";
    past.reactions = all(db, sql, key, |row| {
        Ok((row.get::<_, i64>(0)? == direction_column(Direction::Out), number(row.get(1)?), row.get(2)?))
    })?;
    Ok(Some(past))
}

/// Takes messages of before in. Those that are there already stay, with what is newer of both.
pub(crate) fn heard(
    work: &mut Work<'_>,
    sibling: ContactId,
    conversation: ConversationId,
    messages: Vec<PastMessage>,
    progress: (u64, u64),
) -> Result<(), StorageError> {
    if let Some(contact) = contacts::by_conversation(work.db, conversation)? {
        for past in messages {
            take(work, contact, past)?;
        }
    }
    let (told, total) = progress;
    if total == 0 {
        // One message of now, or what is told again: no part of what was wished for when this device was linked.
        return Ok(());
    }
    run(
        work.db,
        "INSERT INTO history (sibling, since, next, last, told, total) VALUES (?1, 0, 0, 0, ?2, ?3) \
         ON CONFLICT (sibling) DO UPDATE SET told = max(told, ?2), total = max(total, ?3) WHERE last = 0",
        params![sibling.column(), column(told), column(total)],
    )?;
    work.tell(crate::api::Event::Devices);
    Ok(())
}

/// Takes messages in as they are now, of those that are there already: the others are of before this device was linked (KE-77).
pub(crate) fn changed(
    work: &mut Work<'_>,
    conversation: ConversationId,
    messages: Vec<PastMessage>,
) -> Result<(), StorageError> {
    let Some(contact) = contacts::by_conversation(work.db, conversation)? else { return Ok(()) };
    for past in messages {
        if conversations::is_there(work, contact, past.message)? {
            take(work, contact, past)?;
        }
    }
    Ok(())
}

/// How far messages come, in order: what was delivered has not expired (KE-53). `?` is the state.
const PLACE: &str = "(CASE ? WHEN 4 THEN 2 WHEN 2 THEN 3 WHEN 3 THEN 4 ELSE ? END)";

/// Takes one message in.
pub(crate) fn take(work: &mut Work<'_>, contact: ContactId, past: PastMessage) -> Result<(), StorageError> {
    if past.lamport > contacts::MAX_LAMPORT
        || past.edited > contacts::MAX_LAMPORT
        || past.disappears.is_some_and(|(_, at)| at.is_some_and(|at| at <= work.now))
    {
        return Ok(());
    }
    contacts::saw_lamport(work.db, contact, past.lamport)?;
    let direction = if past.is_own { Direction::Out } else { Direction::In };
    let is_new = !conversations::is_there(work, contact, past.message)?;
    if is_new {
        let (said, attachment) = match past.body.as_deref().map(minicbor::decode::<Body>) {
            Some(Ok(Body::Known(KnownBody::Text { text, reply_to, attachment, preview }))) => {
                let manifest = attachment.filter(kith_wire::blob::Manifest::is_well_formed);
                let add = |manifest| attachments::add_incoming(work, contact, past.message, &manifest);
                (Said::Text { text, reply_to, preview }, manifest.map(add).transpose()?)
            }
            Some(Ok(Body::Unknown(bytes))) => (Said::Newer(bytes), None),
            _ => (Said::Text { text: String::new(), reply_to: None, preview: None }, None),
        };
        let new = NewMessage {
            contact,
            message: past.message,
            direction,
            device: past.device,
            lamport: past.lamport,
            sent: past.sent,
            said,
            lifetime: past.disappears.map(|(seconds, _)| seconds),
            attachment,
        };
        conversations::add(work, &new)?;
        let sql = "UPDATE messages SET edit_lamport = max(edit_lamport, ?3) WHERE contact = ?1 AND message = ?2";
        run(work.db, sql, params![contact.column(), past.message.0, column(past.edited)])?;
    } else if past.edited > 0
        && let Some(Ok(Body::Known(KnownBody::Text { text, .. }))) = past.body.as_deref().map(minicbor::decode::<Body>)
    {
        let edit =
            Act { contact, target: past.message, by: direction, lamport: past.edited, action: Action::Edit(text) };
        actions::apply(work, &edit)?;
    }
    // KE-26: by a clock that is ahead nothing lives longer.
    let latest = |seconds: u32| work.now.plus_seconds(seconds.into());
    let ends = past.disappears.and_then(|(seconds, at)| Some(column(at?.min(latest(seconds)).0)));
    let (here, there) = (PLACE.replace('?', "state"), PLACE.replace('?', "?3"));
    let sql = format!(
        "UPDATE messages SET state = CASE WHEN {here} < {there} THEN ?3 ELSE state END, disappears = coalesce(disappears, ?4) \
         WHERE contact = ?1 AND message = ?2"
    );
    run(work.db, &sql, params![contact.column(), past.message.0, past.state.min(4), ends])?;
    let mut acts = Vec::new();
    for (is_own, lamport, emoji) in past.reactions {
        let by = if is_own { Direction::Out } else { Direction::In };
        acts.push(Act { contact, target: past.message, by, lamport, action: Action::React(emoji) });
    }
    if past.body.is_none() {
        acts.push(Act { contact, target: past.message, by: direction, lamport: past.lamport, action: Action::Delete });
    }
    for act in acts {
        actions::apply(work, &act)?;
    }
    if is_new {
        conversations::take_early(work, contact, past.message)?;
    }
    work.tell(crate::api::Event::Message { contact, message: past.message, change: crate::api::MessageChange::Synced });
    Ok(())
}
