//! What an operator does with a server: asks how it is, makes codes beside it, saves it, and makes it again elsewhere.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test, as assertions do")]

mod support;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use kith_wire::operation::Answer;
use serde_json::Value;
use support::{Home, Kithd, kithd};

fn run(command: &mut Command) -> (i32, Value, String) {
    let Output { status, stdout, stderr } = command.arg("--json").output().unwrap();
    let line = String::from_utf8(stdout).unwrap();
    let first = line.lines().next().unwrap_or_default();
    (status.code().unwrap(), serde_json::from_str(first).unwrap_or(Value::Null), String::from_utf8(stderr).unwrap())
}

fn text(command: &mut Command) -> String {
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

#[tokio::test]
async fn status_tells_what_runs_and_how_full_it_is() {
    let data = tempfile::tempdir().unwrap();
    let server = Kithd::start(data.path());
    let home = Home::find(&server).await;
    let device = home.device().await;
    for byte in 1..=3 {
        assert_eq!(home.deposit(home.deposit_of(&device, byte)).await, Answer::Accepted);
    }
    let (code, report, stderr) = run(kithd(data.path()).arg("status"));
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(report["url"], server.ready["url"]);
    assert_eq!(report["server_key"], server.ready["server_key"]);
    assert_eq!([&report["accounts"], &report["queues"], &report["frames_waiting"]], [1, 1, 3]);
    assert!(report["oldest_frame"].as_u64().unwrap() <= report["now"].as_u64().unwrap());
    assert!(report["memory"].as_u64().unwrap() > 1_000_000);
    assert_eq!(report["certificate_ends"], Value::Null);
    let told = text(kithd(data.path()).arg("status"));
    assert!(told.contains("3 wait for their readers, the oldest for"), "{told}");
    server.stop();
    let (code, line, stderr) = run(kithd(data.path()).arg("status"));
    assert_eq!((code, &line["error"]["code"]), (3, &Value::from("not_running")), "{stderr}");
    assert!(stderr.contains("start it with `kithd`"), "{stderr}");
}

#[tokio::test]
async fn accounts_are_listed_and_removed_beside_a_running_server_and_without_one() {
    let data = tempfile::tempdir().unwrap();
    let server = Kithd::start(data.path());
    let home = Home::find(&server).await;
    let (device, other) = (home.device().await, home.device().await);
    for (to, byte) in [(&device, 1), (&device, 2), (&other, 3)] {
        assert_eq!(home.deposit(home.deposit_of(to, byte)).await, Answer::Accepted);
    }
    let list = || -> Vec<Value> {
        let told = text(kithd(data.path()).args(["account", "list", "--json"]));
        told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let accounts = list();
    let first = accounts[0]["account"].as_str().unwrap().to_owned();
    assert_eq!((accounts.len(), &accounts[0]["queues"], &accounts[0]["closed_by"]), (2, &1.into(), &Value::Null));
    let told = text(kithd(data.path()).args(["account", "list"]));
    assert!(told.starts_with("account ") && told.contains(&first) && told.lines().count() == 3, "{told}");
    let (code, line, told) = run(kithd(data.path()).args(["account", "remove", &first]).stdin(Stdio::null()));
    assert_eq!((code, &line["error"]["code"]), (2, &"not_confirmed".into()), "nobody is there to be asked");
    assert!(told.contains("--yes") && list()[0]["closed_by"].is_null(), "{told}");
    let (code, removed, _) = run(kithd(data.path()).args(["account", "remove", &first, "--yes"]));
    assert_eq!((code, &removed["queues"]), (0, &1.into()), "{removed}");
    let (_, report, _) = run(kithd(data.path()).arg("status"));
    assert_eq!((&report["queues"], &report["accounts"]), (&1.into(), &2.into()), "its name stays taken");
    assert_eq!(list()[0]["closed_by"], "operator");
    for wrong in ["nobody", &first.replace(|letter| letter != 'a', "a")] {
        for yes in [&["--yes"][..], &[]] {
            let (code, line, _) = run(kithd(data.path()).args(["account", "remove", wrong]).args(yes));
            assert_eq!((code, &line["error"]["code"]), (1, &"no_account".into()), "nobody is asked about it");
        }
    }
    server.stop();
    let (code, line, _) = run(kithd(data.path()).args(["account", "remove", &"7".repeat(52)]));
    assert_eq!((code, &line["error"]["code"]), (1, &"no_account".into()));
    let second = list()[1]["account"].as_str().unwrap().to_owned();
    let (code, removed, _) = run(kithd(data.path()).args(["account", "remove", &second, "--yes"]));
    assert_eq!((code, &removed["queues"]), (0, &1.into()), "{removed}");
    let (code, ..) = run(kithd(data.path()).arg("check"));
    assert_eq!(code, 0);
}

#[test]
fn status_of_a_folder_that_no_server_used_makes_no_folder() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("mistyped");
    assert_eq!(run(kithd(&data).arg("status")).0, 3);
    assert!(!data.exists());
}

#[test]
fn status_asks_for_attention_when_the_disk_is_full() {
    let data = tempfile::tempdir().unwrap();
    let _server = Kithd::start_with(data.path(), |command| command.env("KITHD_LIMITS_STORE_BYTES", "1"));
    let (code, report, _) = run(kithd(data.path()).arg("status"));
    assert_eq!(code, 4);
    assert_eq!(report["attention"][0], "disk_full");
    assert!(
        text(kithd(data.path()).arg("status")).contains("Needs attention (exit code 4):\n  - the disk is nearly full")
    );
}

#[test]
fn nobody_else_may_speak_to_the_control_socket() {
    use std::io::{Read as _, Write as _};
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
    let data = tempfile::tempdir().unwrap();
    let _server = Kithd::start(data.path());
    let path = data.path().join("control");
    let socket = std::fs::metadata(&path).unwrap();
    assert!(socket.file_type().is_socket());
    assert_eq!(socket.mode() & 0o777, 0o600);
    // What is no question, and what is none in 4 KiB, is refused.
    for nonsense in [b"\xff\xfe\n".to_vec(), b"{\"ask\":\"everything\"}\n".to_vec(), vec![b'['; 5000]] {
        let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
        stream.write_all(&nonsense).unwrap();
        let mut answer = String::new();
        // Whoever sent too much may find the connection gone.
        if stream.read_to_string(&mut answer).is_ok() {
            assert_eq!(answer, "{\"refused\":\"unknown\"}\n");
        }
    }
}

#[test]
fn a_folder_deep_in_the_tree_has_a_socket_too() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("a".repeat(100)).join("b".repeat(100));
    let _server = Kithd::start(&data);
    assert_eq!(run(kithd(&data).arg("status")).0, 0);
}

