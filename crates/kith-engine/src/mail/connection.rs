//! The live connection to the home server: wanted or not, its phases, and when it is tried again.
//!
//! All of it is memory: a crash loses the connection and nothing else. What is sent over it is in `pump.rs`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use kith_crypto::live::{ClientOpening, LiveChannel};
use kith_crypto::random;
use kith_wire::id::ReaderId;
use kith_wire::live::{LiveRequest, RequestNumber};
use kith_wire::operation::{EntryId, Operation};
use kith_wire::{Timestamp, Wire};
use rand_core::CryptoRng;

use crate::api::{AttachmentId, Connection as Wanted, Event, LinkId, LinkState, Output};
use crate::mail::jobs::Job;
use crate::mail::queues::QueueId;
use crate::mail::servers::ServerId;

/// Seconds for an attempt, and for an answer, before the connection is given up.
pub(crate) const TIMEOUT_SECONDS: u64 = 30;
/// The same for what the own server must ask another one first, which may itself be slow to fail.
const PATIENCE_SECONDS: u64 = 120;
/// Seconds after which a server has surely pushed what waited, even when there is always something to do.
const SETTLING_SECONDS: u64 = 3600;
/// The longest pause between attempts.
const LONGEST_PAUSE_SECONDS: u64 = 300;

/// The live connection, wherever it stands.
pub(crate) struct Link {
    pub(crate) wanted: Wanted,
    pub(crate) phase: Phase,
    /// Attempts since the connection was last up.
    attempts: u32,
    /// How often the server has forgotten the account since it last did everything that was asked.
    forgotten: u32,
    next_id: u64,
    told: LinkState,
    /// How often in a row the server was too busy to say the time.
    time_put_off: u32,
    /// When other servers' descriptors are asked for again after a failure.
    pub(crate) pauses: BTreeMap<ServerId, Pause>,
}

/// A pause before something is tried again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pause {
    /// Until when; absent when that time has come and nothing was tried yet.
    pub(crate) until: Option<Timestamp>,
    pub(crate) attempts: u32,
}

/// Where the live connection stands.
pub(crate) enum Phase {
    /// Not wanted.
    Off,
    /// Tried again at that time.
    Waiting { until: Timestamp },
    /// The home server's descriptor was asked for.
    Fetching { id: LinkId, since: Timestamp },
    /// The descriptor is there: the opening follows at once.
    Learnt,
    /// The opening was sent.
    Opening { id: LinkId, since: Timestamp, opening: ClientOpening },
    /// Up.
    Live(Live),
}

/// An open connection.
pub(crate) struct Live {
    pub(crate) id: LinkId,
    pub(crate) channel: LiveChannel,
    next: u32,
    pub(crate) in_flight: BTreeMap<RequestNumber, InFlight>,
    pub(crate) account: AccountStep,
    /// Queues for which reading was proven.
    pub(crate) reading: BTreeSet<QueueId>,
    pub(crate) acks: BTreeMap<ReaderId, Vec<EntryId>>,
    /// How far uploads have come on this connection.
    pub(crate) uploads: BTreeMap<AttachmentId, UploadStep>,
    /// Uploads that the server has lost on this connection.
    pub(crate) begun_again: BTreeSet<AttachmentId>,
    /// Chunks that the vault was asked for, or that wait to become durable there.
    pub(crate) with_vault: BTreeSet<(AttachmentId, u32)>,
    /// Chunks that the vault has brought.
    pub(crate) loaded: Vec<(AttachmentId, u32, Vec<u8>)>,
    pub(crate) quiet: Quiet,
    pub(crate) clock: ClockCheck,
    /// When everything that waited at the server must have come, if nothing else says so before.
    settles: Option<Timestamp>,
    pub(crate) ahead: Ahead,
    /// Until when the server wants to be left alone.
    pub(crate) hold: Option<Timestamp>,
}

/// A request that was not answered yet.
pub(crate) struct InFlight {
    pub(crate) job: Job,
    /// When the connection is given up for want of an answer.
    pub(crate) until: Timestamp,
}

/// How far the account is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccountStep {
    Start,
    Proving,
    Proven,
    Registering,
    Ready,
    /// The server refuses, and only a person can mend it.
    Refused,
}

