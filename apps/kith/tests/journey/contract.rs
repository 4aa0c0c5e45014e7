//! The shapes that scripts rely on: fields, states, events, exit codes.

use std::path::Path;

use serde_json::Value;

use crate::devices::assert_error;
use crate::support::{Outcome, Person, World, eventually};

#[test]
fn a_contact_goes_from_invited_to_answered_to_established() {
    let world = World::of_strangers();
    let file = world.folder.path().join("bela.kith");
    let card = world.ana.succeed(&["card", "new", "--name", "Belarmino", "--out", path(&file), "--expires", "2d"]);
    for field in ["card_id", "contact"] {
        assert!(!card.text(field).is_empty(), "{field}");
    }
    assert!(card.text("link").starts_with("kith:card/"));
    assert_eq!(card.text("file"), path(&file));
    assert_eq!(contact(&world.ana)["state"], "invited");
    assert_error(&world.ana.run(&["verify", "Belarmino"]), "no_digits");
    assert_error(&world.ana.run(&["card", "new", "--out", path(&file)]), "exists");

    let accepted = world.bela.succeed(&["card", "accept", path(&file), "--name", "Anastasia"]);
    assert!(accepted.text("contact").starts_with('c'));
    let answered = contact(&world.bela);
    assert_eq!((&answered["state"], &answered["verified"]), (&Value::from("answered"), &Value::from(false)));
    assert_eq!(answered["pq_age_s"], Value::Null);
    assert_error(&world.bela.run(&["card", "accept", path(&file)]), "already_answered");
    assert_error(&world.ana.run(&["card", "accept", path(&file)]), "own_card");

    // What is written meanwhile waits, and goes out by itself.
    let early = world.bela.succeed(&["send", "Anastasia", "already here"]);
    assert_eq!(early.text("state"), "waiting");
    let round = world.bela.succeed(&["sync"]);
    assert!(round.said.contains("Something still waits here"), "{}", round.said);
    for person in [&world.bela, &world.ana, &world.bela, &world.ana] {
        person.succeed(&["sync"]);
    }
    assert_eq!(world.ana.heard("Belarmino"), ["already here"]);
    let established = contact(&world.ana);
    assert_eq!(established["state"], "established");
    assert!(established["pq_age_s"].is_u64(), "{established}");

    let digits = world.ana.succeed(&["verify", "Belarmino", "--confirm"]);
    assert!(digits.text("code").len() == 60 && digits.text("code").bytes().all(|byte| byte.is_ascii_digit()));
    assert_eq!(digits.lines[0]["verified"], true);
}

#[test]
fn damaged_and_cut_cards_are_told_as_such() {
    let world = World::of_strangers();
    let file = world.folder.path().join("bela.kith");
    let link = world.ana.succeed(&["card", "new", "--out", path(&file)]).text("link");
    let whole = std::fs::read(&file).unwrap();
    for (place, bytes) in [("cut.kith", &whole[..900]), ("other.kith", b"damaged".as_slice()), ("none.kith", b"")] {
        let place = world.folder.path().join(place);
        std::fs::write(&place, bytes).unwrap();
        let refused = world.bela.run(&["card", "accept", path(&place)]);
        assert_error(&refused, "bad_card");
        assert!(refused.said.contains("this is not a whole card or link\n"), "{}", refused.said);
        assert!(refused.lines[0]["error"]["detail"].is_string(), "{refused:?}");
    }
    for wrong in [&link[..1000], "kith:card/", "kith:/card/x", &format!("{link}A")] {
        assert_error(&world.bela.run(&["card", "accept", wrong]), "bad_card");
    }
    assert_error(&world.bela.run(&["card", "accept", "/nowhere.kith"]), "file");
    let copied = format!("<{}\n {}>", &link[..70], &link[70..]);
    world.bela.succeed(&["card", "accept", &copied]);
}

