//! The outer layer's keys: roots, the five keys of a root, and the chain of each direction.
//!
//! Every message key is used once and erased; every root is erased when its five keys are derived. Nothing of Olm
//! enters these keys.

use std::collections::BTreeMap;

use kith_crypto::kdf;
use kith_crypto::label::Label;
use kith_wire::time::Day;
use minicbor::{Decode, Encode};

use crate::sabotage::{self, Bug};
use crate::secret::Secret;

/// Days for which the key of a frame that has not come is kept.
pub(crate) const SKIPPED_KEY_DAYS: u32 = 90;

/// Who a session's two sides are: the person who gave the card, and the one who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub(crate) enum Role {
    #[n(0)]
    Giver,
    #[n(1)]
    Answerer,
}

impl Role {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Giver => Self::Answerer,
            Self::Answerer => Self::Giver,
        }
    }

    /// The number that stands for the direction of a frame, by its sender.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Giver => 0,
            Self::Answerer => 1,
        }
    }

    /// Returns whether this side starts an epoch: the giver the even ones, the answerer the odd ones (KS-31).
    pub(crate) const fn starts(self, epoch: u32) -> bool {
        matches!((self, epoch % 2), (Self::Giver, 0) | (Self::Answerer, 1))
    }
}

/// Chain key and header key of one direction.
pub(crate) struct DirectionKeys {
    pub(crate) chain: Secret,
    pub(crate) header: Secret,
}

/// The five independent keys of a root.
pub(crate) struct RootKeys {
    pub(crate) root_chain: Secret,
    from_giver: DirectionKeys,
    from_answerer: DirectionKeys,
}

impl RootKeys {
    /// Derives the five keys; the caller drops the root.
    pub(crate) fn expand(root: &[u8; 32]) -> Self {
        let bytes = kdf::derive::<160>(root, Label::ROOT_KEYS, &[]);
        let mut keys = bytes.as_chunks::<32>().0.iter().map(|key| Secret::new(*key));
        let mut key = || keys.next().unwrap_or_else(|| Secret::new([0; 32]));
        Self {
            root_chain: key(),
            from_giver: DirectionKeys { chain: key(), header: key() },
            from_answerer: DirectionKeys { chain: key(), header: key() },
        }
    }

    /// Splits into the root chain key, the keys for what `own` sends, and those for what it receives.
    pub(crate) fn split(self, own: Role) -> (Secret, DirectionKeys, DirectionKeys) {
        match own {
            Role::Giver => (self.root_chain, self.from_giver, self.from_answerer),
            Role::Answerer => (self.root_chain, self.from_answerer, self.from_giver),
        }
    }
}

/// Returns the key of one message and the next chain key.
pub(crate) fn step(chain: &Secret) -> (Secret, Secret) {
    (
        Secret::new(*kdf::derive(chain.expose(), Label::CHAIN_MESSAGE, &[])),
        Secret::new(*kdf::derive(chain.expose(), Label::CHAIN_NEXT, &[])),
    )
}

/// The chain under which this side sends.
#[derive(Debug, Encode, Decode)]
#[cbor(array)]
pub(crate) struct SendChain {
    #[n(0)]
    pub(crate) epoch: u32,
    /// The first number sent in this epoch.
    #[n(1)]
    pub(crate) base: u32,
    #[n(2)]
    chain: Secret,
    #[n(3)]
    pub(crate) header: Secret,
}

impl SendChain {
    pub(crate) fn new(epoch: u32, base: u32, keys: DirectionKeys) -> Self {
        Self { epoch, base, chain: keys.chain, header: keys.header }
    }

    /// Sets the first number, which is known when the chain comes into use.
    pub(crate) fn starting_at(self, base: u32) -> Self {
        Self { base, ..self }
    }

    /// Returns the next message key and moves on.
    pub(crate) fn advance(&mut self) -> Secret {
        let (message, next) = step(&self.chain);
        self.chain = next;
        message
    }
}

