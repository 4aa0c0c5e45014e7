//! Storage: versions, one person a folder, and calls that fail without a trace.

use kith_engine::{
    Command, CommandError, CommandId, ContactId, ContactState, Engine, Event, Held, OpenError, Reply, SCHEMA_VERSION,
    Trouble, Whom,
};
use kith_wire::card::CardOffer;
use kith_wire::id::{InviteCode, MessageId};
use rusqlite::Connection;

use crate::world::{ANA, BELA, Disk, Reach, START, World, message_of};

#[test]
fn ke_1_a_newer_database_is_refused() {
    let world = World::new("newer-schema");
    let keeper = &world.people[ANA].keeper;
    keeper.execute("UPDATE engine_schema SET version = ?1", [SCHEMA_VERSION + 1]).unwrap();
    let uri = "file:newer-schema-ana?mode=memory&cache=shared";
    let again = Engine::open(Connection::open(uri).unwrap(), START);
    assert!(
        matches!(again, Err(OpenError::NewerSchema { found, known: SCHEMA_VERSION }) if found == SCHEMA_VERSION + 1)
    );
}

#[test]
fn ke_2_a_folder_is_one_person() {
    let mut world = World::new("one-person");
    let (url, descriptor) = (world.servers[1].url.clone(), world.servers[1].home.descriptor().to_vec());
    let init = Command::Init { url, descriptor, expect: None, invite: None, name: None };
    assert!(matches!(world.command(ANA, init), Err(CommandError::AlreadyInitialised)));
}

#[test]
fn ke_2_another_invite_or_server_may_be_tried_until_one_has_taken_the_account() {
    let mut world = World::new("init-again");
    world.require_invites(0);
    let init = |world: &World, server: usize, invite: Option<InviteCode>| {
        let (url, descriptor) = (world.servers[server].url.clone(), world.servers[server].home.descriptor().to_vec());
        Command::Init { url, descriptor, expect: None, invite, name: None }
    };
    let registered = |world: &World, who: usize| world.people[who].engine.status(world.now).unwrap().registered;
    world.add_person("init-again-cleo", 0);
    world.add_person("init-again-dora", 0);
    let (cleo, dora) = (2, 3);
    world.run(600);
    let refused = Event::Trouble(Trouble::InviteNeeded);
    assert!(!registered(&world, cleo) && world.events(cleo).contains(&refused));
    let code = world.invite(0);
    let again = init(&world, 0, Some(code));
    world.command(cleo, again.clone()).unwrap();
    world.run(10);
    assert!(registered(&world, cleo));
    assert!(matches!(world.command(cleo, again), Err(CommandError::AlreadyInitialised)));
    // Another server, which asks for none.
    let elsewhere = init(&world, 1, None);
    world.online(dora, Reach::Down);
    world.people[dora].server = 1;
    world.command(dora, elsewhere).unwrap();
    world.online(dora, Reach::Up);
    world.run(10);
    assert!(registered(&world, dora));
    let (of_cleo, _) = world.meets(dora, cleo);
    world.send(dora, of_cleo, "at last");
    world.run(10);
    assert_eq!(world.people[cleo].engine.contacts().unwrap()[0].unread, 1);
}

#[test]
fn ke_39_a_command_that_is_said_again_under_its_name_is_done_once() {
    let (mut world, bela, ana) = World::met("once");
    let send = Command::Send { contact: bela, text: "once".to_owned(), reply_to: None, attachment: None };
    let once =
        |id: u8, command: &Command| Command::Once { id: CommandId([id; 16]), command: Box::new(command.clone()) };
    let first = world.command(ANA, once(1, &send)).unwrap();
    world.crash(ANA);
    let again = world.command(ANA, once(1, &send)).unwrap();
    assert_eq!(message_of(first), message_of(again));
    // What was refused was not done.
    let unknown = Command::Rename { contact: ContactId(99), name: "Nobody".to_owned() };
    assert!(world.command(ANA, once(2, &unknown)).is_err());
    assert!(world.command(ANA, once(2, &send)).is_ok());
    let card = Command::CardNew { whom: Whom::New(None), expires: 86_400 };
    let made = world.command(ANA, once(3, &card)).unwrap();
    let told = world.command(ANA, once(3, &card)).unwrap();
    let (Reply::Card { contact: made, .. }, Reply::Contact(told)) = (made, told) else { panic!("not a card") };
    assert_eq!(made, told);
    world.run(10);
    assert_eq!(world.texts(BELA, ana), ["once", "once"]);
    world.command(ANA, Command::Forget { contact: bela }).unwrap();
    assert_eq!(world.count(ANA, "SELECT count(*) FROM done"), 0);
}

