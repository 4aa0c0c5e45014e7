//! What people say: texts both ways, order, reactions, edits, deletions, receipts, search, drafts.

use kith_engine::{Command, CommandError, Direction, LogQuery, MessageBody, MessageState, Receipts};

use crate::world::{ANA, BELA, Reach, World, message_of, text_of};

#[test]
fn texts_go_both_ways_and_tick() {
    let (mut world, bela, ana) = World::met("talk");
    let first = world.send(ANA, bela, "Are you coming on Saturday?");
    assert_eq!(world.state(ANA, bela, first), MessageState::Waiting);
    world.run(2);
    assert_eq!(world.state(ANA, bela, first), MessageState::Delivered);
    world.send(BELA, ana, "Yes!");
    world.run(2);
    assert_eq!(world.texts(ANA, bela), ["Are you coming on Saturday?", "Yes!"]);
    assert_eq!(world.texts(BELA, ana), ["Are you coming on Saturday?", "Yes!"]);
    world.command(BELA, Command::MarkRead { contact: ana }).unwrap();
    world.run(2);
    assert_eq!(world.state(ANA, bela, first), MessageState::Read);
}

#[test]
fn accepted_means_that_the_own_server_has_it() {
    let (mut world, bela, _) = World::met("accepted");
    world.online(BELA, Reach::Down);
    let message = world.send(ANA, bela, "later");
    world.run(10);
    assert_eq!(world.state(ANA, bela, message), MessageState::Accepted);
    world.online(BELA, Reach::Up);
    world.run(10);
    assert_eq!(world.state(ANA, bela, message), MessageState::Delivered);
}

#[test]
fn withheld_receipts_are_not_sent() {
    let (mut world, bela, ana) = World::met("withheld");
    world.command(BELA, Command::SetReadReceipts { contact: ana, receipts: Receipts::Withheld }).unwrap();
    let message = world.send(ANA, bela, "hello");
    world.run(2);
    world.command(BELA, Command::MarkRead { contact: ana }).unwrap();
    world.run(10);
    assert_eq!(world.state(ANA, bela, message), MessageState::Delivered);
    assert_eq!(world.people[BELA].engine.contact(ana).unwrap().unread, 0);
}

#[test]
fn ke_31_order_is_by_lamport_number_on_both_sides() {
    let (mut world, bela, ana) = World::met("order");
    for round in 0..4 {
        world.send(ANA, bela, &format!("ana {round}"));
        world.send(BELA, ana, &format!("bela {round}"));
        world.run(2);
    }
    let texts = world.texts(ANA, bela);
    assert_eq!(texts, world.texts(BELA, ana));
    let of_ana: Vec<_> = texts.iter().filter(|text| text.starts_with("ana")).collect();
    assert_eq!(of_ana, ["ana 0", "ana 1", "ana 2", "ana 3"]);
}

#[test]
fn ke_10_long_texts_travel_in_parts_and_too_long_ones_are_refused() {
    let (mut world, bela, ana) = World::met("long");
    let long = "Long walks. ".repeat(2_000);
    world.send(ANA, bela, &long);
    world.run(3);
    assert_eq!(world.texts(BELA, ana), [long]);
    let refused = Command::Send { contact: bela, text: "x".repeat(30_000), reply_to: None, attachment: None };
    assert!(matches!(world.command(ANA, refused), Err(CommandError::TooLong { .. })));
    assert_eq!(world.log(ANA, bela).len(), 1);
}

#[test]
fn reactions_edits_and_deletions_show_on_both_sides() {
    let (mut world, bela, ana) = World::met("act");
    let message = world.send(ANA, bela, "helo");
    world.run(2);
    world.command(ANA, Command::Edit { contact: bela, message, text: "hello".to_owned() }).unwrap();
    world.command(BELA, Command::React { contact: ana, message, emoji: "🎉".to_owned() }).unwrap();
    world.run(2);
    for (who, contact, direction) in [(ANA, bela, Direction::In), (BELA, ana, Direction::Out)] {
        let view = world.people[who].engine.message(contact, message).unwrap();
        assert_eq!((text_of(&view).as_str(), view.edited), ("hello", true));
        assert_eq!(view.reactions, [(direction, "🎉".to_owned())]);
    }
    world.command(ANA, Command::Delete { contact: bela, message }).unwrap();
    world.run(2);
    for (who, contact) in [(ANA, bela), (BELA, ana)] {
        let view = world.people[who].engine.message(contact, message).unwrap();
        assert_eq!((view.body, view.reactions), (MessageBody::Deleted, Vec::new()));
    }
}

