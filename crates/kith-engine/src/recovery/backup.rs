//! What a backup says: the same things that a new device of the person is told, whole or what changed since a run before.
//!
//! Triggers mark what changes with the number of the run that comes next, so that no room has to think of backups; while
//! there was never a run nothing is marked. A run reads in portions, between which everything else goes on: what changes
//! meanwhile is in this run, in the next one, or in both. Files and seals are the business of others; taking a backup in is in
//! `restore.rs`.

use kith_crypto::random;
use kith_wire::Timestamp;
use kith_wire::backup::BackupItem;
use kith_wire::id::{BackupMark, ConversationId, MessageId};
use kith_wire::sync::PastMessage;
use rand_core::CryptoRng;
use rusqlite::{Connection, params};

use crate::api::{BackupPortion, BackupRun, BackupStart, BackupView, ContactId};
use crate::devices::{contact_copies, device_keys, history, own_devices};
use crate::engine::Engine;
use crate::errors::{BackupError, QueryError, WakeError};
use crate::ground::database::{StorageError, all, column, count, exists, first, number, run};
use crate::ground::person;
use crate::ground::work::Work;
use crate::people::pictures::{self, Chosen};
use crate::people::{contacts, spare_cards};
use crate::recovery::{closings, restore};
use crate::talk::drafts;

/// `mark_runs` has one row: how many runs there were. A row that changes gets that number; a run says what has a greater number
/// than the run had where the file ends.
pub(crate) const TABLES: &str = "
CREATE TABLE backup_runs (id INTEGER PRIMARY KEY CHECK (id = 1), number INTEGER NOT NULL) STRICT;
INSERT INTO backup_runs (id, number) VALUES (1, 0);
CREATE TABLE backup_marks (mark BLOB PRIMARY KEY, number INTEGER NOT NULL, at INTEGER NOT NULL, done INTEGER NOT NULL DEFAULT 0)
    STRICT, WITHOUT ROWID;
