//! The web app, as the real server gives it: what each answer says to browsers, on every route, and which build it is.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test, as assertions do")]

mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use support::{Kithd, kithd};

/// Puts an app where the server finds it, and returns its build.
fn app(folder: &Path) -> String {
    let build = "0f".repeat(32);
    fs::create_dir_all(folder.join("assets")).unwrap();
    for (name, text) in [
        ("index.html", "<!doctype html>"),
        ("service-worker.js", "1"),
        ("assets/worker-a.js", "2"),
        ("assets/index-b.js", "3"),
    ] {
        fs::write(folder.join(name), text).unwrap();
    }
    fs::write(folder.join("build.json"), format!("{{\"version\":\"1\",\"build\":\"{build}\"}}")).unwrap();
    build
}

fn serve(data: &Path, app: &Path) -> Kithd {
    Kithd::start_with(data, |command| command.arg("--web").arg(app).arg("--allow-root"))
}

/// Sends a request line with these fields and returns the answer's head, in small letters.
fn head_of(server: &Kithd, line: &str, fields: &str) -> String {
    let address = server.ready["listen"].as_str().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{line} HTTP/1.1\r\nhost: {address}\r\n{fields}connection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).split("\r\n\r\n").next().unwrap().to_ascii_lowercase()
}

#[test]
fn every_answer_on_every_route_says_what_a_browser_may_not_do_with_it() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    app(folder.path());
    let server = serve(data.path(), folder.path());
    let files = ["/", "/build.json", "/service-worker.js", "/assets/worker-a.js", "/assets/index-b.js"];
    let others = ["/nothing", "/assets/", "/index.html", "/kith/v1", "/kith/v1/live", "/kith/v2", "/.well-known/kith"];
    for path in files.into_iter().chain(others) {
        for method in ["GET", "HEAD", "POST", "OPTIONS", "DELETE", "PATCH"] {
            let head = head_of(&server, &format!("{method} {path}"), "content-length: 0\r\n");
            for field in [
                "content-security-policy: default-src 'none'",
                "frame-ancestors 'none'",
                "x-content-type-options: nosniff",
                "referrer-policy: no-referrer",
                "cross-origin-opener-policy: same-origin",
                "cross-origin-embedder-policy: require-corp",
                "cross-origin-resource-policy: ",
            ] {
                assert!(head.contains(field), "{method} {path} lacks {field}: {head}");
            }
            // What other pages may read is the protocol's, and is of use to nobody without keys.
            let is_open = ["/kith/v1", "/.well-known/kith"].contains(&path);
            assert_eq!(head.contains("cross-origin-resource-policy: cross-origin"), is_open, "{method} {path}");
            assert_eq!(head.contains("access-control-allow-origin"), is_open, "{method} {path}");
            assert!(!head.contains("set-cookie"), "{method} {path}");
        }
    }
}

#[test]
fn what_may_run_is_said_file_by_file() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    app(folder.path());
    let server = serve(data.path(), folder.path());
    let worker = head_of(&server, "GET /assets/worker-a.js", "");
    assert!(worker.contains("connect-src 'self' https: wss:;") && worker.contains("'wasm-unsafe-eval'"));
    for path in ["/", "/assets/index-b.js", "/service-worker.js"] {
        let head = head_of(&server, &format!("GET {path}"), "");
        assert!(head.contains("connect-src 'self';") && !head.contains("unsafe"), "{head}");
        assert!(head.contains("require-trusted-types-for 'script'"), "{head}");
    }
}

#[test]
fn the_operator_is_told_which_build_is_served_and_can_serve_none() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let build = app(folder.path());
    let server = serve(data.path(), folder.path());
    let status = kithd(data.path()).args(["status", "--json"]).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(report["web_build"], build);
    let (_, log) = server.stop();
    assert!(log.contains(&format!("the web app is served: build {build}")), "{log}");

    fs::write(data.path().join("config.toml"), "web = \"\"\n").unwrap();
    let server = Kithd::start_with(data.path(), |command| command.arg("--allow-root"));
    assert!(head_of(&server, "GET /", "").starts_with("http/1.1 404"));
    let status = kithd(data.path()).args(["status", "--json"]).output().unwrap();
    assert!(serde_json::from_slice::<serde_json::Value>(&status.stdout).unwrap()["web_build"].is_null());
    server.stop();

    fs::write(data.path().join("config.toml"), "").unwrap();
    let server = serve(data.path(), Path::new(""));
    assert!(head_of(&server, "GET /", "").starts_with("http/1.1 404"));
}
