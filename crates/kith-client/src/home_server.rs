//! Single requests to a home server, outside of the live connection: what a backup there is sent and fetched with.
//!
//! Nothing is remembered here, and nothing about backups is known.

use std::time::Duration;

use bytes::Bytes;
use kith_crypto::random;
use kith_crypto::request::RequestStamp;
use kith_crypto::sealed::seal;
use kith_crypto::sign;
use kith_engine::QueryError;
use kith_net::{Carrier, CarrierError};
use kith_wire::Wire;
use kith_wire::address::ServerUrl;
use kith_wire::descriptor::{Descriptor, EpochKeys};
use kith_wire::id::{Nonce, ServerKey};
use kith_wire::operation::{Answer, Operation, Request};
use kith_wire::sealed::{OneShotReply, SealKind};
use kith_wire::signed::Signed;
use thiserror::Error;

use crate::client::{Client, Options, now, rng};

/// Why a home server gave no answer that can be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HomeServerError {
    /// It does not answer.
    #[error("the home server cannot be reached: {0}")]
    Unreachable(#[from] CarrierError),
    /// What answers there does not prove the key that the home server has.
    #[error("what answers there is not this home server")]
    OtherServer,
    /// It answers, but nothing that this program could use.
    #[error("the home server does not do what was asked")]
    Unexpected,
    /// The folder could not be read.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// Whoever answers operations: a home server, or what stands for one in tests.
pub(crate) trait Asked {
    /// Asks for one operation, with the account's signature where there is an account. What passes is waited for.
    async fn ask(&mut self, operation: Operation) -> Result<Answer, HomeServerError>;
}

/// A home server whose key is known.
pub(crate) struct HomeServer {
    carrier: Carrier,
    url: ServerUrl,
    key: ServerKey,
    epoch: EpochKeys,
    /// Whose account asks; nobody's while a backup is looked for.
    account: Option<Client>,
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

impl HomeServer {
    /// Finds the home server of a person, to be asked by the person's account.
    pub(crate) async fn of(client: &Client) -> Result<Self, HomeServerError> {
        let status = client.ask(|engine| engine.status(now()))?;
        let carrier = client.inner.carrier.clone();
        Self::learn(carrier, status.server, Some(status.server_key), Some(client.clone())).await
    }

    /// Finds a home server for somebody who has nothing but its address. The key is the one that it proves: with another one nothing is found there.
    pub(crate) async fn at(
        url: &ServerUrl,
        expect: Option<ServerKey>,
        options: Options,
    ) -> Result<Self, HomeServerError> {
        let carrier = Carrier::builder(options.policy).build().map_err(|_| CarrierError::Handshake)?;
        Self::learn(carrier, url.clone(), expect, None).await
    }

    /// Returns the server's key.
    pub(crate) const fn key(&self) -> ServerKey {
        self.key
    }

    async fn learn(
        carrier: Carrier,
        url: ServerUrl,
        expect: Option<ServerKey>,
        account: Option<Client>,
    ) -> Result<Self, HomeServerError> {
        let bytes = carrier.descriptor(&url).await?;
        let (key, epoch) = checked(&bytes)?;
        if expect.is_some_and(|expected| expected != key) {
            return Err(HomeServerError::OtherServer);
        }
        Ok(Self { carrier, url, key, epoch, account, ahead: 0 })
    }

    async fn attempt(&mut self, operation: &Operation, nonce: &mut Option<Nonce>) -> Result<Attempt, HomeServerError> {
        let nonce = nonce.take().unwrap_or_else(|| Nonce(random::bytes(&mut rng())));
        let time = now().seconds().saturating_add_signed(self.ahead);
        let stamp = RequestStamp { server: self.key, nonce, time };
        let signed = self.account.as_ref().filter(|_| needs_account(operation));
        let signature = signed.map(|client| client.ask(|engine| engine.sign_request(operation, &stamp))).transpose()?;
        let request = Request { operation: operation.clone(), signatures: signature.into_iter().collect() };
        let sealed = seal(&self.key, &self.epoch, SealKind::OneShot, &request.to_bytes(), &mut rng())
            .map_err(|_| HomeServerError::Unexpected)?;
        let reply = self.carrier.one_shot(&self.url, Bytes::from(sealed.bytes)).await?;
        match OneShotReply::from_bytes(&reply) {
            Some(OneShotReply::Sealed(answer)) => {
                let opened = sealed.pending.open(&answer).map_err(|_| HomeServerError::OtherServer)?;
                let answer = Answer::from_bytes(&opened).map_err(|_| HomeServerError::Unexpected)?;
                Ok(Attempt::Answered(answer))
            }
            Some(OneShotReply::Descriptor(bytes)) => {
                let (key, epoch) = checked(&bytes)?;
                if key != self.key {
                    return Err(HomeServerError::OtherServer);
                }
                self.epoch = epoch;
                Ok(Attempt::Again)
            }
            Some(OneShotReply::Busy(seconds)) => Ok(Attempt::Later(u64::from(seconds))),
            Some(OneShotReply::Refused) | None => Err(HomeServerError::Unexpected),
        }
    }
}

impl Asked for HomeServer {
    async fn ask(&mut self, operation: Operation) -> Result<Answer, HomeServerError> {
        let mut nonce = None;
        for attempt in 1..=ATTEMPTS {
            let rest = match self.attempt(&operation, &mut nonce).await {
                Ok(Attempt::Answered(Answer::Stale { time, nonce: fresh })) => {
                    self.ahead = time.cast_signed().saturating_sub(now().seconds().cast_signed());
                    nonce = Some(fresh);
                    0
                }
                Ok(Attempt::Answered(Answer::Busy { seconds })) => u64::from(seconds),
                Ok(Attempt::Answered(answer)) => return Ok(answer),
                Ok(Attempt::Later(seconds)) => seconds,
                Ok(Attempt::Again) => 0,
                Err(HomeServerError::Unreachable(error)) if error.may_pass() && attempt < ATTEMPTS => 1,
                Err(error) => return Err(error),
            };
            if attempt < ATTEMPTS {
                tokio::time::sleep(Duration::from_secs(rest.min(LONGEST_REST))).await;
            }
        }
        Err(CarrierError::Busy { retry_after: None }.into())
    }
}

/// Checks who signed a descriptor, and returns the keys of this week, or of the one that is nearest.
fn checked(bytes: &[u8]) -> Result<(ServerKey, EpochKeys), HomeServerError> {
    let signed = Signed::<Descriptor>::from_bytes(bytes).map_err(|_| CarrierError::NotAHomeServer)?;
    let descriptor = sign::open(signed).map_err(|_| CarrierError::NotAHomeServer)?.into_inner();
    let this_week = now().epoch();
    let distance = |keys: &EpochKeys| keys.id.0.abs_diff(this_week.0);
    let epoch = descriptor.epochs.iter().min_by_key(|keys| distance(keys)).ok_or(CarrierError::NotAHomeServer)?;
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
