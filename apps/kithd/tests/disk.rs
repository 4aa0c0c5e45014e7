//! A disk that loses what was written, is full, or may only be read: what the server, and the commands beside it, make of it.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test, as assertions do")]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use kith_wire::operation::{Answer, EntryId, Operation};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::Value;
use support::{Device, Home, Kithd, kithd};

fn run(command: &mut Command) -> (i32, Value, String) {
    let output = command.arg("--json").output().unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    let first = line.lines().next().unwrap_or_default();
    let told = serde_json::from_str(first).unwrap_or(Value::Null);
    (output.status.code().unwrap(), told, String::from_utf8(output.stderr).unwrap())
}

/// Everything about the files of a folder: names, bytes, and when they were written.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        found.insert(folder.clone(), (Vec::new(), std::fs::metadata(&folder).unwrap().modified().unwrap()));
        for file in std::fs::read_dir(&folder).unwrap() {
            let (path, kind) = file.map(|file| (file.path(), file.file_type().unwrap())).unwrap();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
                found.insert(path.clone(), (std::fs::read(&path).unwrap(), modified));
            }
        }
    }
    found
}

/// Returns the file of the store that grows.
fn newest_segment(data: &Path) -> PathBuf {
    let files = std::fs::read_dir(data.join("store")).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|kind| kind == "log")).max().unwrap()
}

/// Deposits frames of one byte each.
async fn deposit(home: &Home, device: &Device, bytes: std::ops::RangeInclusive<u8>) {
    for byte in bytes {
        assert_eq!(home.deposit(home.deposit_of(device, byte)).await, Answer::Accepted);
    }
}

/// Makes a server with five frames in a queue, and damages the third on its disk.
async fn damaged(data: &Path) -> Device {
    let server = Kithd::start(data);
    let home = Home::find(&server).await;
    let device = home.device().await;
    deposit(&home, &device, 101..=105).await;
    // Not the last record: that one would count as torn.
    assert_eq!(home.fetch(&device).await.len(), 5);
    server.stop();
    let path = newest_segment(data);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(64).position(|window| window == [103; 64]).unwrap();
    *bytes.get_mut(at).unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    device
}

#[tokio::test]
async fn kh_41_a_frame_that_the_disk_lost_is_left_out_and_the_queue_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let device = damaged(data.path()).await;
    let server = Kithd::start(data.path());
    let home = Home::find(&server).await;
    assert_eq!(run(kithd(data.path()).arg("status")).0, 0, "nobody has met it yet");
    let frames = |found: Vec<(u64, u8)>| found.into_iter().map(|(_, byte)| byte).collect::<Vec<_>>();
    for _ in 0..2 {
        assert_eq!(frames(home.fetch(&device).await), [101, 102, 104, 105]);
    }
    let mut line = home.listen(&device).await;
    let mut entries = Vec::new();
    for byte in [101, 102, 104, 105] {
        let (entry, pushed) = line.push().await;
        assert_eq!(pushed, byte);
        entries.push(EntryId(entry));
    }
    assert_eq!(line.ask(Operation::Ack { reader_id: device.reader, entries }).await, Answer::Accepted);
    deposit(&home, &device, 106..=106).await;
    assert_eq!(line.push().await.1, 106);
    let (code, report, _) = run(kithd(data.path()).arg("status"));
    assert_eq!((code, &report["damaged_rows"], &report["attention"][0]), (4, &1.into(), &"disk_loses".into()));
    let told = kithd(data.path()).arg("status").output().unwrap().stdout;
    assert!(String::from_utf8(told).unwrap().contains("1 rows that the disk did not give back"));
    let (_, log) = server.stop();
    assert_eq!(log.matches("the disk has lost").count(), 1, "it is said once: {log}");
}

#[tokio::test]
async fn a_backup_of_what_the_disk_left_says_what_is_missing_and_is_good() {
    let parent = tempfile::tempdir().unwrap();
    let [data, saved, elsewhere] = ["data", "saved", "elsewhere"].map(|name| parent.path().join(name));
    let device = damaged(&data).await;
    let (code, checked, _) = run(kithd(&data).arg("check"));
    assert_eq!((code, &checked["rows"]["damaged"], &checked["rows"]["entries"]), (1, &1.into(), &4.into()));
    assert_eq!(checked["findings"].as_array().unwrap().len(), 1, "{checked}");

    let server = Kithd::start(&data);
    let (code, made, stderr) = run(kithd(&data).arg("backup").arg(&saved));
    assert_eq!((code, &made["rows"]["damaged"]), (0, &1.into()));
    assert!(stderr.contains("the disk of the server has lost 1 "), "{stderr}");
    server.stop();

    let (code, checked, stderr) = run(kithd(&data).arg("check").arg(&saved));
    assert_eq!((code, &checked["rows"]["damaged"]), (0, &1.into()), "{stderr}");
    assert_eq!(run(kithd(&data).arg("restore").args([&saved, &elsewhere])).0, 0);
    let (code, checked, _) = run(kithd(&data).arg("check").arg(&elsewhere));
    assert_eq!((code, &checked["rows"]["damaged"]), (0, &0.into()), "{checked}");
    let server = Kithd::start(&elsewhere);
    let home = Home::find(&server).await;
    let frames: Vec<u8> = home.fetch(&device).await.into_iter().map(|(_, byte)| byte).collect();
    assert_eq!(frames, [101, 102, 104, 105]);
}

