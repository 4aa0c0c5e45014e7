//! How conversations end by themselves: both people learn of it, and nothing is left in doubt.

use kith_engine::{Command, CommandError, Ended, Event, MessageState};

use crate::world::{ANA, BELA, World};

/// Bela goes on from data as they were before a talk.
fn with_restored_bela(name: &str) -> (World, kith_engine::ContactId, kith_engine::ContactId) {
    let (mut world, bela, ana) = World::met(name);
    world.send(ANA, bela, "before");
    world.run(5);
    let backup = world.back_up(BELA);
    for text in ["one", "two"] {
        world.send(BELA, ana, text);
        world.run(5);
        world.send(ANA, bela, text);
        world.run(5);
    }
    world.restore(BELA, backup);
    world.events(ANA);
    world.events(BELA);
    (world, bela, ana)
}

fn endings(world: &mut World, who: usize) -> Vec<Ended> {
    let why = |event| if let Event::SessionUnusable { why, .. } = event { Some(why) } else { None };
    world.events(who).into_iter().filter_map(why).collect()
}

#[test]
fn ke_36_a_restored_device_that_hears_learns_that_it_was_restored_and_so_does_the_contact() {
    let (mut world, bela, ana) = with_restored_bela("restored-hears");
    let message = world.send(ANA, bela, "are you there?");
    world.run(10);
    assert_eq!(endings(&mut world, BELA), [Ended::OwnCopy]);
    // What Bela's device says at the end has a number that was used: Ana's device sees the copy by itself.
    assert_eq!(endings(&mut world, ANA), [Ended::ContactsCopy]);
    assert_eq!(world.state(ANA, bela, message), MessageState::Expired);
    for (who, contact) in [(ANA, bela), (BELA, ana)] {
        let send = Command::Send { contact, text: "more".to_owned(), reply_to: None, attachment: None };
        assert!(matches!(world.command(who, send), Err(CommandError::SessionUnusable)));
    }
    // Nobody talks about it for ever.
    world.run(5);
    let steps = world.steps;
    world.run(3600);
    assert!(world.steps - steps < 200, "{} steps", world.steps - steps);
}

#[test]
fn ke_36_a_restored_device_that_speaks_first_is_told() {
    let (mut world, _, ana) = with_restored_bela("restored-speaks");
    let message = world.send(BELA, ana, "I am back");
    world.run(10);
    assert_eq!(endings(&mut world, ANA), [Ended::ContactsCopy]);
    assert_eq!(endings(&mut world, BELA), [Ended::ByContactForCopy]);
    assert_eq!(world.state(BELA, ana, message), MessageState::Expired);
}

#[test]
fn ke_36_the_end_reaches_a_contact_that_is_away() {
    let (mut world, _, ana) = with_restored_bela("restored-away");
    world.stop(ANA);
    let message = world.send(BELA, ana, "I am back");
    world.run(10);
    assert_eq!(world.state(BELA, ana, message), MessageState::Accepted);
    world.stop(BELA);
    world.crash(ANA);
    world.run(10);
    world.crash(BELA);
    world.run(10);
    assert_eq!(endings(&mut world, BELA), [Ended::ByContactForCopy]);
    assert_eq!(world.count(ANA, "SELECT count(*) FROM frames WHERE due IS NOT NULL"), 0);
}
