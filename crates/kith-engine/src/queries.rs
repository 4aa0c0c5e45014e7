//! Questions: what a program shows. Nothing here changes anything.

use kith_crypto::hash::hash_signed;
use kith_wire::Timestamp;
use kith_wire::address::ServerUrl;
use kith_wire::blob::BlobShape;
use kith_wire::card::CardOffer;
use kith_wire::id::MessageId;
use rusqlite::{Row, params, params_from_iter, types::Value};

use crate::api::{
    AttachmentId, AttachmentKeys, AttachmentView, ContactId, ContactState, ContactView, DeviceView, Direction,
    Exported, Held, LinkInWords, LogQuery, MessageBody, MessageState, MessageView, Receipts, RestoredView, Restoring,
    RevokedDevice, Status,
};
use crate::devices::{device_keys, link_words, own_devices, siblings};
use crate::engine::Engine;
use crate::errors::QueryError;
use crate::ground::clocks::{self, PutOff};
use crate::ground::database::{all, column, count, first, number};
use crate::ground::person;
use crate::mail::{outbox, queues};
use crate::people::{comparing, contacts, held};
use crate::recovery::restored;
use crate::talk::conversations::state_of_column;
use crate::talk::search;
use crate::talk::{attachments, previews};

const CONTACT_COLUMNS: &str = "c.id, c.name, c.stage, c.blocked, c.verified, c.pq_since, \
    (SELECT count(*) FROM messages m WHERE m.contact = c.id AND m.direction = 0 AND m.state < 3), \
    c.draft, c.disappearing, c.receipts, \
    (SELECT s.url FROM peers p JOIN servers s ON s.id = p.server WHERE p.contact = c.id ORDER BY p.stopped, p.id LIMIT 1), \
    (c.unusable OR (c.stage = 0 AND c.giver IS NULL) \
    OR EXISTS (SELECT 1 FROM unopened u WHERE u.contact = c.id AND u.frames >= 12)), \
    CASE WHEN c.verified = 0 OR c.verified_at <= c.restored_at THEN c.restored_at END, \
    c.restored_twice > 0 AND (c.verified = 0 OR c.verified_at <= c.restored_twice), \
    CASE WHEN c.restoring = 0 THEN 0 \
    WHEN EXISTS (SELECT 1 FROM frames f JOIN peers p ON p.id = f.peer WHERE p.contact = c.id AND f.kind = 0) \
    OR EXISTS (SELECT 1 FROM introductions i WHERE i.contact = c.id AND i.answerer IS NOT NULL) THEN 2 \
    WHEN EXISTS (SELECT 1 FROM spare_cards s WHERE s.contact = c.id) THEN 1 \
    ELSE 3 END, \
    CASE WHEN c.verified = 0 THEN c.renewed_at END, CASE WHEN c.verified = 0 THEN c.from_home END, \
    c.pinned, c.muted, c.archived, \
    CASE WHEN c.verified = 0 OR c.verified_at <= c.refused_another THEN c.refused_another END, \
    (SELECT count(*) FROM outgoing o WHERE o.contact = c.id AND o.kind = 2), \
    (SELECT p.at FROM pictures p WHERE p.contact = c.id AND length(p.picture) > 0)";

impl Engine {
    /// Returns all contacts, in the order in which they came.
    ///
    /// # Errors
    /// [`QueryError`] when storage fails.
    pub fn contacts(&self) -> Result<Vec<ContactView>, QueryError> {
        let sql = format!("SELECT {CONTACT_COLUMNS} FROM contacts c WHERE c.kind = 0 ORDER BY c.id");
        let contacts = all(&self.db, &sql, [], contact_view)?;
        contacts.into_iter().map(|contact| self.with_held(contact)).collect()
    }

    /// Returns a contact.
    ///
    /// # Errors
    /// [`QueryError::UnknownContact`] when there is none.
    pub fn contact(&self, id: ContactId) -> Result<ContactView, QueryError> {
        let sql = format!("SELECT {CONTACT_COLUMNS} FROM contacts c WHERE c.id = ?1 AND c.kind = 0");
        self.with_held(first(&self.db, &sql, [id.column()], contact_view)?.ok_or(QueryError::UnknownContact)?)
    }

    /// Adds why what is written waits, and for how long already, as of the last call.
    fn with_held(&self, contact: ContactView) -> Result<ContactView, QueryError> {
        let restoring = match contact.restoring {
            Some(Restoring::Told) if restored::is_unanswered(&self.db, contact.id, self.last)? => {
                Some(Restoring::Unanswered)
            }
            as_it_is => as_it_is,
        };
        let held = held::why(&self.db, contact.id, self.last)?;
        let needs_card = contact.needs_card || held == Some(Held::Unanswered);
        Ok(ContactView { held, restoring, needs_card, ..contact })
    }

