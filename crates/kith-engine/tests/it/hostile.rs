//! What others may do wrong: garbage, lies, and contents that break the rules. The state stays as it was.

use kith_engine::{Arrival, Command, Direction, Event, LinkId, MessageBody, MessageState, Trouble};
use kith_wire::Wire;
use kith_wire::address::{QueueAddress, ServerUrl};
use kith_wire::content::{Body, KnownBody, ReceiptKind};
use kith_wire::frame::Frame;
use kith_wire::id::MessageId;
use kith_wire::preview::Preview;
use rusqlite::params;

use crate::world::{ANA, BELA, World};

/// Lets Bela's device say a body that an honest one would not, before the next text.
fn say(world: &mut World, message: MessageId, body: &Body) {
    let bytes = minicbor::to_vec(body).unwrap();
    let sql = "INSERT INTO outgoing (contact, message, lamport, sent, body, kind, expires) \
               SELECT id, ?1, lamport + 1, ?2, ?3, 2, ?2 + 1000000000 FROM contacts";
    let now = i64::try_from(world.now.0).unwrap();
    world.people[BELA].keeper.execute(sql, params![message.0, now, bytes]).unwrap();
    world.people[BELA].keeper.execute("UPDATE contacts SET lamport = lamport + 1", []).unwrap();
}

fn text(text: &str) -> Body {
    Body::Known(KnownBody::Text { text: text.to_owned(), reply_to: None, attachment: None, preview: None })
}

#[test]
fn ke_117_a_preview_that_is_not_about_an_address_in_its_text_is_dropped_and_the_text_stays() {
    let (mut world, bela, ana) = World::met("previews-hostile");
    let good = Preview {
        address: "https://cakes.example/".to_owned(),
        title: "Cakes".to_owned(),
        description: String::new(),
        picture: Some(vec![
            0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0, 0xff, 0xda, 0, 2, 7, 0xff, 0xd9,
        ]),
    };
    let dropped = [
        Preview { address: "https://bank.example/".to_owned(), ..good.clone() },
        Preview { address: "http://cakes.example/".to_owned(), ..good.clone() },
        Preview { address: "https://".to_owned() + &"c".repeat(2048), ..good.clone() },
        Preview { title: String::new(), ..good.clone() },
        Preview { title: "t".repeat(121), ..good.clone() },
        Preview { title: "two\nlines".to_owned(), ..good.clone() },
        Preview { description: "d".repeat(281), ..good.clone() },
    ];
    let text = format!("https://cakes.example/ http://cakes.example/ https://{}", "c".repeat(2048));
    let said = |preview: &Preview| {
        let preview = Some(preview.clone());
        Body::Known(KnownBody::Text { text: text.clone(), reply_to: None, attachment: None, preview })
    };
    for (number, preview) in (1..).zip(&dropped) {
        say(&mut world, MessageId([number; 16]), &said(preview));
    }
    let no_pictures =
        [vec![], b"<svg/>".to_vec(), [[0xff, 0xd8, 0xff].as_slice(), &[7; 16_384], &[0xff, 0xd9]].concat()];
    for (number, picture) in (100..).zip(no_pictures) {
        say(&mut world, MessageId([number; 16]), &said(&Preview { picture: Some(picture), ..good.clone() }));
    }
    say(&mut world, MessageId([200; 16]), &said(&good));
    world.send(BELA, ana, "and a text");
    world.run(30);
    let shown = world.log(ANA, bela);
    assert_eq!(shown.len(), dropped.len() + 3 + 2);
    for message in shown.iter().filter(|message| message.id.0[0] != 200 && message.id.0 == [message.id.0[0]; 16]) {
        let picture = message.preview.as_ref().map(|preview| preview.picture.is_some());
        assert_eq!(picture, (message.id.0[0] >= 100).then_some(false), "{:?}", message.id);
    }
    let whole = shown.iter().find(|message| message.id.0 == [200; 16]).unwrap();
    assert_eq!(whole.preview, Some(good));
}

#[test]
fn ke_18_frames_that_nothing_opens_are_dropped_and_acknowledged() {
    let mut world = World::new("garbage");
    let (bela, offer) = world.card(ANA);
    world.run(2);
    let queue = offer.card.decode_unverified().unwrap().queue;
    let but_the_count = |world: &World| -> Vec<String> {
        world.dump(ANA).lines().filter(|line| !line.starts_with("unopened:")).map(str::to_owned).collect()
    };
    let before = but_the_count(&world);
    for byte in 0..5 {
        world.deposit(0, &queue, Frame::new([byte; 4096]));
    }
    world.run(2);
    assert!(but_the_count(&world) == before);
    assert_eq!(world.queued(0), 0);
    let ana = world.accept(BELA, offer);
    world.run(5);
    for byte in 0..5 {
        world.deposit(0, &queue, Frame::new([byte; 4096]));
    }
    world.send(BELA, ana, "through all the noise");
    world.run(5);
    assert_eq!(world.texts(ANA, bela), ["through all the noise"]);
    assert_eq!(world.queued(0), 0);
}

