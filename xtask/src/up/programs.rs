//! The programs that the demonstration starts: home servers, listeners, and single commands of the command line.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::Receiver,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    failure::Failure,
    up::dialogue::{Dialogue, end, follow},
};

/// The password of both people: the demonstration hides nothing from whoever runs it.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Where the built programs and the demonstration's folders are.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) kith: PathBuf,
    pub(crate) kithd: PathBuf,
}

/// A running home server. It ends with the demonstration.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Its data folder.
    pub(crate) data: PathBuf,
    /// Its server key.
    pub(crate) key: String,
    /// Where it listens.
    pub(crate) listen: SocketAddr,
}

/// A person of the demonstration: one folder.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) name: &'static str,
    pub(crate) home: PathBuf,
    pub(crate) kith: PathBuf,
}

/// `kith listen` of one person.
#[derive(Debug)]
pub(crate) struct Listener {
    child: Child,
    lines: Receiver<Value>,
}

impl Programs {
    /// Starts a home server that the world reaches under `url`. With a folder, it serves the web app that is there.
    pub(crate) fn server(&self, data: &Path, url: &str, app: Option<&Path>) -> Result<Server, Failure> {
        let mut command = Command::new(&self.kithd);
        command
            .args(["--json", "--listen", "127.0.0.1:0", "--allow-private-peers", "--public-url", url, "--data"])
            .arg(data);
        if let Some(app) = app {
            command.arg("--web").arg(app);
        }
        let mut child = command
            .env("KITHD_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| Failure::new(format!("kithd could not start: {error}")))?;
        let lines = follow(child.stdout.take());
        let ready = lines
            .recv_timeout(Duration::from_secs(30))
            .map_err(|_| Failure::new("kithd did not become ready").hint("its own words are above"))?;
        let text = |name: &str| ready.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let listen = text("listen").parse().map_err(|_| Failure::new("kithd did not say where it listens"))?;
        Ok(Server { child, data: data.to_owned(), key: text("server_key"), listen })
    }

    /// Names a person; nothing is made yet.
    pub(crate) fn person(&self, name: &'static str, home: PathBuf) -> Person {
        Person { name, home, kith: self.kith.clone() }
    }
}

impl Server {
    /// Asks the server to end, and waits until it has.
    pub(crate) fn stop(&mut self) {
        end(&mut self.child);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

impl Person {
    /// Runs one command and returns the objects that it wrote.
    pub(crate) fn run(&self, args: &[&str]) -> Result<Vec<Value>, Failure> {
        let mut command = self.command();
        command.args(args).stdin(Stdio::null());
        let output = command.output().map_err(|error| Failure::new(format!("kith could not start: {error}")))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(Failure::new(format!("`kith {}` failed ({}): {said}", args.join(" "), output.status)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// Runs one command and returns one field of the first object that has it.
    pub(crate) fn ask(&self, args: &[&str], field: &str) -> Result<String, Failure> {
        let found =
            self.run(args)?.iter().find_map(|object| object.get(field).and_then(Value::as_str).map(str::to_owned));
        found.ok_or_else(|| Failure::new(format!("`kith {}` did not tell \"{field}\"", args.join(" "))))
    }

    /// Starts `kith listen`.
    pub(crate) fn listen(&self) -> Result<Listener, Failure> {
        let mut child = self
            .command()
            .arg("listen")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| Failure::new(format!("kith could not start: {error}")))?;
        let lines = follow(child.stdout.take());
        Ok(Listener { child, lines })
    }

    /// Starts `kith device link`.
    pub(crate) fn link(&self, args: &[&str]) -> Result<Dialogue, Failure> {
        let mut command = self.command();
        command.args(["device", "link"]).args(args);
        Dialogue::start("kith device link", command)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.kith);
        command.arg("--home").arg(&self.home).arg("--json").env("KITH_PASSWORD", PASSWORD);
        command
    }
}

impl Listener {
    /// Waits for an event of this name.
    pub(crate) fn wait_for(&self, event: &str) -> Result<Value, Failure> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self
                .lines
                .recv_timeout(left)
                .map_err(|_| Failure::new(format!("no \"{event}\" came within a minute")))?;
            if line.get("event").and_then(Value::as_str) == Some(event) {
                return Ok(line);
            }
        }
    }
}