/// How far an upload has come on this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UploadStep {
    Creating,
    Asking,
    Moving,
}

/// Whether the person was told that nothing waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quiet {
    /// Something happened since.
    Busy,
    /// Nothing waits here; the server was asked something, so that what it had to say first has come when it answers.
    Asked,
    /// Told.
    Told,
}

/// Whether this device's clock was compared on this connection, and since it last jumped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClockCheck {
    Due,
    Done,
}

/// What is known of this device's clock and the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ahead {
    /// Nothing: they were not compared yet, or this one has jumped since.
    Unknown,
    /// The server does not say the time. This device's clock counts for what is deposited, and nothing is given up by it (KE-133).
    Untold,
    /// This one is ahead by so many seconds, negative when it is behind.
    By(i64),
}

/// Seconds between the clocks beyond which nothing is given up by this device's.
const WRONG_CLOCK_SECONDS: u64 = 24 * 3600;
/// How often in a row a server may be too busy to say the time before this device's clock counts: once by chance.
const MAX_TIME_PUT_OFF: u32 = 2;
/// Servers whose failures are remembered, before those that are not paused are forgotten.
const MAX_PAUSES: usize = 256;

impl Link {
    pub(crate) const fn new() -> Self {
        Self {
            wanted: Wanted::Unwanted,
            phase: Phase::Off,
            attempts: 0,
            forgotten: 0,
            next_id: 1,
            told: LinkState::Down,
            time_put_off: 0,
            pauses: BTreeMap::new(),
        }
    }

    pub(crate) const fn new_id(&mut self) -> LinkId {
        let id = LinkId(self.next_id);
        self.next_id += 1;
        id
    }

    /// Returns the open connection.
    pub(crate) const fn live(&mut self) -> Option<&mut Live> {
        match &mut self.phase {
            Phase::Live(live) => Some(live),
            _ => None,
        }
    }

    /// Returns the attempt or connection that is under way.
    pub(crate) const fn id(&self) -> Option<LinkId> {
        match &self.phase {
            Phase::Off | Phase::Waiting { .. } | Phase::Learnt => None,
            Phase::Fetching { id, .. } | Phase::Opening { id, .. } => Some(*id),
            Phase::Live(live) => Some(live.id),
        }
    }

    /// Ends what is under way and pauses: a second, doubled each time up to five minutes, half of it random so that
    /// devices do not come back all at once.
    pub(crate) fn lose(&mut self, now: Timestamp, rng: &mut dyn CryptoRng, out: &mut VecDeque<Output>) {
        let pause = pause_ms(self.attempts, rng);
        self.attempts = self.attempts.saturating_add(1);
        self.end(out);
        self.phase = Phase::Waiting { until: Timestamp(now.0.saturating_add(pause)) };
    }

    /// Ends what is under way and starts anew at once; an attempt that failed already pauses.
    pub(crate) fn reopen(&mut self, now: Timestamp, rng: &mut dyn CryptoRng, out: &mut VecDeque<Output>) {
        if self.attempts > 0 {
            return self.lose(now, rng, out);
        }
        self.attempts = 1;
        self.end(out);
        self.phase = Phase::Waiting { until: now };
    }

    /// Ends what is under way because it is not wanted any more.
    pub(crate) fn turn_off(&mut self, out: &mut VecDeque<Output>) {
        self.end(out);
        self.attempts = 0;
        self.phase = Phase::Off;
    }

    fn end(&mut self, out: &mut VecDeque<Output>) {
        if let (Some(link), Phase::Opening { .. } | Phase::Live(_)) = (self.id(), &self.phase) {
            out.push_back(Output::CloseLink { link });
        }
        self.tell(LinkState::Down, out);
    }

    /// The account is proven: the connection is of use.
    pub(crate) fn is_up(&mut self, out: &mut VecDeque<Output>) {
        self.attempts = 0;
        self.tell(LinkState::Up, out);
    }

    /// The server does not know the account that it took a moment ago: a proven account alone ends the back-off no more.
    pub(crate) fn is_forgotten(&mut self) {
        self.attempts = self.attempts.max(self.forgotten);
        self.forgotten = self.forgotten.saturating_add(1);
    }

    /// The server has done everything that was asked of it.
    pub(crate) const fn is_remembered(&mut self) {
        self.forgotten = 0;
    }

