//! The bare cryptography of deposits, in this process: open the seal, read the request, compute one HMAC. Nothing is
//! stored, answered or sent. It is what no server of this protocol can do without.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use kith_crypto::capability::{is_proven, new_send, send_verifier};
use kith_crypto::sealed::{EpochSecret, open};
use kith_wire::Wire;
use kith_wire::id::{SendCapability, SenderId, ServerKey, Verifier};
use kith_wire::operation::{Operation, Request};
use kith_wire::sealed::{SealKind, SealedParts};
use kith_wire::time::EpochId;
use rand::rngs::SysRng;
use rand_core::UnwrapErr;

use super::kithd::Home;
use super::pool::{Pool, Prepared, Recipe};
use crate::Failure;

/// A server's secrets without a server, and deposits for it.
pub(crate) struct Bare {
    secret: EpochSecret,
    key: ServerKey,
    verifier: Verifier,
    pool: Pool,
}

/// What opening cost.
pub(crate) struct Opening {
    /// A second.
    pub(crate) rate: f64,
    /// Processor time of one, in µs.
    pub(crate) cost: f64,
}

/// Returns the processor time that this process has used.
fn processor_time() -> Result<Duration, Failure> {
    Ok(rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime).try_into()?)
}

impl Bare {
    /// Draws secrets and seals deposits to them.
    pub(crate) fn new(n_deposits: usize) -> Result<Self, Failure> {
        let mut rng = UnwrapErr(SysRng);
        let secret = EpochSecret::generate(EpochId(1), &mut rng);
        let key = ServerKey([7; 32]);
        let send: SendCapability = new_send(&mut rng);
        let home = Home { address: SocketAddr::from(([127, 0, 0, 1], 0)), key, epoch: secret.public(), trust: None };
        let queues = [SenderId([1; SenderId::SIZE])];
        let pool = Recipe { home: &home, queues: &queues, send: &send, first: 0 }.prepare(n_deposits)?;
        Ok(Self { secret, key, verifier: send_verifier(&send), pool })
    }

    /// Opens all deposits once.
    pub(crate) fn open_all(&self, n_threads: usize) -> Result<Opening, Failure> {
        let (before, started) = (processor_time()?, Instant::now());
        let share = self.pool.deposits.len().div_ceil(n_threads).max(1);
        std::thread::scope(|scope| {
            let parts = self.pool.deposits.chunks(share);
            let open = |part: &[Prepared]| part.iter().try_for_each(|prepared| self.open_one(prepared.sealed()));
            let threads: Vec<_> = parts.map(|part| scope.spawn(move || open(part))).collect();
            let broke = || Err("an opening thread broke".into());
            threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| broke()))
        })?;
        let n = self.pool.deposits.len() as f64;
        let rate = n / started.elapsed().as_secs_f64();
        let cost = (processor_time()? - before).as_secs_f64() * 1e6 / n;
        Ok(Opening { rate, cost })
    }

    fn open_one(&self, sealed: &[u8]) -> Result<(), Failure> {
        let opened = open(&self.key, &self.secret, SealKind::OneShot, &SealedParts::split(sealed)?)?;
        match Request::from_bytes(&opened.content)?.operation {
            Operation::Deposit(deposit) if is_proven(&deposit, &self.verifier, &self.key) => Ok(()),
            _ => Err("a deposit is not what was sealed".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_opened_and_proven() {
        let bare = Bare::new(2).unwrap();
        assert!(bare.open_all(2).unwrap().rate > 0.0);
        let other = Bare { verifier: Verifier([0; 32]), ..bare };
        assert!(other.open_all(1).is_err());
    }
}
