//! What must not be in the sources of floors 0 to 3: sockets, clocks, randomness of their own, threads, files.
//!
//! Dependencies are the business of the floors check; this one reads code. Tests and benches are exempt.

use super::{
    Finding,
    house::{self, Crate},
    sources::{Tree, lines_with},
};

/// Words that must not stand in code, and what belongs there instead.
const ABSENT: [(&str, &[&str]); 4] = [
    (
        "bytes go through the caller, there are no sockets here",
        &[
            "TcpStream",
            "TcpListener",
            "UdpSocket",
            "UnixStream",
            "UnixListener",
            "UnixDatagram",
            "ToSocketAddrs",
            "tokio",
            "mio",
            "hyper",
            "socket2",
        ],
    ),
    (
        "time is an argument",
        &["SystemTime", "Instant::now", "time::Instant", "Utc::now", "Local::now", "OffsetDateTime::now_utc"],
    ),
    (
        "randomness is an argument",
        &[
            "rand::rng(",
            "rand::random",
            "thread_rng",
            "ThreadRng",
            "SysRng",
            "OsRng",
            "getrandom",
            "from_os_rng",
            "from_entropy",
            "from_rng(&mut rand::rng",
            "RandomState",
        ],
    ),
    (
        "this room is synchronous and alone",
        &["async fn", "async move", ".await", "std::thread", "thread::spawn", "std::fs", "std::process", "std::env"],
    ),
];

/// Checks the sources of floors 0 to 3.
pub(super) fn check(crates: &[Crate], tree: &Tree) -> Vec<Finding> {
    let pure = crates.iter().filter(|member| house::find(&member.name).is_some_and(|room| room.floor.is_pure()));
    let folders: Vec<String> = pure.map(|member| format!("{}/", member.folder)).collect();
    let mut findings = Vec::new();
    for source in tree.sources().filter(|source| folders.iter().any(|folder| source.path.starts_with(folder))) {
        for (instead, words) in ABSENT {
            for word in words {
                findings.extend(
                    lines_with(&source.product_code, word)
                        .into_iter()
                        .map(|line| Finding::wrong(format!("{}:{line}", source.path), format!("`{word}`: {instead}"))),
                );
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn complaints(name: &str, text: &str) -> Vec<Finding> {
        let member = Crate {
            name: name.to_owned(),
            folder: format!("crates/{name}"),
            named: Vec::new(),
            reached: BTreeSet::new(),
        };
        check(&[member], &Tree::of(&[(&format!("crates/{name}/src/lib.rs"), text)]))
    }

    #[test]
    fn every_absent_word_is_found() {
        for (_, words) in ABSENT {
            for word in words {
                assert!(!complaints("kith-home", &format!("fn a() {{ x{}; }}", spaced(word))).is_empty(), "{word}");
            }
        }
    }

    /// Puts a word after `x` so that it stands by itself.
    fn spaced(word: &str) -> String {
        if word.starts_with('.') { word.to_owned() } else { format!(" {word}") }
    }

    #[test]
    fn the_place_names_file_and_line() {
        let found = complaints("kith-wire", "\nfn now() { std::time::SystemTime::now(); }");
        assert_eq!(found, [Finding::wrong("crates/kith-wire/src/lib.rs:2", "`SystemTime`: time is an argument")]);
    }

    #[test]
    fn prose_literals_and_tests_are_exempt() {
        let text = "//! No tokio.\nconst A: &str = \"tokio\";\n#[cfg(test)]\nmod tests { fn a() { rand::rng(); } }";
        assert_eq!(complaints("kith-home", text), []);
    }

    #[test]
    fn upper_floors_may() {
        assert_eq!(complaints("kith-net", "async fn a() { tokio::spawn(b()); }"), []);
    }
}