    pub(crate) const fn state(&self) -> LinkState {
        self.told
    }

    fn tell(&mut self, state: LinkState, out: &mut VecDeque<Output>) {
        if self.told != state {
            self.told = state;
            out.push_back(Output::Event(Event::Link(state)));
        }
    }

    /// Returns when the connection itself needs attention.
    pub(crate) fn next_wake(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Off | Phase::Learnt => None,
            Phase::Waiting { until } => Some(*until),
            Phase::Fetching { since, .. } | Phase::Opening { since, .. } => Some(since.plus_seconds(TIMEOUT_SECONDS)),
            Phase::Live(live) => {
                let timeout = live.in_flight.values().map(|request| request.until).min();
                let pause = self.pauses.values().filter_map(|pause| pause.until);
                timeout.into_iter().chain(pause).chain(live.hold).chain(live.settles).min()
            }
        }
    }

    /// Time has passed in which nobody looked: the device slept, or its clock was set. Everything must be heard anew.
    pub(crate) fn has_slept(&mut self, now: Timestamp) {
        if let Phase::Live(live) = &mut self.phase {
            live.compare_clocks_again();
            live.quiet = Quiet::Busy;
            live.settles = Some(now.plus_seconds(SETTLING_SECONDS));
        }
    }

    /// The server has said the time: by so many seconds this device's clock is ahead of it.
    pub(crate) const fn time_said(&mut self, ahead: i64) {
        self.time_put_off = 0;
        if let Some(live) = self.live() {
            live.ahead = Ahead::By(ahead);
        }
    }

    /// The server is too busy to say the time. It is asked once more; then this device's clock counts (KE-133).
    pub(crate) const fn time_put_off(&mut self) {
        self.time_put_off = self.time_put_off.saturating_add(1);
        if self.time_put_off >= MAX_TIME_PUT_OFF {
            self.time_refused();
        } else if let Some(live) = self.live() {
            live.clock = ClockCheck::Due;
        }
    }

    /// A server that does not say the time keeps nothing from being sent: this device's clock counts for that, unless the two were compared
    /// before (KE-133). Nothing is given up by it: the server would only have to be silent to a device whose clock is ahead.
    pub(crate) const fn time_refused(&mut self) {
        if let Some(live) = self.live()
            && matches!(live.ahead, Ahead::Unknown)
        {
            live.ahead = Ahead::Untold;
        }
    }

    /// Pauses were counted by a clock that was ahead: they are over.
    pub(crate) fn clock_was_set_back(&mut self, now: Timestamp) {
        for pause in self.pauses.values_mut() {
            pause.until = pause.until.map(|until| until.min(now));
        }
        match &mut self.phase {
            Phase::Waiting { until } => *until = now.min(*until),
            Phase::Fetching { since, .. } | Phase::Opening { since, .. } => *since = now.min(*since),
            Phase::Live(live) => {
                live.compare_clocks_again();
                for request in live.in_flight.values_mut() {
                    request.until = request.until.min(now.plus_seconds(PATIENCE_SECONDS));
                }
                live.hold = live.hold.map(|until| until.min(now));
                live.settles = live.settles.map(|at| at.min(now.plus_seconds(SETTLING_SECONDS)));
            }
            Phase::Off | Phase::Learnt => {}
        }
    }

    /// Ends pauses whose time has come.
    pub(crate) fn end_pauses(&mut self, now: Timestamp) {
        for pause in self.pauses.values_mut() {
            pause.until = pause.until.filter(|until| *until > now);
        }
        if let Phase::Live(live) = &mut self.phase {
            live.hold = live.hold.filter(|until| *until > now);
            live.settles = live.settles.filter(|at| *at > now);
        }
    }

    /// Returns whether another server is left alone for now.
    pub(crate) fn is_paused(&self, server: ServerId) -> bool {
        self.pauses.get(&server).is_some_and(|pause| pause.until.is_some())
    }

    /// Notes that another server's descriptor could not be had.
    pub(crate) fn pause_server(&mut self, server: ServerId, now: Timestamp, rng: &mut dyn CryptoRng) {
        if self.pauses.len() >= MAX_PAUSES {
            self.pauses.retain(|_, pause| pause.until.is_some());
        }
        let attempts = self.pauses.get(&server).map_or(0, |pause| pause.attempts.saturating_add(1));
        let until = Timestamp(now.0.saturating_add(pause_ms(attempts, rng)));
        self.pauses.insert(server, Pause { until: Some(until), attempts });
    }
}

