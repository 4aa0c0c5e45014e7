//! A backup at the home server: everything is lost but 24 words and an address, and programs are killed on the way.

use serde_json::Value;

use crate::devices::Home;
use crate::losing::{code, phrase};
use crate::running::Running;
use crate::support::{Outcome, Person, Server, World, eventually, files_below, holds, kill_until_through};

const NEW_PASSWORD: &str = "another kitchen, with eight";

fn tablet(world: &World, name: &str) -> Person {
    Person::new(&world.folder.path().join(name)).with_password(NEW_PASSWORD)
}

fn with_phrase(person: &Person, args: &[&str], words: &str) -> Outcome {
    let output = person.command(args).env("KITH_PHRASE", words).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    Outcome {
        code: output.status.code().unwrap_or(-1),
        lines: lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
        said: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn say(from: &Person, texts: std::ops::Range<u32>) {
    let listener = from.listen();
    for number in texts {
        from.succeed(&["send", "Belarmino", &format!("number {number}")]);
    }
    drop(listener);
}

#[test]
fn whoever_has_lost_everything_comes_back_with_the_words_and_an_address_however_often_programs_are_killed() {
    let world = World::of_friends();
    let (ana, bela) = (&world.ana, &world.bela);
    let url = world.one.url.clone();
    let words = phrase(ana);
    say(ana, 0..12);
    let first = ana.succeed(&["backup", "--at-home"]);
    assert!(
        first.said.contains("`kith recovery check`"),
        "nobody has shown that the words are on paper: {}",
        first.said
    );
    let first = &first.lines[0];
    assert_eq!((&first["messages"], &first["lost_before"]), (&12.into(), &false.into()), "{first}");
    // The next one travels in part only, and whoever is killed while it is made has the one before.
    say(ana, 12..16);
    let n_kills = kill_until_through(ana, &["backup", "--at-home"], "", || {});
    assert!(n_kills > 3, "it was killed at {n_kills} moments");
    ana.succeed(&["verify", "Belarmino", "--confirm"]);
    let second = ana.succeed(&["backup", "--at-home", "--every", "day"]).lines.remove(0);
    assert!(second["sent"].as_u64().unwrap() < first["sent"].as_u64().unwrap(), "{first} {second}");
    let status = ana.succeed(&["status"]).lines.remove(0);
    assert!(status["home_backup_made_at"].is_string() && status["home_backup_every_hours"] == 24, "{status}");
    // The server knows neither what is in it nor about whom, and not even that it is a file of Kith.
    for (path, bytes) in files_below(&world.one.data) {
        assert!(!holds(&bytes, "number 7") && !holds(&bytes, "Belarmino") && !holds(&bytes, "KITHBACK"), "{path:?}");
    }
    let said = ana.conversation("Belarmino");
    std::fs::remove_dir_all(&ana.home).unwrap();

    // Other words find nothing, and neither do these at another server.
    let nobody = tablet(&world, "nobody");
    let other = phrase(bela);
    let wrong = with_phrase(&nobody, &["restore", "--at-home", &url], &other);
    assert_eq!(code(&wrong), (1, "no_backup".into()), "{wrong:?}");
    let wrong = with_phrase(&nobody, &["restore", "--at-home", &world.two.url], &words);
    assert_eq!(code(&wrong), (1, "no_backup".into()), "{wrong:?}");
    assert!(!nobody.home.exists());

    // Nobody becomes what lies there without having seen what it is.
    let tablet = tablet(&world, "tablet");
    let unseen = with_phrase(&tablet, &["restore", "--at-home", &url, "--name", "tablet"], &words);
    assert_eq!(code(&unseen), (1, "not_confirmed".into()), "{unseen:?}");
    assert!(unseen.said.contains("Anastasia, one contact, ") && unseen.said.contains("number 1: "), "{}", unseen.said);
    assert!(!tablet.home.exists());
    let args = ["restore", "--at-home", &url, "--name", "tablet", "--yes"];
    let n_kills = kill_until_through(&tablet, &args, &words, || {
        let looked = tablet.run(&["log", "Belarmino", "--limit", "500"]);
        match code(&looked).1.as_str() {
            "" => assert_eq!(looked.lines.len(), 16, "whoever looks whole is whole"),
            "not_initialised" | "restore_unfinished" => {}
            other => panic!("{other} {looked:?}"),
        }
    });
    assert!(n_kills > 3, "it was killed at {n_kills} moments");
    let last = with_phrase(&tablet, &args, &words);
    assert!(last.code == 0 || code(&last) == (1, "already_initialised".into()), "{last:?}");
    assert_eq!(tablet.conversation("Belarmino"), said);
    let contact = tablet.succeed(&["contacts"]).lines.remove(0);
    assert_eq!(contact["verified"], false, "what was compared before does not count");
    assert!(contact["from_home_backup_since"].is_string(), "{contact}");

    // The conversation goes on, and the tablet keeps a backup of its own, beside the one that it came from.
    tablet.succeed(&["send", "Belarmino", "I am back"]);
    eventually("Bela hears it", || {
        tablet.succeed(&["sync"]);
        bela.succeed(&["sync"]);
        bela.heard("Anastasia").contains(&"I am back".to_owned()).then_some(())
    });
    let status = tablet.succeed(&["status"]).lines.remove(0);
    assert!(status["home_backup_made_at"].is_string(), "by itself, as the device before did: {status}");
    let own = tablet.succeed(&["backup", "--at-home"]).lines.remove(0);
    assert_eq!(own["lost_before"], false, "{own}");
    let removed = tablet.succeed(&["backup", "--at-home", "--remove"]).lines.remove(0);
    assert_eq!(removed["removed"], 2);
    let gone = with_phrase(&nobody, &["restore", "--at-home", &url], &words);
    assert_eq!(code(&gone), (1, "no_backup".into()), "{gone:?}");
}

#[test]
fn a_place_that_another_device_has_taken_is_left_to_it_by_a_real_server_too() {
    let home = Home::of_friends();
    let (phone, laptop, one) = (home.phone(), &home.laptop, &home.world.one);
    let words = phrase(phone);
    // Both devices are at home at one server.
    let mut link = Running::start(phone, &["device", "link", "--name", "phone"]);
    let text = link.wait_for("link");
    let join = ["device", "join", &text, "--name", "laptop", "--server", &one.url, "--server-key", &one.key];
    let mut join = Running::start(laptop, &join);
    join.wait_for("code");
    link.wait_for("code");
    join.say("y");
    link.say("y");
    link.succeed();
    join.succeed();
    // The laptop removes what the phone has there, and takes its place, which the phone still remembers.
    phone.succeed(&["backup", "--at-home"]);
    let removed = laptop.succeed(&["backup", "--at-home", "--remove"]).lines.remove(0);
    assert_eq!(removed["removed"], 1);
    laptop.succeed(&["backup", "--at-home"]);
    let taken = phone.run(&["backup", "--at-home"]);
    assert_eq!(code(&taken), (1, "home_backup".into()), "{taken:?}");
    phone.succeed(&["backup", "--at-home"]);
    let seen = with_phrase(&tablet(&home.world, "tablet"), &["restore", "--at-home", &one.url], &words);
    assert_eq!(code(&seen), (1, "not_confirmed".into()));
    for found in ["number 1: the backup that phone made", "number 2: the backup that laptop made"] {
        assert!(seen.said.contains(found), "{}", seen.said);
    }
    // The operator sees two accounts that keep something, and takes from one of them all that it has.
    let accounts = kithd(one, &["account", "list"]);
    let kept: Vec<&Value> = accounts.iter().filter(|one| one["kept_bytes"].as_u64() > Some(0)).collect();
    assert_eq!(kept.len(), 2, "{accounts:?}");
    let account = kept[0]["account"].as_str().unwrap();
    let removed = kithd(one, &["account", "remove", account, "--yes"]).remove(0);
    assert!(removed["blobs"].as_u64() >= Some(2), "a head and a piece: {removed}");
    let seen = with_phrase(&tablet(&home.world, "tablet"), &["restore", "--at-home", &one.url], &words);
    assert!(!seen.said.contains("number 2"), "{}", seen.said);
}

fn kithd(server: &Server, args: &[&str]) -> Vec<Value> {
    let output = server.command(args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_device_keeps_its_backup_by_itself_when_it_syncs() {
    let world = World::of_friends();
    let ana = &world.ana;
    assert_eq!(ana.succeed(&["status"]).lines[0]["home_backup_made_at"], Value::Null);
    ana.succeed(&["backup", "--at-home", "--every", "week"]);
    let made = |ana: &Person| ana.succeed(&["status"]).lines[0]["home_backup_made_at"].clone();
    let first = made(ana);
    assert!(first.is_string());
    ana.succeed(&["sync"]);
    assert_eq!(made(ana), first, "none is due");
    ana.succeed(&["backup", "--at-home", "--every", "off"]);
    assert_eq!(ana.succeed(&["status"]).lines[0]["home_backup_every_hours"], Value::Null);
    // Both ways at once, or neither, is said to be wrong before anything happens.
    for wrong in
        [&["backup"][..], &["backup", "file", "--at-home"], &["backup", "file", "--every", "day"], &["restore"]]
    {
        assert_eq!(ana.run(wrong).code, 2, "{wrong:?}");
    }
}
