//! One side of a schedule: a session, with the books that its documentation asks of a caller.

use std::collections::{BTreeMap, BTreeSet};

use kith_crypto::sign::{Verified, open};
use kith_session::{Opened, Sealed, Session, Urgency, next_list};
use kith_wire::devices::DeviceList;
use kith_wire::frame::{Frame, SeqRange};
use kith_wire::id::{Hash, MessageId, OlmIdentity};
use kith_wire::payload::Part;
use kith_wire::time::Timestamp;
use rand::rngs::StdRng;

use super::super::people::{Person, Script};
use super::MAX_CORE_BYTES;

/// One side as its engine keeps it.
pub(super) struct Side {
    person: &'static Person,
    pub(super) session: Session,
    list: Verified<DeviceList>,
    /// Rows beside the core.
    pub(super) early: BTreeMap<u32, Vec<u8>>,
    /// Copies of frames that the other side may not have.
    pub(super) unacked: BTreeMap<u32, Sealed>,
    /// Frames on the wire, away from this side.
    pub(super) wire: Vec<Frame>,
    /// All frames that this side ever sealed.
    pub(super) sent: Vec<Frame>,
    /// The texts of each frame, by their numbers, and those that need not arrive.
    texts: BTreeMap<u32, Vec<u32>>,
    pub(super) given_up: BTreeSet<u32>,
    pub(super) n_texts: u32,
    /// Texts that arrived here.
    pub(super) heard: Vec<u32>,
}

impl Side {
    pub(super) fn new(person: &'static Person) -> Self {
        Self {
            person,
            session: person.session(),
            list: person.list.clone(),
            early: BTreeMap::new(),
            unacked: BTreeMap::new(),
            wire: Vec::new(),
            sent: Vec::new(),
            texts: BTreeMap::new(),
            given_up: BTreeSet::new(),
            n_texts: 0,
            heard: Vec::new(),
        }
    }

    pub(super) fn keep(&mut self, sealed: Sealed) {
        self.wire.push(sealed.frame.clone());
        self.sent.push(sealed.frame.clone());
        assert!(self.unacked.insert(sealed.seq, sealed).is_none(), "a number was used twice");
    }

    /// Seals texts of the given lengths.
    pub(super) fn say(&mut self, lengths: &[usize], rng: &mut StdRng) {
        let numbers: Vec<u32> = (self.n_texts..).take(lengths.len()).collect();
        let parts = numbers.iter().zip(lengths).map(|(number, length)| text(*number, *length)).collect();
        let Ok(sealed) = self.session.seal(parts, Urgency::Content, rng) else { return };
        self.n_texts += u32::try_from(numbers.len()).unwrap_or_default();
        self.texts.insert(sealed.seq, numbers);
        self.keep(sealed);
    }

    /// Seals a part that no honest device makes.
    pub(super) fn say_malformed(&mut self, index: u8, count: u8, rng: &mut StdRng) {
        let part = Part { index: index.saturating_add(count), count, ..text(u32::MAX, usize::from(count)) };
        if let Ok(sealed) = self.session.seal(vec![part], Urgency::Content, rng) {
            self.keep(sealed);
        }
    }

    pub(super) fn reply(&mut self, rng: &mut StdRng) -> bool {
        let Ok(Some(sealed)) = self.session.seal_ack(rng) else { return false };
        self.keep(sealed);
        true
    }

    /// Puts all frames on the wire again that may not have arrived, except acknowledgements; returns how many.
    pub(super) fn resend(&mut self) -> usize {
        let n_before = self.wire.len();
        self.wire.extend(self.unacked.values().filter(|sealed| !sealed.ack_only).map(|sealed| sealed.frame.clone()));
        self.wire.len() - n_before
    }

    pub(super) fn give_up(&mut self, seq: u32) {
        self.session.skip(&[seq]);
        self.unacked.remove(&seq);
        self.given_up.extend(self.texts.get(&seq).into_iter().flatten());
    }

    /// Stores and restores, as after a crash.
    pub(super) fn restart(&mut self) {
        let core = self.session.core_bytes();
        assert!(core.len() < MAX_CORE_BYTES, "{} bytes", core.len());
        self.session = Session::restore(&core, self.early.clone().into_iter()).expect("it was just stored");
        assert_eq!(*self.session.core_bytes(), *core, "a restart changes nothing");
    }

    /// Restores from bytes that the input damaged, and from rows that are not the right ones. Nothing is kept.
    pub(super) fn restore_damaged(&self, script: &mut Script<'_>) {
        let mut core = self.session.core_bytes();
        if let Some(place) = script.choice(core.len()) {
            let change = script.byte();
            core.get_mut(place).into_iter().for_each(|byte| *byte ^= change);
        }
        drop(Session::restore(&core, self.early.clone().into_iter()));
        let core = self.session.core_bytes();
        let too_few = self.early.clone().into_iter().skip(1);
        assert!(self.early.is_empty() || Session::restore(&core, too_few).is_err());
    }

    pub(super) fn renew_list(&mut self, now: Timestamp, rng: &mut StdRng) {
        if let Ok(list) = next_list(&self.list, &[], 0, 1, &self.person.secret, now.day(), rng) {
            self.session.set_devices(list.clone());
            self.list = list;
        }
    }

    /// Announces a list under the right signature that no honest device makes.
    pub(super) fn announce_hostile_list(&mut self, kind: u8) {
        let mut list = self.list.get().clone();
        list.version += 1 + u32::from(kind >> 4);
        list.previous = self.list.hash();
        match kind % 3 {
            0 => list.previous = Hash([kind; 32]),
            1 => list.devices.iter_mut().for_each(|device| device.olm_identity = OlmIdentity([kind; 32])),
            _ => list.devices.clear(),
        }
        if let Ok(list) = open(self.person.secret.sign(&list)) {
            self.session.set_devices(list);
        }
    }

    /// Keeps the books after a frame.
    pub(super) fn note(&mut self, opened: Opened) {
        for part in &opened.parts {
            let number = number_of(part);
            assert!(self.heard.last().is_none_or(|last| *last < number), "texts come in order, each once");
            assert_eq!(part.bytes, text(number, part.bytes.len()).bytes, "a text is what was said");
            self.heard.push(number);
        }
        for SeqRange { first, last } in &opened.acked {
            self.unacked.retain(|seq, _| !(first..=last).contains(&seq));
        }
        for seq in &opened.early_removed {
            assert!(self.early.remove(seq).is_some(), "only what was stored is removed");
        }
        self.early.extend(opened.early_added);
        opened.end.into_iter().for_each(|end| self.keep(end));
        for seq in &opened.missing_ack_frames {
            let again = self.unacked.get(seq).expect("only what was kept is asked for");
            assert!(again.ack_only);
            self.wire.push(again.frame.clone());
        }
    }
}

/// A text that can be told from every other.
fn text(number: u32, length: usize) -> Part {
    let filler = number.to_be_bytes().into_iter().cycle();
    let length = length.max(4);
    Part { message: MessageId([7; 16]), index: 0, count: 1, bytes: filler.take(length).collect() }
}

fn number_of(part: &Part) -> u32 {
    part.bytes.first_chunk().map_or(u32::MAX, |bytes| u32::from_be_bytes(*bytes))
}
