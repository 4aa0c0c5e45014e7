//! The licence check: every package in the tree can be used under a licence that lets the protocol be everywhere.
//!
//! It reads what `cargo metadata` says; it does not read licence texts.

mod spdx;

use std::collections::BTreeMap;

use crate::{failure::Failure, metadata::Metadata, metadata::Package, screen::Screen};

/// Licences we accept, each with the reason. None of them asks anything of those who build on Kith beyond naming the
/// authors. GPL, LGPL and AGPL are absent on purpose; so is everything else that nobody has looked at.
const ACCEPTED: [(&str, &str); 17] = [
    ("Apache-2.0", "ours"),
    ("MIT", "ours"),
    ("MIT-0", "MIT without the notice"),
    ("Apache-2.0 WITH LLVM-exception", "Apache-2.0 with one duty less"),
    ("BSD-1-Clause", "notice in source only"),
    ("BSD-2-Clause", "notice"),
    ("BSD-3-Clause", "notice, no endorsement"),
    ("0BSD", "no duties"),
    ("BSL-1.0", "notice in source only; Boost, not the Business Source License"),
    ("ISC", "notice"),
    ("Zlib", "notice in source only"),
    ("BlueOak-1.0.0", "notice"),
    ("Unicode-3.0", "notice; tables of the Unicode consortium"),
    ("CDLA-Permissive-2.0", "for data, notice; the root certificates of Mozilla"),
    ("CC0-1.0", "public domain"),
    ("blessing", "public domain; SQLite"),
    ("WTFPL", "public domain in effect"),
];

/// The only place that foreign code may come from: a registry whose versions never change.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Checks the whole tree and tells how it is made up.
pub(crate) fn check(metadata: &Metadata, screen: &Screen) -> Result<(), Failure> {
    let refused: Vec<String> = metadata.packages.iter().filter_map(objection).collect();
    for line in &refused {
        screen.wrong(line);
    }
    if !refused.is_empty() {
        return Err(Failure::new(format!("{} packages may not be in the tree", refused.len()))
            .hint("`cargo tree -i PACKAGE` shows who brings it in; if the licence asks for its notice at most, add it to xtask/src/licences.rs"));
    }
    let mut kinds = BTreeMap::<&str, usize>::new();
    for package in &metadata.packages {
        *kinds.entry(package.license.as_deref().unwrap_or_default()).or_default() += 1;
    }
    screen.say(&format!(
        "{} packages under {} licence expressions; each leaves a choice we accept",
        metadata.packages.len(),
        kinds.len()
    ));
    Ok(())
}

/// Tells why a package may not be in the tree, if it may not.
fn objection(package: &Package) -> Option<String> {
    let Package { name, version, .. } = package;
    if let Some(source) = package.source.as_deref().filter(|source| *source != REGISTRY) {
        return Some(format!("{name} {version} comes from {source}, not from crates.io"));
    }
    let Some(expression) = package.license.as_deref() else {
        return Some(format!("{name} {version} states no licence"));
    };
    match spdx::parse(expression) {
        Err(error) => Some(format!("{name} {version}: `{expression}` is no licence expression: {error}")),
        Ok(parsed) if parsed.is_satisfied_by(&is_accepted) => None,
        Ok(_) => Some(format!("{name} {version} is under {expression}")),
    }
}

fn is_accepted(licence: &str) -> bool {
    ACCEPTED.iter().any(|(accepted, _)| *accepted == licence)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn package(license: Option<&str>, source: Option<&str>) -> Package {
        Package {
            name: "thing".into(),
            version: "1.0.0".into(),
            id: "thing".into(),
            license: license.map(Into::into),
            source: source.map(Into::into),
            manifest_path: PathBuf::new(),
            dependencies: Vec::new(),
        }
    }

    fn is_refused(license: &str) -> bool {
        objection(&package(Some(license), Some(REGISTRY))).is_some()
    }

    #[test]
    fn copyleft_is_refused() {
        for license in ["GPL-3.0-only", "LGPL-2.1-or-later", "AGPL-3.0", "MIT AND LGPL-3.0", "GPL-2.0+"] {
            assert!(is_refused(license), "{license}");
        }
    }

    #[test]
    fn a_choice_that_includes_ours_is_accepted() {
        for license in ["MIT OR GPL-3.0-only", "MIT/Apache-2.0", "(MIT OR AGPL-3.0) AND Unicode-3.0"] {
            assert!(!is_refused(license), "{license}");
        }
    }

    #[test]
    fn an_exception_is_not_the_licence_alone() {
        assert!(!is_refused("Apache-2.0 WITH LLVM-exception"));
        assert!(is_refused("MIT WITH LLVM-exception"));
    }

    #[test]
    fn a_package_without_licence_is_refused() {
        assert!(objection(&package(None, Some(REGISTRY))).is_some());
        assert!(is_refused("MIT OR"));
    }

    #[test]
    fn a_package_from_elsewhere_is_refused() {
        let git = package(Some("MIT"), Some("git+https://example.com/thing"));
        assert!(objection(&git).is_some_and(|line| line.contains("not from crates.io")));
        assert!(objection(&package(Some("MIT"), None)).is_none());
    }
}
