//! The engine itself: one call, one transaction, and outputs that show only after the commit.

use std::collections::VecDeque;

use kith_crypto::user::{UserKey, UserSecret};
use kith_wire::Timestamp;
use kith_wire::devices::RevocationReason;
use kith_wire::id::{DeviceId, UserSeed};
use rand_core::CryptoRng;
use rusqlite::Connection;

use crate::api::{
    Arrival, AttachmentId, AttachmentKeys, Command, ContactId, HistoryWish, NewAttachment, Output, Reply,
};
use crate::devices::{
    catching_up, device_keys, history, link_words, linking, own_devices, sibling_meetings, siblings, wrong_times,
};
use crate::errors::{CommandError, DeviceError, ReceiveError, RefreshError, WakeError};
use crate::ground::database::{StorageError, column, first, number};
use crate::ground::schema::{self, OpenError};
use crate::ground::work::{Effects, LinkEffect, Work};
use crate::ground::{clocks, once, person};
use crate::mail::connection::Link;
use crate::mail::pump::Pump;
use crate::mail::{arrivals, expiry, outbox, queues, rotation, sessions};
use crate::people::{
    card_keys, cards, comparing, contacts, held, introductions, own_lists, pictures, renewal, spare_cards,
};
use crate::recovery::{backup, closings, restore};
use crate::sabotage;
use crate::talk::actions::Action;
use crate::talk::{attachments, conversations, disappearing, drafts, receipts, shown};

/// The client of one person on one device.
///
/// A program gives it commands and arrivals and, after each, drains [`poll_output`](Self::poll_output) and asks
/// [`next_wake`](Self::next_wake). Every call is one transaction: it happens whole, or not at all (KE-8).
pub struct Engine {
    pub(crate) db: Connection,
    pub(crate) link: Link,
    outputs: VecDeque<Output>,
    /// The time of the last call: what was due then has been looked at.
    pub(crate) last: Timestamp,
}

impl Engine {
    /// Opens a person's database, new or old, and brings it to the newest version.
    ///
    /// # Errors
    /// [`OpenError`] when storage fails or a newer release wrote it (KE-1).
    pub fn open(connection: Connection, now: Timestamp) -> Result<Self, OpenError> {
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        schema::migrate(&connection)?;
        clocks::mend(&connection, now)?;
        Ok(Self { db: connection, link: Link::new(), outputs: VecDeque::new(), last: now })
    }

    /// Remembers the public half of the user key, to which contact keys are sealed.
    ///
    /// # Errors
    /// [`StorageError`] when storage fails.
    pub fn set_user_key(&mut self, key: &UserKey) -> Result<(), StorageError> {
        person::set_user_key(&self.db, key)
    }

    /// Does what a person wants.
    ///
    /// # Errors
    /// [`CommandError`]; nothing has changed then.
    pub fn command(
        &mut self,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
        command: Command,
    ) -> Result<Reply, CommandError> {
        if let Command::Connect(wanted) = command {
            person::required(&self.db)?;
            if restore::is_under_way(&self.db)? {
                return Err(CommandError::Restoring);
            }
            if own_devices::is_revoked(&self.db)? && wanted == crate::api::Connection::Wanted {
                return Err(CommandError::Revoked);
            }
            self.link.wanted = wanted;
            return self.call(now, rng, |_, _| Ok(Reply::Done));
        }
        let are_words = matches!(command, Command::JoinByWords { .. });
        self.call(now, rng, |work, link| {
            if own_devices::is_revoked(work.db)? {
                return Err(CommandError::Revoked);
            }
            // KE-75: half a person does nothing but find a home server.
            if restore::is_under_way(work.db)? && !matches!(command, Command::Init { .. }) {
                return Err(CommandError::Restoring);
            }
            let reply = obey(work, command)?;
            if are_words {
                // Those that were typed before, and led to nothing, make nobody wait who has mended them.
                link.pauses.clear();
            }
            Ok(reply)
        })
    }

    /// Makes a new device one of the person's, after the person has said that both show the same code, and tells it
    /// everything (KE-51). Needs the password.
    ///
    /// # Errors
    /// [`DeviceError`]; nothing has changed then.
    pub fn welcome_device(
        &mut self,
        user: &UserSecret,
        contact: ContactId,
        history: HistoryWish,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), DeviceError> {
        self.change_devices(now, rng, |work| siblings::welcome(work, user, contact, history))
    }

