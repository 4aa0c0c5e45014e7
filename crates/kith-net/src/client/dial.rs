//! From a server's URL to an open connection: resolve, filter, connect, TLS.
//!
//! The address that passed the policy is the address that is connected to; the name is not resolved a second
//! time in between. It sends no byte of a request.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};

use kith_wire::address::{Scheme, ServerUrl};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::address::AddressPolicy;
use crate::client::error::{CarrierError, Stage};
use crate::limits::CarrierLimits;

/// A byte stream, with or without TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Opens a connection to the server at `url`, within the time that `limits` give.
pub(crate) async fn dial(
    url: &ServerUrl,
    policy: AddressPolicy,
    limits: &CarrierLimits,
    tls: &TlsConnector,
) -> Result<Box<dyn Stream>, CarrierError> {
    let mut stage = Stage::Resolve;
    let dialling = dial_in_stages(url, policy, limits, tls, &mut stage);
    match timeout(limits.connect, dialling).await {
        Ok(outcome) => outcome,
        Err(_) => Err(CarrierError::TimedOut { stage }),
    }
}

async fn dial_in_stages(
    url: &ServerUrl,
    policy: AddressPolicy,
    limits: &CarrierLimits,
    tls: &TlsConnector,
    stage: &mut Stage,
) -> Result<Box<dyn Stream>, CarrierError> {
    let addresses = allowed_addresses(url, policy, limits.max_addresses).await?;
    *stage = Stage::Connect;
    let tcp = connect_to_any(&addresses, limits).await?;
    // Requests are written whole: waiting for more bytes before sending would only add delay.
    let _ = tcp.set_nodelay(true);
    if url.scheme() == Scheme::Http {
        return Ok(Box::new(tcp));
    }
    *stage = Stage::Handshake;
    let name = ServerName::try_from(url.host().to_owned()).map_err(|_| CarrierError::Handshake)?;
    let stream = tls.connect(name, tcp).await.map_err(|error| handshake_error(&error))?;
    Ok(Box::new(stream))
}

/// Resolves the name and keeps the addresses that may be dialled.
async fn allowed_addresses(
    url: &ServerUrl,
    policy: AddressPolicy,
    max_addresses: usize,
) -> Result<Vec<SocketAddr>, CarrierError> {
    let unreachable = CarrierError::Unreachable { stage: Stage::Resolve };
    let resolved: Vec<SocketAddr> = match url.host().parse::<IpAddr>() {
        Ok(literal) => vec![SocketAddr::new(literal, url.port())],
        Err(_) => {
            let (host, port) = (url.host().to_owned(), url.port());
            let lookup = async move { tokio::net::lookup_host((host, port)).await.map(Iterator::collect) };
            look_up(&LOOKUPS, lookup).await.ok_or(unreachable)?
        }
    };
    let mut allowed = Vec::new();
    let mut refused = None;
    for address in resolved {
        match policy.check(address.ip()) {
            Ok(()) if allowed.len() < max_addresses => allowed.push(address),
            Ok(()) => {}
            Err(refusal) => refused = Some(refusal),
        }
    }
    match refused {
        _ if !allowed.is_empty() => Ok(allowed),
        Some(refusal) => Err(refusal.into()),
        None => Err(unreachable),
    }
}

/// Looks a name up, when one of so many places is free. The system's resolver holds a thread until it gives up, long after whoever asked has gone: the place
/// is taken for as long as that, so that names which nobody answers for take no more threads than there are places.
async fn look_up(
    places: &'static Semaphore,
    lookup: impl Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
) -> Option<Vec<SocketAddr>> {
    let place = places.acquire().await.ok()?;
    let looking = tokio::spawn(async move {
        let found = lookup.await;
        drop(place);
        found
    });
    looking.await.ok()?.ok()
}

/// Places for names that are looked up at once, in the whole process. Each holds a thread of the system's, mostly for milliseconds; a server that is asked
/// for names which nobody answers for holds each for some ten seconds.
static LOOKUPS: Semaphore = Semaphore::const_new(64);

/// Tries one address after the other; each gets an equal share of the time.
async fn connect_to_any(addresses: &[SocketAddr], limits: &CarrierLimits) -> Result<TcpStream, CarrierError> {
    let share = limits.connect / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let mut last = CarrierError::Unreachable { stage: Stage::Connect };
    for address in addresses {
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(_)) => {}
            Err(_) => last = CarrierError::TimedOut { stage: Stage::Connect },
        }
    }
    Err(last)
}

fn handshake_error(error: &std::io::Error) -> CarrierError {
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(_)) => CarrierError::Certificate,
        Some(_) => CarrierError::Handshake,
        None if error.kind() == ErrorKind::UnexpectedEof => CarrierError::Handshake,
        None => CarrierError::Closed,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn names_that_nobody_answers_for_hold_so_many_places_and_no_more_also_when_nobody_waits_for_them() {
        let places: &'static Semaphore = Box::leak(Box::new(Semaphore::new(2)));
        let slow = |until: oneshot::Receiver<()>| async move {
            let _ = until.await;
            Ok(vec![])
        };
        let short = Duration::from_secs(1);
        let (mut ends, mut is_over) = (Vec::new(), Vec::new());
        for _ in 0..2 {
            let (end, until) = oneshot::channel();
            ends.push(end);
            is_over.push(timeout(short, look_up(places, slow(until))).await.is_err());
        }
        assert_eq!(is_over, [true, true], "whoever asked has gone");
        let address = "192.0.2.1:5484".parse().unwrap();
        let quick = || async move { Ok(vec![address]) };
        assert!(timeout(short, look_up(places, quick())).await.is_err(), "both places are taken all the same");
        ends.pop().unwrap().send(()).unwrap();
        assert_eq!(timeout(short, look_up(places, quick())).await.unwrap(), Some(vec![address]));
        assert_eq!(look_up(places, async { Err(ErrorKind::NotFound.into()) }).await, None);
    }
}
