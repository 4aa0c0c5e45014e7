//! What the program says on the command line: versions, refusals, hints and exit codes.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test, as assertions do")]

mod support;

use std::process::Output;

use support::{Kithd, kithd};

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn the_version_is_told() {
    let data = tempfile::tempdir().unwrap();
    let output = kithd(data.path()).arg("--version").output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), concat!("kithd ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn wrong_usage_exits_with_2_and_a_hint() {
    let data = tempfile::tempdir().unwrap();
    let unknown_flag = kithd(data.path()).arg("--lisen").output().unwrap();
    assert_eq!(code(&unknown_flag), 2);
    let bad_address = kithd(data.path()).args(["--listen", "here"]).output().unwrap();
    assert_eq!(code(&bad_address), 2);
    assert!(stderr(&bad_address).contains("hint: write it like 127.0.0.1:5484"), "{}", stderr(&bad_address));
    let bad_variable = kithd(data.path()).env("KITHD_PUBLICURL", "x").arg("--json").output().unwrap();
    assert_eq!(code(&bad_variable), 2);
    let line: serde_json::Value = serde_json::from_slice(&bad_variable.stdout).unwrap();
    assert_eq!(line["error"]["code"], "config");
    assert_eq!(line["error"]["hint"], "did you mean KITHD_PUBLIC_URL?");
}

#[test]
fn a_folder_has_one_server() {
    let data = tempfile::tempdir().unwrap();
    let _server = Kithd::start(data.path());
    let second = kithd(data.path()).args(["--listen", "127.0.0.1:0", "--json"]).output().unwrap();
    assert_eq!(code(&second), 1);
    let line: serde_json::Value = serde_json::from_slice(&second.stdout).unwrap();
    assert_eq!(line["error"]["code"], "in_use");
}

#[test]
fn a_port_that_is_taken_is_told() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Kithd::start(one.path());
    let taken = server.ready["listen"].as_str().unwrap();
    let second = kithd(two.path()).args(["--listen", taken]).output().unwrap();
    assert_eq!(code(&second), 1);
    assert!(stderr(&second).contains("hint: choose another address"), "{}", stderr(&second));
}

#[test]
fn the_first_line_tells_programs_what_they_need() {
    let data = tempfile::tempdir().unwrap();
    let server = Kithd::start_with(data.path(), |command| {
        command.args(["--public-url", "https://kith.example"]).env("KITHD_METRICS", "127.0.0.1:0")
    });
    assert_eq!(server.ready["ready"], true);
    assert_eq!(server.ready["url"], "https://kith.example");
    assert_eq!(server.ready["server_key"].as_str().unwrap().len(), 52);
    assert!(server.ready["metrics"].as_str().unwrap().ends_with("/metrics"));
}

#[test]
fn people_are_told_what_to_do_next() {
    use std::io::{BufRead as _, BufReader};
    let data = tempfile::tempdir().unwrap();
    let mut command = kithd(data.path());
    command.args(["--listen", "127.0.0.1:0"]).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let told: Vec<String> = lines.take_while(|line| !line.starts_with("Start it with")).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    let told = told.join("\n");
    assert!(told.contains("server key") && told.contains("kith init --server http://127.0.0.1:"), "{told}");
    assert!(told.contains("good on this machine only"), "{told}");
}

#[test]
fn operators_are_told_what_is_missing_before_others_reach_the_server() {
    for (url, missing) in [
        ("https://kith.example", "at port 5484 of kith.example"),
        ("https://kith.example:443", "at port 443 of kith.example"),
        ("http://kith.example", "use https"),
        ("http://127.0.0.1:5484", "--allow-private-peers only"),
    ] {
        let data = tempfile::tempdir().unwrap();
        let mut command = kithd(data.path());
        command.args(["--listen", "127.0.0.1:0", "--public-url", url]).stdout(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
        let told = std::io::BufRead::lines(&mut out).map(Result::unwrap).find(|line| line.contains(missing));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(told.is_some(), "{url}");
    }
}

#[test]
fn an_invite_for_a_folder_that_no_server_has_used_says_so() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("mistyped");
    let first = kithd(&data).arg("invite").output().unwrap();
    assert_eq!(code(&first), 0);
    assert!(stderr(&first).contains("no home server has used"), "{}", stderr(&first));
    let second = kithd(&data).arg("invite").output().unwrap();
    assert!(!stderr(&second).contains("no home server has used"), "{}", stderr(&second));
}

#[test]
fn a_configuration_with_every_key_is_printed_and_changes_nothing_when_used() {
    let data = tempfile::tempdir().unwrap();
    let printed = kithd(data.path()).arg("config").output().unwrap();
    assert_eq!(code(&printed), 0);
    std::fs::write(data.path().join("config.toml"), &printed.stdout).unwrap();
    let server = Kithd::start(data.path());
    assert_eq!(server.ready["ready"], true);
}