#[test]
fn ke_8_a_refused_command_changes_nothing() {
    let (mut world, contact, _) = World::met("refused");
    let (nobody, nothing) = (ContactId(99), MessageId([0; 16]));
    let mine = world.send(ANA, contact, "mine");
    world.run(2);
    let text = || "x".repeat(40_000);
    let commands = [
        Command::Send { contact: nobody, text: "x".to_owned(), reply_to: None, attachment: None },
        Command::Send { contact, text: String::new(), reply_to: None, attachment: None },
        Command::Send { contact, text: text(), reply_to: None, attachment: None },
        Command::Edit { contact, message: mine, text: text() },
        Command::Edit { contact, message: nothing, text: "x".to_owned() },
        Command::Delete { contact, message: nothing },
        Command::React { contact, message: mine, emoji: "much too long for one emoji".repeat(9) },
        Command::Rename { contact, name: "\n".to_owned() },
        Command::CardNew { whom: Whom::New(Some(String::new())), expires: 10 },
        Command::Rotate { contact: nobody },
        Command::Forget { contact: nobody },
        Command::FetchAttachment { attachment: kith_engine::AttachmentId(5) },
    ];
    for command in commands {
        let before = world.dump(ANA);
        let name = format!("{command:?}").chars().take(40).collect::<String>();
        assert!(world.command(ANA, command).is_err(), "{name}");
        assert_eq!(world.dump(ANA), before, "{name}");
    }
}

/// The engine asks these after every call: with a thousand frames waiting, none may read them all.
#[test]
fn the_next_moment_is_found_without_reading_every_frame() {
    let world = World::new("indices");
    for sql in [
        "SELECT min(expires) + 1 FROM frames WHERE expires > 5",
        "SELECT min(expires) FROM outgoing WHERE expires > 5",
        "SELECT min(due) FROM frames WHERE due > 5",
        "SELECT peer FROM frames WHERE expires <= 5",
    ] {
        let plan = format!("EXPLAIN QUERY PLAN {sql}");
        let plan: String = world.people[ANA].keeper.query_row(&plan, [], |row| row.get(3)).unwrap();
        assert!(plan.starts_with("SEARCH"), "{sql}: {plan}");
    }
}

#[test]
fn every_version_of_the_tables_can_be_opened_again() {
    let (mut world, bela, _) = World::met("reopen");
    world.send(ANA, bela, "kept");
    world.run(2);
    let before = world.dump(ANA);
    world.stop(ANA);
    assert_eq!(world.dump(ANA), before);
    assert_eq!(world.texts(ANA, bela), ["kept"]);
}

/// What takes versions 6 and 7 back: with each thing that they add, one statement more.
const BEFORE_VERSION_6: [&str; 11] = [
    "DROP TRIGGER picture_of_nobody",
    "DROP TABLE pictures",
    "DROP TABLE conversations_before",
    "DROP TRIGGER spare_card_kept",
    "ALTER TABLE spare_cards DROP COLUMN ends",
    "ALTER TABLE spare_cards DROP COLUMN run",
    "ALTER TABLE contacts DROP COLUMN refused_another",
    "DROP TRIGGER preview_of_other_text",
    "DROP TRIGGER preview_of_nothing",
    "DROP TABLE previews",
    "DROP INDEX messages_with_files",
];

#[test]
fn regression_a_folder_of_version_5_is_led_to_the_newest_one() {
    let (mut world, bela, _) = World::met("version-5");
    for sql in BEFORE_VERSION_6 {
        world.alter(ANA, sql, &[]);
    }
    world.alter(ANA, "UPDATE engine_schema SET version = 5", &[]);
    world.crash(ANA);
    assert_eq!(world.people[ANA].engine.contact(bela).unwrap().refused_another, None);
    assert_eq!(world.count(ANA, "SELECT version FROM engine_schema"), i64::from(SCHEMA_VERSION));
}

