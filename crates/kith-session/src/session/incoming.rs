//! Opening: the outer layer at once, the Olm messages in their order.
//!
//! Until the inner text of a frame has opened and its control fields have been checked, nothing changes. From there
//! on nothing fails: what the Olm layer or its content then shows to be wrong becomes an [`Alarm`].

use std::ops::Range;

use kith_crypto::CryptoRng;
use kith_crypto::sign::Verified;
use kith_wire::Wire;
use kith_wire::devices::DeviceList;
use kith_wire::frame::{Control, EndReason, Frame, Inner, MAX_RANGES, SeqRange};
use kith_wire::id::DeviceId;
use kith_wire::limits::SESSION_WINDOW;
use kith_wire::payload::{Item, ListState, Part, Payload};
use kith_wire::signed::Signed;
use kith_wire::time::Timestamp;
use thiserror::Error;

use super::{Condition, Incoming, Sealed, Session};
use crate::devices::{ListRefusal, Succession, check_list, check_succession, list_state, named};
use crate::epoch::Located;
use crate::sabotage::{self, Bug};

/// The frame does not open. There is one error for all causes, and nothing has changed: KS-21 (no header key fits),
/// KS-22 (epoch and first number contradict what is known), KS-23 (outside the window), KS-25 (the inner text does
/// not open) and KS-26 (the skips are impossible).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the frame does not open")]
pub struct FrameError;

/// What a person must be told: the session no longer is what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Alarm {
    /// KS-35: the outer layer was right and the Olm layer was not: the session stops, a new card replaces it.
    SessionUnusable,
    /// KS-36: two device lists of one version, or a version lower than one stated before: the session stops.
    ListForked,
    /// KS-38: the contact has a device list of ours that this device does not know: a ghost. The session stops.
    GhostList,
    /// KS-39: the contact has revoked the device of this session, or its list never named it: the session stops.
    DeviceRevoked,
    /// KS-45: the contact has frames of ours that this device never sent: its state is older than that, restored from
    /// a backup, or another device sends with a copy of it. The session stops.
    OwnStateCopied,
    /// KS-46: the contact's device sent two frames under one number: its state was restored or copied. The session stops.
    PeerStateCopied,
    /// KS-47: the other side has stopped, for its own reason: so does this one.
    EndedByContact(EndReason),
    /// KS-41: a payload that this version cannot read was dropped. The session goes on.
    Unreadable,
}

impl Alarm {
    /// Returns what the other side is told when the session stops; nothing when it goes on, or the other side knows.
    fn end(self) -> Option<EndReason> {
        match self {
            Self::SessionUnusable => Some(EndReason::UNREADABLE),
            Self::ListForked | Self::GhostList | Self::DeviceRevoked => Some(EndReason::DEVICES),
            Self::OwnStateCopied | Self::PeerStateCopied => Some(EndReason::COPIED),
            Self::EndedByContact(_) | Self::Unreadable => None,
        }
    }
}

/// What a frame brought.
#[derive(Debug, Default)]
pub struct Opened {
    /// Parts of content whose turn has come, in order.
    pub parts: Vec<Part>,
    /// Which of the parts came with this very frame; the others waited for it and were acknowledged before.
    pub arrived: Range<usize>,
    /// Own frames that the other side has now, or knows to be skipped: the caller deletes its copies.
    pub acked: Vec<SeqRange>,
    /// Own ack-only frames that were lost, or the one that says that the session has stopped: the caller sends the
    /// same bytes again.
    pub missing_ack_frames: Vec<u32>,
    /// The Olm message of this frame must wait: the caller stores it beside the session's core.
    pub early_added: Option<(u32, Vec<u8>)>,
    /// Stored Olm messages whose turn has come: the caller deletes them.
    pub early_removed: Vec<u32>,
    /// The contact became established with this frame.
    pub established: bool,
    /// This side sends under a new epoch from now on.
    pub new_epoch: bool,
    /// A device list of the contact that is new here.
    pub peer_devices: Option<Verified<DeviceList>>,
    /// KS-38: the contact has this list of ours, and this device does not know it: another device of the person made it, or a
    /// ghost. Nothing is said until it is known; a caller whose person has no other device stops the session.
    pub unknown_own_list: Option<ListState>,
    /// The caller should call [`Session::seal_ack`] soon.
    pub reply_due: bool,
    /// The frame was received before, or skipped.
    pub duplicate: bool,
    /// Something is wrong.
    pub alarm: Option<Alarm>,
    /// KS-62: the other side has ended the session because this list of the own person, as it says, has the device no more. Nobody has checked
    /// the list.
    pub shown: Option<Signed<DeviceList>>,
    /// The session has stopped, and says so with this frame, which the caller keeps and sends like an ack-only one.
    pub end: Option<Sealed>,
}

