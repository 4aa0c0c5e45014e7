//! Serving: the accept loop, and what a program gives so that bytes find their way in.
//!
//! It bounds how many connections there are and how long each may take for anything, and winds them down in
//! order. It neither looks into the bytes nor remembers who brought them; the peer's address is dropped in the
//! accept loop, where nothing but a salted hash of its network is counted.

mod connection;
mod crowd;
mod doorway;
mod site;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;

pub use site::Pages;

use crate::limits::ListenerLimits;
use crate::live::{LiveReceiver, LiveSender};
use crate::server::connection::Shared;
use crate::server::crowd::Crowd;
use crate::server::doorway::Doorway;
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

    /// Answers a `GET` or `HEAD` of any other path with a file, for a web app; without one there is nothing. It must not block.
    fn page(&self, _path: &str, _headers: &http::HeaderMap) -> Option<http::Response<Bytes>> {
        None
    }

    /// Hears that a connection got no place, or had to give its own up. Called in the accept loop: it is to count, not to work.
    fn turned_away(&self, _: TurnedAway) {}
}

/// Why a connection was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TurnedAway {
    /// Its network has as many as it may, or comes too fast.
    Network,
    /// All places were taken, and of those that are not live connections it had done nothing longest.
    Room,
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
        let (doorway, crowd) = (Doorway::new(&limits), Crowd::new(&limits));
        let drain = limits.drain;
        let shared = Arc::new(Shared { site, tls, limits, doorway: Arc::clone(&doorway) });
        let mut connections = JoinSet::new();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                (stream, of_network) = accept(&tcp, &crowd, &shared.site) => {
                    let place = tokio::select! {
                        () = &mut stop => break,
                        place = make_room(&doorway, &shared.site) => place,
                    };
                    let (shared, told_to_stop) = (Arc::clone(&shared), told_to_stop.clone());
                    let waits = doorway.wait();
                    let number = waits.number();
                    let task = connections.spawn(async move {
                        connection::serve(shared, stream, of_network.turns(), waits, told_to_stop).await;
                        drop((place, of_network));
                    });
                    doorway.can_be_ended(number, task);
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

/// Finds a place for somebody who is here: an empty one, or that of whoever has done nothing in the doorway longest.
async fn make_room<S: Site>(doorway: &Doorway, site: &S) -> doorway::Place {
    if let Some(place) = doorway.try_enter() {
        return place;
    }
    if doorway.send_the_idlest_away() {
        site.turned_away(TurnedAway::Room);
    }
    doorway.enter().await
}

/// Waits for a connection. Whose address it came from is forgotten right here.
async fn accept<S: Site>(tcp: &TcpListener, crowd: &Arc<Crowd>, site: &S) -> (TcpStream, crowd::Place) {
    let mut is_told = false;
    loop {
        match tcp.accept().await {
            Ok((stream, peer)) => {
                // Without a place it is closed here, before a byte of it was read or any work was done for it.
                let Some(place) = crowd.enter(peer.ip(), Instant::now()) else {
                    site.turned_away(TurnedAway::Network);
                    continue;
                };
                let _ = stream.set_nodelay(true);
                return (stream, place);
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
