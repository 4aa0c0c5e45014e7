//! What people do, and what they are told.

use kith_crypto::attachment::seal_chunk;
use kith_crypto::hash::hash;
use kith_crypto::label::Label;
use kith_engine::{
    AttachmentId, AttachmentState, Command, ContactId, Direction, Event, LogQuery, MessageBody, MessageChange,
    MessageState, MessageView, NewAttachment, Reply, Shown as Stands, Whom,
};
use kith_wire::blob::BlobShape;
use kith_wire::id::MessageId;
use rand::RngExt as _;

use super::{Happening, World};
use crate::device::owner;
use crate::history::{Said, Shown};
use crate::names::MARKER;
use crate::step::Step;

/// Seconds after which a meeting that could not begin is tried again.
const MEET_AGAIN_SECONDS: u64 = 60;

/// Bytes of one chunk of a file.
const CHUNK: usize = 65_536;

/// A picture of eight by eight pixels.
const PICTURE: [u8; 29] = [
    0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0, 0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 7, 7, 0xff, 0xd9,
];

impl World {
    pub(super) fn step(&mut self, step: Step) {
        if step.devices().into_iter().any(|who| !self.people.has(who)) {
            return;
        }
        let step = self.spoken(step);
        let text = step.to_string();
        match step {
            Step::Meet { giver, answerer } => self.meet(giver, answerer),
            Step::TakeAgain { anew, taker } => self.take_again(anew, taker),
            Step::Say { from, to, length } => self.write(from, to, length, None, None),
            Step::Answer { from, to } => self.answer(from, to),
            Step::React { from, to } => self.react(from, to),
            Step::Edit { from, to, back } => self.edit(from, to, back),
            Step::Delete { from, to, back } => self.delete(from, to, back),
            Step::Attach { from, to, bytes } => self.attach(from, to, bytes),
            Step::Read { who, of } => self.read(who, of),
            Step::Rotate { who, of } => {
                if self.about(who, of, |contact| Command::Rotate { contact }).is_some() {
                    self.tell(&[who, of], text);
                }
            }
            Step::Block { who, of, seconds } => {
                if self.about(who, of, |contact| Command::Block { contact }).is_some() {
                    self.history.blocked.insert((owner(who), of));
                    self.tell(&[who, of], text);
                    self.schedule_in(seconds * 1000, Happening::Unblock { who, of });
                }
            }
            Step::Disappear { who, of, seconds } => {
                if self.about(who, of, |contact| Command::SetDisappearing { contact, seconds }).is_some() {
                    let who = owner(who);
                    self.history.fleeting.insert((who.min(of), who.max(of)));
                    self.tell(&[who, of], text);
                }
            }
            Step::Rename { who, of, number } => {
                let name = format!("{}-{number}", crate::names::secret_name(of));
                self.about(who, of, |contact| Command::Rename { contact, name });
            }
            Step::Pin { who, of, on } => {
                self.about(who, of, |contact| Command::SetShown { contact, shown: Stands::Pinned, on });
                self.about(who, of, |contact| Command::SetPicture { contact, picture: on.then(|| PICTURE.to_vec()) });
            }
            Step::Forget { who, of } => {
                if self.about(who, of, |contact| Command::Forget { contact }).is_some() {
                    self.history.forgotten.insert((owner(who), of));
                    self.tell(&[who, of], text);
                }
            }
            Step::Link { old, new, told } => self.link(old, new, told),
            Step::Revoke { who, device } => self.revoke(who, device),
            Step::Unlock { who } => {
                if self.unlock(who) {
                    self.history.fault("password entered");
                }
            }
            fault => self.fault(fault, text),
        }
    }

    /// Returns a step as the person does it: on the device that was planned, if it is in use, or on another one.
    fn spoken(&self, mut step: Step) -> Step {
        match &mut step {
            Step::Meet { giver, answerer } => {
                (*giver, *answerer) = (self.speaker(*giver), self.speaker(*answerer));
            }
            Step::Say { from, .. }
            | Step::Answer { from, .. }
            | Step::React { from, .. }
            | Step::Edit { from, .. }
            | Step::Delete { from, .. }
            | Step::Attach { from, .. } => *from = self.speaker(*from),
            Step::Read { who, .. }
            | Step::Rotate { who, .. }
            | Step::Block { who, .. }
            | Step::Rename { who, .. }
            | Step::Pin { who, .. }
            | Step::Forget { who, .. }
            | Step::Disappear { who, .. } => *who = self.speaker(*who),
            _ => {}
        }
        step
    }

    /// Returns a device if its person uses it, or else another one that they do.
    pub(super) fn speaker(&self, who: usize) -> usize {
        let is_in_use = self.people.has(who) && self.people[who].is_in_use();
        if is_in_use { who } else { self.people.in_use(owner(who)).first().copied().unwrap_or(owner(who)) }
    }

