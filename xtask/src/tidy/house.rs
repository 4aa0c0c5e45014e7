//! The house as data: which crate lives on which floor and what it must never touch.
//!
//! ARCHITECTURE.md says the same in words; the documents check holds the two together. A new crate starts here.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    failure::Failure,
    metadata::{Metadata, Package},
};

/// A crate's place in the house.
#[derive(Debug)]
pub(super) struct Room {
    /// Name of the crate.
    pub(super) name: &'static str,
    /// Where it stands.
    pub(super) floor: Floor,
    /// Packages that its manifest must not name.
    pub(super) never_names: &'static [&'static str],
    /// Packages that must not be linked into it on any way.
    pub(super) never_reaches: &'static [&'static str],
}

/// A floor. A crate uses only crates of lower floors.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Floor {
    /// Part of the product, from 0 (words of the protocol) to 6 (programs).
    Number(u8),
    /// Simulators, benchmarks, developer commands: used by nobody but tests.
    Dev,
}

impl Floor {
    /// Returns whether crates here get time and randomness as arguments and do no input or output.
    pub(super) fn is_pure(self) -> bool {
        self <= Self::Number(3)
    }

    /// Returns whether crates here handle bytes from strangers and therefore must never panic.
    pub(super) fn is_lint_strict(self) -> bool {
        self <= Self::Number(5)
    }

    /// Says it as the table in ARCHITECTURE.md does.
    pub(super) fn label(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Dev => "–".to_owned(),
        }
    }
}

/// All rooms, lowest floor first.
pub(super) const ROOMS: [Room; 19] = [
    room("kith-wire", Floor::Number(0), &[], &[]),
    room("kith-picture", Floor::Number(0), &["kith-wire", "kith-crypto"], &["kith-wire"]),
    room("kith-crypto", Floor::Number(1), &[], &[]),
    room("kith-session", Floor::Number(2), &["rusqlite"], &["rusqlite"]),
    room("kith-engine", Floor::Number(3), &[], &[]),
    room("kith-home", Floor::Number(3), &["rusqlite"], &["kith-session", "vodozemac"]),
    room("kith-vault", Floor::Number(4), &[], &["kith-session", "kith-engine", "tokio"]),
    room("kith-store", Floor::Number(4), &["kith-crypto"], &["kith-session", "vodozemac"]),
    room("kith-net", Floor::Number(4), &[], &["kith-crypto", "kith-session", "kith-engine", "kith-home"]),
    room(
        "kith-keep",
        Floor::Number(4),
        &["rusqlite"],
        &["kith-session", "kith-engine", "kith-vault", "kith-net", "tokio"],
    ),
    room("kith-site", Floor::Number(4), &["tokio", "hyper"], &["kith-session", "kith-engine", "kith-home", "tokio"]),
    room("kith-client", Floor::Number(5), &["clap", "indicatif", "ratatui", "dialoguer"], &["kith-home"]),
    room("kith-web", Floor::Number(5), &[], &["kith-home", "kith-store", "kith-net", "tokio"]),
    room("kith", Floor::Number(6), &[], &["kith-home", "kith-store"]),
    // A home server that cannot name a session cannot open one.
    room("kithd", Floor::Number(6), &[], &["kith-session", "kith-engine", "kith-vault", "vodozemac"]),
    room("kith-bench", Floor::Dev, &[], &[]),
    room("kith-sim", Floor::Dev, &[], &[]),
    room("kith-spec", Floor::Dev, &[], &[]),
    room("xtask", Floor::Dev, &[], &[]),
];

const fn room(
    name: &'static str,
    floor: Floor,
    never_names: &'static [&'static str],
    never_reaches: &'static [&'static str],
) -> Room {
    Room { name, floor, never_names, never_reaches }
}

/// Returns the room of a crate, if it has one.
pub(super) fn find(name: &str) -> Option<&'static Room> {
    ROOMS.iter().find(|room| room.name == name)
}

/// A crate of ours as cargo sees it.
#[derive(Debug)]
pub(super) struct Crate {
    /// Its name.
    pub(super) name: String,
    /// Its folder, from the root, with `/`.
    pub(super) folder: String,
    /// What its manifest names.
    pub(super) named: Vec<Named>,
    /// Every package that is linked into it or builds it, however far away.
    pub(super) reached: BTreeSet<String>,
}

/// A dependency that a manifest names.
#[derive(Debug)]
pub(super) struct Named {
    /// The package.
    pub(super) package: String,
    /// What it is for.
    pub(super) purpose: Purpose,
    /// The `cfg(…)` that it is limited to.
    pub(super) target: Option<String>,
}

