//! A session: the encrypted state between one device of ours and one of a contact.
//!
//! Sealing is in `outgoing.rs`, opening in `incoming.rs`. A session knows nothing of queues, retries or time: the
//! caller keeps each sealed frame until it is acknowledged, stores the state before it sends and before it
//! acknowledges, and says when frames will never be sent again.

mod incoming;
mod outgoing;
#[cfg(feature = "sabotage")]
mod theft;

use std::collections::BTreeMap;

use kith_crypto::CryptoRng;
use kith_crypto::sign::Verified;
use kith_wire::devices::DeviceList;
use kith_wire::frame::{EndReason, Frame, SeqRange};
use kith_wire::id::{ContactKey, DeviceId, Hash, OlmIdentity};
use kith_wire::limits::{CONTENT_WINDOW, SESSION_WINDOW};
use kith_wire::payload::{Item, ListState};
use kith_wire::signed::Signed;
use kith_wire::time::Timestamp;
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

pub use incoming::{Alarm, FrameError, Opened};
pub use outgoing::{SealError, Urgency};

use crate::chain::Role;
use crate::devices::{ListedDevice, check_list, list_state};
use crate::epoch::Epochs;
use crate::olm::OlmSession;
use crate::ranges::{Settled, to_ranges};
use crate::sabotage::{self, Bug};
use crate::seal::Binding;
use crate::seen::Seen;
use crate::state::{self, STATE_VERSION, StateError};

/// A frame to send, with its number.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// Its number in this direction; never used again.
    pub seq: u32,
    /// The frame: the same bytes each time it is deposited.
    pub frame: Frame,
    /// Whether it carries an acknowledgement only: such a frame is sent once, and again only when
    /// [`Opened::missing_ack_frames`] names it.
    pub ack_only: bool,
}

/// What a session starts from.
pub(crate) struct Start {
    pub(crate) own_identity: OlmIdentity,
    pub(crate) peer_identity: OlmIdentity,
    pub(crate) own_devices: Signed<DeviceList>,
    pub(crate) peer: PeerStart,
    pub(crate) olm: OlmSession,
}

/// What is known of the other side's devices when a session starts.
pub(crate) enum PeerStart {
    /// Who signs the first list, and its hash.
    Announced { key: ContactKey, hash: Hash },
    /// A list, which names the device.
    Listed(ListedDevice),
    /// Who signs the list that names the device, and the newest list so far, which that one replaces (KS-58).
    Awaited { key: ContactKey, list: ListState },
}

/// The encrypted state between two devices.
pub struct Session {
    core: Core,
    /// Olm messages that wait for their turn, by frame number.
    early: BTreeMap<u32, Vec<u8>>,
}

/// Everything of a session but the early frames.
#[derive(Encode, Decode)]
#[cbor(array)]
struct Core {
    #[n(0)]
    version: u8,
    #[n(1)]
    own_identity: OlmIdentity,
    #[n(2)]
    peer_identity: OlmIdentity,
    #[n(3)]
    olm: OlmSession,
    #[n(4)]
    epochs: Epochs,
    #[n(5)]
    outgoing: Outgoing,
    #[n(6)]
    incoming: Incoming,
    #[n(7)]
    lists: Lists,
    #[n(8)]
    condition: Condition,
}

