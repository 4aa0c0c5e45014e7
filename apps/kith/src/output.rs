//! What a command says: one JSON object a line for programs, or words, times and ticks for people.
//!
//! Data goes to standard output, everything else to standard error; with `--json` everything for people goes to standard
//! error. A command may run in another process than the one that was called (`owner`): then its lines travel there.

use std::cell::Cell;
use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::rc::Rc;

use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use crate::failure::Failure;

/// Whom the command talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Voice {
    /// A person at a terminal.
    Human,
    /// A program.
    Json,
}

/// Whether text is decorated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Colour {
    /// With colours.
    On,
    /// Plain.
    Off,
}

impl Colour {
    /// Decorates only where a terminal shows it and nobody objects (<https://no-color.org>).
    pub(crate) fn of_terminal() -> Self {
        let objects = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if std::io::stdout().is_terminal() && !objects { Self::On } else { Self::Off }
    }

    /// Prints something less loud.
    pub(crate) fn quiet(self, text: &str) -> String {
        self.wrap("2", text)
    }

    /// Prints something that the eye should find first.
    pub(crate) fn loud(self, text: &str) -> String {
        self.wrap("1", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        match self {
            Self::On => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Self::Off => text.to_owned(),
        }
    }
}

/// Something that a command says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    /// For standard output.
    Out(String),
    /// For standard error.
    Err(String),
    /// A question, to which the next line of standard input is the answer.
    Ask(String),
    /// How far something has come.
    Progress {
        /// What it is.
        label: String,
        /// Steps done.
        done: u64,
        /// Steps in all.
        total: u64,
    },
}

/// Where a command says things.
#[derive(Clone)]
pub(crate) struct Out {
    voice: Voice,
    colour: Colour,
    sink: Sink,
}

#[derive(Clone)]
enum Sink {
    Here(Rc<Screen>),
    There { lines: UnboundedSender<Line>, answers: Rc<Mutex<UnboundedReceiver<Option<String>>>> },
}

impl Out {
    /// Speaks here.
    pub(crate) fn here(voice: Voice) -> Self {
        Self { voice, colour: Colour::of_terminal(), sink: Sink::Here(Rc::new(Screen::default())) }
    }

    /// Speaks to the process that handed its command over, where questions are answered.
    pub(crate) fn there(
        voice: Voice,
        colour: Colour,
        lines: UnboundedSender<Line>,
        answers: UnboundedReceiver<Option<String>>,
    ) -> Self {
        Self { voice, colour, sink: Sink::There { lines, answers: Rc::new(Mutex::new(answers)) } }
    }

    /// Returns whom the command talks to.
    pub(crate) fn voice(&self) -> Voice {
        self.voice
    }

    /// Returns how text is decorated.
    pub(crate) fn colour(&self) -> Colour {
        self.colour
    }

    /// Says a piece of data: the object to a program, the text to a person.
    pub(crate) fn data(&self, object: &Value, person: impl FnOnce() -> String) {
        match self.voice {
            Voice::Json => self.put(Line::Out(object.to_string())),
            Voice::Human => self.put(Line::Out(person())),
        }
    }

    /// Says something to a person that no program needs.
    pub(crate) fn note(&self, text: impl Into<String>) {
        self.put(Line::Err(text.into()));
    }

    /// Shows how far something has come, where there is a terminal.
    pub(crate) fn progress(&self, label: &str, done: u64, total: u64) {
        self.put(Line::Progress { label: label.to_owned(), done, total });
    }

    /// Asks a question and returns the line that answers it; `None` when nobody is there to answer.
    pub(crate) async fn ask(&self, question: &str) -> Option<String> {
        self.put(Line::Ask(question.to_owned()));
        match &self.sink {
            Sink::Here(_) => typed_line().await,
            Sink::There { answers, .. } => answers.lock().await.recv().await.flatten(),
        }
    }

    /// Says why the command fails.
    pub(crate) fn failure(&self, failure: &Failure) {
        self.note(format!("kith: {}\nhint: {}", failure.message, failure.hint));
        if self.voice == Voice::Json {
            self.put(Line::Out(error_object(failure).to_string()));
        }
    }

    /// Returns whether nobody reads the output any more.
    pub(crate) fn is_closed(&self) -> bool {
        match &self.sink {
            Sink::Here(screen) => screen.is_closed.get(),
            Sink::There { lines, .. } => lines.is_closed(),
        }
    }

    /// Says a line that was said elsewhere.
    pub(crate) fn put(&self, line: Line) {
        match &self.sink {
            Sink::Here(screen) => screen.show(line),
            // The other process may have gone; the command ends by itself or is stopped.
            Sink::There { lines, .. } => drop(lines.send(line)),
        }
    }
}

/// Reads one line of standard input, without keeping anything else here from going on; `None` at its end.
async fn typed_line() -> Option<String> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    // Whoever interrupts the command does not wait for a line that never comes: the thread ends with the process.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().lock().take(LONGEST_ANSWER).read_line(&mut line);
        let _ = sender.send(read.is_ok_and(|n_bytes| n_bytes > 0).then_some(line));
    });
    receiver.await.ok().flatten().map(|line| line.trim().to_owned())
}

