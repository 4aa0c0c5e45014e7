//! What bounds a carrier: sizes, times and numbers. It holds values only, no behaviour.

use std::time::Duration;

/// Largest body of a one-shot request or answer, and largest message of a live connection, in bytes.
///
/// The largest object of the protocol is a sealed blob chunk (64 KiB and its envelope). One connection can
/// make us hold at most two of these at once (one in, one out), so a thousand connections cost under 200 MiB
/// even when all of them push against the limit.
pub const MAX_MESSAGE: usize = kith_wire::limits::MAX_SEALED_BYTES;

/// Bounds of a [`Listener`](crate::Listener). The default suits a server at home.
#[derive(Clone, Debug)]
pub struct ListenerLimits {
    /// Connections open at the same time. When they are, each further one takes the place of the one that has done
    /// nothing longest and is not a live one; without such a one it waits.
    pub max_connections: usize,
    /// Of these, places that live connections cannot take, so that requests always find some.
    pub reserved: usize,
    /// Of these, connections from one network (/24 of IPv4, /48 of IPv6); further ones are closed at once. Sixteen
    /// networks together can fill the default: one attacker's cannot. Many people behind one address of a provider fit.
    pub max_per_network: usize,
    /// New connections of one network in a second, 0 for no bound; after a rest as many at once as it may have. Further
    /// ones are closed at once. A TLS handshake costs a millisecond, so that one network takes some percent of a core.
    pub connects_per_network: u32,
    /// Requests and live messages of one network in a second, 0 for no bound; after a rest as many at once. Further
    /// ones wait. To open one sealed request costs 0.2 ms, so that one network takes some tenth of a core.
    pub requests_per_network: u32,
    /// Whether connections from this machine count as a network.
    pub loopback: LoopbackPeers,
    /// How long a TLS handshake may take.
    pub tls_handshake: Duration,
    /// How long the head of a request may take, counted from the moment the connection is ready for it. It
    /// therefore also ends connections that stay idle between two requests.
    pub request_head: Duration,
    /// How long the body of a request may take.
    pub request_body: Duration,
    /// How long the handler may take for an answer before the caller is told to come back later.
    pub answer: Duration,
    /// How long one HTTP connection may be reused in total. A peer that never reads its answers is gone by then.
    pub connection_age: Duration,
    /// How long requests in flight and live connections may take to end after the listener was told to stop.
    pub drain: Duration,
    /// Bounds of each live connection.
    pub live: LiveLimits,
}

/// What connections from this machine count as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoopbackPeers {
    /// No network: a proxy on this machine brings everybody's connections.
    #[default]
    Exempt,
    /// A network like any other.
    Counted,
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self {
            max_connections: 4096,
            reserved: 512,
            max_per_network: 256,
            connects_per_network: 32,
            requests_per_network: 512,
            loopback: LoopbackPeers::default(),
            tls_handshake: Duration::from_secs(10),
            request_head: Duration::from_secs(15),
            request_body: Duration::from_secs(30),
            answer: Duration::from_secs(60),
            connection_age: Duration::from_secs(600),
            drain: Duration::from_secs(10),
            live: LiveLimits::default(),
        }
    }
}

/// Bounds of one live connection, alike on both sides.
#[derive(Clone, Copy, Debug)]
pub struct LiveLimits {
    /// Silence after which a ping is sent. Below the 60 s after which many home routers forget a mapping.
    pub ping_every: Duration,
    /// Silence of the other side after which the connection counts as dead.
    pub idle: Duration,
    /// How long the rest of a message that has begun may be waited for.
    pub message: Duration,
    /// How long one message may take to leave. A peer that stops reading is cut after this.
    pub write: Duration,
    /// How long the closing handshake may take.
    pub close: Duration,
    /// Pings and pongs that the other side may send in the time of `idle`. Each ping must be answered, and the answers wait
    /// in memory when nobody reads them.
    pub pings: usize,
    /// Messages held per direction between the connection and the program before the peer has to wait.
    pub window: usize,
}

impl Default for LiveLimits {
    fn default() -> Self {
        Self {
            ping_every: Duration::from_secs(30),
            idle: Duration::from_secs(90),
            message: Duration::from_secs(30),
            write: Duration::from_secs(30),
            close: Duration::from_secs(2),
            pings: 64,
            window: 8,
        }
    }
}

/// Bounds of a [`Carrier`](crate::Carrier).
#[derive(Clone, Debug)]
pub struct CarrierLimits {
    /// How long name resolution, connecting and the TLS handshake may take together.
    pub connect: Duration,
    /// How long a whole exchange may take, connecting included.
    pub exchange: Duration,
    /// Addresses of one name that are tried, in the order the resolver gave them.
    pub max_addresses: usize,
    /// How long an idle connection is kept for the next exchange. Below the listener's own patience, so that
    /// it is rarely found dead.
    pub keep_idle: Duration,
    /// Idle connections kept per server.
    pub max_idle_per_server: usize,
    /// Bounds of each live connection.
    pub live: LiveLimits,
}

impl Default for CarrierLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            exchange: Duration::from_secs(60),
            max_addresses: 6,
            keep_idle: Duration::from_secs(10),
            max_idle_per_server: 2,
            live: LiveLimits::default(),
        }
    }
}
