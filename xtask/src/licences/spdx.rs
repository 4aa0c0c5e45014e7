//! SPDX licence expressions: parsed and evaluated, because `MIT OR GPL-3.0` and `MIT AND GPL-3.0` differ.
//!
//! It knows the grammar, not the list of licences: a name is whatever is neither operator nor bracket. The old `A/B`
//! of crates.io means `A OR B`.

use std::fmt;

/// A parsed expression.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Expression {
    /// One licence, with its exception if it has one: `MIT`, `Apache-2.0 WITH LLVM-exception`.
    Licence(String),
    /// All of them apply.
    All(Vec<Self>),
    /// The user chooses.
    Any(Vec<Self>),
}

/// Why a text is no expression.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum SyntaxError {
    /// The text ended where a licence was expected.
    Ended,
    /// This word stood where it cannot stand.
    Unexpected(String),
}

impl Expression {
    /// Returns whether one can comply using only licences that `is_accepted` accepts.
    pub(super) fn is_satisfied_by(&self, is_accepted: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::Licence(name) => is_accepted(name),
            Self::All(parts) => parts.iter().all(|part| part.is_satisfied_by(is_accepted)),
            Self::Any(parts) => parts.iter().any(|part| part.is_satisfied_by(is_accepted)),
        }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("it ends too early"),
            Self::Unexpected(word) => write!(f, "`{word}` cannot stand there"),
        }
    }
}

/// Parses an expression. `AND` binds closer than `OR`.
pub(super) fn parse(text: &str) -> Result<Expression, SyntaxError> {
    let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let expression = any(&mut rest)?;
    match rest.first() {
        None => Ok(expression),
        Some(word) => Err(SyntaxError::Unexpected((*word).to_owned())),
    }
}

fn any(rest: &mut &[&str]) -> Result<Expression, SyntaxError> {
    let mut parts = vec![all(rest)?];
    while take(rest, "OR") {
        parts.push(all(rest)?);
    }
    Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::Any(parts) })
}

fn all(rest: &mut &[&str]) -> Result<Expression, SyntaxError> {
    let mut parts = vec![one(rest)?];
    while take(rest, "AND") {
        parts.push(one(rest)?);
    }
    Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::All(parts) })
}

fn one(rest: &mut &[&str]) -> Result<Expression, SyntaxError> {
    if take(rest, "(") {
        let inner = any(rest)?;
        return if take(rest, ")") { Ok(inner) } else { Err(SyntaxError::Ended) };
    }
    let mut name = word(rest)?.to_owned();
    if take(rest, "WITH") {
        name = format!("{name} WITH {}", word(rest)?);
    }
    Ok(Expression::Licence(name))
}

fn word<'a>(rest: &mut &[&'a str]) -> Result<&'a str, SyntaxError> {
    let (first, others) = rest.split_first().ok_or(SyntaxError::Ended)?;
    if matches!(*first, "AND" | "OR" | "WITH" | "(" | ")") {
        return Err(SyntaxError::Unexpected((*first).to_owned()));
    }
    *rest = others;
    Ok(first)
}

fn take(rest: &mut &[&str], expected: &str) -> bool {
    match rest.split_first() {
        Some((first, others)) if *first == expected => {
            *rest = others;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn licence(name: &str) -> Expression {
        Expression::Licence(name.to_owned())
    }

    #[test]
    fn and_binds_closer_than_or() {
        let expected = Expression::Any(vec![licence("A"), Expression::All(vec![licence("B"), licence("C")])]);
        assert_eq!(parse("A OR B AND C"), Ok(expected));
    }

    #[test]
    fn brackets_bind_closest() {
        let expected = Expression::All(vec![Expression::Any(vec![licence("A"), licence("B")]), licence("C")]);
        assert_eq!(parse("(A OR B) AND C"), Ok(expected));
    }

    #[test]
    fn a_slash_is_a_choice() {
        assert_eq!(parse("MIT/Apache-2.0"), parse("MIT OR Apache-2.0"));
    }

    #[test]
    fn an_exception_belongs_to_its_licence() {
        assert_eq!(parse("A WITH B OR C"), Ok(Expression::Any(vec![licence("A WITH B"), licence("C")])));
    }

    #[test]
    fn broken_expressions_are_refused() {
        for text in ["", "MIT OR", "AND MIT", "(MIT", "MIT)", "MIT Apache-2.0", "MIT WITH", "()"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
