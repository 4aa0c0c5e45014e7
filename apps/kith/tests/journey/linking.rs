//! Linking the other way round, links that are taken back, and what a person sees meanwhile and after.

use serde_json::Value;

use crate::devices::{Home, assert_error};
use crate::running::Running;
use crate::support::eventually;
use crate::talk::scan;

/// The laptop shows a link of its own.
fn show(home: &Home, more: &[&str]) -> Running {
    let server = &home.world.two;
    let args = ["device", "join", "--name", "laptop", "--server", &server.url, "--server-key", &server.key];
    Running::start(&home.laptop, &[&args, more].concat())
}

#[test]
fn a_new_device_shows_the_link_and_the_one_that_is_there_reads_it() {
    let home = Home::of_friends();
    let mut join = show(&home, &["--qr"]);
    let text = join.wait_for("link");
    let said = eventually("the code is drawn", || Some(join.said()).filter(|said| said.contains("columns wide")));
    let scanned = scan(&said);
    assert!(scanned.len() < 800 && text.len() > 1000, "{scanned}");
    let mut link = Running::start(home.phone(), &["device", "link", &scanned, "--name", "phone", "--history", "all"]);
    let code = link.wait_for("code");
    assert_eq!(join.wait_for("code"), code, "both devices show one code");
    link.say("y");
    // The phone waits for what is said on the laptop, too.
    eventually("the phone waits", || link.said().contains("Say on the new device, too").then_some(()));
    join.say("y");
    link.succeed();
    let joined = join.succeed();
    assert_eq!(joined.lines.last().unwrap()["contacts"], 1, "{joined:?}");
    let whole = |event: &&Value| event["event"] == "progress" && event["contacts"]["told"] == 1;
    assert!(joined.lines.iter().any(|event| whole(&event)), "{joined:?}");
    for device in [home.phone(), &home.laptop] {
        assert_eq!(device.succeed(&["device", "list"]).lines.len(), 2);
    }
}

#[test]
fn a_new_device_without_camera_and_clipboard_is_told_twelve_words() {
    let home = Home::of_friends();
    let mut link = Running::start(home.phone(), &["device", "link", "--words", "--name", "phone"]);
    let words = link.wait_for("words");
    assert_eq!(words.split(' ').count(), 12);
    // The two have different home servers; a word in the wrong place is noticed, and words that nobody made lead nowhere.
    let mut typing = show(&home, &["--words"]);
    typing.say(&home.world.one.url);
    let (first, rest) = words.split_once(' ').unwrap();
    typing.say(&format!("{rest} x{first}"));
    assert_error(&typing.finish(), "bad_words");
    let mut typing = Running::start(&home.laptop, &["device", "join", "--words", "--name", "laptop"]);
    typing.say("");
    typing.say("inflict envelope brown skull finger awake measure company grace october bridge subject");
    let refused = typing.finish();
    assert_error(&refused, "no_such_link");
    assert!(
        refused.said.contains("may be another one") && refused.said.contains("goes on in this folder"),
        "{refused:?}"
    );
    assert!(refused.said.contains("Asking the home server at ") && refused.said.contains("for 60 seconds at most"));
    let (_, _, said) = home.laptop.as_human(&["device", "list"]);
    assert!(said.contains("`kith device join` makes it a device of yours"), "{said}");
    let mut typing = Running::start(&home.laptop, &["device", "join", "--words", "--name", "laptop"]);
    typing.say(&home.world.one.url);
    // A slip is no reason to begin anew.
    typing.say(&words.replacen(first, "kitchenette", 1));
    typing.say(&words.to_uppercase());
    assert_eq!(typing.wait_for("code"), link.wait_for("code"));
    typing.say("y");
    link.say("y");
    link.succeed();
    assert_eq!(typing.succeed().lines.last().unwrap()["contacts"], 1);
}