    /// Returns the contacts with this very name; when there is none, those whose name differs in case only.
    ///
    /// # Errors
    /// [`QueryError`] when storage fails.
    pub fn find_contacts(&self, name: &str) -> Result<Vec<ContactView>, QueryError> {
        let contacts = self.contacts()?;
        let exact: Vec<_> = contacts.iter().filter(|contact| contact.name == name).cloned().collect();
        if !exact.is_empty() {
            return Ok(exact);
        }
        let lower = name.to_lowercase();
        Ok(contacts.into_iter().filter(|contact| contact.name.to_lowercase() == lower).collect())
    }

    /// Returns messages of a conversation, oldest first (KE-31: by Lamport number, device and name, never by clocks).
    ///
    /// # Errors
    /// [`QueryError::UnknownContact`] when there is no such contact.
    pub fn log(&self, contact: ContactId, query: &LogQuery) -> Result<Vec<MessageView>, QueryError> {
        contacts::find(&self.db, contact)?.filter(|known| !known.is_sibling).ok_or(QueryError::UnknownContact)?;
        let mut sql = "SELECT m.message FROM messages m WHERE m.contact = ?".to_owned();
        let mut values = vec![Value::Integer(contact.column())];
        if let Some(words) = &query.search {
            let Some(words) = search::query(words) else { return Ok(Vec::new()) };
            sql.push_str(" AND m.id IN (SELECT rowid FROM search WHERE search MATCH ?)");
            values.push(Value::Text(words));
        }
        if let Some(before) = query.before {
            sql.push_str(
                " AND (m.lamport, m.device, m.message) < \
                 (SELECT b.lamport, b.device, b.message FROM messages b WHERE b.contact = ? AND b.message = ?)",
            );
            values.push(Value::Integer(contact.column()));
            values.push(Value::Blob(before.0.to_vec()));
        }
        sql.push_str(" ORDER BY m.lamport DESC, m.device DESC, m.message DESC LIMIT ?");
        values.push(Value::Integer(query.limit.map_or(-1, i64::from)));
        let newest_first = all(&self.db, &sql, params_from_iter(values), |row| row.get(0).map(MessageId))?;
        newest_first.into_iter().rev().map(|message| self.message(contact, message)).collect()
    }

    /// Returns one message.
    ///
    /// # Errors
    /// [`QueryError::UnknownMessage`] when there is none.
    pub fn message(&self, contact: ContactId, message: MessageId) -> Result<MessageView, QueryError> {
        let sql = "SELECT message, direction, sent, kind, text, state, reply_to, edit_lamport, attachment, disappears \
                   FROM messages WHERE contact = ?1 AND message = ?2";
        let found = first(&self.db, sql, params![contact.column(), message.0], message_row)?;
        let (mut view, attachment) = found.ok_or(QueryError::UnknownMessage)?;
        if let Some(attachment) = attachment {
            view.attachment = self.attachment(attachment).ok();
        }
        view.preview = previews::find(&self.db, contact, message)?;
        let sql = "SELECT direction, emoji FROM reactions WHERE contact = ?1 AND message = ?2 AND emoji <> '' \
                   ORDER BY lamport";
        view.reactions =
            all(&self.db, sql, params![contact.column(), message.0], |row| Ok((direction(row.get(0)?), row.get(1)?)))?;
        Ok(view)
    }

    /// Returns what the code says that somebody who sits beside this person reads, to compare digits
    /// with [`CompareDigits`](crate::Command::CompareDigits).
    ///
    /// # Errors
    /// [`QueryError::NoDigits`] before the contact has answered.
    pub fn digits_code(&self, contact: ContactId) -> Result<String, QueryError> {
        Ok(comparing::code(&self.digits(contact)?))
    }

    /// Returns the sixty digits that two people compare, in twelve groups.
    ///
    /// # Errors
    /// [`QueryError::NoDigits`] before the contact has answered.
    pub fn digits(&self, contact: ContactId) -> Result<String, QueryError> {
        let sql = "SELECT digits FROM contacts WHERE id = ?1";
        let row = first(&self.db, sql, [contact.column()], |row| row.get::<_, Option<String>>(0))?;
        row.ok_or(QueryError::UnknownContact)?.ok_or(QueryError::NoDigits)
    }

