//! The handshake that turns an HTTP/1.1 connection into a WebSocket (RFC 6455 §4), for both sides.
//!
//! It reads and writes headers only. The frames after it are the business of `live`.

use data_encoding::BASE64;
use http::header::{self, HeaderMap, HeaderValue};
use rand::TryRng as _;
use rand::rngs::SysRng;

/// A client's challenge: proof that the other side read the upgrade and is no cache answering from memory.
pub(crate) struct Challenge {
    text: String,
}

impl Challenge {
    /// Draws a fresh challenge; `None` when the system has no randomness.
    pub(crate) fn draw() -> Option<Self> {
        let mut nonce = [0_u8; 16];
        SysRng.try_fill_bytes(&mut nonce).ok()?;
        Some(Self { text: BASE64.encode(&nonce) })
    }

    /// Writes the headers of the request.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        if let Ok(value) = HeaderValue::from_str(&self.text) {
            headers.insert(header::SEC_WEBSOCKET_KEY, value);
        }
    }

    /// Tells whether the headers of the answer accept this very challenge.
    pub(crate) fn is_met(&self, headers: &HeaderMap) -> bool {
        has_token(headers, &header::UPGRADE, "websocket")
            && has_token(headers, &header::CONNECTION, "upgrade")
            && headers
                .get(header::SEC_WEBSOCKET_ACCEPT)
                .is_some_and(|value| value.as_bytes() == accept_text(self.text.as_bytes()).as_bytes())
    }
}

/// Returns the `Sec-WebSocket-Accept` value for a request, or `None` when the request asks for something else.
pub(crate) fn accept(headers: &HeaderMap) -> Option<HeaderValue> {
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?.as_bytes();
    let is_key = BASE64.decode(key).is_ok_and(|nonce| nonce.len() == 16);
    let is_version = headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|value| value.as_bytes() == b"13");
    let wanted =
        has_token(headers, &header::UPGRADE, "websocket") && has_token(headers, &header::CONNECTION, "upgrade");
    if is_key && is_version && wanted { HeaderValue::from_str(&accept_text(key)).ok() } else { None }
}

fn accept_text(key: &[u8]) -> String {
    let mut hash = sha1_smol::Sha1::new();
    hash.update(key);
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    BASE64.encode(&hash.digest().bytes())
}

fn has_token(headers: &HeaderMap, name: &header::HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_value_is_the_one_of_rfc_6455() {
        assert_eq!(accept_text(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_challenge_is_met_by_its_own_accept_value_only() {
        let challenge = Challenge::draw().unwrap();
        let mut request = HeaderMap::new();
        challenge.write(&mut request);
        let mut answer = HeaderMap::new();
        answer.insert(header::UPGRADE, HeaderValue::from_static("WebSocket"));
        answer.insert(header::CONNECTION, HeaderValue::from_static("keep-alive, Upgrade"));
        answer.insert(header::SEC_WEBSOCKET_ACCEPT, accept(&request).unwrap());
        assert!(challenge.is_met(&answer));
        assert!(!Challenge::draw().unwrap().is_met(&answer));
    }

    #[test]
    fn a_request_without_a_sixteen_byte_key_is_not_accepted() {
        let mut request = HeaderMap::new();
        Challenge::draw().unwrap().write(&mut request);
        for key in ["", "AAAA", "not base64 at all======="] {
            request.insert(header::SEC_WEBSOCKET_KEY, HeaderValue::from_static(key));
            assert!(accept(&request).is_none(), "{key}");
        }
    }
}