/// Fills a server, backs it up while deposits go on, and returns what a device had to read.
async fn busy(server: &Kithd, data: &Path, backup: &Path) -> (support::Device, Vec<(u64, u8)>) {
    let home = Home::find(server).await;
    let device = home.device().await;
    for byte in 1..=5 {
        assert_eq!(home.deposit(home.deposit_of(&device, byte)).await, Answer::Accepted);
    }
    let before = home.fetch(&device).await;
    let mut making = kithd(data).arg("backup").arg(backup).stdout(Stdio::null()).spawn().unwrap();
    while making.try_wait().unwrap().is_none() {
        assert_eq!(home.deposit(home.deposit_of(&device, 6)).await, Answer::Accepted);
    }
    assert!(making.wait().unwrap().success());
    (device, before)
}

#[tokio::test]
async fn a_server_that_was_backed_up_while_it_ran_goes_on_in_another_folder() {
    use std::os::unix::fs::MetadataExt as _;
    let parent = tempfile::tempdir().unwrap();
    let [data, elsewhere, backup] = ["data", "elsewhere", "saved"].map(|name| parent.path().join(name));
    let server = Kithd::start(&data);
    let key = server.ready["server_key"].clone();
    let (device, before) = busy(&server, &data, &backup).await;
    assert_eq!(std::fs::metadata(&backup).unwrap().mode() & 0o777, 0o600, "it holds keys");
    server.stop();

    for what in [&data, &backup] {
        let (code, checked, stderr) = run(kithd(&data).arg("check").arg(what));
        assert_eq!(code, 0, "{checked} {stderr}");
    }
    let told = text(kithd(&data).arg("restore").args([&backup, &elsewhere]));
    assert!(told.contains("make sure that the old one never runs again"), "{told}");
    let (code, checked, stderr) = run(kithd(&data).arg("check").arg(&elsewhere));
    assert_eq!((code, &checked["findings"]), (0, &Value::Array(Vec::new())), "{stderr}");

    let server = Kithd::start(&elsewhere);
    assert_eq!(server.ready["server_key"], key, "it is the same server");
    let home = Home::find(&server).await;
    let after = home.fetch(&device).await;
    assert_eq!(after.get(..5), Some(before.as_slice()), "frames keep their numbers");
    assert_eq!(home.deposit(home.deposit_of(&device, 7)).await, Answer::Accepted);
    assert_eq!(home.fetch(&device).await.len().min(16), (after.len() + 1).min(16));
}

