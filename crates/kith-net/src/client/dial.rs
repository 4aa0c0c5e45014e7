//! From a server's URL to an open connection: resolve, filter, connect, TLS.
//!
//! The address that passed the policy is the address that is connected to; the name is not resolved a second
//! time in between. It sends no byte of a request.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};

use kith_wire::address::{Scheme, ServerUrl};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::address::AddressPolicy;
use crate::client::error::{CarrierError, Stage};
use crate::limits::CarrierLimits;

/// A byte stream, with or without TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Opens a connection to the server at `url`, within the time that `limits` give.
pub(super) async fn dial(
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
        Err(_) => tokio::net::lookup_host((url.host(), url.port())).await.map_err(|_| unreachable)?.collect(),
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
