//! The bare cryptography of deposits, in this process: open the seal, read the request, compute one HMAC. Nothing is
//! stored, answered or sent. It is what no server of this protocol can do without.

use std::net::SocketAddr;

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
use super::pool::{Pool, Recipe, time_bare};
use super::process::n_cores;
use crate::Failure;

/// A server's secrets without a server, and deposits for it.
pub(crate) struct Bare {
    secret: EpochSecret,
    key: ServerKey,
    verifier: Verifier,
    pool: Pool,
}

impl Bare {
    /// Draws secrets and seals deposits to them.
    pub(crate) fn new(n_deposits: usize) -> Result<Self, Failure> {
        let mut rng = UnwrapErr(SysRng);
        let secret = EpochSecret::generate(EpochId(1), &mut rng);
        let key = ServerKey([7; 32]);
        let send: SendCapability = new_send(&mut rng);
        let home = Home { address: SocketAddr::from(([127, 0, 0, 1], 0)), key, epoch: secret.public() };
        let queues = [SenderId([1; SenderId::SIZE])];
        let pool = Recipe { home: &home, queues: &queues, send: &send, first: 0 }.prepare(n_deposits)?;
        Ok(Self { secret, key, verifier: send_verifier(&send), pool })
    }

    /// Opens all deposits once and returns how many a second: on one core, then on all.
    pub(crate) fn rates(&self) -> Result<(f64, f64), Failure> {
        let open_one = |sealed: &[u8]| self.open_one(sealed);
        let one = time_bare(&self.pool.deposits, open_one, 1)?;
        let all = time_bare(&self.pool.deposits, open_one, n_cores())?;
        Ok((one, all))
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
        assert!(bare.rates().unwrap().0 > 0.0);
        let other = Bare { verifier: Verifier([0; 32]), ..bare };
        assert!(other.rates().is_err());
    }
}