#[tokio::test]
async fn the_folder_of_a_server_that_was_killed_at_work_is_in_order() {
    let data = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let server = Kithd::start(data.path());
        let home = Home::find(&server).await;
        let device = home.device().await;
        let deposits: Vec<_> = (0..24).map(|byte| home.deposit_of(&device, byte)).collect();
        let home = std::sync::Arc::new(home);
        let mut senders = tokio::task::JoinSet::new();
        for deposit in deposits {
            let home = std::sync::Arc::clone(&home);
            senders.spawn(async move { home.try_deposit(deposit).await });
        }
        // Some are answered, others are under way.
        for _ in 0..=round * 5 {
            senders.join_next().await.unwrap().unwrap();
        }
        server.kill();
        let (code, checked, stderr) = run(kithd(data.path()).arg("check"));
        assert_eq!(code, 0, "{checked} {stderr}");
        assert!(checked["rows"]["entries"].as_u64().unwrap() > round * 5);
    }
}

#[tokio::test]
async fn a_backup_goes_into_a_folder_under_its_time_and_overwrites_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let [data, saved] = ["data", "saved"].map(|name| parent.path().join(name));
    std::fs::create_dir(&saved).unwrap();
    drop(Kithd::start(&data));
    let (code, made, stderr) = run(kithd(&data).arg("backup").arg(&saved));
    assert_eq!(code, 0, "{stderr}");
    let path = made["backup"].as_str().unwrap();
    assert!(path.starts_with(saved.join("kithd-20").to_str().unwrap()) && path.ends_with("Z.backup"), "{path}");
    let (code, line, _) = run(kithd(&data).arg("backup").arg(path));
    assert_eq!((code, &line["error"]["code"]), (1, &Value::from("exists")));
    assert_eq!(std::fs::read_dir(&saved).unwrap().count(), 1, "nothing unfinished is left");
    // To standard output, byte for byte what a file would be.
    let piped = kithd(&data).args(["backup", "-"]).output().unwrap();
    assert_eq!(piped.stdout, std::fs::read(path).unwrap());
}

