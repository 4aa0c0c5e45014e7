//! A `kithd` that runs until the test is over, is killed, or is told to stop.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use kith_wire::address::ServerUrl;
use kith_wire::id::ServerKey;
use serde_json::Value;

/// A running server.
pub(crate) struct Kithd {
    child: Child,
    pub(crate) url: ServerUrl,
    pub(crate) key: ServerKey,
    pub(crate) ready: Value,
}

/// Returns the command with nothing of the tester's environment but the path.
pub(crate) fn kithd(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kithd"));
    command.env_clear().arg("--data").arg(data).stdin(Stdio::null());
    command
}

impl Kithd {
    /// Starts a server on a free port of loopback.
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, |command| command)
    }

    /// Starts a server with more settings.
    pub(crate) fn start_with(data: &Path, set: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        let mut command = kithd(data);
        command.arg("--json").env("KITHD_LISTEN", "127.0.0.1:0").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = set(&mut command).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|_| {
            let mut told = String::new();
            child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
            unreachable!("not ready: {line}{told}")
        });
        // Where it listens, which need not be the URL that it tells others.
        let url = ServerUrl::parse(&format!("http://{}", ready["listen"].as_str().unwrap())).unwrap();
        let key = ServerKey::parse(ready["server_key"].as_str().unwrap()).unwrap();
        Self { child, url, key, ready }
    }

    /// Ends the process the hard way.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Tells the process to stop; returns its exit code and all that it logged.
    pub(crate) fn stop(mut self) -> (Option<i32>, String) {
        self.signal("TERM");
        let status = self.child.wait().unwrap();
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (status.code(), log)
    }

    /// Returns the number of open file descriptors. Only root may look at each: the server shows nobody its memory, and that
    /// is where the kernel counts them in. The folder's size tells how many there are, except on kernels before 6.2.
    pub(crate) fn n_descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.child.id());
        let listed = std::fs::read_dir(&folder).map(Iterator::count);
        listed
            .or_else(|_| Ok::<_, std::io::Error>(usize::try_from(std::fs::metadata(&folder)?.len()).unwrap()))
            .unwrap()
    }

    /// Returns the resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches("kB").trim().parse().unwrap()
    }
}

impl Drop for Kithd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
