//! Habits that a text shows by itself: sizes, headers, no open marks, no switched-off tests.

use super::{
    Finding,
    sources::{Source, Tree, lines_with},
};

/// Lines after which a file deserves a look.
const LONG: usize = 350;
/// Lines after which a file of the product must be divided.
const TOO_LONG: usize = 600;
/// Lines after which a file of tests must be divided: tables of cases are long and simple.
const TOO_LONG_FOR_TESTS: usize = 900;

/// Marks of work left open, written so that this file does not carry them. Open points go into `docs/`.
const MARKS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Checks all texts.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in tree.sources() {
        findings.extend(size(source));
        findings.extend(header(source, tree.text(&source.path).unwrap_or_default()));
        findings.extend(marks(&source.path, &source.comments));
        findings.extend(switched_off(source));
    }
    for (path, text) in tree.texts().filter(|(path, _)| !path.ends_with(".rs")) {
        findings.extend(marks(path, text));
    }
    findings
}

fn size(source: &Source) -> Option<Finding> {
    let n_lines = source.n_lines;
    let limit = if source.is_test { TOO_LONG_FOR_TESTS } else { TOO_LONG };
    if n_lines > limit {
        return Some(Finding::wrong(&source.path, format!("{n_lines} lines; more than {limit} hide their structure")));
    }
    (n_lines > LONG && !source.is_test).then(|| Finding::note(&source.path, format!("{n_lines} lines")))
}

fn header(source: &Source, text: &str) -> Option<Finding> {
    let is_ours = ["crates/", "apps/", "dev/", "xtask/"].iter().any(|folder| source.path.starts_with(folder));
    (is_ours && !text.trim_start().starts_with("//!"))
        .then(|| Finding::wrong(&source.path, "it does not begin with `//!`: what it is, what it does not do"))
}

fn marks(path: &str, text: &str) -> Vec<Finding> {
    let found = MARKS.iter().flat_map(|mark| lines_with(text, mark).into_iter().map(move |line| (mark, line)));
    found
        .map(|(mark, line)| Finding::wrong(format!("{path}:{line}"), format!("{mark}; open points go into docs/")))
        .collect()
}

fn switched_off(source: &Source) -> Vec<Finding> {
    let attributes = ["#[ignore", "#[should_panic", ", ignore)]", ", ignore ="];
    let in_code = attributes.iter().flat_map(|word| lines_with(&source.code, word));
    let in_docs = lines_with(&source.comments, "```ignore");
    in_code
        .chain(in_docs)
        .map(|line| {
            let place = format!("{}:{line}", source.path);
            Finding::wrong(place, "a test that is switched off, or that passes by any panic, proves nothing")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> Vec<Finding> {
        check(&Tree::of(&[(path, text)]))
    }

    fn lines(n_lines: usize) -> String {
        format!("//! A file.\n{}", "\n".repeat(n_lines - 1))
    }

    #[test]
    fn long_files_are_noted_and_longer_ones_are_wrong() {
        assert_eq!(complaints("crates/x/src/a.rs", &lines(350)), []);
        let weights = |n_lines| complaints("crates/x/src/a.rs", &lines(n_lines)).into_iter().map(|f| f.weight);
        assert!(weights(351).eq([super::super::Weight::Note]));
        assert!(weights(601).eq([super::super::Weight::Wrong]));
    }

    #[test]
    fn tests_may_be_longer_but_not_endless() {
        assert_eq!(complaints("crates/x/src/a/tests.rs", &lines(900)), []);
        assert_eq!(complaints("crates/x/src/a/tests.rs", &lines(901)).len(), 1);
    }

    #[test]
    fn open_marks_are_found_in_comments_and_prose() {
        for mark in MARKS {
            assert_eq!(complaints("crates/x/src/a.rs", &format!("//! A.\n// {mark}: later\n")).len(), 1, "{mark}");
            assert_eq!(complaints("spec/wire.md", &format!("{mark}\n")).len(), 1, "{mark}");
        }
        assert_eq!(complaints("crates/x/src/a.rs", &format!("//! A.\nconst A: &str = \"{}\";\n", MARKS[0])), []);
    }

    #[test]
    fn switched_off_tests_are_found() {
        let texts = ["#[ignore]", "#[ignore = \"slow\"]", "#[should_panic]", "#[cfg_attr(x, ignore)]", "/// ```ignore"];
        for text in texts {
            assert_eq!(complaints("crates/x/src/a.rs", &format!("//! A.\n{text}\nfn a() {{}}\n")).len(), 1, "{text}");
        }
    }

    #[test]
    fn a_file_without_header_is_found() {
        assert_eq!(complaints("crates/x/src/a.rs", "fn a() {}\n").len(), 1);
    }
}
