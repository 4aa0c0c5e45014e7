//! Windows of long conversations: a few messages by their place, for a screen that shows no more than that.
//!
//! Places are counted on the index by which messages are ordered (KE-31), from whichever end is nearer; only the messages of
//! the window are read. A place moves when a message comes in before it, so whoever shows a window asks again then.

use kith_wire::id::MessageId;
use rusqlite::{Connection, params};

use crate::api::{ContactId, Window, WindowAt};
use crate::engine::Engine;
use crate::errors::QueryError;
use crate::ground::database::{StorageError, all, column, count};
use crate::people::contacts;
use crate::talk::search;

/// What version 5 adds: how long each conversation is. Counting would read an index of all its messages, and decrypt it, for every window.
pub(crate) const TABLES_5: &str = "
CREATE TABLE lengths (contact INTEGER PRIMARY KEY, messages INTEGER NOT NULL) STRICT;
INSERT INTO lengths (contact, messages) SELECT contact, count(*) FROM messages GROUP BY contact;
CREATE TRIGGER length_of_longer AFTER INSERT ON messages BEGIN
    INSERT INTO lengths (contact, messages) SELECT new.contact, 0 WHERE NOT EXISTS (SELECT 1 FROM lengths WHERE contact = new.contact);
    UPDATE lengths SET messages = messages + 1 WHERE contact = new.contact;
END;
CREATE TRIGGER length_of_shorter AFTER DELETE ON messages BEGIN
    UPDATE lengths SET messages = messages - 1 WHERE contact = old.contact;
    DELETE FROM lengths WHERE contact = old.contact AND messages = 0;
END;
";

/// What version 6 adds: messages that carry files are found without reading the others.
pub(crate) const TABLES_6: &str = "
CREATE INDEX messages_with_files ON messages (contact, lamport, device, message) WHERE attachment IS NOT NULL;
";

/// The most messages of a window: far more than a screen shows at once.
pub const MAX_WINDOW: u32 = 200;

impl Engine {
    /// Returns a window of at most `n_messages` messages, and never more than [`MAX_WINDOW`].
    ///
    /// # Errors
    /// [`QueryError::UnknownContact`] or [`QueryError::UnknownMessage`] when there is no such contact or message.
    pub fn window(&self, contact: ContactId, at: WindowAt, n_messages: u32) -> Result<Window, QueryError> {
        contacts::find(&self.db, contact)?.filter(|known| !known.is_sibling).ok_or(QueryError::UnknownContact)?;
        let total =
            count(&self.db, "SELECT coalesce(sum(messages), 0) FROM lengths WHERE contact = ?1", [contact.column()])?;
        let wanted = u64::from(n_messages.clamp(1, MAX_WINDOW));
        let last = total.saturating_sub(wanted);
        let position = match at {
            WindowAt::Newest => last,
            WindowAt::Position(position) => position.min(total),
            WindowAt::Around(message) => {
                let before = self.position(contact, message)?;
                before.saturating_sub(wanted / 2).min(last)
            }
            WindowAt::Unseen => match self.oldest_unseen(contact)? {
                Some(message) => self.position(contact, message)?.saturating_sub(wanted / 2).min(last),
                None => last,
            },
        };
        let names = names(&self.db, contact, position, wanted.min(total.saturating_sub(position)), total)?;
        let messages = names.into_iter().map(|message| self.message(contact, message)).collect::<Result<_, _>>()?;
        Ok(Window { total, position, messages })
    }

    /// Returns a window of the messages of a conversation that carry files, newest first: total and places are those among them.
    ///
    /// # Errors
    /// [`QueryError::UnknownContact`] when there is no such contact.
    pub fn files(&self, contact: ContactId, position: u64, n_messages: u32) -> Result<Window, QueryError> {
        contacts::find(&self.db, contact)?.filter(|known| !known.is_sibling).ok_or(QueryError::UnknownContact)?;
        let sql = "SELECT count(*) FROM messages WHERE contact = ?1 AND attachment IS NOT NULL";
        let total = count(&self.db, sql, [contact.column()])?;
        let sql = "SELECT message FROM messages WHERE contact = ?1 AND attachment IS NOT NULL \
                   ORDER BY lamport DESC, device DESC, message DESC LIMIT ?2 OFFSET ?3";
        let wanted = n_messages.clamp(1, MAX_WINDOW);
        let names =
            all(&self.db, sql, params![contact.column(), wanted, column(position)], |row| row.get(0).map(MessageId))?;
        let messages = names.into_iter().map(|message| self.message(contact, message)).collect::<Result<_, _>>()?;
        Ok(Window { total, position: position.min(total), messages })
    }

