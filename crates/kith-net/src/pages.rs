//! Pages and pictures of the web, read for previews: over TLS only, from addresses that the policy allows, few bytes, a few steps.
//!
//! Whoever runs a page learns the network address that it is read from and nothing else: no cookie is sent or kept, no page is named that leads
//! there, and the user agent is the same for everybody. Each redirect is checked as the first address was. It does not look into what it reads.

mod address;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio_rustls::TlsConnector;

pub use self::address::PageAddress;
use crate::address::AddressPolicy;
use crate::client::{CarrierError, dial, host};
use crate::limits::CarrierLimits;
use crate::tls::{TlsError, TrustAnchors};

/// Redirects that are followed, of one page.
const MAX_REDIRECTS: usize = 3;
/// Lines in the head of an answer, and bytes of it: pages of the web have long ones.
const MAX_HEADERS: usize = 128;
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// What many programs say, so that it tells nothing of this one.
const USER_AGENT: HeaderValue = HeaderValue::from_static("Mozilla/5.0");

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A page: as much of its beginning as may be read.
    Html,
    /// A JPEG, PNG or WebP: all of it, or nothing.
    Picture,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Where it really was, after redirects.
    pub address: PageAddress,
    /// Its bytes; of a page the first ones.
    pub bytes: Vec<u8>,
}

/// Reads pages and pictures of the web.
pub struct PageReader {
    policy: AddressPolicy,
    limits: CarrierLimits,
    tls: TlsConnector,
}

impl PageReader {
    /// Makes a reader that goes where `policy` allows and believes these authorities.
    ///
    /// # Errors
    /// Fails when this build cannot speak TLS 1.3.
    pub fn new(policy: AddressPolicy, anchors: TrustAnchors) -> Result<Self, TlsError> {
        let tls = TlsConnector::from(Arc::new(anchors.into_config()?));
        Ok(Self { policy, limits: CarrierLimits::default(), tls })
    }

    /// Reads at most `max_bytes` from an address, or from where it leads. How long that may take is for the caller to bound.
    ///
    /// # Errors
    /// [`PageError`].
    pub async fn read(&self, address: &PageAddress, wanted: Wanted, max_bytes: usize) -> Result<Page, PageError> {
        let mut address = address.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.ask(&address, wanted).await?;
            if let Some(location) = redirect(&response) {
                address = location.to_str().ok().and_then(|to| address.join(to)).ok_or(PageError::Elsewhere)?;
                continue;
            }
            if response.status() != StatusCode::OK {
                return Err(PageError::Status(response.status().as_u16()));
            }
            if !wanted.is(response.headers()) {
                return Err(PageError::OtherKind);
            }
            let bytes = read_body(response.into_body(), wanted, max_bytes).await?;
            return Ok(Page { address, bytes });
        }
        Err(PageError::Elsewhere)
    }

    async fn ask(&self, address: &PageAddress, wanted: Wanted) -> Result<Response<Incoming>, PageError> {
        let stream = dial::dial(address.server(), self.policy, &self.limits, &self.tls).await?;
        let mut builder = http1::Builder::new();
        builder.max_buf_size(MAX_HEAD_BYTES).max_headers(MAX_HEADERS);
        let (mut connection, driver) = builder.handshake(TokioIo::new(stream)).await.map_err(CarrierError::from)?;
        tokio::spawn(async move {
            let _ = driver.await;
        });
        let request = Request::builder()
            .method(Method::GET)
            .uri(address.path())
            .header(header::HOST, host(address.server())?)
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::ACCEPT, wanted.accepted())
            .header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))
            .body(Empty::<Bytes>::new())
            .map_err(|_| PageError::Elsewhere)?;
        Ok(connection.send_request(request).await.map_err(CarrierError::from)?)
    }
}

impl Wanted {
    const fn accepted(self) -> HeaderValue {
        match self {
            Self::Html => HeaderValue::from_static("text/html"),
            Self::Picture => HeaderValue::from_static("image/jpeg, image/png, image/webp"),
        }
    }

    /// Whether the head of an answer promises that, as it is and not packed.
    fn is(self, headers: &HeaderMap) -> bool {
        let said = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
        let kind = said(header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_plain = ["", "identity"].contains(&said(header::CONTENT_ENCODING));
        let is_wanted = match self {
            Self::Html => ["text/html", "application/xhtml+xml"].contains(&kind.as_str()),
            Self::Picture => ["image/jpeg", "image/png", "image/webp"].contains(&kind.as_str()),
        };
        is_plain && is_wanted
    }
}

fn redirect(response: &Response<Incoming>) -> Option<&HeaderValue> {
    response.status().is_redirection().then(|| response.headers().get(header::LOCATION)).flatten()
}

async fn read_body(mut body: Incoming, wanted: Wanted, max_bytes: usize) -> Result<Vec<u8>, PageError> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(CarrierError::from)?.into_data() else { continue };
        let room = max_bytes.saturating_sub(bytes.len());
        bytes.extend_from_slice(data.get(..room).unwrap_or(&data));
        if data.len() > room {
            // Of a page the head is wanted, and that is at its beginning.
            return if wanted == Wanted::Html { Ok(bytes) } else { Err(PageError::TooLarge) };
        }
    }
    Ok(bytes)
}

/// Why nothing was read. It names no address.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PageError {
    /// It could not be reached, or may not be.
    #[error(transparent)]
    Carrier(#[from] CarrierError),
    /// It leads to another place too often, or to one that is no page over TLS.
    #[error("the page leads to where it is not followed")]
    Elsewhere,
    /// The server has no such page.
    #[error("the page answers with the status {0}")]
    Status(u16),
    /// It is something else than what was wanted, or is packed.
    #[error("there is something else than a page")]
    OtherKind,
    /// It is larger than it may be.
    #[error("the picture is too large")]
    TooLarge,
}
