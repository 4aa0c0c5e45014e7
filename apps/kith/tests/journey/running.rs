//! A command that goes on while others do theirs, and that can be answered.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::Value;

use crate::support::{Outcome, Person, eventually};

/// A running command.
pub struct Running {
    child: Child,
    keyboard: Option<ChildStdin>,
    lines: Arc<Mutex<Vec<Value>>>,
    said: Arc<Mutex<String>>,
    /// What is no object: where it was killed, a line may be cut.
    cut: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    pub fn start(person: &Person, args: &[&str]) -> Self {
        let mut command = person.command(args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (lines, said) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(String::new())));
        let cut = Arc::new(Mutex::new(Vec::new()));
        let (seen, heard, unread) = (Arc::clone(&lines), Arc::clone(&said), Arc::clone(&cut));
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                match serde_json::from_str(&line) {
                    Ok(object) => seen.lock().unwrap().push(object),
                    Err(_) => unread.lock().unwrap().push(line),
                }
            }
        });
        let listener = std::thread::spawn(move || {
            for line in BufReader::new(err).lines().map_while(Result::ok) {
                let mut said = heard.lock().unwrap();
                said.push_str(&line);
                said.push('\n');
            }
        });
        let keyboard = child.stdin.take();
        Self { child, keyboard, lines, said, cut, readers: vec![reader, listener] }
    }

    /// Waits until a line has a field, and returns its text.
    pub fn wait_for(&mut self, field: &str) -> String {
        let lines = Arc::clone(&self.lines);
        let said = Arc::clone(&self.said);
        eventually(field, || {
            let lines = lines.lock().unwrap();
            let found = lines.iter().find_map(|line| line[field].as_str().map(str::to_owned));
            if found.is_none() && self.child.try_wait().unwrap().is_some() {
                panic!("it ended without {field}: {lines:?} {}", said.lock().unwrap());
            }
            found
        })
    }

    /// Waits until so many lines have a field, and returns its values.
    pub fn wait_for_all(&mut self, field: &str, number: usize) -> Vec<Value> {
        let lines = Arc::clone(&self.lines);
        eventually(field, || {
            let lines = lines.lock().unwrap();
            let found: Vec<Value> =
                lines.iter().map(|line| line[field].clone()).filter(|value| !value.is_null()).collect();
            (found.len() >= number).then_some(found)
        })
    }

    /// Returns what it has said to people so far.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Types a line.
    pub fn say(&mut self, line: &str) {
        self.keyboard.as_mut().unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Ends it as a power cut does.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        self.end();
    }

    /// Waits for its end. Nobody types any more.
    pub fn finish(mut self) -> Outcome {
        let code = self.end();
        assert!(self.cut.lock().unwrap().is_empty(), "not JSON: {:?}", self.cut.lock().unwrap());
        Outcome { code, lines: self.lines.lock().unwrap().clone(), said: self.said.lock().unwrap().clone() }
    }

    /// Waits for its end, which must be a good one.
    pub fn succeed(self) -> Outcome {
        let outcome = self.finish();
        assert_eq!(outcome.code, 0, "{outcome:?}");
        outcome
    }

    fn end(&mut self) -> i32 {
        drop(self.keyboard.take());
        let status = self.child.wait().unwrap();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        status.code().unwrap_or(-1)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
