//! Reaching a home server: descriptor, one-shot requests, live connections.
//!
//! It follows no redirect, looks at no proxy variable, sends no header that tells programs or versions apart,
//! and decides nothing about retries: a request that may have arrived is never sent twice from here.

pub(crate) mod dial;
mod error;
mod pool;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use kith_wire::address::{Scheme, ServerUrl};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

pub(crate) use dial::Stream;
pub use error::{CarrierError, Stage};

use crate::address::AddressPolicy;
use crate::body::{self, BodyError};
use crate::client::pool::{Connection, Pool};
use crate::limits::{CarrierLimits, MAX_MESSAGE};
use crate::live::{self, LiveReceiver, LiveSender, Role};
use crate::pace::Turns;
use crate::path;
use crate::tls::{TlsError, TrustAnchors};
use crate::upgrade::Challenge;

/// The way to home servers. Clones share limits, trust and idle connections.
#[derive(Clone)]
pub struct Carrier {
    shared: Arc<Shared>,
}

struct Shared {
    policy: AddressPolicy,
    limits: CarrierLimits,
    tls: TlsConnector,
    pool: Pool,
}

impl Carrier {
    /// Starts describing a carrier that dials what `policy` allows.
    #[must_use]
    pub fn builder(policy: AddressPolicy) -> CarrierBuilder {
        CarrierBuilder { policy, limits: CarrierLimits::default(), anchors: TrustAnchors::web() }
    }

    /// Fetches the signed descriptor of the server at `url`; what comes back is not verified.
    ///
    /// # Errors
    ///
    /// See [`CarrierError`].
    pub async fn descriptor(&self, url: &ServerUrl) -> Result<Bytes, CarrierError> {
        self.exchange(url, Method::GET, path::ONE_SHOT, Bytes::new()).await
    }

    /// Fetches what a domain says about its home server.
    ///
    /// # Errors
    ///
    /// See [`CarrierError`].
    pub async fn well_known(&self, url: &ServerUrl) -> Result<Bytes, CarrierError> {
        self.exchange(url, Method::GET, path::WELL_KNOWN, Bytes::new()).await
    }

    /// Sends one sealed request to the server at `url` and returns its answer.
    ///
    /// # Errors
    ///
    /// See [`CarrierError`]. After [`CarrierError::Closed`] and [`CarrierError::TimedOut`] nobody knows whether the
    /// request arrived.
    pub async fn one_shot(&self, url: &ServerUrl, request: Bytes) -> Result<Bytes, CarrierError> {
        if request.len() > MAX_MESSAGE {
            return Err(CarrierError::TooLarge);
        }
        self.exchange(url, Method::POST, path::ONE_SHOT, request).await
    }

    /// Opens a live connection to the server at `url`. It is served by a task of its own until both sides are done.
    ///
    /// # Errors
    ///
    /// See [`CarrierError`].
    pub async fn live(&self, url: &ServerUrl) -> Result<(LiveSender, LiveReceiver), CarrierError> {
        let opening = self.open_live(url);
        match timeout(self.shared.limits.exchange, opening).await {
            Ok(outcome) => outcome,
            Err(_) => Err(CarrierError::TimedOut { stage: Stage::Answer }),
        }
    }

