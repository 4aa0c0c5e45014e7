//! Carriers: how bytes move between a client and a home server, and between home servers.
//!
//! Two carriers exist: one-shot requests over HTTP(S) and live connections over WebSocket. Both move opaque
//! bytes: whatever they carry was sealed above. This crate never looks into the bytes, holds no key of the
//! protocol, keeps no address and writes none into a log.
//!
//! - [`Listener`] serves the paths of [`path`] and hands the bytes to a [`Handler`].
//! - [`Carrier`] reaches the same paths on another server. Every address it dials is checked against an
//!   [`AddressPolicy`] after name resolution, redirects are never followed and proxy variables of the
//!   environment are not looked at.
//! - [`LiveSender`] and [`LiveReceiver`] are the two halves of a live connection, alike on both sides.
//!
//! - [`PageReader`] reads pages of the web, for previews: the only thing here that reaches others than home servers.
//!
//! Only HTTP/1.1 is spoken: requests are few and small, live traffic runs over WebSocket, and every protocol
//! that is not there needs no limits.

#[cfg(feature = "acme")]
pub mod acme;
mod address;
mod body;
mod client;
mod limits;
mod live;
mod pace;
mod pages;
mod server;
mod tls;
mod upgrade;

pub use crate::{
    address::{AddressKind, AddressPolicy, RefusedAddress},
    client::{Carrier, CarrierBuilder, CarrierError, Stage},
    limits::{CarrierLimits, ListenerLimits, LiveLimits, LoopbackPeers, MAX_MESSAGE},
    live::{LiveEnd, LiveReceiver, LiveSender, SendError},
    pages::{Page, PageAddress, PageError, PageReader, Wanted},
    server::{Answer, BindError, Handler, Listener, Pages, TurnedAway},
    tls::{ServerIdentity, TlsError, TrustAnchors},
};

/// The paths of the protocol below a server's address.
pub mod path {
    /// One-shot requests (`POST`) and the signed descriptor (`GET`).
    pub const ONE_SHOT: &str = "/kith/v1";
    /// Live connections (WebSocket, binary messages).
    pub const LIVE: &str = "/kith/v1/live";
    /// Where a domain tells which home server serves it.
    pub const WELL_KNOWN: &str = "/.well-known/kith";
}
