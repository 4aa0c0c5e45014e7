//! Attachments: both ways, resumed, damaged, gone.

use kith_crypto::attachment::open_chunk;
use kith_engine::{AttachmentId, AttachmentState, Command, CommandError, ContactId, Event, MessageState};
use kith_wire::blob::BlobShape;
use kith_wire::id::MessageId;

use crate::world::{ANA, BELA, Disk, Reach, World, message_of};

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|n| u8::try_from(n * 7 % 251).unwrap()).collect()
}

fn send_file(world: &mut World, contact: ContactId, bytes: &[u8]) -> MessageId {
    let attachment = world.prepare(ANA, bytes);
    let send = Command::Send { contact, text: String::new(), reply_to: None, attachment: Some(attachment) };
    message_of(world.command(ANA, send).unwrap())
}

fn received(world: &World, contact: ContactId, message: MessageId) -> (AttachmentId, AttachmentState) {
    let view = world.people[BELA].engine.message(contact, message).unwrap().attachment.unwrap();
    (view.id, view.state)
}

fn saved(world: &World, id: AttachmentId) -> Vec<u8> {
    let keys = world.people[BELA].engine.attachment_keys(id).unwrap();
    let shape = BlobShape::of(keys.size).unwrap();
    let mut bytes = Vec::new();
    for index in 0..shape.chunks {
        bytes.extend_from_slice(&open_chunk(&keys.key, shape, index, &world.people[BELA].vault[&(id, index)]).unwrap());
    }
    bytes.truncate(usize::try_from(keys.size).unwrap());
    bytes
}

#[test]
fn small_attachments_are_fetched_by_themselves() {
    let (mut world, bela, ana) = World::met("small");
    let bytes = content(150_000);
    let message = send_file(&mut world, bela, &bytes);
    world.run(10);
    assert_eq!(world.state(ANA, bela, message), MessageState::Delivered);
    let (id, state) = received(&world, ana, message);
    assert_eq!(state, AttachmentState::Complete);
    assert_eq!(saved(&world, id), bytes);
}

#[test]
fn large_attachments_wait_until_they_are_asked_for() {
    let (mut world, bela, ana) = World::met("large");
    let bytes = content(700_000);
    let message = send_file(&mut world, bela, &bytes);
    world.run(10);
    let (id, state) = received(&world, ana, message);
    assert_eq!(state, AttachmentState::Paused);
    world.command(BELA, Command::FetchAttachment { attachment: id }).unwrap();
    world.run(10);
    assert_eq!(received(&world, ana, message).1, AttachmentState::Complete);
    assert_eq!(saved(&world, id), bytes);
}

#[test]
fn transfers_go_on_where_they_stopped() {
    let (mut world, bela, ana) = World::met("resume");
    let bytes = content(900_000);
    let message = send_file(&mut world, bela, &bytes);
    for _ in 0..20 {
        for _ in 0..12 {
            world.step();
        }
        world.crash(ANA);
    }
    world.run(10);
    let (id, _) = received(&world, ana, message);
    world.command(BELA, Command::FetchAttachment { attachment: id }).unwrap();
    for _ in 0..20 {
        for _ in 0..15 {
            world.step();
        }
        world.crash(BELA);
    }
    world.run(10);
    assert_eq!(saved(&world, id), bytes);
}

#[test]
fn texts_pass_an_attachment_that_is_still_under_way() {
    let (mut world, bela, ana) = World::met("pass");
    world.online(ANA, Reach::Down);
    let message = send_file(&mut world, bela, &content(300_000));
    world.send(ANA, bela, "quick");
    world.online(ANA, Reach::Up);
    world.run(10);
    assert_eq!(world.texts(BELA, ana), ["", "quick"]);
    assert_eq!(world.log(BELA, ana)[0].id, message);
}

#[test]
fn ke_28_an_attachment_is_part_of_one_message() {
    let (mut world, bela, _) = World::met("one-message");
    let attachment = world.prepare(ANA, b"once");
    let send = Command::Send { contact: bela, text: String::new(), reply_to: None, attachment: Some(attachment) };
    world.command(ANA, send.clone()).unwrap();
    assert!(matches!(world.command(ANA, send), Err(CommandError::UnknownAttachment)));
}

