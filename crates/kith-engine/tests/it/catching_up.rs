//! Siblings that were away for longer than what they were told is kept, and devices that were taken out in the middle of telling.

use kith_engine::{Command, ContactId, HistoryWish};
use kith_wire::devices::RevocationReason;

use crate::world::{ANA, BELA, LAPTOP, Reach, World};

const DAY: u64 = 86_400;

/// Ana and Bela know each other, and Ana's laptop is linked. Returns what each of the three calls the other person.
fn with_linked(name: &str, wish: HistoryWish) -> (World, ContactId, ContactId, ContactId) {
    let (mut world, bela, ana) = World::with_laptop(name);
    world.send(ANA, bela, "from before");
    world.run(5);
    world.link(ANA, LAPTOP, wish);
    let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
    (world, bela, ana, there)
}

/// Lets a hundred days pass, in which everybody who is there looks in now and then, and enters the password.
fn months(world: &mut World, who: &[usize]) {
    for _ in 0..10 {
        world.now = world.now.plus_seconds(10 * DAY);
        world.run(300);
        for who in who {
            world.unlock(*who);
        }
    }
}

/// Returns what a device shows of all contacts.
fn shown(world: &World, who: usize) -> Vec<(String, Vec<String>, Vec<usize>)> {
    let engine = &world.people[who].engine;
    let reactions = |contact: ContactId| world.log(who, contact).iter().map(|view| view.reactions.len()).collect();
    let contacts = engine.contacts().unwrap().into_iter();
    contacts.map(|contact| (contact.name, world.texts(who, contact.id), reactions(contact.id))).collect()
}

#[test]
fn ke_77_a_device_that_was_away_for_months_shows_in_the_end_what_the_others_show() {
    let (mut world, bela, ana, there) = with_linked("months", HistoryWish::All);
    let cem = world.add("months-cem");
    let dora = world.add("months-dora");
    for who in [cem, dora] {
        let (_, offer) = world.card(ANA);
        world.accept(who, offer);
    }
    world.run(60);
    let first = world.send(ANA, bela, "one");
    let second = world.send(BELA, ana, "two");
    world.run(60);
    // What the laptop says before it is put away leaves it months later.
    world.online(LAPTOP, Reach::Down);
    let unsent = world.send(LAPTOP, there, "from the drawer");
    world.send(BELA, ana, "three");
    world.command(ANA, Command::Edit { contact: bela, message: first, text: "ONE".to_owned() }).unwrap();
    world.command(ANA, Command::React { contact: bela, message: second, emoji: "❤".to_owned() }).unwrap();
    world.command(ANA, Command::Rename { contact: bela, name: "B.".to_owned() }).unwrap();
    let forgotten = world.people[ANA].engine.contacts().unwrap()[2].id;
    world.command(ANA, Command::Forget { contact: forgotten }).unwrap();
    let emil = world.add("months-emil");
    let (on_phone, offer) = world.card(ANA);
    world.accept(emil, offer);
    world.run(60);
    world.send(ANA, on_phone, "hello Emil");
    months(&mut world, &[ANA, BELA, cem, emil]);
    world.send(BELA, ana, "four");
    world.run(60);
    world.online(LAPTOP, Reach::Up);
    for _ in 0..4 {
        for who in [ANA, LAPTOP, BELA, cem, emil] {
            world.unlock(who);
        }
        world.run(DAY);
    }
    assert_eq!(shown(&world, LAPTOP), shown(&world, ANA));
    let texts = world.texts(LAPTOP, there);
    assert_eq!(texts.len(), 6, "{texts:?}");
    assert_eq!(world.state(ANA, bela, unsent), world.state(LAPTOP, there, unsent));
    // And it talks to everybody by itself again, also to those whom it never met.
    for contact in world.people[LAPTOP].engine.contacts().unwrap() {
        world.send(LAPTOP, contact.id, "back");
    }
    world.run(60);
    let back = |who: usize| {
        let contact = world.people[who].engine.contacts().unwrap()[0].id;
        world.texts(who, contact).last().unwrap().clone()
    };
    assert_eq!([BELA, cem, emil].map(back), ["back", "back", "back"]);
}

