//! The app for the person at this machine: who may ask for it.
//!
//! What is served is the app's own files, which are everybody's: whoever else uses this machine learns nothing by fetching them. What
//! the person writes stays in the browser, under the one address that this is served at. So two things matter: that no page of
//! another address is taken for it, and that other pages do not even learn that it is there.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use crate::app::App;

/// The app, served at one loopback address.
#[derive(Debug)]
pub struct OwnMachine {
    app: App,
    host: String,
}

impl OwnMachine {
    /// Serves an app at this very address.
    #[must_use]
    pub fn new(app: App, address: SocketAddr) -> Self {
        Self { app, host: address.to_string() }
    }

    /// Returns what a person opens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.host)
    }

    /// Answers a browser: with a file, or with a refusal; `None` when there is no such file.
    #[must_use]
    pub fn answer(&self, path: &str, headers: &HeaderMap) -> Option<Response<Bytes>> {
        if !self.is_asked_here(headers) {
            let text = format!("Kith is at {}\n", self.url());
            return Some(refusal(StatusCode::MISDIRECTED_REQUEST, text));
        }
        if self.is_asked_by_another_page(headers) {
            return Some(refusal(StatusCode::FORBIDDEN, String::new()));
        }
        self.app.answer(path, headers)
    }

    /// Returns whether the request names this address and no other. A page whose name was made to lead to this machine names another; so does
    /// a person who types `localhost`, which browsers store apart.
    fn is_asked_here(&self, headers: &HeaderMap) -> bool {
        let mut named = headers.get_all(header::HOST).iter();
        named.next().is_some_and(|host| host.as_bytes() == self.host.as_bytes()) && named.next().is_none()
    }

    /// Returns whether a page of another address is behind the request. That somebody follows a link to here is their own affair.
    fn is_asked_by_another_page(&self, headers: &HeaderMap) -> bool {
        let own = format!("http://{}", self.host);
        if headers.get_all(header::ORIGIN).iter().any(|origin| origin.as_bytes() != own.as_bytes()) {
            return true;
        }
        let says =
            |name: HeaderName, value: &str| headers.get(name).is_some_and(|said| said.as_bytes() == value.as_bytes());
        let is_foreign = says(SITE, "cross-site") || says(SITE, "same-site");
        is_foreign && !(says(MODE, "navigate") && says(DESTINATION, "document"))
    }
}

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const DESTINATION: HeaderName = HeaderName::from_static("sec-fetch-dest");

fn refusal(status: StatusCode, text: String) -> Response<Bytes> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let told = response.headers_mut();
    told.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    told.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const HOST: (&str, &str) = ("host", "127.0.0.1:20007");

    fn asked(fields: &[(&'static str, &'static str)]) -> Option<StatusCode> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("index.html"), "<!doctype html>").unwrap();
        let place = OwnMachine::new(App::read(folder.path()).unwrap(), "127.0.0.1:20007".parse().unwrap());
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        place.answer("/", &headers).map(|answer| answer.status())
    }

    #[test]
    fn only_the_very_address_is_answered() {
        assert_eq!(asked(&[HOST]), Some(StatusCode::OK));
        for fields in [
            &[][..],
            &[("host", "localhost:20007")],
            &[("host", "127.0.0.1")],
            &[("host", "kith.example:20007")],
            &[("host", "127.0.0.1:20007.kith.example")],
            &[HOST, ("host", "kith.example")],
        ] {
            assert_eq!(asked(fields), Some(StatusCode::MISDIRECTED_REQUEST), "{fields:?}");
        }
    }

    #[test]
    fn other_pages_get_nothing_and_do_not_learn_that_it_is_there() {
        for fields in [
            &[("origin", "https://kith.example")][..],
            &[("origin", "null")],
            &[("origin", "http://127.0.0.1:20008")],
            &[("origin", "http://127.0.0.1:20007"), ("origin", "https://kith.example")],
            &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "script")],
            &[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")],
            &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
        ] {
            let all: Vec<_> = [HOST].into_iter().chain(fields.iter().copied()).collect();
            assert_eq!(asked(&all), Some(StatusCode::FORBIDDEN), "{fields:?}");
        }
    }

    #[test]
    fn a_person_comes_by_address_by_link_and_from_the_app_itself() {
        for fields in [
            &[("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")][..],
            &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors"), ("origin", "http://127.0.0.1:20007")],
        ] {
            let all: Vec<_> = [HOST].into_iter().chain(fields.iter().copied()).collect();
            assert_eq!(asked(&all), Some(StatusCode::OK), "{fields:?}");
        }
    }
}
