//! Everything that a run has to remember for its checker and its story.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use aho_corasick::AhoCorasick;
use kith_engine::Ended;
use kith_wire::Timestamp;
use kith_wire::frame::Frame;
use kith_wire::id::MessageId;

use crate::names::MARKER;
use crate::promise::Promise;

/// Something that somebody wrote, from the moment that it was stored on their device.
#[derive(Debug, Clone)]
pub struct Said {
    /// Its name.
    pub id: MessageId,
    /// Who wrote it.
    pub from: usize,
    /// On which device.
    pub by: usize,
    /// Which devices it was for when it was written.
    pub reach: Reach,
    /// To whom.
    pub to: usize,
    /// Every text that it ever had.
    pub texts: BTreeSet<String>,
    /// When.
    pub at: Timestamp,
    /// Whether it was taken back.
    pub deleted: bool,
}

/// For which devices something was written: as the device on which it was written knew them then.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// Devices of the reader with which there was a session, or one under way, by the ids that they have towards the writer.
    pub readers: Vec<[u8; 16]>,
    /// Those of them that have been heard: the others may hear of it from a sibling first.
    pub heard: Vec<[u8; 16]>,
    /// Devices of the reader that a list revoked which the writer knew.
    pub revoked: Vec<[u8; 16]>,
    /// The writer's other devices, by their ids.
    pub siblings: Vec<[u8; 16]>,
}

/// Somebody was told of a new message.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Whose device told it.
    pub who: usize,
    /// Of whom.
    pub from: usize,
    /// The message.
    pub id: MessageId,
}

/// A line of the story.
#[derive(Debug, Clone)]
pub struct Line {
    /// When, by the world's clock.
    pub at: Timestamp,
    /// What happened.
    pub text: String,
    /// Whom it concerns; nobody means everybody.
    pub people: Vec<usize>,
}

/// The bytes that are kept of what was seen before anybody had met: cards are made, and their keys not yet known here.
const MAX_SEEN: usize = 1 << 20;

/// The contact keys that are looked for, at most: all but in a village.
const MAX_KEYS: usize = 64;

/// The frames of one device that are kept.
const MAX_SAMPLE: usize = 12;

/// What may be read by nobody but two people, and how it is found in anything.
struct Secrets {
    finder: AhoCorasick,
    /// Keys and whose they are, in the order of the patterns after the marker.
    keys: BTreeSet<(usize, [u8; 32])>,
}

impl Secrets {
    #[allow(clippy::expect_used, reason = "a dozen short patterns make a finder")]
    fn new(keys: BTreeSet<(usize, [u8; 32])>) -> Self {
        let patterns = std::iter::once(MARKER.as_bytes()).chain(keys.iter().map(|(_, key)| key.as_slice()));
        let finder = AhoCorasick::new(patterns).expect("the patterns are few and short");
        Self { finder, keys }
    }

    /// Returns what can be read in bytes, if anything can.
    fn find(&self, bytes: &[u8]) -> Option<String> {
        let found = self.finder.find(bytes)?.pattern().as_usize();
        let owner = found.checked_sub(1).and_then(|at| self.keys.iter().nth(at));
        Some(owner.map_or("a name or text".to_owned(), |(owner, _)| {
            format!("a contact key of {}", crate::names::person(*owner))
        }))
    }
}

impl Default for Secrets {
    fn default() -> Self {
        Self::new(BTreeSet::new())
    }
}

/// What happened.
#[derive(Default)]
pub struct History {
    /// Everything that was written.
    pub said: Vec<Said>,
    by_id: BTreeMap<MessageId, usize>,
    /// Everything new that people were told of.
    pub shown: Vec<Shown>,
    shown_to: BTreeSet<(usize, MessageId)>,
    /// Messages that were seen on a device when it was looked at: by who and message.
    pub glimpsed: BTreeSet<(usize, MessageId)>,
    /// Sessions that stopped: whose device said so, about whom, why.
    pub endings: Vec<(usize, usize, Ended)>,
    /// Who was told that what somebody sends does not open.
    pub unopened: BTreeSet<(usize, usize)>,
    /// Who forgot whom.
    pub forgotten: BTreeSet<(usize, usize)>,
    /// The devices that met for two people, by the two people: the lower one first.
    pub met: BTreeMap<(usize, usize), (usize, usize)>,
    /// Pairs whose messages may disappear, the lower number first.
    pub fleeting: BTreeSet<(usize, usize)>,
    /// The newest frames that each device sealed for a message.
    pub sample: BTreeMap<usize, VecDeque<(MessageId, Frame)>>,
    /// Which pairs somebody blocked at some time.
    pub blocked: BTreeSet<(usize, usize)>,
    /// On which devices something was done to a message, and when last: a look, a reaction, a change.
    pub touched: BTreeMap<MessageId, BTreeMap<usize, Timestamp>>,
    /// Devices that are never on again.
    pub gone: BTreeSet<usize>,
    /// Devices that were replaced by one that was restored, and go on, and of which the backup did not know how to close their accounts.
    pub overlooked: BTreeSet<usize>,
    /// Devices that were off for so long that what they were sent may have expired.
    pub long_away: BTreeSet<usize>,
    /// Devices that were linked.
    pub n_linked: u32,
    /// From which message on everything is said by devices that have met.
    pub roll_from: Option<usize>,
    /// Devices that went on from copies of their data.
    pub restored: BTreeSet<usize>,
    /// The story.
    pub lines: Vec<Line>,
    /// Faults that really happened, by name.
    pub faults: BTreeMap<&'static str, u64>,
    /// Promises that were broken while the world went on: which, and how.
    pub violations: Vec<(Promise, String)>,
    /// Frames that left a device: by device, peer and number, a digest of their bytes.
    sealed: BTreeMap<(usize, i64, u32), u64>,
    /// What may not be read by anybody on the way: the marker of names and texts, and the keys of contacts.
    secrets: Secrets,
    /// What was seen first, up to a bound.
    pub seen: Vec<u8>,
    /// Bytes that passed.
    pub n_bytes: u64,
    trace: DefaultHasher,
}

