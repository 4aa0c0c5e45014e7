//! The outer layer of one frame: sealing and opening header and inner text.

use kith_crypto::aead::AeadKey;
use kith_crypto::label::Label;
use kith_crypto::{CryptoRng, random};
use kith_wire::frame::{Frame, FrameHeader, Inner};
use kith_wire::id::OlmIdentity;
use kith_wire::limits::VERSION;
use zeroize::Zeroizing;

use crate::chain::Role;
use crate::secret::Secret;

/// What every frame of one direction is bound to. The Olm identities stand for the pair of devices: each is made for
/// one device and one contact.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binding {
    pub(crate) sender: Role,
    pub(crate) from: OlmIdentity,
    pub(crate) to: OlmIdentity,
}

impl Binding {
    /// `label ‖ version ‖ direction ‖ sender's identity ‖ receiver's identity ‖ header`; the header frame's own AAD
    /// ends before the header.
    fn aad(&self, label: Label, header: &[u8]) -> Vec<u8> {
        let mut aad = label.prefix();
        aad.extend_from_slice(&[VERSION, self.sender.number()]);
        aad.extend_from_slice(&self.from.0);
        aad.extend_from_slice(&self.to.0);
        aad.extend_from_slice(header);
        aad
    }

    /// Seals a frame; `None` when the inner text is too long.
    pub(crate) fn seal(
        &self,
        header_key: &Secret,
        message_key: &Secret,
        header: FrameHeader,
        inner: &Inner,
        rng: &mut dyn CryptoRng,
    ) -> Option<Frame> {
        let nonce = random::bytes(rng);
        let header = header.to_bytes();
        let inner = Zeroizing::new(inner.to_bytes()?);
        let sealed_header =
            AeadKey::new(*header_key.expose()).seal(&nonce, &self.aad(Label::FRAME_HEADER, &[]), &header);
        let sealed_inner =
            AeadKey::new(*message_key.expose()).seal(&nonce, &self.aad(Label::FRAME_INNER, &header), &inner);
        Frame::from_slice(&[nonce.as_slice(), &sealed_header, &sealed_inner].concat())
    }

    /// Opens the header of a frame (KS-21).
    pub(crate) fn open_header(&self, header_key: &Secret, frame: &Frame) -> Option<FrameHeader> {
        let (nonce, sealed, _) = frame.split()?;
        let key = AeadKey::new(*header_key.expose());
        let plain = key.open(nonce, &self.aad(Label::FRAME_HEADER, &[]), sealed).ok()?;
        plain.as_ref().try_into().ok().map(FrameHeader::from_bytes)
    }

    /// Opens the inner text of a frame (KS-25).
    pub(crate) fn open_inner(&self, message_key: &Secret, header: FrameHeader, frame: &Frame) -> Option<Inner> {
        let (nonce, _, sealed) = frame.split()?;
        let key = AeadKey::new(*message_key.expose());
        let plain = key.open(nonce, &self.aad(Label::FRAME_INNER, &header.to_bytes()), sealed).ok()?;
        Inner::from_bytes(&plain).ok()
    }
}