#[tokio::test]
async fn check_and_backup_change_no_byte_and_no_time_of_a_folder_that_was_left_in_disorder() {
    let parent = tempfile::tempdir().unwrap();
    let [data, saved] = ["data", "saved"].map(|name| parent.path().join(name));
    let server = Kithd::start(&data);
    let home = Home::find(&server).await;
    let device = home.device().await;
    deposit(&home, &device, 1..=5).await;
    server.kill();
    // What the next start would cut, and what it would remove.
    let path = newest_segment(&data);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend_from_slice(b"half of a record");
    std::fs::write(&path, bytes).unwrap();
    std::fs::write(data.join("store/0000000009.new"), b"half of a segment").unwrap();
    std::fs::write(data.join("store/0000000008.sum"), b"of no segment").unwrap();

    let before = snapshot(&data);
    let (code, checked, stderr) = run(kithd(&data).arg("check"));
    assert_eq!((code, &checked["rows"]["entries"]), (0, &5.into()), "{stderr}");
    assert_eq!(run(kithd(&data).arg("backup").arg(&saved)).0, 0);
    let after = snapshot(&data);
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (name, file) in &before {
        assert!(after.get(name) == Some(file), "{} was changed", name.display());
    }
    let server = Kithd::start(&data);
    let home = Home::find(&server).await;
    assert_eq!(home.fetch(&device).await.len(), 5);
    server.stop();
    assert_ne!(snapshot(&data).len(), before.len(), "a start does clean up");
}

/// Has the server live through a full disk: the signal that the system sends with it must not end it.
fn surviving(command: &mut Command) -> &mut Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(command.get_program()).args(command.get_args());
    shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    *command = shell;
    command
}

/// Returns the process of a server.
fn process(data: &Path) -> Option<Pid> {
    let (_, report, _) = run(kithd(data).arg("status"));
    Pid::from_raw(i32::try_from(report["process"].as_u64().unwrap()).unwrap())
}

/// Lets a server write files no further than this, as a disk does that is full.
fn bound(process: Option<Pid>, bytes: Option<u64>) {
    prlimit(process, Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_accepted_and_nothing_lost_and_with_room_again_all_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let server = Kithd::start_with(data.path(), surviving);
    let process = process(data.path());
    let home = Home::find(&server).await;
    let device = home.device().await;
    deposit(&home, &device, 1..=3).await;
    let mut accepted: Vec<u8> = vec![1, 2, 3];
    // Nowhere; in the middle of a head, of a frame, of a batch.
    for (round, bytes) in [1, 40, 3_000, 9_000, 30_000].into_iter().enumerate() {
        bound(process, Some(bytes));
        for n in 0..4 {
            let byte = 10 + 10 * u8::try_from(round).unwrap() + n;
            match home.try_deposit(home.deposit_of(&device, byte)).await {
                Some(answer) => {
                    assert_eq!(answer, Answer::Accepted);
                    accepted.push(byte);
                }
                None => assert!(home.try_deposit(home.deposit_of(&device, byte)).await.is_none(), "and still not"),
            }
        }
        bound(process, None);
        let read: Vec<u8> = home.fetch(&device).await.into_iter().map(|(_, byte)| byte).collect();
        assert_eq!(read, accepted);
        let byte = 10 + 10 * u8::try_from(round).unwrap() + 9;
        deposit(&home, &device, byte..=byte).await;
        accepted.push(byte);
    }
    bound(process, Some(1));
    assert!(home.try_deposit(home.deposit_of(&device, 99)).await.is_none());
    // What is there can be told and saved meanwhile.
    let (code, report, stderr) = run(kithd(data.path()).arg("status"));
    assert_eq!((code, &report["frames_waiting"]), (0, &accepted.len().into()), "{report} {stderr}");
    let saved = tempfile::tempdir().unwrap();
    let (code, made, stderr) = run(kithd(data.path()).arg("backup").arg(saved.path().join("backup")));
    assert_eq!((code, &made["rows"]["entries"]), (0, &accepted.len().into()), "{stderr}");
    server.kill();
    let server = Kithd::start(data.path());
    let home = Home::find(&server).await;
    let read: Vec<u8> = home.fetch(&device).await.into_iter().map(|(_, byte)| byte).collect();
    assert_eq!(read, accepted);
    server.stop();
    assert_eq!(run(kithd(data.path()).arg("check")).0, 0);
}
