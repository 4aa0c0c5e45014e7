//! A signed object before its signature was checked.

use std::marker::PhantomData;

use minicbor::decode::{self, Decode, Decoder};
use minicbor::encode::{self, Encode, Encoder, Write};

use crate::codec::{DecodeError, Wire};
use crate::ext::Ext;
use crate::id::Signature;

/// An object of which a signature covers the exact bytes.
pub trait Signable: Wire {
    /// The registered label that starts the signed string (`spec/crypto.md`).
    const LABEL: &'static str;

    /// Extensions that this version knows.
    const KNOWN_EXTENSIONS: &'static [u32] = &[];

    /// Returns the extension map, in which an unknown critical entry refuses the object (KW-5).
    fn ext(&self) -> &Ext;

    /// Returns the Ed25519 public key that must have signed: every object names it itself.
    fn signer(&self) -> [u8; 32];
}

/// The bytes of a `T` and a signature that nobody has checked yet.
///
/// The content is reached through `kith_crypto::sign::open`, which checks the signature first.
#[derive(Clone)]
pub struct Signed<T> {
    body: Vec<u8>,
    signature: Signature,
    object: PhantomData<fn() -> T>,
}

impl<T: Signable> Signed<T> {
    /// Joins an encoded body and its signature.
    pub fn new(body: Vec<u8>, signature: Signature) -> Self {
        Self { body, signature, object: PhantomData }
    }

    /// Returns the bytes that the signature is said to cover.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns the unchecked signature.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Decodes the body without looking at the signature. For the verifying function only.
    ///
    /// # Errors
    /// [`DecodeError`] when the body is not a `T`.
    pub fn decode_unverified(&self) -> Result<T, DecodeError> {
        T::from_bytes(&self.body)
    }
}

impl<T> std::fmt::Debug for Signed<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signed({} bytes, unverified)", self.body.len())
    }
}

impl<T> PartialEq for Signed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.body == other.body && self.signature == other.signature
    }
}

impl<T> Eq for Signed<T> {}

impl<C, T> Encode<C> for Signed<T> {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.array(2)?.bytes(&self.body)?;
        self.signature.encode(e, ctx)
    }
}

impl<'b, C, T> Decode<'b, C> for Signed<T> {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        if d.array()? != Some(2) {
            return Err(decode::Error::message("signed object is not a pair"));
        }
        let body = d.bytes()?.to_vec();
        Ok(Self { body, signature: Signature::decode(d, ctx)?, object: PhantomData })
    }
}

impl<T: Signable> Wire for Signed<T> {
    const NAME: &'static str = T::NAME;
    const MAX_BYTES: usize = T::MAX_BYTES + 72;
}
