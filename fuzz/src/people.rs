//! Two people who have met, made once per process: what the checks of state machines start from.
//!
//! States are kept as stored bytes and restored for each input, so that all inputs start alike. Nothing is kept
//! secret here.

use std::sync::OnceLock;

use kith_crypto::capability::new_send;
use kith_crypto::sign::{ContactSecret, Verified};
use kith_session::{Answered, CheckedCard, NewCard, Session, answer, check_card, new_card};
use kith_wire::Wire;
use kith_wire::address::{QueueAddress, ServerAddress, ServerUrl};
use kith_wire::card::CardPurpose;
use kith_wire::devices::DeviceList;
use kith_wire::frame::Frame;
use kith_wire::id::{SenderId, ServerKey};
use kith_wire::time::{Hour, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// When all inputs begin.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_795_200_000);

/// One of two people after the meeting.
pub(crate) struct Person {
    pub(crate) secret: ContactSecret,
    pub(crate) list: Verified<DeviceList>,
    core: Vec<u8>,
}

impl Person {
    /// Returns the session as it was when both had said what they owed.
    pub(crate) fn session(&self) -> Session {
        Session::restore(&self.core, std::iter::empty()).expect("it was stored without early frames")
    }
}

/// Everything that was made in a meeting, and who came out of it.
pub(crate) struct Meeting {
    pub(crate) card: NewCard,
    pub(crate) checked: CheckedCard,
    /// The card as it travels.
    pub(crate) offer: Vec<u8>,
    pub(crate) answered: Answered,
    pub(crate) confirm: Frame,
    pub(crate) giver: Person,
    pub(crate) answerer: Person,
}

/// Returns the meeting of this process.
pub(crate) fn meeting() -> &'static Meeting {
    static MEETING: OnceLock<Meeting> = OnceLock::new();
    MEETING.get_or_init(meet)
}

/// Returns a generator that is the same for each input.
pub(crate) fn rng() -> StdRng {
    StdRng::seed_from_u64(2)
}

/// Returns a queue on no server.
pub(crate) fn queue(name: u8, rng: &mut StdRng) -> QueueAddress {
    let url = ServerUrl::parse("https://home.example").expect("it is a server's URL");
    QueueAddress {
        server: ServerAddress { url, key: ServerKey([name; 32]) },
        sender_id: SenderId([name; 24]),
        capability: new_send(rng),
    }
}

fn meet() -> Meeting {
    let rng = &mut StdRng::seed_from_u64(1);
    let card = new_card(
        CardPurpose::Contact,
        ContactSecret::generate(rng),
        queue(1, rng),
        Hour(NOW.hour().0 + 24),
        NOW.day(),
        rng,
    )
    .expect("a card can be made");
    let checked = check_card(card.offer.clone(), CardPurpose::Contact, NOW).expect("the card is good");
    let answered = answer(&checked, ContactSecret::generate(rng), queue(2, rng), NOW.day(), rng)
        .expect("the card can be answered");
    let met = card.giver.accept(&answered.answer, NOW, rng).expect("the answer is good");
    let confirmed = answered.answerer.confirm(&met.confirm.frame, NOW, rng).expect("the confirmation is good");
    let (mut giver, mut answerer) = (met.session, confirmed.session);
    giver.open(&confirmed.first.frame, NOW, rng).expect("the first frame is good");
    settle(&mut giver, &mut answerer, rng);

    let giver =
        Person { secret: card.contact_secret.clone(), list: card.devices.clone(), core: giver.core_bytes().to_vec() };
    let answerer = Person {
        secret: answered.contact_secret.clone(),
        list: answered.devices.clone(),
        core: answerer.core_bytes().to_vec(),
    };
    Meeting { offer: card.offer.to_bytes(), card, checked, answered, confirm: met.confirm.frame, giver, answerer }
}

fn settle(giver: &mut Session, answerer: &mut Session, rng: &mut StdRng) {
    while giver.owes_reply() || answerer.owes_reply() {
        if let Some(sealed) = giver.seal_ack(rng).expect("the giver may speak") {
            answerer.open(&sealed.frame, NOW, rng).expect("the answerer understands");
        }
        if let Some(sealed) = answerer.seal_ack(rng).expect("the answerer may speak") {
            giver.open(&sealed.frame, NOW, rng).expect("the giver understands");
        }
    }
}

/// The bytes of an input, read from the front; zeros when nothing is left.
pub(crate) struct Script<'a>(pub(crate) &'a [u8]);

impl<'a> Script<'a> {
    /// Returns whether nothing is left.
    pub(crate) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes one byte.
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// Takes a number of two bytes.
    pub(crate) fn number(&mut self) -> usize {
        usize::from(self.byte()) << 8 | usize::from(self.byte())
    }

    /// Takes up to `most` bytes.
    pub(crate) fn bytes(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Takes the choice of one of `n` things, if there is one.
    pub(crate) fn choice(&mut self, n: usize) -> Option<usize> {
        let number = self.number();
        number.checked_rem(n)
    }

    /// Changes bytes at places that the input names, as long as it lasts but no more than 64.
    pub(crate) fn edit(&mut self, bytes: &mut [u8]) {
        for _ in 0..64 {
            if self.is_over() {
                return;
            }
            let (place, change) = (self.choice(bytes.len()), self.byte());
            if let Some(byte) = place.and_then(|place| bytes.get_mut(place)) {
                *byte ^= change;
            }
        }
    }
}
