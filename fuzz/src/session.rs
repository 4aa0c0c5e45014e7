//! A schedule for two sessions: who seals, and what the wire and the clock do to the frames.
//!
//! The input says what happens, one step after the other; the bookkeeping around a session is what its documentation
//! asks of a caller. At the end everything that was not given up must arrive: order never stalls.

mod side;

use std::collections::BTreeSet;

use kith_session::Alarm;
use kith_wire::frame::Frame;
use kith_wire::time::Timestamp;
use rand::rngs::StdRng;

use self::side::Side;
use super::people::{NOW, Script, meeting, rng};

/// Steps of one input. It bounds an input's time at a few tenths of a second.
const MAX_STEPS: usize = 300;
/// Frames that one side seals for one input. They are kept to be replayed: 1.6 MiB at most.
const MAX_FRAMES: usize = 400;
/// Bytes of a stored session: 10 KiB when all is quiet, 64 for the key of each frame that was overtaken, 24 for each
/// range that an ack or a skip must name.
const MAX_CORE_BYTES: usize = 48 * 1024;
/// Days after which a sender gives a message up: keys of overtaken frames live longer.
const EXPIRY_DAYS: u64 = 60;
const HOUR_SECONDS: u64 = 3600;

/// Runs the schedule that the input describes. The first byte says who takes part: honest people when it is even.
pub fn session(bytes: &[u8]) {
    let mut script = Script(bytes);
    let mut pair = Pair::new(script.byte() % 2 == 1);
    for _ in 0..MAX_STEPS {
        if script.is_over() {
            break;
        }
        pair.step(&mut script);
    }
    pair.finish();
}

/// Two sides, what is between them, and the time.
struct Pair {
    giver: Side,
    answerer: Side,
    rng: StdRng,
    now: Timestamp,
    /// Whether somebody with the keys may bend the rules: then a session may stop.
    is_hostile: bool,
}

#[derive(Clone, Copy)]
enum Who {
    Giver,
    Answerer,
}

impl Who {
    const BOTH: [Self; 2] = [Self::Giver, Self::Answerer];

    fn other(self) -> Self {
        match self {
            Self::Giver => Self::Answerer,
            Self::Answerer => Self::Giver,
        }
    }
}

impl Pair {
    fn new(is_hostile: bool) -> Self {
        let meeting = meeting();
        Self {
            giver: Side::new(&meeting.giver),
            answerer: Side::new(&meeting.answerer),
            rng: rng(),
            now: NOW,
            is_hostile,
        }
    }

    fn side(&mut self, who: Who) -> &mut Side {
        match who {
            Who::Giver => &mut self.giver,
            Who::Answerer => &mut self.answerer,
        }
    }

    fn side_and_rng(&mut self, who: Who) -> (&mut Side, &mut StdRng) {
        match who {
            Who::Giver => (&mut self.giver, &mut self.rng),
            Who::Answerer => (&mut self.answerer, &mut self.rng),
        }
    }

    fn may_seal(&mut self, who: Who) -> bool {
        self.side(who).sent.len() < MAX_FRAMES
    }

    fn say(&mut self, who: Who, lengths: &[usize]) {
        if self.may_seal(who) {
            let (side, rng) = self.side_and_rng(who);
            side.say(lengths, rng);
        }
    }

    fn reply(&mut self, who: Who) -> bool {
        let (side, rng) = self.side_and_rng(who);
        side.reply(rng)
    }

