//! KEM epochs: which keys a session holds, who starts the next epoch and when, and when the old one goes.
//!
//! One state machine serves all epochs from 1 on. The *starter* sent a KEM key, decapsulates and sends under the new
//! epoch at once; the *encapsulator* derives it first, receives under it, and sends under it once it has opened a
//! frame of it. Epoch 1 has the same shape: the answerer is its starter, the card giver its encapsulator.

use kith_crypto::hash::{hash_kem_ciphertext, hash_kem_key};
use kith_crypto::kem::{KemSecret, encapsulate};
use kith_crypto::label::Label;
use kith_crypto::{CryptoRng, kdf};
use kith_wire::frame::FrameHeader;
use kith_wire::id::{Hash, KemCiphertext, KemKey};
use kith_wire::payload::Item;
use kith_wire::time::Timestamp;
use minicbor::{Decode, Encode};

use crate::chain::{ReceiveChain, Role, RootKeys, SendChain, StagedKey};
use crate::ranges::Settled;
use crate::sabotage::{self, Bug};
use crate::seal::Binding;
use crate::secret::Secret;

/// Frames, of both directions together, after which the next epoch is started.
const EPOCH_FRAMES: u32 = 32;
/// Milliseconds after which the next epoch is started however few frames there were.
const EPOCH_MILLISECONDS: u64 = 3600 * 1000;

/// An epoch that this side has started and the other has not answered.
#[derive(Debug, Encode, Decode)]
#[cbor(array)]
struct Starting {
    #[n(0)]
    seed: Secret,
    /// The frame that carries the key; absent when it must go out (again).
    #[n(1)]
    sent: Option<u32>,
}

/// An epoch that this side has derived and the other has not confirmed by using it.
#[derive(Encode, Decode)]
#[cbor(array)]
struct Answering {
    #[n(0)]
    key: Hash,
    #[n(1)]
    ciphertext: KemCiphertext,
    /// The frame that carries the ciphertext; absent when it must go out (again).
    #[n(2)]
    sent: Option<u32>,
    #[n(3)]
    send: SendChain,
}

/// Keys of all living epochs: at most two in each direction.
#[derive(Encode, Decode)]
#[cbor(array)]
pub(crate) struct Epochs {
    #[n(0)]
    role: Role,
    /// The root chain key of the newest derived epoch.
    #[n(1)]
    root_chain: Secret,
    #[n(2)]
    send: SendChain,
    /// Ascending, one or two.
    #[n(3)]
    receive: Vec<ReceiveChain>,
    #[n(4)]
    starting: Option<Starting>,
    #[n(5)]
    answering: Option<Answering>,
    /// When the newest epoch came into use here.
    #[n(6)]
    since: Timestamp,
    #[n(7)]
    newest_now: Timestamp,
}

/// A frame whose header opened, with the key that may open the rest.
pub(crate) struct Located {
    receive_idx: usize,
    pub(crate) header: FrameHeader,
}

impl Epochs {
    /// The card giver after its confirmation: epoch 1 is derived, the answerer has not used it yet. In epoch 0 nothing
    /// comes from the answerer (KS-44), so the giver has no keys for it.
    pub(crate) fn of_giver(sent_confirm: SendChain, one: RootKeys, now: Timestamp) -> Self {
        let (root_chain, send, receive) = one.split(Role::Giver);
        let answering = Answering {
            key: Hash([0; 32]),
            ciphertext: KemCiphertext::new([0; KemCiphertext::SIZE]),
            // Epoch 1's ciphertext went out in the confirmation, which is never sealed again.
            sent: Some(0),
            send: SendChain::new(1, 0, send),
        };
        Self {
            role: Role::Giver,
            root_chain,
            send: sent_confirm,
            receive: vec![ReceiveChain::new(1, receive)],
            starting: None,
            answering: Some(answering),
            since: now,
            newest_now: now,
        }
    }

    /// The answerer after the confirmation: it sends under epoch 1 at once.
    pub(crate) fn of_answerer(zero: ReceiveChain, one: RootKeys, now: Timestamp) -> Self {
        let (root_chain, send, receive) = one.split(Role::Answerer);
        Self {
            role: Role::Answerer,
            root_chain,
            send: SendChain::new(1, 0, send),
            receive: vec![zero, ReceiveChain::new(1, receive)],
            starting: None,
            answering: None,
            since: now,
            newest_now: now,
        }
    }

    pub(crate) fn role(&self) -> Role {
        self.role
    }

    pub(crate) fn send_mut(&mut self) -> &mut SendChain {
        &mut self.send
    }

    pub(crate) fn sending(&self) -> u32 {
        self.send.epoch
    }

    pub(crate) fn since(&self) -> Timestamp {
        self.since
    }

