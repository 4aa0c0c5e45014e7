//! Who asks: signatures on one-shot requests, proofs on live connections.

use kith_crypto::hash::Hasher;
use kith_crypto::label::Label;
use kith_crypto::random;
use kith_crypto::request::verify;
use kith_wire::Timestamp;
use kith_wire::id::{AccountKey, LookupKey, Nonce, ReaderId};
use kith_wire::limits::SIGNATURE_WINDOW_SECONDS;
use kith_wire::operation::{Answer, Refusal, Request, RequestSignature, SignerRole};

use crate::batch::Batch;
use crate::io::ConnectionId;
use crate::operations::Stop;
use crate::store::{Account, NonceScope, Queue, StoreError, Txn};

/// What the asker has proven.
#[derive(Clone, Copy, Default)]
pub(crate) struct Caller {
    pub(crate) account: Option<AccountKey>,
    pub(crate) reader: Option<ReaderProof>,
}

/// How the right to read was proven.
#[derive(Clone, Copy)]
pub(crate) enum ReaderProof {
    /// By a signature of this key on this request.
    Key(LookupKey),
    /// On this connection, for the queues that it lists.
    Connection(ConnectionId),
}

impl<T: Txn> Batch<'_, T> {
    /// Checks the signatures of a one-shot request and uses up their nonces.
    ///
    /// Refused: a signature that does not fit, two in one role, or one key in two roles (KH-6). Stale: a time more than
    /// 90 seconds off (KH-7), or a nonce that was used before (KH-8); both are answered with the time and a fresh nonce,
    /// after which an honest client signs again and a thief has nothing.
    pub(crate) fn check_signatures(&mut self, request: &Request) -> Result<Caller, Stop> {
        let mut caller = Caller::default();
        let distinct = |other: &RequestSignature, signature: &RequestSignature| {
            other.role != signature.role && other.key != signature.key
        };
        match request.signatures.as_slice() {
            [] | [_] => {}
            [one, two] if distinct(one, two) => {}
            _ => return Err(Stop::Refuse(Refusal::NotAuthorised)),
        }
        for signature in &request.signatures {
            if !verify(signature, &request.operation, &self.home.identity.key()) {
                return Err(Stop::Refuse(Refusal::NotAuthorised));
            }
            match signature.role {
                SignerRole::Account => caller.account = Some(AccountKey(signature.key)),
                SignerRole::Reader => caller.reader = Some(ReaderProof::Key(LookupKey(signature.key))),
            }
        }
        for signature in &request.signatures {
            if signature.time.abs_diff(self.now.seconds()) > SIGNATURE_WINDOW_SECONDS || self.is_used(signature)? {
                let nonce = Nonce(random::bytes(self.rng));
                return Err(Stop::Answer(Answer::Stale { time: self.now.seconds(), nonce }));
            }
        }
        // Strangers can make keys and so use up nonces as fast as they like: each one used pays for the removal of two.
        self.txn.purge_nonces(self.now, 2 * request.signatures.len())?;
        for signature in &request.signatures {
            let expires = Timestamp::from_seconds(signature.time.saturating_add(SIGNATURE_WINDOW_SECONDS + 1));
            let (scope, nonce) = used(signature);
            self.txn.insert_nonce(&scope, &nonce, expires)?;
        }
        Ok(caller)
    }

    fn is_used(&self, signature: &RequestSignature) -> Result<bool, StoreError> {
        let (scope, nonce) = used(signature);
        self.txn.nonce_seen(&scope, &nonce)
    }

    /// Returns the registered account of the asker (KH-9).
    pub(crate) fn account_of(&self, caller: &Caller) -> Result<(AccountKey, Account), Stop> {
        let key = caller.account.ok_or(Stop::Refuse(Refusal::NotAuthorised))?;
        let account = self.txn.account(&key)?.ok_or(Stop::Refuse(Refusal::UnknownAccount))?;
        match account.closed {
            Some(signature) => Err(Stop::Answer(Answer::Closed { signature })),
            None => Ok((key, account)),
        }
    }

    /// Returns a queue when the asker may read it. Absent and forbidden look alike (KH-10).
    pub(crate) fn readable(&self, caller: &Caller, reader: &ReaderId) -> Result<Option<Queue>, Stop> {
        let proof = caller.reader.ok_or(Stop::Refuse(Refusal::NotAuthorised))?;
        let queue = match self.txn.queue(reader)? {
            // KH-43: what waits for a closed account nobody reads.
            Some(queue) if !self.is_closed(&queue.account)? => Some(queue),
            _ => None,
        };
        Ok(queue.filter(|queue| match proof {
            ReaderProof::Key(key) => queue.lookup == key,
            ReaderProof::Connection(id) => self.home.connections.may_read(id, reader),
        }))
    }
}

/// Returns what is remembered of a nonce under the key that signed with it; no key has two roles.
///
/// That is a hash of both. Whoever takes the disk away knows neither the nonces nor, therefore, which account or reader
/// asked for something at which second (KH-8).
pub(crate) fn used(signature: &RequestSignature) -> (NonceScope, Nonce) {
    let mut hasher = Hasher::new(USED_NONCE);
    hasher.update(&signature.key);
    hasher.update(&signature.nonce.0);
    (NonceScope(hasher.finish().0), Nonce([0; Nonce::SIZE]))
}

/// Never leaves this server, so it is not among the labels of the protocol.
const USED_NONCE: Label = Label::of_object("kith/home/used-nonce");