/// Far beyond a yes, a no or a code.
const LONGEST_ANSWER: u64 = 1024;

/// Returns what a program reads when something fails.
fn error_object(failure: &Failure) -> Value {
    let mut error = serde_json::json!({"code": failure.code, "hint": failure.hint});
    if let (Some(detail), Some(error)) = (&failure.detail, error.as_object_mut()) {
        error.insert("detail".into(), detail.as_str().into());
    }
    serde_json::json!({"error": error})
}

/// This process's terminal, or what stands in its place.
#[derive(Default)]
struct Screen {
    is_closed: Cell<bool>,
    bar: std::cell::RefCell<Option<ProgressBar>>,
}

impl Screen {
    fn show(&self, line: Line) {
        match line {
            Line::Progress { label, done, total } => self.advance(&label, done, total),
            Line::Out(text) => {
                self.around_bar(|| {
                    let mut out = std::io::stdout().lock();
                    let written = writeln!(out, "{text}").and_then(|()| out.flush());
                    if written.is_err() {
                        self.is_closed.set(true);
                    }
                });
            }
            Line::Ask(question) => self.around_bar(|| {
                let mut err = std::io::stderr().lock();
                drop(write!(err, "{question} ").and_then(|()| err.flush()));
            }),
            // Where standard error leads nowhere there is nobody to tell.
            Line::Err(text) => self.around_bar(|| drop(writeln!(std::io::stderr().lock(), "{text}"))),
        }
    }

    fn around_bar(&self, write: impl FnOnce()) {
        match self.bar.borrow().as_ref() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn advance(&self, label: &str, done: u64, total: u64) {
        if !std::io::stderr().is_terminal() {
            return;
        }
        let mut slot = self.bar.borrow_mut();
        if done >= total {
            if let Some(bar) = slot.take() {
                bar.finish_and_clear();
            }
            return;
        }
        let bar = slot.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{msg} {bar:30} {percent:>3} %  {eta} left");
            ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        bar.set_message(label.to_owned());
        bar.set_length(total);
        bar.set_position(done);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    fn said(voice: Voice, say: impl FnOnce(&Out)) -> Vec<Line> {
        let (sender, mut lines) = unbounded_channel();
        let (_, answers) = unbounded_channel();
        say(&Out::there(voice, Colour::Off, sender, answers));
        std::iter::from_fn(|| lines.try_recv().ok()).collect()
    }

    #[test]
    fn programs_get_objects_on_standard_output_and_nothing_else() {
        let lines = said(Voice::Json, |out| {
            out.data(&json!({"contact": "c1"}), || "Bela".into());
            out.note("hello");
        });
        assert_eq!(lines, [Line::Out(r#"{"contact":"c1"}"#.into()), Line::Err("hello".into())]);
    }

    #[test]
    fn people_get_words() {
        let lines = said(Voice::Human, |out| out.data(&json!({"contact": "c1"}), || "Bela".into()));
        assert_eq!(lines, [Line::Out("Bela".into())]);
    }

    #[tokio::test]
    async fn questions_travel_and_answers_come_back() {
        let (sender, mut lines) = unbounded_channel();
        let (answer, answers) = unbounded_channel();
        let out = Out::there(Voice::Human, Colour::Off, sender, answers);
        answer.send(Some("y".to_owned())).unwrap();
        assert_eq!(out.ask("Is it?").await.as_deref(), Some("y"));
        assert_eq!(lines.try_recv(), Ok(Line::Ask("Is it?".into())));
        answer.send(None).unwrap();
        assert_eq!(out.ask("Is it?").await, None, "nobody is there");
        drop(answer);
        assert_eq!(out.ask("Is it?").await, None, "the caller has gone");
    }

    #[test]
    fn failures_are_told_with_code_and_hint() {
        let failure = Failure::new("blocked", "the contact is blocked", "unblock them");
        let lines = said(Voice::Json, |out| out.failure(&failure));
        let [Line::Err(person), Line::Out(object)] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!(person, "kith: the contact is blocked\nhint: unblock them");
        let object: Value = serde_json::from_str(object).unwrap();
        assert_eq!(object["error"]["code"], "blocked");
        assert_eq!(object["error"]["hint"], "unblock them");
    }

    #[test]
    fn what_the_machine_found_is_told_to_programs_alone() {
        let failure = Failure::new("bad_card", "this is not a whole card", "copy it again").with_detail("not CBOR");
        for voice in [Voice::Human, Voice::Json] {
            let lines = said(voice, |out| out.failure(&failure));
            assert_eq!(lines[0], Line::Err("kith: this is not a whole card\nhint: copy it again".into()));
            let Some(Line::Out(object)) = lines.get(1) else { continue };
            let object: Value = serde_json::from_str(object).unwrap();
            assert_eq!(object["error"]["detail"], "not CBOR");
        }
    }

    #[test]
    fn plain_text_has_no_escapes() {
        assert_eq!(Colour::Off.loud("x"), "x");
        assert!(Colour::On.loud("x").contains('\u{1b}'));
    }
}
