//! Losing every device: the words on paper, the backup file, and what comes back.

use std::path::PathBuf;

use serde_json::Value;

use crate::devices::Home;
use crate::restored::copy_folder;
use crate::running::Running;
use crate::support::{Outcome, Person, World, eventually, files_below, holds, kill_until_through};

/// What opens the new folder in these tests; the backup has the password of the lost one.
const NEW_PASSWORD: &str = "another kitchen, with eight";

struct Loss {
    world: World,
}

impl Loss {
    fn of_friends() -> Self {
        Self { world: World::of_friends() }
    }

    fn ana(&self) -> &Person {
        &self.world.ana
    }

    fn file(&self) -> PathBuf {
        self.world.folder.path().join("ana.kith")
    }

    fn back_up(&self) -> Outcome {
        self.ana().succeed(&["backup", self.file().to_str().unwrap()])
    }

    /// A folder in which nobody is yet.
    fn tablet(&self) -> Person {
        Person::new(&self.world.folder.path().join("tablet")).with_password(NEW_PASSWORD)
    }

    fn restore(&self, to: &Person, args: &[&str], secret: (&str, &str)) -> Outcome {
        let file = self.file();
        let args = [args, &[file.to_str().unwrap(), "--name", "tablet"]].concat();
        let output = to.command(&args).env(secret.0, secret.1).output().unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        Outcome {
            code: output.status.code().unwrap_or(-1),
            lines: lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

pub fn phrase(of: &Person) -> String {
    let words = of.succeed(&["recovery", "phrase", "--show"]).lines[0]["words"].clone();
    let words: Vec<String> = serde_json::from_value(words).unwrap();
    assert_eq!(words.len(), 24);
    words.join(" ")
}

pub fn code(outcome: &Outcome) -> (i32, String) {
    (outcome.code, outcome.text_of_error())
}

impl Outcome {
    fn text_of_error(&self) -> String {
        let error = self.lines.last().map(|line| line["error"]["code"].clone()).unwrap_or_default();
        error.as_str().unwrap_or_default().to_owned()
    }
}

#[test]
fn who_has_lost_everything_comes_back_with_people_and_conversations() {
    let loss = Loss::of_friends();
    let (ana, bela) = (loss.ana(), &loss.world.bela);
    ana.succeed(&["send", "Belarmino", "Is the kettle on?"]);
    ana.succeed(&["sync"]);
    bela.succeed(&["send", "Anastasia", "Yes", "--wait", "accepted"]);
    ana.succeed(&["sync"]);
    ana.succeed(&["verify", "Belarmino", "--confirm"]);
    let words = phrase(ana);
    let made = loss.back_up();
    assert_eq!((&made.lines[0]["kind"], &made.lines[0]["messages"]), (&"new".into(), &2.into()), "{made:?}");
    let said = ana.conversation("Belarmino");
    std::fs::remove_dir_all(&ana.home).unwrap();

    let tablet = loss.tablet();
    let back = loss.restore(&tablet, &["recovery", "restore"], ("KITH_PHRASE", &words));
    assert_eq!(back.code, 0, "{back:?}");
    let told = back.lines.last().unwrap();
    assert_eq!((&told["contacts"], &told["messages"], &told["device"]), (&1.into(), &2.into(), &"tablet".into()));
    assert_eq!(tablet.conversation("Belarmino"), said);
    assert_eq!(tablet.succeed(&["contacts"]).lines[0]["verified"], true);
    assert_eq!(tablet.succeed(&["status"]).lines[0]["name"], "Anastasia");
    assert_eq!(phrase(&tablet), words, "the phrase stays the same");

    // Until Bela has answered, it is said whom this concerns, and that a card is no second contact.
    assert_eq!(tablet.succeed(&["status"]).lines[0]["returning"], serde_json::json!(["c1"]));
    let (_, said, _) = tablet.as_human(&["status"]);
    assert!(said.contains("one contact has not answered yet since you came back"), "{said}");
    let (code, out, said) = tablet.as_human(&["card", "new", "--name", "Belarmino"]);
    assert!(code != 0 && out.is_empty(), "{out} {said}");
    assert!(
        said.contains("They are told that you are back from a backup") && said.contains("with --instead"),
        "{said}"
    );
    assert_eq!(tablet.succeed(&["contacts"]).lines.len(), 1);

    // The conversation goes on, on both sides, and Bela sees why it may be worth comparing digits again.
    tablet.succeed(&["send", "Belarmino", "I am back"]);
    bela.succeed(&["send", "Anastasia", "Who is it?"]);
    eventually("both hear each other", || {
        bela.succeed(&["sync"]);
        tablet.succeed(&["sync"]);
        let here = tablet.heard("Belarmino").contains(&"Who is it?".to_owned());
        (here && bela.heard("Anastasia").contains(&"I am back".to_owned())).then_some(())
    });
    let at_belas = bela.succeed(&["contacts"]).lines.remove(0);
    assert!(at_belas["restored_at"].is_string(), "{at_belas}");
    assert_eq!(told["need_card"], serde_json::json!([]), "{back:?}");
    assert_eq!(tablet.succeed(&["status"]).lines[0]["returning"], serde_json::json!([]));
    assert_eq!(tablet.with_password("another").run(&["contacts"]).code, 3);
}

#[test]
fn who_comes_second_from_a_backup_is_refused_and_whoever_came_first_sees_it() {
    let loss = Loss::of_friends();
    let (ana, bela) = (loss.ana(), &loss.world.bela);
    let words = phrase(ana);
    loss.back_up();
    std::fs::remove_dir_all(&ana.home).unwrap();
    let first = loss.tablet();
    assert_eq!(loss.restore(&first, &["recovery", "restore"], ("KITH_PHRASE", &words)).code, 0);
    first.succeed(&["send", "Belarmino", "I am back"]);
    eventually("the first one is back", || {
        first.succeed(&["sync"]);
        bela.succeed(&["sync"]);
        bela.heard("Anastasia").contains(&"I am back".to_owned()).then_some(())
    });
    let contact = |of: &Person| of.succeed(&["contacts"]).lines.remove(0);
    assert_eq!(contact(&first)["refused_another_since"], Value::Null);

    let second = Person::new(&loss.world.folder.path().join("second")).with_password(NEW_PASSWORD);
    assert_eq!(loss.restore(&second, &["recovery", "restore"], ("KITH_PHRASE", &words)).code, 0);
    second.succeed(&["send", "Belarmino", "no, it is me"]);
    eventually("the first one hears of the second", || {
        for person in [&second, bela, &first] {
            person.succeed(&["sync"]);
        }
        contact(&first)["refused_another_since"].is_string().then_some(())
    });
    let status = first.succeed(&["status"]);
    assert_eq!(status.lines[0]["refused_another"], serde_json::json!([contact(&first)["contact"]]));
    assert!(status.said.contains("ANOTHER DEVICE CLAIMED TO BE YOU"), "{}", status.said);
    assert_eq!(contact(bela)["restored_twice"], true);
    assert_eq!(contact(&second)["restoring"], "told");
    assert!(!bela.heard("Anastasia").contains(&"no, it is me".to_owned()));
}

#[test]
fn a_backup_of_before_a_revocation_brings_no_device_back_to_life() {
    let home = Home::of_friends();
    let (phone, laptop, bela) = (home.phone(), &home.laptop, &home.world.bela);
    let words = phrase(phone);
    home.linked(&["--history", "all"]);
    laptop.succeed(&["send", "Belarmino", "from the laptop"]);
    eventually("Bela knows both devices", || {
        for device in [laptop, phone, bela] {
            device.succeed(&["sync"]);
        }
        bela.heard("Anastasia").contains(&"from the laptop".to_owned()).then_some(())
    });
    let file = home.world.folder.path().join("ana.kith");
    phone.succeed(&["backup", file.to_str().unwrap()]);
    // Whoever copies the laptop has one that never hears of what follows.
    let copy = home.world.folder.path().join("copy");
    copy_folder(&laptop.home, &copy);
    phone.succeed(&["device", "revoke", "laptop"]);
    eventually("the laptop hears of it, and Bela does", || {
        for device in [phone, bela] {
            device.succeed(&["sync"]);
        }
        laptop.run(&["sync"]);
        (laptop.succeed(&["status"]).lines[0]["revoked"] == true).then_some(())
    });
    std::fs::remove_dir_all(&phone.home).unwrap();
    std::fs::remove_dir_all(&laptop.home).unwrap();
    std::fs::rename(&copy, &laptop.home).unwrap();

    let tablet = Person::new(&home.world.folder.path().join("tablet")).with_password(NEW_PASSWORD);
    let args = ["restore", file.to_str().unwrap(), "--name", "tablet"];
    tablet.succeed_with(&args, &[("KITH_PHRASE", &words)]);
    let list = tablet.succeed(&["device", "list"]).lines;
    let states: Vec<_> = list.iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["linked", "revoked", "revoked"], "the backup knew of two others: {list:?}");
    tablet.succeed(&["send", "Belarmino", "from the tablet"]);
    eventually("Bela hears the tablet", || {
        tablet.succeed(&["sync"]);
        bela.succeed(&["sync"]);
        bela.heard("Anastasia").contains(&"from the tablet".to_owned()).then_some(())
    });
    // The copy tries: it is locked by what its home server shows it, and Bela hears nothing of it.
    laptop.run(&["send", "Belarmino", "it was me"]);
    eventually("the copy is locked", || {
        laptop.run(&["sync"]);
        (laptop.succeed(&["status"]).lines[0]["revoked"] == true).then_some(())
    });
    bela.succeed(&["send", "Anastasia", "only for the tablet"]);
    eventually("the conversation goes on with the tablet alone", || {
        bela.succeed(&["sync"]);
        tablet.succeed(&["sync"]);
        tablet.heard("Belarmino").contains(&"only for the tablet".to_owned()).then_some(())
    });
    assert!(!laptop.heard("Belarmino").contains(&"only for the tablet".to_owned()));
    assert!(!bela.heard("Anastasia").contains(&"it was me".to_owned()));
    assert_eq!(bela.succeed(&["contacts"]).lines[0]["state"], "established");
}

#[test]
fn a_backup_grows_beside_a_listener_and_opens_with_the_newest_password() {
    let loss = Loss::of_friends();
    let (ana, bela) = (loss.ana(), &loss.world.bela);
    let _listener = ana.listen();
    assert_eq!(loss.back_up().lines[0]["kind"], "new");
    ana.succeed(&["send", "Belarmino", "one more"]);
    // That it has left changes it once more, and the listener hears of that in its own time.
    eventually("it has left", || {
        let log = ana.succeed(&["log", "Belarmino"]);
        (log.lines.last()?["state"] != "waiting").then_some(())
    });
    let status = ana.succeed(&["status"]).lines.remove(0);
    assert_eq!(status["backup_behind"], 1, "{status}");
    assert_eq!(bela.succeed(&["status"]).lines[0]["backup_behind"], Value::Null, "there was never one");
    let grown = loss.back_up().lines.remove(0);
    assert_eq!((&grown["kind"], &grown["messages"]), (&"grown".into(), &1.into()));
    assert_eq!(ana.succeed(&["status"]).lines[0]["backup_behind"], 0);
    for (_, bytes) in files_below(loss.world.folder.path()).into_iter().filter(|(path, _)| *path == loss.file()) {
        assert!(!holds(&bytes, "one more") && !holds(&bytes, "Belarmino"));
    }

    ana.succeed_with(&["password"], &[("KITH_NEW_PASSWORD", NEW_PASSWORD)]);
    let ana = ana.with_password(NEW_PASSWORD);
    let anew = ana.succeed(&["backup", loss.file().to_str().unwrap()]).lines.remove(0);
    assert_eq!(anew["kind"], "new_password");
    let tablet = loss.tablet();
    let old = loss.restore(&tablet, &["restore"], ("KITH_BACKUP_PASSWORD", crate::support::PASSWORD));
    assert_eq!(code(&old), (3, "wrong_password".into()));
    assert!(!tablet.home.exists(), "nothing was made");
    // Somebody else's file stays what it is.
    let refused = bela.run(&["backup", loss.file().to_str().unwrap()]);
    assert_eq!(code(&refused), (1, "exists".into()));
    let back = loss.restore(&tablet, &["restore"], ("KITH_BACKUP_PASSWORD", NEW_PASSWORD));
    assert_eq!(back.code, 0, "{back:?}");
    // What the restored device knows is another device's word: it replaces the file only when that is said.
    let other = tablet.run(&["backup", loss.file().to_str().unwrap()]);
    assert_eq!(code(&other), (1, "other_device".into()));
    // Neither another password nor damage, nor the wish to write everything anew, makes it this device's file.
    let whole = std::fs::read(loss.file()).unwrap();
    assert_eq!(code(&tablet.run(&["backup", loss.file().to_str().unwrap(), "--anew"])), (1, "other_device".into()));
    tablet.succeed_with(&["password"], &[("KITH_NEW_PASSWORD", "a third kitchen")]);
    let tablet = tablet.with_password("a third kitchen");
    assert_eq!(code(&tablet.run(&["backup", loss.file().to_str().unwrap()])), (1, "other_device".into()));
    let stick = loss.world.folder.path().join("stick");
    std::fs::create_dir(&stick).unwrap();
    let (last, phones) = (whole.len() - 10, stick.join("kith-backup-00000000.kith"));
    let mut damaged = whole.clone();
    damaged[last] ^= 1;
    std::fs::write(loss.file(), &damaged).unwrap();
    assert_eq!(tablet.run(&["backup", loss.file().to_str().unwrap()]).code, 1);
    assert_eq!(std::fs::read(loss.file()).unwrap(), damaged, "what can be read of it is still there");
    std::fs::write(&phones, &whole).unwrap();
    let beside = tablet.succeed(&["backup", stick.to_str().unwrap()]).lines.remove(0);
    assert_eq!(beside["kind"], "new");
    assert_eq!(std::fs::read(&phones).unwrap(), whole, "in a folder each device has a file of its own");
    let again = tablet.succeed(&["backup", stick.to_str().unwrap()]).lines.remove(0);
    assert_eq!((&again["kind"], &again["file"]), (&"grown".into(), &beside["file"]));
    let forced = tablet.succeed(&["backup", loss.file().to_str().unwrap(), "--force"]).lines.remove(0);
    assert_eq!(forced["kind"], "replaced");
}

#[test]
fn damaged_and_foreign_files_are_told_apart_and_mended_by_the_next_backup() {
    let loss = Loss::of_friends();
    let ana = loss.ana();
    loss.back_up();
    ana.succeed(&["send", "Belarmino", "later"]);
    loss.back_up();
    let whole = std::fs::read(loss.file()).unwrap();
    let tablet = loss.tablet();
    let words = phrase(ana);
    let restored = |bytes: &[u8], args: &[&str], words: &str| {
        std::fs::write(loss.file(), bytes).unwrap();
        loss.restore(&tablet, args, ("KITH_PHRASE", words))
    };
    let mut damaged = whole.clone();
    let place = whole.len() - 100;
    damaged[place] ^= 1;
    for (bytes, words, expected) in [
        (damaged.as_slice(), words.as_str(), "backup_damaged"),
        (b"a letter to somebody", &words, "not_a_backup"),
        (
            &whole,
            "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote",
            "wrong_phrase",
        ),
        (&whole, "zoo zoo", "bad_phrase"),
        (&whole[..200], &words, "backup_damaged"),
    ] {
        let outcome = restored(bytes, &["restore"], words);
        assert_eq!(code(&outcome), (1, expected.into()), "{outcome:?}");
        assert!(!tablet.home.exists(), "{expected}: nothing was made");
    }
    std::fs::write(loss.file(), &damaged).unwrap();
    assert_eq!(loss.back_up().lines[0]["kind"], "mended");
    assert_eq!(loss.back_up().lines[0]["kind"], "grown");
    // What was whole before the damage comes back when the person says so.
    let part = restored(&damaged, &["restore", "--damaged"], &words);
    assert_eq!(part.code, 0, "{part:?}");
    assert!(tablet.conversation("Belarmino").is_empty(), "the second run is lost");
}

#[test]
fn nobody_types_what_opens_a_backup_for_what_is_none_and_the_words_of_a_link_are_known() {
    let loss = Loss::of_friends();
    let (tablet, folder) = (loss.tablet(), loss.world.folder.path());
    std::fs::write(folder.join("letter.txt"), "to somebody").unwrap();
    let restore = |what: PathBuf| {
        let output = tablet.bare(&["restore", what.to_str().unwrap()]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let none = restore(folder.to_owned());
    assert!(
        none.0 == Some(1) && none.1.contains("is a folder") && none.1.contains("in this folder is none"),
        "{none:?}"
    );
    loss.back_up();
    let named = restore(folder.to_owned());
    assert!(named.1.contains(&format!("kith restore '{}'", loss.file().display())), "{named:?}");
    assert!(restore(folder.join("nowhere.kith")).1.contains("there is no file"));
    assert!(restore(folder.join("letter.txt")).1.contains("this is no backup file"));
    let asked = restore(loss.file());
    assert!(asked.0 == Some(2) && asked.1.contains("nobody is there to type what opens the backup"), "{asked:?}");

    let taken = loss.ana().run(&["restore", loss.file().to_str().unwrap()]);
    assert_eq!(code(&taken), (1, "already_initialised".into()), "{taken:?}");
    assert!(taken.said.contains("is Anastasia already, at home at"), "{}", taken.said);
    assert!(taken.said.contains("this backup is of the same person") && taken.said.contains("kith sync"));
    let other = loss.world.bela.run(&["restore", loss.file().to_str().unwrap()]);
    assert!(code(&other).1 == "already_initialised" && other.said.contains("choose another with --home"), "{other:?}");

    let words = "inflict envelope brown skull finger awake measure company grace october bridge subject";
    let refused = loss.restore(&tablet, &["restore"], ("KITH_PHRASE", words));
    assert_eq!(code(&refused), (1, "bad_phrase".into()));
    assert!(refused.said.contains("has 24 words, these are 12") && refused.said.contains("kith device join --words"));
    let refused = loss.restore(&tablet, &["restore"], ("KITH_BACKUP_PASSWORD", words));
    assert_eq!(code(&refused), (3, "wrong_password".into()));
    assert!(refused.said.contains("tried as the password") && refused.said.contains("kith device join --words"));
    let mut typing = Running::start(&tablet, &["recovery", "restore", loss.file().to_str().unwrap()]);
    typing.say(words);
    typing.say("zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo");
    let refused = typing.finish();
    assert!(refused.said.contains("a recovery phrase has 24") && refused.said.contains("Word 13:"), "{refused:?}");
}

#[cfg(unix)]
#[test]
fn a_backup_takes_the_place_of_files_only() {
    let loss = Loss::of_friends();
    let socket = loss.world.folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for more in [&[][..], &["--force"]] {
        let refused = loss.ana().run(&[&["backup", socket.to_str().unwrap()], more].concat());
        crate::devices::assert_error(&refused, "not_a_file");
        assert!(!socket.metadata().unwrap().is_file());
    }
}

#[test]
fn the_phrase_is_shown_and_checked_on_purpose_only() {
    let loss = Loss::of_friends();
    let ana = loss.ana();
    for args in [&["recovery", "phrase"][..], &["recovery", "phrase", "--json"]] {
        assert_eq!(code(&ana.run(args)), (1, "not_shown".into()));
    }
    assert!(ana.with_password("not it").run(&["recovery", "phrase", "--show"]).code == 3);
    let words: Vec<String> = phrase(ana).split(' ').map(str::to_owned).collect();
    assert_eq!(ana.succeed(&["status"]).lines[0]["phrase_checked_at"], Value::Null);
    let answer = |right: bool| {
        let mut check = Running::start(ana, &["recovery", "check"]);
        for asked in 1..=4 {
            let numbers = check.wait_for_all("number", asked);
            let place = numbers[asked - 1].as_u64().unwrap() as usize;
            let word = words[place - 1].clone();
            let wrong = if word == "zoo" { "zone" } else { "zoo" };
            if !right && asked == 4 {
                check.say(wrong);
            } else {
                check.say(word.get(..4).unwrap_or(&word));
            }
        }
        check.finish()
    };
    assert_eq!(code(&answer(false)), (1, "wrong_word".into()));
    assert_eq!(ana.succeed(&["status"]).lines[0]["phrase_checked_at"], Value::Null);
    assert_eq!(answer(true).code, 0);
    assert!(ana.succeed(&["status"]).lines[0]["phrase_checked_at"].is_string());
    let nobody = ana.run(&["recovery", "check"]);
    assert_eq!(nobody.code, 2, "nobody answers");
}

#[test]
fn words_are_typed_in_as_many_lines_as_somebody_likes_and_what_is_no_word_is_asked_for_again() {
    let loss = Loss::of_friends();
    let words: Vec<String> = phrase(loss.ana()).split(' ').map(str::to_owned).collect();
    loss.back_up();
    let tablet = loss.tablet();
    let file = loss.file();
    let short = |words: &[String]| {
        let short: Vec<&str> = words.iter().map(|word| word.get(..4).unwrap_or(word)).collect();
        short.join(" ")
    };
    let lines =
        [short(&words[..5]), "abnadon".to_owned(), String::new(), short(&words[5..23]), words[23].to_uppercase()];
    let args = ["recovery", "restore", file.to_str().unwrap(), "--name", "tablet"];
    let back = tablet.run_with_input(&args, &lines.join("\n"));
    assert_eq!(back.code, 0, "{back:?}");
    assert!(
        back.said.contains("Is it abandon?") && back.said.contains("Word 6:") && back.said.contains("Word 24:"),
        "{back:?}"
    );
    assert_eq!(tablet.succeed(&["contacts"]).lines[0]["name"], "Belarmino");
}

#[test]
fn a_restore_that_is_killed_anywhere_leaves_nobody_who_looks_whole_and_goes_on() {
    let loss = Loss::of_friends();
    let ana = loss.ana();
    let listener = ana.listen();
    for number in 0..120 {
        ana.succeed(&["send", "Belarmino", &format!("number {number}")]);
    }
    drop(listener);
    loss.back_up();
    let words = phrase(ana);
    let tablet = loss.tablet();
    let file = loss.file();
    let args = ["restore", file.to_str().unwrap(), "--name", "tablet"];
    let n_kills = kill_until_through(&tablet, &args, &words, || {
        let looked = tablet.run(&["log", "Belarmino", "--limit", "500"]);
        let (code, error) = code(&looked);
        match error.as_str() {
            "" => assert_eq!((code, looked.lines.len()), (0, 120), "whoever looks whole is whole"),
            "not_initialised" | "restore_unfinished" => {}
            other => panic!("{other} {looked:?}"),
        }
    });
    assert!(n_kills > 3, "it was killed at {n_kills} moments");
    let last = loss.restore(&tablet, &["restore"], ("KITH_PHRASE", &words));
    let is_done = code(&last) == (1, "already_initialised".into());
    assert!(last.code == 0 || is_done, "{last:?}");
    assert_eq!(tablet.conversation("Belarmino").len(), 120);
}