    fn about(&mut self, who: usize, of: usize, command: impl FnOnce(ContactId) -> Command) -> Option<Reply> {
        self.learn_contacts(who);
        let contact = *self.people[who].known.get(&of)?;
        self.command(who, command(contact))
    }

    pub(super) fn unblock(&mut self, who: usize, of: usize) {
        let who = self.speaker(who);
        if self.about(who, of, |contact| Command::Unblock { contact }).is_none() {
            self.schedule_in(60_000, Happening::Unblock { who, of });
        }
    }

    /// One makes a card and hands it over, the other answers it. When something is missing, they try again.
    fn meet(&mut self, giver: usize, answerer: usize) {
        if !self.try_to_meet(giver, answerer) {
            let again = Step::Meet { giver, answerer };
            self.schedule_in(MEET_AGAIN_SECONDS * 1000, Happening::Step(again));
        }
    }

    fn try_to_meet(&mut self, giver: usize, answerer: usize) -> bool {
        if self.people[answerer].engine.is_none() || self.people[answerer].disk_fails {
            return false;
        }
        let whom = |who| Whom::New(Some(crate::names::secret_name(who)));
        let card = Command::CardNew { whom: whom(answerer), expires: 30 * 86_400 };
        let Some(Reply::Card { offer, contact, .. }) = self.command(giver, card) else { return false };
        let accept = Command::CardAccept { offer, whom: whom(giver) };
        let Some(Reply::Contact(other)) = self.command(answerer, accept) else {
            // The card is thrown away, and with it the contact that waits for its answer.
            self.command(giver, Command::Forget { contact });
            return false;
        };
        let pair = if owner(giver) < owner(answerer) { (giver, answerer) } else { (answerer, giver) };
        self.history.met.insert((owner(pair.0), owner(pair.1)), pair);
        for (who, of, contact) in [(giver, owner(answerer), contact), (answerer, owner(giver), other)] {
            self.people[who].contacts.insert(contact, of);
            self.people[who].known.insert(of, contact);
        }
        let keys = [giver, answerer].map(|who| self.contact_keys(who));
        self.history.look_for(keys.into_iter().flatten());
        self.tell(&[giver, answerer], format!("{} gave {} a card", Self::name(giver), Self::name(answerer)));
        true
    }

    fn write(
        &mut self,
        from: usize,
        to: usize,
        length: usize,
        reply_to: Option<MessageId>,
        file: Option<AttachmentId>,
    ) {
        let number = self.history.said.len();
        let mut text = format!("{MARKER}{number} ");
        text.extend(std::iter::repeat_n('x', length));
        let send = |contact| Command::Send { contact, text: text.clone(), reply_to, attachment: file };
        let Some(Reply::Message(id)) = self.about(from, to, send) else { return };
        let texts = [text].into();
        let reach = self.reach(from, to);
        self.history.say(Said { id, from: owner(from), by: from, reach, to, texts, at: self.now, deleted: false });
        self.tell(&[from, to], format!("{} wrote #{number} to {}", Self::name(from), Self::name(to)));
    }

    /// Returns what a person sees of a conversation, oldest first.
    pub(super) fn log(&self, who: usize, of: usize) -> Vec<MessageView> {
        let person = &self.people[who];
        let (Some(engine), Some(contact)) = (&person.engine, person.known.get(&of)) else { return Vec::new() };
        engine.log(*contact, &LogQuery::default()).unwrap_or_default()
    }

    fn answer(&mut self, from: usize, to: usize) {
        let newest = self.log(from, to).last().map(|message| message.id);
        self.write(from, to, 40, newest, None);
    }

    fn read(&mut self, who: usize, of: usize) {
        let is_new = |view: &MessageView| view.direction == Direction::In && view.state != MessageState::Read;
        let new: Vec<MessageId> = self.log(who, of).into_iter().filter(is_new).map(|view| view.id).collect();
        if self.about(who, of, |contact| Command::MarkRead { contact }).is_some() {
            new.into_iter().for_each(|message| self.history.touch(self.now, who, message));
        }
    }

    fn react(&mut self, from: usize, to: usize) {
        let Some(message) = self.log(from, to).last().map(|message| message.id) else { return };
        let emoji = ["👍", "❤", "😀", ""][self.luck.random_range(0..4)].to_owned();
        if self.about(from, to, |contact| Command::React { contact, message, emoji }).is_some() {
            self.history.touch(self.now, from, message);
        }
    }

    fn own(&self, from: usize, to: usize, back: usize) -> Option<MessageId> {
        let log = self.log(from, to);
        let is_own = |message: &&MessageView| {
            message.direction == Direction::Out && matches!(message.body, MessageBody::Text(_))
        };
        log.iter().rev().filter(is_own).nth(back).map(|message| message.id)
    }