#[test]
fn ke_30_a_chunk_that_does_not_open_fails_the_attachment() {
    let (mut world, bela, ana) = World::met("damaged");
    let attachment = world.prepare(ANA, &content(100_000));
    // Sealed for another place: the server could do no better.
    let wrong = world.people[ANA].vault[&(attachment, 1)].clone();
    let right = world.people[ANA].vault[&(attachment, 0)].clone();
    let mut damaged = right;
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    assert_ne!(wrong, damaged);
    world.people[ANA].vault.insert((attachment, 0), damaged);
    let send = Command::Send { contact: bela, text: String::new(), reply_to: None, attachment: Some(attachment) };
    let message = message_of(world.command(ANA, send).unwrap());
    world.run(10);
    assert_eq!(received(&world, ana, message).1, AttachmentState::Failed);
}

#[test]
fn a_chunk_that_the_vault_lost_is_reported() {
    let (mut world, bela, _) = World::met("vault-lost");
    let attachment = world.prepare(ANA, &content(100_000));
    world.people[ANA].vault.remove(&(attachment, 1));
    let send = Command::Send { contact: bela, text: "see".to_owned(), reply_to: None, attachment: Some(attachment) };
    let message = message_of(world.command(ANA, send).unwrap());
    world.run(10);
    assert_eq!(world.state(ANA, bela, message), MessageState::Expired);
    assert_eq!(world.people[ANA].engine.attachment(attachment).unwrap().state, AttachmentState::Failed);
}

#[test]
fn ke_38_a_file_that_could_not_leave_in_time_fails_and_may_be_sent_again() {
    let (mut world, bela, ana) = World::met("upload-late");
    world.online(ANA, Reach::Down);
    let bytes = content(100_000);
    let message = send_file(&mut world, bela, &bytes);
    world.run(61 * 86_400);
    // A vault that cannot be read just now keeps it from leaving at the last moment.
    world.people[ANA].vault_disk = Disk::Failing;
    world.online(ANA, Reach::Up);
    world.run(10);
    world.people[ANA].vault_disk = Disk::Working;
    assert_eq!(world.state(ANA, bela, message), MessageState::Expired);
    let view = world.people[ANA].engine.message(bela, message).unwrap().attachment.unwrap();
    assert_eq!(view.state, AttachmentState::Failed);
    assert_eq!(world.texts(BELA, ana), Vec::<String>::new());
    world.command(ANA, Command::FetchAttachment { attachment: view.id }).unwrap();
    world.run(10);
    assert_eq!(world.state(ANA, bela, message), MessageState::Delivered);
    let (id, _) = received(&world, ana, message);
    assert_eq!(saved(&world, id), bytes);
}

#[test]
fn a_server_that_loses_an_upload_again_and_again_is_not_fed_for_ever() {
    let (mut world, bela, _) = World::met("upload-lost");
    world.run(5);
    let message = send_file(&mut world, bela, &content(300_000));
    let mut n_lost = 0;
    let view = |world: &World| world.people[ANA].engine.message(bela, message).unwrap().attachment.unwrap();
    for _ in 0..3_000 {
        if !world.step() {
            world.run(1);
        }
        if view(&world).done > 0 && view(&world).state == AttachmentState::Moving {
            world.lose_blobs(0);
            n_lost += 1;
        }
    }
    assert!(n_lost > 0);
    assert_eq!(view(&world).state, AttachmentState::Paused);
    world.command(ANA, Command::FetchAttachment { attachment: view(&world).id }).unwrap();
    world.crash(ANA);
    world.run(10);
    assert_eq!(world.state(ANA, bela, message), MessageState::Delivered);
}

#[test]
fn a_contact_who_sends_many_files_fills_no_vault_unasked() {
    let (mut world, bela, ana) = World::met("many-files");
    let mut messages = Vec::new();
    for _ in 0..50 {
        messages.push(send_file(&mut world, bela, &content(250_000)));
        world.run(10);
    }
    let n_there = world.count(BELA, "SELECT count(*) FROM attachments WHERE state = 2");
    assert_eq!(n_there, 8 * 1024 * 1024 / 250_000);
    assert_eq!(received(&world, ana, messages[49]).1, AttachmentState::Paused);
    world.run(86_400);
    let tomorrow = send_file(&mut world, bela, &content(250_000));
    world.run(10);
    assert_eq!(received(&world, ana, tomorrow).1, AttachmentState::Complete);
}

#[test]
fn files_of_a_server_that_is_away_wait_for_the_person_beyond_a_few() {
    let (mut world, bela, _) = World::met("away-files");
    for _ in 0..20 {
        send_file(&mut world, bela, b"small");
    }
    world.run(5);
    world.lose_blobs(0);
    world.people[BELA].keeper.execute("UPDATE attachments SET state = 0", []).unwrap();
    send_file(&mut world, bela, b"one more");
    world.run(5);
    assert_eq!(world.count(BELA, "SELECT state FROM attachments ORDER BY id DESC LIMIT 1"), 1);
}

