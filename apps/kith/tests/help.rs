//! The help texts, word for word: they are what people read first, and scripts rely on what they name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what it expects and stops when it is not so"
)]

use std::process::Command;

fn said(words: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_kith"))
        .args(words)
        .env_remove("KITH_HOME")
        .env_remove("KITH_PASSWORD")
        .env("COLUMNS", "100")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn help_of_every_command_is_as_written_down() {
    let mut all = String::new();
    let commands = [
        "",
        "init",
        "card",
        "card new",
        "card accept",
        "device",
        "device list",
        "device link",
        "device join",
        "device revoke",
        "device rename",
        "device rotation",
        "contacts",
        "verify",
        "send",
        "react",
        "edit",
        "delete",
        "sync",
        "listen",
        "log",
        "save",
        "rotate",
        "block",
        "unblock",
        "forget",
        "set",
        "backup",
        "restore",
        "recovery",
        "recovery phrase",
        "recovery check",
        "recovery restore",
        "password",
        "status",
        "export",
        "web",
        "completions",
        "man",
    ];
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let (code, help, _) = said(&words);
        assert_eq!(code, 0, "{command}");
        all.push_str(&format!("━━ kith {}\n{help}\n", words.join(" ")));
    }
    insta::assert_snapshot!("help", all);
}

#[test]
fn help_is_a_command_too() {
    for command in [&["card", "new"][..], &["send"], &[]] {
        let asked = said(&[&["help"], command].concat());
        assert_eq!(asked, said(&[command, &["--help"]].concat()), "{command:?}");
    }
    assert_eq!(said(&["help", "dance"]).0, 2);
}

#[test]
fn help_fits_a_narrow_terminal() {
    for command in ["--help", "send --help", "init --help"] {
        let output = Command::new(env!("CARGO_BIN_EXE_kith"))
            .args(command.split_whitespace())
            .env("COLUMNS", "60")
            .output()
            .unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(help.lines().all(|line| line.chars().count() <= 60), "{help}");
    }
}

#[test]
fn wrong_usage_exits_with_two_and_tells_programs_so() {
    let (code, out, err) = said(&["send", "--json"]);
    assert_eq!((code, err.is_empty()), (2, false));
    let object: serde_json::Value = serde_json::from_str(out.trim()).unwrap();
    assert_eq!(object["error"]["code"], "usage");
    assert!(object["error"]["hint"].is_string());
    assert_eq!(said(&["dance"]).0, 2);
    for command in [&["backup"][..], &["restore"], &["recovery", "restore"]] {
        let (code, _, err) = said(command);
        assert!(code == 2 && err.contains(&format!("kith {} [OPTIONS] --at-home", command.join(" "))), "{err}");
    }
    assert_eq!(said(&["export", "/tmp/never"]).0, 2, "--plain is asked for");
}

#[test]
fn completions_and_manual_pages_need_no_person() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, script, _) = said(&["completions", shell]);
        assert!(code == 0 && script.contains("kith"), "{shell}");
    }
    let (code, page, _) = said(&["man"]);
    assert!(code == 0 && page.contains(".TH kith 1"));
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    assert_eq!(said(&["man", "--out", pages.to_str().unwrap()]).0, 0);
    assert!(
        pages.join("kith-card-new.1").is_file()
            && pages.join("kith-device-link.1").is_file()
            && pages.join("kith.1").is_file()
    );
}

#[test]
fn an_empty_folder_is_told_apart_from_a_wrong_password() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("nobody");
    let output = Command::new(env!("CARGO_BIN_EXE_kith"))
        .args(["--json", "--home", home.to_str().unwrap(), "contacts"])
        .env("KITH_PASSWORD", "x")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["error"]["code"], "not_initialised");
    assert!(!home.exists(), "asking makes nothing");
}
