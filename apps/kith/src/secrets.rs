//! Where passwords come from: a file, the environment, or a person at the terminal.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;

use kith_client::{Password, Strength};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use crate::failure::Failure;
use crate::output::Out;

/// A password as it was typed, never empty, wiped when dropped. Unlike [`Password`] it can be handed to the process that
/// owns the folder, which changes passwords for others.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Typed(String);

impl Typed {
    /// Returns what opens a folder.
    pub(crate) fn password(&self) -> Result<Password, Failure> {
        Password::new(self.0.clone()).map_err(|_| empty())
    }

    /// Returns what was typed.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl Drop for Typed {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Typed(…)")
    }
}

/// What a command is told of passwords, when it is about them or needs them for more than opening the folder.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Passwords {
    /// The folder's.
    pub(crate) current: Typed,
    /// The one that replaces it.
    pub(crate) next: Option<Typed>,
}

/// Returns the folder's password.
pub(crate) fn existing(file: Option<&Path>) -> Result<Typed, Failure> {
    match given(file, "KITH_PASSWORD")? {
        Some(password) => Ok(password),
        None => typed("Password: ", PASSWORD_HINT),
    }
}

/// Returns the first password of a new folder. A person types it twice, and hears what it is worth.
pub(crate) fn first(file: Option<&Path>, out: &Out) -> Result<Typed, Failure> {
    chosen(given(file, "KITH_PASSWORD")?, ("Choose a password: ", PASSWORD_HINT), out)
}

/// Returns the password that replaces the folder's. A person types it twice, and hears what it is worth.
pub(crate) fn next(file: Option<&Path>, out: &Out) -> Result<Typed, Failure> {
    chosen(given(file, "KITH_NEW_PASSWORD")?, ("New password: ", NEW_PASSWORD_HINT), out)
}

fn chosen(given: Option<Typed>, (prompt, hint): (&str, &str), out: &Out) -> Result<Typed, Failure> {
    let typed = given.map_or_else(|| typed_twice(prompt, hint), Ok)?;
    if let Some(warning) = worth(typed.password()?.strength()) {
        out.note(format!("{warning} {BETTER}"));
    }
    Ok(typed)
}

/// Says what a password is worth, when it could be better. Nobody is refused one: it may be for a trial, or for a disk that is encrypted.
const fn worth(strength: Strength) -> Option<&'static str> {
    match strength {
        Strength::Common => Some("Weak: this password is one of the first that anybody would try."),
        Strength::Seconds => Some("Weak: whoever gets hold of this folder guesses this password at once."),
        Strength::Minutes => Some("Weak: whoever gets hold of this folder could guess this password within minutes."),
        Strength::Hours => Some("Weak: whoever gets hold of this folder could guess this password within hours."),
        Strength::Days => Some("Weak: whoever gets hold of this folder could guess this password within days."),
        Strength::Months => Some("Fair: whoever gets hold of this folder could guess this password within months."),
        Strength::Years => Some(
            "Fair: this password holds for years against a curious finder, not against patience and many machines.",
        ),
        Strength::Good => None,
    }
}

/// What to do where nobody types.
const PASSWORD_HINT: &str = "set KITH_PASSWORD, or use --password-file FILE";
const NEW_PASSWORD_HINT: &str = "set KITH_NEW_PASSWORD, or use --new-password-file FILE";
const BETTER: &str =
    "Four or five unrelated words are easy to remember and hard to guess: `kith password` chooses another one.";

/// Returns what opens a backup: the password that the folder had, or the recovery phrase.
pub(crate) fn of_backup() -> Result<Typed, Failure> {
    match given(None, "KITH_BACKUP_PASSWORD")? {
        Some(password) => Ok(password),
        None if !std::io::stdin().is_terminal() => Err(Failure::usage(
            "nobody is there to type what opens the backup",
            "set KITH_BACKUP_PASSWORD, or KITH_PHRASE",
        )),
        None => typed("Password or recovery phrase of the backup: ", "set KITH_BACKUP_PASSWORD, or KITH_PHRASE"),
    }
}

/// Returns what a variable of the environment holds.
pub(crate) fn of_variable(variable: &str) -> Result<Option<Zeroizing<String>>, Failure> {
    Ok(given(None, variable)?.map(|typed| Zeroizing::new(typed.text().to_owned())))
}

fn given(file: Option<&Path>, variable: &str) -> Result<Option<Typed>, Failure> {
    if let Some(path) = file {
        return from_file(path).map(Some);
    }
    match std::env::var(variable) {
        Ok(text) => check(text).map(Some),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Failure::usage(format!("{variable} is not text"), "give the password another way"))
        }
    }
}

fn from_file(path: &Path) -> Result<Typed, Failure> {
    let failed = |error: &std::io::Error| Failure::file("read", path, error);
    let file = std::fs::File::open(path).map_err(|error| failed(&error))?;
    let mut line = Zeroizing::new(String::new());
    std::io::BufReader::new(file).read_line(&mut line).map_err(|error| failed(&error))?;
    check(line.trim_end_matches(['\n', '\r']).to_owned())
}

fn typed(prompt: &str, hint: &str) -> Result<Typed, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage("nobody is there to type the password", hint));
    }
    let text =
        rpassword::prompt_password(prompt).map_err(|_| Failure::usage("the password could not be read", hint))?;
    check(text)
}

fn typed_twice(prompt: &str, hint: &str) -> Result<Typed, Failure> {
    if !std::io::stdin().is_terminal() {
        return typed(prompt, hint);
    }
    let read = |prompt: &str| {
        rpassword::prompt_password(prompt)
            .map(Zeroizing::new)
            .map_err(|_| Failure::usage("the password could not be read", "try again"))
    };
    let (once, again) = (read(prompt)?, read("Once more: ")?);
    if once != again {
        return Err(Failure::usage("the two are not the same", "try again; nothing was changed"));
    }
    check(once.to_string())
}

fn check(text: String) -> Result<Typed, Failure> {
    if text.is_empty() { Err(empty()) } else { Ok(Typed(text)) }
}

fn empty() -> Failure {
    Failure::usage("an empty password protects nothing", "choose a longer one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_never_printed_and_never_empty() {
        assert_eq!(format!("{:?}", check("a secret".into()).unwrap()), "Typed(…)");
        assert!(check(String::new()).is_err());
    }

    #[test]
    fn passwords_that_could_be_better_are_told_so_and_taken_all_the_same() {
        for (text, says) in [
            ("a", Some("at once")),
            ("summer2026", Some("at once")),
            ("ten chairs", Some("within hours")),
            ("password", Some("first that anybody")),
            ("three quiet chairs", Some("within months")),
            ("three quiet chairs 42", Some("for years")),
            ("q7#Lw9!xZ2vK", None),
        ] {
            let worth = worth(check(text.into()).unwrap().password().unwrap().strength());
            assert_eq!(worth.is_some(), says.is_some(), "{text}");
            assert!(worth.unwrap_or_default().contains(says.unwrap_or_default()), "{text}: {worth:?}");
        }
    }
}