#[test]
fn messages_and_their_log_have_the_fields_of_the_contract() {
    let world = World::of_friends();
    let said = |outcome: &Outcome| (outcome.text("message_id"), outcome.text("state"));
    let piped = world.ana.run_with_input(&["send", "Belarmino", "-"], "two\nlines 👩‍👩‍👧\n");
    assert_eq!((piped.code, said(&piped).1), (0, "waiting".into()));
    world.ana.succeed(&["send", "c1", "--reply-to", &said(&piped).0, "-- a dash in front"]);
    world.ana.succeed(&["send", "belarmino", "sour plums"]);
    let file = world.folder.path().join("odd $name;'\"ü👍.txt");
    std::fs::write(&file, "plums").unwrap();
    let (telephone, torn) = (world.folder.path().join("photo.heic"), world.folder.path().join("torn.png"));
    std::fs::write(&telephone, b"\0\0\0\x18ftypheic\0\0\0\0mif1heic").unwrap();
    std::fs::write(&torn, b"\x89PNG\r\n\x1a\n\0\0").unwrap();
    let with_file = world.ana.succeed(&["send", "Belarmino", "--file", path(&file)]);
    for (args, code) in [
        (&["send", "Belarmino", "  "][..], "empty"),
        (&["send", "Belarmino", &"x".repeat(60_000)], "too_long"),
        (&["send", "Belarmino", "x", "--reply-to", "aaaaaaaaaaaaaaaaaaaaaaaaaa"], "unknown_message"),
        (&["send", "Belarmino", "x", "--file", "/nowhere"], "file"),
        (&["send", "Belarmino", "x", "--file", path(&telephone)], "unknown_picture"),
        (&["send", "Belarmino", "x", "--file", path(&torn)], "damaged_picture"),
        (&["send", "Nobody", "x"], "unknown_contact"),
    ] {
        assert_error(&world.ana.run(args), code);
    }
    world.ana.succeed(&["sync"]);
    world.bela.succeed(&["sync"]);

    let log = world.bela.succeed(&["log", "Anastasia"]).lines;
    let texts: Vec<&Value> = log.iter().map(|line| &line["text"]).collect();
    assert_eq!(texts, ["two\nlines 👩‍👩‍👧", "-- a dash in front", "sour plums", ""], "oldest first");
    assert_eq!(log[1]["reply_to"], said(&piped).0.as_str());
    let first = &log[0];
    assert_eq!((first["direction"].as_str(), first["state"].as_str()), (Some("in"), Some("delivered")));
    let sent_at = first["sent_at"].as_str().unwrap();
    assert!(sent_at.len() == 24 && sent_at.ends_with('Z') && sent_at.as_bytes()[10] == b'T', "{sent_at}");
    let attachment = &log[3]["attachment"];
    assert_eq!((&attachment["name"], &attachment["size"]), (&Value::from("odd $name;'\"ü👍.txt"), &Value::from(5)));
    assert!(attachment["state"].is_string());

    let newest = world.bela.succeed(&["log", "Anastasia", "--limit", "2"]).lines;
    assert_eq!(newest.iter().map(|line| &line["text"]).collect::<Vec<_>>(), ["sour plums", ""]);
    let found = world.bela.succeed(&["log", "Anastasia", "--search", "plum"]).lines;
    assert_eq!(found.iter().map(|line| &line["text"]).collect::<Vec<_>>(), ["sour plums"]);

    let id = with_file.text("message_id");
    let saved = world.folder.path().join("saved");
    std::fs::create_dir(&saved).unwrap();
    let told = world.bela.succeed(&["save", "Anastasia", &id, "--out", path(&saved)]).text("file");
    assert_eq!(told, path(&saved.join("odd $name;'\"ü👍.txt")), "a folder takes it under its own name");
    assert_eq!(std::fs::read_to_string(&told).unwrap(), "plums");
    assert_error(&world.bela.run(&["save", "Anastasia", &id, "--out", &told]), "exists");
    for nowhere in ["got/", "got/plums.txt"] {
        let nowhere = world.bela.run(&["save", "Anastasia", &id, "--out", path(&world.folder.path().join(nowhere))]);
        assert_error(&nowhere, "file");
        assert!(nowhere.said.contains("there is no folder ") && nowhere.said.contains("mkdir"), "{}", nowhere.said);
    }
    world.bela.succeed(&["save", "Anastasia", &id, "--out", &told, "--force"]);
    assert_error(&world.bela.run(&["save", "Anastasia", &said(&piped).0]), "unknown_attachment");
}

#[test]
fn listening_tells_messages_receipts_and_contacts_to_every_terminal() {
    let world = World::of_strangers();
    let (ana_hears, bela_hears) = (world.ana.listen(), world.bela.listen());
    let beside = world.bela.listen();
    let link = world.ana.succeed(&["card", "new", "--name", "Belarmino"]).text("link");
    let theirs = world.bela.succeed(&["card", "accept", &link, "--name", "Anastasia"]).text("contact");
    let is_established = |event: &Value| event["event"] == "contact" && event["state"] == "established";
    assert_eq!(bela_hears.wait_for("the contact is established", is_established)["contact"], theirs.as_str());
    let ours = ana_hears.wait_for("the contact is established", is_established)["contact"].clone();

    let sent = world.ana.succeed(&["send", "Belarmino", "hello", "--wait", "delivered", "--timeout", "60s"]);
    assert_eq!(sent.text("state"), "delivered");
    let id = sent.text("message_id");
    for terminal in [&bela_hears, &beside] {
        let event = terminal.wait_for("the message", |event| event["event"] == "message");
        assert_eq!(
            (&event["message_id"], &event["contact"]),
            (&Value::from(id.as_str()), &Value::from(theirs.as_str()))
        );
        assert_eq!((&event["text"], &event["direction"]), (&Value::from("hello"), &Value::from("in")));
    }
    let receipt = ana_hears.wait_for("the receipt", |event| event["event"] == "receipt");
    assert_eq!((&receipt["message_id"], &receipt["contact"]), (&Value::from(id.as_str()), &ours));
    world.bela.succeed(&["log", "Anastasia"]);
    ana_hears.wait_for("it was read", |event| event["event"] == "receipt" && event["state"] == "read");
}

