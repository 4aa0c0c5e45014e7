//! Identifiers, public keys and secrets as distinct fixed-size byte strings.
//!
//! Everything public has a short `Debug`; everything secret prints as `…` and is wiped when dropped.

use data_encoding::BASE32_NOPAD;
use minicbor::bytes::ByteArray;
use minicbor::decode::{self, Decode, Decoder};
use minicbor::encode::{self, Encode, Encoder, Write};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

macro_rules! public_bytes {
    ($(#[$doc:meta])* $name:ident, $size:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $size]);

        impl $name {
            /// Size in bytes.
            pub const SIZE: usize = $size;

            /// Returns the bytes.
            pub const fn as_bytes(&self) -> &[u8; $size] {
                &self.0
            }

            /// Returns the value when `bytes` has exactly the right size.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// Parses what [`Display`](std::fmt::Display) wrote; case is ignored.
            pub fn parse(text: &str) -> Option<Self> {
                let bytes = BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).ok()?;
                Self::from_slice(&bytes)
            }
        }

        impl std::fmt::Display for $name {
            /// Writes lower-case base32 (RFC 4648) without padding.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&BASE32_NOPAD.encode(&self.0).to_ascii_lowercase())
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let text = BASE32_NOPAD.encode(&self.0).to_ascii_lowercase();
                write!(f, "{}({}…)", stringify!($name), text.get(..8).unwrap_or_default())
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
                ByteArray::<$size>::decode(d, ctx).map(|bytes| Self(bytes.into()))
            }
        }
    };
}

macro_rules! secret_bytes {
    ($(#[$doc:meta])* $name:ident, $size:literal) => {
        $(#[$doc])*
        #[derive(Clone, Zeroize, ZeroizeOnDrop)]
        pub struct $name([u8; $size]);

        impl $name {
            /// Size in bytes.
            pub const SIZE: usize = $size;

            /// Wraps secret bytes.
            pub const fn new(bytes: [u8; $size]) -> Self {
                Self(bytes)
            }

            /// Shows the secret bytes to code that needs them.
            pub const fn expose(&self) -> &[u8; $size] {
                &self.0
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
                ByteArray::<$size>::decode(d, ctx).map(|bytes| Self(bytes.into()))
            }
        }
    };
}

macro_rules! large_bytes {
    ($(#[$doc:meta])* $name:ident, $size:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(Box<[u8; $size]>);

        impl $name {
            /// Size in bytes.
            pub const SIZE: usize = $size;

            /// Returns the bytes.
            pub const fn as_bytes(&self) -> &[u8; $size] {
                &self.0
            }

            /// Wraps the bytes.
            pub fn new(bytes: [u8; $size]) -> Self {
                Self(Box::new(bytes))
            }

            /// Returns the value when `bytes` has exactly the right size.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                let boxed: Box<[u8]> = bytes.into();
                boxed.try_into().ok().map(Self)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "([u8; ", $size, "])"))
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
                e.bytes(self.0.as_slice())?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
                Self::from_slice(d.bytes()?).ok_or_else(|| decode::Error::message("wrong size"))
            }
        }
    };
}

pub(crate) use large_bytes;

