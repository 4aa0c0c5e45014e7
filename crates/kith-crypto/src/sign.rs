//! Ed25519 (RFC 8032) signing keys, one type for each role.
//!
//! Verification is strict: non-canonical encodings and keys of small order are refused (KC-3).

use std::marker::PhantomData;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use kith_wire::DecodeError;
use kith_wire::id::{AccountKey, ContactKey, DeviceKey, Hash, LookupKey, PersonKey, ServerKey, Signature};
use kith_wire::signed::{Signable, Signed};
use rand_core::CryptoRng;
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::hash::hash_signed;
use crate::label::Label;
use crate::random;

/// Why a signed object is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The body is not the object it should be.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    /// KC-3: the signature is not by the key that must have signed, over this object, under its label.
    #[error("the signature is not valid")]
    BadSignature,
    /// KC-4: the object names another signer than the one expected.
    #[error("the object is signed by somebody else")]
    WrongSigner,
    /// KW-5: the object has a critical extension that this version does not know.
    #[error("the object needs a newer version (extension {0})")]
    UnknownCritical(u32),
}

/// A role in which Ed25519 keys sign.
pub trait Role {
    /// The public key of the role.
    type Public: Copy;
    /// The role's name, for redacted printing.
    const NAME: &'static str;
    /// Makes the public key from its bytes.
    fn public(bytes: [u8; 32]) -> Self::Public;
}

macro_rules! roles {
    ($($(#[$doc:meta])* $role:ident, $secret:ident, $public:ty, $name:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $role;

        impl Role for $role {
            type Public = $public;
            const NAME: &'static str = $name;
            fn public(bytes: [u8; 32]) -> Self::Public {
                <$public>::from(PublicBytes(bytes))
            }
        }

        $(#[$doc])*
        pub type $secret = SigningSecret<$role>;

        impl From<PublicBytes> for $public {
            fn from(bytes: PublicBytes) -> Self {
                Self(bytes.0)
            }
        }
    )*};
}

/// Public key bytes on their way into a role's type.
pub struct PublicBytes([u8; 32]);

roles! {
    /// Signs cards, answer cards and device lists for one contact.
    Contact, ContactSecret, ContactKey, "ContactSecret";
    /// Signs the device cards and answers by which a device meets the devices of one contact.
    Device, DeviceSecret, DeviceKey, "DeviceSecret";
    /// Signs the list of a person's own devices.
    Person, PersonSecret, PersonKey, "PersonSecret";
    /// Signs a home server's descriptor.
    Server, ServerSecret, ServerKey, "ServerSecret";
    /// Reads and manages one queue.
    Lookup, LookupSecret, LookupKey, "LookupSecret";
    /// Creates queues and blobs at a home server.
    Account, AccountSecret, AccountKey, "AccountSecret";
}

/// The signing key of one role.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SigningSecret<R> {
    seed: [u8; 32],
    #[zeroize(skip)]
    role: PhantomData<R>,
}

impl<R: Role> SigningSecret<R> {
    /// Draws a key.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        Self::from_seed(random::bytes(rng))
    }

    /// Takes a stored key back.
    pub const fn from_seed(seed: [u8; 32]) -> Self {
        Self { seed, role: PhantomData }
    }

    /// Shows the seed to code that stores it encrypted.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.seed
    }

    /// Returns the public key.
    pub fn public(&self) -> R::Public {
        R::public(SigningKey::from_bytes(&self.seed).verifying_key().to_bytes())
    }

    /// Signs an object of this role's making.
    pub fn sign<T: Signable>(&self, object: &T) -> Signed<T> {
        let body = object.to_bytes();
        let signature = self.sign_bytes(Label::of_object(T::LABEL), &body);
        Signed::new(body, signature)
    }

    /// Signs `length ‖ label ‖ bytes`.
    pub(crate) fn sign_bytes(&self, label: Label, bytes: &[u8]) -> Signature {
        let mut message = label.prefix();
        message.extend_from_slice(bytes);
        Signature(SigningKey::from_bytes(&self.seed).sign(&message).to_bytes())
    }
}

impl<R: Role> std::fmt::Debug for SigningSecret<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}(…)", R::NAME)
    }
}

/// An object whose signature was checked.
#[derive(Debug, Clone)]
pub struct Verified<T> {
    object: T,
    hash: Hash,
    signed: Signed<T>,
}

impl<T: Signable> Verified<T> {
    /// Returns the object.
    pub fn get(&self) -> &T {
        &self.object
    }

    /// Returns the hash of its body under its label.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Returns the signed bytes that were checked.
    pub fn signed(&self) -> &Signed<T> {
        &self.signed
    }

    /// Gives up the proof and keeps the object.
    pub fn into_inner(self) -> T {
        self.object
    }
}

/// Checks an object that names its own signer.
///
/// # Errors
/// [`VerifyError`] when it is malformed, the signature does not fit (KC-3), or it has an unknown critical extension
/// (KW-5).
pub fn open<T: Signable>(signed: Signed<T>) -> Result<Verified<T>, VerifyError> {
    let object = signed.decode_unverified()?;
    check(object.signer(), signed, object)
}

/// Checks an object of which the signer is known from elsewhere.
///
/// # Errors
/// [`VerifyError`] when it is malformed, names another signer (KC-4), the signature does not fit (KC-3), or it has an
/// unknown critical extension (KW-5).
pub fn open_by<T: Signable>(signed: Signed<T>, signer: &[u8; 32]) -> Result<Verified<T>, VerifyError> {
    let object = signed.decode_unverified()?;
    if object.signer() != *signer {
        return Err(VerifyError::WrongSigner);
    }
    check(*signer, signed, object)
}

fn check<T: Signable>(signer: [u8; 32], signed: Signed<T>, object: T) -> Result<Verified<T>, VerifyError> {
    if !verify_bytes(&signer, Label::of_object(T::LABEL), signed.body(), signed.signature()) {
        return Err(VerifyError::BadSignature);
    }
    if let Some(number) = object.ext().unknown_critical(T::KNOWN_EXTENSIONS) {
        return Err(VerifyError::UnknownCritical(number));
    }
    let hash = hash_signed(&signed);
    Ok(Verified { object, hash, signed })
}

/// Returns whether `signature` is by `key` over `length ‖ label ‖ bytes` (KC-3).
pub(crate) fn verify_bytes(key: &[u8; 32], label: Label, bytes: &[u8], signature: &Signature) -> bool {
    let Ok(key) = VerifyingKey::from_bytes(key) else { return false };
    let mut message = label.prefix();
    message.extend_from_slice(bytes);
    key.verify_strict(&message, &ed25519_dalek::Signature::from_bytes(&signature.0)).is_ok()
}
