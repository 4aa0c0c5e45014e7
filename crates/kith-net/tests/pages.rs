//! Pages of the web, honest and hostile, over real sockets and TLS.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test, as assertions do")]
#![allow(clippy::indexing_slicing, reason = "a server of a test")]

#[path = "support/web.rs"]
mod web;

use std::time::Duration;

use kith_net::{AddressPolicy, CarrierError, PageAddress, PageError, PageReader, TrustAnchors, Wanted};

use web::{Web, answer};

const MAX: usize = 1000;

fn reader(web: &Web, policy: AddressPolicy) -> PageReader {
    PageReader::new(policy, TrustAnchors::web().with_pem(web.authority.as_bytes()).unwrap()).unwrap()
}

async fn read(web: &Web, path: &str, wanted: Wanted) -> Result<Vec<u8>, PageError> {
    let address = PageAddress::parse(&web.url(path)).unwrap();
    let reader = reader(web, AddressPolicy::AllowPrivate);
    let page = tokio::time::timeout(Duration::from_secs(60), reader.read(&address, wanted, MAX)).await.unwrap();
    page.map(|page| page.bytes)
}

fn site(path: &str) -> (Vec<u8>, bool) {
    let to = |place: &str| answer(&format!("302 Found\r\nlocation: {place}"), b"");
    let html = "200 OK\r\ncontent-type: text/html; charset=utf-8\r\nset-cookie: who=you";
    let jpeg = "200 OK\r\ncontent-type: image/jpeg";
    match path {
        "/page" => (answer(html, b"<title>Plum</title>"), false),
        "/endless" => (answer(html, b"<title>Plum</title>"), true),
        "/endless-picture" => (answer(jpeg, b"\xff\xd8"), true),
        "/endless-head" => (b"HTTP/1.1 200 OK\r\nx: ".to_vec(), true),
        "/picture" => (answer(jpeg, b"\xff\xd8\xff"), false),
        "/packed" => (answer(&format!("{html}\r\ncontent-encoding: gzip"), b"..."), false),
        "/there" => (to("/page"), false),
        "/round" => (to("/round"), false),
        "/third" => (to("/second"), false),
        "/second" => (to("/there"), false),
        "/fourth" => (to("/third"), false),
        "/plain" => (to("http://localhost/page"), false),
        "/file" => (to("file:///etc/passwd"), false),
        "/noise" => (vec![0; 5000], false),
        _ => (answer("404 Not Found", b""), false),
    }
}

#[tokio::test]
async fn a_page_is_read_and_learns_nothing_of_who_reads_it() {
    let web = Web::start(site).await;
    assert_eq!(read(&web, "/page", Wanted::Html).await.unwrap(), b"<title>Plum</title>");
    assert_eq!(read(&web, "/there", Wanted::Html).await.unwrap(), b"<title>Plum</title>");
    assert_eq!(read(&web, "/third", Wanted::Html).await.unwrap(), b"<title>Plum</title>", "three steps");
    assert_eq!(read(&web, "/picture", Wanted::Picture).await.unwrap(), b"\xff\xd8\xff");
    for head in web.heads.lock().unwrap().iter() {
        let names: Vec<_> =
            head.lines().skip(1).filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
        assert_eq!(names, ["host", "user-agent", "accept", "accept-encoding"], "{head}");
        assert!(!head.to_lowercase().contains("kith"), "{head}");
    }
}

#[tokio::test]
async fn what_has_no_end_is_cut_and_a_picture_without_end_is_none() {
    let web = Web::start(site).await;
    assert_eq!(read(&web, "/endless", Wanted::Html).await.unwrap().len(), MAX);
    assert!(matches!(read(&web, "/endless-picture", Wanted::Picture).await, Err(PageError::TooLarge)));
    assert!(matches!(read(&web, "/endless-head", Wanted::Html).await, Err(PageError::Carrier(_))));
}

#[tokio::test]
async fn what_is_no_page_is_not_read() {
    let web = Web::start(site).await;
    assert!(matches!(read(&web, "/picture", Wanted::Html).await, Err(PageError::OtherKind)));
    assert!(matches!(read(&web, "/page", Wanted::Picture).await, Err(PageError::OtherKind)));
    assert!(matches!(read(&web, "/packed", Wanted::Html).await, Err(PageError::OtherKind)));
    assert!(matches!(read(&web, "/none", Wanted::Html).await, Err(PageError::Status(404))));
    assert!(matches!(read(&web, "/noise", Wanted::Html).await, Err(PageError::Carrier(_))));
}

#[tokio::test]
async fn redirects_are_few_and_lead_to_no_page_without_tls() {
    let web = Web::start(site).await;
    for path in ["/round", "/fourth", "/plain", "/file"] {
        assert!(matches!(read(&web, path, Wanted::Html).await, Err(PageError::Elsewhere)), "{path}");
    }
    assert!(web.heads.lock().unwrap().len() <= 4 * 2 + 2);
}

#[tokio::test]
async fn ke_119_addresses_that_are_not_public_are_not_read() {
    let web = Web::start(site).await;
    let reader = reader(&web, AddressPolicy::PublicOnly);
    for host in ["localhost", "127.0.0.1", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:127.0.0.1]"] {
        let address = PageAddress::parse(&format!("https://{host}:{}/page", web.port)).unwrap();
        let refused = reader.read(&address, Wanted::Html, MAX).await;
        assert!(matches!(refused, Err(PageError::Carrier(CarrierError::RefusedAddress(_)))), "{host}: {refused:?}");
    }
    assert!(web.heads.lock().unwrap().is_empty(), "nobody was asked");
}
