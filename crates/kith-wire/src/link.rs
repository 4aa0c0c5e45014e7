//! Cards as links: `kith:card/` and base64url (RFC 4648 §5) without padding.

use data_encoding::BASE64URL_NOPAD;
use thiserror::Error;

use crate::card::CardOffer;
use crate::codec::{DecodeError, Wire};

/// How every card link starts.
pub const CARD_PREFIX: &str = "kith:card/";

/// Why a text is not a card link.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LinkError {
    /// KW-16: it does not start with `kith:card/`.
    #[error("a contact card link starts with {CARD_PREFIX}")]
    NotACard,
    /// KW-16: a character is not base64url, or the text was cut.
    #[error("the link is damaged or cut short")]
    Damaged,
    /// What the link carries is not a card.
    #[error("the link is not a contact card: {0}")]
    Content(#[from] DecodeError),
}

/// Writes a card as a link.
pub fn card_to_link(offer: &CardOffer) -> String {
    format!("{CARD_PREFIX}{}", BASE64URL_NOPAD.encode(&offer.to_bytes()))
}

/// Reads a card link.
///
/// # Errors
/// [`LinkError`] when the text is not a link to a card (KW-16) or carries something else.
pub fn card_from_link(text: &str) -> Result<CardOffer, LinkError> {
    let encoded = text.trim().strip_prefix(CARD_PREFIX).ok_or(LinkError::NotACard)?;
    if encoded.len() > CardOffer::MAX_BYTES * 2 {
        return Err(LinkError::Damaged);
    }
    let bytes = BASE64URL_NOPAD.decode(encoded.as_bytes()).map_err(|_| LinkError::Damaged)?;
    Ok(CardOffer::from_bytes(&bytes)?)
}
