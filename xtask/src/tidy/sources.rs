//! The files of the repository, read once, and Rust sources divided into product and test.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    ops::Range,
    path::Path,
};

use crate::failure::Failure;

use super::lexer::{self, is_word};

/// Folders that hold nothing written by us.
const SKIPPED: [&str; 5] = ["target", ".git", "node_modules", "artifacts", "corpus"];

/// Kinds of files that are looked at.
const READ: [&str; 9] = ["rs", "toml", "md", "cddl", "sh", "ts", "svelte", "service", "yml"];

/// All text files of the repository, by path from the root, with `/`.
#[derive(Debug, Default)]
pub(super) struct Tree {
    texts: BTreeMap<String, String>,
    sources: Vec<Source>,
}

/// A Rust file, in layers that keep lines and offsets.
#[derive(Debug)]
pub(super) struct Source {
    /// Path from the root.
    pub(super) path: String,
    /// How many lines it has.
    pub(super) n_lines: usize,
    /// Code without comments and literals, tests included.
    pub(super) code: String,
    /// Comments, tests included.
    pub(super) comments: String,
    /// Code that becomes part of the product.
    pub(super) product_code: String,
    /// Comments of the product.
    pub(super) product_comments: String,
    /// Whether the whole file exists for tests or benches.
    pub(super) is_test: bool,
}

impl Tree {
    /// Reads the repository.
    pub(super) fn read(root: &Path) -> Result<Self, Failure> {
        let mut texts = BTreeMap::new();
        collect(root, "", &mut texts)
            .map_err(|error| Failure::new(format!("{} cannot be read: {error}", root.display())))?;
        Ok(Self::from_texts(texts))
    }

    /// Builds a tree from pairs of path and text.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        Self::from_texts(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
    }

    fn from_texts(texts: BTreeMap<String, String>) -> Self {
        let rust = || texts.iter().filter(|(path, _)| path.ends_with(".rs"));
        let declared: BTreeSet<String> = rust().flat_map(|(path, text)| test_modules(path, text)).collect();
        let sources = rust().map(|(path, text)| Source::new(path, text, &declared)).collect();
        Self { texts, sources }
    }

    /// Returns the text of a file.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Goes through all files.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Goes through all Rust files.
    pub(super) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter()
    }

    /// Goes through the Rust files of the product's crates; developer tools talk about rules, they do not follow them.
    pub(super) fn product(&self) -> impl Iterator<Item = &Source> {
        self.sources().filter(|source| source.path.starts_with("crates/") || source.path.starts_with("apps/"))
    }
}

impl Source {
    fn new(path: &str, text: &str, declared: &BTreeSet<String>) -> Self {
        let lexer::Layers { code, comments } = lexer::layers(text);
        let is_test = is_test_path(path) || declared.iter().any(|prefix| is_inside(path, prefix));
        let spans = if is_test { Vec::from([Range { start: 0, end: text.len() }]) } else { test_spans(&code) };
        Self {
            path: path.to_owned(),
            n_lines: text.lines().count(),
            product_code: without(&code, &spans),
            product_comments: without(&comments, &spans),
            code,
            comments,
            is_test,
        }
    }
}

/// Returns the numbers of the lines on which `word` stands by itself.
pub(super) fn lines_with(layer: &str, word: &str) -> Vec<usize> {
    let numbered = layer.lines().enumerate();
    numbered.filter(|(_, line)| has_word(line, word)).map(|(line_idx, _)| line_idx + 1).collect()
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, found)| {
        let before = line.get(..at).and_then(|head| head.chars().next_back());
        let after = line.get(at + found.len()..).and_then(|tail| tail.chars().next());
        let is_joined =
            |edge: Option<char>, neighbour: Option<char>| edge.is_some_and(is_word) && neighbour.is_some_and(is_word);
        !is_joined(word.chars().next(), before) && !is_joined(word.chars().next_back(), after)
    })
}

