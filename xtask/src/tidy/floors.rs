//! Who may use whom: floor order, primitives in one room, packages that a room must never see.

use super::{
    Finding,
    house::{self, Crate, Floor, Named, Purpose, Room},
    sources::Tree,
};

/// Packages that open sockets or run an event loop; nothing on floors 0 to 3 is linked with them.
const NETWORK: [&str; 9] = ["tokio", "mio", "hyper", "socket2", "async-std", "smol", "async-io", "quinn", "reqwest"];

/// Packages that read a clock or the system's randomness; floors 0 to 3 do not name them. (Below our own crates they
/// cannot be avoided: vodozemac draws its own randomness.)
const AMBIENT: [&str; 8] = ["rand", "getrandom", "fastrand", "chrono", "time", "web-time", "instant", "quanta"];

/// Packages of cryptographic primitives; only `kith-crypto` names them.
const PRIMITIVES: [&str; 38] = [
    "aead",
    "aegis",
    "aes",
    "aes-gcm",
    "aes-gcm-siv",
    "argon2",
    "aws-lc-rs",
    "blake2",
    "blake3",
    "cbc",
    "chacha20",
    "chacha20poly1305",
    "cipher",
    "crypto_box",
    "ctr",
    "curve25519-dalek",
    "digest",
    "ed25519-dalek",
    "hkdf",
    "hmac",
    "hpke",
    "k256",
    "libcrux-ml-kem",
    "libcrux-sha3",
    "md-5",
    "ml-dsa",
    "ml-kem",
    "p256",
    "poly1305",
    "ring",
    "rsa",
    "scrypt",
    "sha1",
    "sha2",
    "sha3",
    "sphinx-packet",
    "x-wing",
    "x25519-dalek",
];

/// Packages that belong into one room each, with that room.
const PRIVATE: [(&str, &str); 1] = [("vodozemac", "kith-session")];

/// Checks every crate against its room.
pub(super) fn check(crates: &[Crate], tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in crates {
        let Some(room) = house::find(&member.name) else {
            findings.push(Finding::wrong(
                &member.folder,
                format!(
                    "{} has no floor: give it a room in xtask/src/tidy/house.rs and in ARCHITECTURE.md",
                    member.name
                ),
            ));
            continue;
        };
        for dependency in &member.named {
            findings.extend(objection(room, dependency).map(|what| Finding::wrong(manifest(member), what)));
        }
        findings.extend(links(room, member));
        findings.extend(lints(room, member, tree));
    }
    findings
}

/// Tells why a room may not name a dependency, if it may not.
fn objection(room: &Room, dependency: &Named) -> Option<String> {
    let Named { package, purpose, .. } = dependency;
    if let Some(other) = house::find(package) {
        return floor_objection(room, other, *purpose);
    }
    if *purpose == Purpose::Tests || room.floor == Floor::Dev {
        return None;
    }
    if room.never_names.contains(&package.as_str()) {
        return Some(format!("{} never names {package}", room.name));
    }
    if PRIMITIVES.contains(&package.as_str()) && room.name != "kith-crypto" {
        return Some(format!("only kith-crypto names primitives, and {package} is one"));
    }
    if let Some((_, owner)) = PRIVATE.iter().find(|(private, owner)| private == package && *owner != room.name) {
        return Some(format!("only {owner} names {package}"));
    }
    if AMBIENT.contains(&package.as_str()) && room.floor.is_pure() && !is_for_browsers(dependency) {
        return Some(format!("time and randomness are arguments on floors 0 to 3, {package} brings its own"));
    }
    None
}

fn floor_objection(room: &Room, other: &Room, purpose: Purpose) -> Option<String> {
    if room.never_names.contains(&other.name) {
        return Some(format!("{} never names {}", room.name, other.name));
    }
    match (purpose, other.floor) {
        _ if room.floor == Floor::Dev => None,
        (Purpose::Tests, Floor::Dev) => None,
        (Purpose::Product, Floor::Dev) => Some(format!("{} is for dev-dependencies only", other.name)),
        (Purpose::Product, floor) if floor >= room.floor => Some(format!(
            "{} (floor {}) uses {} (floor {}); only lower floors may be used",
            room.name,
            room.floor.label(),
            other.name,
            floor.label()
        )),
        (Purpose::Tests, floor) if floor > room.floor => Some(format!(
            "the tests of {} (floor {}) use {} (floor {}); such a test belongs upstairs",
            room.name,
            room.floor.label(),
            other.name,
            floor.label()
        )),
        _ => None,
    }
}

/// Returns whether a dependency only chooses how a crate below draws randomness in browsers.
fn is_for_browsers(dependency: &Named) -> bool {
    dependency.package == "getrandom"
        && dependency.target.as_deref().is_some_and(|target| target.contains("wasm") && !target.contains("not("))
}

/// Checks what is linked into a crate on any way.
fn links(room: &Room, member: &Crate) -> Vec<Finding> {
    let network = NETWORK.iter().filter(|_| room.floor.is_pure());
    network
        .chain(room.never_reaches)
        .filter(|package| member.reached.contains(**package))
        .map(|package| Finding::wrong(manifest(member), format!("{package} must never be linked into {}", room.name)))
        .collect()
}

