//! Attachments: both ways, resumed, damaged, gone.

use kith_crypto::attachment::open_chunk;
use kith_engine::{AttachmentId, AttachmentState, Command, CommandError, ContactId, MessageState};
use kith_wire::blob::BlobShape;
use kith_wire::id::MessageId;

use crate::world::{ANA, BELA, Reach, World, message_of};

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