#[test]
fn ke_9_only_the_author_edits_and_deletes() {
    let (mut world, bela, ana) = World::met("author");
    let message = world.send(ANA, bela, "mine");
    world.run(2);
    let edit = Command::Edit { contact: ana, message, text: "yours".to_owned() };
    assert!(matches!(world.command(BELA, edit), Err(CommandError::NotTheAuthor)));
    let delete = Command::Delete { contact: ana, message };
    assert!(matches!(world.command(BELA, delete), Err(CommandError::NotTheAuthor)));
}

#[test]
fn what_never_left_is_taken_back_without_a_word() {
    let mut world = World::new("unsent");
    let (bela, offer) = world.card(ANA);
    let message = world.send(ANA, bela, "regret");
    world.command(ANA, Command::Delete { contact: bela, message }).unwrap();
    let ana = world.accept(BELA, offer);
    world.run(10);
    assert_eq!(world.texts(BELA, ana), Vec::<String>::new());
    assert_eq!(world.count(BELA, "SELECT count(*) FROM early_actions"), 0);
}

#[test]
fn replies_name_what_they_answer() {
    let (mut world, bela, ana) = World::met("reply");
    let question = world.send(ANA, bela, "when?");
    world.run(2);
    let reply = Command::Send { contact: ana, text: "noon".to_owned(), reply_to: Some(question), attachment: None };
    let answer = message_of(world.command(BELA, reply).unwrap());
    world.run(2);
    assert_eq!(world.people[ANA].engine.message(bela, answer).unwrap().reply_to, Some(question));
}

#[test]
fn ke_27_search_finds_words_and_forgets_what_was_deleted() {
    let (mut world, bela, _) = World::met("search");
    let secret = world.send(ANA, bela, "The café opens at noon");
    world.send(ANA, bela, "nothing else");
    let find = |world: &World, words: &str| {
        let query = LogQuery { search: Some(words.to_owned()), ..LogQuery::default() };
        world.people[ANA].engine.log(bela, &query).unwrap().len()
    };
    assert_eq!((find(&world, "cafe"), find(&world, "CAFÉ noo"), find(&world, "\" OR *")), (1, 1, 0));
    world.command(ANA, Command::Delete { contact: bela, message: secret }).unwrap();
    assert_eq!(find(&world, "cafe"), 0);
    world.people[ANA].keeper.execute("INSERT INTO search (search) VALUES ('integrity-check')", []).unwrap();
}

#[test]
fn the_log_is_cut_from_the_end_and_pages_backwards() {
    let (mut world, bela, _) = World::met("pages");
    for n in 0..10 {
        world.send(ANA, bela, &format!("m{n}"));
    }
    let page = |before| {
        let query = LogQuery { limit: Some(3), before, search: None };
        world.people[ANA].engine.log(bela, &query).unwrap()
    };
    let newest = page(None);
    assert_eq!(newest.iter().map(text_of).collect::<Vec<_>>(), ["m7", "m8", "m9"]);
    let older = page(Some(newest[0].id));
    assert_eq!(older.iter().map(text_of).collect::<Vec<_>>(), ["m4", "m5", "m6"]);
}

#[test]
fn drafts_stay_and_go() {
    let (mut world, bela, _) = World::met("drafts");
    world.command(ANA, Command::SaveDraft { contact: bela, text: "half a th".to_owned() }).unwrap();
    world.crash(ANA);
    assert_eq!(world.people[ANA].engine.contact(bela).unwrap().draft, "half a th");
    world.command(ANA, Command::SaveDraft { contact: bela, text: String::new() }).unwrap();
    assert_eq!(world.people[ANA].engine.contact(bela).unwrap().draft, "");
}