impl Incoming {
    /// Remembers an ack-only frame; of many ranges the newest are kept.
    pub(super) fn note_quiet(&mut self, seq: u32) {
        crate::ranges::insert_range(&mut self.quiet, SeqRange { first: seq, last: seq });
        if self.quiet.len() > MAX_RANGES {
            self.quiet.remove(0);
        }
    }
}

impl Session {
    /// Opens a frame. The caller stores the state before it acknowledges the frame to its server.
    ///
    /// # Errors
    /// [`FrameError`]; nothing has changed then.
    pub fn open(&mut self, frame: &Frame, now: Timestamp, rng: &mut dyn CryptoRng) -> Result<Opened, FrameError> {
        let binding = self.binding(self.core.epochs.role().other());
        let located = self.core.epochs.locate(&binding, frame).ok_or(FrameError)?;
        let seq = located.header.seq;
        let received = &self.core.incoming.received;
        if received.contains(seq) && !(sabotage::is_on(Bug::ReplaysOpen) && seq + 1 == received.next()) {
            return Ok(self.duplicate(seq, frame, rng));
        }
        if seq.saturating_sub(received.next()) >= SESSION_WINDOW {
            return Err(FrameError);
        }
        let staged = self.core.epochs.stage(&located, received).ok_or(FrameError)?;
        let inner = binding.open_inner(&staged.message, located.header, frame).ok_or(FrameError)?;
        if self.core.condition == Condition::Halted {
            return Ok(self.open_halted(&inner.control));
        }
        check_skips(&inner.control, seq)?;

        // From here on nothing fails.
        let new_epoch = self.core.epochs.commit(&located, staged, self.core.outgoing.next, now);
        let mut opened = Opened { new_epoch, ..Opened::default() };
        self.establish(&located, &mut opened);
        self.core.incoming.received.insert(seq);
        self.core.incoming.seen.note(seq, frame);
        if let Some(alarm) = self.control_alarm(&inner.control) {
            self.take_what_waits(&mut opened);
            opened.shown = self.take_what_is_shown(&inner);
            self.halt(alarm, &mut opened, rng);
            return Ok(opened);
        }
        self.apply_control(&inner.control, &mut opened);
        if inner.olm.is_empty() {
            self.ask_again(&inner.control, &mut opened);
            self.core.incoming.note_quiet(seq);
            self.core.incoming.ack_owed |= sabotage::is_on(Bug::AcksAreAcked);
        } else {
            self.core.incoming.ack_owed = true;
            self.early.insert(seq, inner.olm);
        }
        self.core.epochs.retire_complete(&self.core.incoming.received);
        self.take_turns(seq, &mut opened, rng);
        self.core.incoming.early = crate::ranges::to_ranges(self.early.keys().copied());
        opened.early_added = self.early.get(&seq).map(|olm| (seq, olm.clone()));
        opened.reply_due = self.owes_reply();
        Ok(opened)
    }