public_bytes! {
    /// A SHA-256 hash over a labelled object.
    Hash, 32
}
public_bytes! {
    /// Names one message in every copy of it; random, never reused.
    MessageId, 16
}
public_bytes! {
    /// Names a conversation between two persons; random, chosen by the card giver's confirmation.
    ConversationId, 16
}
public_bytes! {
    /// Names a device towards one contact; random per device and contact.
    DeviceId, 16
}
public_bytes! {
    /// Names a run of a backup, towards the device that made it; random.
    BackupMark, 16
}
public_bytes! {
    /// Names one card; random.
    CardId, 16
}
public_bytes! {
    /// Names a queue to its reader; 24 random bytes chosen by the home server.
    ReaderId, 24
}
public_bytes! {
    /// Names a queue to its sender; 24 random bytes chosen by the home server, unlinkable to the [`ReaderId`] from outside.
    SenderId, 24
}
public_bytes! {
    /// Makes a deposit idempotent within its queue; random per sealed deposit.
    DedupId, 16
}
public_bytes! {
    /// Makes a durable relay idempotent within its account; random per attempt.
    RelayId, 16
}
public_bytes! {
    /// Names a blob; 24 bytes, random or derived from a secret that both contacts have.
    BlobId, 24
}
public_bytes! {
    /// A single-use number in a request signature.
    Nonce, 16
}
public_bytes! {
    /// What a home server stores instead of a capability: a one-way derivation of it.
    Verifier, 32
}
public_bytes! {
    /// An HMAC-SHA256 that proves knowledge of a send capability for one deposit.
    Proof, 32
}
public_bytes! {
    /// Identity of a person towards one contact (Ed25519).
    ContactKey, 32
}
public_bytes! {
    /// Identity of a device towards one contact (Ed25519); the contact key vouches for it in the device list.
    DeviceKey, 32
}
public_bytes! {
    /// Signs the list of a person's own devices (Ed25519); derived from the user key and seen by those devices only.
    PersonKey, 32
}
public_bytes! {
    /// Identity of a home server (Ed25519).
    ServerKey, 32
}
public_bytes! {
    /// Proves the right to read a queue (Ed25519).
    LookupKey, 32
}
public_bytes! {
    /// What a home server knows of a device that may create queues there (Ed25519).
    AccountKey, 32
}
public_bytes! {
    /// The Curve25519 identity of one device towards one contact inside Olm.
    OlmIdentity, 32
}
public_bytes! {
    /// A one-time Curve25519 key inside Olm.
    OlmOneTimeKey, 32
}
public_bytes! {
    /// An X25519 public key of ours, used once.
    DhKey, 32
}
public_bytes! {
    /// An Ed25519 signature.
    Signature, 64
}

secret_bytes! {
    /// The right to write into a queue; the home server stores only its [`Verifier`].
    SendCapability, 32
}
secret_bytes! {
    /// Ties an answer to its card; travels in the card only.
    ReplySecret, 32
}
secret_bytes! {
    /// Leads to the card of a link; a person types it as twelve words.
    LinkSecret, 16
}
secret_bytes! {
    /// The right to read a blob.
    ReadCapability, 32
}
secret_bytes! {
    /// The right to delete a blob.
    DeleteCapability, 32
}
secret_bytes! {
    /// Encrypts the chunks of one attachment.
    AttachmentKey, 32
}
secret_bytes! {
    /// The seed of a person's user key, on its way to a device of the same person.
    UserSeed, 32
}
secret_bytes! {
    /// Opens registration at a home server that asks for an invite.
    InviteCode, 16
}
impl InviteCode {
    /// Writes the code for a person: lower-case base32 without padding, 26 characters.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE32_NOPAD.encode(&self.0).to_ascii_lowercase())
    }

    /// Reads what a person typed: case, spaces and hyphens do not matter.
    pub fn parse(text: &str) -> Option<Self> {
        let is_kept = |letter: &char| !letter.is_whitespace() && *letter != '-';
        let text: Zeroizing<String> = Zeroizing::new(text.to_ascii_uppercase().chars().filter(is_kept).collect());
        let bytes = Zeroizing::new(BASE32_NOPAD.decode(text.as_bytes()).ok()?);
        bytes.as_slice().try_into().ok().map(Self)
    }
}
secret_bytes! {
    /// The card giver's contribution to the comparison, committed to in the card.
    ConfirmNonce, 32
}

large_bytes! {
    /// An X-Wing encapsulation key (ML-KEM-768 and X25519), 1,216 bytes.
    KemKey, 1216
}
large_bytes! {
    /// An X-Wing ciphertext, 1,120 bytes.
    KemCiphertext, 1120
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invite_code_survives_being_written_down() {
        let code = InviteCode::new(*b"sixteen bytes ok");
        let text = code.to_text();
        assert_eq!(text.len(), 26);
        let spaced = format!(" {}-{} ", text[..5].to_uppercase(), &text[5..]);
        assert_eq!(InviteCode::parse(&spaced).map(|read| *read.expose()), Some(*code.expose()));
    }

    #[test]
    fn a_text_of_another_length_is_no_invite_code() {
        for text in ["", "aa", "aaaaaaaaaaaaaaaaaaaaaaaaaaa", "0000000000000000000000000!"] {
            assert!(InviteCode::parse(text).is_none(), "{text}");
        }
    }
}