fn pause_ms(attempts: u32, rng: &mut dyn CryptoRng) -> u64 {
    let whole = 1000_u64.saturating_mul(1 << attempts.min(16)).min(LONGEST_PAUSE_SECONDS * 1000);
    let jitter = u64::from(u32::from_be_bytes(random::bytes(rng)));
    whole / 2 + (whole / 2).saturating_mul(jitter) / u64::from(u32::MAX)
}

impl Live {
    pub(crate) const fn new(id: LinkId, channel: LiveChannel) -> Self {
        Self {
            id,
            channel,
            next: 0,
            in_flight: BTreeMap::new(),
            account: AccountStep::Start,
            reading: BTreeSet::new(),
            acks: BTreeMap::new(),
            uploads: BTreeMap::new(),
            begun_again: BTreeSet::new(),
            with_vault: BTreeSet::new(),
            loaded: Vec::new(),
            quiet: Quiet::Busy,
            clock: ClockCheck::Due,
            settles: None,
            ahead: Ahead::Unknown,
            hold: None,
        }
    }

    /// Sends a request. Returns whether it could be sealed; if not, it would be too long for every connection.
    pub(crate) fn ask(&mut self, job: Job, operation: Operation, now: Timestamp, out: &mut VecDeque<Output>) -> Asked {
        let number = RequestNumber(self.next);
        let Ok(bytes) = self.channel.seal(&LiveRequest { number, operation }.to_bytes()) else {
            return Asked::TooLong;
        };
        self.next = self.next.wrapping_add(1);
        if !matches!(job, Job::Clock) {
            self.quiet = Quiet::Busy;
        }
        let until = now.plus_seconds(if job.asks_another_server() { PATIENCE_SECONDS } else { TIMEOUT_SECONDS });
        self.in_flight.insert(number, InFlight { job, until });
        out.push_back(Output::SendLive { link: self.id, bytes });
        Asked::Sent
    }

    /// The account is proven and reading is asked for.
    pub(crate) fn is_ready(&mut self, now: Timestamp) {
        self.account = AccountStep::Ready;
        self.settles = Some(now.plus_seconds(SETTLING_SECONDS));
    }

    /// What was known of the two clocks holds no more: the server is asked anew (KE-127).
    const fn compare_clocks_again(&mut self) {
        self.ahead = Ahead::Unknown;
        self.clock = ClockCheck::Due;
    }

    /// Returns whether everything that waited at the server has come.
    pub(crate) fn has_heard(&self, now: Timestamp) -> bool {
        let has_settled = self.settles.is_none_or(|at| at <= now);
        let is_clock_right = matches!(self.ahead, Ahead::By(ahead) if ahead.unsigned_abs() <= WRONG_CLOCK_SECONDS);
        self.account == AccountStep::Ready && is_clock_right && (self.quiet == Quiet::Told || has_settled)
    }

    /// Returns whether a request of this kind is under way.
    pub(crate) fn is_asking(&self, is_it: impl Fn(&Job) -> bool) -> bool {
        self.in_flight.values().any(|request| is_it(&request.job))
    }
}

/// Whether a request was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Sent,
    TooLong,
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn a_server_that_takes_the_account_and_forgets_it_is_asked_less_and_less_often() {
        let (mut link, mut rng, mut out) = (Link::new(), StdRng::seed_from_u64(1), VecDeque::new());
        let mut pause = |link: &mut Link| {
            link.is_up(&mut out);
            link.is_forgotten();
            link.lose(Timestamp(0), &mut rng, &mut out);
            link.next_wake().unwrap().0
        };
        let pauses: Vec<u64> = (0..12).map(|_| pause(&mut link)).collect();
        assert!(pauses[0] <= 1000, "{pauses:?}");
        assert!(pauses[11] >= LONGEST_PAUSE_SECONDS * 1000 / 2, "{pauses:?}");
        link.is_remembered();
        assert!(pause(&mut link) <= 1000);
    }
}