    /// Takes one of the person's other devices out, everywhere (KE-54). Needs the password.
    ///
    /// # Errors
    /// [`DeviceError`]; nothing has changed then.
    pub fn revoke_device(
        &mut self,
        user: &UserSecret,
        device: DeviceId,
        reason: RevocationReason,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), DeviceError> {
        self.change_devices(now, rng, |work| siblings::revoke(work, user, device, reason))
    }

    /// Gives one of the person's devices another name. Needs the password.
    ///
    /// # Errors
    /// [`DeviceError`]; nothing has changed then.
    pub fn rename_device(
        &mut self,
        user: &UserSecret,
        device: DeviceId,
        name: &str,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), DeviceError> {
        self.change_devices(now, rng, |work| siblings::give_name(work, user, device, name))
    }

    /// Returns the seed of the person's user key, which came with a welcome sealed to the user key that this device has so far (`own`), until the vault has made it its own and
    /// [`user_adopted`](Self::user_adopted) says so.
    ///
    /// # Errors
    /// [`StorageError`] when storage fails.
    pub fn user_seed_to_adopt(&self, own: &UserSecret) -> Result<Option<UserSeed>, StorageError> {
        own_devices::seed(&self.db, own)
    }

    /// Returns whether such a seed is there.
    ///
    /// # Errors
    /// [`StorageError`] when storage fails.
    pub fn has_user_seed_to_adopt(&self) -> Result<bool, StorageError> {
        own_devices::has_seed(&self.db)
    }

    /// Returns whether this device waits to become one of a person's others: until then, no secret on it is that person's.
    ///
    /// # Errors
    /// [`StorageError`] when storage fails.
    pub fn is_joining(&self) -> Result<bool, StorageError> {
        own_devices::is_joining(&self.db)
    }

    /// The vault has made the person's user key its own. It is a password entry too: this device signs itself into the lists.
    ///
    /// # Errors
    /// [`RefreshError`] when storage fails or the user key is not the right one.
    pub fn user_adopted(
        &mut self,
        user: &UserSecret,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), RefreshError> {
        self.call(now, rng, |work, _| {
            person::set_user_key(work.db, &user.public())?;
            own_devices::erase_seed(work.db)?;
            backup::forget(work.db)?;
            closings::leave_with_all(work)?;
            own_lists::refresh(work, user)
        })
    }

