//! `kith web`, with the real program: what it serves, to whom, and where.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as it should be")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running `kith web`, ended with the test.
struct Served {
    child: Child,
    /// `127.0.0.1:PORT`.
    host: String,
    ready: serde_json::Value,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kith"));
    command.args(["--json", "web"]).env_clear().env("HOME", home).stdin(Stdio::null());
    command
}

fn app(home: &Path) -> std::path::PathBuf {
    let folder = home.join("app");
    fs::create_dir_all(folder.join("assets")).unwrap();
    let papers = format!("{{\"version\":\"1\",\"build\":\"{}\"}}", "0f".repeat(32));
    for (name, text) in [
        ("index.html", "<!doctype html>"),
        ("build.json", papers.as_str()),
        ("service-worker.js", "1"),
        ("assets/worker-a.js", "2"),
    ] {
        fs::write(folder.join(name), text).unwrap();
    }
    folder
}

fn serve(home: &Path, more: &[&str]) -> Served {
    let mut command = command(home);
    let mut child =
        command.arg("--app").arg(app(home)).args(more).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
    let url = ready["url"].as_str().unwrap();
    let host = url.strip_prefix("http://").unwrap().trim_end_matches('/').to_owned();
    Served { child, host, ready }
}

/// Sends a request with these lines and returns the whole answer.
fn ask(served: &Served, request: &str) -> String {
    let mut stream = TcpStream::connect(&served.host).unwrap();
    stream.write_all(format!("{request}\r\nconnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn get(served: &Served, path: &str) -> String {
    ask(served, &format!("GET {path} HTTP/1.1\r\nhost: {}", served.host))
}

#[test]
fn the_app_is_served_to_browsers_on_this_machine_and_says_which_build_it_is() {
    let home = tempfile::tempdir().unwrap();
    let served = serve(home.path(), &[]);
    assert!(served.host.starts_with("127.0.0.1:"));
    assert_eq!(served.ready["build"], "0f".repeat(32));
    assert!(get(&served, "/").ends_with("<!doctype html>"));
    assert!(get(&served, "/nothing").starts_with("HTTP/1.1 404"));
    let posted = ask(&served, &format!("POST / HTTP/1.1\r\nhost: {}\r\ncontent-length: 0", served.host));
    assert!(posted.starts_with("HTTP/1.1 405"));
}

#[test]
fn every_answer_says_what_a_browser_may_not_do_with_it() {
    let home = tempfile::tempdir().unwrap();
    let served = serve(home.path(), &["--local-server", "http://127.0.0.1:5484"]);
    let host = &served.host;
    let answers = [
        get(&served, "/"),
        get(&served, "/build.json"),
        get(&served, "/service-worker.js"),
        get(&served, "/assets/worker-a.js"),
        get(&served, "/nothing"),
        get(&served, "/kith/v1"),
        ask(&served, &format!("DELETE / HTTP/1.1\r\nhost: {host}")),
        ask(&served, "GET / HTTP/1.1\r\nhost: kith.example"),
        ask(&served, &format!("GET / HTTP/1.1\r\nhost: {host}\r\norigin: https://kith.example")),
    ];
    for answer in &answers {
        let head = answer.split("\r\n\r\n").next().unwrap().to_ascii_lowercase();
        for field in [
            "content-security-policy: default-src 'none'",
            "frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cross-origin-opener-policy: same-origin",
            "cross-origin-embedder-policy: require-corp",
            "cross-origin-resource-policy: same-origin",
        ] {
            assert!(head.contains(field), "{field} is not in {head}");
        }
        assert_eq!(head.contains("127.0.0.1:5484"), answer == &answers[3], "{head}");
    }
}

#[test]
fn other_names_and_other_pages_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let served = serve(home.path(), &[]);
    let renamed = ask(&served, "GET / HTTP/1.1\r\nhost: rebound.example");
    assert!(renamed.starts_with("HTTP/1.1 421") && !renamed.contains("doctype"));
    let embedded = ask(&served, &format!("GET / HTTP/1.1\r\nhost: {}\r\nsec-fetch-site: cross-site", served.host));
    assert!(embedded.starts_with("HTTP/1.1 403") && !embedded.contains("doctype"));
}

#[test]
fn it_comes_back_at_the_same_port_or_not_at_all() {
    let home = tempfile::tempdir().unwrap();
    let first = serve(home.path(), &[]);
    let host = first.host.clone();
    let output = command(home.path()).arg("--app").arg(app(home.path())).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("port_taken"));
    drop(first);
    assert_eq!(serve(home.path(), &[]).host, host);
    fs::write(home.path().join(".local/state/kith/web.port"), "80").unwrap();
    let output = command(home.path()).arg("--app").arg(app(home.path())).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("port_unknown"));
}

#[test]
fn what_is_no_app_or_no_server_of_this_machine_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let output = command(home.path()).arg("--app").arg(home.path()).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("no_app"));
    for url in ["http://kith.example:5484", "https://127.0.0.1:5484", "http://192.168.0.7:5484"] {
        let output = command(home.path()).args(["--local-server", url]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{url}");
    }
}
