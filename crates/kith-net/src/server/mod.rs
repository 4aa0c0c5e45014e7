//! Serving: the accept loop, and what a program gives so that bytes find their way in.
//!
//! It bounds how many connections there are and how long each may take for anything, and winds them down in
//! order. It neither looks into the bytes nor remembers who brought them; the peer's address is dropped in the
//! accept loop, where nothing but a salted hash of its network is counted.

mod connection;
mod crowd;
mod site;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;

pub use site::Pages;

use crate::limits::ListenerLimits;
use crate::live::{LiveReceiver, LiveSender};
use crate::server::connection::Shared;
use crate::server::crowd::{Crowd, Place};
use crate::server::site::{Home, Site};
use crate::tls::ServerIdentity;

/// What a program does with the bytes that a [`Listener`] brings.
///
/// A future that is dropped means that the peer is gone: whatever it asked for may still happen.
pub trait Handler: Send + Sync + 'static {
    /// Returns the signed descriptor.
    fn descriptor(&self) -> impl Future<Output = Answer> + Send;

    /// Answers one sealed request of at most [`MAX_MESSAGE`](crate::MAX_MESSAGE) bytes.
    fn one_shot(&self, request: Bytes) -> impl Future<Output = Answer> + Send;

    /// Talks on a live connection until it ends. Returning closes the connection.
    fn live(&self, sender: LiveSender, receiver: LiveReceiver) -> impl Future<Output = ()> + Send;

    /// Returns the JSON text of `/.well-known/kith`.
    fn well_known(&self) -> String;
}

/// What a [`Handler`] answers.
#[derive(Debug)]
#[non_exhaustive]
pub enum Answer {
    /// These bytes, whatever they mean.
    Bytes(Bytes),
    /// Too much to do; ask again after this time.
    Busy {
        /// Whole seconds are told, at least one.
        retry_after: Duration,
    },
    /// The request cannot be one.
    Refused,
}

/// A bound port that waits for connections.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
    limits: ListenerLimits,
    local: SocketAddr,
}

impl Listener {
    /// Binds `address`; with an identity, only TLS is spoken there.
    ///
    /// # Errors
    ///
    /// The operating system does not give the address.
    pub async fn bind(
        address: SocketAddr,
        identity: Option<ServerIdentity>,
        limits: ListenerLimits,
    ) -> Result<Self, BindError> {
        let tcp = TcpListener::bind(address).await.map_err(|reason| BindError { reason })?;
        let local = tcp.local_addr().map_err(|reason| BindError { reason })?;
        let tls = identity.map(|identity| TlsAcceptor::from(identity.config));
        Ok(Self { tcp, tls, limits, local })
    }

    /// Returns the address that was bound, with the port that was given for port 0.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.local
    }

    /// Serves the protocol until `stop` resolves; then takes no more connections, lets requests in flight finish,
    /// tells live connections to come back, and returns when all are done or the time for that is over.
    pub async fn serve<H: Handler>(self, handler: Arc<H>, stop: impl Future<Output = ()>) {
        self.run(Home { handler }, stop).await;
    }

    /// Serves pages of text and nothing else.
    pub async fn serve_pages(self, pages: Pages, stop: impl Future<Output = ()>) {
        self.run(pages, stop).await;
    }

    async fn run<S: Site>(self, site: S, stop: impl Future<Output = ()>) {
        let Self { tcp, tls, limits, .. } = self;
        let (stopping, told_to_stop) = watch::channel(false);
        let permits = Arc::new(Semaphore::new(limits.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
        let crowd = Crowd::new(&limits);
        let drain = limits.drain;
        let shared = Arc::new(Shared { site, tls, limits });
        let mut connections = JoinSet::new();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                (stream, permit, place) = accept(&tcp, &permits, &crowd) => {
                    let shared = Arc::clone(&shared);
                    let told_to_stop = told_to_stop.clone();
                    connections.spawn(async move {
                        connection::serve(shared, stream, place.turns(), told_to_stop).await;
                        drop((permit, place));
                    });
                }
                Some(_) = connections.join_next() => {}
            }
        }
        drop(tcp);
        stopping.send_replace(true);
        let drained = async { while connections.join_next().await.is_some() {} };
        if timeout(drain, drained).await.is_err() {
            tracing::info!("some connections did not end in time and are cut");
            connections.shutdown().await;
        }
    }
}

/// Why a listener could not be bound.
#[derive(Debug, Error)]
#[error("the listening address cannot be used: {reason}")]
pub struct BindError {
    /// What the operating system said.
    pub reason: std::io::Error,
}

/// Waits for room, then for a connection. Whose address it came from is forgotten right here.
async fn accept(
    tcp: &TcpListener,
    permits: &Arc<Semaphore>,
    crowd: &Arc<Crowd>,
) -> (TcpStream, OwnedSemaphorePermit, Place) {
    let permit = loop {
        match Arc::clone(permits).acquire_owned().await {
            Ok(permit) => break permit,
            // The semaphore is never closed; should that change, nothing more is accepted.
            Err(_) => std::future::pending::<()>().await,
        }
    };
    let mut is_told = false;
    loop {
        match tcp.accept().await {
            Ok((stream, peer)) => {
                // Without a place it is closed here, before a byte of it was read or any work was done for it.
                let Some(place) = crowd.enter(peer.ip(), Instant::now()) else { continue };
                let _ = stream.set_nodelay(true);
                return (stream, permit, place);
            }
            Err(error) => {
                // Out of file descriptors, mostly: some connection has to end first. Said once, not ten times a second.
                if !std::mem::replace(&mut is_told, true) {
                    tracing::warn!(kind = ?error.kind(), "a connection could not be accepted");
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Pause after a failed accept. Long enough not to spin, short enough not to be noticed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
