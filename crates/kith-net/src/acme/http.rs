//! The few HTTP exchanges that an ACME order needs, with the carrier's own dialling and trust.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http::header;
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use kith_wire::address::ServerUrl;
use tokio::time::timeout;

use crate::Carrier;
use crate::client::host;
use crate::limits::MAX_MESSAGE;

/// Lets an ACME account talk through a carrier.
pub(super) struct AcmeHttp {
    carrier: Carrier,
}

impl AcmeHttp {
    pub(super) fn new(carrier: Carrier) -> Self {
        Self { carrier }
    }
}

impl HttpClient for AcmeHttp {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let carrier = self.carrier.clone();
        Box::pin(async move { exchange(&carrier, request).await.map_err(Error::Other) })
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn exchange(carrier: &Carrier, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Failure> {
    let (mut parts, body) = request.into_parts();
    let url = server(&parts.uri).ok_or("the authority named an address that is none")?;
    let body = body.collect().await?.to_bytes();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = path.parse::<Uri>()?;
    parts.headers.insert(header::HOST, host(&url)?);
    let (url, request) = (url, Request::from_parts(parts, Full::new(body)));

    let exchange = async {
        let mut connection = carrier.connect(&url).await?;
        let (head, body) = connection.send_request(request).await?.into_parts();
        // Chains and orders are small; whoever sends more is no authority.
        let body = Limited::new(body, MAX_MESSAGE).collect().await?.to_bytes();
        Ok::<_, Failure>(BytesResponse { parts: head, body: Box::new(body) })
    };
    timeout(carrier.limits().exchange, exchange).await?
}

/// Returns scheme, host and port of an address, with the port that the web assumes where none is named.
fn server(uri: &Uri) -> Option<ServerUrl> {
    let (scheme, assumed) = match uri.scheme_str()? {
        "https" => ("https", 443),
        "http" => ("http", 80),
        _ => return None,
    };
    let port = uri.port_u16().unwrap_or(assumed);
    ServerUrl::parse(&format!("{scheme}://{}:{port}", uri.host()?.to_ascii_lowercase())).ok()
}
