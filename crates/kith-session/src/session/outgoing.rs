//! Sealing: what goes into a frame, and when a frame may be made.

use kith_crypto::CryptoRng;
use kith_crypto::sign::Verified;
use kith_wire::Wire;
use kith_wire::devices::DeviceList;
use kith_wire::frame::{Control, EndReason, FrameHeader, Inner, MAX_RANGES};
use kith_wire::limits::{CONTENT_WINDOW, SESSION_WINDOW};
use kith_wire::payload::{Item, Part, Payload};
use kith_wire::signed::Signed;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{Condition, Sealed, Session};

/// What a frame is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// What people say: stops at 1,900 unacknowledged frames.
    Content,
    /// What keeps the session going: stops at 2,000.
    Control,
}

/// Why a frame cannot be sealed now. Nothing changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SealError {
    /// KS-40, KS-58: the other side has not confirmed yet, or its list has not come: what is written waits.
    #[error("the contact has not confirmed yet")]
    NotEstablished,
    /// KS-30: too many frames are unacknowledged.
    #[error("too many messages are on their way")]
    WindowFull,
    /// The parts do not fit into one frame.
    #[error("the parts do not fit into one frame")]
    TooLong,
    /// KS-35: an alarm stopped the session for good, or its numbers are used up.
    #[error("the session cannot be used any more")]
    Unusable,
}

/// Bytes of a payload's frame around its items: two list states and heads.
pub(super) const PAYLOAD_OVERHEAD: usize = 96;
/// Bytes of an item's frame around its content.
pub(super) const ITEM_OVERHEAD: usize = 48;

impl Session {
    /// Seals parts into one frame, with whatever the session has to add. The caller stores the state before it sends.
    ///
    /// # Errors
    /// [`SealError`]; nothing changes then.
    pub fn seal(&mut self, parts: Vec<Part>, urgency: Urgency, rng: &mut dyn CryptoRng) -> Result<Sealed, SealError> {
        self.check_may_seal(urgency)?;
        let room = Payload::MAX_BYTES - PAYLOAD_OVERHEAD;
        let length: usize = parts.iter().map(|part| part.bytes.len() + ITEM_OVERHEAD).sum();
        if length > room {
            return Err(SealError::TooLong);
        }
        let mut items: Vec<Item> = parts.into_iter().map(Item::Part).collect();
        self.add_due_items(&mut items, room - length, rng);
        self.seal_items(Some(items), rng)
    }

    /// Seals what is owed: lists, key material and skips when they are due, else an acknowledgement alone; nothing
    /// when nothing is owed.
    ///
    /// # Errors
    /// [`SealError`]; nothing changes then.
    pub fn seal_ack(&mut self, rng: &mut dyn CryptoRng) -> Result<Option<Sealed>, SealError> {
        self.check_may_seal(Urgency::Control)?;
        if !self.core.incoming.ack_owed && !self.must_speak() {
            return Ok(None);
        }
        let mut items = Vec::new();
        let says_skips = self.core.outgoing.skip_due;
        self.add_due_items(&mut items, Payload::MAX_BYTES - PAYLOAD_OVERHEAD, rng);
        // A frame that announces skips wants an acknowledgement, so it is not empty even without items.
        let items = (says_skips || !items.is_empty()).then_some(items);
        self.seal_items(items, rng).map(Some)
    }

    fn check_may_seal(&self, urgency: Urgency) -> Result<(), SealError> {
        match self.core.condition {
            Condition::Waiting | Condition::Awaited => return Err(SealError::NotEstablished),
            Condition::Halted => return Err(SealError::Unusable),
            Condition::Established => {}
        }
        let limit = match urgency {
            Urgency::Content => CONTENT_WINDOW,
            Urgency::Control => SESSION_WINDOW,
        };
        if self.unacknowledged() >= limit {
            return Err(SealError::WindowFull);
        }
        // Numbers never restart; ranges on the wire end below the highest one.
        if self.core.outgoing.next >= u32::MAX - 1 { Err(SealError::Unusable) } else { Ok(()) }
    }

