//! The rules of the specification: each stands in `spec/`, in the code that enforces it, and in the name of the test
//! that fails when the enforcement is deleted.
//!
//! A rule is defined by a line of `spec/*.md` that begins with its id in bold (`**KW-12** …`, also as a list item). Code
//! names it in a comment, usually on an error variant; a test is called `kw_12_…`. The letter is that of the chapter:
//! wire, crypto, session, home, engine.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, lexer::is_word, sources::Tree};

/// Letters of the chapters.
const CHAPTERS: [char; 5] = ['W', 'C', 'S', 'H', 'E'];

/// Id of a rule.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct RuleId {
    chapter: char,
    number: u32,
}

impl std::fmt::Display for RuleId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "K{}-{}", self.chapter, self.number)
    }
}

/// Where ids were seen, first place each.
type Places = BTreeMap<RuleId, String>;

/// Returns how many rules the specification defines.
pub(super) fn count(tree: &Tree) -> usize {
    defined(tree).0.len()
}

/// Checks that no rule is an orphan in any direction. Without a specification there is nothing to compare with.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let has_spec = tree.texts().any(|(path, _)| is_spec(path));
    let (rules, mut findings) = defined(tree);
    if !has_spec {
        return findings;
    }
    let (in_code, in_tests, in_prose) = (named_in_code(tree), named_in_tests(tree), named_in_prose(tree));
    for (rule, place) in &rules {
        if !in_code.contains_key(rule) {
            findings.push(Finding::wrong(place, format!("no comment in the code names {rule}, so nobody enforces it")));
        }
        if !in_tests.contains_key(rule) {
            let name = rule.to_string().to_lowercase().replace('-', "_");
            findings.push(Finding::wrong(place, format!("no test is called {name}_…, so nobody would miss {rule}")));
        }
    }
    for (rule, place) in in_code.iter().chain(&in_tests).chain(&in_prose).filter(|(rule, _)| !rules.contains_key(rule))
    {
        findings.push(Finding::wrong(place, format!("{rule} is not defined in spec/")));
    }
    findings
}

fn is_spec(path: &str) -> bool {
    path.starts_with("spec/") && path.ends_with(".md")
}

/// Collects definitions, and complains about second ones.
fn defined(tree: &Tree) -> (Places, Vec<Finding>) {
    let (mut rules, mut findings) = (Places::new(), Vec::new());
    for (path, text) in tree.texts().filter(|(path, _)| is_spec(path)) {
        for (line_idx, line) in text.lines().enumerate() {
            let Some(rule) = definition(line) else { continue };
            let place = format!("{path}:{}", line_idx + 1);
            if let Some(first) = rules.get(&rule) {
                findings.push(Finding::wrong(place, format!("{rule} is already defined at {first}")));
            } else {
                rules.insert(rule, place);
            }
        }
    }
    (rules, findings)
}

fn definition(line: &str) -> Option<RuleId> {
    let item = line.trim_start().trim_start_matches(['-', '*', '>', '|', ' ']);
    // The bold marks were trimmed with the bullet; they tell a definition from a mention at the start of a line.
    let head = line.get(..line.len() - item.len())?;
    let (id, rest) = leading_id(item, '-')?;
    (head.ends_with("**") && rest.starts_with("**")).then_some(id)
}

/// Reads an id at the start of a text: `KW-12` with separator `-`, `kw_12` with `_`.
fn leading_id(text: &str, separator: char) -> Option<(RuleId, &str)> {
    let after_k = text.strip_prefix(['K', 'k'])?;
    let letter = after_k.chars().next()?.to_ascii_uppercase();
    let chapter = CHAPTERS.into_iter().find(|chapter| *chapter == letter)?;
    let digits_on = after_k.get(1..)?.strip_prefix(separator)?;
    let rest = digits_on.trim_start_matches(|character: char| character.is_ascii_digit());
    let number = digits_on.get(..digits_on.len() - rest.len())?.parse().ok()?;
    Some((RuleId { chapter, number }, rest))
}

/// Finds all mentions `KW-12` in a text.
fn mentions(text: &str) -> BTreeSet<RuleId> {
    let starts = text.match_indices('K').filter(|(at, _)| {
        let before = text.get(..*at).and_then(|head| head.chars().next_back());
        !before.is_some_and(is_word)
    });
    starts.filter_map(|(at, _)| leading_id(text.get(at..)?, '-')).map(|(id, _)| id).collect()
}