#[test]
fn ke_20_contents_out_of_bounds_are_dropped() {
    for sql in [
        "CREATE TRIGGER odd AFTER INSERT ON outgoing BEGIN UPDATE outgoing SET lamport = 1 << 48; END",
        "UPDATE contacts SET conversation = randomblob(16)",
        "UPDATE contacts SET device = randomblob(16)",
    ] {
        let (mut world, bela, ana) = World::met("bounds");
        let lamport = "SELECT lamport FROM contacts";
        let before = world.count(ANA, lamport);
        world.people[BELA].keeper.execute(sql, []).unwrap();
        world.send(BELA, ana, "odd");
        world.run(5);
        assert_eq!(world.texts(ANA, bela), Vec::<String>::new(), "{sql}");
        world.send(ANA, bela, "fine");
        world.run(5);
        assert_eq!(world.count(ANA, lamport), before + 1, "{sql}");
    }
}

#[test]
fn ke_20_a_contact_that_uses_the_counter_up_silences_nobody() {
    let (mut world, bela, ana) = World::met("counter");
    world.people[BELA].keeper.execute("UPDATE contacts SET lamport = (1 << 48) - 2", []).unwrap();
    world.send(BELA, ana, "the last number");
    world.run(5);
    world.send(ANA, bela, "still heard");
    world.run(5);
    world.send(BELA, ana, "both ways");
    world.run(5);
    for (who, contact) in [(ANA, bela), (BELA, ana)] {
        assert_eq!(world.texts(who, contact).len(), 3, "{who}");
    }
}

#[test]
fn ke_9_a_contact_cannot_change_what_others_wrote() {
    let (mut world, bela, ana) = World::met("not-theirs");
    let mine = world.send(ANA, bela, "mine");
    world.run(5);
    say(&mut world, MessageId([1; 16]), &Body::Known(KnownBody::Edit { target: mine, text: "theirs".to_owned() }));
    say(&mut world, MessageId([2; 16]), &Body::Known(KnownBody::Delete { target: mine }));
    world.send(BELA, ana, "hm");
    world.run(5);
    assert_eq!(world.texts(ANA, bela), ["mine", "hm"]);
}

#[test]
fn ke_97_a_reaction_of_a_contact_that_is_no_emoji_is_ignored_at_once_and_when_it_came_early() {
    let (mut world, bela, ana) = World::met("no-emoji");
    let (there, later) = (MessageId([3; 16]), MessageId([4; 16]));
    let react = |target, emoji: &str| Body::Known(KnownBody::Reaction { target, emoji: emoji.to_owned() });
    say(&mut world, there, &text("there"));
    say(&mut world, MessageId([1; 16]), &react(there, "🔥"));
    say(&mut world, MessageId([2; 16]), &react(there, "\u{202e}pay him"));
    say(&mut world, MessageId([5; 16]), &react(later, "no emoji"));
    say(&mut world, later, &text("later"));
    world.send(BELA, ana, "now");
    world.run(5);
    let reactions = |message| world.people[ANA].engine.message(bela, message).unwrap().reactions;
    assert_eq!(reactions(there), [(Direction::In, "🔥".to_owned())]);
    assert_eq!(reactions(later), []);
}

#[test]
fn ke_21_actions_that_come_before_their_message_are_kept_for_it() {
    let (mut world, bela, ana) = World::met("early");
    let (edited, deleted) = (MessageId([3; 16]), MessageId([4; 16]));
    let edit = KnownBody::Edit { target: edited, text: "right".to_owned() };
    say(&mut world, MessageId([1; 16]), &Body::Known(edit));
    say(&mut world, MessageId([2; 16]), &Body::Known(KnownBody::Delete { target: deleted }));
    let react = KnownBody::Reaction { target: edited, emoji: "👍".to_owned() };
    say(&mut world, MessageId([5; 16]), &Body::Known(react));
    say(&mut world, edited, &text("wrong"));
    say(&mut world, deleted, &text("never shown"));
    world.send(BELA, ana, "now");
    world.run(5);
    assert_eq!(world.texts(ANA, bela), ["right", "<deleted>", "now"]);
    let view = world.people[ANA].engine.message(bela, edited).unwrap();
    assert_eq!((view.edited, view.reactions.len()), (true, 1));
    assert_eq!(world.count(ANA, "SELECT count(*) FROM early_actions"), 0);
}

#[test]
fn ke_21_few_long_edits_are_kept_for_messages_that_never_come() {
    let (mut world, _, ana) = World::met("early-long");
    for n in 0..20 {
        let edit = KnownBody::Edit { target: MessageId([100 + n; 16]), text: "x".repeat(20_000) };
        say(&mut world, MessageId([n; 16]), &Body::Known(edit));
    }
    world.send(BELA, ana, "now");
    world.run(10);
    assert_eq!(world.count(ANA, "SELECT count(*) FROM early_actions"), 13);
}

#[test]
fn ke_22_a_message_that_is_there_already_stays_as_it_is() {
    let (mut world, bela, ana) = World::met("copy");
    say(&mut world, MessageId([9; 16]), &text("first"));
    say(&mut world, MessageId([9; 16]), &text("second"));
    world.send(BELA, ana, "end");
    world.run(5);
    assert_eq!(world.texts(ANA, bela), ["first", "end"]);
}