fn collect(folder: &Path, prefix: &str, texts: &mut BTreeMap<String, String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
        let kind = entry.file_type()?;
        if kind.is_dir() && !SKIPPED.contains(&name.as_str()) && !name.starts_with("mutants.out") {
            collect(&entry.path(), &path, texts)?;
        } else if kind.is_file() && name.rsplit_once('.').is_some_and(|(_, ending)| READ.contains(&ending)) {
            let bytes = fs::read(entry.path())?;
            texts.insert(path, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    Ok(())
}

fn is_test_path(path: &str) -> bool {
    let in_folder = path.split('/').any(|part| matches!(part, "tests" | "benches" | "fuzz"));
    in_folder || path.ends_with("/tests.rs") || path.ends_with("_tests.rs")
}

fn is_inside(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// Finds what `#[cfg(test)]` governs: the block or the statement after it.
fn test_spans(code: &str) -> Vec<Range<usize>> {
    let starts = code.match_indices("#[cfg(test)]").map(|(at, _)| at);
    starts.map(|start| start..end_of_item(code, start)).collect()
}

fn end_of_item(code: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, character) in code.char_indices().skip_while(|(at, _)| *at < start) {
        match character {
            '{' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// Finds modules in files of their own that exist only for tests: `#[cfg(test)] mod fixtures;`. Returns their paths
/// without `.rs`.
fn test_modules(path: &str, text: &str) -> Vec<String> {
    let code = lexer::layers(text).code;
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = file.trim_end_matches(".rs");
    let home = if matches!(stem, "lib" | "main" | "mod") { folder.to_owned() } else { format!("{folder}/{stem}") };
    let items = test_spans(&code).into_iter().filter_map(|span| code.get(span));
    items
        .filter_map(|item| {
            item.trim_end().strip_suffix(';')?.rsplit_once("mod ").map(|(_, name)| name.trim().to_owned())
        })
        .map(|name| format!("{home}/{name}"))
        .collect()
}

fn without(layer: &str, spans: &[Range<usize>]) -> String {
    let blank = |(at, character): (usize, char)| {
        let is_cut = character != '\n' && spans.iter().any(|span| span.contains(&at));
        if is_cut { std::iter::repeat_n(' ', character.len_utf8()) } else { std::iter::repeat_n(character, 1) }
    };
    layer.char_indices().flat_map(blank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, files: &[(&str, &str)]) -> (String, bool) {
        let tree = Tree::of(files);
        let found = tree.sources().find(|source| source.path == path).unwrap();
        (found.product_code.split_whitespace().collect(), found.is_test)
    }

    #[test]
    fn test_modules_are_not_product() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { {} } }\nfn c() {}";
        assert_eq!(source("crates/x/src/lib.rs", &[("crates/x/src/lib.rs", text)]), ("fna(){}fnc(){}".into(), false));
    }

    #[test]
    fn modules_declared_for_tests_are_tests() {
        let files = [
            ("crates/x/src/a.rs", "#[cfg(test)]\nmod fixtures;\nfn a() {}"),
            ("crates/x/src/a/fixtures.rs", "fn b() {}"),
        ];
        assert_eq!(source("crates/x/src/a/fixtures.rs", &files), (String::new(), true));
        assert_eq!(source("crates/x/src/a.rs", &files), ("fna(){}".into(), false));
    }

    #[test]
    fn test_folders_are_tests() {
        assert!(source("crates/x/tests/a.rs", &[("crates/x/tests/a.rs", "fn a() {}")]).1);
        assert!(source("crates/x/src/a/tests.rs", &[("crates/x/src/a/tests.rs", "fn a() {}")]).1);
        assert!(!source("crates/x/src/latests.rs", &[("crates/x/src/latests.rs", "fn a() {}")]).1);
    }

    #[test]
    fn words_are_found_whole() {
        assert_eq!(lines_with("a\nTcpStream::connect\nMyTcpStream\nTcpStreams", "TcpStream"), [2]);
        assert_eq!(lines_with("rand::rng()\nbrand::rng()\nrand::rngs", "rand::rng("), [1]);
    }
}
