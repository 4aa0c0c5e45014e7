//! Two home servers and two people, as processes that can be killed and started again.

use std::io::{BufRead, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

pub use crate::eventually::eventually;

pub const PASSWORD: &str = "a quiet kitchen with seven chairs";

/// Two servers, and Ana and Bela, who have met.
pub struct World {
    pub one: Server,
    pub two: Server,
    pub ana: Person,
    pub bela: Person,
    pub folder: TempDir,
}

impl World {
    /// Starts two servers and makes two people who have not met.
    pub fn of_strangers() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let one = Server::start(&folder.path().join("one"));
        let two = Server::start(&folder.path().join("two"));
        let ana = Person::new(&folder.path().join("ana"));
        let bela = Person::new(&folder.path().join("bela"));
        for (person, server, name) in [(&ana, &one, "Anastasia"), (&bela, &two, "Belarmino")] {
            person.succeed(&["init", "--server", &server.url, "--server-key", &server.key, "--name", name]);
        }
        Self { one, two, ana, bela, folder }
    }

    /// Starts two servers and makes two people who have met: Ana knows Belarmino, Bela knows Anastasia.
    pub fn of_friends() -> Self {
        let world = Self::of_strangers();
        let card = world.ana.succeed(&["card", "new", "--name", "Belarmino"]);
        let link = card.text("link");
        world.bela.succeed(&["card", "accept", &link, "--name", "Anastasia"]);
        for person in [&world.bela, &world.ana, &world.bela, &world.ana] {
            person.succeed(&["sync"]);
        }
        for (person, name) in [(&world.ana, "Belarmino"), (&world.bela, "Anastasia")] {
            let contacts = person.succeed(&["contacts"]);
            let contact = contacts.lines.iter().find(|line| line["name"] == name).unwrap();
            assert_eq!(contact["state"], "established", "{name}");
        }
        world
    }
}

/// A running home server, which keeps its port when it is started again.
pub struct Server {
    child: Child,
    pub data: PathBuf,
    pub url: String,
    pub key: String,
    port: u16,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// Starts a server with settings of its own.
    pub fn start_with(data: &Path, settings: &[(&str, &str)]) -> Self {
        // The port is given back before kithd takes it; nobody else on this machine asks for ports by number.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = Arc::new(Mutex::new(String::new()));
        let (child, ready, reader) = spawn(data, port, &log, settings);
        let text = |name: &str| ready[name].as_str().unwrap().to_owned();
        Self {
            child,
            data: data.to_owned(),
            url: text("url"),
            key: text("server_key"),
            port,
            log,
            reader: Some(reader),
        }
    }

    /// Kills the process without a word, as a power cut does.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
    }

    pub fn restart(&mut self) {
        let (child, ready, reader) = spawn(&self.data, self.port, &self.log, &[]);
        assert_eq!(ready["server_key"], self.key.as_str(), "the server is the same after a restart");
        self.child = child;
        self.reader = Some(reader);
    }

    /// Makes an invite code beside the running server.
    pub fn invite(&self) -> String {
        let output = Command::new(program("kithd")).args(["invite", "--data"]).arg(&self.data).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Returns a command of the operator's beside the running server, which says what it says to programs.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program("kithd"));
        command.args(args).arg("--json").arg("--data").arg(&self.data);
        command
    }

    /// Returns everything that the server has written to its log.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(
    data: &Path,
    port: u16,
    log: &Arc<Mutex<String>>,
    settings: &[(&str, &str)],
) -> (Child, Value, JoinHandle<()>) {
    let scheme = if settings.iter().any(|(name, _)| *name == "KITHD_TLS_CERT") { "https" } else { "http" };
    let mut child = Command::new(program("kithd"))
        .args(["--json", "--allow-private-peers", "--listen", &format!("127.0.0.1:{port}")])
        .args(["--public-url", &format!("{scheme}://127.0.0.1:{port}"), "--data"])
        .arg(data)
        .env("KITHD_LOG", "debug")
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let errors = BufReader::new(child.stderr.take().unwrap());
    let log = Arc::clone(log);
    let reader = std::thread::spawn(move || {
        for line in errors.lines().map_while(Result::ok) {
            let mut log = log.lock().unwrap();
            log.push_str(&line);
            log.push('\n');
        }
    });
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let ready = serde_json::from_str(&first).unwrap_or_else(|_| panic!("kithd did not become ready: {first}"));
    (child, ready, reader)
}

/// A person: one folder, used by one command at a time or by several beside a listener.
#[derive(Clone)]
pub struct Person {
    pub home: PathBuf,
    password: String,
}

/// What a command gave back.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub lines: Vec<Value>,
    pub said: String,
}

impl Outcome {
    /// Returns a text field of the first line that has it.
    pub fn text(&self, field: &str) -> String {
        let found = self.lines.iter().find_map(|line| line[field].as_str());
        found.unwrap_or_else(|| panic!("no {field} in {:?} {}", self.lines, self.said)).to_owned()
    }
}

impl Person {
    pub fn new(home: &Path) -> Self {
        Self { home: home.to_owned(), password: PASSWORD.to_owned() }
    }