    /// One step of the schedule. The first bit says who, the others what.
    fn step(&mut self, script: &mut Script<'_>) {
        let step = script.byte();
        let who = if step & 0x80 == 0 { Who::Giver } else { Who::Answerer };
        if step & 0x78 == 0x78 {
            return self.retry(who);
        }
        match step & 0x1f {
            0..=3 => self.say(who, &[1 + script.number() % 1800]),
            4 => {
                let lengths: Vec<usize> = (0..script.byte() % 8).map(|_| 4 + usize::from(script.byte()) * 7).collect();
                self.say(who, &lengths);
            }
            5 => (0..script.byte() % 16).for_each(|length| self.say(who, &[4 + usize::from(length)])),
            6 | 7 if self.may_seal(who) => {
                self.reply(who);
            }
            8..=12 => self.deliver_next(who),
            13..=15 => self.deliver_any(who, script, false),
            16 => (0..script.byte() % 16).for_each(|_| self.deliver_next(who)),
            17 => self.deliver_any(who, script, true),
            18 => self.drop_one(who, script),
            19 => self.replay(who, who.other(), script),
            20 => self.replay(who, who, script),
            21 => self.deliver_flipped(who, script),
            22 => self.deliver_spliced(who, script),
            23 => self.deliver_raw(who, script),
            24 => self.give_up(who, script),
            25 => self.side(who).session.skip(&[script.number() as u32, u32::MAX - u32::from(script.byte())]),
            26 => self.side(who).restart(),
            27 => self.side(who).restore_damaged(script),
            28 => self.now = self.now.plus_seconds(u64::from(script.byte()) * HOUR_SECONDS / 8),
            29 => {
                let byte = u64::from(script.byte());
                let days = if byte >= 128 { byte / 4 - 12 } else { byte % 3 };
                self.now = self.now.plus_seconds(days * 24 * HOUR_SECONDS);
            }
            31 if self.is_hostile => self.be_hostile(who, script),
            _ => self.renew_list(who),
        }
    }

    /// Everything that a side still has goes out again, after it what the side owes, and all of it arrives.
    fn retry(&mut self, who: Who) {
        self.side(who).resend();
        if self.may_seal(who) {
            self.reply(who);
        }
        while !self.side(who).wire.is_empty() {
            self.deliver_next(who);
        }
    }

    /// Lets a frame arrive at `to` and checks what must hold for every frame.
    fn arrive(&mut self, to: Who, frame: &Frame) {
        let (now, is_hostile) = (self.now, self.is_hostile);
        let is_genuine = self.side(to.other()).sent.contains(frame);
        let (side, rng) = self.side_and_rng(to);
        let before = side.session.core_bytes();
        let had_stopped = side.session.is_halted();
        let outcome = side.session.open(frame, now, rng);
        let is_unchanged = *side.session.core_bytes() == *before;
        match outcome {
            Err(_) => assert!(is_unchanged, "a frame that does not open changes nothing"),
            Ok(opened) => {
                if opened.duplicate {
                    assert!((is_unchanged || had_stopped) && opened.parts.is_empty() && opened.acked.is_empty());
                } else {
                    assert!(is_genuine, "a frame opened that the other side did not seal");
                }
                let is_expected = match opened.alarm {
                    None => true,
                    Some(Alarm::SessionUnusable) => false,
                    Some(_) => is_hostile,
                };
                assert!(is_expected, "{:?}", opened.alarm);
                side.note(opened);
            }
        }
        assert!(before.len() < MAX_CORE_BYTES, "{} bytes", before.len());
    }

    fn deliver_next(&mut self, from: Who) {
        let wire = &mut self.side(from).wire;
        if !wire.is_empty() {
            let frame = wire.remove(0);
            self.arrive(from.other(), &frame);
        }
    }

    /// Delivers any frame of the wire, at the right time or as by a clock that was set back.
    fn deliver_any(&mut self, from: Who, script: &mut Script<'_>, is_early: bool) {
        let wire = &mut self.side(from).wire;
        let Some(place) = script.choice(wire.len()) else { return };
        let frame = wire.swap_remove(place);
        let now = self.now;
        if is_early {
            self.now = now.minus_seconds(u64::from(script.byte()) * 24 * HOUR_SECONDS);
        }
        self.arrive(from.other(), &frame);
        self.now = now;
    }

    fn drop_one(&mut self, from: Who, script: &mut Script<'_>) {
        let wire = &mut self.side(from).wire;
        if let Some(place) = script.choice(wire.len()) {
            wire.remove(place);
        }
    }

    /// Any frame that was ever sealed arrives, at its receiver or at its own sender.
    fn replay(&mut self, from: Who, to: Who, script: &mut Script<'_>) {
        if let Some(frame) = self.any_sent(from, script) {
            self.arrive(to, &frame);
        }
    }

    fn any_sent(&mut self, from: Who, script: &mut Script<'_>) -> Option<Frame> {
        let sent = &self.side(from).sent;
        let place = script.choice(sent.len())?;
        sent.get(place).cloned()
    }

    fn deliver_flipped(&mut self, from: Who, script: &mut Script<'_>) {
        let Some(frame) = self.any_sent(from, script) else { return };
        let mut bytes = *frame.as_bytes();
        let (place, change) = (script.number() % Frame::SIZE, script.byte());
        bytes.get_mut(place).into_iter().for_each(|byte| *byte ^= change.max(1));
        self.arrive(from.other(), &Frame::new(bytes));
    }

