//! What documents claim that tests show: every test that a document names is there.
//!
//! A test is named as `crates/x/tests/y.rs::its_name`, in marks of code. Whether it shows what is claimed, people judge.

use super::{Finding, sources::Tree};

/// Checks the documents of `docs/` and `spec/`.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let is_document = |path: &str| (path.starts_with("docs/") || path.starts_with("spec/")) && path.ends_with(".md");
    tree.texts()
        .filter(|(path, _)| is_document(path))
        .flat_map(|(path, text)| text.lines().enumerate().map(move |(line_idx, line)| (path, line_idx + 1, line)))
        .flat_map(|(path, line, text)| named(text).map(move |(file, name)| (format!("{path}:{line}"), file, name)))
        .filter(|(_, file, name)| !is_there(tree, file, name))
        .map(|(place, file, name)| Finding::wrong(place, format!("there is no test {name} in {file}")))
        .collect()
}

/// Finds the tests that a line names, as file and function.
fn named(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.split('`').skip(1).step_by(2).filter_map(|code| {
        let (file, name) = code.split_once("::")?;
        file.ends_with(".rs").then_some((file, name))
    })
}

fn is_there(tree: &Tree, file: &str, name: &str) -> bool {
    let head = format!("fn {name}(");
    tree.sources().any(|source| source.path == file && source.code.contains(&head))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(document: &str) -> Vec<String> {
        let code = "#[test]\nfn a_thief_reads_nothing() {}\n// fn what_a_comment_says() {}\n";
        let files = [("docs/threat-model.md", document), ("crates/kith-vault/tests/thief.rs", code)];
        check(&Tree::of(&files)).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_test_that_is_there_is_fine() {
        assert!(complaints("| thief | `crates/kith-vault/tests/thief.rs::a_thief_reads_nothing` |\n").is_empty());
    }

    #[test]
    fn tests_that_are_not_there_are_found_each() {
        let names =
            ["tests/thief.rs::what_a_comment_says", "tests/thief.rs::a_thief_reads", "gone.rs::a_thief_reads_nothing"];
        let document: String = names.iter().map(|name| format!("`crates/kith-vault/{name}` and ")).collect();
        assert_eq!(complaints(&document).len(), 3);
    }

    #[test]
    fn paths_of_code_that_are_no_tests_are_left_alone() {
        assert!(complaints("`kith_vault::thief` and `crates/kith-vault/tests/gone.rs` and a`b`\n").is_empty());
    }
}