    /// Adds the own list and KEM material when they are due and fit.
    fn add_due_items(&mut self, items: &mut Vec<Item>, mut room: usize, rng: &mut dyn CryptoRng) {
        let seq = self.core.outgoing.next;
        if let Some(pending) = self.core.lists.pending.as_mut().filter(|pending| pending.sent.is_none()) {
            let length = list_bytes(&pending.list);
            if let Some(rest) = room.checked_sub(length) {
                items.push(Item::Devices(pending.list.clone()));
                pending.sent = Some(seq);
                room = rest;
            }
        }
        if room < kith_wire::id::KemKey::SIZE + ITEM_OVERHEAD {
            return;
        }
        let (acked, received) = (&self.core.outgoing.acked, &self.core.incoming.received);
        if let Some(item) = self.core.epochs.due_item(seq, acked, received, rng) {
            self.core.epochs.sent_item(&item, seq);
            items.push(item);
        }
    }

    /// Seals one frame; without items its Olm message is empty.
    pub(crate) fn seal_items(
        &mut self,
        items: Option<Vec<Item>>,
        rng: &mut dyn CryptoRng,
    ) -> Result<Sealed, SealError> {
        let olm = match items {
            Some(items) => self.encrypt(items)?,
            None => Vec::new(),
        };
        self.seal_inner(olm, None, rng)
    }

    /// Returns whether the last frame has room for a list of the other side's person, and the other side can open it: Olm refuses larger gaps.
    pub(super) fn may_show(&self, list: &Verified<DeviceList>) -> bool {
        let length = list_bytes(list.signed());
        self.check_may_seal(Urgency::Control).is_ok() && length <= Payload::MAX_BYTES - PAYLOAD_OVERHEAD
    }

    /// Seals the frame that says that this side has stopped (KS-47), and shows the other one why, where that is known (KS-62).
    pub(super) fn seal_end(
        &mut self,
        reason: EndReason,
        shown: Option<Item>,
        rng: &mut dyn CryptoRng,
    ) -> Option<Sealed> {
        if self.core.outgoing.next >= u32::MAX - 1 {
            return None;
        }
        let olm = shown.and_then(|item| self.encrypt(vec![item]).ok()).unwrap_or_default();
        let sealed = self.seal_inner(olm, Some(reason), rng).ok()?;
        self.core.outgoing.end = Some(sealed.seq);
        Some(sealed)
    }

    fn seal_inner(
        &mut self,
        olm: Vec<u8>,
        end: Option<EndReason>,
        rng: &mut dyn CryptoRng,
    ) -> Result<Sealed, SealError> {
        let ack_only = olm.is_empty();
        // Skips travel beside Olm messages only: so whoever settles skipped numbers has an Olm message behind them,
        // and Olm never meets a gap longer than the window.
        let n_skips = if ack_only { 0 } else { MAX_RANGES };
        let skips = self.core.outgoing.skipped.iter().take(n_skips).copied().collect();
        let control = Control { ack: self.core.incoming.received.to_ack(), skips, end };
        let inner = Inner { olm, control };

        let binding = self.binding(self.core.epochs.role());
        let seq = self.core.outgoing.next;
        let send = self.core.epochs.send_mut();
        let message_key = send.advance();
        let header = FrameHeader { epoch: send.epoch, seq, base: send.base };
        // Neither Olm message nor control fields can be too long here; were they, the number is used up and the
        // session stops rather than repeat a key.
        let Some(frame) = binding.seal(&send.header, &message_key, header, &inner, rng) else {
            self.core.condition = Condition::Halted;
            return Err(SealError::Unusable);
        };
        self.core.outgoing.next += 1;
        self.core.outgoing.skip_due = false;
        self.core.incoming.ack_owed = false;
        self.core.incoming.quiet.clear();
        if ack_only {
            self.core.outgoing.ack_only.push(seq);
        }
        Ok(Sealed { seq, frame, ack_only })
    }

    fn encrypt(&mut self, items: Vec<Item>) -> Result<Vec<u8>, SealError> {
        let lists = &self.core.lists;
        let yours = lists.peer_seen.then_some(lists.peer);
        let payload = Zeroizing::new(Payload { mine: lists.own, yours, items }.to_bytes());
        self.core.olm.encrypt(&payload).map_err(|_| {
            self.core.condition = Condition::Halted;
            SealError::Unusable
        })
    }
}

/// Bytes that a list takes in a payload.
fn list_bytes(list: &Signed<DeviceList>) -> usize {
    list.body().len() + 72 + ITEM_OVERHEAD
}