#[test]
fn a_restore_refuses_a_folder_with_something_in_it_and_what_is_no_backup() {
    let parent = tempfile::tempdir().unwrap();
    let [data, full, saved, cut, empty] =
        ["data", "full", "saved", "cut", "empty"].map(|name| parent.path().join(name));
    drop(Kithd::start(&data));
    assert_eq!(run(kithd(&data).arg("backup").arg(&saved)).0, 0);
    std::fs::create_dir(&full).unwrap();
    std::fs::write(full.join("letter"), b"mine").unwrap();
    let (code, line, _) = run(kithd(&data).arg("restore").args([&saved, &full]));
    assert_eq!((code, &line["error"]["code"]), (1, &Value::from("not_empty")));
    let bytes = std::fs::read(&saved).unwrap();
    std::fs::write(&cut, bytes.get(..bytes.len() - 1).unwrap()).unwrap();
    let (code, line, _) = run(kithd(&data).arg("restore").args([&cut, &empty]));
    assert_eq!((code, &line["error"]["code"]), (1, &Value::from("backup")));
    // What is there by now must not be mistaken for a server.
    let (code, line, _) = run(kithd(&empty).arg("invite"));
    assert_eq!((code, &line["error"]["code"]), (1, &Value::from("half_restored")));
    let (code, line, _) = run(kithd(&data).arg("check").arg(&cut));
    assert_eq!((code, &line["error"]["code"]), (1, &Value::from("backup")));
}

#[cfg(target_os = "linux")]
#[test]
fn a_running_server_is_sandboxed_and_says_so() {
    let data = tempfile::tempdir().unwrap();
    let _server = Kithd::start(data.path());
    let (_, report, _) = run(kithd(data.path()).arg("status"));
    let sandbox = report["sandbox"].as_str().unwrap();
    assert!(sandbox.contains("landlock") && sandbox.contains("seccomp active"), "{sandbox}");
    let kernel = std::fs::read_to_string(format!("/proc/{}/status", report["process"])).unwrap();
    let line = |name: &str| kernel.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    assert_eq!([line("NoNewPrivs:"), line("Seccomp:")], ["1", "2"]);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", report["process"])).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert!(core.split_whitespace().filter(|word| *word == "0").count() == 2, "{core}");
    for task in std::fs::read_dir(format!("/proc/{}/task", report["process"])).unwrap() {
        let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        assert!(status.contains("Seccomp:\t2"), "each thread is: {status}");
    }
}

#[test]
fn a_required_sandbox_is_there_or_the_server_is_not() {
    let data = tempfile::tempdir().unwrap();
    let mut server = kithd(data.path());
    server.args(["--sandbox", "require", "--listen", "127.0.0.1:0", "--json"]).stdout(Stdio::piped());
    let mut child = server.spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.as_mut().unwrap()), &mut line).unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    if told["ready"] == true {
        let (_, report, _) = run(kithd(data.path()).arg("status"));
        assert!(report["sandbox"].as_str().unwrap().starts_with("landlock version"), "{report}");
        child.kill().unwrap();
    } else {
        assert_eq!(told["error"]["code"], "sandbox");
    }
    child.wait().unwrap();
}

#[test]
fn a_certificate_that_has_ended_needs_attention() {
    let (data, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut wanted = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    wanted.not_before = rcgen::date_time_ymd(2020, 1, 1);
    wanted.not_after = rcgen::date_time_ymd(2020, 2, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let [cert_file, key_file] = ["cert.pem", "key.pem"].map(|name| files.path().join(name));
    std::fs::write(&cert_file, wanted.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(&key_file, key.serialize_pem()).unwrap();
    let _server = Kithd::start_with(data.path(), |command| {
        command.env("KITHD_TLS_CERT", &cert_file).env("KITHD_TLS_KEY", &key_file)
    });
    let (code, report, stderr) = run(kithd(data.path()).arg("status"));
    assert_eq!(code, 4, "{stderr}");
    assert_eq!(report["attention"], serde_json::json!(["certificate_ended"]));
    assert_eq!(report["certificate_ends"], 1_580_515_200);
}

#[test]
fn a_server_without_a_sandbox_says_so() {
    let data = tempfile::tempdir().unwrap();
    let _server = Kithd::start_with(data.path(), |command| command.args(["--sandbox", "off"]));
    let (_, report, _) = run(kithd(data.path()).arg("status"));
    assert_eq!(report["sandbox"], "landlock switched off, seccomp switched off");
}