CREATE TABLE backup_forgotten (conversation BLOB PRIMARY KEY, changed INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE recovery (id INTEGER PRIMARY KEY CHECK (id = 1), checked INTEGER NOT NULL) STRICT;
ALTER TABLE contacts ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX messages_by_change ON messages (changed);
CREATE TRIGGER backup_message_added AFTER INSERT ON messages WHEN new.changed <> (SELECT number FROM backup_runs) BEGIN
    UPDATE messages SET changed = (SELECT number FROM backup_runs) WHERE id = new.id;
END;
CREATE TRIGGER backup_message_changed AFTER UPDATE OF lamport, sent, kind, text, raw, edit_lamport, state, attachment ON messages
WHEN new.changed <> (SELECT number FROM backup_runs) BEGIN
    UPDATE messages SET changed = (SELECT number FROM backup_runs) WHERE id = new.id;
END;
CREATE TRIGGER backup_reaction_added AFTER INSERT ON reactions BEGIN
    UPDATE messages SET changed = (SELECT number FROM backup_runs)
    WHERE contact = new.contact AND message = new.message AND changed <> (SELECT number FROM backup_runs);
END;
CREATE TRIGGER backup_reaction_changed AFTER UPDATE ON reactions BEGIN
    UPDATE messages SET changed = (SELECT number FROM backup_runs)
    WHERE contact = new.contact AND message = new.message AND changed <> (SELECT number FROM backup_runs);
END;
CREATE TRIGGER backup_contact_added AFTER INSERT ON contacts WHEN new.changed <> (SELECT number FROM backup_runs) BEGIN
    UPDATE contacts SET changed = (SELECT number FROM backup_runs) WHERE id = new.id;
END;
CREATE TRIGGER backup_contact_changed AFTER UPDATE OF name, stage, blocked, verified, receipts, disappearing, lamport, conversation,
    secret, own_list, peer_list, digits, met_at ON contacts WHEN new.changed <> (SELECT number FROM backup_runs) BEGIN
    UPDATE contacts SET changed = (SELECT number FROM backup_runs) WHERE id = new.id;
END;
CREATE TRIGGER backup_rotation_added AFTER INSERT ON rotations BEGIN
    UPDATE contacts SET changed = (SELECT number FROM backup_runs)
    WHERE id = new.contact AND changed <> (SELECT number FROM backup_runs);
END;
CREATE TRIGGER backup_card_kept AFTER INSERT ON spare_cards BEGIN
    UPDATE contacts SET changed = (SELECT number FROM backup_runs)
    WHERE id = new.contact AND changed <> (SELECT number FROM backup_runs);
END;
CREATE TRIGGER backup_contact_met AFTER UPDATE OF conversation ON contacts WHEN old.conversation IS NOT new.conversation BEGIN
    UPDATE messages SET changed = (SELECT number FROM backup_runs)
    WHERE contact = new.id AND changed <> (SELECT number FROM backup_runs);
END;
CREATE TRIGGER backup_contact_forgotten AFTER DELETE ON contacts
WHEN old.kind = 0 AND old.conversation IS NOT NULL AND (SELECT number FROM backup_runs) > 0 BEGIN
    INSERT OR REPLACE INTO backup_forgotten (conversation, changed) SELECT old.conversation, number FROM backup_runs;
END;
CREATE TRIGGER backup_conversation_left AFTER UPDATE OF conversation ON contacts
WHEN old.kind = 0 AND old.conversation IS NOT NULL AND old.conversation IS NOT new.conversation
    AND (SELECT number FROM backup_runs) > 0 BEGIN
    INSERT OR REPLACE INTO backup_forgotten (conversation, changed) SELECT old.conversation, number FROM backup_runs;
END;
";

/// What version 5 adds: drafts, and the statements that close accounts of devices.
pub(crate) const TABLES_5: &str = "
ALTER TABLE closings ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
CREATE TRIGGER backup_closing_kept AFTER INSERT ON closings BEGIN
    UPDATE closings SET changed = (SELECT number FROM backup_runs) WHERE device = new.device AND later = new.later;
END;
CREATE TRIGGER backup_draft_changed AFTER UPDATE OF draft ON contacts WHEN new.changed <> (SELECT number FROM backup_runs) BEGIN
    UPDATE contacts SET changed = (SELECT number FROM backup_runs) WHERE id = new.id;
END;
";

impl Engine {
    /// Begins a backup: whole, or behind the run that a backup of this device ends with.
    ///
    /// # Errors
    /// [`BackupError`]; nothing has changed then.
    pub fn begin_backup(
        &mut self,
        since: Option<BackupMark>,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<BackupStart, BackupError> {
        self.call(now, rng, |work, _| begin(work, since))
    }

    /// Returns the next portion of a backup. Between two of them everything else may go on.
    ///
    /// # Errors
    /// [`BackupError`] when storage fails.
    pub fn continue_backup(&self, run: &mut BackupRun, now: Timestamp) -> Result<BackupPortion, BackupError> {
        Ok(portion(&self.db, &mut run.0, now)?)
    }

    /// The backup is durable where it was written.
    ///
    /// # Errors
    /// [`WakeError`] when storage fails; the backup is good all the same.
    pub fn backup_done(&mut self, mark: BackupMark, now: Timestamp, rng: &mut dyn CryptoRng) -> Result<(), WakeError> {
        self.call(now, rng, |work, _| Ok(done(work, mark)?))
    }

    /// The person has shown that the recovery phrase is written down.
    ///
    /// # Errors
    /// [`WakeError`] when storage fails.
    pub fn phrase_checked(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) -> Result<(), WakeError> {
        self.call(now, rng, |work, _| Ok(phrase_checked(work)?))
    }

    /// Returns whether any of these runs is one of this device (KE-74).
    ///
    /// # Errors
    /// [`QueryError`] when storage fails.
    pub fn knows_backup(&self, marks: &[BackupMark]) -> Result<bool, QueryError> {
        for mark in marks {
            if exists(&self.db, "SELECT 1 FROM backup_marks WHERE mark = ?1", [mark.0])? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns how well the person is prepared for losing every device.
    ///
    /// # Errors
    /// [`QueryError`] when storage fails.
    pub fn backups(&self) -> Result<BackupView, QueryError> {
        Ok(view(&self.db)?)
    }
}

/// Bytes of items in one portion, about.
const PORTION_BYTES: usize = 192 * 1024;
/// Bytes of messages in one item, about; one message alone may be longer.
const ITEM_BYTES: usize = 20_000;
/// Messages in one item.
const ITEM_MESSAGES: usize = 64;
/// Messages that are looked at for one portion.
const LOOKED_AT: i64 = 512;
/// Runs that are remembered: so many backups of one device can grow.
const MAX_MARKS: i64 = 64;
/// Conversations that were forgotten and are remembered for backups: far more than anybody forgets between two.
const MAX_FORGOTTEN: i64 = 10_000;
/// What a contact takes in a backup, about, with its lists and cards.
const CONTACT_BYTES: u64 = 8_000;
/// What a message takes beside its text.
const MESSAGE_BYTES: u64 = 160;

/// The messages that a backup says: KE-73 leaves out those that disappear. A contact that is being met anew keeps its own.
const TOLD: &str = "m.lifetime IS NULL AND c.kind = 0 AND c.conversation IS NOT NULL";

/// A run that is under way.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    mark: BackupMark,
    /// What has a greater number is said.
    above: i64,
    /// The number that changes get since the run has begun.
    until: i64,
    /// What closes the account of this very device. Later runs go on where an earlier one has said it.
    closing: Option<BackupItem>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    Person,
    Contacts { after: i64 },
    Messages { changed: i64, after: i64 },
    Done,
}

/// Begins a run behind one that ended with `since`, or a whole one.
pub(crate) fn begin(work: &mut Work<'_>, since: Option<BackupMark>) -> Result<BackupStart, BackupError> {
    if person::find(work.db)?.is_none() {
        return Err(BackupError::NotInitialised);
    }
    if restore::is_under_way(work.db)? {
        return Err(BackupError::Restoring);
    }
    let sql = "SELECT number FROM backup_marks WHERE mark = ?1";
    let known = match since {
        Some(mark) => first(work.db, sql, [mark.0], |row| row.get::<_, i64>(0))?,
        None => None,
    };
    if since.is_some() && known.is_none() {
        return Err(BackupError::UnknownMark);
    }
    let before = first(work.db, "SELECT number FROM backup_runs", [], |row| row.get::<_, i64>(0))?.unwrap_or(0);
    run(work.db, "UPDATE backup_runs SET number = number + 1", [])?;
    let mark = BackupMark(random::bytes(work.rng));
    let sql = "INSERT INTO backup_marks (mark, number, at) VALUES (?1, ?2, ?3)";
    run(work.db, sql, params![mark.0, before, column(work.now.0)])?;
    // Runs that failed must not push those out with which files end.
    for done in [0, 1] {
        let sql = "DELETE FROM backup_marks WHERE done = ?1 AND mark NOT IN \
                   (SELECT mark FROM backup_marks WHERE done = ?1 ORDER BY number DESC LIMIT ?2)";
        run(work.db, sql, params![done, MAX_MARKS])?;
    }
    let sql = "DELETE FROM backup_forgotten WHERE conversation NOT IN \
               (SELECT conversation FROM backup_forgotten ORDER BY changed DESC LIMIT ?1)";
    run(work.db, sql, [MAX_FORGOTTEN])?;
    let above = known.unwrap_or(-1);
    let closing = if above < 0 { closings::own_for_backup(work)? } else { None };
    let progress = Run { mark, above, until: before + 1, closing, stage: Stage::Person };
    let (messages, contacts) = (n_messages(work.db, above)?, n_contacts(work.db, above)?);
    Ok(BackupStart { run: BackupRun(progress), messages, contacts, whole_bytes: whole_bytes(work.db)? })
}

fn n_messages(db: &Connection, above: i64) -> Result<u64, StorageError> {
    let sql =
        format!("SELECT count(*) FROM messages m JOIN contacts c ON c.id = m.contact WHERE m.changed > ?1 AND {TOLD}");
    count(db, &sql, [above])
}

fn n_contacts(db: &Connection, above: i64) -> Result<u64, StorageError> {
    let sql = "SELECT count(*) FROM contacts WHERE kind = 0 AND conversation IS NOT NULL AND changed > ?1";
    count(db, sql, [above])
}

/// What a whole backup would take, about: a file of more than twice as much is worth writing anew.
fn whole_bytes(db: &Connection) -> Result<u64, StorageError> {
    let sql = format!(
        "SELECT sum(length(m.text) + coalesce(length(m.raw), 0) + coalesce(length(p.preview), 0) + ?1) FROM messages m \
         LEFT JOIN previews p ON p.contact = m.contact AND p.message = m.message JOIN contacts c ON c.id = m.contact WHERE {TOLD}"
    );
    let messages = count(db, &sql, [column(MESSAGE_BYTES)])?;
    Ok(messages.saturating_add(n_contacts(db, -1)?.saturating_mul(CONTACT_BYTES)))
}

/// Returns the next portion of a run, and moves on; the last one says where the next run goes on.
pub(crate) fn portion(db: &Connection, run: &mut Run, now: Timestamp) -> Result<BackupPortion, StorageError> {
    let mut out = Portion::default();
    while out.bytes < PORTION_BYTES && !matches!(run.stage, Stage::Done) {
        run.stage = match run.stage {
            Stage::Person => begin_person(db, run, &mut out)?,
            Stage::Contacts { after } => next_contact(db, run, after, &mut out)?,
            Stage::Messages { changed, after } => next_messages(db, run, (changed, after), &mut out)?,
            Stage::Done => Stage::Done,
        };
    }
    let is_last = matches!(run.stage, Stage::Done);
    if is_last {
        out.items.push(BackupItem::End { mark: run.mark, made: now });
    }
    Ok(BackupPortion { items: out.items, messages: out.messages, is_last })
}

#[derive(Default)]
struct Portion {
    items: Vec<BackupItem>,
    bytes: usize,
    messages: u64,
}

fn begin_person(db: &Connection, run: &Run, out: &mut Portion) -> Result<Stage, StorageError> {
    let person = person::find(db)?.ok_or(StorageError::Damaged("person"))?;
    let devices = own_devices::signed_list(db)?;
    let hours = device_keys::chosen_hours(db)?;
    out.items.push(BackupItem::Person { name: person.name, server: person.address, devices, hours });
    let sql = "SELECT conversation FROM backup_forgotten WHERE changed > ?1";
    for contact in all(db, sql, [run.above], |row| row.get(0).map(ConversationId))? {
        // A contact that came back under the same conversation is not forgotten.
        if contacts::by_present_conversation(db, contact)?.is_none() {
            out.items.push(BackupItem::Forgotten { contact });
        }
    }
    out.items.extend(run.closing.clone());
    out.items.extend(closings::for_backup(db, run.above)?);
    Ok(Stage::Contacts { after: 0 })
}

fn next_contact(db: &Connection, run: &Run, after: i64, out: &mut Portion) -> Result<Stage, StorageError> {
    let sql = "SELECT id FROM contacts WHERE id > ?1 AND changed > ?2 AND kind = 0 ORDER BY id LIMIT 1";
    let Some(id) = first(db, sql, params![after, run.above], |row| row.get::<_, i64>(0))? else {
        return Ok(Stage::Messages { changed: run.above, after: i64::MAX });
    };
    let contact = ContactId::from_column(id);
    if let Some(copy) = contact_copies::copy(db, contact)? {
        let conversation = copy.contact;
        out.items.push(BackupItem::Contact(Box::new(copy)));
        out.bytes += usize::try_from(CONTACT_BYTES).unwrap_or(usize::MAX);
        for rotation in device_keys::all_remembered(db, contact)? {
            out.items.push(BackupItem::Rotation { contact: conversation, rotation });
        }
        for (device, offer) in spare_cards::known(db, contact)? {
            out.items.push(BackupItem::SpareCard { contact: conversation, device, offer: Box::new(offer) });
        }
        say_beside(db, contact, conversation, out)?;
    } else if let Some((conversation, settings, lamport)) = contact_copies::unmet(db, contact)? {
        out.items.push(BackupItem::Unmet { contact: conversation, settings, lamport });
        say_beside(db, contact, conversation, out)?;
    }
    Ok(Stage::Contacts { after: id })
}

/// What the person has beside a contact, whether the two have met or not (KE-104).
fn say_beside(db: &Connection, id: ContactId, contact: ConversationId, out: &mut Portion) -> Result<(), StorageError> {
    out.items.extend(drafts::for_backup(db, id)?.map(|draft| BackupItem::Draft { contact, draft }));
    if let Some(Chosen { at, picture }) = pictures::find(db, id)? {
        out.bytes += picture.len();
        out.items.push(BackupItem::Picture { contact, at, picture });
    }
    Ok(())
}

fn next_messages(db: &Connection, run: &Run, from: (i64, i64), out: &mut Portion) -> Result<Stage, StorageError> {
    let sql = format!(
        "SELECT m.changed, m.id, m.contact, m.message, c.conversation FROM messages m JOIN contacts c ON c.id = m.contact \
         WHERE (m.changed, m.id) > (?1, ?2) AND m.changed <= ?3 AND {TOLD} ORDER BY m.changed, m.id LIMIT ?4"
    );
    let found = all(db, &sql, params![from.0, from.1, run.until, LOOKED_AT], |row| {
        let place = (row.get::<_, i64>(0)?, row.get::<_, i64>(1)?);
        let contact = ContactId::from_column(row.get(2)?);
        Ok((place, contact, MessageId(row.get(3)?), ConversationId(row.get(4)?)))
    })?;
    let mut stage = Stage::Done;
    let mut open: Option<(ConversationId, Vec<_>, usize)> = None;
    for ((changed, after), contact, message, conversation) in found {
        stage = Stage::Messages { changed, after };
        let Some(past) = history::past_message(db, contact, message)? else { continue };
        let length = past.body.as_ref().map_or(0, Vec::len) + usize::try_from(MESSAGE_BYTES).unwrap_or(0);
        let fits = open.as_ref().is_some_and(|(of, messages, bytes)| {
            *of == conversation && bytes + length <= ITEM_BYTES && messages.len() < ITEM_MESSAGES
        });
        if !fits {
            close(&mut open, out);
        }
        let (_, messages, bytes) = open.get_or_insert_with(|| (conversation, Vec::new(), 0));
        messages.push(past);
        *bytes += length;
        if out.bytes + *bytes >= PORTION_BYTES {
            break;
        }
    }
    close(&mut open, out);
    Ok(stage)
}

fn close(open: &mut Option<(ConversationId, Vec<PastMessage>, usize)>, out: &mut Portion) {
    if let Some((contact, messages, bytes)) = open.take() {
        out.messages = out.messages.saturating_add(u64::try_from(messages.len()).unwrap_or(u64::MAX));
        out.bytes += bytes;
        out.items.push(BackupItem::Messages { contact, messages });
    }
}

/// A run is durable where it was written.
pub(crate) fn done(work: &Work<'_>, mark: BackupMark) -> Result<(), StorageError> {
    run(work.db, "UPDATE backup_marks SET done = 1, at = ?2 WHERE mark = ?1", params![mark.0, column(work.now.0)])?;
    Ok(())
}

impl Run {
    /// Returns the name of the run.
    pub(crate) const fn mark(&self) -> BackupMark {
        self.mark
    }
}

/// The person has shown that the recovery phrase is written down.
pub(crate) fn phrase_checked(work: &Work<'_>) -> Result<(), StorageError> {
    run(work.db, "INSERT OR REPLACE INTO recovery (id, checked) VALUES (1, ?1)", [column(work.now.0)])?;
    Ok(())
}

/// The device has another user key: what was checked was the phrase of the one before, and the backups are somebody else's.
pub(crate) fn forget(db: &Connection) -> Result<(), StorageError> {
    run(db, "DELETE FROM recovery", [])?;
    run(db, "DELETE FROM backup_marks", [])?;
    Ok(())
}

/// Returns how well the person is prepared for losing every device.
pub(crate) fn view(db: &Connection) -> Result<BackupView, StorageError> {
    let at = |row: &rusqlite::Row<'_>| row.get(0).map(|at| Timestamp(number(at)));
    let checked = first(db, "SELECT checked FROM recovery", [], at)?;
    let sql = "SELECT at, number FROM backup_marks WHERE done = 1 ORDER BY number DESC LIMIT 1";
    let last = first(db, sql, [], |row| Ok((Timestamp(number(row.get(0)?)), row.get::<_, i64>(1)?)))?;
    // Without a backup everything is behind, and counting all of it would take long.
    let behind = last.map(|(_, above)| n_messages(db, above)).transpose()?;
    Ok(BackupView { phrase_checked: checked, made: last.map(|(at, _)| at), behind: behind.unwrap_or(0) })
}
