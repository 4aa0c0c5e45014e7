//! The vault's secrets and the keys that come from them; the only file here that speaks to `kith-crypto`.
//!
//! A password opens the head's secrets, the secrets open the database and the chunks. Nothing here touches a file.

use rand_core::CryptoRng;
use thiserror::Error;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::Password;
use crate::primitives;

pub use crate::primitives::Params;

/// The length of sealed secrets: nonce, two secrets of 32 bytes, tag.
pub(crate) const SEALED_SECRETS_LEN: usize = 24 + 64 + 16;
/// What sealing adds to a chunk: nonce and tag.
pub(crate) const CHUNK_OVERHEAD: usize = 24 + 16;

/// The most memory a head may ask for, once per attempt at the password: 1 GiB, the upper end of what RFC 9106 suggests for a
/// desktop. Without it one changed byte could make the program ask for terabytes.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
/// The most passes over that memory; sixteen over 1 GiB take about a minute, which a person still survives.
const MAX_ITERATIONS: u32 = 16;
/// The most lanes; more than the cores of a strong desktop bring nothing.
const MAX_LANES: u32 = 16;

/// What the head protects. Neither part ever changes in the life of a vault; a new password seals the same ones again.
#[derive(ZeroizeOnDrop)]
pub(crate) struct Secrets {
    /// The raw key of the database.
    pub(crate) database_key: [u8; 32],
    /// What all chunk keys and chunk names come from.
    pub(crate) chunk_seed: [u8; 32],
}

impl Secrets {
    /// Draws the secrets of a new vault.
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut secrets = Self { database_key: [0; 32], chunk_seed: [0; 32] };
        rng.fill_bytes(&mut secrets.database_key);
        rng.fill_bytes(&mut secrets.chunk_seed);
        secrets
    }
}

/// The key that a password becomes, for one salt.
pub(crate) struct HeadKey(primitives::WrapKey);

/// Turns a password into a key; this takes as long as the parameters say, on purpose.
pub(crate) fn wrap_key(password: &Password, salt: &[u8; 16], params: &Params) -> Result<HeadKey, DeriveError> {
    primitives::derive(password.as_bytes(), salt, params).map(HeadKey).ok_or(DeriveError)
}

impl HeadKey {
    /// Seals the secrets, bound to the readable part of the head.
    pub(crate) fn seal(
        &self,
        rng: &mut impl CryptoRng,
        prefix: &[u8],
        secrets: &Secrets,
    ) -> Result<[u8; SEALED_SECRETS_LEN], DeriveError> {
        let mut plain = Zeroizing::new([0; 64]);
        let both = secrets.database_key.iter().chain(&secrets.chunk_seed);
        plain.iter_mut().zip(both).for_each(|(byte, secret)| *byte = *secret);
        let sealed = self.0.seal(rng, prefix, &*plain).ok_or(DeriveError)?;
        sealed.try_into().map_err(|_| DeriveError)
    }

    /// Opens the secrets, if this is their key and nobody changed them or the readable part.
    pub(crate) fn open(&self, prefix: &[u8], sealed: &[u8; SEALED_SECRETS_LEN]) -> Option<Secrets> {
        let plain = self.0.open(prefix, sealed)?;
        let (database_key, rest) = plain.split_first_chunk()?;
        let (chunk_seed, _) = rest.split_first_chunk()?;
        Some(Secrets { database_key: *database_key, chunk_seed: *chunk_seed })
    }
}

/// The password could not be turned into a key: there was not enough memory for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not enough memory to check the password")]
pub struct DeriveError;

/// Returns the parameters that a head names, unless no vault would have them.
///
/// Weak ones pass: they are authenticated, so a vault that names them was made with them, and refusing would lock its
/// owner out. Only making a vault with weak ones is refused.
pub(crate) fn params_found(memory_kib: u32, iterations: u32, lanes: u32) -> Option<Params> {
    let reasonable = (1..=MAX_MEMORY_KIB).contains(&memory_kib)
        && (1..=MAX_ITERATIONS).contains(&iterations)
        && (1..=MAX_LANES).contains(&lanes)
        && memory_kib >= lanes.saturating_mul(8);
    reasonable.then_some(Params { memory_kib, iterations, lanes })
}

/// Returns the memory in KiB that the derivation takes.
pub(crate) fn memory_kib(params: &Params) -> u32 {
    params.memory_kib
}

/// Returns the number of passes over that memory.
pub(crate) fn iterations(params: &Params) -> u32 {
    params.iterations
}

/// Returns the number of lanes.
pub(crate) fn lanes(params: &Params) -> u32 {
    params.lanes
}

/// What all chunk keys and names of a vault come from.
#[derive(ZeroizeOnDrop)]
pub(crate) struct ChunkSeed([u8; 32]);

impl ChunkSeed {
    /// Takes the seed out of the opened secrets.
    pub(crate) fn of(secrets: &Secrets) -> Self {
        Self(secrets.chunk_seed)
    }

    /// Derives what one attachment's chunks are sealed and named with.
    pub(crate) fn attachment(&self, secret: &[u8; 32]) -> AttachmentKeys {
        let sealing = primitives::kdf(&self.0, b"kith vault chunk seal", secret);
        let naming = primitives::kdf(&self.0, b"kith vault chunk name", secret);
        AttachmentKeys { sealing, naming }
    }
}

/// The keys of one attachment.
pub(crate) struct AttachmentKeys {
    sealing: primitives::WrapKey,
    naming: primitives::WrapKey,
}

impl AttachmentKeys {
    /// Seals a padded chunk, bound to its place.
    pub(crate) fn seal(&self, rng: &mut impl CryptoRng, index: u32, padded: &[u8]) -> Option<Vec<u8>> {
        self.sealing.seal(rng, &index.to_be_bytes(), padded)
    }

    /// Opens a chunk, if it is this one and nobody changed it.
    pub(crate) fn open(&self, index: u32, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.sealing.open(&index.to_be_bytes(), sealed)
    }

    /// Returns what the chunk at a place is called; it says nothing to whoever lacks the keys.
    pub(crate) fn name(&self, index: u32) -> [u8; 16] {
        self.naming.name(index)
    }
}