#[test]
fn ke_77_of_before_it_was_linked_a_device_is_told_again_only_what_it_has() {
    let (mut world, bela, ana) = World::with_laptop("months-none");
    let before = world.send(ANA, bela, "from before");
    world.run(2 * DAY);
    world.link(ANA, LAPTOP, HistoryWish::None);
    world.online(LAPTOP, Reach::Down);
    world.command(BELA, Command::React { contact: ana, message: before, emoji: "❤".to_owned() }).unwrap();
    world.send(BELA, ana, "of now");
    months(&mut world, &[ANA, BELA]);
    world.online(LAPTOP, Reach::Up);
    world.run(DAY);
    let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
    assert_eq!(world.texts(LAPTOP, there), ["of now"]);
}

#[test]
fn ke_77_what_has_disappeared_on_a_device_does_not_come_back_from_another_one() {
    let (mut world, bela, ana, there) = with_linked("gone", HistoryWish::All);
    world.command(ANA, Command::SetDisappearing { contact: bela, seconds: Some(60) }).unwrap();
    world.run(60);
    world.send(BELA, ana, "for a minute");
    world.run(20);
    // The laptop, which has not read it, is away for weeks; on the phone it is read and goes.
    world.online(LAPTOP, Reach::Down);
    world.command(ANA, Command::MarkRead { contact: bela }).unwrap();
    world.run(120);
    assert_eq!(world.texts(ANA, bela), ["from before"]);
    world.now = world.now.plus_seconds(12 * DAY);
    world.run(60);
    world.online(LAPTOP, Reach::Up);
    world.run(DAY);
    assert_eq!(world.texts(ANA, bela), ["from before"]);
    assert_eq!(world.texts(LAPTOP, there), ["from before"]);
}

#[test]
fn ke_78_much_is_told_again_in_portions_and_goes_on_after_a_crash() {
    let (mut world, _, ana, there) = with_linked("portions", HistoryWish::All);
    world.online(LAPTOP, Reach::Down);
    for n in 0..350 {
        world.send(BELA, ana, &format!("{n} {}", "x".repeat(1500)));
        if n % 100 == 99 {
            world.run(5);
        }
    }
    months(&mut world, &[ANA, BELA]);
    world.online(LAPTOP, Reach::Up);
    let mut most = 0;
    for _ in 0..60 {
        world.settle_some(40);
        most = most
            .max(world.count(ANA, "SELECT count(*) FROM frames") + world.count(ANA, "SELECT count(*) FROM outgoing"));
    }
    assert!(world.count(ANA, "SELECT count(*) FROM catching_up") > 0, "it is not done at once");
    assert!((100..400).contains(&most), "{most}");
    world.crash(ANA);
    world.crash(LAPTOP);
    world.run(DAY);
    assert_eq!(world.count(ANA, "SELECT count(*) FROM catching_up"), 0);
    assert_eq!(world.texts(LAPTOP, there).len(), 351);
}

#[test]
fn ke_79_what_a_device_told_one_and_not_the_other_before_it_was_taken_out_these_tell_each_other() {
    let (mut world, _, _, there) = with_linked("taken-out", HistoryWish::None);
    let tablet = world.add("taken-out-tablet");
    world.link(ANA, tablet, HistoryWish::None);
    world.run(DAY);
    // Bela is away too, so that the phone alone hears of it.
    world.online(BELA, Reach::Down);
    world.online(tablet, Reach::Down);
    world.send(LAPTOP, there, "my last words");
    world.run(60);
    world.online(LAPTOP, Reach::Down);
    let laptop = world.people[LAPTOP].engine.devices().unwrap().into_iter().find(|device| device.is_this).unwrap();
    world.run(60);
    world.revoke(ANA, laptop.id.unwrap(), RevocationReason::Retired).unwrap();
    // What the laptop had under way for the tablet is not opened any more.
    world.alter(LAPTOP, "DELETE FROM frames", &[]);
    world.online(tablet, Reach::Up);
    world.online(BELA, Reach::Up);
    world.run(DAY);
    let on_tablet = world.people[tablet].engine.contacts().unwrap()[0].id;
    assert!(world.texts(tablet, on_tablet).contains(&"my last words".to_owned()));
}