    fn deliver_spliced(&mut self, from: Who, script: &mut Script<'_>) {
        let (head, tail) = (self.any_sent(from, script), self.any_sent(from, script));
        let (Some(head), Some(tail)) = (head, tail) else { return };
        let (head, tail) = (head.as_bytes(), tail.as_bytes());
        // Half of the cuts are at the end of the nonce or the header.
        let cut = match script.byte() {
            0..=63 => 12,
            64..=127 => 40,
            _ => script.number() % Frame::SIZE,
        };
        let spliced: Vec<u8> = head.iter().take(cut).chain(tail.iter().skip(cut)).copied().collect();
        if let Some(frame) = Frame::from_slice(&spliced) {
            self.arrive(from.other(), &frame);
        }
    }

    fn deliver_raw(&mut self, to: Who, script: &mut Script<'_>) {
        let length = script.number() % Frame::SIZE;
        let mut bytes = script.bytes(length).to_vec();
        bytes.resize(Frame::SIZE, 0);
        if let Some(frame) = Frame::from_slice(&bytes) {
            self.arrive(to, &frame);
        }
    }

    fn give_up(&mut self, who: Who, script: &mut Script<'_>) {
        let side = self.side(who);
        let seq = script.choice(side.unacked.len()).and_then(|place| side.unacked.keys().nth(place).copied());
        if let Some(seq) = seq {
            side.give_up(seq);
        }
    }

    fn renew_list(&mut self, who: Who) {
        let now = self.now;
        let (side, rng) = self.side_and_rng(who);
        side.renew_list(now, rng);
    }

    fn be_hostile(&mut self, who: Who, script: &mut Script<'_>) {
        let (kind, count) = (script.byte(), script.byte());
        if kind < 192 && self.may_seal(who) {
            let (side, rng) = self.side_and_rng(who);
            side.say_malformed(kind, count, rng);
        } else if kind >= 192 {
            self.side(who).announce_hostile_list(count);
        }
    }

    /// The wire becomes good again: what was not given up arrives, and the sessions go on.
    fn finish(mut self) {
        if Who::BOTH.into_iter().any(|who| self.side(who).session.is_halted()) {
            assert!(self.is_hostile, "a session stopped among honest people");
            return;
        }
        if self.now > NOW.plus_seconds(EXPIRY_DAYS * 24 * HOUR_SECONDS) {
            for who in Who::BOTH {
                let unacked: Vec<u32> = self.side(who).unacked.keys().copied().collect();
                unacked.into_iter().for_each(|seq| self.side(who).give_up(seq));
            }
        }
        let epochs = (self.giver.session.epoch(), self.answerer.session.epoch());
        for _ in 0..6 {
            self.now = self.now.plus_seconds(2 * HOUR_SECONDS);
            for who in Who::BOTH {
                let (side, rng) = self.side_and_rng(who);
                side.say(&[10], rng);
            }
            self.settle();
        }
        if self.is_hostile {
            return;
        }
        for who in Who::BOTH {
            let expected: BTreeSet<u32> =
                (0..self.side(who).n_texts).filter(|number| !self.side(who).given_up.contains(number)).collect();
            let heard: BTreeSet<u32> = self.side(who.other()).heard.iter().copied().collect();
            assert!(heard.is_superset(&expected), "what was not given up arrives");
            assert!(self.side(who).early.is_empty(), "nothing waits");
        }
        let reached = (self.giver.session.epoch(), self.answerer.session.epoch());
        assert!(reached.0 > epochs.0 && reached.1 > epochs.1, "epochs go on: {epochs:?}, {reached:?}");
    }

    /// Both say what they owe and send again what is not acknowledged, until all is quiet.
    fn settle(&mut self) {
        for _ in 0..40 {
            let mut is_quiet = true;
            for who in Who::BOTH {
                is_quiet &= self.side(who).resend() == 0;
                is_quiet &= !self.reply(who);
                while !self.side(who).wire.is_empty() {
                    self.deliver_next(who);
                }
            }
            let has_stopped = Who::BOTH.into_iter().any(|who| self.side(who).session.is_halted());
            if is_quiet || has_stopped {
                assert!(!has_stopped || self.is_hostile, "a session stopped among honest people");
                return;
            }
        }
        assert!(self.is_hostile, "frames are never acknowledged");
    }
}
