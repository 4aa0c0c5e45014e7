//! Connections that have just answered and may serve the next exchange with the same server.
//!
//! A home server relays many deposits to the same few destinations; a TLS handshake for each would cost more than
//! everything else together. Nothing is kept for long, and no more than a few per server.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use kith_wire::address::ServerUrl;
use tokio::time::Instant;

use crate::limits::CarrierLimits;

/// A connection that is ready for one exchange after the other.
pub(crate) type Connection = SendRequest<Full<Bytes>>;

/// The idle connections of one carrier.
#[derive(Default)]
pub(super) struct Pool {
    idle: Mutex<HashMap<ServerUrl, Vec<Idle>>>,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

impl Pool {
    /// Takes the connection that was used last, if one is still good.
    pub(super) fn take(&self, url: &ServerUrl, limits: &CarrierLimits) -> Option<Connection> {
        let mut all = self.lock();
        let of_server = all.get_mut(url)?;
        while let Some(idle) = of_server.pop() {
            if idle.is_good(limits) {
                return Some(idle.connection);
            }
        }
        all.remove(url);
        None
    }

    /// Keeps a connection for the next exchange, unless there are enough.
    pub(super) fn keep(&self, url: &ServerUrl, connection: Connection, limits: &CarrierLimits) {
        let mut all = self.lock();
        all.retain(|_, of_server| {
            of_server.retain(|idle| idle.is_good(limits));
            !of_server.is_empty()
        });
        let of_server = all.entry(url.clone()).or_default();
        if of_server.len() < limits.max_idle_per_server {
            of_server.push(Idle { connection, since: Instant::now() });
        }
    }

    /// A panic while the lock was held cannot leave the map in a half-changed state that matters: every entry is
    /// checked again before use.
    fn lock(&self) -> MutexGuard<'_, HashMap<ServerUrl, Vec<Idle>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    fn is_good(&self, limits: &CarrierLimits) -> bool {
        !self.connection.is_closed() && self.since.elapsed() < limits.keep_idle
    }
}
