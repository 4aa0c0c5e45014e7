//! `kith recovery`: the words on paper with which somebody who has lost every device becomes somebody again.

use clap::{Args, Subcommand};
use kith_client::{PHRASE_WORDS, Phrase, find_word};
use rand::rngs::SysRng;
use rand_core::TryRng as _;
use serde_json::json;

use crate::commands::restore::Restore;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Out, Voice};

#[derive(Debug, Subcommand)]
pub(crate) enum Recovery {
    /// Show your recovery phrase: 24 words to write on paper.
    ///
    /// The phrase opens your backups (`kith backup`), whatever password they have. Without a backup it brings nobody back: it holds
    /// neither your people nor what was said. Whoever has both is you, so keep them apart, and show the words to nobody. It never
    /// changes, and it is the same on all your devices.
    Phrase(ShowPhrase),
    /// Be asked for four of the words, to see that they are written down rightly.
    Check(CheckPhrase),
    /// Restore a backup with the recovery phrase, in a new folder; see `kith restore`.
    #[command(
        override_usage = "kith recovery restore [OPTIONS] <FILE>\n       kith recovery restore [OPTIONS] --at-home <URL>"
    )]
    Restore(Restore),
}

#[derive(Debug, Args)]
pub(crate) struct ShowPhrase {
    /// Show the words although nobody is at the terminal, or a program reads
    #[arg(long)]
    pub(crate) show: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckPhrase {}

/// The words are shown where somebody looks, and nowhere else by accident. Found before a password is asked for.
pub(crate) fn refuse_unseen(args: &ShowPhrase, is_json: bool) -> Result<(), Failure> {
    let is_seen = std::io::IsTerminal::is_terminal(&std::io::stdout()) && !is_json;
    if args.show || is_seen {
        return Ok(());
    }
    Err(Failure::new(
        "not_shown",
        "the recovery phrase would go into a file or to a program",
        "call this at a terminal, or say --show if you mean it",
    ))
}

/// Shows the phrase.
pub(crate) fn show(context: &Context) -> Result<(), Failure> {
    let phrase = context.client.phrase(&context.password()?)?;
    let words = phrase.words();
    context.out.data(&json!({"words": words}), || grid(&words));
    context.out.note(
        "Write these words on paper, in this order, and then let `kith recovery check` ask you for some of them.\n\
         They open your backups (`kith backup FILE`). Without a backup they bring nobody back, and hidden contacts never.\n\
         Whoever has the words and a backup is you: keep the two apart, and show the words to nobody.",
    );
    Ok(())
}

/// Numbered words in four columns, to be read from top to bottom.
fn grid(words: &[&str]) -> String {
    let rows = words.len().div_ceil(COLUMNS);
    let cell = |index: usize| words.get(index).map(|word| format!("{:>2}. {word:<12}", index + 1)).unwrap_or_default();
    let row =
        |row: usize| (0..COLUMNS).map(|column| cell(column * rows + row)).collect::<String>().trim_end().to_owned();
    (0..rows).map(row).collect::<Vec<_>>().join("\n")
}

/// Asks for some of the words.
pub(crate) async fn check(context: &Context) -> Result<(), Failure> {
    let phrase = context.client.phrase(&context.password()?)?;
    context.out.note("Take the paper with your recovery phrase. The first four letters of a word are enough.");
    for place in places()? {
        if !ask_for(&context.out, &phrase, place).await? {
            return Err(Failure::new(
                "wrong_word",
                format!("word {place} is not the same"),
                "look again at what you wrote, and at its number; `kith recovery phrase` shows all words",
            ));
        }
    }
    context.client.phrase_checked()?;
    context.out.data(&json!({"phrase": "checked"}), || {
        "These words are right: your recovery phrase is written down. Keep it where you keep what is dear to you."
            .into()
    });
    Ok(())
}

/// Asks for one word, again when what was typed is no word at all.
async fn ask_for(out: &Out, phrase: &Phrase, place: usize) -> Result<bool, Failure> {
    for _ in 0..TRIES {
        if out.voice() == Voice::Json {
            out.data(&json!({"event": "word", "number": place}), String::new);
        }
        let Some(typed) = out.ask(&format!("Word {place}:")).await else {
            return Err(Failure::usage(
                "nobody is there to answer",
                "call this at a terminal, with your paper at hand",
            ));
        };
        match find_word(&typed) {
            Ok(_) => return Ok(phrase.has_word(place, &typed)),
            Err(unknown) => out.note(misspelt(unknown.nearest)),
        }
    }
    Ok(false)
}

/// Says that something is no word of the list.
pub(crate) fn misspelt(nearest: Option<&str>) -> String {
    match nearest {
        Some(word) => format!("No recovery phrase has this word. Is it {word}?"),
        None => "No recovery phrase has this word.".to_owned(),
    }
}

/// Draws which words are asked for, in the order of the paper.
fn places() -> Result<Vec<usize>, Failure> {
    let mut places: Vec<usize> = (1..=PHRASE_WORDS).collect();
    while places.len() > ASKED {
        let drawn = SysRng.try_next_u32().map_err(|_| {
            Failure::new("system", "the system has no randomness", "the operating system refuses something basic")
        })?;
        places.remove(drawn as usize % places.len());
    }
    Ok(places)
}

/// Words that are asked for: somebody who has not written them down knows none.
const ASKED: usize = 4;
/// How often something that is no word may be typed.
const TRIES: usize = 3;
/// Columns of the grid.
const COLUMNS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_is_read_from_top_to_bottom_and_fits_a_terminal() {
        let words: Vec<String> = (1..=24).map(|number| format!("word{number:04}")).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let grid = grid(&words);
        let lines: Vec<&str> = grid.lines().collect();
        assert_eq!(lines.len(), 6);
        assert!(lines[0].starts_with(" 1. word0001     7. word0007    13. word0013    19. word0019"), "{grid}");
        assert!(lines[5].starts_with(" 6. word0006    12. word0012"), "{grid}");
        assert!(lines.iter().all(|line| line.len() <= 72));
    }

    #[test]
    fn four_different_words_are_asked_for_in_order() {
        for _ in 0..50 {
            let places = places().unwrap();
            assert_eq!(places.len(), 4);
            assert!(places.is_sorted_by(|left, right| left < right) && places[0] >= 1 && places[3] <= 24);
        }
    }
}