#[test]
fn linking_the_other_way_round_goes_on_where_it_was_interrupted_and_a_script_can_confirm() {
    let home = Home::of_friends();
    let mut join = show(&home, &[]);
    let text = join.wait_for("link");
    let mut link = Running::start(home.phone(), &["device", "link", &text]);
    let code = link.wait_for("code");
    join.wait_for("code");
    link.kill();
    join.kill();
    // What it has before it is linked, it gives up for what the others have.
    assert_error(&home.laptop.run(&["recovery", "phrase", "--show"]), "not_linked");
    assert_error(&home.laptop.run(&["backup", "early.kith"]), "not_linked");
    let mut join = Running::start(&home.laptop, &["device", "join", "--yes", "--code", &code]);
    assert_eq!(join.wait_for("code"), code);
    home.phone().succeed(&["device", "link", &text, "--yes", "--code", &code]);
    assert_eq!(join.succeed().lines.last().unwrap()["contacts"], 1);
    // What was used once is used up, whichever way round.
    assert_error(&home.phone().run(&["device", "link", &text, "--yes", "--code", &code]), "nothing_to_link");
}

#[test]
fn a_thief_who_answers_the_link_first_is_told_apart_by_the_code() {
    let home = Home::of_friends();
    let (phone, bela) = (home.phone(), &home.world.bela);
    let mut join = show(&home, &[]);
    let text = join.wait_for("link");
    let mut thief = Running::start(bela, &["device", "link", &text]);
    let code = join.wait_for("code");
    assert_eq!(thief.wait_for("code"), code);
    thief.say("y");
    let link = Running::start(phone, &["device", "link", &text]);
    eventually("the phone waits", || link.said().contains("Waiting for the new device").then_some(()));
    // Ana's phone shows nothing: she says on the laptop that the codes are not the same.
    join.say("n");
    assert_error(&join.finish(), "wrong_code");
    // Whoever it was is told at once, and waits no more.
    assert_error(&thief.finish(), "link_ended");
    link.kill();
    assert_eq!(phone.succeed(&["device", "link", "--cancel"]).lines[0]["cancelled"], 1);
    assert!(home.laptop.succeed(&["contacts"]).lines.is_empty());
    let mut join = Running::start(&home.laptop, &["device", "join"]);
    let text = join.wait_for("link");
    let mut link = Running::start(phone, &["device", "link", &text]);
    assert_eq!(link.wait_for("code"), join.wait_for("code"));
    join.say("y");
    link.say("y");
    link.succeed();
    join.succeed();
}

#[test]
fn when_the_codes_differ_on_one_device_the_other_one_says_so_at_once() {
    let home = Home::of_friends();
    let (mut link, text) = home.link(&[]);
    let mut join = home.join(&text);
    assert_eq!(link.wait_for("code"), join.wait_for("code"));
    link.say("n");
    assert_error(&link.finish(), "wrong_code");
    // It hears so while it still asks.
    eventually("the laptop says so", || join.said().contains("has ended this link").then_some(()));
    assert_error(&join.finish(), "link_ended");
    assert_eq!(home.phone().succeed(&["device", "list"]).lines.len(), 1);
    // It is no obstacle to another try with the same device.
    home.linked(&[]);
}

#[test]
fn a_link_that_is_taken_back_links_nothing_and_links_are_told_apart() {
    let home = Home::of_friends();
    let (link, text) = home.link(&[]);
    link.kill();
    assert_eq!(home.phone().succeed(&["device", "link", "--cancel"]).lines[0]["cancelled"], 1);
    assert_eq!(home.phone().succeed(&["device", "link", "--cancel"]).lines[0]["cancelled"], 0);
    assert_eq!(home.phone().succeed(&["device", "list"]).lines.len(), 1);
    let refused = home.phone().run(&["device", "link", &text]);
    assert_error(&refused, "other_purpose");
    assert!(refused.said.contains("kith device join LINK"), "{refused:?}");
    let mut join = show(&home, &[]);
    let own = join.wait_for("link");
    join.kill();
    for (person, args) in [(&home.laptop, ["device", "join"]), (&home.world.bela, ["card", "accept"])] {
        let refused = person.run(&[&args[..], &[&own]].concat());
        assert_error(&refused, "other_purpose");
        assert!(refused.said.contains("kith device link LINK"), "{refused:?}");
    }
}