    fn edit(&mut self, from: usize, to: usize, back: usize) {
        let Some(message) = self.own(from, to, back) else { return };
        let text = format!("{MARKER}edited at {}", self.now.0);
        let edit = |contact| Command::Edit { contact, message, text: text.clone() };
        if self.about(from, to, edit).is_some()
            && let Some(said) = self.history.said_mut(&message)
        {
            said.texts.insert(text);
            self.history.touch(self.now, from, message);
        }
    }

    fn delete(&mut self, from: usize, to: usize, back: usize) {
        let Some(message) = self.own(from, to, back) else { return };
        if self.about(from, to, |contact| Command::Delete { contact, message }).is_some()
            && let Some(said) = self.history.said_mut(&message)
        {
            said.deleted = true;
            self.history.touch(self.now, from, message);
        }
    }

    fn attach(&mut self, from: usize, to: usize, size: usize) {
        let number = u8::try_from(self.history.said.len() % 251).unwrap_or_default();
        let content: Vec<u8> = (0..size).map(|at| number.wrapping_add((at % 241) as u8)).collect();
        let new = NewAttachment {
            name: format!("{MARKER}{number}.bin"),
            media_type: "application/octet-stream".to_owned(),
            size: size as u64,
            hash: hash(Label::ATTACHMENT, &content),
        };
        if !self.people[from].known.contains_key(&to) {
            return;
        }
        let now = self.people[from].local(self.now);
        let Some(engine) = self.people[from].engine.as_mut() else { return };
        let Ok((id, keys)) = engine.prepare_attachment(now, &mut self.rng, &new) else { return };
        let Some(shape) = BlobShape::of(new.size) else { return };
        for index in 0..shape.chunks {
            let start = (index as usize * CHUNK).min(size);
            let piece = &content[start..(start + CHUNK).min(size)];
            if let Ok(sealed) = seal_chunk(&keys.key, shape, index, piece) {
                self.people[from].vault.insert((id, index), sealed);
            }
        }
        self.write(from, to, 10, None, Some(id));
    }

    /// A device tells its person something.
    pub(super) fn event(&mut self, who: usize, event: &Event) {
        self.learn_contacts(who);
        let of = |world: &Self, contact: &ContactId| world.people[who].contacts.get(contact).copied();
        match event {
            Event::Message { contact, message, change: MessageChange::New } => {
                let Some(from) = of(self, contact) else { return };
                self.history.trace(self.now, "shown", who);
                self.history.show(Shown { who, from, id: *message });
                let number = self.history.said.iter().position(|said| said.id == *message);
                let what = number.map_or("what nobody wrote".to_owned(), |number| format!("#{number}"));
                self.tell(&[who, from], format!("{} was shown {what} from {}", Self::name(who), Self::name(from)));
                self.fetch_file(who, *contact, *message);
            }
            Event::Message { contact, message, change: MessageChange::Synced } => {
                if self.history.glimpsed.insert((who, *message)) {
                    self.tell_synced(who, message);
                }
                self.fetch_file(who, *contact, *message);
            }
            Event::State { contact, message, state: MessageState::Expired } => {
                let Some(to) = of(self, contact) else { return };
                let number = self.history.said.iter().position(|said| said.id == *message);
                if let Some(number) = number {
                    self.tell(&[who, to], format!("{} was told that #{number} expired", Self::name(who)));
                }
            }
            Event::Unopened { contact } => {
                let Some(from) = of(self, contact) else { return };
                self.history.unopened.insert((who, from));
                let line = format!("{} was told that what {} sends does not open", Self::name(who), Self::name(from));
                self.tell(&[who, from], line);
            }
            Event::SessionUnusable { contact, why } | Event::DeviceStopped { contact, why } => {
                let Some(with) = of(self, contact) else { return };
                self.history.endings.push((who, with, *why));
                let line =
                    format!("{} was told that the session with {} ended: {why:?}", Self::name(who), Self::name(with));
                self.tell(&[who, with], line);
            }
            _ => {}
        }
    }

    /// A device has a message from another one of its person.
    fn tell_synced(&mut self, who: usize, message: &MessageId) {
        let number = self.history.said.iter().position(|said| said.id == *message);
        let Some(number) = number else { return };
        let said = &self.history.said[number];
        let people = [said.from, said.to, who];
        self.tell(&people, format!("{} was told #{number} by another device", Self::name(who)));
    }

    /// People want the files that they are sent.
    fn fetch_file(&mut self, who: usize, contact: ContactId, message: MessageId) {
        let engine = self.people[who].engine.as_ref();
        let view = engine.and_then(|engine| engine.message(contact, message).ok());
        let file = view.and_then(|view| view.attachment).filter(|file| file.state == AttachmentState::Paused);
        if let Some(file) = file {
            self.command(who, Command::FetchAttachment { attachment: file.id });
        }
    }
}