    /// Returns an attachment.
    ///
    /// # Errors
    /// [`QueryError::UnknownAttachment`] when there is none.
    pub fn attachment(&self, id: AttachmentId) -> Result<AttachmentView, QueryError> {
        let attachment = attachments::find(&self.db, id)?.ok_or(QueryError::UnknownAttachment)?;
        let total = BlobShape::of(attachment.size).map_or(0, |shape| shape.chunks);
        Ok(AttachmentView {
            id,
            name: attachment.name,
            media_type: attachment.media_type,
            size: attachment.size,
            state: attachment.state.shown(),
            done: attachment.present.done(),
            total,
        })
    }

    /// Returns what opens an attachment's chunks.
    ///
    /// # Errors
    /// [`QueryError::UnknownAttachment`] when there is none.
    pub fn attachment_keys(&self, id: AttachmentId) -> Result<AttachmentKeys, QueryError> {
        let attachment = attachments::find(&self.db, id)?.ok_or(QueryError::UnknownAttachment)?;
        Ok(AttachmentKeys { key: attachment.key, size: attachment.size, hash: attachment.hash })
    }

    /// Returns all attachments: what is in the vault for no other is left over.
    ///
    /// # Errors
    /// [`QueryError`] when storage fails.
    pub fn attachments(&self) -> Result<Vec<AttachmentId>, QueryError> {
        let sql = "SELECT id FROM attachments WHERE lends IS NULL ORDER BY id";
        Ok(all(&self.db, sql, [], |row| row.get(0).map(AttachmentId::from_column))?)
    }

    /// Returns how device and person are doing.
    ///
    /// # Errors
    /// [`QueryError::NotInitialised`] when there is no person yet.
    pub fn status(&self, now: Timestamp) -> Result<Status, QueryError> {
        let person = person::find(&self.db)?.ok_or(QueryError::NotInitialised)?;
        // Nothing leaves for a blocked contact. What one device of a contact has does not wait for the person.
        let waiting = format!(
            "SELECT (SELECT count(*) FROM frames f JOIN peers p ON p.id = f.peer JOIN contacts c ON c.id = p.contact \
                       WHERE f.deposited IS NULL AND f.expires > ?1 AND c.blocked = 0) + \
                       (SELECT count(*) FROM outgoing o JOIN contacts c ON c.id = o.contact \
                       WHERE o.expires > ?1 AND c.blocked = 0 AND {})",
            outbox::UNSEALED
        );
        Ok(Status {
            name: person.name,
            server: person.address.url,
            server_key: person.address.key,
            registered: person.registration == person::Registration::Done,
            link: self.link.state(),
            waiting: count(&self.db, &waiting, [column(now.0)])?,
            spare_queues: u32::try_from(queues::spare(&self.db)?).unwrap_or(u32::MAX),
            contacts: count(&self.db, "SELECT count(*) FROM contacts WHERE kind = 0", [])?,
            rotation_hours: device_keys::pace_hours(&self.db)?,
            revoked: own_devices::is_revoked(&self.db)?,
            left_behind: own_devices::is_left_behind(&self.db)?,
        })
    }

    /// Returns what this device puts off, and for how long at most (KE-128): for tests that look at each of them.
    ///
    /// # Errors
    /// [`QueryError`] when storage fails.
    pub fn put_off(&self) -> Result<Vec<PutOff>, QueryError> {
        Ok(clocks::all(&self.db)?)
    }

    /// Returns how many messages there are, in all conversations.
    ///
    /// # Errors
    /// [`QueryError`] when storage fails.
    pub fn n_messages(&self) -> Result<u64, QueryError> {
        Ok(count(&self.db, "SELECT count(*) FROM messages", [])?)
    }

    /// Returns the contact that a card belongs to: the one that answering it made, or the one that it was made for.
    ///
    /// # Errors
    /// [`QueryError`] when storage fails.
    pub fn contact_of_card(&self, offer: &CardOffer) -> Result<Option<ContactId>, QueryError> {
        let hash = hash_signed(&offer.card);
        Ok(first(&self.db, "SELECT id FROM contacts WHERE card = ?1", [hash.0], |row| {
            row.get(0).map(ContactId::from_column)
        })?)
    }

    /// Returns the person's devices; none while this is the only one and was never to be linked.
    ///
    /// # Errors
    /// [`QueryError`] when storage fails.
    pub fn devices(&self) -> Result<Vec<DeviceView>, QueryError> {
        Ok(siblings::views(&self.db)?)
    }