/// In a folder of before, a card whose key was still to be fetched had nothing that said until when somebody is waited for.
#[test]
fn regression_a_folder_of_version_5_expects_nobody_in_vain_whose_card_was_not_answered_yet() {
    for comes in [true, false] {
        let mut world = World::new(&format!("version-5-card-{comes}"));
        let (there, offer) = world.card(ANA);
        world.command(ANA, Command::CardPublish { contact: there }).unwrap();
        world.run(5);
        world.reach(0, Reach::Down);
        let ana = world.accept(BELA, CardOffer { kem: None, ..offer });
        world.run(60);
        for sql in BEFORE_VERSION_6 {
            world.alter(BELA, sql, &[]);
        }
        world.alter(BELA, "UPDATE contacts SET expires = NULL", &[]);
        world.alter(BELA, "UPDATE engine_schema SET version = 5", &[]);
        world.crash(BELA);
        let held = |world: &World| world.people[BELA].engine.contact(ana).unwrap().held;
        assert_eq!(held(&world), None);
        // The server is away, and is not asked for all the time.
        world.online(BELA, Reach::Down);
        world.run(6 * 86_400);
        assert_eq!(held(&world), None);
        if comes {
            world.online(BELA, Reach::Up);
            world.online(ANA, Reach::Down);
            world.reach(0, Reach::Up);
            // The answer leaves on the sixth day: three days are left for it.
            world.run(2 * 86_400);
            assert_eq!(held(&world), None);
        }
        world.run(2 * 86_400);
        assert_eq!(held(&world), Some(Held::Unanswered));
        if comes {
            world.online(ANA, Reach::Up);
            world.run(3600);
            assert_eq!(world.people[BELA].engine.contact(ana).unwrap().state, ContactState::Established);
        }
    }
}

#[test]
fn ke_8_a_call_that_storage_fails_has_not_happened_and_comes_again() {
    let (mut world, bela, ana) = World::met("disk");
    world.set_disk(BELA, Disk::Failing);
    world.send(ANA, bela, "hello");
    let send = Command::Send { contact: ana, text: "lost?".to_owned(), reply_to: None, attachment: None };
    assert!(matches!(world.command(BELA, send), Err(CommandError::Storage(_))));
    while world.step() {}
    world.set_disk(BELA, Disk::Working);
    world.run(10);
    assert_eq!(world.texts(BELA, ana), ["hello"]);
    assert_eq!(world.texts(ANA, bela), ["hello"]);
}

#[test]
fn ke_107_a_session_that_cannot_be_read_ends_and_stands_in_nobodys_way() {
    let (mut world, bela, ana) = World::met("damaged-session");
    world.add_person("damaged-cem", 1);
    let cem = world.people.len() - 1;
    world.run(10);
    let (with_cem, at_cem) = world.meets(ANA, cem);
    world.run(60);
    world.events(ANA);
    let sql = format!("UPDATE peers SET core = x'00' WHERE contact = {}", bela.0);
    world.alter(ANA, &sql, &[]);
    // Both say something, and Bela's cannot be opened.
    world.send(BELA, ana, "lost");
    world.send(cem, at_cem, "heard");
    world.run(120);
    assert_eq!(world.texts(ANA, with_cem), ["heard"]);
    let is_told = |event: &Event| matches!(event, Event::SessionUnusable { contact, .. } if *contact == bela);
    assert_eq!(world.events(ANA).iter().filter(|event| is_told(event)).count(), 1);
    assert!(world.people[ANA].engine.contact(bela).unwrap().needs_card);
    world.send(ANA, with_cem, "and answered");
    world.run(60);
    assert_eq!(world.texts(cem, at_cem), ["heard", "and answered"]);
}

#[test]
fn ke_107_time_goes_on_beside_a_session_that_cannot_be_read() {
    let (mut world, bela, _) = World::met("damaged-wake");
    world.send(ANA, bela, "never acknowledged");
    let sql = format!("UPDATE peers SET core = x'00', reply_at = 1 WHERE contact = {}", bela.0);
    world.alter(ANA, &sql, &[]);
    let (now, rng) = (world.now, &mut world.rng);
    world.people[ANA].engine.wake(now, rng).unwrap();
    assert!(world.people[ANA].engine.contact(bela).unwrap().needs_card);
}
