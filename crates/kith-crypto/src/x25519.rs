//! X25519 (RFC 7748): one scalar multiplication, by the fastest implementation that was compiled in.
//!
//! With the feature `aws-lc` a variable-base multiplication is AWS-LC's assembly, otherwise curve25519-dalek's portable
//! code. Both give the same bytes for every input; what low order means is the business of the callers.

use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// Returns the public key of a secret.
pub(crate) fn public(secret: &[u8; 32]) -> [u8; 32] {
    PublicKey::from(&StaticSecret::from(*secret)).to_bytes()
}

/// A secret that is used many times, prepared for it.
#[derive(Clone)]
pub(crate) struct Prepared(implementation::Prepared);

impl Prepared {
    /// Prepares a secret.
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        Self(implementation::Prepared::new(secret))
    }

    /// Agrees with a public key; all zero when the key has low order.
    pub(crate) fn agree(&self, theirs: &[u8; 32]) -> Zeroizing<[u8; 32]> {
        self.0.agree(theirs)
    }
}

/// Agrees once; all zero when the key has low order.
pub(crate) fn agree(secret: &[u8; 32], theirs: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(StaticSecret::from(*secret).diffie_hellman(&PublicKey::from(*theirs)).to_bytes())
}

#[cfg(feature = "aws-lc")]
mod implementation {
    use std::sync::Arc;

    use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
    use zeroize::Zeroizing;

    /// AWS-LC wipes the key when the last clone is dropped.
    #[derive(Clone)]
    pub(super) struct Prepared(Option<Arc<PrivateKey>>);

    impl Prepared {
        pub(super) fn new(secret: &[u8; 32]) -> Self {
            // Every 32 bytes are an X25519 secret; nothing is prepared only when there is no memory for it.
            Self(PrivateKey::from_private_key(&X25519, secret).ok().map(Arc::new))
        }

        pub(super) fn agree(&self, theirs: &[u8; 32]) -> Zeroizing<[u8; 32]> {
            let mut shared = Zeroizing::new([0; 32]);
            if let Some(secret) = &self.0 {
                let theirs = UnparsedPublicKey::new(&X25519, theirs);
                // Refused is what has low order: the result stays zero.
                let _ = agree(secret, theirs, (), |bytes| {
                    shared.copy_from_slice(bytes);
                    Ok(())
                });
            }
            shared
        }
    }
}

#[cfg(not(feature = "aws-lc"))]
mod implementation {
    use zeroize::Zeroizing;

    #[derive(Clone)]
    pub(super) struct Prepared(Zeroizing<[u8; 32]>);

    impl Prepared {
        pub(super) fn new(secret: &[u8; 32]) -> Self {
            Self(Zeroizing::new(*secret))
        }

        pub(super) fn agree(&self, theirs: &[u8; 32]) -> Zeroizing<[u8; 32]> {
            super::agree(&self.0, theirs)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Says something with the feature `aws-lc`, which every build of the whole workspace has.
        #[test]
        fn both_implementations_agree(secret: [u8; 32], theirs: [u8; 32]) {
            prop_assert_eq!(*Prepared::new(&secret).agree(&theirs), *agree(&secret, &theirs));
        }
    }

    #[test]
    fn a_key_of_low_order_gives_zero() {
        let mut one = [0; 32];
        one[0] = 1;
        // Twist and curve: 0, 1, p - 1, p, p + 1 (RFC 7748, §6.1; Bernstein's list of points of low order).
        let mut p = [0xff; 32];
        (p[0], p[31]) = (0xed, 0x7f);
        let (mut below, mut above) = (p, p);
        below[0] = 0xec;
        above[0] = 0xee;
        for point in [[0; 32], one, below, p, above] {
            assert_eq!(*Prepared::new(&[7; 32]).agree(&point), [0; 32]);
            assert_eq!(*agree(&[7; 32], &point), [0; 32]);
        }
    }
}
