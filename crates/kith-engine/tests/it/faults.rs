//! Storage that fails at any statement or commit, and disks that are full: nothing is lost, nothing comes twice.

use std::sync::atomic::Ordering;

use kith_engine::{Command, CommandError, ContactId, MessageState, Reply, Whom};
use rand::RngExt;

use crate::world::{ANA, BELA, Disk, World, message_of};

/// What happens after storage has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// The program goes on.
    GoesOn,
    /// The program dies and starts again.
    Dies,
}

/// Lets Ana and Bela talk while the storage of one of them fails once a round, at a random place.
fn talk(name: &str, after: After, arm: impl Fn(&mut World, usize)) {
    let (mut world, bela, ana) = World::met(name);
    for who in [ANA, BELA] {
        world.crash(who);
    }
    world.run(3);
    let contacts = [bela, ana];
    let mut said: [Vec<String>; 2] = [Vec::new(), Vec::new()];
    for round in 0..120 {
        let victim = round % 2;
        world.may_fail(victim, Disk::Failing);
        arm(&mut world, victim);
        for who in [ANA, BELA] {
            if let Some(text) = say(&mut world, who, contacts[who], round) {
                said[who].push(text);
            }
        }
        let n_steps = world.rng.random_range(0..40);
        for _ in 0..n_steps {
            if !world.step() {
                world.run(1);
            }
        }
        if after == After::Dies {
            world.people[victim].fuse.clear();
            world.crash(victim);
        }
        world.run(3);
        world.people[victim].fuse.clear();
        world.may_fail(victim, Disk::Working);
    }
    world.run(3 * 3600);
    for (who, contact) in contacts.into_iter().enumerate() {
        let texts = world.texts(who, contact);
        for (writer, said) in said.iter().enumerate() {
            let start = if writer == ANA { 'a' } else { 'b' };
            let of_writer: Vec<_> = texts.iter().filter(|text| text.starts_with(start)).cloned().collect();
            assert_eq!(&of_writer, said, "{name}: what {writer} said, as {who} sees it");
        }
        for message in world.log(who, contact) {
            assert_eq!(message.state, MessageState::Delivered, "{name}: {message:?}");
        }
    }
}

/// Writes a text, or a file now and then, and moves queues; returns the text when it was taken.
fn say(world: &mut World, who: usize, contact: ContactId, round: usize) -> Option<String> {
    let text = format!("{}{round}", if who == ANA { 'a' } else { 'b' });
    if round % 16 == 5 {
        match world.command(who, Command::Rotate { contact }) {
            Ok(_) | Err(CommandError::Storage(_) | CommandError::NoSpareQueue) => {}
            Err(other) => panic!("{other}"),
        }
    }
    let send = Command::Send { contact, text: text.clone(), reply_to: None, attachment: None };
    match world.command(who, send) {
        Ok(reply) => {
            message_of(reply);
            Some(text)
        }
        Err(CommandError::Storage(_)) => None,
        Err(other) => panic!("{other}"),
    }
}

fn at_a_statement(world: &mut World, who: usize) {
    let steps = world.rng.random_range(1..600);
    world.people[who].fuse.steps.store(steps, Ordering::SeqCst);
}

fn at_a_commit(world: &mut World, who: usize) {
    let commits = world.rng.random_range(1..12);
    world.people[who].fuse.commits.store(commits, Ordering::SeqCst);
}

#[test]
fn ke_8_a_statement_that_fails_changes_nothing_and_the_program_goes_on() {
    talk("fault-statement", After::GoesOn, at_a_statement);
}

#[test]
fn ke_29_a_statement_that_fails_before_the_program_dies_changes_nothing() {
    talk("fault-statement-dies", After::Dies, at_a_statement);
}

#[test]
fn ke_8_a_commit_that_fails_changes_nothing_and_the_program_goes_on() {
    talk("fault-commit", After::GoesOn, at_a_commit);
}

#[test]
fn ke_29_a_commit_that_fails_before_the_program_dies_changes_nothing() {
    talk("fault-commit-dies", After::Dies, at_a_commit);
}

#[test]
fn ke_17_a_full_disk_delays_and_loses_nothing() {
    let (mut world, bela, ana) = World::met("full");
    world.run(5);
    world.limit_disk(BELA, 12);
    world.may_fail(BELA, Disk::Failing);
    let mut said = Vec::new();
    for n in 0..60 {
        let text = format!("{n} {}", "x".repeat(1_500));
        world.send(ANA, bela, &text);
        said.push(text);
        world.run(1);
    }
    world.run(600);
    let n_there = world.texts(BELA, ana).len();
    assert!(n_there < 60, "the disk was never full");
    world.limit_disk(BELA, 1_000_000);
    world.may_fail(BELA, Disk::Working);
    world.run(2 * 3600);
    assert_eq!(world.texts(BELA, ana), said);
}

/// The same for the meeting: a new pair of people for each place.
#[test]
fn a_meeting_goes_on_after_storage_has_failed() {
    for n in 0..40 {
        let mut world = World::new(&format!("fault-meet-{n}"));
        world.crash(ANA);
        world.crash(BELA);
        world.run(3);
        let victim = usize::try_from(n % 2).unwrap();
        world.may_fail(victim, Disk::Failing);
        let fuse = world.people[victim].fuse.clone();
        fuse.steps.store(1 + n * n, Ordering::SeqCst);
        let new = Command::CardNew { whom: Whom::New(None), expires: 86_400 };
        let card = world.command(ANA, new.clone()).or_else(|_| world.command(ANA, new));
        let Ok(Reply::Card { contact: bela, offer, .. }) = card else { panic!("{n}: no card") };
        let accept = Command::CardAccept { offer, whom: Whom::New(None) };
        let ana = world.command(BELA, accept.clone()).or_else(|_| world.command(BELA, accept));
        let Ok(Reply::Contact(ana)) = ana else { panic!("{n}: no answer") };
        world.run(3);
        fuse.clear();
        world.may_fail(victim, Disk::Working);
        world.run(3 * 3600);
        world.send(ANA, bela, "hello");
        world.send(BELA, ana, "hello");
        world.run(5);
        assert_eq!(world.texts(ANA, bela).len(), 2, "{n}");
        assert_eq!(world.texts(BELA, ana).len(), 2, "{n}");
        assert_eq!(world.count(ANA, "SELECT count(*) FROM contacts"), 1, "{n}");
    }
}
