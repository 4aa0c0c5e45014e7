//! The network: how long things take, what is lost, who cannot reach whom.

use std::collections::BTreeMap;

use kith_wire::Timestamp;
use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::scenario::{Latency, Weather};

/// What becomes of a request from one server to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It never arrives.
    Lost,
    /// It is carried out, and the answer never arrives.
    AnswerLost,
    /// It arrives, so often.
    Arrives(u32),
}

/// What somebody on the way does to a message of a live connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meddling {
    Nothing,
    Drops,
    Repeats,
    Flips,
}

/// A direction between a device and its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    /// From the device.
    Up,
    /// To the device.
    Down,
}

/// Milliseconds that something takes at most where the tail is heavy.
const LONGEST_MS: f64 = 60_000.0;

/// The network as it is now.
#[derive(Default)]
pub(super) struct Network {
    weather: Weather,
    /// Devices that are cut off, until when.
    cut_off: BTreeMap<usize, Timestamp>,
    /// Directions between servers that lose everything, until when.
    one_way: BTreeMap<(usize, usize), Timestamp>,
    /// Servers whose names lead to another one, and until when.
    misled: BTreeMap<usize, (usize, Timestamp)>,
    /// Directions between a device and its server that lose everything, until when.
    muted: BTreeMap<(usize, Way), Timestamp>,
    /// Until when everything is slow and narrow, and how narrow: bytes a second.
    slow_until: Timestamp,
    width: u64,
}

impl Network {
    pub(super) fn new(weather: Weather) -> Self {
        Self { weather, ..Self::default() }
    }

    pub(super) fn cut_off(&mut self, who: usize, until: Timestamp) {
        self.cut_off.insert(who, until);
    }

    pub(super) fn is_cut_off(&self, who: usize, now: Timestamp) -> bool {
        self.cut_off.get(&who).is_some_and(|until| now < *until)
    }

    pub(super) fn lose(&mut self, from: usize, to: usize, until: Timestamp) {
        self.one_way.insert((from, to), until);
    }

    /// The names of a server lead to another one.
    pub(super) fn mislead(&mut self, server: usize, to: usize, until: Timestamp) {
        self.misled.insert(server, (to, until));
    }

    /// Returns where the names of a server lead.
    pub(super) fn leads(&self, server: usize, now: Timestamp) -> usize {
        self.misled.get(&server).filter(|(_, until)| now < *until).map_or(server, |(to, _)| *to)
    }

    pub(super) fn slow_down(&mut self, until: Timestamp, width: u64) {
        (self.slow_until, self.width) = (until, width);
    }

    pub(super) fn mute(&mut self, who: usize, way: Way, until: Timestamp) {
        self.muted.insert((who, way), until);
    }

    pub(super) fn is_muted(&self, who: usize, way: Way, now: Timestamp) -> bool {
        self.muted.get(&(who, way)).is_some_and(|until| now < *until)
    }

    /// Returns how many milliseconds so many bytes need to pass, one after the other.
    pub(super) fn passage(&self, bytes: usize, now: Timestamp) -> u64 {
        if now < self.slow_until { 1000 * bytes as u64 / self.width.max(1) } else { 0 }
    }

    /// Everything works, and nothing is lost any more.
    pub(super) fn heal(&mut self) {
        *self = Self::default();
    }

    /// Draws how many milliseconds something is on its way.
    pub(super) fn latency(&self, now: Timestamp, rng: &mut StdRng) -> u64 {
        let usual = match self.weather.latency {
            Latency::Near => rng.random_range(5..60),
            Latency::Satellite => rng.random_range(550..700),
            Latency::Radio => {
                let uniform: f64 = rng.random_range(f64::EPSILON..1.0);
                (30.0 * uniform.powf(-0.8)).min(LONGEST_MS) as u64
            }
        };
        let tail = if rng.random_ratio(1, 50) { rng.random_range(100..3_000) } else { 0 };
        let slow = if now < self.slow_until { rng.random_range(500..8_000) } else { 0 };
        usual + tail + slow
    }

    pub(super) fn fate(&self, from: usize, to: usize, now: Timestamp, rng: &mut StdRng) -> Fate {
        let is_cut = |one, other| self.one_way.get(&(one, other)).is_some_and(|until| now < *until);
        let Weather { lost, answer_lost, twice, .. } = self.weather;
        if is_cut(from, to) || rng.random_ratio(lost.min(1000), 1000) {
            Fate::Lost
        } else if is_cut(to, from) || rng.random_ratio(answer_lost.min(1000), 1000) {
            Fate::AnswerLost
        } else {
            Fate::Arrives(1 + u32::from(rng.random_ratio(twice.min(1000), 1000)))
        }
    }

    pub(super) fn meddling(&self, rng: &mut StdRng) -> Meddling {
        if !rng.random_ratio(self.weather.tampered.min(10_000), 10_000) {
            return Meddling::Nothing;
        }
        [Meddling::Drops, Meddling::Repeats, Meddling::Flips][rng.random_range(0..3)]
    }
}
