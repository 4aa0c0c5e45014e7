//! What a home server signs about itself.

use minicbor::{Decode, Encode};

use crate::address::ServerUrl;
use crate::codec::Wire;
use crate::ext::Ext;
use crate::id::{DhKey, KemKey, ServerKey};
use crate::signed::Signable;
use crate::time::EpochId;

/// An inclusive range of protocol versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct VersionRange {
    /// The lowest version spoken.
    #[n(0)]
    pub min: u8,
    /// The highest version spoken.
    #[n(1)]
    pub max: u8,
}

impl VersionRange {
    /// The versions that this code speaks.
    pub const OURS: Self = Self { min: crate::limits::VERSION, max: crate::limits::VERSION };

    /// Returns the highest version that both ranges have.
    pub fn common(self, other: Self) -> Option<u8> {
        let (low, high) = (self.min.max(other.min), self.max.min(other.max));
        (low <= high).then_some(high)
    }
}

/// The keys to which requests are sealed during one week.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct EpochKeys {
    /// The week.
    #[n(0)]
    pub id: EpochId,
    /// For suite 1.
    #[n(1)]
    pub kem: KemKey,
    /// For narrow links (suite 2).
    #[n(2)]
    pub dh: DhKey,
}

/// What a home server offers, so that a client can adapt before it is refused.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ServerLimits {
    /// Hours for which queues and blobs are kept.
    #[n(0)]
    pub retention_hours: u32,
    /// Bytes of the largest blob.
    #[n(1)]
    pub max_blob_bytes: u64,
    /// Whether new accounts need an invite.
    #[n(2)]
    pub invite_only: bool,
}

/// The descriptor of a home server, signed by its server key.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Descriptor {
    /// The versions that it speaks.
    #[n(0)]
    pub versions: VersionRange,
    /// Its identity, which signs this object.
    #[n(1)]
    pub server_key: ServerKey,
    /// Rises with every change; a lower one than already seen is refused.
    #[n(2)]
    pub serial: u64,
    /// Where it is reached, the preferred one first.
    #[n(3)]
    pub urls: Vec<ServerUrl>,
    /// The current week's keys and, two days ahead, the next week's.
    #[n(4)]
    pub epochs: Vec<EpochKeys>,
    /// What it offers.
    #[n(5)]
    pub limits: ServerLimits,
    /// The key that takes over when this server moves.
    #[n(6)]
    pub successor: Option<ServerKey>,
    /// Extensions.
    #[n(7)]
    pub ext: Ext,
}

impl Wire for Descriptor {
    const NAME: &'static str = "descriptor";
    const MAX_BYTES: usize = 8 * 1024;
}

impl Signable for Descriptor {
    const LABEL: &'static str = "kith/1/descriptor";

    fn ext(&self) -> &Ext {
        &self.ext
    }

    fn signer(&self) -> [u8; 32] {
        self.server_key.0
    }
}
