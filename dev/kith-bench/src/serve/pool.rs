//! Sealed deposits, made before the clock starts and each used once.

use kith_crypto::capability::prove;
use kith_crypto::sealed::{PendingAnswer, seal};
use kith_wire::Wire;
use kith_wire::frame::Frame;
use kith_wire::id::{DedupId, Proof, SendCapability, SenderId};
use kith_wire::limits::SEALED_BYTES;
use kith_wire::operation::{Answer, Deposit, Operation, Request};
use kith_wire::sealed::SealKind;
use kith_wire::time::Hour;
use rand::rngs::SysRng;
use rand_core::{Rng as _, UnwrapErr};
use std::collections::HashSet;

use super::http;
use super::kithd::{Home, answer_in, now};
use super::load::{Outcome, Talk};
use super::process::n_cores;
use crate::Failure;

/// One sealed deposit.
pub(crate) struct Prepared {
    /// The whole HTTP request.
    pub(crate) request: Vec<u8>,
    /// Opens its answer.
    pub(crate) pending: PendingAnswer,
}

impl Prepared {
    /// The sealed bytes alone.
    pub(crate) fn sealed(&self) -> &[u8] {
        &self.request[self.request.len() - SEALED_BYTES..]
    }
}

/// Deposits for a run of the load.
pub(crate) struct Pool {
    /// Message `n` carries the number `first + n`.
    pub(crate) deposits: Vec<Prepared>,
}

/// What the deposits are for.
pub(crate) struct Recipe<'a> {
    /// The server.
    pub(crate) home: &'a Home,
    /// The queues; message `n` is for queue `n` modulo their number, or for a scattered one.
    pub(crate) queues: &'a [SenderId],
    /// The right to write into them.
    pub(crate) send: &'a SendCapability,
    /// The number in the first frame; those after it count up.
    pub(crate) first: u64,
}

impl Recipe<'_> {
    /// Seals `n` deposits on all cores.
    pub(crate) fn prepare(&self, n: usize) -> Result<Pool, Failure> {
        let n_threads = n_cores();
        let mut parts: Vec<Vec<(usize, Prepared)>> = std::thread::scope(|scope| {
            let prepare = |thread: usize| {
                (thread..n).step_by(n_threads).map(|idx| Ok((idx, self.one(idx)?))).collect::<Result<Vec<_>, Failure>>()
            };
            let threads: Vec<_> = (0..n_threads).map(|thread| scope.spawn(move || prepare(thread))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| Err("a sealing thread broke".into())))
                .collect::<Result<Vec<_>, Failure>>()
        })?;
        let mut all: Vec<(usize, Prepared)> = parts.drain(..).flatten().collect();
        all.sort_unstable_by_key(|(idx, _)| *idx);
        Ok(Pool { deposits: all.into_iter().map(|(_, prepared)| prepared).collect() })
    }

    fn one(&self, idx: usize) -> Result<Prepared, Failure> {
        let mut rng = UnwrapErr(SysRng);
        let mut dedup = DedupId([0; DedupId::SIZE]);
        rng.fill_bytes(&mut dedup.0);
        // Random, as what a session makes of a text is: nothing may profit from zeros.
        let mut frame = [0; 4096];
        rng.fill_bytes(&mut frame);
        let number = self.first + idx as u64;
        for (slot, byte) in frame.iter_mut().zip(number.to_be_bytes()) {
            *slot = byte;
        }
        let deposit = Deposit {
            sender_id: self.queues[idx % self.queues.len()],
            proof: Proof([0; 32]),
            dedup,
            expires: Hour(now().hour().0 + 24),
            frame: Frame::new(frame),
        };
        let deposit = prove(deposit, self.send, &self.home.key);
        let content = Request { operation: Operation::Deposit(deposit), signatures: Vec::new() }.to_bytes();
        let sealed = seal(&self.home.key, &self.home.epoch, SealKind::OneShot, &content, &mut rng)?;
        if sealed.bytes.len() != SEALED_BYTES {
            return Err("a deposit has another size".into());
        }
        Ok(Prepared { request: http::post(&sealed.bytes), pending: sealed.pending })
    }
}

impl Pool {
    /// Returns the numbers of messages whose kept answer says that they were accepted.
    ///
    /// # Errors
    /// An answer does not open, or says something else.
    pub(crate) fn accepted(&self, outcome: &Outcome) -> Result<HashSet<usize>, Failure> {
        let mut accepted = HashSet::with_capacity(outcome.answers.len());
        for (n, response) in &outcome.answers {
            let body = http::body_of(response)?.ok_or("half a response")?;
            match answer_in(&response[body], &self.deposits[*n].pending)? {
                Answer::Accepted => accepted.insert(*n),
                other => return Err(format!("a deposit was answered with {other:?}").into()),
            };
        }
        Ok(accepted)
    }
}

impl Talk for Pool {
    fn hello(&self, _: usize) -> Vec<u8> {
        Vec::new()
    }

    fn hello_answered(&self, _: &[u8]) -> Result<Option<usize>, Failure> {
        Ok(Some(0))
    }

    fn message(&self, _: usize, n: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.deposits[n].request);
    }

    fn answered(&self, received: &[u8]) -> Result<Option<usize>, Failure> {
        Ok(http::body_of(received)?.map(|body| body.end))
    }

    fn keeps_answers(&self) -> bool {
        true
    }
}