    fn change_devices(
        &mut self,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
        step: impl FnOnce(&mut Work<'_>) -> Result<(), DeviceError>,
    ) -> Result<(), DeviceError> {
        self.call(now, rng, |work, _| {
            if own_devices::is_revoked(work.db)? {
                return Err(DeviceError::Revoked);
            }
            step(work)
        })
    }

    /// Takes in what arrived.
    ///
    /// # Errors
    /// [`ReceiveError`] when storage fails; what arrived comes again over the next connection.
    pub fn receive(&mut self, now: Timestamp, rng: &mut dyn CryptoRng, arrival: Arrival) -> Result<(), ReceiveError> {
        let done = self.call(now, rng, |work, link| {
            // KE-54: a device that was revoked takes nothing in any more.
            if is_at_rest(work.db)? {
                link.wanted = crate::api::Connection::Unwanted;
                return Ok(());
            }
            Ok(arrivals::receive(work, link, arrival)?)
        });
        let Err(ReceiveError::Storage(problem)) = done else { return Ok(()) };
        // What cannot be read now cannot be read when it comes again either.
        let n_ended = self.end_damaged(&problem, now, rng);
        // The memory of the link may be ahead of the tables: it starts anew.
        self.link.lose(now, rng, &mut self.outputs);
        if n_ended? > 0 { Ok(()) } else { Err(problem.into()) }
    }

    /// Does what time demands: retries, acknowledgements, expiry, disappearing.
    ///
    /// # Errors
    /// [`WakeError`] when storage fails; it is done at the next call.
    pub fn wake(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) -> Result<(), WakeError> {
        match self.wake_once(now, rng) {
            Err(WakeError::Storage(problem)) if self.end_damaged(&problem, now, rng)? > 0 => self.wake_once(now, rng),
            done => done,
        }
    }

    /// Ends the sessions that cannot be read, when that is why a call failed (KE-107). Returns how many there were.
    fn end_damaged(
        &mut self,
        problem: &StorageError,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<usize, StorageError> {
        let StorageError::Damaged(what) = problem else { return Ok(0) };
        let transaction = self.db.unchecked_transaction()?;
        let mut work = Work { db: &transaction, now, rng: &mut *rng, effects: Effects::default() };
        let n_ended = sessions::end_damaged(&mut work)?;
        let effects = work.effects;
        transaction.commit()?;
        tracing::error!(what, n_ended, "something in the database cannot be read");
        self.show(effects, now, rng);
        Ok(n_ended)
    }

    fn wake_once(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) -> Result<(), WakeError> {
        self.call(now, rng, |work, link| {
            if is_at_rest(work.db)? {
                link.wanted = crate::api::Connection::Unwanted;
                return Ok(());
            }
            sessions::send_replies(work)?;
            expiry::expire(work, link)?;
            disappearing::sweep(work)?;
            queues::retire(work.db, work.now)?;
            own_lists::announce_due(work)?;
            introductions::wake(work)?;
            sibling_meetings::wake(work)?;
            linking::expire(work)?;
            closings::expire(work)?;
            device_keys::wake(work)?;
            spare_cards::wake(work)?;
            renewal::wake(work)?;
            history::go_on(work)?;
            drafts::tell_due(work)?;
            catching_up::wake(work)?;
            Ok(())
        })
    }

    /// Returns when [`wake`](Self::wake) is wanted next. May change with every call.
    pub fn next_wake(&self) -> Option<Timestamp> {
        // KE-54: what a locked device had still to do is never done.
        if is_at_rest(&self.db).unwrap_or(false) {
            return None;
        }
        let tables = self.next_in_tables().unwrap_or(None);
        self.link.next_wake().into_iter().chain(tables).min()
    }

    /// Returns the next thing to do for the program, in order; `None` when all is done.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Makes room for an attachment. The program then seals its chunks into the vault with the keys, and sends.
    ///
    /// # Errors
    /// [`CommandError::BadAttachment`] when name, type or size are out of bounds.
    pub fn prepare_attachment(
        &mut self,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
        new: &NewAttachment,
    ) -> Result<(AttachmentId, AttachmentKeys), CommandError> {
        self.call(now, rng, |work, _| attachments::prepare(work, new))
    }

    /// Forgets an attachment that was prepared and will not be sent, with what the vault has of it.
    ///
    /// # Errors
    /// [`WakeError`] when storage fails.
    pub fn discard_attachment(
        &mut self,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
        attachment: AttachmentId,
    ) -> Result<(), WakeError> {
        self.call(now, rng, |work, _| Ok(attachments::discard(work, attachment)?))
    }

    /// Forgets attachments that were prepared and never sent. For programs that start.
    ///
    /// # Errors
    /// [`WakeError`] when storage fails.
    pub fn drop_unused_attachments(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) -> Result<(), WakeError> {
        self.call(now, rng, |work, _| Ok(attachments::drop_unused(work)?))
    }

    /// Signs device lists anew that are older than one to three weeks. At each password entry; contact keys are wiped at once.
    ///
    /// # Errors
    /// [`RefreshError`] when storage fails or the user key is not the right one.
    pub fn refresh_device_lists(
        &mut self,
        user: &UserSecret,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), RefreshError> {
        self.call(
            now,
            rng,
            |work, _| if restore::is_under_way(work.db)? { Ok(()) } else { own_lists::refresh(work, user) },
        )
    }

    /// Runs one call: its transaction, then what it did to the link, then what must go out.
    pub(crate) fn call<T, E: From<StorageError>>(
        &mut self,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
        step: impl FnOnce(&mut Work<'_>, &mut Link) -> Result<T, E>,
    ) -> Result<T, E> {
        sabotage::settle(&self.db)?;
        let transaction = self.db.unchecked_transaction().map_err(StorageError::from)?;
        let is_set_back = now.0.saturating_add(clocks::STEP_MS) < self.last.0;
        let mut work = Work { db: &transaction, now, rng: &mut *rng, effects: Effects::default() };
        if self.last.0.saturating_add(clocks::SLEEP_MS) < now.0 {
            self.link.has_slept(now);
        }
        if is_set_back {
            clocks::mend(work.db, now)?;
            outbox::seal_all_waiting(&mut work)?;
            self.link.clock_was_set_back(now);
            if !is_at_rest(work.db)? {
                wrong_times::mend(&mut work)?;
            }
        }
        if work.now.day() != self.last.day() {
            held::look_at_all(&mut work)?;
        }
        let done = step(&mut work, &mut self.link)?;
        let effects = work.effects;
        if let Some(transaction) = sabotage::unless_put_off(transaction, &effects) {
            transaction.commit().map_err(StorageError::from)?;
        }
        self.last = now;
        self.show(effects, now, rng);
        let mut pump = Pump { db: &self.db, link: &mut self.link, now, rng: &mut *rng, out: &mut self.outputs };
        if let Err(problem) = pump.run() {
            // The call itself is done and stays done; what could not be read now is read again after the pause.
            tracing::warn!(%problem, "the outbox could not be read");
            self.link.lose(now, rng, &mut self.outputs);
        }
        Ok(done)
    }

    /// Makes the effects of a committed call visible.
    fn show(&mut self, effects: Effects, now: Timestamp, rng: &mut dyn CryptoRng) {
        self.outputs.extend(effects.outputs);
        if let Some(live) = self.link.live() {
            for (reader, entry) in effects.acks {
                live.acks.entry(reader).or_default().push(entry);
            }
        }
        match effects.link {
            LinkEffect::Keep => {}
            LinkEffect::Reopen if self.link.id().is_some() => self.link.reopen(now, rng, &mut self.outputs),
            LinkEffect::Reopen => {}
            LinkEffect::Lose => self.link.lose(now, rng, &mut self.outputs),
        }
    }

    fn next_in_tables(&self) -> Result<Option<Timestamp>, StorageError> {
        let last = column(self.last.0);
        let late = column(cards::LATE_ANSWER_SECONDS.saturating_mul(1000));
        let sql = format!(
            "SELECT min(at) FROM ( \
            SELECT min(f.due) AS at FROM frames f WHERE f.due > ?1 \
            UNION ALL SELECT min(p.reply_at) FROM peers p JOIN contacts c ON c.id = p.contact WHERE c.blocked = 0 \
            UNION ALL SELECT min(expires) + ?3 FROM frames WHERE expires > ?1 - ?3 \
            UNION ALL SELECT min(expires) FROM outgoing WHERE expires > ?1 \
            UNION ALL SELECT * FROM (SELECT m.disappears FROM messages m WHERE m.disappears IS NOT NULL AND {may_go} ORDER BY m.disappears LIMIT 1) \
            UNION ALL SELECT min(retires) FROM queues WHERE state = 3 \
            UNION ALL SELECT min(announce_at) FROM contacts WHERE announce_at > ?1 \
            UNION ALL SELECT min(introduce_at) FROM contacts WHERE introduce_at > ?1 \
            UNION ALL SELECT min(expires) FROM contacts WHERE kind = 0 AND stage = 1 AND expires > ?1 \
            UNION ALL SELECT min(at) FROM own_rotations \
            UNION ALL SELECT min(at) FROM spare_times \
            UNION ALL SELECT min(expires) FROM spare_givers \
            UNION ALL SELECT min(expires) FROM introductions WHERE expires > ?1 \
            UNION ALL SELECT min(due) FROM closings_sent WHERE due > ?1 \
            UNION ALL SELECT min(until) FROM siblings WHERE state IN (0, 4) OR (state = 1 AND until > ?1) \
            UNION ALL SELECT min(lost_at) + 1000 * {again} FROM contacts WHERE lost_again = 1 \
            UNION ALL SELECT min(draft_due) FROM contacts WHERE draft_due > ?1 \
            UNION ALL SELECT min(expires) + ?2 FROM contacts WHERE giver IS NOT NULL AND expires > ?1 - ?2)",
            may_go = disappearing::may_go(),
            again = catching_up::LOST_AGAIN_SECONDS,
        );
        let ack = column(expiry::ACK_SECONDS.saturating_mul(1000));
        let next = first(&self.db, &sql, [last, late, ack], |row| row.get::<_, Option<i64>>(0))?;
        Ok(next.flatten().map(|at| Timestamp(number(at))))
    }
}

/// Returns whether nothing is done here any more, or not yet: the device was revoked (KE-54), or a backup is being taken in (KE-75).
fn is_at_rest(db: &Connection) -> Result<bool, StorageError> {
    Ok(own_devices::is_revoked(db)? || restore::is_under_way(db)?)
}

/// Statements kept ready: all that the rooms have.
const STATEMENTS: usize = 256;
fn obey(work: &mut Work<'_>, command: Command) -> Result<Reply, CommandError> {
    match command {
        Command::Init { url, descriptor, expect, invite, name } => {
            person::init(work, &url, &descriptor, expect, invite.as_ref(), name.as_deref())?;
        }
        Command::CardNew { whom, expires } => return cards::new(work, &whom, expires),
        Command::CardAccept { offer, whom } => return cards::accept(work, *offer, &whom),
        Command::CardPublish { contact } => card_keys::publish(work, contact)?,
        Command::Rename { contact, name } => contacts::rename(work, contact, &name)?,
        Command::ConfirmVerified { contact } => contacts::confirm_verified(work, contact)?,
        Command::CompareDigits { contact, read } => comparing::compare(work, contact, &read)?,
        Command::Send { contact, text, reply_to, attachment } => {
            return conversations::send(work, contact, &text, reply_to, attachment, None).map(Reply::Message);
        }
        Command::SendPreviewed { contact, text, reply_to, preview } => {
            return conversations::send(work, contact, &text, reply_to, None, Some(preview)).map(Reply::Message);
        }
        Command::React { contact, message, emoji } => {
            return conversations::act(work, contact, message, Action::React(emoji)).map(Reply::Message);
        }
        Command::Edit { contact, message, text } => {
            return conversations::act(work, contact, message, Action::Edit(text)).map(Reply::Message);
        }
        Command::Delete { contact, message } => {
            return conversations::act(work, contact, message, Action::Delete).map(Reply::Message);
        }
        Command::MarkRead { contact } => receipts::mark_read(work, contact)?,
        Command::SaveDraft { contact, text } => drafts::save(work, contact, &text)?,
        Command::Rotate { contact } => rotation::rotate(work, contact)?,
        Command::Block { contact } => contacts::block(work, contact)?,
        Command::Unblock { contact } => contacts::unblock(work, contact)?,
        Command::EndSessions { contact, offer } => renewal::end_sessions(work, contact, *offer)?,
        Command::Forget { contact } => contacts::forget(work, contact)?,
        Command::SetDisappearing { contact, seconds } => disappearing::set(work, contact, seconds)?,
        Command::SetShown { contact, shown, on } => shown::set(work, contact, shown, on)?,
        Command::SetPicture { contact, picture } => pictures::choose(work, contact, picture.as_deref())?,
        Command::SetReadReceipts { contact, receipts } => contacts::set_receipts(work, contact, receipts)?,
        Command::SetKeyRotation { hours } => device_keys::set_pace(work, hours)?,
        Command::FetchAttachment { attachment } => attachments::resume(work, attachment)?,
        Command::PauseAttachment { attachment } => attachments::pause(work, attachment)?,
        Command::AttachmentDamaged { attachment } => attachments::damaged(work, attachment)?,
        Command::Once { id, command } => {
            if let Some(reply) = once::reply(work.db, id)? {
                return Ok(reply);
            }
            let reply = obey(work, *command)?;
            once::remember(work.db, id, work.now, &reply)?;
            return Ok(reply);
        }
        Command::LinkDevice { name, expires } => return siblings::link(work, &name, expires),
        Command::JoinDevice { offer, name } => return siblings::join(work, *offer, &name),
        Command::AskToJoin { name, expires } => return linking::ask_to_join(work, &name, expires),
        Command::AnswerNewDevice { offer, name } => return linking::answer_new(work, *offer, &name),
        Command::LinkWords { contact, offer } => return link_words::publish(work, contact, &offer),
        Command::JoinByWords { url, descriptor, secret, name } => {
            return link_words::join(work, &url, &descriptor, &secret, &name);
        }
        Command::ConfirmCode { contact } => linking::confirm(work, contact)?,
        Command::UnlinkDevice { contact } => linking::withdraw(work, contact)?,
        // Handled before: it changes no table.
        Command::Connect(_) => {}
    }
    Ok(Reply::Done)
}
