//! The `[limits]` section: what strangers may take up, and for how long.

use std::time::Duration;

use kith_net::{CarrierLimits, ListenerLimits, LiveLimits, LoopbackPeers};
use serde::{Deserialize, Serialize};

use crate::config::ConfigError;
use crate::duration::Span;

/// What strangers may take up, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Connections at the same time.
    pub(crate) connections: usize,
    /// Of these, places that live connections cannot take.
    pub(crate) reserved: usize,
    /// Connections from one network.
    pub(crate) connections_per_network: usize,
    /// New connections of one network in a second; 0 is no bound.
    pub(crate) connects_per_network: u32,
    /// Requests and live messages of one network in a second; 0 is no bound.
    pub(crate) requests_per_network: u32,
    /// Whether connections from this machine count as a network.
    pub(crate) count_loopback: bool,
    /// Live connections that have proven no key yet.
    pub(crate) unproven: usize,
    /// How long they may take for that.
    pub(crate) proof: Span,
    /// Bytes of the disk that stay free.
    pub(crate) disk_reserve: u64,
    /// Bytes that the data folder may take; 0 is no bound.
    pub(crate) store_bytes: u64,
    /// How long a TLS handshake may take.
    pub(crate) tls_handshake: Span,
    /// How long the head of a request may take, and how long a connection may idle between two.
    pub(crate) request_head: Span,
    /// How long the body of a request may take.
    pub(crate) request_body: Span,
    /// How long an answer may take.
    pub(crate) answer: Span,
    /// How long one HTTP connection may be used.
    pub(crate) connection_age: Span,
    /// How long a live connection may be silent before it is pinged.
    pub(crate) ping: Span,
    /// How long a live connection may be silent before it counts as dead.
    pub(crate) silence: Span,
    /// Pings and pongs of a live connection within such a silence.
    pub(crate) pings: usize,
    /// How long the rest of a live message that has begun may be waited for.
    pub(crate) message: Span,
    /// How long one message may take to leave.
    pub(crate) write: Span,
    /// How long the closing handshake of a live connection may take.
    pub(crate) close: Span,
    /// Messages held per live connection and direction before the other side has to wait.
    pub(crate) messages: usize,
    /// Exchanges with other home servers that people wait for, all together.
    pub(crate) exchanges: usize,
    /// Of these, exchanges with one server.
    pub(crate) exchanges_per_server: usize,
    /// How long it may take to reach another home server.
    pub(crate) connect: Span,
    /// How long another home server may take, reaching it included.
    pub(crate) peer: Span,
    /// How long everything may take to end when the server stops.
    pub(crate) drain: Span,
}

/// What one source says of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitLayer {
    connections: Option<usize>,
    reserved: Option<usize>,
    connections_per_network: Option<usize>,
    connects_per_network: Option<u32>,
    requests_per_network: Option<u32>,
    count_loopback: Option<bool>,
    unproven: Option<usize>,
    proof: Option<Span>,
    disk_reserve: Option<u64>,
    store_bytes: Option<u64>,
    tls_handshake: Option<Span>,
    request_head: Option<Span>,
    request_body: Option<Span>,
    answer: Option<Span>,
    connection_age: Option<Span>,
    ping: Option<Span>,
    silence: Option<Span>,
    pings: Option<usize>,
    message: Option<Span>,
    write: Option<Span>,
    close: Option<Span>,
    messages: Option<usize>,
    exchanges: Option<usize>,
    exchanges_per_server: Option<usize>,
    connect: Option<Span>,
    peer: Option<Span>,
    drain: Option<Span>,
}

