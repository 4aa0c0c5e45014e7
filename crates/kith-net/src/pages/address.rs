//! Addresses of pages: over TLS, of a host in letters of ASCII, without a user's name.

use http::Uri;
use kith_wire::address::ServerUrl;

/// Letters of an address, at most.
const MAX_LETTERS: usize = 4096;

/// The address of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageAddress {
    server: ServerUrl,
    path: String,
}

impl PageAddress {
    /// Reads an address as people write it; nothing when it is none that is read for a preview.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let without_place = text.split('#').next()?;
        if without_place.len() > MAX_LETTERS {
            return None;
        }
        let uri: Uri = escaped(without_place).parse().ok()?;
        if !uri.scheme_str()?.eq_ignore_ascii_case("https") || uri.authority()?.as_str().contains(['@', '%']) {
            return None;
        }
        let port = uri.port_u16().unwrap_or(443);
        let server = ServerUrl::parse(&format!("https://{}:{port}", uri.host()?.to_ascii_lowercase())).ok()?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Some(Self { server, path })
    }

    /// Returns where a reference leads that stands on this page.
    #[must_use]
    pub fn join(&self, reference: &str) -> Option<Self> {
        let reference = reference.trim();
        // With a scheme of its own it is whole, as https is, or of a kind that is not read.
        if reference.split(['/', '?', '#']).next().is_some_and(|start| start.contains(':')) {
            return Self::parse(reference);
        }
        if reference.starts_with("//") {
            return Self::parse(&format!("https:{reference}"));
        }
        let path = self.path.split('?').next().unwrap_or("/");
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let path = match reference.chars().next()? {
            '/' => reference.to_owned(),
            '?' => format!("{path}{reference}"),
            _ => format!("{folder}/{reference}"),
        };
        let without_place = escaped(path.split('#').next()?);
        let is_good = without_place.len() <= MAX_LETTERS && without_place.parse::<Uri>().is_ok();
        is_good.then(|| Self { server: self.server.clone(), path: without_place })
    }

    pub(super) fn server(&self) -> &ServerUrl {
        &self.server
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }
}

/// Writes what is no letter of ASCII as browsers do. In the name of a host that makes it one that is not read.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(address: Option<PageAddress>) -> Option<String> {
        address.map(|address| format!("{} {}", address.server, address.path))
    }

    #[test]
    fn only_addresses_over_tls_of_plain_hosts_are_read() {
        let good = [
            ("https://Example.org", "https://example.org:443 /"),
            ("https://example.org:8443/a?b=c#d", "https://example.org:8443 /a?b=c"),
            ("https://example.org/Pflaume/süß", "https://example.org:443 /Pflaume/s%C3%BC%C3%9F"),
        ];
        for (text, wanted) in good {
            assert_eq!(shown(PageAddress::parse(text)).as_deref(), Some(wanted));
        }
        let long = format!("https://example.org/{}", "a".repeat(5000));
        let bad = [
            "http://example.org",
            "https://",
            "https://a@example.org",
            "https://bücher.example",
            "file:///etc/passwd",
            "example.org",
            &long,
        ];
        for text in bad {
            assert_eq!(shown(PageAddress::parse(text)), None, "{text}");
        }
    }

    #[test]
    fn references_lead_from_the_page_on_which_they_stand() {
        let page = PageAddress::parse("https://example.org/cakes/plum?x=1").unwrap();
        for (reference, wanted) in [
            ("/a.jpg", Some("https://example.org:443 /a.jpg")),
            ("a b.jpg#c", Some("https://example.org:443 /cakes/a%20b.jpg")),
            ("?y=2", Some("https://example.org:443 /cakes/plum?y=2")),
            ("//cdn.example/a", Some("https://cdn.example:443 /a")),
            ("https://cdn.example/a", Some("https://cdn.example:443 /a")),
            ("http://cdn.example/a", None),
            ("data:image/png;base64,AAAA", None),
            ("javascript:alert(1)", None),
            ("", None),
        ] {
            assert_eq!(shown(page.join(reference)).as_deref(), wanted, "{reference}");
        }
    }
}
