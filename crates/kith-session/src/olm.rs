//! The audited ratchet, wrapped: key types of ours, pickles in buffers that are wiped.
//!
//! Olm version 1, untouched. It draws its own randomness.

use kith_wire::id::{OlmIdentity, OlmOneTimeKey};
use minicbor::decode::{self, Decode, Decoder};
use minicbor::encode::{self, Encode, Encoder, Write};
use thiserror::Error;
use vodozemac::Curve25519PublicKey;
use vodozemac::olm::{self, Message, OlmMessage, PreKeyMessage, SessionConfig};
use zeroize::Zeroizing;

/// The ratchet refused. Nothing more is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the inner ratchet refused")]
pub(crate) struct OlmError;

/// Room for a usual pickle, so that growing leaves no copies behind.
const PICKLE_ROOM: usize = 24 * 1024;

/// One Olm account: one device towards one contact, never reused.
pub(crate) struct OlmAccount(olm::Account);

impl OlmAccount {
    /// Makes an account without one-time keys.
    pub(crate) fn new() -> Self {
        Self(olm::Account::new())
    }

    /// Returns the public identity.
    pub(crate) fn identity(&self) -> OlmIdentity {
        OlmIdentity(self.0.curve25519_key().to_bytes())
    }

    /// Returns a copy.
    pub(crate) fn duplicate(&self) -> Self {
        Self(olm::Account::from_pickle(self.0.pickle()))
    }

    /// Returns how many one-time keys there are.
    #[cfg(test)]
    pub(crate) fn n_one_time_keys(&self) -> usize {
        self.0.stored_one_time_key_count()
    }

    /// Makes the one one-time key of a card.
    pub(crate) fn new_one_time_key(&mut self) -> Option<OlmOneTimeKey> {
        let made = self.0.generate_one_time_keys(1);
        let key = made.created.first().map(|key| OlmOneTimeKey(key.to_bytes()));
        self.0.mark_keys_as_published();
        key
    }

    /// Starts a session towards the identity and one-time key of a card.
    pub(crate) fn start(&self, identity: &OlmIdentity, one_time: &OlmOneTimeKey) -> Result<OlmSession, OlmError> {
        let (identity, one_time) =
            (Curve25519PublicKey::from_bytes(identity.0), Curve25519PublicKey::from_bytes(one_time.0));
        self.0
            .create_outbound_session(SessionConfig::version_1(), identity, one_time)
            .map(OlmSession)
            .map_err(|_| OlmError)
    }

    /// Takes up a session from the first message of `identity`; the account itself stays as it is.
    pub(crate) fn take_up(&self, identity: &OlmIdentity, message: &[u8]) -> Result<(OlmSession, Vec<u8>), OlmError> {
        let message = PreKeyMessage::from_bytes(message).map_err(|_| OlmError)?;
        let identity = Curve25519PublicKey::from_bytes(identity.0);
        let mut copy = olm::Account::from_pickle(self.0.pickle());
        let made = copy.create_inbound_session(SessionConfig::version_1(), identity, &message).map_err(|_| OlmError)?;
        Ok((OlmSession(made.session), made.plaintext))
    }
}

/// One Olm session.
pub(crate) struct OlmSession(olm::Session);

impl OlmSession {
    /// Encrypts; the result is a pre-key message until something was received.
    pub(crate) fn encrypt(&mut self, plaintext: &[u8]) -> Result<Vec<u8>, OlmError> {
        match self.0.encrypt(plaintext).map_err(|_| OlmError)? {
            OlmMessage::Normal(message) => Ok(message.to_bytes()),
            OlmMessage::PreKey(message) => Ok(message.to_bytes()),
        }
    }

    /// Decrypts a normal message.
    pub(crate) fn decrypt(&mut self, message: &[u8]) -> Result<Zeroizing<Vec<u8>>, OlmError> {
        let message = Message::from_bytes(message).map_err(|_| OlmError)?;
        self.0.decrypt(&OlmMessage::Normal(message)).map(Zeroizing::new).map_err(|_| OlmError)
    }

    /// Returns a copy, for a step that may fail.
    pub(crate) fn duplicate(&self) -> Self {
        Self(olm::Session::from_pickle(self.0.pickle()))
    }
}

fn encode_pickle<T: serde::Serialize, W: Write>(pickle: &T, e: &mut Encoder<W>) -> Result<(), encode::Error<W::Error>> {
    let mut text = Zeroizing::new(Vec::with_capacity(PICKLE_ROOM));
    serde_json::to_writer(&mut *text, pickle).map_err(|_| encode::Error::message("a pickle is plain data"))?;
    e.bytes(&text)?.ok()
}

fn decode_pickle<T: serde::de::DeserializeOwned>(d: &mut Decoder<'_>) -> Result<T, decode::Error> {
    serde_json::from_slice(d.bytes()?).map_err(|_| decode::Error::message("not a pickle"))
}

impl<C> Encode<C> for OlmAccount {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        encode_pickle(&self.0.pickle(), e)
    }
}

impl<'b, C> Decode<'b, C> for OlmAccount {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        decode_pickle(d).map(|pickle| Self(olm::Account::from_pickle(pickle)))
    }
}

impl<C> Encode<C> for OlmSession {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        encode_pickle(&self.0.pickle(), e)
    }
}

impl<'b, C> Decode<'b, C> for OlmSession {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        decode_pickle(d).map(|pickle| Self(olm::Session::from_pickle(pickle)))
    }
}
