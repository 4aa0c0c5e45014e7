//! `cargo xtask tidy`: proves what can be proved about the house of ARCHITECTURE.md without compiling it.
//!
//! Each module holds one kind of check, as functions from what was read (a [`Tree`] of sources, the crates as cargo sees
//! them) to findings, so that each is tested on a small tree that breaks its rule. Lints and tests are not its job.

mod absences;
mod claims;
mod documents;
mod floors;
mod house;
mod lexer;
mod rules;
mod sources;
mod texts;

use crate::{failure::Failure, metadata::Metadata, screen::Screen, workspace::Workspace};

use self::{house::Crate, sources::Tree};

/// Something that a check found.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Finding {
    weight: Weight,
    place: String,
    what: String,
}

/// What a finding does to the run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Weight {
    /// It fails.
    Wrong,
    /// It is worth a look.
    Note,
}

impl Finding {
    fn wrong(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { weight: Weight::Wrong, place: place.into(), what: what.into() }
    }

    fn note(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { weight: Weight::Note, place: place.into(), what: what.into() }
    }
}

/// Runs all checks on the repository.
pub(crate) fn check(workspace: &Workspace, screen: &Screen) -> Result<(), Failure> {
    let crates = house::crates(&Metadata::read(workspace)?)?;
    let tree = Tree::read(workspace.root())?;
    let findings = findings(&crates, &tree);
    let mut n_wrong = 0_usize;
    for Finding { weight, place, what } in &findings {
        let line = format!("{place}: {what}");
        match weight {
            Weight::Note => screen.note(&line),
            Weight::Wrong => {
                n_wrong += 1;
                screen.wrong(&line);
            }
        }
    }
    if n_wrong > 0 {
        return Err(Failure::new(format!("the house is not tidy: {n_wrong} findings")));
    }
    screen.say(&format!(
        "{} crates, {} source files, {} rules of the specification",
        crates.len(),
        tree.sources().count(),
        rules::count(&tree)
    ));
    Ok(())
}

/// Names the crates that must build for browsers: those of floors 0 to 3.
pub(crate) fn rooms_for_browsers() -> impl Iterator<Item = &'static str> {
    house::ROOMS.iter().filter(|room| room.floor.is_pure()).map(|room| room.name)
}

fn findings(crates: &[Crate], tree: &Tree) -> Vec<Finding> {
    [
        floors::check(crates, tree),
        absences::check(crates, tree),
        rules::check(tree),
        texts::check(tree),
        documents::check(crates, tree),
        claims::check(tree),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_zero_to_three_are_built_for_browsers() {
        let expected = ["kith-wire", "kith-picture", "kith-crypto", "kith-session", "kith-engine", "kith-home"];
        assert!(rooms_for_browsers().eq(expected));
    }

    #[test]
    fn every_kind_of_check_is_run() {
        let tree = Tree::of(&[
            ("crates/kith-wire/Cargo.toml", ""),
            ("crates/kith-wire/src/lib.rs", "use std::time::SystemTime;"),
            ("spec/wire.md", "**KW-1** A rule."),
            ("docs/claims.md", "`crates/kith-wire/tests/gone.rs::shown`"),
        ]);
        let member = Crate {
            name: "kith-wire".into(),
            folder: "crates/kith-wire".into(),
            named: Vec::new(),
            reached: ["mio".to_owned()].into(),
        };
        let found = findings(&[member], &tree);
        let expected = [
            "linked into",
            "[lints]",
            "time is an argument",
            "no comment",
            "no test is called",
            "there is no test",
            "begin with",
            "no row",
        ];
        for part in expected {
            assert_eq!(found.iter().filter(|finding| finding.what.contains(part)).count(), 1, "{part}: {found:?}");
        }
    }
}