fn named_in_code(tree: &Tree) -> Places {
    let mut places = Places::new();
    for source in tree.product() {
        for (line_idx, line) in source.product_comments.lines().enumerate() {
            for rule in mentions(line) {
                places.entry(rule).or_insert_with(|| format!("{}:{}", source.path, line_idx + 1));
            }
        }
    }
    places
}

fn named_in_tests(tree: &Tree) -> Places {
    let mut places = Places::new();
    for source in tree.product() {
        for (line_idx, line) in source.code.lines().enumerate() {
            for rule in test_names(line) {
                places.entry(rule).or_insert_with(|| format!("{}:{}", source.path, line_idx + 1));
            }
        }
    }
    places
}

/// Finds the ids in the names of the functions on a line; a name may carry several: `kw_1_kw_2_…`.
fn test_names(line: &str) -> Vec<RuleId> {
    let names = line.match_indices("fn ").filter_map(|(at, found)| line.get(at + found.len()..));
    names
        .flat_map(|name| {
            let mut ids = Vec::new();
            let mut rest = name;
            while let Some((id, after)) = leading_id(rest, '_') {
                ids.push(id);
                rest = after.strip_prefix('_').unwrap_or(after);
            }
            ids
        })
        .collect()
}

fn named_in_prose(tree: &Tree) -> Places {
    let mut places = Places::new();
    let is_prose = |path: &str| path.starts_with("spec/") || path.starts_with("docs/");
    for (path, text) in tree.texts().filter(|(path, _)| is_prose(path)) {
        for rule in mentions(text) {
            places.entry(rule).or_insert_with(|| path.to_owned());
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: (&str, &str) = ("spec/wire.md", "# Wire\n\n**KW-12** A frame has 4,096 bytes.\n");
    const CODE: &str = "/// The frame has another size (KW-12).\nWrongSize,\n";
    const TEST: &str = "#[cfg(test)]\nmod tests {\n#[test]\nfn kw_12_a_short_frame_is_refused() {}\n}\n";

    fn complaints(spec: &[(&str, &str)], code: &str) -> Vec<String> {
        let mut files = spec.to_vec();
        files.push(("crates/kith-wire/src/frame.rs", code));
        check(&Tree::of(&files)).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_rule_in_all_three_places_is_fine() {
        assert!(complaints(&[SPEC], &format!("{CODE}{TEST}")).is_empty());
    }

    #[test]
    fn a_rule_without_code_is_an_orphan() {
        assert_eq!(complaints(&[SPEC], TEST), ["no comment in the code names KW-12, so nobody enforces it"]);
    }

    #[test]
    fn a_rule_that_only_a_test_mentions_is_an_orphan() {
        let text = "#[cfg(test)]\nmod tests {\n// KW-12\nfn kw_12_x() {}\n}\n";
        assert_eq!(complaints(&[SPEC], text).len(), 1);
    }

    #[test]
    fn a_rule_without_test_is_an_orphan() {
        assert_eq!(complaints(&[SPEC], CODE), ["no test is called kw_12_…, so nobody would miss KW-12"]);
    }

    #[test]
    fn code_and_tests_without_a_rule_are_orphans() {
        let spec = ("spec/wire.md", "# Wire\n");
        let expected = ["KW-12 is not defined in spec/"; 2];
        assert_eq!(complaints(&[spec], &format!("{CODE}{TEST}")), expected);
    }

    #[test]
    fn prose_that_refers_to_nothing_is_an_orphan() {
        let spec = ("spec/wire.md", "See KH-3.\n");
        assert_eq!(complaints(&[spec], ""), ["KH-3 is not defined in spec/"]);
    }

    #[test]
    fn a_second_definition_is_found() {
        let second = ("spec/home.md", "- **KW-12** Again.\n");
        let found = complaints(&[SPEC, second], &format!("{CODE}{TEST}"));
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn without_a_specification_nothing_is_compared() {
        assert!(complaints(&[], CODE).is_empty());
    }

    #[test]
    fn definitions_are_bold_and_lead_their_line() {
        let id = |chapter, number| Some(RuleId { chapter, number });
        assert_eq!(definition("**KW-1** x"), id('W', 1));
        assert_eq!(definition("  - **KH-30** x"), id('H', 30));
        assert_eq!(definition("| **KS-2** | x |"), id('S', 2));
        for line in ["KW-1 x", "see **KW-1**", "**KX-1** x", "**KW-** x", "- KW-1"] {
            assert_eq!(definition(line), None, "{line}");
        }
    }

    #[test]
    fn one_test_may_hold_several_rules() {
        assert_eq!(test_names("async fn kw_1_kc_2_both_hold() {").len(), 2);
        assert!(test_names("fn check_kw_1() {").is_empty());
    }
}