/// Checks that a crate that meets hostile bytes has the strict lints of the workspace.
fn lints(room: &Room, member: &Crate, tree: &Tree) -> Option<Finding> {
    let text = tree.text(&manifest(member))?;
    let compact: String = text.split_whitespace().collect();
    (room.floor.is_lint_strict() && !compact.contains("[lints]workspace=true"))
        .then(|| Finding::wrong(manifest(member), "`[lints] workspace = true` is missing"))
}

fn manifest(member: &Crate) -> String {
    format!("{}/Cargo.toml", member.folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(package: &str, purpose: Purpose) -> Named {
        Named { package: package.to_owned(), purpose, target: None }
    }

    fn member(name: &str, named: Vec<Named>, reached: &[&str]) -> Crate {
        Crate {
            name: name.to_owned(),
            folder: format!("crates/{name}"),
            named,
            reached: reached.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn complaints(member: Crate) -> Vec<String> {
        check(&[member], &Tree::default()).into_iter().map(|finding| finding.what).collect()
    }

    #[track_caller]
    fn assert_refused(name: &str, package: &str, part: &str) {
        let found = complaints(member(name, vec![named(package, Purpose::Product)], &[]));
        assert!(found.iter().any(|what| what.contains(part)), "{found:?}");
    }

    #[track_caller]
    fn assert_fine(name: &str, dependency: Named) {
        assert_eq!(complaints(member(name, vec![dependency], &[])), Vec::<String>::new());
    }

    #[test]
    fn a_crate_uses_only_lower_floors() {
        assert_refused("kith-wire", "kith-crypto", "only lower floors");
        assert_refused("kith-engine", "kith-home", "only lower floors");
        assert_fine("kith-crypto", named("kith-wire", Purpose::Product));
    }

    #[test]
    fn tests_do_not_look_upstairs() {
        let found = complaints(member("kith-home", vec![named("kith-client", Purpose::Tests)], &[]));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_fine("kith-engine", named("kith-home", Purpose::Tests));
    }

    #[test]
    fn dev_crates_are_dev_dependencies_only() {
        assert_refused("kith-client", "kith-bench", "dev-dependencies only");
        assert_fine("kith-client", named("kith-bench", Purpose::Tests));
        assert_fine("kith-bench", named("kith-store", Purpose::Product));
    }

    #[test]
    fn the_home_server_never_links_sessions() {
        let found = complaints(member("kithd", vec![], &["kith-session"]));
        assert_eq!(found, ["kith-session must never be linked into kithd"]);
        assert!(!complaints(member("kith-home", vec![], &["vodozemac"])).is_empty());
    }

    #[test]
    fn lower_floors_link_no_network() {
        for room in ["kith-wire", "kith-crypto", "kith-session", "kith-engine", "kith-home"] {
            assert!(!complaints(member(room, vec![], &["tokio"])).is_empty(), "{room}");
        }
        assert!(complaints(member("kith-net", vec![], &["tokio"])).is_empty());
    }

    #[test]
    fn only_kith_crypto_names_primitives() {
        assert_refused("kith-vault", "argon2", "names primitives");
        assert_refused("kithd", "sha2", "names primitives");
        assert_fine("kith-crypto", named("argon2", Purpose::Product));
        assert_fine("kith-session", named("chacha20poly1305", Purpose::Tests));
    }

    #[test]
    fn only_kith_session_names_vodozemac() {
        assert_refused("kith-engine", "vodozemac", "only kith-session");
        assert_fine("kith-session", named("vodozemac", Purpose::Product));
    }

    #[test]
    fn lower_floors_name_no_clock_and_no_randomness() {
        assert_refused("kith-home", "rand", "arguments");
        assert_refused("kith-wire", "chrono", "arguments");
        assert_fine("kith-home", named("rand", Purpose::Tests));
        assert_fine("kithd", named("rand", Purpose::Product));
    }

    #[test]
    fn getrandom_is_named_only_to_configure_browsers() {
        assert_refused("kith-crypto", "getrandom", "arguments");
        let limited = |target: &str| Named { target: Some(target.to_owned()), ..named("getrandom", Purpose::Product) };
        assert_fine("kith-crypto", limited("cfg(target_family = \"wasm\")"));
        let elsewhere = limited("cfg(not(target_family = \"wasm\"))");
        assert_eq!(complaints(member("kith-crypto", vec![elsewhere], &[])).len(), 1);
    }

    #[test]
    fn storage_knows_no_protocol() {
        assert_refused("kith-store", "kith-crypto", "never names");
        assert_refused("kith-session", "rusqlite", "never names");
    }

    #[test]
    fn a_crate_without_a_room_is_found() {
        assert_refused("kith-stranger", "serde", "has no floor");
    }

    #[test]
    fn strict_lints_are_required_up_to_floor_five() {
        let tree = Tree::of(&[("crates/kith-net/Cargo.toml", "[package]\n[lints.rust]\nunsafe_code = \"forbid\"\n")]);
        assert_eq!(check(&[member("kith-net", vec![], &[])], &tree).len(), 1);
        let strict = Tree::of(&[("crates/kith-net/Cargo.toml", "[package]\n\n[lints]\nworkspace = true\n")]);
        assert_eq!(check(&[member("kith-net", vec![], &[])], &strict), []);
    }
}