#[test]
fn ke_23_states_never_go_back() {
    let (mut world, bela, ana) = World::met("receipts");
    let mine = world.send(ANA, bela, "seen?");
    world.run(5);
    for (n, kind) in [(1, ReceiptKind::Read), (2, ReceiptKind::Delivered)] {
        let receipt = KnownBody::Receipt { kind, messages: vec![mine, MessageId([7; 16])] };
        say(&mut world, MessageId([n; 16]), &Body::Known(receipt));
    }
    world.send(BELA, ana, "yes");
    world.run(5);
    assert_eq!(world.state(ANA, bela, mine), MessageState::Read);
}

#[test]
fn ke_23_a_receipt_for_what_was_reported_as_expired_counts() {
    let (mut world, bela, ana) = World::met("shown-after-all");
    let mine = world.send(ANA, bela, "seen?");
    world.run(5);
    world.people[ANA].keeper.execute("UPDATE messages SET state = 4", []).unwrap();
    world.command(BELA, Command::MarkRead { contact: ana }).unwrap();
    world.run(5);
    assert_eq!(world.state(ANA, bela, mine), MessageState::Read);
}

#[test]
fn bodies_of_a_newer_version_are_kept_and_named() {
    let (mut world, bela, ana) = World::met("newer");
    let mut bytes = Vec::new();
    minicbor::Encoder::new(&mut bytes).array(2).unwrap().u32(99).unwrap().str("hologram").unwrap();
    say(&mut world, MessageId([8; 16]), &Body::Unknown(bytes));
    world.send(BELA, ana, "did you see it?");
    world.run(5);
    let newer = world.people[ANA].engine.message(bela, MessageId([8; 16])).unwrap();
    assert_eq!(newer.body, MessageBody::NewerVersion);
    assert_eq!(world.count(ANA, "SELECT count(*) FROM messages WHERE raw IS NOT NULL"), 1);
}

#[test]
fn garbage_on_the_live_connection_ends_it_and_nothing_else() {
    let (mut world, bela, ana) = World::met("noise");
    let link = (1..50).map(LinkId);
    for link in link {
        let (now, bytes) = (world.now, vec![0; 500]);
        world.people[ANA].engine.receive(now, &mut world.rng, Arrival::Live { link, bytes }).unwrap();
    }
    world.send(BELA, ana, "still there?");
    world.run(30);
    assert_eq!(world.texts(ANA, bela), ["still there?"]);
}

#[test]
fn a_server_that_proves_another_key_is_not_talked_to() {
    let mut world = World::new("impostor");
    world.run(8 * 86_400);
    world.stop(ANA);
    // The descriptor is of another week, so a fresh one is asked for: another server answers.
    let other = world.servers[1].home.descriptor().to_vec();
    world.people[ANA].keeper.execute("UPDATE servers SET descriptor = NULL", []).unwrap();
    let now = world.now;
    let connect = Command::Connect(kith_engine::Connection::Wanted);
    world.people[ANA].engine.command(now, &mut world.rng, connect).unwrap();
    let mut asked = None;
    while let Some(output) = world.people[ANA].engine.poll_output() {
        if let kith_engine::Output::FetchDescriptor { link, .. } = output {
            asked = Some(link);
        }
    }
    let arrival = Arrival::Descriptor { link: asked.unwrap(), bytes: other };
    world.people[ANA].engine.receive(now, &mut world.rng, arrival).unwrap();
    let mut told = Vec::new();
    while let Some(output) = world.people[ANA].engine.poll_output() {
        assert!(!matches!(output, kith_engine::Output::OpenLink { .. }));
        told.push(output);
    }
    let key_changed = |output: &kith_engine::Output| {
        matches!(output, kith_engine::Output::Event(Event::Trouble(Trouble::ServerKeyChanged)))
    };
    assert!(told.iter().any(key_changed));
}

#[test]
fn ke_35_a_contact_that_moves_again_and_again_makes_one_answer_wait() {
    let (mut world, bela, ana) = World::met("moves");
    world.run(5);
    let queue: Vec<u8> = world.people[ANA].keeper.query_row("SELECT queue FROM peers", [], |row| row.get(0)).unwrap();
    let queue = QueueAddress::from_bytes(&queue).unwrap();
    // Ana can seal nothing, as when Bela never acknowledges.
    world.people[ANA].keeper.execute("UPDATE contacts SET unusable = 1", []).unwrap();
    for n in 1..=5 {
        let mut queue = queue.clone();
        if n < 5 {
            queue.server.url = ServerUrl::parse(&format!("https://{n}.example")).unwrap();
        }
        say(&mut world, MessageId([n; 16]), &Body::Known(KnownBody::QueueMove { queue }));
    }
    world.send(BELA, ana, "moved");
    world.run(5);
    assert_eq!(world.texts(ANA, bela), ["moved"]);
    assert_eq!(world.count(ANA, "SELECT count(*) FROM outgoing"), 1);
    assert_eq!(world.count(ANA, "SELECT count(*) FROM servers"), 2);
}
