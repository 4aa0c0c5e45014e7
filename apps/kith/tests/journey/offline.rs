//! What happens while somebody is away.

use crate::support::{World, eventually};

#[test]
fn messages_wait_for_a_receiver_who_is_away_and_arrive_in_order() {
    let world = World::of_friends();
    for number in 0..20 {
        let outcome = world.ana.succeed(&["send", "Belarmino", &format!("number {number}")]);
        assert!(!outcome.text("message_id").is_empty());
    }
    world.ana.succeed(&["sync"]);
    world.bela.succeed(&["sync"]);
    let expected: Vec<String> = (0..20).map(|number| format!("number {number}")).collect();
    assert_eq!(world.bela.heard("Anastasia"), expected);
    // Bela's device said so while it was there.
    eventually("the ticks follow", || {
        world.ana.succeed(&["sync"]);
        let log = world.ana.succeed(&["log", "Belarmino"]);
        let done = |state: &str| matches!(state, "delivered" | "read");
        log.lines.iter().all(|line| done(line["state"].as_str().unwrap_or_default())).then_some(())
    });
}

#[test]
fn the_receivers_server_may_be_away_for_a_while() {
    let mut world = World::of_friends();
    world.two.kill();
    world.ana.succeed(&["send", "Belarmino", "Are you there?", "--wait", "accepted", "--timeout", "60s"]);
    let away = world.bela.run(&["sync", "--timeout", "5s"]);
    assert_eq!(away.code, 4, "{:?} {}", away.lines, away.said);
    world.two.restart();
    eventually("the first server delivers by itself", || {
        world.bela.run(&["sync"]);
        (world.bela.heard("Anastasia") == ["Are you there?"]).then_some(())
    });
}

#[test]
fn a_message_is_stored_even_when_the_own_server_is_away() {
    let mut world = World::of_friends();
    world.one.kill();
    let sent = world.ana.succeed(&["send", "Belarmino", "Later, then"]);
    assert_eq!(sent.text("state"), "waiting");
    let waited = world.ana.run(&["send", "Belarmino", "And this", "--wait", "accepted", "--timeout", "2s"]);
    assert_eq!(waited.code, 5, "{waited:?}");
    world.one.restart();
    world.ana.succeed(&["sync"]);
    eventually("both arrive", || {
        world.bela.run(&["sync"]);
        (world.bela.heard("Anastasia") == ["Later, then", "And this"]).then_some(())
    });
}

#[test]
fn a_wrong_password_and_wrong_words_have_their_own_exit_codes() {
    let world = World::of_strangers();
    let wrong = world.ana.with_password("not this one").run(&["contacts"]);
    assert_eq!(wrong.code, 3);
    let error = &wrong.lines.last().unwrap()["error"];
    assert!(error["code"].is_string() && error["hint"].is_string(), "{error}");
    assert_eq!(world.ana.run(&["send"]).code, 2);
    assert_eq!(world.ana.run(&["send", "Nobody", "hello"]).code, 1);
}
