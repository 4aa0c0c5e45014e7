//! The vault's secrets and the keys that come from them; everything here that computes asks `kith-crypto`.
//!
//! A password opens the head's secrets, the secrets open the database and the chunks. Nothing here touches a file.

use kith_crypto::aead::{AeadKey, NONCE_BYTES, TAG_BYTES};
use kith_crypto::label::Label;
use kith_crypto::password::{self, Params, PasswordError, WrapKey};
use kith_crypto::secret_bytes::SecretBytes;
use kith_crypto::{kdf, mac, random};
use rand_core::CryptoRng;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::Password;

/// The length of sealed secrets: nonce, three secrets of 32 bytes, tag.
pub(crate) const SEALED_SECRETS_LEN: usize = NONCE_BYTES + 96 + TAG_BYTES;
/// What sealing adds to a chunk: nonce and tag.
pub(crate) const CHUNK_OVERHEAD: usize = NONCE_BYTES + TAG_BYTES;

/// The most memory a head may ask for, once per attempt at the password: 1 GiB, four times what a desktop's vault is
/// made with. Without a bound one changed byte would make the program ask for more than the machine has.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
/// The most passes over that memory; sixteen over 1 GiB take about a minute, which a person still survives.
const MAX_PASSES: u32 = 16;
/// The most lanes; more than the cores of a strong desktop bring nothing.
const MAX_LANES: u32 = 16;

/// What the head protects. The keys of the vault itself never change in its life, and a new password seals the same ones
/// again; the person's seed is replaced once at most, when the vault becomes that of a linked device.
#[derive(ZeroizeOnDrop)]
pub(crate) struct Secrets {
    /// The raw key of the database.
    pub(crate) database_key: [u8; 32],
    /// What all chunk keys and chunk names come from.
    pub(crate) chunk_seed: [u8; 32],
    /// The root of a person's keys, which is not in the database: whoever copies an open database does not have it.
    pub(crate) user_seed: [u8; 32],
}

impl Secrets {
    /// Draws the secrets of a new vault.
    pub(crate) fn generate(rng: &mut dyn CryptoRng) -> Self {
        Self { database_key: random::bytes(rng), chunk_seed: random::bytes(rng), user_seed: random::bytes(rng) }
    }

    /// Derives what proves to the vault's owner that somebody else could open the vault too.
    pub(crate) fn proof_key(&self) -> ProofKey {
        ProofKey(kdf::derive(&self.database_key, Label::AT_REST, &[b"owner proof"]))
    }
}

/// Shows to the process that owns a vault that another one knows the password too, and the other way round, without
/// the password or anything that could be tried against guesses changing hands.
pub struct ProofKey(pub(crate) Zeroizing<[u8; 32]>);

impl ProofKey {
    /// Proves the key for a role and two random numbers, one from each side.
    pub fn prove(&self, role: u8, ours: &[u8; 32], theirs: &[u8; 32]) -> [u8; 32] {
        mac::mac(&self.0, Label::AT_REST, &[b"owner proof", &[role], ours, theirs])
    }

    /// Checks a proof, in time that does not depend on where it is wrong.
    pub fn check(&self, role: u8, ours: &[u8; 32], theirs: &[u8; 32], proof: &[u8; 32]) -> bool {
        mac::verify(&self.0, Label::AT_REST, &[b"owner proof", &[role], ours, theirs], proof)
    }
}

/// Returns the parameters that a head names, unless no vault would have them.
///
/// A release build also refuses those below the floor: it never made such a vault.
pub(crate) fn params_found(memory_kib: u32, passes: u32, lanes: u32) -> Option<Params> {
    let bounded = memory_kib <= MAX_MEMORY_KIB && passes <= MAX_PASSES && lanes <= MAX_LANES;
    if bounded { Params::new(memory_kib, passes, lanes).ok() } else { None }
}

/// The key that a password becomes, for one salt.
pub(crate) struct HeadKey(WrapKey);

/// Turns a password into a key; this takes as long as the parameters say, on purpose.
pub(crate) fn head_key(password: &Password, salt: &[u8; 16], params: Params) -> Result<HeadKey, PasswordError> {
    password::derive(password.as_bytes(), salt, params).map(HeadKey)
}

impl HeadKey {
    /// Seals the secrets, bound to the readable part of the head.
    pub(crate) fn seal(&self, prefix: &[u8], secrets: &Secrets, rng: &mut dyn CryptoRng) -> [u8; SEALED_SECRETS_LEN] {
        let plain = kdf::join(&[&secrets.database_key, &secrets.chunk_seed, &secrets.user_seed]);
        let mut sealed = [0; SEALED_SECRETS_LEN];
        let parts = self.0.seal(prefix, &plain, rng);
        sealed.iter_mut().zip(parts).for_each(|(byte, part)| *byte = part);
        sealed
    }

    /// Opens the secrets, if this is their key and nobody changed them or the readable part.
    pub(crate) fn open(&self, prefix: &[u8], sealed: &[u8; SEALED_SECRETS_LEN]) -> Option<Secrets> {
        let plain = self.0.open(prefix, sealed).ok()?;
        let (database_key, rest) = plain.split_first_chunk()?;
        let (chunk_seed, rest) = rest.split_first_chunk()?;
        let (user_seed, _) = rest.split_first_chunk()?;
        Some(Secrets { database_key: *database_key, chunk_seed: *chunk_seed, user_seed: *user_seed })
    }
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
        AttachmentKeys {
            sealing: kdf::derive(&self.0, Label::AT_REST, &[b"chunk seal", secret]),
            naming: kdf::derive(&self.0, Label::AT_REST, &[b"chunk name", secret]),
        }
    }
}

/// The keys of one attachment.
pub(crate) struct AttachmentKeys {
    sealing: Zeroizing<[u8; 32]>,
    naming: Zeroizing<[u8; 32]>,
}

impl AttachmentKeys {
    /// Seals a padded chunk for its place: a fresh nonce, then the sealed bytes.
    pub(crate) fn seal(&self, index: u32, padded: &[u8], rng: &mut dyn CryptoRng) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = random::bytes(rng);
        let mut sealed = Vec::with_capacity(padded.len().saturating_add(CHUNK_OVERHEAD));
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&self.chunk_key(index).seal(&nonce, &[], padded));
        sealed
    }

    /// Opens a chunk, if it is the one of this place and nobody changed it.
    pub(crate) fn open(&self, index: u32, sealed: &[u8]) -> Option<SecretBytes> {
        let (nonce, sealed) = sealed.split_first_chunk()?;
        self.chunk_key(index).open(nonce, &[], sealed).ok()
    }

    /// Returns what the chunk at a place is called; it says nothing to whoever lacks the keys.
    pub(crate) fn name(&self, index: u32) -> [u8; 16] {
        *kdf::derive(self.naming.as_slice(), Label::AT_REST, &[b"chunk name", &index.to_be_bytes()])
    }

    /// Each place has a key of its own, so that random nonces of twelve bytes are far more than enough: one key sees as
    /// many of them as one chunk is written again.
    fn chunk_key(&self, index: u32) -> AeadKey {
        AeadKey::new(*kdf::derive(self.sealing.as_slice(), Label::AT_REST, &[b"chunk seal", &index.to_be_bytes()]))
    }
}
