//! Which path answers what. It knows methods, sizes and times; what the bytes mean, the handler knows.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::body::{self, BodyError};
use crate::limits::ListenerLimits;
use crate::live::{LiveReceiver, LiveSender};
use crate::server::connection::UpgradeSlot;
use crate::server::{Answer, Handler, TurnedAway};
use crate::{path, upgrade};

/// What is served on one port.
pub(super) trait Site: Send + Sync + 'static {
    /// Answers one request.
    fn respond(
        &self,
        request: Request<Incoming>,
        limits: &ListenerLimits,
        slot: &UpgradeSlot,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send;

    /// Hears that a connection got no place, or had to give its own up.
    fn turned_away(&self, _: TurnedAway) {}

    /// Talks on a connection for which `respond` has filled the slot.
    fn live(&self, sender: LiveSender, receiver: LiveReceiver) -> impl Future<Output = ()> + Send;
}

/// The paths of the protocol.
pub(super) struct Home<H> {
    pub(super) handler: Arc<H>,
}

impl<H: Handler> Site for Home<H> {
    async fn respond(
        &self,
        request: Request<Incoming>,
        limits: &ListenerLimits,
        slot: &UpgradeSlot,
    ) -> Response<Full<Bytes>> {
        harmless(match request.uri().path() {
            path::ONE_SHOT => readable_by_every_page(self.one_shot(request, limits, slot).await),
            path::LIVE if request.method() == Method::GET => switch_protocols(request, slot),
            path::LIVE => not_allowed("GET"),
            path::WELL_KNOWN => readable_by_every_page(self.well_known(&request)),
            _ => page(&request, |path, headers| self.handler.page(path, headers)),
        })
    }

    fn turned_away(&self, why: TurnedAway) {
        self.handler.turned_away(why);
    }

    fn live(&self, sender: LiveSender, receiver: LiveReceiver) -> impl Future<Output = ()> + Send {
        self.handler.live(sender, receiver)
    }
}

impl<H: Handler> Home<H> {
    async fn one_shot(
        &self,
        request: Request<Incoming>,
        limits: &ListenerLimits,
        slot: &UpgradeSlot,
    ) -> Response<Full<Bytes>> {
        match *request.method() {
            Method::POST => match read_body(request.into_body(), limits.request_body).await {
                Ok(body) => {
                    let _answered = slot.is_being_answered();
                    within(limits.answer, self.handler.one_shot(body)).await
                }
                Err(status) => empty(status),
            },
            Method::GET => within(limits.answer, self.handler.descriptor()).await,
            Method::OPTIONS => preflight("GET, POST"),
            _ => not_allowed("GET, POST, OPTIONS"),
        }
    }

    fn well_known(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        match *request.method() {
            Method::GET => full(self.handler.well_known().into(), "application/json"),
            Method::OPTIONS => preflight("GET"),
            _ => not_allowed("GET, OPTIONS"),
        }
    }
}

/// Takes from an answer all power over a browser that somebody might lead there: it is no script, no frame and no page, whatever
/// it holds, unless the handler has said otherwise.
fn harmless(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return response;
    }
    for (name, value) in HARMLESS {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

const HARMLESS: [(HeaderName, HeaderValue); 6] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-embedder-policy"), HeaderValue::from_static("require-corp")),
    (RESOURCE_POLICY, HeaderValue::from_static("same-origin")),
];

/// Which pages may load an answer at all.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Lets scripts of every web page read an answer, so that a web app may be served by another origin than the home server.
///
/// That gives no page any power: there are no cookies and no other authority that a browser would add by itself, and
/// whoever wants to be somebody here signs for it inside the sealed request.
fn readable_by_every_page(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    response
}

