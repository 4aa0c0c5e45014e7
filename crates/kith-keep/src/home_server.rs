//! Single requests to a home server, outside of the live connection: what a backup there is sent and fetched with.
//!
//! Nothing is remembered here, and nothing about backups is known.

use kith_crypto::random;
use kith_crypto::request::RequestStamp;
use kith_crypto::sealed::seal;
use kith_crypto::sign;
use kith_wire::address::ServerUrl;
use kith_wire::descriptor::{Descriptor, EpochKeys};
use kith_wire::id::{Nonce, ServerKey};
use kith_wire::operation::{Answer, Operation, Request, RequestSignature};
use kith_wire::sealed::{OneShotReply, SealKind};
use kith_wire::signed::Signed;
use kith_wire::{Timestamp, Wire};
use rand_core::CryptoRng;

use crate::error::{AskError, NotCarried};

/// The way to a home server, as the program that asks has it.
#[expect(async_fn_in_trait, reason = "whoever asks does so on one thread")]
pub trait Way {
    /// Fetches what the server says about itself.
    async fn descriptor(&self, url: &ServerUrl) -> Result<Vec<u8>, NotCarried>;

    /// Carries one sealed request, and brings what comes back.
    async fn one_shot(&self, url: &ServerUrl, sealed: Vec<u8>) -> Result<Vec<u8>, NotCarried>;

    /// Signs a request as the account that asks. Nothing for whoever has none.
    fn sign(
        &self,
        operation: &Operation,
        stamp: &RequestStamp,
    ) -> Result<Option<RequestSignature>, Box<dyn std::error::Error>>;

    /// Waits so many seconds; for none, as long as others on this thread need to get their turn.
    async fn rest(&self, seconds: u64);

    /// The clock.
    fn now(&self) -> Timestamp;

    /// The system's randomness.
    fn rng(&self) -> impl CryptoRng;
}

/// Whoever answers operations: a home server, or what stands for one in tests.
#[expect(async_fn_in_trait, reason = "whoever asks does so on one thread")]
pub trait Asked {
    /// Asks for one operation, with the account's signature where there is an account. What passes is waited for.
    async fn ask(&mut self, operation: Operation) -> Result<Answer, AskError>;

    /// Lets others on this thread get their turn.
    async fn breathe(&mut self);
}

/// A home server whose key is known.
pub struct HomeServer<W> {
    way: W,
    url: ServerUrl,
    key: ServerKey,
    epoch: EpochKeys,
    /// By how much the server's clock is ahead of ours, in seconds, as it said last.
    ahead: i64,
}

/// What became of one attempt.
enum Attempt {
    Answered(Answer),
    /// The server wants so many seconds of rest.
    Later(u64),
    /// Something was learnt, with which the next attempt may do.
    Again,
}

impl<W: Way> HomeServer<W> {
    /// Finds a home server. Its key is the one that it proves: with another one than was expected it is another server.
    ///
    /// # Errors
    /// [`AskError`] when it does not answer, or is another one.
    pub async fn find(way: W, url: ServerUrl, expect: Option<ServerKey>) -> Result<Self, AskError> {
        let bytes = way.descriptor(&url).await?;
        let (key, epoch) = checked(&bytes, way.now())?;
        if expect.is_some_and(|expected| expected != key) {
            return Err(AskError::OtherServer);
        }
        Ok(Self { way, url, key, epoch, ahead: 0 })
    }

    /// Returns the server's key.
    pub const fn key(&self) -> ServerKey {
        self.key
    }

