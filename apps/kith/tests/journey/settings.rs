//! What a person decides about a contact, and about their own folder.

use crate::devices::assert_error;
use crate::support::{Person, World, eventually};

#[test]
fn a_contact_moves_to_a_fresh_queue_and_messages_go_on() {
    let world = World::of_friends();
    world.bela.succeed(&["rotate", "Anastasia"]);
    exchange(&world, 3);
    world.ana.succeed(&["send", "Belarmino", "to the new place"]);
    exchange(&world, 3);
    assert_eq!(world.bela.heard("Anastasia"), ["to the new place"]);
    world.bela.succeed(&["send", "Anastasia", "it came"]);
    exchange(&world, 2);
    assert_eq!(world.ana.heard("Belarmino"), ["it came"]);
}

#[test]
fn a_blocked_contact_sees_only_silence_until_unblocked() {
    let world = World::of_friends();
    world.bela.succeed(&["block", "Anastasia"]);
    assert_eq!(contact(&world.bela, "Anastasia")["state"], "blocked");
    let sent = world.ana.succeed(&["send", "Belarmino", "hello?", "--wait", "accepted", "--timeout", "60s"]);
    assert_eq!(sent.text("state"), "accepted", "what somebody sees whose contact is away");
    exchange(&world, 2);
    assert!(world.bela.heard("Anastasia").is_empty());
    world.bela.succeed(&["unblock", "Anastasia"]);
    assert_eq!(contact(&world.bela, "Anastasia")["state"], "established");
    eventually("what was held back arrives", || {
        exchange(&world, 1);
        (world.bela.heard("Anastasia") == ["hello?"]).then_some(())
    });
}

#[test]
fn a_forgotten_contact_leaves_nothing_behind() {
    let world = World::of_friends();
    world.ana.succeed(&["send", "Belarmino", "remember me"]);
    exchange(&world, 2);
    world.bela.succeed(&["forget", "Anastasia", "--yes"]);
    assert!(world.bela.succeed(&["contacts"]).lines.is_empty());
    assert_eq!(world.bela.run(&["log", "Anastasia"]).code, 1);
    world.bela.succeed(&["sync"]);
}

#[test]
fn a_picture_is_chosen_for_a_contact_who_does_not_learn_of_it() {
    let world = World::of_friends();
    let picture = concat!(env!("CARGO_MANIFEST_DIR"), "/../web/public/icons/icon-192.png");
    let words = world.folder.path().join("words.txt");
    std::fs::write(&words, "plums").unwrap();
    for (file, code) in [(words.to_str().unwrap(), "unknown_picture"), ("/nowhere.png", "file")] {
        assert_error(&world.ana.run(&["set", "Belarmino", &format!("picture={file}")]), code);
    }
    assert_eq!(contact(&world.ana, "Belarmino")["picture"], false);
    world.ana.succeed(&["set", "Belarmino", &format!("picture={picture}")]);
    assert_eq!(contact(&world.ana, "Belarmino")["picture"], true);
    exchange(&world, 1);
    assert_eq!(contact(&world.bela, "Anastasia")["picture"], false);
    world.ana.succeed(&["set", "Belarmino", "picture=off"]);
    assert_eq!(contact(&world.ana, "Belarmino")["picture"], false);
}

#[test]
fn messages_disappear_on_both_sides() {
    let world = World::of_friends();
    world.ana.succeed(&["set", "Belarmino", "disappear=3s"]);
    world.ana.succeed(&["send", "Belarmino", "gone in a moment"]);
    exchange(&world, 2);
    // Looking at it counts as reading, which starts the time on this side.
    assert_eq!(world.bela.heard("Anastasia"), ["gone in a moment"]);
    eventually("it is gone on both sides", || {
        (world.bela.heard("Anastasia").is_empty() && world.ana.conversation("Belarmino").is_empty()).then_some(())
    });
}

#[test]
fn withheld_receipts_tell_delivered_but_not_read() {
    let world = World::of_friends();
    world.bela.succeed(&["set", "Anastasia", "receipts=off"]);
    let sent = world.ana.succeed(&["send", "Belarmino", "have you seen this?"]).text("message_id");
    exchange(&world, 2);
    assert_eq!(world.bela.heard("Anastasia").len(), 1);
    exchange(&world, 2);
    let log = world.ana.succeed(&["log", "Belarmino"]);
    let line = log.lines.iter().find(|line| line["message_id"] == sent.as_str()).unwrap();
    assert_eq!(line["state"], "delivered");
}

#[test]
fn only_the_new_password_opens_the_folder_after_a_change() {
    let world = World::of_friends();
    world.ana.succeed_with(&["password"], &[("KITH_NEW_PASSWORD", "another kitchen")]);
    assert_eq!(world.ana.run(&["contacts"]).code, 3);
    assert_eq!(contact(&world.ana.with_password("another kitchen"), "Belarmino")["state"], "established");
}

#[test]
fn a_comparison_that_was_confirmed_is_remembered() {
    let world = World::of_friends();
    assert_eq!(contact(&world.ana, "Belarmino")["verified"], false);
    world.ana.succeed(&["verify", "Belarmino", "--confirm"]);
    assert_eq!(contact(&world.ana, "Belarmino")["verified"], true);
    assert_eq!(contact(&world.bela, "Anastasia")["verified"], false);
}

#[test]
fn an_export_holds_what_was_said_in_plain_text() {
    let world = World::of_friends();
    world.ana.succeed(&["send", "Belarmino", "for the archive"]);
    let file = world.folder.path().join("export.json");
    world.ana.succeed(&["export", file.to_str().unwrap(), "--plain"]);
    assert!(std::fs::read_to_string(&file).unwrap().contains("for the archive"));
}

/// Lets both sides go online in turn.
fn exchange(world: &World, n_rounds: usize) {
    for _ in 0..n_rounds {
        world.ana.succeed(&["sync"]);
        world.bela.succeed(&["sync"]);
    }
}

fn contact(person: &Person, name: &str) -> serde_json::Value {
    let contacts = person.succeed(&["contacts"]);
    contacts.lines.into_iter().find(|line| line["name"] == name).unwrap_or_else(|| panic!("nobody called {name}"))
}