    /// Returns how many messages of a conversation come before one.
    ///
    /// # Errors
    /// [`QueryError::UnknownMessage`] when there is no such message.
    pub fn position(&self, contact: ContactId, message: MessageId) -> Result<u64, QueryError> {
        self.message(contact, message)?;
        let sql = "SELECT count(*) FROM messages m, messages b WHERE m.contact = ?1 AND b.contact = ?1 AND b.message = ?2 \
                   AND (m.lamport, m.device, m.message) < (b.lamport, b.device, b.message)";
        Ok(count(&self.db, sql, params![contact.column(), message.0])?)
    }

    /// Returns the newest message of a conversation, if there is one.
    ///
    /// # Errors
    /// [`QueryError`] when storage fails.
    pub fn newest(&self, contact: ContactId) -> Result<Option<MessageId>, QueryError> {
        let sql = "SELECT message FROM messages WHERE contact = ?1 \
                   ORDER BY lamport DESC, device DESC, message DESC LIMIT 1";
        Ok(crate::ground::database::first(&self.db, sql, [contact.column()], |row| row.get(0).map(MessageId))?)
    }

    /// Returns the newest message of a conversation that the person has not seen, if there is one. It is not the newest of all when the
    /// person wrote at the same time (KE-31).
    ///
    /// # Errors
    /// [`QueryError`] when storage fails.
    pub fn newest_unseen(&self, contact: ContactId) -> Result<Option<MessageId>, QueryError> {
        let sql = "SELECT message FROM messages WHERE contact = ?1 AND direction = 0 AND state < 3 \
                   ORDER BY lamport DESC, device DESC, message DESC LIMIT 1";
        Ok(crate::ground::database::first(&self.db, sql, [contact.column()], |row| row.get(0).map(MessageId))?)
    }

    fn oldest_unseen(&self, contact: ContactId) -> Result<Option<MessageId>, QueryError> {
        let sql = "SELECT message FROM messages WHERE contact = ?1 AND direction = 0 AND state < 3 \
                   ORDER BY lamport, device, message LIMIT 1";
        Ok(crate::ground::database::first(&self.db, sql, [contact.column()], |row| row.get(0).map(MessageId))?)
    }

    /// Returns the newest messages, of all conversations, with all these words or beginnings of words: newest first, at most
    /// `n_messages` and never more than [`MAX_WINDOW`].
    ///
    /// # Errors
    /// [`QueryError`] when storage fails.
    pub fn search(&self, words: &str, n_messages: u32) -> Result<Vec<(ContactId, MessageId)>, QueryError> {
        let Some(words) = search::query(words) else { return Ok(Vec::new()) };
        let sql = "SELECT m.contact, m.message FROM messages m JOIN contacts c ON c.id = m.contact AND c.kind = 0 \
                   WHERE m.id IN (SELECT rowid FROM search WHERE search MATCH ?1) ORDER BY m.sent DESC, m.id DESC LIMIT ?2";
        let read = |row: &rusqlite::Row<'_>| Ok((ContactId::from_column(row.get(0)?), MessageId(row.get(1)?)));
        Ok(all(&self.db, sql, params![words, n_messages.clamp(1, MAX_WINDOW)], read)?)
    }
}

/// Returns the names of the messages from a place on, oldest first; skips from the nearer end.
fn names(
    db: &Connection,
    contact: ContactId,
    position: u64,
    wanted: u64,
    total: u64,
) -> Result<Vec<MessageId>, StorageError> {
    let behind = total.saturating_sub(position).saturating_sub(wanted);
    let read = |row: &rusqlite::Row<'_>| row.get(0).map(MessageId);
    if position <= behind {
        let sql =
            "SELECT message FROM messages WHERE contact = ?1 ORDER BY lamport, device, message LIMIT ?2 OFFSET ?3";
        return all(db, sql, params![contact.column(), column(wanted), column(position)], read);
    }
    let sql = "SELECT message FROM messages WHERE contact = ?1 \
               ORDER BY lamport DESC, device DESC, message DESC LIMIT ?2 OFFSET ?3";
    let mut names = all(db, sql, params![contact.column(), column(wanted), column(behind)], read)?;
    names.reverse();
    Ok(names)
}