    async fn exchange(&self, url: &ServerUrl, method: Method, path: &str, body: Bytes) -> Result<Bytes, CarrierError> {
        let request = request(url, method, path, body)?;
        match timeout(self.shared.limits.exchange, self.exchange_in_any_time(url, request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(CarrierError::TimedOut { stage: Stage::Answer }),
        }
    }

    async fn exchange_in_any_time(
        &self,
        url: &ServerUrl,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Bytes, CarrierError> {
        let Shared { limits, pool, .. } = &*self.shared;
        while let Some(mut connection) = pool.take(url, limits) {
            match connection.try_send_request(request).await {
                Ok(response) => return self.finish(url, connection, response).await,
                // Only a request that comes back whole was not sent; the next connection may have it.
                Err(mut failure) => match failure.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(failure.into_error().into()),
                },
            }
        }
        let mut connection = self.connect(url).await?;
        let response = connection.send_request(request).await?;
        self.finish(url, connection, response).await
    }

    #[cfg(feature = "acme")]
    pub(crate) fn limits(&self) -> &CarrierLimits {
        &self.shared.limits
    }

    pub(crate) async fn connect(&self, url: &ServerUrl) -> Result<Connection, CarrierError> {
        let Shared { policy, limits, tls, .. } = &*self.shared;
        let stream = dial::dial(url, *policy, limits, tls).await?;
        let (connection, driver) = http1_builder().handshake(TokioIo::new(stream)).await?;
        // The driver ends when the connection handle is dropped or the peer hangs up; why is told by the exchange.
        tokio::spawn(async move {
            let _ = driver.await;
        });
        Ok(connection)
    }

    async fn finish(
        &self,
        url: &ServerUrl,
        connection: Connection,
        response: Response<Incoming>,
    ) -> Result<Bytes, CarrierError> {
        check_status(&response, StatusCode::OK)?;
        let body = read_body(response.into_body()).await?;
        self.shared.pool.keep(url, connection, &self.shared.limits);
        Ok(body)
    }

    async fn open_live(&self, url: &ServerUrl) -> Result<(LiveSender, LiveReceiver), CarrierError> {
        let Shared { policy, limits, tls, .. } = &*self.shared;
        let challenge = Challenge::draw().ok_or(CarrierError::NoRandomness)?;
        let mut request = request(url, Method::GET, path::LIVE, Bytes::new())?;
        challenge.write(request.headers_mut());

        let stream = dial::dial(url, *policy, limits, tls).await?;
        let (mut connection, driver) = http1_builder().handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            let _ = driver.with_upgrades().await;
        });
        let response = connection.send_request(request).await?;
        check_status(&response, StatusCode::SWITCHING_PROTOCOLS)?;
        if !challenge.is_met(response.headers()) {
            return Err(CarrierError::NotAHomeServer);
        }
        let upgraded = hyper::upgrade::on(response).await?;
        let (sender, receiver, inner) = live::channel(&limits.live, Turns::default());
        let stream = TokioIo::new(upgraded);
        tokio::spawn(live::run(stream, Role::Client, limits.live, inner, std::future::pending()));
        Ok((sender, receiver))
    }
}

/// A carrier that is being described.
pub struct CarrierBuilder {
    policy: AddressPolicy,
    limits: CarrierLimits,
    anchors: TrustAnchors,
}

impl CarrierBuilder {
    /// Sets other limits than the default ones.
    #[must_use]
    pub fn limits(mut self, limits: CarrierLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets other trust anchors than [`TrustAnchors::web`].
    #[must_use]
    pub fn trust(mut self, anchors: TrustAnchors) -> Self {
        self.anchors = anchors;
        self
    }

    /// Returns the carrier.
    ///
    /// # Errors
    ///
    /// Fails when this build cannot speak TLS 1.3.
    pub fn build(self) -> Result<Carrier, TlsError> {
        let tls = TlsConnector::from(Arc::new(self.anchors.into_config()?));
        let shared = Shared { policy: self.policy, limits: self.limits, tls, pool: Pool::default() };
        Ok(Carrier { shared: Arc::new(shared) })
    }
}

/// Bounds what a server can make us hold while it sends the head of an answer.
fn http1_builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(16 * 1024).max_headers(32);
    builder
}

fn request(url: &ServerUrl, method: Method, path: &str, body: Bytes) -> Result<Request<Full<Bytes>>, CarrierError> {
    let mut request = Request::builder().method(&method).uri(path).header(header::HOST, host(url)?);
    if method == Method::POST {
        request = request.header(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    }
    // Path and host were checked by their types; a failure here means that they were not.
    request.body(Full::new(body)).map_err(|_| CarrierError::NotAHomeServer)
}

pub(crate) fn host(url: &ServerUrl) -> Result<HeaderValue, CarrierError> {
    let name = if url.host().contains(':') { format!("[{}]", url.host()) } else { url.host().to_owned() };
    let text = match (url.scheme(), url.port()) {
        (Scheme::Http, 80) | (Scheme::Https, 443) => name,
        (_, port) => format!("{name}:{port}"),
    };
    HeaderValue::from_str(&text).map_err(|_| CarrierError::NotAHomeServer)
}

fn check_status(response: &Response<Incoming>, wanted: StatusCode) -> Result<(), CarrierError> {
    let status = response.status();
    if status == wanted {
        return Ok(());
    }
    if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS {
        let seconds = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        return Err(CarrierError::Busy { retry_after: seconds.map(Duration::from_secs) });
    }
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return Err(CarrierError::TooLarge);
    }
    if status.is_redirection() {
        return Err(CarrierError::Redirected);
    }
    if status.is_success() || status.is_informational() {
        return Err(CarrierError::NotAHomeServer);
    }
    Err(CarrierError::Status { status: status.as_u16() })
}

async fn read_body(body: Incoming) -> Result<Bytes, CarrierError> {
    body::read(body).await.map_err(|error| match error {
        BodyError::TooLarge => CarrierError::TooLarge,
        BodyError::Broken => CarrierError::Closed,
    })
}