#[test]
fn a_vault_without_room_stops_a_file_and_nothing_else() {
    let (mut world, bela, ana) = World::met("no-room");
    world.people[BELA].vault_disk = Disk::Failing;
    let message = send_file(&mut world, bela, &content(200_000));
    world.run(10);
    let (id, state) = received(&world, ana, message);
    assert_eq!(state, AttachmentState::Paused);
    world.events(BELA);
    world.send(ANA, bela, "goes on");
    world.run(5);
    assert_eq!(world.texts(BELA, ana).len(), 2);
    assert!(world.events(BELA).contains(&Event::Quiet));
    world.people[BELA].vault_disk = Disk::Working;
    world.command(BELA, Command::FetchAttachment { attachment: id }).unwrap();
    world.run(5);
    assert_eq!(received(&world, ana, message).1, AttachmentState::Complete);
    // The same on the way up.
    world.people[ANA].vault_disk = Disk::Failing;
    let message = send_file(&mut world, bela, &content(200_000));
    world.run(5);
    let view = world.people[ANA].engine.message(bela, message).unwrap().attachment.unwrap();
    assert_eq!(view.state, AttachmentState::Paused);
    world.people[ANA].vault_disk = Disk::Working;
    world.command(ANA, Command::FetchAttachment { attachment: view.id }).unwrap();
    world.run(5);
    assert_eq!(world.state(ANA, bela, message), MessageState::Delivered);
}

#[test]
fn a_file_for_a_contact_that_has_not_answered_is_uploaded_when_they_have() {
    let mut world = World::new("upload-later");
    let (bela, offer) = world.card(ANA);
    let bytes = content(100_000);
    let message = send_file(&mut world, bela, &bytes);
    world.run(6 * 86_400);
    let view = |world: &World| world.people[ANA].engine.message(bela, message).unwrap().attachment.unwrap();
    assert_eq!((view(&world).done, view(&world).state), (0, AttachmentState::Moving));
    assert!(world.events(ANA).contains(&Event::Quiet));
    let ana = world.accept(BELA, offer);
    world.run(10);
    let (id, _) = received(&world, ana, message);
    assert_eq!(saved(&world, id), bytes);
}

#[test]
fn quiet_does_not_wait_for_a_file_whose_server_is_gone() {
    let (mut world, bela, ana) = World::met("quiet-file");
    world.online(BELA, Reach::Down);
    let message = send_file(&mut world, bela, b"small");
    world.run(10);
    world.reach(0, Reach::Down);
    world.events(BELA);
    world.online(BELA, Reach::Up);
    world.run(60);
    assert_eq!(received(&world, ana, message).1, AttachmentState::Moving);
    assert!(world.events(BELA).contains(&Event::Quiet));
    world.reach(0, Reach::Up);
    world.run(600);
    assert_eq!(received(&world, ana, message).1, AttachmentState::Complete);
}

#[test]
fn ke_7_nothing_is_fetched_from_a_blocked_contact() {
    let (mut world, bela, ana) = World::met("blocked-file");
    let message = send_file(&mut world, bela, &content(600_000));
    world.run(10);
    let (id, _) = received(&world, ana, message);
    world.online(BELA, Reach::Down);
    world.command(BELA, Command::FetchAttachment { attachment: id }).unwrap();
    world.command(BELA, Command::Block { contact: ana }).unwrap();
    world.online(BELA, Reach::Up);
    world.run(60);
    assert_eq!(world.people[BELA].engine.attachment(id).unwrap().done, 0);
    world.command(BELA, Command::Unblock { contact: ana }).unwrap();
    world.run(60);
    assert_eq!(received(&world, ana, message).1, AttachmentState::Complete);
}

#[test]
fn what_was_prepared_and_never_sent_is_cleared_away() {
    let (mut world, bela, _) = World::met("unused");
    world.prepare(ANA, b"never sent");
    let kept = send_file(&mut world, bela, b"sent");
    world.run(5);
    let now = world.now;
    world.people[ANA].engine.drop_unused_attachments(now, &mut world.rng).unwrap();
    world.command(ANA, Command::MarkRead { contact: bela }).unwrap();
    assert_eq!(world.people[ANA].dropped.len(), 1);
    assert!(world.people[ANA].engine.message(bela, kept).unwrap().attachment.is_some());
}
