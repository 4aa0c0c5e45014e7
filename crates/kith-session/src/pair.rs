//! Test support: two people who meet and talk over a wire that tests cut, shuffle and repeat.

use std::collections::BTreeMap;

use kith_crypto::capability::new_send;
use kith_crypto::sign::{ContactSecret, Verified};
use kith_wire::address::{QueueAddress, ServerAddress, ServerUrl};
use kith_wire::card::CardPurpose;
use kith_wire::devices::DeviceList;
use kith_wire::frame::{Frame, SeqRange};
use kith_wire::id::{MessageId, SenderId, ServerKey};
use kith_wire::payload::Part;
use kith_wire::time::{Day, Hour, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::{
    Alarm, Answered, CheckedCard, Confirmed, FrameError, Met, NewCard, Opened, Sealed, Session, Urgency, answer,
    check_card, new_card, next_list,
};

/// When all tests begin.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_795_200_000);

pub(crate) fn today() -> Day {
    NOW.day()
}

pub(crate) fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

pub(crate) fn queue(name: u8, rng: &mut StdRng) -> QueueAddress {
    QueueAddress {
        server: ServerAddress { url: ServerUrl::parse("https://home.example").unwrap(), key: ServerKey([name; 32]) },
        sender_id: SenderId([name; 24]),
        capability: new_send(rng),
    }
}

pub(crate) fn card(rng: &mut StdRng) -> NewCard {
    let queue = queue(1, rng);
    new_card(CardPurpose::Contact, ContactSecret::generate(rng), queue, Hour(NOW.hour().0 + 24), today(), rng).unwrap()
}

pub(crate) fn checked(card: &NewCard) -> CheckedCard {
    check_card(card.offer.clone(), CardPurpose::Contact, NOW).unwrap()
}

pub(crate) fn answered(card: &NewCard, rng: &mut StdRng) -> Answered {
    answered_by_anybody(&checked(card), rng)
}

/// Somebody new answers a card that was checked.
pub(crate) fn answered_by_anybody(card: &CheckedCard, rng: &mut StdRng) -> Answered {
    let queue = queue(2, rng);
    answer(card, ContactSecret::generate(rng), queue, today(), rng).unwrap()
}

/// A whole meeting, with everything that was made on the way.
pub(crate) struct Meeting {
    pub(crate) card: NewCard,
    pub(crate) answered: Answered,
    pub(crate) met: Met,
    pub(crate) confirmed: Confirmed,
}

pub(crate) fn meeting(rng: &mut StdRng) -> Meeting {
    let card = card(rng);
    let answered = answered(&card, rng);
    let met = card.giver.accept(&answered.answer, NOW, rng).unwrap();
    let confirmed = answered.answerer.confirm(&met.confirm.frame, NOW, rng).unwrap();
    Meeting { card, answered, met, confirmed }
}

/// The next list of the person who gave the card, with nothing changed.
pub(crate) fn renewed(card: &NewCard, rng: &mut StdRng) -> Verified<DeviceList> {
    next_list(&card.devices, &[], 0, 1, &card.contact_secret, today(), rng).unwrap()
}

/// One side as its engine keeps it.
pub(crate) struct Side {
    pub(crate) session: Session,
    /// Copies of frames that the other side may not have.
    pub(crate) unacked: BTreeMap<u32, Sealed>,
    /// The rows of early frames.
    pub(crate) early: BTreeMap<u32, Vec<u8>>,
    /// The texts that arrived, in their order.
    pub(crate) shown: Vec<String>,
    pub(crate) alarms: Vec<Alarm>,
    /// Ack-only frames that the session wants to be sent again.
    pub(crate) again: Vec<u32>,
    pub(crate) n_epochs: u32,
}

impl Side {
    pub(crate) fn new(session: Session) -> Self {
        Self {
            session,
            unacked: BTreeMap::new(),
            early: BTreeMap::new(),
            shown: Vec::new(),
            alarms: Vec::new(),
            again: Vec::new(),
            n_epochs: 0,
        }
    }

    pub(crate) fn say(&mut self, text: &str, rng: &mut StdRng) -> Sealed {
        let sealed = self.session.seal(vec![part(text)], Urgency::Content, rng).unwrap();
        self.keep(&sealed);
        sealed
    }

    pub(crate) fn reply(&mut self, rng: &mut StdRng) -> Option<Sealed> {
        let sealed = self.session.seal_ack(rng).unwrap();
        if let Some(sealed) = &sealed {
            self.keep(sealed);
        }
        sealed
    }

    fn keep(&mut self, sealed: &Sealed) {
        self.unacked.insert(sealed.seq, sealed.clone());
    }

    pub(crate) fn hear(&mut self, frame: &Frame, rng: &mut StdRng) -> Result<Opened, FrameError> {
        self.hear_at(frame, NOW, rng)
    }

    /// Opens a frame and keeps the books that an engine keeps.
    pub(crate) fn hear_at(&mut self, frame: &Frame, now: Timestamp, rng: &mut StdRng) -> Result<Opened, FrameError> {
        let opened = self.session.open(frame, now, rng)?;
        self.shown.extend(opened.parts.iter().map(|part| String::from_utf8(part.bytes.clone()).unwrap()));
        for SeqRange { first, last } in &opened.acked {
            self.unacked.retain(|seq, _| !(first..=last).contains(&seq));
        }
        for seq in &opened.early_removed {
            self.early.remove(seq).expect("only what was stored is removed");
        }
        self.early.extend(opened.early_added.clone());
        self.alarms.extend(opened.alarm);
        self.again.extend(&opened.missing_ack_frames);
        self.n_epochs += u32::from(opened.new_epoch);
        Ok(opened)
    }

    /// Stores and restores the session, as after a crash.
    pub(crate) fn restart(&mut self) {
        let core = self.session.core_bytes();
        self.session = Session::restore(&core, self.early.clone().into_iter()).unwrap();
        assert_eq!(*self.session.core_bytes(), *core);
    }

    /// Gives up a frame.
    pub(crate) fn expire(&mut self, seq: u32) {
        self.session.skip(&[seq]);
        self.unacked.remove(&seq);
    }
}

/// Two people with an established contact, and nothing on the wire.
pub(crate) struct Pair {
    pub(crate) giver: Side,
    pub(crate) answerer: Side,
    pub(crate) rng: StdRng,
}

impl Pair {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = rng(seed);
        let meeting = meeting(&mut rng);
        let mut pair =
            Self { giver: Side::new(meeting.met.session), answerer: Side::new(meeting.confirmed.session), rng };
        pair.answerer.keep(&meeting.confirmed.first);
        let opened = pair.giver.hear(&meeting.confirmed.first.frame, &mut pair.rng).unwrap();
        assert!(opened.established && opened.peer_devices.is_some());
        pair.settle();
        pair
    }

    /// Lets both sides say what they owe until nothing is owed.
    pub(crate) fn settle(&mut self) {
        for _ in 0..20 {
            let mut is_quiet = true;
            if let Some(sealed) = self.giver.reply(&mut self.rng) {
                self.answerer.hear(&sealed.frame, &mut self.rng).unwrap();
                is_quiet = false;
            }
            if let Some(sealed) = self.answerer.reply(&mut self.rng) {
                self.giver.hear(&sealed.frame, &mut self.rng).unwrap();
                is_quiet = false;
            }
            if is_quiet {
                return;
            }
        }
        panic!("two sides talk for ever about nothing");
    }

    /// The card giver says something, and it arrives.
    pub(crate) fn giver_says(&mut self, text: &str) -> Opened {
        let sealed = self.giver.say(text, &mut self.rng);
        self.answerer.hear(&sealed.frame, &mut self.rng).unwrap()
    }

    /// The answerer says something, and it arrives.
    pub(crate) fn answerer_says(&mut self, text: &str) -> Opened {
        let sealed = self.answerer.say(text, &mut self.rng);
        self.giver.hear(&sealed.frame, &mut self.rng).unwrap()
    }

    /// Everything that either side still has goes over the wire once, and answers after it.
    pub(crate) fn deliver_all(&mut self) {
        for _ in 0..50 {
            for sealed in self.giver.unacked.clone().into_values() {
                let _ = self.answerer.hear(&sealed.frame, &mut self.rng);
            }
            for sealed in self.answerer.unacked.clone().into_values() {
                let _ = self.giver.hear(&sealed.frame, &mut self.rng);
            }
            self.settle();
            let is_done = |side: &Side| side.unacked.values().all(|sealed| sealed.ack_only);
            if is_done(&self.giver) && is_done(&self.answerer) {
                return;
            }
        }
        panic!("frames are never acknowledged");
    }
}

pub(crate) fn part(text: &str) -> Part {
    Part { message: MessageId([7; 16]), index: 0, count: 1, bytes: text.as_bytes().to_vec() }
}

/// Returns the frame with one bit changed.
pub(crate) fn flipped(frame: &Frame, at: usize) -> Frame {
    let mut bytes = *frame.as_bytes();
    bytes[at] ^= 1 << (at % 8);
    Frame::new(bytes)
}
