//! To how many contacts a backup brings its owner back is said before it is needed.

use kith_engine::{BackupReach, HistoryWish};
use kith_wire::backup::BackupItem;
use kith_wire::devices::RevocationReason;

use crate::world::{ANA, BELA, LAPTOP, Reach, World};

const DAY: u64 = 86_400;

/// Somebody comes back from a backup, and enters the password again when there are queues.
fn come_back(world: &mut World, name: &str, items: &[BackupItem]) -> usize {
    let tablet = world.come_back(name, LAPTOP, 1, items);
    world.run(20);
    world.unlock(tablet);
    world.run(DAY);
    tablet
}

/// Ana has a phone and a laptop, on which the backups are made.
fn with_two_devices(name: &str) -> World {
    let (mut world, _, _) = World::with_laptop(name);
    world.link(ANA, LAPTOP, HistoryWish::None);
    world.run(DAY);
    world
}

fn reach(world: &World, who: usize) -> (u64, u64, Option<u64>) {
    let BackupReach { contacts, missing, missing_in_last } = world.people[who].engine.backup_reach(world.now).unwrap();
    (contacts, missing, missing_in_last)
}

fn take_out_the_phone(world: &mut World, why: RevocationReason) {
    let phone = world.other_device(LAPTOP).id.unwrap();
    world.revoke(LAPTOP, phone, why).unwrap();
    world.online(ANA, Reach::Down);
    world.run(60);
}

#[test]
fn ke_109_a_backup_from_before_contacts_have_heard_of_a_loss_brings_nobody_back_and_says_so() {
    let mut world = with_two_devices("reach");
    assert_eq!(reach(&world, LAPTOP), (1, 0, None));
    world.backup_run(LAPTOP, None).unwrap();
    assert_eq!(reach(&world, LAPTOP), (1, 0, Some(0)));
    world.online(BELA, Reach::Down);
    take_out_the_phone(&mut world, RevocationReason::Compromised);
    assert_eq!(reach(&world, LAPTOP), (1, 1, Some(1)));
    let (too_early, _) = world.backup_run(LAPTOP, None).unwrap();
    assert_eq!(reach(&world, LAPTOP), (1, 1, Some(1)), "a new one is no better yet");
    world.online(BELA, Reach::Up);
    world.run(60);
    assert_eq!(reach(&world, LAPTOP), (1, 0, Some(1)), "now it would be");
    let (in_time, _) = world.backup_run(LAPTOP, None).unwrap();
    assert_eq!(reach(&world, LAPTOP), (1, 0, Some(0)));

    // It is as it was said.
    world.online(LAPTOP, Reach::Down);
    let is_back = |world: &mut World, items: &[BackupItem], name: &str| {
        let tablet = come_back(world, name, items);
        world.people[tablet].engine.contacts().unwrap()[0].restoring.is_none()
    };
    assert!(!is_back(&mut world, &too_early, "reach-early"));
    assert!(is_back(&mut world, &in_time, "reach-late"));
}

#[test]
fn ke_109_a_device_that_was_put_away_and_not_lost_costs_no_reach() {
    let mut world = with_two_devices("put-away");
    let (items, _) = world.backup_run(LAPTOP, None).unwrap();
    world.online(BELA, Reach::Down);
    take_out_the_phone(&mut world, RevocationReason::Retired);
    assert_eq!(reach(&world, LAPTOP), (1, 0, Some(0)));
    world.online(BELA, Reach::Up);
    world.online(LAPTOP, Reach::Down);
    let tablet = come_back(&mut world, "put-away-tablet", &items);
    assert!(world.people[tablet].engine.contacts().unwrap()[0].restoring.is_none());
}

#[test]
fn ke_109_a_card_that_has_run_out_or_was_used_does_not_count() {
    let mut world = with_two_devices("used-up");
    let (items, _) = world.backup_run(LAPTOP, None).unwrap();
    world.online(BELA, Reach::Down);
    for who in [ANA, LAPTOP] {
        world.online(who, Reach::Down);
    }
    let tablet = come_back(&mut world, "used-up-tablet", &items);
    assert_eq!(reach(&world, tablet), (1, 1, None), "the tablet has used it itself");
    world.online(BELA, Reach::Up);
    world.run(DAY);
    assert_eq!(reach(&world, tablet), (1, 0, None), "and has a new one");
    let long_after = world.now.plus_seconds(366 * DAY);
    assert_eq!(world.people[tablet].engine.backup_reach(long_after).unwrap().missing, 1);
}