#[test]
fn a_wait_that_runs_out_exits_with_five_and_says_that_it_goes_on() {
    let mut world = World::of_friends();
    world.two.kill();
    assert_eq!(world.ana.run(&["send", "Belarmino", "hello?", "--timeout", "1s"]).code, 2, "nothing is waited for");
    let waited = world.ana.run(&["send", "Belarmino", "hello?", "--wait", "delivered", "--timeout", "1s"]);
    assert_eq!((waited.code, waited.text("state").as_str()), (5, "accepted"), "{waited:?}");
    assert_eq!(waited.lines[1]["error"]["code"], "timeout");
    let says = "the message has left, and no device of Belarmino has fetched it yet, also after 1s";
    assert!(waited.said.contains(says) && waited.said.contains("nothing has to be sent again"), "{}", waited.said);
    world.one.kill();
    let waited = world.ana.run(&["send", "Belarmino", "hello?", "--wait", "accepted", "--timeout", "1s"]);
    assert_eq!((waited.code, waited.text("state").as_str()), (5, "waiting"), "{waited:?}");
    assert!(waited.said.contains("waits on this machine") && waited.said.contains("by itself"), "{}", waited.said);
    let round = world.ana.run(&["sync", "--timeout", "1s"]);
    assert_eq!((round.code, &round.lines[0]["error"]["code"]), (4, &Value::from("offline")), "{round:?}");
}

#[test]
fn a_file_that_cannot_be_sent_is_named_with_the_reason_and_a_message_is_not_left_behind() {
    let world = World::of_friends();
    let folder = world.folder.path();
    for (file, says) in [("nix.jpg", "there is no file"), (".", "is not a file")] {
        let file = folder.join(file);
        let refused = world.ana.run(&["send", "Belarmino", "look", "--file", path(&file)]);
        assert_error(&refused, "file");
        assert!(refused.said.contains(says) && refused.said.contains(path(folder)), "{}", refused.said);
    }
    assert!(world.ana.conversation("Belarmino").is_empty());
}

#[test]
fn names_that_fit_several_are_refused_and_settings_are_checked() {
    let world = World::of_strangers();
    world.ana.succeed(&["card", "new", "--name", "Tom"]);
    world.ana.succeed(&["card", "new", "--name", "Tom", "--yes"]);
    let refused = world.ana.run(&["log", "Tom"]);
    assert_error(&refused, "ambiguous_contact");
    assert!(refused.lines[0]["error"]["hint"].as_str().unwrap().contains("c1, c2"), "{refused:?}");
    assert_eq!(world.ana.run(&["set", "c1", "colour=red"]).code, 2);
    assert_eq!(world.ana.run(&["card", "new", "--expires", "0s"]).code, 2);
    world.ana.succeed(&["set", "c1", "name=Tomás", "disappear=1h", "receipts=off"]);
    let set = world.ana.succeed(&["contacts"]).lines;
    assert_eq!((&set[0]["name"], &set[0]["disappear_s"]), (&Value::from("Tomás"), &Value::from(3600)));
    assert_eq!(set[0]["receipts"], false);
    world.ana.succeed(&["forget", "Tom", "--yes"]);

    let status = world.ana.succeed(&["status"]);
    assert_eq!((status.text("server"), status.text("server_key")), (world.one.url.clone(), world.one.key.clone()));
    let export = world.folder.path().join("export");
    assert_eq!(world.ana.run(&["export", path(&export)]).code, 2, "--plain is asked for");
    assert_eq!(world.ana.succeed(&["export", path(&export), "--plain"]).text("file"), path(&export));
    assert_error(&world.ana.run(&["export", path(&export), "--plain"]), "exists");
}

#[test]
fn two_who_answer_the_same_card_are_noticed() {
    let world = World::of_strangers();
    let cleo = Person::new(&world.folder.path().join("cleo"));
    cleo.succeed(&["init", "--server", &world.two.url]);
    let link = world.ana.succeed(&["card", "new", "--name", "Belarmino"]).text("link");
    world.bela.succeed(&["card", "accept", &link]);
    cleo.succeed(&["card", "accept", &link]);
    world.bela.succeed(&["sync"]);
    cleo.succeed(&["sync"]);
    eventually("Ana is told", || {
        let round = world.ana.succeed(&["sync"]).lines;
        let told = round.iter().find(|line| line["code"] == "card_answered_twice")?;
        assert_eq!((&told["event"], &told["contact"]), (&Value::from("error"), &Value::from("c1")));
        Some(())
    });
    assert_eq!(world.ana.succeed(&["contacts"]).lines.len(), 1, "only the first one is a contact");
}

fn contact(person: &Person) -> Value {
    person.succeed(&["contacts"]).lines.remove(0)
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