impl LimitLayer {
    /// Returns this layer, with `below` showing through where it says nothing.
    pub(crate) fn over(self, below: Self) -> Self {
        Self {
            connections: self.connections.or(below.connections),
            reserved: self.reserved.or(below.reserved),
            connections_per_network: self.connections_per_network.or(below.connections_per_network),
            connects_per_network: self.connects_per_network.or(below.connects_per_network),
            requests_per_network: self.requests_per_network.or(below.requests_per_network),
            count_loopback: self.count_loopback.or(below.count_loopback),
            unproven: self.unproven.or(below.unproven),
            proof: self.proof.or(below.proof),
            disk_reserve: self.disk_reserve.or(below.disk_reserve),
            store_bytes: self.store_bytes.or(below.store_bytes),
            tls_handshake: self.tls_handshake.or(below.tls_handshake),
            request_head: self.request_head.or(below.request_head),
            request_body: self.request_body.or(below.request_body),
            answer: self.answer.or(below.answer),
            connection_age: self.connection_age.or(below.connection_age),
            ping: self.ping.or(below.ping),
            silence: self.silence.or(below.silence),
            pings: self.pings.or(below.pings),
            message: self.message.or(below.message),
            write: self.write.or(below.write),
            close: self.close.or(below.close),
            messages: self.messages.or(below.messages),
            exchanges: self.exchanges.or(below.exchanges),
            exchanges_per_server: self.exchanges_per_server.or(below.exchanges_per_server),
            connect: self.connect.or(below.connect),
            peer: self.peer.or(below.peer),
            drain: self.drain.or(below.drain),
        }
    }

    /// Checks what is said and fills the rest with the defaults.
    pub(crate) fn into_limits(self) -> Result<Limits, ConfigError> {
        let default = ListenerLimits::default();
        let quotas = kith_home::Quotas::default();
        let connections = self.connections.unwrap_or(default.max_connections);
        let limits = Limits {
            connections,
            reserved: self.reserved.unwrap_or(default.reserved.min(connections / 8)),
            connections_per_network: self.connections_per_network.unwrap_or(default.max_per_network),
            connects_per_network: self.connects_per_network.unwrap_or(default.connects_per_network),
            requests_per_network: self.requests_per_network.unwrap_or(default.requests_per_network),
            count_loopback: self.count_loopback.unwrap_or(default.loopback == LoopbackPeers::Counted),
            unproven: self.unproven.unwrap_or(UNPROVEN),
            proof: self.proof.unwrap_or(Span(PROOF)),
            disk_reserve: self.disk_reserve.unwrap_or(DISK_RESERVE),
            store_bytes: self.store_bytes.unwrap_or(0),
            tls_handshake: self.tls_handshake.unwrap_or(Span(default.tls_handshake)),
            request_head: self.request_head.unwrap_or(Span(default.request_head)),
            request_body: self.request_body.unwrap_or(Span(default.request_body)),
            answer: self.answer.unwrap_or(Span(default.answer)),
            connection_age: self.connection_age.unwrap_or(Span(default.connection_age)),
            ping: self.ping.unwrap_or(Span(default.live.ping_every)),
            silence: self.silence.unwrap_or(Span(default.live.idle)),
            pings: self.pings.unwrap_or(default.live.pings),
            message: self.message.unwrap_or(Span(default.live.message)),
            write: self.write.unwrap_or(Span(default.live.write)),
            close: self.close.unwrap_or(Span(default.live.close)),
            messages: self.messages.unwrap_or(default.live.window),
            exchanges: self.exchanges.unwrap_or(quotas.exchanges_of_all),
            exchanges_per_server: self.exchanges_per_server.unwrap_or(quotas.exchanges_with_a_server),
            connect: self.connect.unwrap_or(Span(CarrierLimits::default().connect)),
            peer: self.peer.unwrap_or(Span(PEER)),
            drain: self.drain.unwrap_or(Span(default.drain)),
        };
        limits.check()?;
        Ok(limits)
    }
}

impl Limits {
    fn check(&self) -> Result<(), ConfigError> {
        let out_of_range = |key, wanted| Err(ConfigError::OutOfRange { key, wanted });
        for (key, value) in [
            ("limits.connections", self.connections),
            ("limits.connections_per_network", self.connections_per_network),
            ("limits.unproven", self.unproven),
            ("limits.pings", self.pings),
            ("limits.exchanges", self.exchanges),
            ("limits.exchanges_per_server", self.exchanges_per_server),
        ] {
            if !(1..=MOST).contains(&value) {
                return out_of_range(key, "from 1 to 1000000");
            }
        }
        if !(1..=MOST_MESSAGES).contains(&self.messages) {
            return out_of_range("limits.messages", "from 1 to 256; each may take 96 KiB, for each connection");
        }
        if self.reserved >= self.connections {
            return out_of_range("limits.reserved", "less than limits.connections, or nobody can be connected");
        }
        if self.exchanges_per_server > self.exchanges {
            return out_of_range("limits.exchanges_per_server", "at most limits.exchanges");
        }
        for (key, span) in [
            ("limits.proof", self.proof),
            ("limits.tls_handshake", self.tls_handshake),
            ("limits.request_head", self.request_head),
            ("limits.request_body", self.request_body),
            ("limits.answer", self.answer),
            ("limits.connection_age", self.connection_age),
            ("limits.ping", self.ping),
            ("limits.silence", self.silence),
            ("limits.message", self.message),
            ("limits.write", self.write),
            ("limits.close", self.close),
            ("limits.connect", self.connect),
            ("limits.peer", self.peer),
            ("limits.drain", self.drain),
        ] {
            if span < SHORTEST || span > LONGEST {
                return out_of_range(key, "from 1s to 1h");
            }
        }
        if self.silence <= self.ping {
            return out_of_range("limits.silence", "longer than limits.ping, or every quiet connection is cut");
        }
        if self.answer <= self.peer {
            return out_of_range("limits.answer", "longer than limits.peer, or nobody learns how a relay ended");
        }
        Ok(())
    }