impl History {
    /// Remembers something written.
    pub fn say(&mut self, said: Said) {
        self.by_id.insert(said.id, self.said.len());
        self.said.push(said);
    }

    /// Returns something written.
    pub fn said(&self, id: &MessageId) -> Option<&Said> {
        self.by_id.get(id).and_then(|at| self.said.get(*at))
    }

    /// Returns something written, to change it.
    pub fn said_mut(&mut self, id: &MessageId) -> Option<&mut Said> {
        self.by_id.get(id).copied().and_then(|at| self.said.get_mut(at))
    }

    /// Somebody was told of a new message.
    pub fn show(&mut self, shown: Shown) {
        self.shown_to.insert((shown.who, shown.id));
        self.shown.push(shown);
    }

    /// Returns whether a device ever had a message before it.
    pub fn was_seen(&self, who: usize, id: &MessageId) -> bool {
        self.shown_to.contains(&(who, *id)) || self.glimpsed.contains(&(who, *id))
    }

    /// Returns whether a device told its person of a message as new.
    pub fn was_shown(&self, who: usize, id: &MessageId) -> bool {
        self.shown_to.contains(&(who, *id))
    }

    /// Something was done to a message on a device.
    pub fn touch(&mut self, at: Timestamp, who: usize, id: MessageId) {
        self.touched.entry(id).or_default().insert(who, at);
    }

    /// Adds a line to the story.
    pub fn tell(&mut self, at: Timestamp, people: &[usize], text: impl Into<String>) {
        self.lines.push(Line { at, text: text.into(), people: people.to_vec() });
    }

    /// Counts a fault.
    pub fn fault(&mut self, name: &'static str) {
        *self.faults.entry(name).or_default() += 1;
    }

    /// The network sees bytes. Nothing secret may stand in them.
    pub fn sees(&mut self, place: &str, bytes: &[u8]) {
        self.n_bytes += bytes.len() as u64;
        self.holds(place, bytes);
        if self.seen.len() + bytes.len() <= MAX_SEEN {
            self.seen.extend_from_slice(bytes);
        }
    }

    /// Somebody who is no contact has bytes. Nothing secret may stand in them.
    pub fn holds(&mut self, place: &str, bytes: &[u8]) {
        if let Some(what) = self.secrets.find(bytes) {
            let text = format!("{what} can be read in what {place} saw");
            self.violations.push((Promise::OnlyCiphertext, text));
        }
    }

    /// From now on these keys of contacts are looked for too; each with whose it is.
    pub fn look_for(&mut self, keys: impl IntoIterator<Item = (usize, [u8; 32])>) {
        let mut all = std::mem::take(&mut self.secrets).keys;
        all.extend(keys.into_iter().take(MAX_KEYS.saturating_sub(all.len())));
        self.secrets = Secrets::new(all);
    }

    /// A frame is about to leave a device. Two different ones under one number would use a key twice.
    pub fn seals(&mut self, who: usize, peer: i64, seq: u32, message: Option<MessageId>, bytes: &[u8]) {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        if let Some(kept) = message.zip(Frame::from_slice(bytes)) {
            let sample = self.sample.entry(who).or_default();
            sample.push_back(kept);
            if sample.len() > MAX_SAMPLE {
                sample.pop_front();
            }
        }
        let digest = hasher.finish();
        let known = *self.sealed.entry((who, peer, seq)).or_insert(digest);
        if known != digest && !self.restored.contains(&who) {
            let name = crate::names::person(who);
            let text = format!("{name} sealed two different frames under number {seq} of session {peer}");
            self.violations.push((Promise::NumbersAreUsedOnce, text));
        }
    }

    /// Notes that something happened, so that two runs can be compared. Only what does not depend on keys goes in.
    pub fn trace(&mut self, at: Timestamp, what: &str, size: usize) {
        (at.0, what, size).hash(&mut self.trace);
    }

    /// Returns the digest of everything noted.
    pub fn trace_digest(&self) -> u64 {
        self.trace.finish()
    }
}
