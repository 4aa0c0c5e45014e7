//! Opening sealed requests and sealing their answers, on whatever core has time.
//!
//! Both cost far more than the rules between them, and need nothing of the rules but the epoch keys. So a program may do them
//! outside: [`Opener::open`] before the input, [`SealableAnswer::seal`] after the commit. [`Input::OneShot`](crate::Input::OneShot) does
//! the same inside.

use std::collections::BTreeMap;
use std::sync::Arc;

use kith_crypto::sealed::{self, AnswerSealer, EpochSecret};
use kith_wire::Wire;
use kith_wire::id::ServerKey;
use kith_wire::operation::{Answer, Refusal, Request};
use kith_wire::sealed::{OneShotReply, SealKind, SealedParts};
use kith_wire::time::EpochId;
use rand_core::CryptoRng;

/// What opens one-shot requests, as of one moment: [`Home::opener`](crate::Home::opener) gives another one when epoch keys
/// come and go. Clones share the keys; when the last one is dropped they are wiped.
#[derive(Clone)]
pub struct Opener(Arc<Keys>);

#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) server: ServerKey,
    pub(crate) epochs: BTreeMap<EpochId, EpochSecret>,
}

/// Why a request was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unopened {
    /// It is sealed to a week whose keys the server does not have (KH-5).
    OtherEpoch,
    /// It does not open, for whatever reason.
    Refused,
}

/// A one-shot request that was opened and is not yet handled.
pub struct OpenedRequest {
    /// Bytes that came.
    pub(crate) size: usize,
    /// What was asked, or why that cannot be answered.
    pub(crate) request: Result<Request, Refusal>,
    pub(crate) sealer: AnswerSealer,
}

/// An answer that has to be sealed before it leaves.
#[derive(PartialEq, Eq)]
pub struct SealableAnswer {
    pub(crate) sealer: AnswerSealer,
    pub(crate) answer: Answer,
}

impl Opener {
    pub(crate) fn new(keys: Keys) -> Self {
        Self(Arc::new(keys))
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.0
    }

    /// Returns the keys for a change; this one is another opener then.
    pub(crate) fn keys_mut(&mut self) -> &mut Keys {
        Arc::make_mut(&mut self.0)
    }

    /// Returns whether both are as of the same moment.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Opens a request.
    ///
    /// # Errors
    /// What does not open needs no rules: [`Unopened::reply`].
    pub fn open(&self, bytes: &[u8]) -> Result<OpenedRequest, Unopened> {
        let parts = SealedParts::split(bytes).map_err(|_| Unopened::Refused)?;
        let Some(secret) = self.0.epochs.get(&parts.header.epoch) else {
            // KH-5: before anything is opened.
            return Err(Unopened::OtherEpoch);
        };
        let opened = sealed::open(&self.0.server, secret, SealKind::OneShot, &parts).map_err(|_| Unopened::Refused)?;
        let request = Request::from_bytes(&opened.content).map_err(|_| Refusal::Invalid);
        Ok(OpenedRequest { size: bytes.len(), request, sealer: opened.answer })
    }
}

impl Unopened {
    /// Returns what to reply, at once. `descriptor` is the newest signed one that is durable: one that could still be lost must not be
    /// handed out (KH-4).
    pub fn reply(self, descriptor: &[u8]) -> OneShotReply {
        match self {
            Self::OtherEpoch => OneShotReply::Descriptor(descriptor.to_vec()),
            Self::Refused => OneShotReply::Refused,
        }
    }
}

impl SealableAnswer {
    /// Seals the answer; one that is too long for a sealed answer becomes a refusal.
    pub fn seal(self, rng: &mut dyn CryptoRng) -> OneShotReply {
        let bytes = self.sealer.seal(&self.answer.to_bytes(), rng);
        if bytes.is_empty() { OneShotReply::Refused } else { OneShotReply::Sealed(bytes) }
    }
}

impl std::fmt::Debug for OpenedRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpenedRequest(…)")
    }
}

impl std::fmt::Debug for SealableAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealableAnswer(…)")
    }
}