    /// Returns the links of this device in words that nobody has used yet: for programs that are about to show the words, and for those in
    /// which nobody sees them any more.
    ///
    /// # Errors
    /// [`QueryError`] when storage fails.
    pub fn links_in_words(&self) -> Result<Vec<LinkInWords>, QueryError> {
        Ok(link_words::waiting(&self.db)?)
    }

    /// Returns the devices that were taken out, the last one first.
    ///
    /// # Errors
    /// [`QueryError`] when storage fails.
    pub fn revoked_devices(&self) -> Result<Vec<RevokedDevice>, QueryError> {
        Ok(own_devices::revoked(&self.db)?)
    }

    /// Returns everything that was said, for a plain copy that the person asked for.
    ///
    /// # Errors
    /// [`QueryError`] when storage fails.
    pub fn export(&self) -> Result<Vec<Exported>, QueryError> {
        let everything = LogQuery::default();
        let contacts = self.contacts()?.into_iter();
        contacts.map(|contact| Ok(Exported { messages: self.log(contact.id, &everything)?, contact })).collect()
    }
}

fn contact_view(row: &Row<'_>) -> rusqlite::Result<ContactView> {
    let (stage, blocked): (i64, bool) = (row.get(2)?, row.get(3)?);
    let state = match (blocked, stage) {
        (true, _) => ContactState::Blocked,
        (false, 0) => ContactState::Invited,
        (false, 1) => ContactState::Answered,
        (false, _) => ContactState::Established,
    };
    let pq_since: Option<i64> = row.get(5)?;
    let server: Option<String> = row.get(10)?;
    let restored: Option<i64> = row.get(12)?;
    let twice = row.get(13)?;
    let restoring = match row.get::<_, i64>(14)? {
        0 => None,
        1 => Some(Restoring::NeedsPassword),
        2 => Some(Restoring::Told),
        _ => Some(Restoring::NeedsCard),
    };
    Ok(ContactView {
        id: ContactId::from_column(row.get(0)?),
        name: row.get(1)?,
        state,
        verified: row.get(4)?,
        pq_since: pq_since.map(|at| Timestamp(number(at))),
        unread: number(row.get(6)?),
        waiting: number(row.get(21)?),
        draft: row.get(7)?,
        disappearing: row.get(8)?,
        receipts: if row.get(9)? { Receipts::Sent } else { Receipts::Withheld },
        picture: row.get::<_, Option<i64>>(22)?.map(|at| Timestamp(number(at))),
        pinned: row.get(17)?,
        muted: row.get(18)?,
        archived: row.get(19)?,
        server: server.and_then(|url| ServerUrl::parse(&url).ok()),
        needs_card: row.get::<_, bool>(11)? || restoring == Some(Restoring::NeedsCard),
        new_keys: row.get::<_, Option<i64>>(15)?.map(|at| Timestamp(number(at))),
        from_home: row.get::<_, Option<i64>>(16)?.map(|at| Timestamp(number(at))),
        restored: (restored.is_some() || twice)
            .then(|| RestoredView { since: restored.map(|at| Timestamp(number(at))), twice }),
        refused_another: row.get::<_, Option<i64>>(20)?.map(|at| Timestamp(number(at))),
        restoring,
        held: None,
    })
}

fn message_row(row: &Row<'_>) -> rusqlite::Result<(MessageView, Option<AttachmentId>)> {
    let text: String = row.get(4)?;
    let body = match row.get::<_, i64>(3)? {
        0 => MessageBody::Text(text),
        1 => MessageBody::Deleted,
        _ => MessageBody::NewerVersion,
    };
    let direction = direction(row.get(1)?);
    let reply_to: Option<[u8; 16]> = row.get(6)?;
    let disappears: Option<i64> = row.get(9)?;
    let attachment: Option<i64> = row.get(8)?;
    let state: MessageState = state_of_column(row.get(5)?);
    let view = MessageView {
        id: MessageId(row.get(0)?),
        direction,
        sent: Timestamp(number(row.get(2)?)),
        body,
        state,
        reply_to: reply_to.map(MessageId),
        // Whether what was taken back had been changed before, devices hear in either order.
        edited: row.get::<_, i64>(7)? > 0 && row.get::<_, i64>(3)? != 1,
        reactions: Vec::new(),
        attachment: None,
        preview: None,
        disappears: disappears.map(|at| Timestamp(number(at))),
    };
    Ok((view, attachment.map(AttachmentId::from_column)))
}

const fn direction(column: i64) -> Direction {
    if column == 0 { Direction::In } else { Direction::Out }
}
