//! Windows of conversations: a few messages by their place, however long the conversation is.

use kith_engine::{Command, MAX_WINDOW, QueryError, WindowAt};
use kith_wire::id::MessageId;

use crate::world::{ANA, BELA, World, message_of, text_of};

/// Ana and Bela, who have said as many things by turns as asked for; returns what was said.
fn talked(name: &str, n_messages: usize) -> (World, kith_engine::ContactId, Vec<String>) {
    let (mut world, bela, ana) = World::met(name);
    for number in 0..n_messages {
        let (writer, reader) = if number % 3 == 0 { (BELA, ana) } else { (ANA, bela) };
        world.send(writer, reader, &format!("message {number}"));
        world.run(1);
    }
    world.run(2);
    let said = world.texts(ANA, bela);
    assert_eq!(said.len(), n_messages);
    (world, bela, said)
}

#[test]
fn windows_hold_what_is_at_their_place_from_either_end() {
    let (world, bela, said) = talked("windows", 23);
    let engine = &world.people[ANA].engine;
    for (at, count, from) in [
        (WindowAt::Newest, 5, 18),
        (WindowAt::Position(0), 4, 0),
        (WindowAt::Position(3), 7, 3),
        (WindowAt::Position(15), 5, 15),
        (WindowAt::Position(20), 9, 20),
        (WindowAt::Newest, 100, 0),
    ] {
        let window = engine.window(bela, at, count).unwrap();
        let texts: Vec<String> = window.messages.iter().map(text_of).collect();
        let to = said.len().min(from + usize::try_from(count).unwrap());
        assert_eq!((window.total, window.position), (23, from as u64), "{at:?}");
        assert_eq!(texts, said[from..to], "{at:?}");
    }
    let beyond = engine.window(bela, WindowAt::Position(500), 10).unwrap();
    assert_eq!((beyond.position, beyond.messages.len()), (23, 0));
}

#[test]
fn a_conversation_is_as_long_as_what_is_left_of_it() {
    let (mut world, bela, said) = talked("lengths", 6);
    let total = |world: &World| world.people[ANA].engine.window(bela, WindowAt::Newest, 10).unwrap().total;
    assert_eq!(total(&world), said.len() as u64);
    world.command(ANA, Command::SetDisappearing { contact: bela, seconds: Some(60) }).unwrap();
    world.send(ANA, bela, "for a minute");
    world.run(2);
    assert_eq!(total(&world), said.len() as u64 + 1);
    world.run(120);
    assert_eq!(total(&world), said.len() as u64);
    world.command(ANA, Command::Forget { contact: bela }).unwrap();
    let rows = "SELECT count(*) FROM lengths";
    assert_eq!(world.people[ANA].keeper.query_row(rows, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

#[test]
fn a_window_around_a_message_has_it_in_the_middle() {
    let (world, bela, said) = talked("around", 23);
    let engine = &world.people[ANA].engine;
    let all = engine.window(bela, WindowAt::Newest, MAX_WINDOW).unwrap().messages;
    for place in [0, 1, 11, 22] {
        assert_eq!(engine.position(bela, all[place].id).unwrap(), place as u64);
        let window = engine.window(bela, WindowAt::Around(all[place].id), 6).unwrap();
        assert_eq!(window.messages.len(), 6, "{}", said[place]);
        assert!(window.messages.iter().any(|message| message.id == all[place].id));
    }
    assert_eq!(engine.newest(bela).unwrap(), Some(all[22].id));
    let unknown = engine.window(bela, WindowAt::Around(MessageId([9; 16])), 6);
    assert!(matches!(unknown, Err(QueryError::UnknownMessage)));
}

#[test]
fn a_window_at_what_is_unseen_has_the_oldest_of_it_in_the_middle() {
    let (mut world, bela, ana) = World::met("oldest");
    let seen: Vec<_> = (0..9).map(|number| world.send(BELA, ana, &format!("seen {number}"))).collect();
    world.run(20);
    world.command(ANA, Command::MarkRead { contact: bela }).unwrap();
    let newest = world.people[ANA].engine.window(bela, WindowAt::Unseen, 4).unwrap();
    assert_eq!(newest.messages.last().unwrap().id, seen[8], "nothing is unseen");
    let unseen: Vec<_> = (0..9).map(|number| world.send(BELA, ana, &format!("unseen {number}"))).collect();
    world.run(20);
    let window = world.people[ANA].engine.window(bela, WindowAt::Unseen, 4).unwrap();
    let shown: Vec<_> = window.messages.iter().map(|message| message.id).collect();
    assert_eq!((window.position, shown), (7, vec![seen[7], seen[8], unseen[0], unseen[1]]));
}

#[test]
fn files_of_a_conversation_are_found_newest_first_and_none_that_was_taken_back() {
    let (mut world, bela, _) = World::met("files");
    let mut sent = Vec::new();
    for number in 0..5_u8 {
        world.send(ANA, bela, "between");
        let attachment = Some(world.prepare(ANA, &[number; 100]));
        let send = Command::Send { contact: bela, text: String::new(), reply_to: None, attachment };
        sent.push(message_of(world.command(ANA, send).unwrap()));
    }
    world.run(30);
    world.command(ANA, Command::Delete { contact: bela, message: sent[3] }).unwrap();
    let engine = &world.people[ANA].engine;
    let names = |position, count| -> Vec<MessageId> {
        let window = engine.files(bela, position, count).unwrap();
        assert_eq!(window.total, 4);
        window.messages.iter().map(|message| message.id).collect()
    };
    assert_eq!(names(0, 3), [sent[4], sent[2], sent[1]]);
    assert_eq!(names(3, 3), [sent[0]]);
    assert!(names(40, 3).is_empty());
    assert!(matches!(engine.files(kith_engine::ContactId(99), 0, 3), Err(QueryError::UnknownContact)));
}

#[test]
fn windows_are_bounded_whatever_is_asked() {
    let (world, bela, _) = talked("bounded", 3);
    let engine = &world.people[ANA].engine;
    assert_eq!(engine.window(bela, WindowAt::Newest, u32::MAX).unwrap().messages.len(), 3);
    assert_eq!(engine.window(bela, WindowAt::Newest, 0).unwrap().messages.len(), 1);
    let stranger = engine.window(kith_engine::ContactId(99), WindowAt::Newest, 5);
    assert!(matches!(stranger, Err(QueryError::UnknownContact)));
}

#[test]
fn a_search_without_a_contact_finds_in_all_conversations_newest_first() {
    let (world, bela, _) = talked("search", 5);
    let engine = &world.people[ANA].engine;
    let found = engine.search("mess", 3).unwrap();
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|(contact, _)| *contact == bela));
    assert_eq!(found[0].1, engine.newest(bela).unwrap().unwrap());
    assert_eq!(engine.search("  ", 3).unwrap(), []);
}

#[test]
fn the_newest_unseen_message_is_found_behind_an_own_one() {
    let (mut world, bela, ana) = World::met("unseen");
    world.send(BELA, ana, "one");
    let second = world.send(BELA, ana, "two");
    world.run(20);
    let own = world.send(ANA, bela, "three");
    assert_eq!(world.people[ANA].engine.newest(bela).unwrap(), Some(own));
    assert_eq!(world.people[ANA].engine.newest_unseen(bela).unwrap(), Some(second));
    world.command(ANA, Command::MarkRead { contact: bela }).unwrap();
    assert_eq!(world.people[ANA].engine.newest_unseen(bela).unwrap(), None);
}
