//! What settings mean beside each other: each may be right alone, and a server with all of them still be out of reach.

use std::net::{IpAddr, SocketAddr};

use kith_wire::address::{Scheme, ServerUrl};

use crate::config::{Acme, Config, ConfigError, Tls};

/// Refuses settings that cannot work, alone or together, before anything is touched.
///
/// # Errors
/// [`ConfigError`] names the first of them.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    if let Some(Tls::Acme(acme)) = &config.tls {
        form_of(acme)?;
    }
    if let Some(url) = &config.public_url {
        reach(url, config.tls.as_ref())?;
    }
    listening(config)
}

/// Refuses what no authority takes: it would say so once an hour, in a log that nobody reads.
fn form_of(acme: &Acme) -> Result<(), ConfigError> {
    let wrong = |key, text: &str, wanted| Err(ConfigError::Malformed { key, text: text.to_owned(), wanted });
    if !is_name(&acme.name) {
        return wrong("tls.acme_name", &acme.name, "a name like kith.example.org: authorities certify no addresses");
    }
    if !is_directory(&acme.directory) {
        return wrong("tls.acme_directory", &acme.directory, "the https:// address of an authority's directory");
    }
    match &acme.contact {
        Some(contact) if !is_mail(contact) => {
            wrong("tls.acme_contact", contact, "the address of a mailbox like mailto:you@example.org")
        }
        _ => Ok(()),
    }
}

fn is_name(text: &str) -> bool {
    let is_part = |part: &str| {
        (1..=63).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(is_part) && text.parse::<IpAddr>().is_err()
}

/// Without TLS an authority could be anybody, but on this machine it is who listens there.
fn is_directory(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let (authority, _) = rest.split_once('/').unwrap_or((rest, ""));
    match ServerUrl::parse_lenient(&format!("{scheme}://{authority}")) {
        Ok(url) if url.scheme() == Scheme::Https => true,
        Ok(url) => url.host() == "localhost" || url.host().parse().is_ok_and(|ip: IpAddr| ip.is_loopback()),
        Err(_) => false,
    }
}

fn is_mail(text: &str) -> bool {
    let address = text.strip_prefix("mailto:").and_then(|address| address.split_once('@'));
    address.is_some_and(|(who, host)| !who.is_empty() && !host.is_empty())
        && !text.contains(|character: char| character.is_whitespace() || character == ',')
}

/// Refuses an address for others that this server cannot answer at.
fn reach(url: &ServerUrl, tls: Option<&Tls>) -> Result<(), ConfigError> {
    let apart = |one, other, why| Err(ConfigError::Apart { one, other, why });
    if url.host().parse().is_ok_and(|ip: IpAddr| ip.is_unspecified()) {
        let text = url.to_string();
        return Err(ConfigError::Malformed { key: "public_url", text, wanted: "an address that others can reach" });
    }
    match (tls, url.scheme()) {
        (Some(_), Scheme::Http) => {
            apart("public_url", "[tls]", "the address says http, and with a certificate the server speaks https only")
        }
        (Some(Tls::Acme(acme)), Scheme::Https) if !acme.name.eq_ignore_ascii_case(url.host()) => apart(
            "tls.acme_name",
            "public_url",
            "the certificate would be for another name than the one under which others come",
        ),
        _ => Ok(()),
    }
}

/// Refuses to listen twice at one place.
fn listening(config: &Config) -> Result<(), ConfigError> {
    let challenges = match &config.tls {
        Some(Tls::Acme(acme)) => Some(("tls.acme_listen", acme.listen)),
        _ => None,
    };
    let metrics = config.metrics.map(|address| ("metrics", address));
    let all = [Some(("listen", config.listen)), metrics, challenges];
    let mut seen: Vec<(&'static str, SocketAddr)> = Vec::new();
    for (key, address) in all.into_iter().flatten() {
        if let Some((one, _)) = seen.iter().find(|(_, other)| collide(*other, address)) {
            return Err(ConfigError::Apart { one, other: key, why: "both are the same address and port" });
        }
        seen.push((key, address));
    }
    Ok(())
}

/// Returns whether one of the two would find the other there. Port 0 is any that is free.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let overlap = one.ip() == other.ip()
        || one.is_ipv4() == other.is_ipv4() && (one.ip().is_unspecified() || other.ip().is_unspecified());
    one.port() != 0 && one.port() == other.port() && overlap
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_an_authority_can_certify_are_names() {
        for name in ["kith.example", "a.b.c.example", "xn--bcher-kva.example", "7.example"] {
            assert!(is_name(name), "{name}");
        }
        for name in
            ["", "localhost", "192.0.2.1", "https://kith.example", "kith.example:443", "-a.example", "a..b", "a b.c"]
        {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn a_directory_is_an_address_with_tls_unless_it_is_here() {
        for directory in [
            kith_net::acme::LETS_ENCRYPT,
            "https://ca.lan:14000/dir",
            "https://[2001:db8::1]/dir",
            "http://127.0.0.1:4000/directory",
        ] {
            assert!(is_directory(directory), "{directory}");
        }
        for directory in
            ["foo", "", "https://", "http://ca.lan/dir", "ftp://ca.lan/dir", "https:/ca.lan", "https://a b/"]
        {
            assert!(!is_directory(directory), "{directory}");
        }
    }

    #[test]
    fn a_contact_is_one_mailbox() {
        assert!(is_mail("mailto:you@example.org"));
        for contact in ["you@example.org", "mailto:you", "mailto:@example.org", "mailto:a@b,c@d", "tel:+1"] {
            assert!(!is_mail(contact), "{contact}");
        }
    }

    #[test]
    fn all_addresses_of_a_port_collide_with_each_of_them() {
        let collide = |one: &str, other: &str| collide(one.parse().unwrap(), other.parse().unwrap());
        assert!(collide("127.0.0.1:80", "127.0.0.1:80") && collide("0.0.0.0:80", "127.0.0.1:80"));
        assert!(collide("[::1]:80", "[::]:80"));
        assert!(!collide("127.0.0.1:80", "127.0.0.1:81") && !collide("127.0.0.1:0", "127.0.0.1:0"));
        assert!(!collide("127.0.0.1:80", "127.0.0.2:80") && !collide("0.0.0.0:80", "[::1]:80"));
    }
}