/// What a dependency is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    /// It becomes part of the product, or builds it.
    Product,
    /// Only tests and benches see it.
    Tests,
}

/// Reduces the metadata to our own crates.
pub(super) fn crates(metadata: &Metadata) -> Result<Vec<Crate>, Failure> {
    let by_id: BTreeMap<&str, &Package> =
        metadata.packages.iter().map(|package| (package.id.as_str(), package)).collect();
    let ours = metadata.workspace_members.iter().filter_map(|id| by_id.get(id.as_str()));
    ours.map(|package| {
        let folder = package
            .manifest_path
            .parent()
            .and_then(|folder| folder.strip_prefix(&metadata.workspace_root).ok())
            .ok_or_else(|| Failure::new(format!("{} lies outside the workspace", package.name)))?;
        Ok(Crate {
            name: package.name.clone(),
            folder: folder.to_string_lossy().replace('\\', "/"),
            named: named(package),
            reached: reached(metadata, &by_id, &package.id),
        })
    })
    .collect()
}

fn named(package: &Package) -> Vec<Named> {
    let purpose = |kind: Option<&str>| if kind == Some("dev") { Purpose::Tests } else { Purpose::Product };
    package
        .dependencies
        .iter()
        .map(|dependency| Named {
            package: dependency.name.clone(),
            purpose: purpose(dependency.kind.as_deref()),
            target: dependency.target.clone(),
        })
        .collect()
}

fn reached(metadata: &Metadata, by_id: &BTreeMap<&str, &Package>, start: &str) -> BTreeSet<String> {
    let links: BTreeMap<&str, _> = metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), &node.deps)).collect();
    let mut seen = BTreeSet::new();
    let mut open = vec![start];
    while let Some(id) = open.pop() {
        let used = links.get(id).into_iter().copied().flatten();
        for link in used.filter(|link| link.dep_kinds.iter().any(|way| way.kind.as_deref() != Some("dev"))) {
            if seen.insert(link.pkg.as_str()) {
                open.push(&link.pkg);
            }
        }
    }
    seen.into_iter().filter_map(|id| by_id.get(id)).map(|package| package.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crate of ours that uses `near`, which uses `far` for itself and `testing` in its tests.
    const METADATA: &str = r#"{
        "workspace_root": "/w",
        "workspace_members": ["kithd 0.1.0"],
        "packages": [
            {"name": "kithd", "version": "0.1.0", "id": "kithd 0.1.0", "manifest_path": "/w/apps/kithd/Cargo.toml",
             "dependencies": [
                {"name": "near", "kind": null, "target": null},
                {"name": "testing", "kind": "dev", "target": "cfg(unix)"}]},
            {"name": "near", "version": "1.0.0", "id": "n", "manifest_path": "/r/n/Cargo.toml", "dependencies": []},
            {"name": "far", "version": "1.0.0", "id": "f", "manifest_path": "/r/f/Cargo.toml", "dependencies": []},
            {"name": "testing", "version": "1.0.0", "id": "t", "manifest_path": "/r/t/Cargo.toml", "dependencies": []}
        ],
        "resolve": {"nodes": [
            {"id": "kithd 0.1.0", "deps": [{"pkg": "n", "dep_kinds": [{"kind": null}]}]},
            {"id": "n", "deps": [
                {"pkg": "f", "dep_kinds": [{"kind": "build"}]},
                {"pkg": "t", "dep_kinds": [{"kind": "dev"}]}]},
            {"id": "f", "deps": [{"pkg": "n", "dep_kinds": [{"kind": null}]}]},
            {"id": "t", "deps": []}
        ]}
    }"#;

    fn only_crate() -> Crate {
        let metadata = serde_json::from_str(METADATA).unwrap();
        crates(&metadata).unwrap().pop().unwrap()
    }

    #[test]
    fn a_crate_reaches_what_is_far_away_but_not_what_tests_use() {
        assert!(only_crate().reached.iter().eq(["far", "near"]));
    }

    #[test]
    fn a_crate_is_known_by_its_folder_and_its_purposes() {
        let found = only_crate();
        assert_eq!(found.folder, "apps/kithd");
        let purposes: Vec<_> = found.named.iter().map(|named| (named.package.as_str(), named.purpose)).collect();
        assert_eq!(purposes, [("near", Purpose::Product), ("testing", Purpose::Tests)]);
    }

    #[test]
    fn rooms_stand_in_order_of_their_floors() {
        assert!(ROOMS.is_sorted_by_key(|room| room.floor));
    }
}