    /// The same folder, opened with another password.
    pub fn with_password(&self, password: &str) -> Self {
        Self { home: self.home.clone(), password: password.to_owned() }
    }

    pub fn run(&self, args: &[&str]) -> Outcome {
        outcome(&mut self.command(args))
    }

    /// Runs a command with more environment variables; it must succeed.
    pub fn succeed_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Outcome {
        let outcome = outcome(self.command(args).envs(variables.iter().copied()));
        assert_eq!(outcome.code, 0, "kith {args:?}: {:?} {}", outcome.lines, outcome.said);
        outcome
    }

    /// Runs a command with something on its standard input.
    pub fn run_with_input(&self, args: &[&str], input: &str) -> Outcome {
        let mut child =
            self.command(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        read(child.wait_with_output().unwrap())
    }

    /// Runs a command as people do; returns the exit code, standard output and standard error.
    pub fn as_human(&self, args: &[&str]) -> (i32, String, String) {
        let output = self.bare(args).env("KITH_PASSWORD", &self.password).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
    }

    /// A command without a word about the password or the voice.
    pub fn bare(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program("kith"));
        command.arg("--home").arg(&self.home).args(args).stdin(Stdio::null());
        command.env("KITH_CHEAP_PASSWORDS", "1").env_remove("KITH_PASSWORD");
        command
    }

    pub fn succeed(&self, args: &[&str]) -> Outcome {
        let outcome = self.run(args);
        assert_eq!(outcome.code, 0, "kith {args:?}: {:?} {}", outcome.lines, outcome.said);
        outcome
    }

    /// Returns the texts of a conversation, oldest first, with who wrote them.
    pub fn conversation(&self, contact: &str) -> Vec<(String, String)> {
        let log = self.succeed(&["log", contact, "--limit", "5000"]);
        let text = |line: &Value, field: &str| line[field].as_str().unwrap_or_default().to_owned();
        log.lines.iter().map(|line| (text(line, "direction"), text(line, "text"))).collect()
    }

    /// Returns what the contact wrote, oldest first.
    pub fn heard(&self, contact: &str) -> Vec<String> {
        self.conversation(contact).into_iter().filter(|(who, _)| who == "in").map(|(_, text)| text).collect()
    }

    /// Starts `kith listen`.
    pub fn listen(&self) -> Listener {
        let mut child = self.command(&["listen"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let out = BufReader::new(child.stdout.take().unwrap());
        let seen = Arc::clone(&events);
        let reader = std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                // A line may be cut where the process was killed.
                if let Ok(event) = serde_json::from_str::<Value>(&line) {
                    seen.lock().unwrap().push(event);
                }
            }
        });
        Listener { child, events, reader: Some(reader) }
    }

    /// A command of a program that knows the password.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program("kith"));
        command.arg("--home").arg(&self.home).arg("--json").args(args).stdin(Stdio::null());
        // What a password costs is shown elsewhere; here there are hundreds of entries.
        command.env("KITH_PASSWORD", &self.password).env("KITH_CHEAP_PASSWORDS", "1");
        command
    }
}

fn outcome(command: &mut Command) -> Outcome {
    read(command.output().unwrap())
}

fn read(output: std::process::Output) -> Outcome {
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line:?} is not JSON")));
    Outcome {
        code: output.status.code().unwrap_or(-1),
        lines: lines.collect(),
        said: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A running `kith listen`.
pub struct Listener {
    child: Child,
    events: Arc<Mutex<Vec<Value>>>,
    reader: Option<JoinHandle<()>>,
}

impl Listener {
    pub fn events(&self) -> Vec<Value> {
        self.events.lock().unwrap().clone()
    }

    /// Waits until an event fits.
    pub fn wait_for(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || self.events().into_iter().find(|event| fits(event)))
    }

    pub fn kill(&mut self) -> Vec<Value> {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.events()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Finds a program that cargo has put beside the tests.
fn program(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_BIN_EXE_kith"));
    let path = folder.with_file_name(name);
    assert!(path.is_file(), "{name} is not built: cargo build -p {name}");
    path
}

/// Calls a command again and again, and kills it a little later each time, until one is through before it is killed. Looks at what each left. Returns
/// how many were killed.
pub fn kill_until_through(person: &Person, args: &[&str], words: &str, look: impl Fn()) -> u64 {
    for n in 0_u64.. {
        let mut command = person.command(args);
        let command = command.env("KITH_PHRASE", words).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        // A quarter longer each time: so they fall into all of it on the fastest and on the slowest machine.
        std::thread::sleep(Duration::from_millis(3).mul_f64(1.25_f64.powi(n.try_into().unwrap_or(i32::MAX))));
        let has_ended = child.try_wait().unwrap().is_some();
        let _ = child.kill();
        child.wait().unwrap();
        look();
        if has_ended {
            return n;
        }
    }
    0
}

/// Returns every file below a folder with its bytes.
pub fn files_below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            out.extend(files_below(&path));
        } else if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            out.push((path, bytes));
        }
    }
    out
}

/// Returns whether `needle` stands anywhere in `hay`.
pub fn holds(hay: &[u8], needle: &str) -> bool {
    hay.windows(needle.len()).any(|window| window == needle.as_bytes())
}