/// Answers a browser that asks in advance whether a page may send a request.
fn preflight(methods: &'static str) -> Response<Full<Bytes>> {
    let mut response = empty(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

fn not_allowed(methods: &'static str) -> Response<Full<Bytes>> {
    let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
    response
}

/// Answers `GET` and `HEAD` of a file.
fn page(
    request: &Request<Incoming>,
    answer: impl FnOnce(&str, &HeaderMap) -> Option<Response<Bytes>>,
) -> Response<Full<Bytes>> {
    let Some(page) = answer(request.uri().path(), request.headers()) else {
        return empty(StatusCode::NOT_FOUND);
    };
    match *request.method() {
        Method::GET => page.map(Full::new),
        // The length that is told is that of the file, not that of the nothing that follows.
        Method::HEAD => {
            let length = HeaderValue::from(page.body().len());
            let mut response = page.map(|_| Full::default());
            response.headers_mut().insert(header::CONTENT_LENGTH, length);
            response
        }
        _ => not_allowed("GET, HEAD"),
    }
}

/// Pages for what is not part of the protocol: metrics, challenges, the web app where there is no home server.
pub struct Pages {
    answer: Box<Answering>,
}

/// Makes the page for a path and the fields of a request, or nothing.
type Answering = dyn Fn(&str, &HeaderMap) -> Option<Response<Bytes>> + Send + Sync;

impl Pages {
    /// Describes texts of one type. `render` is called with the path of each request and must not block; `None` is a
    /// page that does not exist.
    pub fn new(content_type: &'static str, render: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self::files(move |path, _| Some(text(render(path)?.into(), content_type)))
    }

    /// Describes files. `answer` is called with the path and the fields of each request and must not block.
    pub fn files(answer: impl Fn(&str, &HeaderMap) -> Option<Response<Bytes>> + Send + Sync + 'static) -> Self {
        Self { answer: Box::new(answer) }
    }
}

impl Site for Pages {
    async fn respond(&self, request: Request<Incoming>, _: &ListenerLimits, _: &UpgradeSlot) -> Response<Full<Bytes>> {
        harmless(page(&request, |path, headers| (self.answer)(path, headers)))
    }

    async fn live(&self, _: LiveSender, _: LiveReceiver) {}
}

async fn read_body(body: Incoming, patience: Duration) -> Result<Bytes, StatusCode> {
    match timeout(patience, body::read(body)).await {
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(BodyError::TooLarge)) => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Err(BodyError::Broken)) => Err(StatusCode::BAD_REQUEST),
    }
}

async fn within(patience: Duration, answer: impl Future<Output = Answer> + Send) -> Response<Full<Bytes>> {
    match timeout(patience, answer).await {
        Ok(Answer::Bytes(bytes)) => full(bytes, "application/octet-stream"),
        Ok(Answer::Busy { retry_after }) => busy(retry_after),
        Ok(Answer::Refused) => empty(StatusCode::BAD_REQUEST),
        Err(_) => busy(Duration::from_secs(5)),
    }
}

fn switch_protocols(mut request: Request<Incoming>, slot: &UpgradeSlot) -> Response<Full<Bytes>> {
    let Some(accept) = upgrade::accept(request.headers()) else {
        let mut response = empty(StatusCode::UPGRADE_REQUIRED);
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return response;
    };
    let Some(place) = slot.place() else { return busy(NO_PLACE) };
    slot.put(hyper::upgrade::on(&mut request), place);
    let mut response = empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

/// When to come back for a live connection while there is no place for one. Places come free as people leave.
const NO_PLACE: Duration = Duration::from_secs(30);

fn full(bytes: Bytes, content_type: &'static str) -> Response<Full<Bytes>> {
    text(bytes, content_type).map(Full::new)
}

fn text(bytes: Bytes, content_type: &'static str) -> Response<Bytes> {
    let mut response = Response::new(bytes);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn busy(retry_after: Duration) -> Response<Full<Bytes>> {
    let mut response = empty(StatusCode::SERVICE_UNAVAILABLE);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after.as_secs().max(1)));
    response
}