    /// A frame seen before changes nothing (KS-24). It may mean that the acknowledgement was lost: when the newest own
    /// frame, which carries everything known, is an ack-only one that the other side lacks, that one goes out again
    /// (KS-29). Not for an ack-only frame that came after it: two sides whose last frames crossed would answer each
    /// other's copies for ever.
    ///
    /// Another frame under the same number is no copy: only a second state of the other side's device makes one (KS-46).
    fn duplicate(&mut self, seq: u32, frame: &Frame, rng: &mut dyn CryptoRng) -> Opened {
        sabotage::panic_with(Bug::CopiesPanic);
        if self.core.condition == Condition::Halted {
            return self.say_end_again();
        }
        if self.core.incoming.seen.contradicts(seq, frame) {
            let mut opened = Opened::default();
            self.take_what_waits(&mut opened);
            self.halt(Alarm::PeerStateCopied, &mut opened, rng);
            return opened;
        }
        let newest = self.core.outgoing.next.checked_sub(1);
        let is_quiet = self.core.incoming.quiet.iter().any(|range| (range.first..=range.last).contains(&seq));
        let is_missing = |own: &u32| !is_quiet && self.core.outgoing.ack_only.contains(own);
        Opened {
            duplicate: true,
            missing_ack_frames: newest.filter(is_missing).into_iter().collect(),
            reply_due: self.owes_reply(),
            ..Opened::default()
        }
    }

    /// Stops for good, and tells the other side unless it knows (KS-47).
    pub(super) fn halt(&mut self, alarm: Alarm, opened: &mut Opened, rng: &mut dyn CryptoRng) {
        self.core.condition = Condition::Halted;
        opened.alarm = Some(alarm);
        opened.end = alarm.end().and_then(|reason| self.seal_end(reason, None, rng));
    }

    /// What was acknowledged and waits for earlier frames is said now: nothing comes any more (KS-47).
    fn take_what_waits(&mut self, opened: &mut Opened) {
        for (seq, olm) in std::mem::take(&mut self.early) {
            opened.early_removed.push(seq);
            // KS-58: of a device that no list has named nothing is said.
            if self.core.condition == Condition::Awaited {
                continue;
            }
            let payload = self.core.olm.decrypt(&olm).ok().and_then(|plain| Payload::from_bytes(&plain).ok());
            let items = payload.filter(|payload| self.is_whole(payload)).into_iter().flat_map(|payload| payload.items);
            opened.parts.extend(items.filter_map(|item| if let Item::Part(part) = item { Some(part) } else { None }));
        }
        self.core.incoming.early.clear();
    }

    /// Returns the list of this person by which the other side has ended the session, when it shows one (KS-62). Who has signed it is the
    /// caller's to see.
    fn take_what_is_shown(&mut self, inner: &Inner) -> Option<Signed<DeviceList>> {
        if inner.control.end.is_none() || !self.is_established() {
            return None;
        }
        let plain = self.core.olm.decrypt(&inner.olm).ok()?;
        let items = Payload::from_bytes(&plain).ok()?.items;
        items.into_iter().find_map(|item| if let Item::Yours(list) = item { Some(list) } else { None })
    }

    /// A frame for a session that has stopped: unless it says the same, its sender does not know yet (KS-47). Nothing else in
    /// it counts, and two sides that have stopped do not answer each other.
    fn open_halted(&mut self, control: &Control) -> Opened {
        if control.end.is_some() {
            self.core.outgoing.end = None;
        }
        self.say_end_again()
    }

    fn say_end_again(&self) -> Opened {
        let missing_ack_frames = self.core.outgoing.end.into_iter().collect();
        Opened { duplicate: true, missing_ack_frames, ..Opened::default() }
    }

    /// Returns what the control fields of an authentic frame stop the session for, if anything.
    fn control_alarm(&self, control: &Control) -> Option<Alarm> {
        let next = self.core.outgoing.next;
        let names_unsent = control.ack.next > next || control.ack.ranges.iter().any(|range| range.last >= next);
        let ended = control.end.map(Alarm::EndedByContact);
        ended.or(names_unsent.then_some(Alarm::OwnStateCopied))
    }

    /// The first frame of epoch 1 shows the card giver that the answerer has the keys.
    fn establish(&mut self, located: &Located, opened: &mut Opened) {
        if self.core.condition == Condition::Waiting && located.header.epoch >= 1 {
            self.core.condition = Condition::Established;
            opened.established = true;
        }
    }

