//! Where a home server is to be found from a browser, and its descriptor and single requests by `fetch`.

use js_sys::futures::JsFuture;
use js_sys::{Reflect, Uint8Array};
use kith_engine::LinkFailure;
use kith_wire::address::{Scheme, ServerUrl};
use thiserror::Error;
use wasm_bindgen::JsCast as _;
use web_sys::{
    AbortSignal, ReadableStreamDefaultReader, Request, RequestCache, RequestCredentials, RequestInit, RequestRedirect,
    Response, WorkerGlobalScope,
};

use crate::contract::FailureCode;

/// The paths of the protocol.
const ONE_SHOT: &str = "/kith/v1";
const LIVE: &str = "/kith/v1/live";
/// No descriptor is longer; what is would be another server's idea of one.
const MAX_DESCRIPTOR: usize = 64 * 1024;
/// No answer to a single request is longer: a chunk, and what it is sealed in.
const MAX_ANSWER: usize = 128 * 1024;
/// Milliseconds after which nobody waits for an answer any more.
const PATIENCE: u32 = 60_000;

/// The browser does not even try.
#[derive(Debug)]
pub(crate) struct NetError;

/// Why a descriptor was not fetched.
#[derive(Debug, Clone, Copy, Error)]
pub(crate) enum FetchError {
    /// Nobody answers, or the browser forbids asking: it does not say which.
    #[error("nobody answers at this address")]
    Unreachable,
    /// Somebody answers, but not like a home server.
    #[error("what answers there is not a home server")]
    NotAHomeServer,
}

impl FetchError {
    /// Returns what the app chooses its words by.
    pub(crate) fn code(self) -> FailureCode {
        match self {
            Self::Unreachable => FailureCode::ServerUnreachable,
            Self::NotAHomeServer => FailureCode::NotAHomeServer,
        }
    }

    /// Returns what the engine needs to know.
    pub(crate) fn reason(self) -> LinkFailure {
        match self {
            Self::Unreachable => LinkFailure::Unreachable,
            Self::NotAHomeServer => LinkFailure::NotAHomeServer,
        }
    }
}

/// Fetches what a home server says about itself; nothing about it is verified.
pub(crate) async fn descriptor(url: &ServerUrl) -> Result<Vec<u8>, FetchError> {
    fetch(url, &RequestInit::new(), MAX_DESCRIPTOR).await
}

/// Brings one sealed request to a home server, and what it answers back.
pub(crate) async fn one_shot(url: &ServerUrl, sealed: &[u8]) -> Result<Vec<u8>, FetchError> {
    let options = RequestInit::new();
    options.set_method("POST");
    options.set_body(&Uint8Array::from(sealed));
    fetch(url, &options, MAX_ANSWER).await
}

async fn fetch(url: &ServerUrl, options: &RequestInit, longest: usize) -> Result<Vec<u8>, FetchError> {
    options.set_credentials(RequestCredentials::Omit);
    options.set_redirect(RequestRedirect::Error);
    options.set_cache(RequestCache::NoStore);
    options.set_signal(Some(&AbortSignal::timeout_with_u32(PATIENCE)));
    let address = format!("{}{ONE_SHOT}", with_port(url));
    let unreachable = |_: wasm_bindgen::JsValue| FetchError::Unreachable;
    let request = Request::new_with_str_and_init(&address, options).map_err(unreachable)?;
    let scope: WorkerGlobalScope = js_sys::global().dyn_into().map_err(|_| FetchError::Unreachable)?;
    let response = JsFuture::from(scope.fetch_with_request(&request)).await.map_err(unreachable)?;
    let response: Response = response.dyn_into().map_err(unreachable)?;
    if !response.ok() {
        // One that has too much to do says so.
        let is_busy = response.status() == 429 || response.status() >= 500;
        return Err(if is_busy { FetchError::Unreachable } else { FetchError::NotAHomeServer });
    }
    read(&response, longest).await
}

/// Reads an answer piece by piece, and no further than it may be long.
async fn read(response: &Response, longest: usize) -> Result<Vec<u8>, FetchError> {
    let unreachable = |_: wasm_bindgen::JsValue| FetchError::Unreachable;
    let Some(body) = response.body() else { return Ok(Vec::new()) };
    let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
    let mut bytes = Vec::new();
    loop {
        let part = JsFuture::from(reader.read()).await.map_err(unreachable)?;
        if Reflect::get(&part, &"done".into()).map_err(unreachable)?.is_truthy() {
            return Ok(bytes);
        }
        let part: Uint8Array = Reflect::get(&part, &"value".into()).map_err(unreachable)?.unchecked_into();
        let part = part.to_vec();
        if bytes.len().saturating_add(part.len()) > longest {
            // Whoever sends more than any answer has does not stop by itself.
            drop(reader.cancel());
            return Err(FetchError::NotAHomeServer);
        }
        bytes.extend(part);
    }
}

/// Returns where live connections to a home server begin.
pub(crate) fn live_address(url: &ServerUrl) -> String {
    // `http` becomes `ws`, and `https` becomes `wss`.
    format!("{}{LIVE}", with_port(url).replacen("http", "ws", 1))
}

/// Returns the address of the page's own server, with its port: without one it would mean another.
pub(crate) fn origin() -> Option<String> {
    let location = js_sys::global().dyn_into::<WorkerGlobalScope>().ok()?.location();
    let (protocol, host, port) = (location.protocol(), location.hostname(), location.port());
    let port = match (port.as_str(), protocol.as_str()) {
        ("", "https:") => "443",
        ("", _) => "80",
        (port, _) => port,
    };
    Some(format!("{protocol}//{host}:{port}"))
}

/// A home server's port differs from the one that browsers assume.
fn with_port(url: &ServerUrl) -> String {
    let scheme = match url.scheme() {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    let host = url.host();
    let port = url.port();
    if host.contains(':') { format!("{scheme}://[{host}]:{port}") } else { format!("{scheme}://{host}:{port}") }
}
