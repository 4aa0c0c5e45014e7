//! Where a home server is: its URL and the key that proves it.

use std::net::{Ipv4Addr, Ipv6Addr};

use minicbor::decode::{self, Decoder};
use minicbor::encode::{self, Encoder, Write};
use minicbor::{Decode, Encode};
use thiserror::Error;

use crate::codec::Wire;
use crate::id::{SendCapability, SenderId, ServerKey};
use crate::limits::MAX_URL_BYTES;

/// The carrier that a URL asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP: loopback, a closed network, or behind a TLS proxy.
    Http,
    /// HTTP over TLS.
    Https,
}

/// The URL of a home server: `scheme://host[:port]`, at most 200 bytes, lower case, no path (KW-6).
///
/// A host is a name, an IPv4 address in four decimal numbers, or an IPv6 address in brackets in its canonical form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerUrl(String);

/// KW-6: why a text is not the URL of a home server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Longer than 200 bytes.
    #[error("the address is longer than {MAX_URL_BYTES} bytes")]
    TooLong,
    /// The scheme is missing or not one that this version knows.
    #[error("the address must start with https:// or http://")]
    UnknownScheme,
    /// The host is empty or has characters that a host name cannot have.
    #[error("the host name is not valid")]
    BadHost,
    /// The port is not a number from 1 to 65535.
    #[error("the port must be a number from 1 to 65535")]
    BadPort,
    /// Something follows the port: a path, a query, or user information.
    #[error("the address must be only scheme, host and port")]
    Excess,
}

/// The port of a home server when a URL names none.
pub const DEFAULT_PORT: u16 = 5484;

impl ServerUrl {
    /// Parses the strict form that travels on the wire.
    ///
    /// # Errors
    /// [`UrlError`] when the text is not exactly `scheme://host[:port]` in lower case (KW-6).
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.len() > MAX_URL_BYTES {
            return Err(UrlError::TooLong);
        }
        let (_, rest) = split_scheme(text)?;
        if rest.contains(['/', '?', '#', '@', '\\']) {
            return Err(UrlError::Excess);
        }
        let (host, port) = split_port(rest)?;
        check_host(host)?;
        if let Some(port) = port {
            check_port(port)?;
        }
        Ok(Self(text.to_owned()))
    }

    /// Parses what a person typed: adds `https://` when there is no scheme, lowers the case, drops a trailing slash.
    ///
    /// # Errors
    /// [`UrlError`] as for [`parse`](Self::parse).
    pub fn parse_lenient(text: &str) -> Result<Self, UrlError> {
        let text = text.trim().trim_end_matches('/').to_ascii_lowercase();
        let text = if text.contains("://") { text } else { format!("https://{text}") };
        let Some((before, inner, after)) = split_brackets(&text) else { return Self::parse(&text) };
        match inner.parse::<Ipv6Addr>() {
            Ok(address) => Self::parse(&format!("{before}[{address}]{after}")),
            Err(_) => Err(UrlError::BadHost),
        }
    }

    /// Returns the URL as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the carrier.
    pub fn scheme(&self) -> Scheme {
        if self.0.starts_with("https://") { Scheme::Https } else { Scheme::Http }
    }

    /// Returns the host, without brackets around an IPv6 address.
    pub fn host(&self) -> &str {
        self.authority().map_or("", |(host, _)| host.trim_start_matches('[').trim_end_matches(']'))
    }

    /// Returns the port, [`DEFAULT_PORT`] when the URL names none.
    pub fn port(&self) -> u16 {
        self.authority().and_then(|(_, port)| port).and_then(|port| port.parse().ok()).unwrap_or(DEFAULT_PORT)
    }

    fn authority(&self) -> Option<(&str, Option<&str>)> {
        let (_, rest) = split_scheme(&self.0).ok()?;
        split_port(rest).ok()
    }
}

impl std::fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn split_scheme(text: &str) -> Result<(Scheme, &str), UrlError> {
    if let Some(rest) = text.strip_prefix("https://") {
        Ok((Scheme::Https, rest))
    } else if let Some(rest) = text.strip_prefix("http://") {
        Ok((Scheme::Http, rest))
    } else {
        Err(UrlError::UnknownScheme)
    }
}

/// Splits `before[inner]after`.
fn split_brackets(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('[')?;
    let (inner, after) = rest.split_once(']')?;
    Some((before, inner, after))
}

fn split_port(rest: &str) -> Result<(&str, Option<&str>), UrlError> {
    if rest.starts_with('[') {
        let (host, after) = rest.split_once(']').ok_or(UrlError::BadHost)?;
        let host = rest.get(..=host.len()).ok_or(UrlError::BadHost)?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err(UrlError::BadHost),
        };
    }
    match rest.split_once(':') {
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((rest, None)),
    }
}

fn check_host(host: &str) -> Result<(), UrlError> {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        // One spelling for each address (RFC 5952), so that equal servers have equal URLs.
        let is_canonical = inner.parse::<Ipv6Addr>().is_ok_and(|address| address.to_string() == inner);
        return if is_canonical { Ok(()) } else { Err(UrlError::BadHost) };
    }
    if looks_like_ipv4(host) {
        return host.parse::<Ipv4Addr>().map(|_| ()).map_err(|_| UrlError::BadHost);
    }
    let label_is_fine = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    if host.is_empty() || !host.split('.').all(label_is_fine) {
        return Err(UrlError::BadHost);
    }
    Ok(())
}

/// Returns whether resolvers may take the host for an IPv4 address: many also know `127.1`, `0x7f.1` and `2130706433`.
fn looks_like_ipv4(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    !last.is_empty() && (hexadecimal || last.bytes().all(|byte| byte.is_ascii_digit()))
}

fn check_port(port: &str) -> Result<(), UrlError> {
    let canonical = !port.starts_with('0') && port.bytes().all(|byte| byte.is_ascii_digit());
    // Without a leading zero it is not zero either.
    if canonical && port.parse::<u16>().is_ok() { Ok(()) } else { Err(UrlError::BadPort) }
}

impl<C> Encode<C> for ServerUrl {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.str(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for ServerUrl {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Self::parse(d.str()?).map_err(|_| decode::Error::message("not a server URL"))
    }
}

/// A home server as others know it: where it is, and the key that it must prove.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(array)]
pub struct ServerAddress {
    /// Where to reach it.
    #[n(0)]
    pub url: ServerUrl,
    /// Whom to expect there.
    #[n(1)]
    pub key: ServerKey,
}

impl Wire for ServerAddress {
    const NAME: &'static str = "server-address";
    const MAX_BYTES: usize = 256;
}

/// What a contact needs in order to write into a queue.
#[derive(Debug, Clone, Encode, Decode)]
#[cbor(array)]
pub struct QueueAddress {
    /// The home server that holds the queue.
    #[n(0)]
    pub server: ServerAddress,
    /// The queue's name towards its sender.
    #[n(1)]
    pub sender_id: SenderId,
    /// The right to write.
    #[n(2)]
    pub capability: SendCapability,
}

impl Wire for QueueAddress {
    const NAME: &'static str = "queue-address";
    const MAX_BYTES: usize = 384;
}