#[test]
fn what_a_new_device_writes_before_it_has_met_anybody_waits_and_says_why() {
    let home = Home::of_friends();
    let (laptop, bela) = (&home.laptop, &home.world.bela);
    let phone_hears = home.phone().listen();
    home.linked(&[]);
    let added = phone_hears.wait_for("the phone tells of the laptop", |event| event["event"] == "device_added");
    assert_eq!(added["name"], "laptop");
    for command in [&["status"][..], &["device", "list"]] {
        let said = home.phone().succeed(command).said;
        assert!(
            said.contains("New among your devices: laptop, since ") && said.contains("kith device revoke"),
            "{said}"
        );
    }
    let sent = laptop.succeed(&["send", "Belarmino", "from the laptop"]);
    assert_eq!((sent.text("state"), sent.text("held")), ("waiting".to_owned(), "not_met".to_owned()));
    let why = "What you write to Belarmino waits: this device and Belarmino's have not met yet.";
    for outcome in [sent, laptop.succeed(&["status"]), laptop.succeed(&["log", "Belarmino"])] {
        assert!(outcome.said.contains(why), "{}", outcome.said);
    }
    assert_eq!(laptop.succeed(&["contacts"]).lines[0]["held"], "not_met");
    let _hears = [bela.listen(), laptop.listen()];
    eventually("Bela hears it", || bela.heard("Anastasia").contains(&"from the laptop".to_owned()).then_some(()));
    assert_eq!(laptop.succeed(&["contacts"]).lines[0]["held"], Value::Null);
}

#[test]
fn drafts_and_the_pace_of_keys_are_shown_and_drafts_are_on_all_devices() {
    let home = Home::of_friends();
    home.linked(&[]);
    let (phone, laptop) = (home.phone(), &home.laptop);
    let _hears = [phone.listen(), laptop.listen()];
    phone.succeed(&["send", "Belarmino", "--draft", "half a th"]);
    let draft = || laptop.succeed(&["contacts"]).lines[0]["draft"].clone();
    eventually("the draft is on the laptop", || (draft() == "half a th").then_some(()));
    assert!(laptop.succeed(&["log", "Belarmino"]).said.contains("Your draft: half a th"));
    phone.succeed(&["send", "Belarmino", "a whole thought"]);
    eventually("what was sent clears it", || (draft() == "").then_some(()));

    assert_eq!(laptop.succeed(&["device", "rotation"]).lines[0]["rotation_hours"], 168);
    laptop.succeed(&["device", "rotation", "daily"]);
    assert_eq!(laptop.succeed(&["status"]).lines[0]["rotation_hours"], 24);
    assert_eq!(laptop.run(&["device", "rotation", "yearly"]).code, 2);
}

#[test]
fn whoever_puts_another_link_in_the_place_of_ones_own_is_told_apart_by_the_code_on_the_new_device() {
    let home = Home::of_friends();
    let bela = &home.world.bela;
    let mut thief = Running::start(bela, &["device", "link", "--name", "phone"]);
    let mut join = home.join(&thief.wait_for("link"));
    assert_eq!(thief.wait_for("code"), join.wait_for("code"));
    thief.say("y");
    let at_stake = "reads everything that you write here";
    eventually("it says what is at stake", || join.said().contains(at_stake).then_some(()));
    // Ana's phone shows nothing.
    join.say("n");
    assert_error(&join.finish(), "wrong_code");
    assert_error(&thief.finish(), "link_ended");
    assert!(home.laptop.succeed(&["contacts"]).lines.is_empty());
    home.linked(&[]);
}