    /// Returns the layer that says all of them.
    pub(crate) fn layer(&self) -> LimitLayer {
        LimitLayer {
            connections: Some(self.connections),
            reserved: Some(self.reserved),
            connections_per_network: Some(self.connections_per_network),
            connects_per_network: Some(self.connects_per_network),
            requests_per_network: Some(self.requests_per_network),
            count_loopback: Some(self.count_loopback),
            unproven: Some(self.unproven),
            proof: Some(self.proof),
            disk_reserve: Some(self.disk_reserve),
            store_bytes: Some(self.store_bytes),
            tls_handshake: Some(self.tls_handshake),
            request_head: Some(self.request_head),
            request_body: Some(self.request_body),
            answer: Some(self.answer),
            connection_age: Some(self.connection_age),
            ping: Some(self.ping),
            silence: Some(self.silence),
            pings: Some(self.pings),
            message: Some(self.message),
            write: Some(self.write),
            close: Some(self.close),
            messages: Some(self.messages),
            exchanges: Some(self.exchanges),
            exchanges_per_server: Some(self.exchanges_per_server),
            connect: Some(self.connect),
            peer: Some(self.peer),
            drain: Some(self.drain),
        }
    }

    /// Returns them in the words of the listener.
    pub(crate) fn listener(&self) -> ListenerLimits {
        ListenerLimits {
            max_connections: self.connections,
            reserved: self.reserved,
            max_per_network: self.connections_per_network,
            connects_per_network: self.connects_per_network,
            requests_per_network: self.requests_per_network,
            loopback: if self.count_loopback { LoopbackPeers::Counted } else { LoopbackPeers::Exempt },
            tls_handshake: self.tls_handshake.0,
            request_head: self.request_head.0,
            request_body: self.request_body.0,
            answer: self.answer.0,
            connection_age: self.connection_age.0,
            drain: self.drain.0,
            live: LiveLimits {
                ping_every: self.ping.0,
                idle: self.silence.0,
                pings: self.pings,
                message: self.message.0,
                write: self.write.0,
                close: self.close.0,
                window: self.messages,
            },
        }
    }

    /// Returns them in the words of the way to other servers.
    pub(crate) fn carrier(&self) -> CarrierLimits {
        let default = CarrierLimits::default();
        CarrierLimits { connect: self.connect.0.min(self.peer.0), exchange: self.peer.0, ..default }
    }
}

/// Live connections that have proven no key yet (KH-39). A client needs one or two round trips for it.
const UNPROVEN: usize = 512;
/// How long they may take (KH-39): a phone on a bad link, several times over.
const PROOF: Duration = Duration::from_secs(30);
/// How long another server may take: less than a client waits for ours, so that it learns why. A server that lets
/// everybody wait holds its places no longer.
const PEER: Duration = Duration::from_secs(20);
/// Bytes of the disk that stay free (KH-40): room for the log of the store, and for an operator to work in.
const DISK_RESERVE: u64 = 256 * 1024 * 1024;
/// More of anything than one machine holds.
const MOST: usize = 1_000_000;
/// Messages of one live connection in memory: 24 MiB in each direction.
const MOST_MESSAGES: usize = 256;
const SHORTEST: Span = Span(Duration::from_secs(1));
const LONGEST: Span = Span(Duration::from_secs(3600));