#[test]
fn ke_79_a_contact_that_takes_out_devices_all_day_makes_siblings_tell_each_other_once() {
    let (mut world, bela, _, _) = with_linked("all-day", HistoryWish::None);
    world.run(DAY);
    let told = |world: &World| {
        let sql = format!("SELECT lost_at IS NOT NULL AND lost_again FROM contacts WHERE id = {}", bela.0);
        world.count(ANA, &sql)
    };
    for n in 0..3 {
        let tablet = world.add(&format!("all-day-{n}"));
        world.link(BELA, tablet, HistoryWish::None);
        world.run(7 * 3600);
        let own = world.people[tablet].engine.devices().unwrap().into_iter().find(|device| device.is_this).unwrap();
        world.revoke(BELA, own.id.unwrap(), RevocationReason::Retired).unwrap();
        world.run(60);
        let is_first = n == 0;
        assert_eq!(told(&world), i64::from(!is_first), "the first one is told at once, the others wait");
    }
    assert_eq!(world.count(ANA, "SELECT count(*) FROM catching_up"), 0);
    world.run(DAY);
    assert_eq!(told(&world), 0, "and are told together");
}

#[test]
fn ke_80_two_devices_that_a_third_one_linked_tell_each_other_what_came_before_they_met() {
    let (mut world, bela, ana, _) = with_linked("meet-late", HistoryWish::None);
    // The phone is away while the laptop links a tablet, and hears from Bela before it has met it.
    world.online(ANA, Reach::Down);
    let tablet = world.add("meet-late-tablet");
    world.link(LAPTOP, tablet, HistoryWish::None);
    world.online(tablet, Reach::Down);
    world.online(LAPTOP, Reach::Down);
    world.online(ANA, Reach::Up);
    world.send(BELA, ana, "to whom it concerns");
    world.run(60);
    assert_eq!(world.texts(ANA, bela).last().unwrap(), "to whom it concerns");
    world.online(BELA, Reach::Down);
    world.online(LAPTOP, Reach::Up);
    world.online(tablet, Reach::Up);
    world.run(3 * DAY);
    let on_tablet = world.people[tablet].engine.contacts().unwrap()[0].id;
    assert_eq!(world.texts(tablet, on_tablet).last().unwrap(), "to whom it concerns");
}

#[test]
fn ke_54_a_device_hears_that_it_was_revoked_from_whoever_has_met_it() {
    let (mut world, _, _, _) = with_linked("not-met", HistoryWish::None);
    world.online(ANA, Reach::Down);
    let tablet = world.add("not-met-tablet");
    world.link(LAPTOP, tablet, HistoryWish::None);
    let own = world.people[tablet].engine.devices().unwrap().into_iter().find(|device| device.is_this).unwrap();
    world.online(tablet, Reach::Down);
    // The phone has heard of the tablet, has never met it, and takes it out.
    world.online(ANA, Reach::Up);
    world.run(60);
    world.revoke(ANA, own.id.unwrap(), RevocationReason::Compromised).unwrap();
    world.run(60);
    world.online(tablet, Reach::Up);
    world.run(DAY);
    assert!(world.people[tablet].engine.status(world.now).unwrap().revoked);
}

#[test]
fn a_revoked_device_that_was_away_for_months_hears_of_it_and_one_that_never_comes_is_forgotten() {
    for comes_back in [true, false] {
        let (mut world, _, _, _) = with_linked(&format!("revoked-away-{comes_back}"), HistoryWish::None);
        let laptop = world.other_device(ANA).id.unwrap();
        world.online(LAPTOP, Reach::Down);
        world.revoke(ANA, laptop, RevocationReason::Compromised).unwrap();
        months(&mut world, &[ANA, BELA]);
        assert_eq!(world.count(ANA, "SELECT count(*) FROM siblings"), 1);
        if comes_back {
            world.online(LAPTOP, Reach::Up);
            world.run(2 * DAY);
            assert!(world.people[LAPTOP].engine.status(world.now).unwrap().revoked);
        } else {
            for _ in 0..3 {
                months(&mut world, &[ANA, BELA]);
            }
            assert_eq!(world.count(ANA, "SELECT count(*) FROM siblings"), 0);
        }
    }
}