    /// Opens the header under one of the header keys, newest first, and checks what it says against the epochs
    /// (KS-21, KS-22).
    pub(crate) fn locate(&self, binding: &Binding, frame: &kith_wire::frame::Frame) -> Option<Located> {
        let (receive_idx, chain, header) =
            self.receive.iter().enumerate().rev().find_map(|(idx, chain)| {
                binding.open_header(&chain.header, frame).map(|header| (idx, chain, header))
            })?;
        let following = self.receive.get(receive_idx + 1);
        let is_in_epoch = header.epoch == chain.epoch && header.seq >= header.base;
        let starts_where_known = chain.base.is_none_or(|base| base == header.base);
        let ends_before_following = following.and_then(|next| next.base).is_none_or(|base| header.seq < base);
        let starts_after_previous = match receive_idx.checked_sub(1).and_then(|idx| self.receive.get(idx)) {
            Some(previous) if chain.base.is_none() => header.base >= previous.next,
            _ => true,
        };
        (is_in_epoch && starts_where_known && ends_before_following && starts_after_previous)
            .then_some(Located { receive_idx, header })
    }

    /// Derives the message key of a located frame, changing nothing.
    pub(crate) fn stage(&self, located: &Located, received: &Settled) -> Option<StagedKey> {
        let chain = self.receive.get(located.receive_idx)?;
        chain.stage(located.header.seq, located.header.base, |seq| received.contains(seq))
    }

    /// Keeps a staged key that opened its frame. Returns whether the sending epoch changed.
    pub(crate) fn commit(&mut self, located: &Located, staged: StagedKey, next_seq: u32, now: Timestamp) -> bool {
        let today = now.day();
        if today > self.newest_now.day() {
            self.receive.iter_mut().for_each(|chain| chain.forget_older(today));
        }
        self.newest_now = self.newest_now.max(now);
        let today = self.newest_now.day();
        if let Some(chain) = self.receive.get_mut(located.receive_idx) {
            chain.commit(staged, today);
        }
        let confirmed = self.answering.take_if(|answering| answering.send.epoch == located.header.epoch);
        let Some(answering) = confirmed else { return false };
        self.switch(answering.send.starting_at(next_seq));
        true
    }

    /// Erases the message keys of an epoch that is complete and followed by one in use (KS-33).
    pub(crate) fn retire_complete(&mut self, received: &Settled) {
        if let [old, new] = self.receive.as_mut_slice()
            && new.base.is_some_and(|base| received.next() >= base || sabotage::is_on(Bug::EpochsEndEarly))
            && !old.is_retired()
        {
            old.retire();
        }
    }

    /// Erases the key of a frame that will never come.
    pub(crate) fn forget(&mut self, seq: u32) {
        self.receive.iter_mut().for_each(|chain| chain.forget(seq));
    }

    /// Prepares the KEM item that is due, if any: starts an epoch when that is this side's turn and the time has
    /// come, or repeats what was skipped.
    pub(crate) fn due_item(
        &mut self,
        next_seq: u32,
        acked: &Settled,
        received: &Settled,
        rng: &mut dyn CryptoRng,
    ) -> Option<Item> {
        if let Some(answering) = self.answering.as_ref().filter(|answering| answering.sent.is_none()) {
            return Some(Item::EpochCiphertext {
                epoch: answering.send.epoch,
                key: answering.key,
                ciphertext: answering.ciphertext.clone(),
            });
        }
        if self.starting.is_none() && self.may_follow(self.role, acked) && self.is_ripe(next_seq, received) {
            self.starting = Some(Starting { seed: Secret::new(kith_crypto::random::bytes(rng)), sent: None });
        }
        let starting = self.starting.as_ref().filter(|starting| starting.sent.is_none())?;
        let key = KemSecret::from_seed(*starting.seed.expose()).public();
        Some(Item::EpochKey { epoch: self.newest() + 1, key })
    }

    /// Returns whether a KEM item must go out even when there is nothing else to say.
    pub(crate) fn must_speak(&self) -> bool {
        self.answering.as_ref().is_some_and(|answering| answering.sent.is_none())
            || self.starting.as_ref().is_some_and(|starting| starting.sent.is_none())
    }

    /// Notes which frame carries the item of [`due_item`](Self::due_item).
    pub(crate) fn sent_item(&mut self, item: &Item, seq: u32) {
        match item {
            Item::EpochKey { .. } => self.starting.iter_mut().for_each(|starting| starting.sent = Some(seq)),
            Item::EpochCiphertext { .. } => {
                self.answering.iter_mut().for_each(|answering| answering.sent = Some(seq));
            }
            _ => {}
        }
    }

    /// Key material of a frame that will never be sent again goes out once more.
    pub(crate) fn unsend(&mut self, seq: u32) {
        for starting in self.starting.iter_mut().filter(|starting| starting.sent == Some(seq)) {
            starting.sent = None;
        }
        // Epoch 1's ciphertext belongs to the confirmation and has no frame of its own.
        for answering in self.answering.iter_mut().filter(|answering| answering.send.epoch > 1) {
            if answering.sent == Some(seq) {
                answering.sent = None;
            }
        }
    }

