//! Documents that must keep up with the code: ARCHITECTURE.md names every room, decisions are numbered.

use std::collections::BTreeMap;

use super::{
    Finding,
    house::{self, Crate},
    sources::Tree,
};

const ARCHITECTURE: &str = "ARCHITECTURE.md";
const DECISIONS: &str = "docs/decisions/";

/// Checks the documents.
pub(super) fn check(crates: &[Crate], tree: &Tree) -> Vec<Finding> {
    let mut findings = rooms(crates, tree.text(ARCHITECTURE).unwrap_or_default());
    findings.extend(decisions(tree));
    findings
}

/// Checks that the table has a row `| floor | name |` for each crate.
fn rooms(crates: &[Crate], text: &str) -> Vec<Finding> {
    let rows: Vec<Vec<String>> = text.lines().filter(|line| line.starts_with('|')).map(cells).collect();
    let placed = crates.iter().filter_map(|member| house::find(&member.name));
    placed
        .filter(|room| {
            let is_row = |row: &&Vec<String>| {
                row.first() == Some(&room.floor.label()) && row.get(1).is_some_and(|name| *name == room.name)
            };
            !rows.iter().any(|row| is_row(&row))
        })
        .map(|room| {
            let row = format!("no row `| {} | `{}` | …`", room.floor.label(), room.name);
            Finding::wrong(ARCHITECTURE, row)
        })
        .collect()
}

/// Divides a row into its cells, without the marks around code and the folder before a name.
fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_matches('|');
    inner
        .split('|')
        .map(|cell| {
            let bare = cell.trim().trim_matches('`');
            bare.rsplit_once('/').map_or(bare, |(_, name)| name).to_owned()
        })
        .collect()
}

/// Checks that decisions are called `0001-words.md`, that no number is taken twice and none is left out.
fn decisions(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut taken = BTreeMap::<u32, &str>::new();
    for (path, text) in tree.texts() {
        let Some(name) = path.strip_prefix(DECISIONS).filter(|name| *name != "README.md") else { continue };
        let Some(number) = number(name) else {
            findings.push(Finding::wrong(path, "a decision is called 0001-what-it-is-about.md"));
            continue;
        };
        if let Some(other) = taken.insert(number, path) {
            findings.push(Finding::wrong(path, format!("its number is also that of {other}")));
        }
        if !text.starts_with("# ") {
            findings.push(Finding::wrong(path, "it does not begin with a title"));
        }
    }
    let gap = (1..).zip(taken.keys()).find(|(expected, number)| expected != *number);
    findings.extend(gap.map(|(missing, _)| Finding::wrong(DECISIONS, format!("number {missing:04} is left out"))));
    findings
}

fn number(name: &str) -> Option<u32> {
    let (digits, words) = name.strip_suffix(".md")?.split_once('-')?;
    let is_plain = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    (digits.len() == 4 && !words.is_empty() && words.chars().all(is_plain)).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn complaints(files: &[(&str, &str)]) -> Vec<String> {
        let member =
            Crate { name: "kithd".into(), folder: "apps/kithd".into(), named: Vec::new(), reached: BTreeSet::new() };
        check(&[member], &Tree::of(files)).into_iter().map(|finding| finding.what).collect()
    }

    const ROOMS: (&str, &str) =
        (ARCHITECTURE, "| floor | crate |\n|---|---|\n| 6 | `apps/kithd` | the home server |\n");

    #[test]
    fn a_crate_with_its_row_is_fine() {
        assert!(complaints(&[ROOMS]).is_empty());
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        assert_eq!(complaints(&[]).len(), 1);
        assert_eq!(complaints(&[(ARCHITECTURE, "We have `kithd`.\n")]).len(), 1);
    }

    #[test]
    fn a_crate_on_the_wrong_floor_is_found() {
        assert_eq!(complaints(&[(ARCHITECTURE, "| 5 | `apps/kithd` | x |\n")]).len(), 1);
    }

    #[test]
    fn decisions_in_a_row_are_fine() {
        let files = [ROOMS, ("docs/decisions/0001-a.md", "# A\n"), ("docs/decisions/0002-b-2.md", "# B\n")];
        assert!(complaints(&files).is_empty());
    }

    #[test]
    fn badly_named_decisions_are_found() {
        for name in ["1-a.md", "0001.md", "0001-A b.md", "a.md"] {
            assert_eq!(complaints(&[ROOMS, (&format!("docs/decisions/{name}"), "# A\n")]).len(), 1, "{name}");
        }
    }

    #[test]
    fn numbers_taken_twice_or_left_out_are_found() {
        let first = ("docs/decisions/0001-a.md", "# A\n");
        assert_eq!(complaints(&[ROOMS, first, ("docs/decisions/0001-b.md", "# B\n")]).len(), 1);
        assert_eq!(complaints(&[ROOMS, first, ("docs/decisions/0003-b.md", "# B\n")]), ["number 0002 is left out"]);
    }

    #[test]
    fn a_decision_without_title_is_found() {
        assert_eq!(complaints(&[ROOMS, ("docs/decisions/0001-a.md", "text\n")]).len(), 1);
    }
}