    /// Control fields act at once, in whatever order frames come.
    fn apply_control(&mut self, control: &Control, opened: &mut Opened) {
        let core = &mut self.core;
        let floor = core.incoming.received.next();
        for seq in control.skips.iter().flat_map(|range| range.first.max(floor)..=range.last) {
            // For a number that was received, a skip does nothing (KS-28).
            if core.incoming.received.insert(seq) {
                core.epochs.forget(seq);
            }
        }
        opened.acked = core.outgoing.acked.merge(&control.ack);
        if opened.acked.is_empty() {
            return;
        }
        let acked = &core.outgoing.acked;
        core.outgoing.ack_only.retain(|seq| !acked.contains(*seq));
        core.lists.pending.take_if(|pending| pending.sent.is_some_and(|seq| acked.contains(seq)));
        let n_skips = core.outgoing.skipped.len();
        core.outgoing.skipped = crate::ranges::to_ranges(
            core.outgoing.skipped.iter().flat_map(|r| r.first..=r.last).filter(|s| !acked.contains(*s)),
        );
        // Only so many ranges fit into a frame: the others follow.
        core.outgoing.skip_due |= n_skips > MAX_RANGES && !core.outgoing.skipped.is_empty();
        let newest_acked = opened.acked.iter().map(|range| range.last).max().unwrap_or_default();
        opened.missing_ack_frames = self.missing_below(newest_acked);
    }

    /// An ack-only frame that brings nothing new says once more what is missing: copies may have been lost too (KS-48).
    fn ask_again(&self, control: &Control, opened: &mut Opened) {
        let newest_named = control.ack.ranges.iter().map(|range| range.last).max();
        if let (true, Some(newest)) = (opened.acked.is_empty(), newest_named) {
            opened.missing_ack_frames = self.missing_below(newest);
        }
    }

    /// Returns own ack-only frames that the other side lacks, before one that it has: a few at a time, so that an ack costs
    /// a few frames at most; the next ack names the others.
    fn missing_below(&self, newest: u32) -> Vec<u32> {
        let most = if sabotage::is_on(Bug::LostAcksStayLost) { 0 } else { MAX_RANGES };
        let missing = self.core.outgoing.ack_only.iter().copied().filter(|seq| *seq < newest);
        missing.take(most).collect()
    }

    /// Decrypts Olm messages for as long as nothing before them is missing (KS-27).
    fn take_turns(&mut self, arrived: u32, opened: &mut Opened, rng: &mut dyn CryptoRng) {
        while let Some(entry) =
            self.early.first_entry().filter(|first| *first.key() < self.core.incoming.received.next())
        {
            let (seq, olm) = entry.remove_entry();
            if seq != arrived {
                opened.early_removed.push(seq);
            }
            let n_before = opened.parts.len();
            let taken = self.take_turn(&olm, opened, rng);
            if seq == arrived {
                opened.arrived = n_before..opened.parts.len();
            }
            if let Err(alarm) = taken {
                if alarm != Alarm::Unreadable {
                    return self.halt(alarm, opened, rng);
                }
                opened.alarm = Some(alarm);
            }
        }
    }

    fn take_turn(&mut self, olm: &[u8], opened: &mut Opened, rng: &mut dyn CryptoRng) -> Result<(), Alarm> {
        let plain = self.core.olm.decrypt(olm).map_err(|_| Alarm::SessionUnusable)?;
        let payload = Payload::from_bytes(&plain).map_err(|_| Alarm::Unreadable)?;
        if !self.is_whole(&payload) {
            return Err(Alarm::Unreadable);
        }
        for item in &payload.items {
            if let Item::Devices(list) = item {
                self.take_list(list.clone(), opened)?;
            }
        }
        self.settle_awaited(opened)?;
        self.check_list_states(&payload.mine, payload.yours.as_ref(), opened)?;
        for item in payload.items {
            self.take_item(item, opened, rng);
        }
        Ok(())
    }

    /// KS-58: the first word of a device that has answered a spare card brings the list that names it, or the session stops.
    fn settle_awaited(&mut self, opened: &mut Opened) -> Result<(), Alarm> {
        match self.core.condition {
            Condition::Awaited => return Err(Alarm::DeviceRevoked),
            Condition::Waiting => {
                self.core.condition = Condition::Established;
                opened.established = true;
            }
            Condition::Established | Condition::Halted => {}
        }
        Ok(())
    }

