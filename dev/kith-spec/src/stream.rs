//! Repeatable bytes for test vectors, simple enough to be written in any language. Not for keys that anybody uses.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use sha2::{Digest, Sha256};

/// The stream `SHA-256(seed ‖ 0) ‖ SHA-256(seed ‖ 1) ‖ …`, where the counter is a big-endian u64 and the seed is ASCII.
///
/// Bytes are taken from the front; none is skipped, whatever the sizes asked for.
pub struct SeededStream {
    seed: String,
    counter: u64,
    left: Vec<u8>,
}

impl SeededStream {
    /// Starts the stream of a seed.
    pub fn new(seed: &str) -> Self {
        Self { seed: seed.to_owned(), counter: 0, left: Vec::new() }
    }

    fn next_byte(&mut self) -> u8 {
        loop {
            if let Some(byte) = self.left.pop() {
                return byte;
            }
            let block = Sha256::new().chain_update(&self.seed).chain_update(self.counter.to_be_bytes()).finalize();
            self.counter += 1;
            self.left = block.iter().rev().copied().collect();
        }
    }
}

impl TryRng for SeededStream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_be_bytes(std::array::from_fn(|_| self.next_byte())))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_be_bytes(std::array::from_fn(|_| self.next_byte())))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.fill_with(|| self.next_byte());
        Ok(())
    }
}

impl TryCryptoRng for SeededStream {}