/// Whether a session may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
enum Condition {
    /// The other side has not shown that it has the keys.
    #[n(0)]
    Waiting,
    #[n(1)]
    Established,
    /// Stopped for good by an alarm.
    #[n(2)]
    Halted,
    /// The device has answered a spare card: the list that names it has not come (KS-58).
    #[n(3)]
    Awaited,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Outgoing {
    /// The next number.
    #[n(0)]
    next: u32,
    /// What the other side has, or knows to be skipped.
    #[n(1)]
    acked: Settled,
    /// Unacknowledged frames that carry an acknowledgement only, ascending.
    #[n(2)]
    ack_only: Vec<u32>,
    /// Unacknowledged frames that will never be sent again.
    #[n(3)]
    skipped: Vec<SeqRange>,
    /// Whether skips must be announced even when there is nothing else to say.
    #[n(4)]
    skip_due: bool,
    /// The frame that says that this side has stopped, until the other side is known to have stopped too.
    #[n(5)]
    end: Option<u32>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Incoming {
    #[n(0)]
    received: Settled,
    /// Whether something was received that no sent frame acknowledges yet.
    #[n(1)]
    ack_owed: bool,
    /// Which numbers have an early frame; filled when the state is stored, checked when it is restored.
    #[n(2)]
    early: Vec<SeqRange>,
    /// Ack-only frames that came after the newest own frame was sealed, the newest few ranges: a copy of one of them
    /// does not mean that an acknowledgement was lost.
    #[n(3)]
    quiet: Vec<SeqRange>,
    #[n(4)]
    seen: Seen,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Lists {
    #[n(0)]
    own: ListState,
    /// The own list, while the other side may not have it.
    #[n(1)]
    pending: Option<PendingList>,
    #[n(2)]
    peer_key: ContactKey,
    /// The newest list of the other side that is known here, whichever device told it.
    #[n(3)]
    peer: ListState,
    /// Whether the list of `peer` was received, rather than only announced by hash.
    #[n(4)]
    peer_seen: bool,
    /// The other device's name, from the first list that named it.
    #[n(5)]
    device: Option<DeviceId>,
    /// The highest version that this device has stated as its own: it never states a lower one.
    #[n(6)]
    stated: u32,
    /// A list of ours that the other side has and this device does not know.
    #[n(7)]
    ghost: Option<ListState>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct PendingList {
    #[n(0)]
    list: Signed<DeviceList>,
    /// The frame that carries it; absent when it must go out (again).
    #[n(1)]
    sent: Option<u32>,
}

impl Session {
    pub(crate) fn of_giver(start: Start, epochs: Epochs) -> Option<Self> {
        let condition = match start.peer {
            PeerStart::Awaited { .. } => Condition::Awaited,
            PeerStart::Announced { .. } | PeerStart::Listed(_) => Condition::Waiting,
        };
        let mut session = Self::new(start, epochs, condition)?;
        // The confirmation is frame 0 and carries the list.
        session.core.outgoing.next = 1;
        session.core.lists.pending = None;
        Some(session)
    }

    pub(crate) fn of_answerer(
        start: Start,
        epochs: Epochs,
        confirm: &Frame,
        rng: &mut dyn CryptoRng,
    ) -> Option<(Self, Sealed)> {
        let mut session = Self::new(start, epochs, Condition::Established)?;
        session.core.incoming.ack_owed = true;
        session.core.incoming.received.insert(0);
        session.core.incoming.seen.note(0, confirm);
        session.core.lists.peer_seen = true;
        let first = session.seal_ack(rng).ok()??;
        Some((session, first))
    }

    fn new(start: Start, epochs: Epochs, condition: Condition) -> Option<Self> {
        let own = check_list(start.own_devices.clone(), &own_key(&start.own_devices)?).ok()?;
        let (peer_key, peer, peer_seen, device) = match start.peer {
            PeerStart::Announced { key, hash } => (key, ListState { version: 1, hash }, false, None),
            PeerStart::Listed(listed) => (listed.contact_key, listed.list, true, Some(listed.id())),
            PeerStart::Awaited { key, list } => (key, list, true, None),
        };
        let core = Core {
            version: STATE_VERSION,
            own_identity: start.own_identity,
            peer_identity: start.peer_identity,
            olm: start.olm,
            epochs,
            outgoing: Outgoing {
                next: 0,
                acked: Settled::default(),
                ack_only: Vec::new(),
                skipped: Vec::new(),
                skip_due: false,
                end: None,
            },
            incoming: Incoming {
                received: Settled::default(),
                ack_owed: false,
                early: Vec::new(),
                quiet: Vec::new(),
                seen: Seen::default(),
            },
            lists: Lists {
                own: list_state(&own),
                pending: Some(PendingList { list: start.own_devices, sent: None }),
                peer_key,
                peer,
                peer_seen,
                device,
                stated: 0,
                ghost: None,
            },
            condition,
        };
        Some(Self { core, early: BTreeMap::new() })
    }

    /// Returns whether both sides have shown that they have the keys.
    pub fn is_established(&self) -> bool {
        self.core.condition == Condition::Established
    }

    /// Returns whether the session has stopped for good, here or at the other side.
    pub fn is_halted(&self) -> bool {
        self.core.condition == Condition::Halted
    }

    /// Returns whether [`seal`](Self::seal) accepts content now. Changes with every `seal`, `open` and `skip`.
    pub fn may_send_content(&self) -> bool {
        self.is_established() && self.unacknowledged() < CONTENT_WINDOW && self.core.lists.ghost.is_none()
    }

    /// Returns the list of ours that the other side has and this device does not know: until it does, nothing is said (KS-38).
    pub fn unknown_own_list(&self) -> Option<ListState> {
        self.core.lists.ghost
    }

    /// Returns the other device's name in its person's lists, once one was received.
    pub fn peer_device(&self) -> Option<DeviceId> {
        self.core.lists.device
    }

    /// Returns how far sending is ahead of what the other side has without a gap.
    pub fn unacknowledged(&self) -> u32 {
        self.core.outgoing.next.saturating_sub(self.core.outgoing.acked.next())
    }

    /// Returns the epoch under which this side sends.
    pub fn epoch(&self) -> u32 {
        self.core.epochs.sending()
    }

    /// Returns when the newest epoch came into use here: the age of the post-quantum protection counts from it.
    pub fn epoch_since(&self) -> Timestamp {
        self.core.epochs.since()
    }

    /// Returns whether [`seal_ack`](Self::seal_ack) has something to say. Changes with every `open`, `skip` and
    /// `set_devices`.
    pub fn owes_reply(&self) -> bool {
        let may_speak = self.is_established() && self.unacknowledged() < SESSION_WINDOW;
        may_speak && (self.core.incoming.ack_owed || self.must_speak())
    }

    /// Owes an acknowledgement once more when frames that came wait for an earlier one (KS-48). Returns whether they do.
    pub fn owe_again(&mut self) -> bool {
        let waits = !self.early.is_empty() && self.is_established() && !sabotage::is_on(Bug::LostAcksStayLost);
        self.core.incoming.ack_owed |= waits;
        waits
    }

    /// Replaces the own device list by a newer one, which is sent until it is acknowledged. An older one is ignored.
    pub fn set_devices(&mut self, own: Verified<DeviceList>) {
        let lists = &mut self.core.lists;
        if own.get().version > lists.own.version {
            lists.own = list_state(&own);
            lists.pending = Some(PendingList { list: own.signed().clone(), sent: None });
            // One of the same version must be the same: the other side's next word tells (KS-36).
            lists.ghost.take_if(|ghost| ghost.version < lists.own.version || *ghost == lists.own);
        }
    }

    /// Takes a list of the contact that came another way: from another of their devices, or of ours. Checked by
    /// [`check_list`](crate::check_list).
    ///
    /// # Errors
    /// The [`Alarm`] for which the caller must [`stop`](Self::stop) the session (KS-36, KS-39).
    pub fn learn_devices(&mut self, list: &Verified<DeviceList>) -> Result<(), Alarm> {
        self.learn(list).map(|_| ())
    }

    /// Stops for good, for a reason that this side knows. Returns the frame that says so, which the caller keeps and sends like an
    /// ack-only one (KS-47).
    pub fn stop(&mut self, alarm: Alarm, rng: &mut dyn CryptoRng) -> Option<Sealed> {
        if self.is_halted() {
            return None;
        }
        let mut opened = Opened::default();
        self.halt(alarm, &mut opened, rng);
        opened.end
    }

    /// Stops for good because the contact's person has the device of this session no more, and shows it by which of their lists (KS-62).
    /// Returns the frame, to be kept and sent as that of [`stop`](Self::stop).
    pub fn dismiss(&mut self, list: &Verified<DeviceList>, rng: &mut dyn CryptoRng) -> Option<Sealed> {
        if self.is_halted() {
            return None;
        }
        let shown = self.may_show(list).then(|| Item::Yours(list.signed().clone()));
        self.core.condition = Condition::Halted;
        self.seal_end(EndReason::DEVICES, shown, rng)
    }

    /// Gives frames up for good: they expired and are never sent again. The other side is told until it has
    /// acknowledged that; lists and key material that were in them go out again (KS-28).
    pub fn skip(&mut self, seqs: &[u32]) {
        let outgoing = &mut self.core.outgoing;
        for seq in seqs.iter().copied().filter(|seq| *seq < outgoing.next) {
            if outgoing.acked.contains(seq) {
                continue;
            }
            crate::ranges::insert_range(&mut outgoing.skipped, SeqRange { first: seq, last: seq });
            outgoing.skip_due = true;
            outgoing.ack_only.retain(|other| *other != seq);
            outgoing.end.take_if(|end| *end == seq);
            self.core.epochs.unsend(seq);
            for pending in self.core.lists.pending.iter_mut().filter(|pending| pending.sent == Some(seq)) {
                pending.sent = None;
            }
        }
    }

    /// Returns the state for storage, unencrypted, without the early frames: these are rows of the caller's, added
    /// and removed as [`Opened`] says.
    pub fn core_bytes(&self) -> Zeroizing<Vec<u8>> {
        state::to_bytes(&self.core)
    }

    /// Takes a stored state back, with the early frames.
    ///
    /// # Errors
    /// [`StateError`] when the bytes are not a session, or the early frames are not those that belong to it (KS-42).
    pub fn restore(core: &[u8], early: impl Iterator<Item = (u32, Vec<u8>)>) -> Result<Self, StateError> {
        let core: Core = state::from_bytes(core)?;
        if core.version != STATE_VERSION {
            return Err(StateError::Unreadable);
        }
        let early: BTreeMap<u32, Vec<u8>> = early.collect();
        if to_ranges(early.keys().copied()) != core.incoming.early {
            return Err(StateError::EarlyFrames);
        }
        Ok(Self { core, early })
    }

    fn binding(&self, sender: Role) -> Binding {
        let (own, peer) = (self.core.own_identity, self.core.peer_identity);
        let (from, to) = if sender == self.core.epochs.role() { (own, peer) } else { (peer, own) };
        Binding { sender, from, to }
    }

    /// Returns whether lists, keys or skips must go out even when there is nothing else to say.
    fn must_speak(&self) -> bool {
        let list_due = self.core.lists.pending.as_ref().is_some_and(|pending| pending.sent.is_none());
        list_due || self.core.outgoing.skip_due || self.core.epochs.must_speak()
    }
}

/// Views for tests.
#[cfg(test)]
impl Session {
    pub(crate) fn core_epochs(&self) -> &Epochs {
        &self.core.epochs
    }

    pub(crate) fn core_epochs_mut(&mut self) -> &mut Epochs {
        &mut self.core.epochs
    }

    pub(crate) fn core_outgoing_next(&self) -> u32 {
        self.core.outgoing.next
    }
}

/// The signer that an own list names.
fn own_key(list: &Signed<DeviceList>) -> Option<ContactKey> {
    list.decode_unverified().ok().map(|list| list.contact_key)
}

#[cfg(test)]
mod tests;
