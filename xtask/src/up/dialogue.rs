//! A program that goes on while other things happen: what it tells, object by object, and what it is answered, line by line.

use std::{
    io::{self, BufRead, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::failure::Failure;

/// A running program that tells and asks. It ends with the demonstration.
#[derive(Debug)]
pub(crate) struct Dialogue {
    name: &'static str,
    child: Child,
    answers: Option<ChildStdin>,
    lines: Receiver<Value>,
}

impl Dialogue {
    /// Starts a program; `name` is what failures call it.
    pub(crate) fn start(name: &'static str, mut command: Command) -> Result<Self, Failure> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| Failure::new(format!("`{name}` could not start: {error}")))?;
        let (answers, lines) = (child.stdin.take(), follow(child.stdout.take()));
        Ok(Self { name, child, answers, lines })
    }

    /// Waits for the text of a field, for as long as a machine may take.
    pub(crate) fn wait_for(&self, field: &str) -> Result<String, Failure> {
        self.wait(field, Duration::from_secs(120))
    }

    /// Waits for the text of a field, for as long as somebody may take.
    pub(crate) fn wait_long_for(&self, field: &str) -> Result<String, Failure> {
        self.wait(field, Duration::from_secs(24 * 3600))
    }

    /// Answers what the program asks.
    pub(crate) fn answer(&mut self, line: &str) -> io::Result<()> {
        let answers = self.answers.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(answers, "{}", line.trim())
    }

    fn wait(&self, field: &str, longest: Duration) -> Result<String, Failure> {
        let deadline = Instant::now() + longest;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            let line = line.map_err(|_| Failure::new(format!("`{}` did not tell \"{field}\"", self.name)))?;
            if let Some(found) = line.get(field) {
                return Ok(found.as_str().map_or_else(|| found.to_string(), str::to_owned));
            }
        }
    }
}

impl Drop for Dialogue {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Reads the objects that a program writes, one a line, on a thread of their own.
pub(super) fn follow(out: Option<ChildStdout>) -> Receiver<Value> {
    let (send, lines) = mpsc::channel();
    if let Some(out) = out {
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let Ok(object) = serde_json::from_str(&line) else { continue };
                // Nobody listens any more; reading goes on, so that the program is not held up.
                let _ = send.send(object);
            }
        });
    }
    lines
}

/// Asks a program to end, as Ctrl-C does, and waits for it.
pub(super) fn end(child: &mut Child) {
    if matches!(child.try_wait(), Ok(Some(_))) {
        return;
    }
    let asked = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    if !asked.is_ok_and(|status| status.success()) {
        let _ = child.kill();
    }
    let _ = child.wait();
}
