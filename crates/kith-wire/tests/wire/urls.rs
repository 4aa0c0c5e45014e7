//! Addresses of home servers and links to cards.

use kith_wire::address::{DEFAULT_PORT, Scheme, ServerUrl, UrlError};
use kith_wire::card::CardOffer;
use kith_wire::link::{CARD_PREFIX, LinkError, card_from_link, card_to_link};
use kith_wire::signed::Signed;
use kith_wire::{DecodeError, Wire};

use crate::examples;

#[test]
fn kw_6_urls_are_scheme_host_and_port_in_one_spelling() {
    let fine = [
        ("https://example.org", Scheme::Https, "example.org", DEFAULT_PORT),
        ("https://a", Scheme::Https, "a", DEFAULT_PORT),
        ("http://127.0.0.1:80", Scheme::Http, "127.0.0.1", 80),
        ("https://xn--bcher-kva.example:65535", Scheme::Https, "xn--bcher-kva.example", 65_535),
        ("http://[::1]:5484", Scheme::Http, "::1", 5484),
        ("https://[2001:db8::a]", Scheme::Https, "2001:db8::a", DEFAULT_PORT),
    ];
    for (text, scheme, host, port) in fine {
        let url = ServerUrl::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
        assert_eq!((url.as_str(), url.scheme(), url.host(), url.port()), (text, scheme, host, port));
    }
    use UrlError::*;
    let refused = [
        ("", UnknownScheme),
        ("example.org", UnknownScheme),
        ("ftp://example.org", UnknownScheme),
        ("HTTPS://example.org", UnknownScheme),
        ("https://", BadHost),
        ("https://:80", BadHost),
        ("https://Example.org", BadHost),
        ("https://exa mple.org", BadHost),
        ("https://bücher.example", BadHost),
        ("https://example.org.", BadHost),
        ("https://a..b", BadHost),
        ("https://-a.b", BadHost),
        ("https://a-.b", BadHost),
        ("https://a_b.c", BadHost),
        ("https://[::1", BadHost),
        ("https://[::1]x", BadHost),
        ("https://[::g]", BadHost),
        ("https://[fe80::1%25eth0]", BadHost),
        ("https://[]", BadHost),
        ("https://a:0", BadPort),
        ("https://a:", BadPort),
        ("https://a:+80", BadPort),
        ("https://a:080", BadPort),
        ("https://a:65536", BadPort),
        ("https://a:80:80", BadPort),
        ("https://a/", Excess),
        ("https://a?b", Excess),
        ("https://a#b", Excess),
        ("https://user@a", Excess),
        ("https://a\\b", Excess),
    ];
    for (text, problem) in refused {
        assert_eq!(ServerUrl::parse(text), Err(problem), "{text}");
    }
    let label = "a".repeat(63);
    assert!(ServerUrl::parse(&format!("https://{label}.b")).is_ok());
    assert_eq!(ServerUrl::parse(&format!("https://a{label}.b")), Err(BadHost));
    let long = format!("https://{}", vec!["abcdef"; 40].join("."));
    assert_eq!(ServerUrl::parse(&long[..200]).map(|url| url.as_str().len()), Ok(200));
    assert_eq!(ServerUrl::parse(&format!("{}c", &long[..200])), Err(TooLong));
}

#[test]
fn kw_6_an_address_has_one_spelling() {
    // Resolvers read all of these as 127.0.0.1 or ::1; only the canonical form passes.
    for host in ["127.1", "2130706433", "0x7f.0.0.1", "0x7f000001", "127.0.0.01", "0177.0.0.1", "1.2.3.4.5", "a.0x1"] {
        assert_eq!(ServerUrl::parse(&format!("http://{host}")), Err(UrlError::BadHost), "{host}");
    }
    for host in ["[0:0::1]", "[0:0:0:0:0:0:0:1]", "[2001:DB8::A]", "[2001:0db8::a]"] {
        assert_eq!(ServerUrl::parse(&format!("http://{host}")), Err(UrlError::BadHost), "{host}");
    }
    assert!(ServerUrl::parse("http://0x7g.example").is_ok());
}

#[test]
fn what_a_person_types_is_brought_into_form() {
    let typed = [
        ("Example.ORG", "https://example.org"),
        (" https://example.org/ ", "https://example.org"),
        ("example.org:8443", "https://example.org:8443"),
        ("HTTP://127.0.0.1:5484", "http://127.0.0.1:5484"),
        ("[2001:DB8:0::A]:99", "https://[2001:db8::a]:99"),
    ];
    for (text, url) in typed {
        assert_eq!(ServerUrl::parse_lenient(text).map(|url| url.to_string()).as_deref(), Ok(url), "{text}");
    }
    for text in ["", "https://", "example.org/path", "a b", "[::1", "[x]", "ftp://a"] {
        assert!(ServerUrl::parse_lenient(text).is_err(), "{text}");
    }
}

fn offer() -> CardOffer {
    let card = Signed::new(examples::card().to_bytes(), kith_wire::id::Signature([9; 64]));
    CardOffer { card, kem: Some(examples::kem_key()) }
}

#[test]
fn kw_16_a_card_link_is_prefix_and_base64url() {
    let link = card_to_link(&offer());
    assert!(link.starts_with(CARD_PREFIX));
    let back = card_from_link(&format!("  {link}\n")).expect("it is a link");
    assert_eq!(back.to_bytes(), offer().to_bytes());
    let not_a_card = ["", "kith:", "kith:Card/AAAA", "https://example.org"];
    for text in not_a_card {
        assert_eq!(card_from_link(text).map(|_| ()), Err(LinkError::NotACard), "{text}");
    }
    let damaged =
        [format!("{link}="), format!("{link}!"), link.replace("kith:card/", "kith:card/+"), format!("{CARD_PREFIX}ä")];
    for text in damaged {
        assert_eq!(card_from_link(&text).map(|_| ()), Err(LinkError::Damaged), "{text}");
    }
    let endless = format!("{CARD_PREFIX}{}", "A".repeat(CardOffer::MAX_BYTES * 2 + 4));
    assert_eq!(card_from_link(&endless).map(|_| ()), Err(LinkError::Damaged));
    // The longest text that is decoded at all holds more than a card can.
    let too_much = format!("{CARD_PREFIX}{}", "A".repeat(CardOffer::MAX_BYTES * 2));
    assert!(matches!(card_from_link(&too_much), Err(LinkError::Content(DecodeError::TooLong { .. }))));
    let cut = &link[..link.len() - 4];
    assert!(matches!(card_from_link(cut), Err(LinkError::Content(_))), "a link cut at a group");
}

proptest::proptest! {
    #[test]
    fn urls_and_links_never_panic(text in "\\PC{0,80}", tail in "[a-z0-9.:\\[\\]/@-]{0,60}") {
        let _ = ServerUrl::parse_lenient(&text);
        if let Ok(url) = ServerUrl::parse(&format!("https://{tail}")) {
            proptest::prop_assert!(!url.host().is_empty() && url.port() > 0);
            proptest::prop_assert_eq!(ServerUrl::parse_lenient(url.as_str()), Ok(url));
        }
        let _ = card_from_link(&text);
        let _ = card_from_link(&format!("{CARD_PREFIX}{tail}"));
    }
}
