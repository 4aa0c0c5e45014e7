//! X-Wing (draft-connolly-cfrg-xwing-kem-10): ML-KEM-768 (FIPS 203) and X25519 under one hash.
//!
//! The two key encapsulations come from libraries; here is the combiner, and its place in HPKE (RFC 9180) under the number that
//! draft-ietf-hpke-pq gives it. Why not a ready-made one: `docs/decisions/0008-x-wing-from-faster-parts.md`.

use std::fmt;

use hpke::kem::SharedSecret;
use hpke::{Deserializable, HpkeError, Kem, Serializable};
use hybrid_array::typenum::{Prod, Sum, U3, U32, U64, U1024};
use libcrux_ml_kem::mlkem768::{self, MlKem768Ciphertext, MlKem768PrivateKey, MlKem768PublicKey};
use rand_core::CryptoRng;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, Zeroizing};

use crate::{random, x25519};

/// Bytes of a seed, which is what a decapsulation key is stored as.
const SEED_BYTES: usize = 32;
/// Bytes of an encapsulation key: ML-KEM-768's, then X25519's.
pub(crate) const KEY_BYTES: usize = KEM_KEY_BYTES + 32;
/// Bytes of a ciphertext: ML-KEM-768's, then an X25519 share.
pub(crate) const CIPHERTEXT_BYTES: usize = KEM_CIPHERTEXT_BYTES + 32;
/// Bytes of ML-KEM-768's encapsulation key.
const KEM_KEY_BYTES: usize = 1_184;
/// Bytes of ML-KEM-768's ciphertext.
const KEM_CIPHERTEXT_BYTES: usize = 1_088;
/// What the combiner hashes last: a picture of an X-wing, as the draft demands.
const LABEL: &[u8; 6] = br"\.//^\";

/// An expanded decapsulation key. Expanding costs more than opening one ciphertext: who opens many keeps it.
#[derive(Clone)]
pub(crate) struct DecapsulationKey {
    seed: Zeroizing<[u8; SEED_BYTES]>,
    kem: Box<Wiped>,
    dh: x25519::Prepared,
    public: EncapsulationKey,
}

/// ML-KEM's own secret key, wiped when dropped.
#[derive(Clone)]
struct Wiped(MlKem768PrivateKey);

impl Drop for Wiped {
    fn drop(&mut self) {
        self.0[0..].zeroize();
    }
}

/// An encapsulation key: both parts are keys that honest software can make, as far as bytes tell.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct EncapsulationKey(Box<[u8; KEY_BYTES]>);

/// A ciphertext of the right length.
#[derive(Clone)]
pub(crate) struct Ciphertext(pub(crate) Box<[u8; CIPHERTEXT_BYTES]>);

impl DecapsulationKey {
    /// Expands a seed.
    pub(crate) fn expand(seed: &[u8; SEED_BYTES]) -> Self {
        let expanded = Zeroizing::new(libcrux_sha3::shake256::<96>(seed));
        let (kem_seed, dh_secret) = halves::<64, 32, 96>(&expanded);
        let (kem_secret, kem_public) = mlkem768::generate_key_pair(*Zeroizing::new(kem_seed)).into_parts();
        let dh_secret = Zeroizing::new(dh_secret);
        let public = EncapsulationKey(Box::new(joined(kem_public.as_slice(), &x25519::public(&dh_secret))));
        let dh = x25519::Prepared::new(&dh_secret);
        Self { seed: Zeroizing::new(*seed), kem: Box::new(Wiped(kem_secret)), dh, public }
    }

    /// Returns the encapsulation key.
    pub(crate) fn public(&self) -> &[u8; KEY_BYTES] {
        &self.public.0
    }

    /// Takes the shared secret out of a ciphertext; an unrelated one out of a ciphertext for somebody else.
    pub(crate) fn decapsulate(&self, ciphertext: &[u8; CIPHERTEXT_BYTES]) -> Zeroizing<[u8; 32]> {
        let (kem, share) = halves::<KEM_CIPHERTEXT_BYTES, 32, CIPHERTEXT_BYTES>(ciphertext);
        let from_kem = Zeroizing::new(mlkem768::decapsulate(&self.kem.0, &MlKem768Ciphertext::from(kem)));
        let from_dh = self.dh.agree(&share);
        let (_, dh_public) = halves::<KEM_KEY_BYTES, 32, KEY_BYTES>(self.public());
        combine(&from_kem, &from_dh, &share, &dh_public)
    }
}

impl EncapsulationKey {
    /// Checks the bytes of a key: its ML-KEM part must be reduced (FIPS 203, §7.2).
    pub(crate) fn check(bytes: &[u8; KEY_BYTES]) -> Option<Self> {
        let (kem, _) = halves::<KEM_KEY_BYTES, 32, KEY_BYTES>(bytes);
        mlkem768::validate_public_key(&MlKem768PublicKey::from(kem)).then(|| Self(Box::new(*bytes)))
    }

    /// Makes a shared secret and its ciphertext from 64 random bytes.
    pub(crate) fn encapsulate(&self, randomness: &[u8; 64]) -> (Ciphertext, Zeroizing<[u8; 32]>) {
        let (kem, theirs) = halves::<KEM_KEY_BYTES, 32, KEY_BYTES>(&self.0);
        let (for_kem, ephemeral) = halves::<32, 32, 64>(randomness);
        let ephemeral = Zeroizing::new(ephemeral);
        let (kem_ciphertext, from_kem) = mlkem768::encapsulate(&MlKem768PublicKey::from(kem), for_kem);
        let share = x25519::public(&ephemeral);
        let shared = combine(&Zeroizing::new(from_kem), &x25519::agree(&ephemeral, &theirs), &share, &theirs);
        (Ciphertext(Box::new(joined(kem_ciphertext.as_slice(), &share))), shared)
    }
}