    /// Returns whether every part and list of a payload is well formed: otherwise nothing of it counts (KS-37, KS-41).
    fn is_whole(&self, payload: &Payload) -> bool {
        payload.items.iter().all(|item| match item {
            Item::Part(part) => part.is_well_formed(),
            Item::Devices(list) => check_list(list.clone(), &self.core.lists.peer_key).is_ok(),
            _ => true,
        })
    }

    fn take_item(&mut self, item: Item, opened: &mut Opened, rng: &mut dyn CryptoRng) {
        let core = &mut self.core;
        match item {
            Item::Part(part) => opened.parts.push(part),
            Item::EpochKey { epoch, key } => core.epochs.accept_key(epoch, &key, &core.outgoing.acked, rng),
            Item::EpochCiphertext { epoch, key, ciphertext } => {
                let next = core.outgoing.next;
                opened.new_epoch |= core.epochs.accept_ciphertext(epoch, &key, &ciphertext, next);
            }
            // Lists were taken before the list states were compared; a confirmation has its one place in the meeting.
            _ => {}
        }
    }

    /// Takes a list of the contact (KS-37).
    fn take_list(&mut self, list: Signed<DeviceList>, opened: &mut Opened) -> Result<(), Alarm> {
        let list = check_list(list, &self.core.lists.peer_key).map_err(|_| Alarm::Unreadable)?;
        if self.learn(&list)? {
            opened.peer_devices = Some(list);
        }
        Ok(())
    }

    /// Compares a list with the newest known one (KS-36, KS-39). Returns whether it is newer.
    pub(super) fn learn(&mut self, list: &Verified<DeviceList>) -> Result<bool, Alarm> {
        let lists = &mut self.core.lists;
        let is_revoked = |id: DeviceId| list.get().revoked.iter().any(|revoked| revoked.id == id);
        if lists.device.is_some_and(is_revoked) {
            return Err(Alarm::DeviceRevoked);
        }
        let succession = check_succession(list, &lists.peer).map_err(|refusal| match refusal {
            ListRefusal::Forked => Alarm::ListForked,
            ListRefusal::Invalid => Alarm::Unreadable,
        })?;
        let is_new = succession == Succession::Newer || (succession == Succession::Same && !lists.peer_seen);
        if !is_new {
            return Ok(false);
        }
        let by_identity = named(list.get(), &self.core.peer_identity).map(|device| device.id);
        let is_other =
            |id: DeviceId| by_identity != Some(id) && list.get().devices.iter().any(|device| device.id == id);
        match (lists.device, by_identity) {
            // Lists of before say nothing of a device that is new (KS-58).
            (None, None) if self.core.condition == Condition::Awaited => {}
            // The first list names the device; a later one may have been made by a device that does not know of it yet.
            (None, None) => return Err(Alarm::DeviceRevoked),
            (Some(known), Some(now)) if known != now => return Err(Alarm::DeviceRevoked),
            (Some(known), _) if is_other(known) => return Err(Alarm::DeviceRevoked),
            (None, device) => lists.device = device,
            _ => {}
        }
        lists.peer = list_state(list);
        lists.peer_seen = true;
        if self.core.condition == Condition::Awaited && lists.device.is_some() {
            self.core.condition = Condition::Waiting;
        }
        Ok(true)
    }

    /// Compares what both sides say about both lists (KS-36, KS-38).
    fn check_list_states(
        &mut self,
        theirs: &ListState,
        ours: Option<&ListState>,
        opened: &mut Opened,
    ) -> Result<(), Alarm> {
        let lists = &mut self.core.lists;
        if theirs.version < lists.stated || (theirs.version == lists.peer.version && theirs.hash != lists.peer.hash) {
            return Err(Alarm::ListForked);
        }
        lists.stated = theirs.version;
        match ours {
            Some(ours) if ours.version > lists.own.version => {
                lists.ghost = Some(*ours);
                opened.unknown_own_list = Some(*ours);
                Ok(())
            }
            Some(ours) if ours.version == lists.own.version && ours.hash != lists.own.hash => Err(Alarm::ListForked),
            _ => Ok(()),
        }
    }
}

/// Skips name numbers before the frame that announces them (KS-26).
fn check_skips(control: &Control, seq: u32) -> Result<(), FrameError> {
    if control.skips.iter().all(|range| range.last < seq) { Ok(()) } else { Err(FrameError) }
}