    async fn attempt(&mut self, operation: &Operation, nonce: &mut Option<Nonce>) -> Result<Attempt, AskError> {
        let nonce = nonce.take().unwrap_or_else(|| Nonce(random::bytes(&mut self.way.rng())));
        let time = self.way.now().seconds().saturating_add_signed(self.ahead);
        let stamp = RequestStamp { server: self.key, nonce, time };
        let signature = if needs_account(operation) { self.way.sign(operation, &stamp) } else { Ok(None) };
        let signature = signature.map_err(AskError::Unsigned)?;
        let request = Request { operation: operation.clone(), signatures: signature.into_iter().collect() };
        let sealed = seal(&self.key, &self.epoch, SealKind::OneShot, &request.to_bytes(), &mut self.way.rng())
            .map_err(|_| AskError::Unexpected)?;
        let reply = self.way.one_shot(&self.url, sealed.bytes).await?;
        match OneShotReply::from_bytes(&reply) {
            Some(OneShotReply::Sealed(answer)) => {
                let opened = sealed.pending.open(&answer).map_err(|_| AskError::OtherServer)?;
                let answer = Answer::from_bytes(&opened).map_err(|_| AskError::Unexpected)?;
                Ok(Attempt::Answered(answer))
            }
            Some(OneShotReply::Descriptor(bytes)) => {
                let (key, epoch) = checked(&bytes, self.way.now())?;
                if key != self.key {
                    return Err(AskError::OtherServer);
                }
                self.epoch = epoch;
                Ok(Attempt::Again)
            }
            Some(OneShotReply::Busy(seconds)) => Ok(Attempt::Later(u64::from(seconds))),
            Some(OneShotReply::Refused) | None => Err(AskError::Unexpected),
        }
    }
}

impl<W: Way> Asked for HomeServer<W> {
    async fn ask(&mut self, operation: Operation) -> Result<Answer, AskError> {
        let mut nonce = None;
        for attempt in 1..=ATTEMPTS {
            let rest = match self.attempt(&operation, &mut nonce).await {
                Ok(Attempt::Answered(Answer::Stale { time, nonce: fresh })) => {
                    let here = self.way.now().seconds().cast_signed();
                    self.ahead = time.cast_signed().saturating_sub(here);
                    nonce = Some(fresh);
                    0
                }
                Ok(Attempt::Answered(Answer::Busy { seconds })) => u64::from(seconds),
                Ok(Attempt::Answered(answer)) => return Ok(answer),
                Ok(Attempt::Later(seconds)) => seconds,
                Ok(Attempt::Again) => 0,
                Err(AskError::Unreachable(error)) if error.may_pass() && attempt < ATTEMPTS => 1,
                Err(error) => return Err(error),
            };
            if attempt < ATTEMPTS {
                self.way.rest(rest.min(LONGEST_REST)).await;
            }
        }
        Err(AskError::Busy)
    }

    async fn breathe(&mut self) {
        self.way.rest(0).await;
    }
}

impl<W> std::fmt::Debug for HomeServer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HomeServer(…)")
    }
}

/// Checks who signed a descriptor, and returns the keys of this week, or of the one that is nearest.
fn checked(bytes: &[u8], now: Timestamp) -> Result<(ServerKey, EpochKeys), AskError> {
    let signed = Signed::<Descriptor>::from_bytes(bytes).map_err(|_| AskError::NotAHomeServer)?;
    let descriptor = sign::open(signed).map_err(|_| AskError::NotAHomeServer)?.into_inner();
    let this_week = now.epoch();
    let distance = |keys: &EpochKeys| keys.id.0.abs_diff(this_week.0);
    let epoch = descriptor.epochs.iter().min_by_key(|keys| distance(keys)).ok_or(AskError::NotAHomeServer)?;
    Ok((descriptor.server_key, epoch.clone()))
}

/// What strangers may ask is asked without a signature: the server need not know whose account reads or deletes.
const fn needs_account(operation: &Operation) -> bool {
    !matches!(operation, Operation::BlobGet { .. } | Operation::BlobDelete { .. })
}

/// How often something is asked for before it is given up.
const ATTEMPTS: u32 = 6;
/// Seconds for which a server that wants rest is left alone at most.
const LONGEST_REST: u64 = 20;