impl fmt::Debug for EncapsulationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncapsulationKey(…)")
    }
}

/// The combiner (§5.3 of the draft). It fits one block of SHA3-256.
fn combine(from_kem: &[u8; 32], from_dh: &[u8; 32], share: &[u8; 32], theirs: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    let mut hashed = Zeroizing::new([0; 4 * 32 + LABEL.len()]);
    let parts = [from_kem.as_slice(), from_dh, share, theirs, LABEL].into_iter().flatten();
    for (slot, byte) in hashed.iter_mut().zip(parts) {
        *slot = *byte;
    }
    Zeroizing::new(libcrux_sha3::sha256(hashed.as_slice()))
}

/// Copies the first `A` and the following `B` of `N` bytes.
fn halves<const A: usize, const B: usize, const N: usize>(bytes: &[u8; N]) -> ([u8; A], [u8; B]) {
    const { assert!(A + B == N, "the halves are the whole") };
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(second)) => (*first, *second),
        _ => ([0; A], [0; B]),
    }
}

/// Joins two parts that are `N` bytes together.
fn joined<const N: usize>(first: &[u8], second: &[u8; 32]) -> [u8; N] {
    let mut out = [0; N];
    for (slot, byte) in out.iter_mut().zip(first.iter().chain(second)) {
        *slot = *byte;
    }
    out
}

/// X-Wing as HPKE sees it.
pub(crate) struct XWing;

impl Kem for XWing {
    const KEM_ID: u16 = 0x647a;

    type NSecret = U32;
    type PublicKey = EncapsulationKey;
    type PrivateKey = DecapsulationKey;
    type EncappedKey = Ciphertext;

    fn sk_to_pk(secret: &DecapsulationKey) -> EncapsulationKey {
        secret.public.clone()
    }

    /// `SHAKE256.LabeledDerive(material, "DeriveKeyPair", "", 32)` (draft-ietf-hpke-pq, §4). Kith draws its seeds instead.
    fn derive_keypair(material: &[u8]) -> (DecapsulationKey, EncapsulationKey) {
        let mut labelled = Zeroizing::new(material.to_vec());
        labelled.extend_from_slice(b"HPKE-v1KEM");
        labelled.extend_from_slice(&Self::KEM_ID.to_be_bytes());
        labelled.extend_from_slice(b"\x00\x0dDeriveKeyPair\x00\x20");
        let secret = DecapsulationKey::expand(&libcrux_sha3::shake256(&labelled));
        let public = secret.public.clone();
        (secret, public)
    }

    fn decap(
        secret: &DecapsulationKey,
        sender: Option<&EncapsulationKey>,
        ciphertext: &Ciphertext,
    ) -> Result<SharedSecret<Self>, HpkeError> {
        // X-Wing does not authenticate senders.
        if sender.is_some() {
            return Err(HpkeError::DecapError);
        }
        Ok(SharedSecret((*secret.decapsulate(&ciphertext.0)).into()))
    }

    fn encap_with_rng(
        theirs: &EncapsulationKey,
        sender: Option<(&DecapsulationKey, &EncapsulationKey)>,
        rng: &mut impl CryptoRng,
    ) -> Result<(SharedSecret<Self>, Ciphertext), HpkeError> {
        if sender.is_some() {
            return Err(HpkeError::EncapError);
        }
        let randomness = Zeroizing::new(random::bytes(rng));
        let (ciphertext, shared) = theirs.encapsulate(&randomness);
        Ok((SharedSecret((*shared).into()), ciphertext))
    }
}

impl Serializable for DecapsulationKey {
    type OutputSize = U32;

    fn write_exact(&self, out: &mut [u8]) {
        out.copy_from_slice(self.seed.as_slice());
    }
}

impl Deserializable for DecapsulationKey {
    fn from_bytes(bytes: &[u8]) -> Result<Self, HpkeError> {
        let seed = Zeroizing::new(<[u8; SEED_BYTES]>::try_from(bytes).map_err(|_| wrong_length(SEED_BYTES, bytes))?);
        Ok(Self::expand(&seed))
    }
}

impl ConstantTimeEq for DecapsulationKey {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.seed.ct_eq(other.seed.as_slice())
    }
}

impl Serializable for EncapsulationKey {
    type OutputSize = Sum<U1024, Prod<U64, U3>>;

    fn write_exact(&self, out: &mut [u8]) {
        out.copy_from_slice(self.0.as_slice());
    }
}

impl Deserializable for EncapsulationKey {
    fn from_bytes(bytes: &[u8]) -> Result<Self, HpkeError> {
        let bytes = bytes.try_into().map_err(|_| wrong_length(KEY_BYTES, bytes))?;
        Self::check(bytes).ok_or(HpkeError::ValidationError)
    }
}

impl Serializable for Ciphertext {
    type OutputSize = Sum<Sum<U1024, U64>, U32>;

    fn write_exact(&self, out: &mut [u8]) {
        out.copy_from_slice(self.0.as_slice());
    }
}

impl Deserializable for Ciphertext {
    fn from_bytes(bytes: &[u8]) -> Result<Self, HpkeError> {
        let bytes: &[u8; CIPHERTEXT_BYTES] = bytes.try_into().map_err(|_| wrong_length(CIPHERTEXT_BYTES, bytes))?;
        Ok(Self(Box::new(*bytes)))
    }
}

fn wrong_length(expected: usize, given: &[u8]) -> HpkeError {
    HpkeError::IncorrectInputLength(expected, given.len())
}

#[cfg(test)]
mod tests;
