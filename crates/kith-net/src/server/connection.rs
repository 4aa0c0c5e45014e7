//! One connection from handshake to end, in one task: TLS, HTTP requests, and the live connection it may become.
//!
//! Because it is one task, the number of tasks is the number of connections, and winding down is waiting for them.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::client::Stream;
use crate::limits::ListenerLimits;
use crate::live::{self, Role};
use crate::pace::Turns;
use crate::server::doorway::{Answered, Asks, Doorway, LivePlace, Waits};
use crate::server::site::Site;

/// What all connections of one listener share.
pub(super) struct Shared<S> {
    pub(super) site: S,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) limits: ListenerLimits,
    pub(super) doorway: Arc<Doorway>,
}

/// Where a request leaves word that the connection becomes a live one once the answer is out.
pub(super) struct UpgradeSlot {
    doorway: Arc<Doorway>,
    asks: Asks,
    upgrade: Mutex<Option<(OnUpgrade, LivePlace)>>,
}

impl UpgradeSlot {
    /// Tells that a request has come whole and is being answered, until what is returned is dropped.
    pub(super) fn is_being_answered(&self) -> Answered<'_> {
        self.asks.begin()
    }

    /// Returns a place for a live connection if there is one.
    pub(super) fn place(&self) -> Option<LivePlace> {
        self.doorway.try_stay()
    }

    pub(super) fn put(&self, upgrade: OnUpgrade, place: LivePlace) {
        *self.upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some((upgrade, place));
    }

    fn take(&self) -> Option<(OnUpgrade, LivePlace)> {
        self.upgrade.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Serves one connection until it ends or is told to stop.
pub(super) async fn serve<S: Site>(
    shared: Arc<Shared<S>>,
    stream: TcpStream,
    turns: Turns,
    waits: Waits,
    mut told_to_stop: watch::Receiver<bool>,
) {
    // Each part on its own in memory, and gone when it is over: most connections are live ones that wait, and they are to
    // hold nothing of how they began.
    let handshake = Box::pin(timeout(shared.limits.tls_handshake, secure(shared.tls.as_ref(), stream)));
    let stream = tokio::select! {
        outcome = handshake => match outcome {
            Ok(Some(stream)) => stream,
            _ => return,
        },
        () = stopped(&mut told_to_stop) => return,
    };
    let upgrade = Box::pin(serve_requests(&shared, stream, &turns, waits.for_answers(), &mut told_to_stop)).await;
    if let Some((upgrade, _place)) = upgrade
        && waits.leave()
    {
        Box::pin(serve_live(&shared, upgrade, turns, &mut told_to_stop)).await;
    }
}

async fn secure(tls: Option<&TlsAcceptor>, stream: TcpStream) -> Option<Box<dyn Stream>> {
    match tls {
        None => Some(Box::new(stream)),
        Some(acceptor) => Some(Box::new(acceptor.accept(stream).await.ok()?)),
    }
}

async fn serve_requests<S: Site>(
    shared: &Arc<Shared<S>>,
    stream: Box<dyn Stream>,
    turns: &Turns,
    asks: Asks,
    told_to_stop: &mut watch::Receiver<bool>,
) -> Option<(OnUpgrade, LivePlace)> {
    let slot = Arc::new(UpgradeSlot { doorway: Arc::clone(&shared.doorway), asks, upgrade: Mutex::default() });
    let service = service_fn(|request| {
        let shared = Arc::clone(shared);
        let slot = Arc::clone(&slot);
        let turns = turns.clone();
        async move {
            // Before the body is taken: who waits for a turn holds nothing but a head.
            turns.next().await;
            let response = shared.site.respond(request, &shared.limits, &slot).await;
            slot.asks.end();
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.limits.request_head)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        // The clock is told inside sealed answers, to those who need it.
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let is_over = tokio::select! {
        _ = connection.as_mut() => true,
        () = sleep(shared.limits.connection_age) => false,
        () = stopped(told_to_stop) => false,
    };
    if !is_over {
        connection.as_mut().graceful_shutdown();
        let last_request = shared.limits.request_body + shared.limits.answer;
        let _ = timeout(last_request, connection).await;
    }
    slot.take()
}

async fn serve_live<S: Site>(
    shared: &Shared<S>,
    upgrade: OnUpgrade,
    turns: Turns,
    told_to_stop: &mut watch::Receiver<bool>,
) {
    let limits = shared.limits.live;
    // Resolved already: the exchange that promised the upgrade is over. If it broke, there is nobody to talk to.
    let Ok(Ok(upgraded)) = Box::pin(timeout(limits.close, upgrade)).await else { return };
    let (sender, receiver, inner) = live::channel(&limits, turns);
    let going_away = Box::pin(stopped(told_to_stop));
    // Each in memory of its own and exactly as large as it is: `join!` would hold both twice.
    let running = Box::pin(live::run(TokioIo::new(upgraded), Role::Server, limits, inner, going_away));
    let talking = Box::pin(shared.site.live(sender, receiver));
    // What the program hands over leaves in the same turn.
    tokio::join!(biased; talking, running);
}

/// Returns when the listener winds down, also when it is gone altogether.
async fn stopped(told_to_stop: &mut watch::Receiver<bool>) {
    let _ = told_to_stop.wait_for(|is_stopping| *is_stopping).await;
}

/// Bytes in the head of a request: a dozen short headers fit many times over.
const MAX_HEAD: usize = 16 * 1024;
/// Headers in a request. Browsers and proxies send some thirty.
const MAX_HEADERS: usize = 64;
