//! One person with two devices, at two home servers, and somebody who talks to both.

use std::time::Duration;

use serde_json::Value;

use crate::running::Running;
use crate::support::{Outcome, Person, World, eventually, files_below};
use crate::talk::scan;

/// Ana with a phone and a laptop, which are not linked yet, and Bela.
pub struct Home {
    pub world: World,
    pub laptop: Person,
}

impl Home {
    pub fn of_friends() -> Self {
        let world = World::of_friends();
        let laptop = Person::new(&world.folder.path().join("laptop"));
        Self { world, laptop }
    }

    pub fn phone(&self) -> &Person {
        &self.world.ana
    }

    /// Makes a link on the phone and leaves the command waiting.
    pub fn link(&self, more: &[&str]) -> (Running, String) {
        let args = [&["device", "link", "--name", "phone"], more].concat();
        let mut link = Running::start(self.phone(), &args);
        let text = link.wait_for("link");
        (link, text)
    }

    pub fn join(&self, link: &str) -> Running {
        let server = &self.world.two;
        let args = ["device", "join", link, "--name", "laptop", "--server", &server.url, "--server-key", &server.key];
        Running::start(&self.laptop, &args)
    }

    /// Links the laptop to the phone; returns what both said in the end.
    pub fn linked(&self, more: &[&str]) -> [Outcome; 2] {
        let (mut link, text) = self.link(more);
        let mut join = self.join(&text);
        let code = join.wait_for("code");
        assert_eq!(link.wait_for("code"), code, "both devices show one code");
        assert!(code.len() == 20 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
        join.say("y");
        link.say("y");
        [link.succeed(), join.succeed()]
    }
}

#[test]
fn two_devices_of_one_person_share_everything_until_one_is_revoked() {
    let home = Home::of_friends();
    let (phone, laptop, bela) = (home.phone(), &home.laptop, &home.world.bela);
    bela.succeed(&["send", "Anastasia", "before the laptop", "--wait", "accepted"]);
    // The phone's command runs in the listener, which owns the folder; the question is asked where the command was given.
    let phone_hears = phone.listen();
    let [link, join] = home.linked(&["--history", "all"]);
    let is_told = |event: &Value| event["devices"].as_array().is_some_and(|devices| devices.len() == 2);
    phone_hears.wait_for("the phone tells that there is another device", is_told);
    let banner = "New among your devices: laptop, since ";
    assert!(phone.succeed(&["status"]).said.contains(banner), "an owner who did not link it hears of it");
    let told = |outcome: &Outcome, field: &str| outcome.lines.last().unwrap()[field].clone();
    assert_eq!((told(&link, "state"), told(&link, "name")), ("linked".into(), "laptop".into()), "{link:?}");
    assert_eq!((told(&join, "contacts"), told(&join, "messages")), (1.into(), 1.into()), "{join:?}");
    assert_eq!(laptop.conversation("Belarmino"), [("in".to_owned(), "before the laptop".to_owned())]);
    for (device, other) in [(phone, "laptop"), (laptop, "phone")] {
        let list = device.succeed(&["device", "list"]).lines;
        assert_eq!(list.len(), 2, "{list:?}");
        let one = list.iter().find(|one| one["name"] == other).unwrap();
        assert_eq!((&one["this"], &one["state"]), (&Value::from(false), &Value::from("linked")));
    }

    let _hears = [laptop.listen(), bela.listen()];
    let has = |device: &Person, who: &str, text: &str| {
        let said = (who.to_owned(), text.to_owned());
        device.conversation("Belarmino").contains(&said).then_some(())
    };
    bela.succeed(&["send", "Anastasia", "to both of you"]);
    for device in [phone, laptop] {
        eventually("what Bela says reaches both devices", || has(device, "in", "to both of you"));
    }
    phone.succeed(&["send", "Belarmino", "from the phone"]);
    laptop.succeed(&["send", "Belarmino", "from the laptop"]);
    for text in ["from the phone", "from the laptop"] {
        for device in [phone, laptop] {
            eventually("what Ana says is her own on both devices", || has(device, "out", text));
        }
        eventually("Bela hears one person", || bela.heard("Anastasia").contains(&text.to_owned()).then_some(()));
    }
    assert_eq!(bela.succeed(&["contacts"]).lines.len(), 1);

    let gone = phone.succeed(&["device", "revoke", "laptop", "--lost"]);
    assert_eq!((told(&gone, "name"), told(&gone, "state")), ("laptop".into(), "revoked".into()));
    eventually("the laptop says that it was revoked", || {
        (laptop.succeed(&["status"]).lines[0]["revoked"] == true).then_some(())
    });
    for command in [&["send", "Belarmino", "it was me"][..], &["sync"]] {
        assert_error(&laptop.run(command), "revoked");
    }
    let (_, said, _) = laptop.as_human(&["status"]);
    assert!(said.contains("this device was revoked on another one of yours"), "{said}");
    let refused = laptop.run(&["sync"]).said;
    assert!(refused.contains("revoked on another one of yours") && !refused.contains("backup"), "{refused}");
    let contact = laptop.succeed(&["contacts"]).lines.remove(0);
    assert_eq!(
        (&contact["held"], &contact["needs_card"]),
        (&Value::Null, &false.into()),
        "a locked device advises nothing"
    );
    assert!(has(laptop, "in", "to both of you").is_some(), "what it had is still there");
    bela.succeed(&["send", "Anastasia", "only for the phone"]);
    eventually("the phone goes on", || has(phone, "in", "only for the phone"));
    assert!(has(laptop, "in", "only for the phone").is_none());
    let list = phone.succeed(&["device", "list"]).lines;
    assert_eq!((list.len(), &list[0]["name"], &list[0]["state"]), (2, &"phone".into(), &"linked".into()));
    assert_eq!(
        (&list[1]["name"], &list[1]["state"], &list[1]["lost"]),
        (&"laptop".into(), &"revoked".into(), &true.into()),
        "what was taken out is still told: {list:?}"
    );
    assert_error(&phone.run(&["device", "rename", "laptop", "old laptop"]), "unknown_device");
    let again = phone.run(&["device", "revoke", "Laptop"]);
    assert_error(&again, "not_linked");
    assert!(again.said.contains("laptop was taken out on "), "{}", again.said);
}

#[test]
fn a_file_that_its_sender_has_let_go_comes_from_the_other_device() {
    let home = Home::of_friends();
    let (phone, laptop, bela) = (home.phone(), &home.laptop, &home.world.bela);
    let (original, copy) = (home.world.folder.path().join("film.bin"), home.world.folder.path().join("copy.bin"));
    let film: Vec<u8> = (0..700_000_u32).map(|n| u8::try_from(n * 7 % 251).unwrap()).collect();
    std::fs::write(&original, &film).unwrap();
    let file = original.to_str().unwrap();
    let message = bela.succeed(&["send", "Anastasia", "--file", file, "--wait", "accepted"]).text("message_id");
    phone.succeed(&["sync"]);
    phone.succeed(&["save", "Belarmino", &message, "--out", copy.to_str().unwrap()]);
    home.linked(&["--history", "all"]);
    // Bela forgets Ana, and with her everything that lies at the home server for her.
    bela.succeed(&["forget", "Anastasia", "--yes"]);
    bela.succeed(&["sync"]);
    let hears = phone.listen();
    let late = copy.with_extension("late");
    let save = ["save", "Belarmino", &message, "--out", late.to_str().unwrap()];
    laptop.succeed(&save);
    assert_eq!(std::fs::read(&late).unwrap(), film);
    drop(hears);
}

/// Waits until the phone has heard who the laptop is: its person has compared the codes there.
fn said_who_it_is(home: &Home) {
    eventually("the laptop has said who it is", || {
        home.phone().run(&["sync"]);
        home.phone().succeed(&["device", "list"]).lines.iter().any(|one| one["name"] == "laptop").then_some(())
    });
}

#[test]
fn a_link_is_scanned_from_the_terminal() {
    let home = Home::of_friends();
    let (mut link, text) = home.link(&["--qr"]);
    let said = eventually("the code is drawn", || Some(link.said()).filter(|said| said.contains("columns wide")));
    let scanned = scan(&said);
    assert!(scanned.starts_with("kith:card/") && scanned.len() < 800 && text.len() > 1000, "{scanned}");
    let mut join = home.join(&scanned);
    assert_eq!(join.wait_for("code"), link.wait_for("code"));
    // The laptop tells nobody who it is before its person has compared, too.
    link.say("y");
    eventually("the phone waits", || link.said().contains("Say on the new device, too").then_some(()));
    join.say("y");
    link.succeed();
    assert_eq!(join.succeed().lines.last().unwrap()["contacts"], 1);
}

#[test]
fn linking_goes_on_where_it_was_interrupted_and_a_script_can_confirm() {
    let home = Home::of_friends();
    let (link, text) = home.link(&["--history", "none"]);
    let mut join = home.join(&text);
    let code = join.wait_for("code");
    link.kill();
    join.kill();
    // Another program owns the folder: the commands go on in there.
    let _hears = home.phone().listen();
    let unasked = home.laptop.run(&["device", "join", &text]);
    assert_error(&unasked, "not_confirmed");
    assert!(unasked.said.contains("`kith device join LINK --yes --code CODE`"), "{unasked:?}");
    let mut join = Running::start(&home.laptop, &["device", "join", &text, "--yes", "--code", &code]);
    assert_eq!(join.wait_for("code"), code);
    let wrong = if code.starts_with('0') { code.replacen('0', "1", 1) } else { format!("0{}", &code[1..]) };
    let grouped = format!("{} {} {} {}", &code[..5], &code[5..10], &code[10..15], &code[15..]);
    assert_eq!(home.phone().run(&["device", "link", "--yes"]).code, 2, "--code is asked for");
    assert_eq!(home.phone().run(&["device", "link", "--yes", "--code", &wrong[..19]]).code, 2);
    let wrong_password = home.phone().with_password("not it").run(&["device", "link", "--yes", "--code", &code]);
    assert_eq!(wrong_password.code, 3, "{wrong_password:?}");
    home.phone().succeed(&["device", "link", "--yes", "--code", &grouped]);
    let joined = join.succeed();
    assert_eq!(joined.lines.last().unwrap()["messages"], 0, "{joined:?}");
    home.phone().succeed(&["device", "rename", "laptop", "kitchen laptop"]);
    eventually("the laptop knows its name", || {
        home.laptop.succeed(&["sync"]);
        let list = home.laptop.succeed(&["device", "list"]).lines;
        list.iter().any(|one| one["name"] == "kitchen laptop" && one["this"] == true).then_some(())
    });
    assert_error(&home.phone().run(&["device", "rename", "phone", "Kitchen Laptop"]), "name_taken");
    home.phone().succeed(&["device", "rename", "phone", "Phone"]);
    assert_error(&home.phone().run(&["device", "revoke", "phone"]), "this_device");
    assert_error(&home.phone().run(&["device", "revoke", "tablet"]), "unknown_device");
    let (code, out, said) = home.laptop.as_human(&["device", "join"]);
    assert!(code == 0 && out.contains("kitchen laptop, in this folder, is a device of yours already"), "{out} {said}");
    assert_error(&home.laptop.run(&["device", "join", &home.link(&[]).1]), "not_fresh");
}

#[test]
fn a_device_that_was_interrupted_after_its_welcome_goes_on_with_any_command() {
    let home = Home::of_friends();
    let (mut link, text) = home.link(&[]);
    let mut join = home.join(&text);
    join.wait_for("code");
    link.wait_for("code");
    join.say("y");
    said_who_it_is(&home);
    join.kill();
    link.say("yes");
    link.succeed();
    // The welcome comes in a round, whose password entry was before it.
    eventually("the laptop is welcomed", || {
        let round = home.laptop.succeed(&["sync"]).lines;
        let is_welcome = |event: &Value| event["devices"].as_array().is_some_and(|all| all.len() == 2);
        round.iter().any(is_welcome).then_some(())
    });
    let before = files_below(&home.laptop.home);
    home.laptop.succeed(&["contacts"]);
    // The power went when the folder had Ana's secret, and its database did not know: everything but the head is as before.
    for (path, _) in files_below(&home.laptop.home) {
        if path.file_name().is_some_and(|name| name != "vault.head") {
            std::fs::remove_file(path).unwrap();
        }
    }
    for (path, bytes) in before.iter().filter(|(path, _)| !path.exists()) {
        std::fs::write(path, bytes).unwrap();
    }
    assert!(before.iter().any(|(path, head)| std::fs::read(path).unwrap() != *head), "the head is another one");
    let bela = &home.world.bela;
    eventually("the laptop hears of Ana's people", || {
        home.laptop.succeed(&["sync"]);
        (home.laptop.succeed(&["contacts"]).lines.len() == 1).then_some(())
    });
    home.laptop.succeed(&["send", "Belarmino", "from the new one"]);
    eventually("Bela meets the laptop", || {
        for person in [home.phone(), bela, &home.laptop] {
            person.succeed(&["sync"]);
        }
        bela.heard("Anastasia").contains(&"from the new one".to_owned()).then_some(())
    });
    // The command that was interrupted says how it went.
    let joined = home.laptop.succeed(&["device", "join", &text]);
    assert_eq!(joined.lines.last().unwrap()["contacts"], 1, "{joined:?}");
}

#[test]
fn kills_at_any_moment_of_linking_lose_nothing_and_link_once() {
    let home = Home::of_friends();
    let (phone, laptop, bela) = (home.phone(), &home.laptop, &home.world.bela);
    for n in 0..20 {
        bela.succeed(&["send", "Anastasia", &format!("number {n}")]);
    }
    bela.succeed(&["sync"]);
    phone.succeed(&["sync"]);
    let (link, text) = home.link(&["--history", "all"]);
    let mut join = home.join(&text);
    let code = join.wait_for("code");
    join.say("y");
    said_who_it_is(&home);
    link.kill();
    join.kill();
    // The moments of the kills: from a few milliseconds to more than all of it takes, and later each time, so that it comes to an end
    // on the slowest machine too.
    let mut moments = (0..).map(|n: u64| Duration::from_millis(7 + n * 137 % 900 + 40 * n));
    let is_linked =
        || phone.succeed(&["device", "list"]).lines.iter().any(|one| one["state"] == "linked" && one["this"] == false);
    while !is_linked() {
        let mut link = Running::start(phone, &["device", "link", "--history", "all"]);
        assert_eq!(link.wait_for("code"), code, "it goes on with the device that has answered");
        link.say("y");
        std::thread::sleep(moments.next().unwrap());
        link.kill();
    }
    let _hears = [phone.listen(), bela.listen()];
    for _ in 0..8 {
        let join = Running::start(laptop, &["device", "join", &text]);
        std::thread::sleep(moments.next().unwrap());
        join.kill();
    }
    laptop.succeed(&["device", "join", &text]);
    let said: Vec<String> = (0..20).map(|n| format!("number {n}")).collect();
    eventually("all that was said before is there, once", || {
        laptop.succeed(&["sync"]);
        (laptop.heard("Belarmino") == said).then_some(())
    });
    laptop.succeed(&["send", "Belarmino", "survived"]);
    laptop.succeed(&["sync"]);
    eventually("Bela hears the laptop", || {
        laptop.succeed(&["sync"]);
        bela.heard("Anastasia").contains(&"survived".to_owned()).then_some(())
    });
    assert_eq!(laptop.succeed(&["device", "list"]).lines.len(), 2);
    assert_eq!(laptop.succeed(&["contacts"]).lines.len(), 1);
}

#[test]
fn three_devices_on_two_servers_talk_and_the_last_one_revokes_the_first() {
    let home = Home::of_friends();
    let (phone, laptop, bela) = (home.phone(), &home.laptop, &home.world.bela);
    bela.succeed(&["send", "Anastasia", "long ago"]);
    bela.succeed(&["sync"]);
    phone.succeed(&["sync"]);
    let tablet = Person::new(&home.world.folder.path().join("tablet"));
    let _hears = [phone.listen(), bela.listen()];
    home.linked(&["--history", "all"]);
    let _hears_too = laptop.listen();
    // The laptop has taken over Ana's secret: with it, it links the next one.
    let mut link = Running::start(laptop, &["device", "link", "--history", "all"]);
    let text = link.wait_for("link");
    let one = &home.world.one;
    let mut join = Running::start(&tablet, &["device", "join", &text, "--name", "tablet", "--server", &one.url]);
    assert_eq!(join.wait_for("code"), link.wait_for("code"));
    join.say("y");
    link.say("y");
    link.succeed();
    let joined = join.succeed();
    assert_eq!(joined.lines.last().unwrap()["messages"], 1, "{joined:?}");
    let hears_last = tablet.listen();
    let all = [phone, laptop, &tablet];
    for device in all {
        eventually("every device knows all three", || {
            let list = device.succeed(&["device", "list"]).lines;
            (list.len() == 3 && list.iter().all(|one| one["state"] == "linked")).then_some(())
        });
    }

    // Whoever did not link the tablet hears of it, and nobody else.
    let news = |device: &Person| device.succeed(&["status"]).said.contains("tablet, since ");
    assert_eq!([news(phone), news(laptop), news(&tablet)], [true, false, false]);

    let has = |device: &Person, who: &str, text: &str| {
        let said = (who.to_owned(), text.to_owned());
        device.conversation("Belarmino").contains(&said).then_some(())
    };
    for (n, from) in all.iter().enumerate() {
        let text = format!("from device {n}");
        from.succeed(&["send", "Belarmino", &text]);
        for device in all {
            eventually("what Ana says is her own on all devices", || has(device, "out", &text));
        }
        eventually("Bela hears her", || bela.heard("Anastasia").contains(&text).then_some(()));
    }
    bela.succeed(&["send", "Anastasia", "to all of you"]);
    for device in all {
        eventually("what Bela says reaches all devices", || has(device, "in", "to all of you"));
        assert!(has(device, "in", "long ago").is_some());
    }

    tablet.succeed(&["device", "revoke", "phone"]);
    eventually("the first device says that it was revoked", || {
        (phone.succeed(&["status"]).lines[0]["revoked"] == true).then_some(())
    });
    bela.succeed(&["send", "Anastasia", "to two of you"]);
    for device in [laptop, &tablet] {
        eventually("the others go on", || has(device, "in", "to two of you"));
        let listed = device.succeed(&["device", "list"]).lines;
        assert_eq!(listed.iter().filter(|one| one["state"] != "revoked").count(), 2, "{listed:?}");
    }
    laptop.succeed(&["send", "Belarmino", "still here"]);
    eventually("and are heard", || bela.heard("Anastasia").contains(&"still here".to_owned()).then_some(()));
    assert!(has(phone, "in", "to two of you").is_none());
    assert!(hears_last.events().iter().all(|event| event["event"] != "error"), "{:?}", hears_last.events());
}

#[test]
fn a_contact_that_one_device_makes_talks_to_the_other_one_too() {
    let home = Home::of_friends();
    let (phone, laptop) = (home.phone(), &home.laptop);
    home.linked(&[]);
    let cleo = Person::new(&home.world.folder.path().join("cleo"));
    cleo.succeed(&["init", "--server", &home.world.two.url]);
    let _hears = [phone.listen(), laptop.listen(), cleo.listen()];
    let link = phone.succeed(&["card", "new", "--name", "Cleo"]).text("link");
    cleo.succeed(&["card", "accept", &link, "--name", "Ana"]);
    eventually("the laptop knows Cleo", || {
        laptop.succeed(&["contacts"]).lines.iter().any(|contact| contact["name"] == "Cleo").then_some(())
    });
    // The listener was never given the password; whoever calls it was.
    laptop.succeed(&["send", "Cleo", "from the laptop"]);
    eventually("Cleo hears the laptop", || cleo.heard("Ana").contains(&"from the laptop".to_owned()).then_some(()));
    cleo.succeed(&["send", "Ana", "hello, both of you"]);
    for device in [phone, laptop] {
        let has = || device.heard("Cleo").contains(&"hello, both of you".to_owned()).then_some(());
        eventually("Cleo reaches both devices", has);
    }
}

#[test]
fn codes_that_differ_link_nothing() {
    let home = Home::of_friends();
    let (mut link, text) = home.link(&[]);
    let mut join = home.join(&text);
    join.wait_for("code");
    link.wait_for("code");
    link.say("n");
    assert_error(&link.finish(), "wrong_code");
    join.kill();
    let (mut link, text) = home.link(&[]);
    let mut join = home.join(&text);
    let code = join.wait_for("code");
    assert_eq!(link.wait_for("code"), code, "the next link is for somebody else");
    // Nobody answers: nothing is linked, and it can be gone on with.
    assert_error(&link.finish(), "not_confirmed");
    let wrong: String = code.chars().rev().collect();
    if wrong != code {
        assert_error(&home.phone().run(&["device", "link", "--yes", "--code", &wrong]), "wrong_code");
    }
    join.kill();
    assert!(home.laptop.succeed(&["contacts"]).lines.is_empty());
    assert_eq!(home.phone().succeed(&["contacts"]).lines.len(), 1);
}

#[test]
fn links_for_devices_and_cards_for_people_are_told_apart() {
    let home = Home::of_friends();
    let card = home.phone().succeed(&["card", "new", "--name", "Cleo"]).text("link");
    let refused = home.join(&card).finish();
    assert_error(&refused, "other_purpose");
    assert!(refused.said.contains("kith card accept"), "{refused:?}");
    assert!(!home.laptop.home.exists(), "no folder is made for a card that is not good");
    let nowhere = home.laptop.run(&["device", "join", &card, "--server", "http://127.0.0.1:1"]);
    assert_error(&nowhere, "other_purpose");
    assert_error(&home.join("kith:card/x").finish(), "bad_card");

    let (link, text) = home.link(&["--expires", "1s"]);
    assert_error(&link.finish(), "no_answer");
    let refused = home.world.bela.run(&["card", "accept", &text]);
    assert_error(&refused, "other_purpose");
    assert!(refused.said.contains("kith device join"), "{refused:?}");
    assert_eq!(home.laptop.run(&["device", "join", &text]).code, 2, "a new device needs a home server");
    assert_error(&home.world.bela.run(&["device", "join", &text]), "not_fresh");
    assert_error(&home.phone().run(&["device", "join", &text]), "not_fresh");
    assert_error(&home.world.bela.run(&["device", "link", "--yes", "--code", &"1".repeat(20)]), "nothing_to_link");
}

pub fn assert_error(outcome: &Outcome, code: &str) {
    let error = &outcome.lines.last().unwrap_or_else(|| panic!("nothing was told: {}", outcome.said))["error"];
    assert_eq!((outcome.code, error["code"].as_str()), (1, Some(code)), "{error} {}", outcome.said);
    assert!(error["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{error}");
}
