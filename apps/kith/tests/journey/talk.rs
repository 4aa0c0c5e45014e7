//! What two people do who are both there.

use crate::support::World;

#[test]
fn two_people_on_two_servers_meet_and_talk_both_ways() {
    let world = World::of_friends();
    let digits = world.ana.succeed(&["verify", "Belarmino"]).text("code");
    assert_eq!(digits.chars().filter(char::is_ascii_digit).count(), 60);
    assert_eq!(digits, world.bela.succeed(&["verify", "Anastasia"]).text("code"));

    let hears = world.bela.listen();
    let sent =
        world.ana.succeed(&["send", "Belarmino", "Is the kettle on?", "--wait", "delivered", "--timeout", "60s"]);
    assert_eq!(sent.text("state"), "delivered");
    let event = hears.wait_for("the message is heard", |event| event["event"] == "message");
    assert_eq!(event["message_id"], sent.text("message_id").as_str());

    // Beside the running listener, which owns the folder.
    let answer = world.bela.succeed(&["send", "Anastasia", "It is.", "--reply-to", &sent.text("message_id")]);
    world.ana.succeed(&["sync"]);
    let log = world.ana.succeed(&["log", "Belarmino"]);
    let line = log.lines.iter().find(|line| line["message_id"] == answer.text("message_id").as_str()).unwrap();
    assert_eq!((line["direction"].as_str(), line["text"].as_str()), (Some("in"), Some("It is.")));
}

#[test]
fn reading_edits_reactions_and_deletions_reach_the_other_side() {
    let world = World::of_friends();
    let (_ana_hears, bela_hears) = (world.ana.listen(), world.bela.listen());
    let wait = ["--wait", "delivered", "--timeout", "60s"];
    let first = world.ana.succeed(&[&["send", "Belarmino", "Plumm cake"], wait.as_slice()].concat()).text("message_id");
    let second =
        world.ana.succeed(&[&["send", "Belarmino", "Forget this"], wait.as_slice()].concat()).text("message_id");
    world.ana.succeed(&["edit", "Belarmino", &first, "Plum cake"]);
    world.ana.succeed(&["delete", "Belarmino", &second]);
    world.bela.succeed(&["react", "Anastasia", &first, "🍰"]);
    crate::support::eventually("Bela sees the edit and the deletion", || {
        let texts = world.bela.heard("Anastasia");
        (texts.contains(&"Plum cake".to_owned()) && !texts.contains(&"Forget this".to_owned())).then_some(())
    });
    // Bela has looked at the conversation: Ana is told.
    crate::support::eventually("Ana sees that it was read", || {
        let log = world.ana.succeed(&["log", "Belarmino"]);
        log.lines.iter().any(|line| line["message_id"] == first.as_str() && line["state"] == "read").then_some(())
    });
    assert!(bela_hears.events().iter().all(|event| event["event"] != "error"));
}

#[test]
fn a_card_is_scanned_from_the_terminal_and_answered() {
    let world = World::of_strangers();
    let drawn = world.ana.succeed(&["card", "new", "--name", "Belarmino", "--qr"]);
    let link = scan(&drawn.said);
    assert!(link.starts_with("kith:card/") && link.len() < 800, "{link}");
    world.bela.succeed(&["card", "accept", &link, "--name", "Anastasia"]);
    for person in [&world.bela, &world.ana, &world.bela, &world.ana] {
        person.succeed(&["sync"]);
    }
    world.bela.succeed(&["send", "Anastasia", "I scanned you"]);
    world.bela.succeed(&["sync"]);
    world.ana.succeed(&["sync"]);
    assert_eq!(world.ana.heard("Belarmino"), ["I scanned you"]);
}

/// Reads the code out of what stands on the terminal, as a camera would: dark blocks on a light ground.
pub fn scan(said: &str) -> String {
    const DOT: usize = 4;
    let is_drawing = |line: &&str| line.chars().count() > 40 && line.chars().all(|c| " █▀▄".contains(c));
    let lines: Vec<Vec<char>> = said.lines().filter(is_drawing).map(|line| line.chars().collect()).collect();
    let width = lines.first().expect("a code was drawn").len();
    let is_dark = |x: usize, y: usize| match lines[y / 2][x] {
        '█' => true,
        '▀' => y.is_multiple_of(2),
        '▄' => !y.is_multiple_of(2),
        _ => false,
    };
    let shade = |x: usize, y: usize| if is_dark(x / DOT, y / DOT) { 0 } else { 255 };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width * DOT, lines.len() * 2 * DOT, shade);
    let grids = image.detect_grids();
    let (_, text) = grids.first().expect("a code is seen").decode().expect("the code is read");
    text
}