/// The key of a frame that was overtaken, and the day on which it was.
#[derive(Debug, Encode, Decode)]
#[cbor(array)]
struct SkippedKey {
    #[n(0)]
    key: Secret,
    #[n(1)]
    since: Day,
}

/// A chain under which the other side sends, of one epoch.
#[derive(Debug, Encode, Decode)]
#[cbor(array)]
pub(crate) struct ReceiveChain {
    #[n(0)]
    pub(crate) epoch: u32,
    /// The first number sent in this epoch; known with the first frame.
    #[n(1)]
    pub(crate) base: Option<u32>,
    /// The number that the chain key stands at.
    #[n(2)]
    pub(crate) next: u32,
    #[n(3)]
    pub(crate) header: Secret,
    /// Absent once the epoch is complete: then the header key alone is left, to recognise duplicates (KS-33).
    #[n(4)]
    chain: Option<Secret>,
    #[n(5)]
    skipped: BTreeMap<u32, SkippedKey>,
}

/// A message key on trial, with what changes when it turns out to be right.
pub(crate) struct StagedKey {
    seq: u32,
    base: u32,
    pub(crate) message: Secret,
    /// The chain key after this message, when the chain moved.
    chain: Option<Secret>,
    overtaken: Vec<(u32, Secret)>,
}

impl ReceiveChain {
    pub(crate) fn new(epoch: u32, keys: DirectionKeys) -> Self {
        Self { epoch, base: None, next: 0, header: keys.header, chain: Some(keys.chain), skipped: BTreeMap::new() }
    }

    /// Derives the key of a frame without changing anything; `is_settled` tells which numbers need no key.
    pub(crate) fn stage(&self, seq: u32, base: u32, is_settled: impl Fn(u32) -> bool) -> Option<StagedKey> {
        let chain = self.chain.as_ref()?;
        let next = if self.base.is_some() { self.next } else { base };
        if seq < next {
            let message = self.skipped.get(&seq)?.key.clone();
            return Some(StagedKey { seq, base, message, chain: None, overtaken: Vec::new() });
        }
        let mut chain = chain.clone();
        let mut overtaken = Vec::new();
        for overtaken_seq in next..seq {
            let (message, following) = step(&chain);
            let is_lost = sabotage::is_on(Bug::LateKeysAreLost) && overtaken_seq + 1 == seq;
            if !is_settled(overtaken_seq) && !is_lost {
                overtaken.push((overtaken_seq, message));
            }
            chain = following;
        }
        let (message, chain) = step(&chain);
        Some(StagedKey { seq, base, message, chain: Some(chain), overtaken })
    }

    /// Keeps what [`stage`](Self::stage) prepared: its message key is used up.
    pub(crate) fn commit(&mut self, staged: StagedKey, today: Day) {
        self.base = Some(staged.base);
        self.skipped.remove(&staged.seq);
        if sabotage::is_on(Bug::UsedKeysStay) {
            self.skipped.insert(staged.seq, SkippedKey { key: staged.message, since: today });
        }
        if let Some(chain) = staged.chain.filter(|_| !sabotage::is_on(Bug::ReplaysOpen)) {
            self.chain = Some(chain);
            self.next = staged.seq.saturating_add(1);
        }
        for (seq, key) in staged.overtaken {
            self.skipped.insert(seq, SkippedKey { key, since: today });
        }
    }

    /// Erases the key of a frame that was skipped.
    pub(crate) fn forget(&mut self, seq: u32) {
        self.skipped.remove(&seq);
    }

    /// Erases keys that are too old (KS-34).
    pub(crate) fn forget_older(&mut self, today: Day) {
        self.skipped.retain(|_, kept| today.0 <= kept.since.0.saturating_add(SKIPPED_KEY_DAYS));
    }

    /// Erases everything but the header key (KS-33).
    pub(crate) fn retire(&mut self) {
        self.chain = None;
        self.skipped.clear();
    }

    /// Returns whether only the header key is left.
    pub(crate) fn is_retired(&self) -> bool {
        self.chain.is_none()
    }
}
