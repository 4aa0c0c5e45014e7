//! ChaCha20-Poly1305 (RFC 8439), by the fastest implementation that was compiled in.
//!
//! With the feature `aws-lc` it is AWS-LC's assembly, otherwise RustCrypto's portable code. Both give the same bytes. It wears the traits of the
//! latter, so that HPKE can use it too; which key is for what is the business of the callers.

use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::aead::{AeadCore, AeadInOut, Error, KeyInit, KeySizeUser, TagPosition};
use chacha20poly1305::{Key, Nonce, Tag};
use hybrid_array::typenum::{U12, U16, U32};
use zeroize::Zeroizing;

/// A key, and what is done with it.
#[derive(Clone)]
pub(crate) struct Cipher(Zeroizing<[u8; 32]>);

impl KeySizeUser for Cipher {
    type KeySize = U32;
}

impl KeyInit for Cipher {
    fn new(key: &Key) -> Self {
        Self(Zeroizing::new((*key).into()))
    }
}

impl AeadCore for Cipher {
    type NonceSize = U12;
    type TagSize = U16;
    const TAG_POSITION: TagPosition = TagPosition::Postfix;
}

impl AeadInOut for Cipher {
    fn encrypt_inout_detached(&self, nonce: &Nonce, aad: &[u8], text: InOutBuf<'_, '_, u8>) -> Result<Tag, Error> {
        implementation::seal(&self.0, nonce, aad, text)
    }

    fn decrypt_inout_detached(
        &self,
        nonce: &Nonce,
        aad: &[u8],
        text: InOutBuf<'_, '_, u8>,
        tag: &Tag,
    ) -> Result<(), Error> {
        implementation::open(&self.0, nonce, aad, text, tag)
    }
}

#[cfg(feature = "aws-lc")]
mod implementation {
    use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce as OurNonce, UnboundKey};

    use super::{Error, InOutBuf, Nonce, Tag};

    pub(super) fn seal(key: &[u8; 32], nonce: &Nonce, aad: &[u8], text: InOutBuf<'_, '_, u8>) -> Result<Tag, Error> {
        let nonce = OurNonce::assume_unique_for_key((*nonce).into());
        let text = text.into_out_with_copied_in();
        let tag = prepared(key)?.seal_in_place_separate_tag(nonce, Aad::from(aad), text).map_err(|_| Error)?;
        Tag::try_from(tag.as_ref()).map_err(|_| Error)
    }

    pub(super) fn open(
        key: &[u8; 32],
        nonce: &Nonce,
        aad: &[u8],
        text: InOutBuf<'_, '_, u8>,
        tag: &Tag,
    ) -> Result<(), Error> {
        let nonce = OurNonce::assume_unique_for_key((*nonce).into());
        let text = text.into_out_with_copied_in();
        prepared(key)?.open_in_place_separate_tag(nonce, Aad::from(aad), tag, text).map(|_| ()).map_err(|_| Error)
    }

    /// AWS-LC wipes the key when it is dropped. There is none only when there is no memory for it.
    fn prepared(key: &[u8; 32]) -> Result<LessSafeKey, Error> {
        UnboundKey::new(&CHACHA20_POLY1305, key).map(LessSafeKey::new).map_err(|_| Error)
    }
}

#[cfg(not(feature = "aws-lc"))]
mod implementation {
    use chacha20poly1305::ChaCha20Poly1305;
    use chacha20poly1305::aead::{AeadInOut, KeyInit};

    use super::{Error, InOutBuf, Nonce, Tag};

    pub(super) fn seal(key: &[u8; 32], nonce: &Nonce, aad: &[u8], text: InOutBuf<'_, '_, u8>) -> Result<Tag, Error> {
        ChaCha20Poly1305::new(&(*key).into()).encrypt_inout_detached(nonce, aad, text)
    }

    pub(super) fn open(
        key: &[u8; 32],
        nonce: &Nonce,
        aad: &[u8],
        text: InOutBuf<'_, '_, u8>,
        tag: &Tag,
    ) -> Result<(), Error> {
        ChaCha20Poly1305::new(&(*key).into()).decrypt_inout_detached(nonce, aad, text, tag)
    }
}

#[cfg(test)]
mod tests {
    use chacha20poly1305::ChaCha20Poly1305;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Says something with the feature `aws-lc`, which every build of the whole workspace has.
        #[test]
        fn both_implementations_seal_and_open_alike(
            key: [u8; 32],
            nonce: [u8; 12],
            aad in prop::collection::vec(any::<u8>(), 0..40),
            text in prop::collection::vec(any::<u8>(), 0..5_000),
            flip: prop::sample::Index,
        ) {
            let (nonce, mut ours, mut theirs) = (Nonce::from(nonce), text.clone(), vec![0; text.len()]);
            let (cipher, other) = (Cipher::new(&key.into()), ChaCha20Poly1305::new(&key.into()));
            let tag = cipher.encrypt_inout_detached(&nonce, &aad, ours.as_mut_slice().into()).unwrap();
            let apart = InOutBuf::new(&text, &mut theirs).unwrap();
            prop_assert_eq!(other.encrypt_inout_detached(&nonce, &aad, apart).unwrap(), tag);
            prop_assert_eq!(&ours, &theirs);

            let mut opened = vec![0; text.len()];
            let apart = InOutBuf::new(&ours, &mut opened).unwrap();
            cipher.decrypt_inout_detached(&nonce, &aad, apart, &tag).unwrap();
            prop_assert_eq!(&opened, &text);

            // One bit of tag, text, or associated data.
            let mut wrong = [tag.as_slice(), &ours, &aad].concat();
            let bit = flip.index(wrong.len() * 8);
            wrong[bit / 8] ^= 1 << (bit % 8);
            let (tag, rest) = wrong.split_at_mut(16);
            let (text, aad) = rest.split_at_mut(ours.len());
            let tag = Tag::try_from(&*tag).unwrap();
            prop_assert!(cipher.decrypt_inout_detached(&nonce, aad, text.into(), &tag).is_err());
        }
    }
}