    /// Answers the other side's key. What may not be accepted now is not (KS-31); a repetition changes nothing.
    pub(crate) fn accept_key(&mut self, epoch: u32, key: &KemKey, acked: &Settled, rng: &mut dyn CryptoRng) {
        let is_next = epoch == self.newest().saturating_add(1);
        if !is_next || self.starting.is_some() || !self.may_follow(self.role.other(), acked) {
            return;
        }
        let Ok((ciphertext, shared)) = encapsulate(key, rng) else { return };
        let key = hash_kem_key(key);
        let keys = self.next_root(epoch, &shared, &key, &ciphertext);
        let (root_chain, send, receive) = keys.split(self.role);
        self.root_chain = root_chain;
        self.add_receive(ReceiveChain::new(epoch, receive));
        self.answering = Some(Answering { key, ciphertext, sent: None, send: SendChain::new(epoch, 0, send) });
    }

    /// Takes the answer to the own key, and sends under the new epoch from `next_seq` on. Returns whether it did: an
    /// answer to no open question changes nothing (KS-32).
    pub(crate) fn accept_ciphertext(
        &mut self,
        epoch: u32,
        key: &Hash,
        ciphertext: &KemCiphertext,
        next_seq: u32,
    ) -> bool {
        let Some(starting) = self.starting.as_ref() else { return false };
        let secret = KemSecret::from_seed(*starting.seed.expose());
        if epoch != self.newest().saturating_add(1) || hash_kem_key(&secret.public()) != *key {
            return false;
        }
        let Ok(shared) = secret.decapsulate(ciphertext) else { return false };
        let (root_chain, send, receive) = self.next_root(epoch, &shared, key, ciphertext).split(self.role);
        self.root_chain = root_chain;
        self.starting = None;
        self.add_receive(ReceiveChain::new(epoch, receive));
        self.switch(SendChain::new(epoch, next_seq, send));
        true
    }

    /// `root_{n+1} = KDF(rk_n ‖ ss ; "epoch" ‖ n+1 ‖ H(ek) ‖ H(ct))`
    fn next_root(&self, epoch: u32, shared: &[u8; 32], key: &Hash, ciphertext: &KemCiphertext) -> RootKeys {
        let material = kdf::join(&[self.root_chain.expose(), shared]);
        let ciphertext = hash_kem_ciphertext(ciphertext);
        let parts: [&[u8]; 3] = [&epoch.to_be_bytes(), &key.0, &ciphertext.0];
        RootKeys::expand(&kdf::derive(&material, Label::OUTER_EPOCH, &parts))
    }

    /// Two epochs at most: with the third, the header key of the first goes too.
    fn add_receive(&mut self, chain: ReceiveChain) {
        self.receive.push(chain);
        if self.receive.len() > 2 {
            self.receive.remove(0);
        }
    }

    fn switch(&mut self, send: SendChain) {
        self.send = send;
        self.since = self.newest_now;
    }

    fn newest(&self) -> u32 {
        self.receive.last().map_or(0, |chain| chain.epoch)
    }

    /// Returns whether the epoch after the newest may begin: `starter` has its turn, the newest is in use in both
    /// directions, and no frame of the one before is neither settled here nor there (KS-31).
    fn may_follow(&self, starter: Role, acked: &Settled) -> bool {
        let newest = self.newest();
        let is_turn = starter.starts(newest.saturating_add(1));
        let is_in_use = self.send.epoch == newest && self.receive.last().is_some_and(|chain| chain.base.is_some());
        let is_received = self.receive.len() < 2 || self.receive.first().is_some_and(ReceiveChain::is_retired);
        is_turn && is_in_use && is_received && acked.next() >= self.send.base && self.answering.is_none()
    }

    /// Returns whether the newest epoch has carried enough, or lasted long enough.
    fn is_ripe(&self, next_seq: u32, received: &Settled) -> bool {
        let base = self.receive.last().and_then(|chain| chain.base).unwrap_or_default();
        let carried = next_seq.saturating_sub(self.send.base).saturating_add(received.next().saturating_sub(base));
        carried >= EPOCH_FRAMES || self.newest_now.0.saturating_sub(self.since.0) >= EPOCH_MILLISECONDS
    }
}

/// Views for tests.
#[cfg(test)]
impl Epochs {
    fn is_starting(&self) -> bool {
        self.starting.is_some()
    }

    /// Whether the next frame with room starts an epoch.
    pub(crate) fn is_about_to_start(&self, next_seq: u32, acked: &Settled, received: &Settled) -> bool {
        self.starting.is_none() && self.may_follow(self.role, acked) && self.is_ripe(next_seq, received)
    }

    pub(crate) fn oldest(&self) -> &ReceiveChain {
        self.receive.first().unwrap()
    }

    fn spoil_root(&mut self) {
        self.root_chain = Secret::new([0; 32]);
    }
}

#[cfg(test)]
mod tests;
