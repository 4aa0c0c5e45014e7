//! Clocks that are wrong, and are set right: what is written by them arrives, and nothing waits for the day that they showed.

use kith_engine::{Command, ContactId, Event, HistoryWish, MessageState, Shown, Trouble};

use crate::world::{ANA, BELA, LAPTOP, Reach, World, jpeg};

#[test]
fn a_clock_that_was_ahead_delays_nothing_once_it_is_right() {
    let (mut world, bela, ana) = World::met("clock");
    world.run(5);
    // Ahead by so much that no server's keys are believed, and while a server is away.
    world.people[ANA].ahead = 400 * 86_400;
    world.reach(0, Reach::Down);
    let message = world.send(ANA, bela, "from the future");
    world.run(600);
    world.people[ANA].ahead = 0;
    world.reach(0, Reach::Up);
    world.wake(ANA);
    world.run(10);
    assert_eq!(world.texts(BELA, ana), ["from the future"]);
    assert_eq!(world.state(ANA, bela, message), MessageState::Delivered);
}

#[test]
fn a_clock_that_is_far_ahead_gives_up_nothing() {
    let mut world = World::new("clock-far");
    let (bela, offer) = world.card(ANA);
    world.run(5);
    let message = world.send(ANA, bela, "before we met");
    world.people[ANA].ahead = 4_000 * 86_400;
    world.wake(ANA);
    world.crash(ANA);
    world.run(600);
    world.people[ANA].ahead = 0;
    world.crash(ANA);
    world.wake(ANA);
    let ana = world.accept(BELA, offer);
    world.run(60);
    assert_eq!(world.texts(BELA, ana), ["before we met"]);
    assert_eq!(world.state(ANA, bela, message), MessageState::Delivered);
}

#[test]
fn a_clock_a_day_ahead_puts_off_no_retry_and_no_acknowledgement() {
    for dies in [false, true] {
        let (mut world, bela, ana) = World::met("clock-day");
        world.run(5);
        world.people[ANA].ahead = 2 * 86_400;
        let first = world.send(ANA, bela, "by a clock that is ahead");
        world.run(5);
        world.people[ANA].ahead = 0;
        if dies {
            world.crash(ANA);
        }
        world.wake(ANA);
        let second = world.send(ANA, bela, "by one that is right");
        world.run(60);
        assert_eq!(world.texts(BELA, ana), ["by a clock that is ahead", "by one that is right"], "{dies}");
        for message in [first, second] {
            assert_eq!(world.state(ANA, bela, message), MessageState::Delivered);
        }
    }
}

#[test]
fn a_clock_that_is_wrong_by_days_keeps_no_message_from_its_reader_and_is_told_with_its_direction() {
    for ahead in [86_400, 2 * 86_400 - 3_600] {
        let (mut world, bela, ana) = World::met("clock-wrong");
        world.run(5);
        world.events(ANA);
        world.people[ANA].ahead = ahead;
        let first = world.send(ANA, bela, "on the old connection");
        world.run(60);
        assert!(
            world.events(ANA).iter().any(|event| matches!(event, Event::Trouble(Trouble::ClockOff { ahead: told }) if told.abs_diff(ahead as i64) < 100)),
            "told by how much"
        );
        let second = world.send(ANA, bela, "after the server has said the time");
        world.run(60);
        assert_eq!(world.texts(BELA, ana), ["on the old connection", "after the server has said the time"], "{ahead}");
        for message in [first, second] {
            assert_eq!(world.state(ANA, bela, message), MessageState::Delivered);
        }
    }
}

#[test]
fn a_clock_that_is_wrong_deposits_what_waits_for_its_reader_once() {
    let (mut world, bela, _) = World::met("clock-once");
    world.run(5);
    world.online(BELA, Reach::Down);
    world.people[ANA].ahead = 86_400;
    world.send(ANA, bela, "for somebody who is away");
    world.run(60);
    assert_eq!(world.count(ANA, "SELECT max(attempts) FROM frames"), 1);
}

#[test]
fn ke_127_a_clock_that_jumps_under_an_open_connection_makes_no_deposit_too_long_or_too_short() {
    for ahead in [86_400, 2 * 86_400 - 3_600, 8 * 86_400] {
        let (mut world, bela, ana) = World::met("clock-jumps");
        world.run(5);
        world.people[ANA].ahead = ahead;
        let first = world.send(ANA, bela, "by a clock that has jumped ahead");
        // Further ahead no server is believed (KE-5), and nothing leaves at all.
        let is_believed = ahead < 2 * 86_400;
        world.run(5);
        assert_eq!(world.texts(BELA, ana).len(), usize::from(is_believed), "{ahead}");
        world.people[ANA].ahead = 0;
        let second = world.send(ANA, bela, "by one that was set back");
        world.run(5);
        assert_eq!(world.texts(BELA, ana), ["by a clock that has jumped ahead", "by one that was set back"], "{ahead}");
        for message in [first, second] {
            assert_eq!(world.state(ANA, bela, message), MessageState::Delivered, "{ahead}");
        }
    }
}

#[test]
fn ke_127_nothing_is_deposited_before_the_clocks_are_compared() {
    let (mut world, bela, ana) = World::met("clock-first");
    world.online(ANA, Reach::Down);
    world.online(BELA, Reach::Down);
    world.send(ANA, bela, "for the next connection");
    world.people[ANA].ahead = 86_400;
    world.online(ANA, Reach::Up);
    world.run(5);
    assert_eq!(world.count(ANA, "SELECT max(attempts) FROM frames"), 1);
    world.online(BELA, Reach::Up);
    world.run(5);
    assert_eq!(world.texts(BELA, ana), ["for the next connection"]);
}

#[test]
fn ke_128_what_a_clock_that_was_ahead_has_deposited_goes_out_again_when_it_is_right() {
    for (ahead, dies) in [(12 * 3600, false), (12 * 3600, true), (40 * 3600, false), (40 * 3600, true)] {
        let (mut world, bela, ana) = World::met("clock-again");
        world.run(5);
        world.online(BELA, Reach::Down);
        world.people[ANA].ahead = ahead;
        let message = world.send(ANA, bela, "on a disk that is lost");
        world.run(5);
        world.lose_queues(1);
        world.people[ANA].ahead = 0;
        if dies {
            world.crash(ANA);
        }
        world.wake(ANA);
        world.run(5);
        world.online(BELA, Reach::Up);
        world.run(5);
        assert_eq!(world.texts(BELA, ana), ["on a disk that is lost"], "{ahead} {dies}");
        assert_eq!(world.state(ANA, bela, message), MessageState::Delivered, "{ahead} {dies}");
    }
}

#[test]
fn ke_135_what_was_set_by_a_clock_that_was_ahead_is_set_on_all_devices_once_it_is_right() {
    for dies in [false, true] {
        let (mut world, bela, _) = World::with_laptop("clock-settings");
        world.link(ANA, LAPTOP, HistoryWish::None);
        let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
        let shown = |world: &World, who: usize, contact: ContactId| {
            let view = world.people[who].engine.contact(contact).unwrap();
            let picture = world.people[who].engine.picture(contact).unwrap();
            (view.name, view.pinned, view.verified, view.draft, picture)
        };
        world.people[ANA].ahead = 40 * 3600;
        world.wake(ANA);
        for command in [
            Command::Rename { contact: bela, name: "Belarmino".to_owned() },
            Command::SetShown { contact: bela, shown: Shown::Pinned, on: true },
            Command::ConfirmVerified { contact: bela },
            Command::SaveDraft { contact: bela, text: "half a th".to_owned() },
            Command::SetPicture { contact: bela, picture: Some(jpeg(900)) },
        ] {
            world.command(ANA, command).unwrap();
        }
        world.run(60);
        let set = ("Belarmino".to_owned(), true, true, "half a th".to_owned(), Some(jpeg(900)));
        assert_eq!(shown(&world, ANA, bela), set);
        assert_ne!(shown(&world, LAPTOP, there), set, "it is from a day that has not come");
        world.people[ANA].ahead = 0;
        if dies {
            world.crash(ANA);
            world.unlock(ANA);
        }
        world.wake(ANA);
        world.run(60);
        assert_eq!(shown(&world, LAPTOP, there), set, "{dies}");
        // And what another device sets after it counts.
        world.command(LAPTOP, Command::Rename { contact: there, name: "Bela".to_owned() }).unwrap();
        world.run(60);
        assert_eq!(world.people[ANA].engine.contact(bela).unwrap().name, "Bela", "{dies}");
    }
}

#[test]
fn ke_135_what_comparing_had_answered_stays_answered_and_nothing_else_becomes_so() {
    let day = 86_400_000;
    for (verified, restored, is_answered) in
        [(3 * day, 2 * day, true), (2 * day, 3 * day, false), (-day, 2 * day, false)]
    {
        let (mut world, bela, _) = World::met("clock-compared");
        let now = i64::try_from(world.now.0).unwrap();
        let sql = "UPDATE contacts SET verified = 1, verified_at = ?1, restored_at = ?2";
        world.alter(ANA, sql, &[&(now + verified), &(now + restored)]);
        world.unlock(ANA);
        assert!(world.count(ANA, "SELECT max(verified_at, restored_at) FROM contacts") <= now + 1);
        let restored = world.people[ANA].engine.contact(bela).unwrap().restored;
        assert_eq!(restored.is_none(), is_answered, "{verified} {restored:?}");
    }
}

#[test]
fn no_message_stays_with_the_server_for_a_clock_that_was_set_back_while_the_readers_server_was_away() {
    for (away, back, dies, is_back) in [
        (30, 0, false, true),
        (30, 4_000, false, false),
        (600, 30, true, false),
        (4_000, 30, false, true),
        (4_000, 4_000, true, false),
        (86_400, 0, true, true),
    ] {
        let (mut world, bela, ana) = World::met("clock-away");
        world.run(5);
        world.people[ANA].ahead = 2 * 86_400;
        world.reach(1, Reach::Down);
        world.run(3);
        let first = world.send(ANA, bela, "by a clock that is ahead");
        world.run(away);
        if is_back {
            world.reach(1, Reach::Up);
            world.run(back);
        }
        world.people[ANA].ahead = 0;
        if dies {
            world.crash(ANA);
        }
        world.wake(ANA);
        let second = world.send(ANA, bela, "by one that is right");
        if !is_back {
            world.run(back);
            world.reach(1, Reach::Up);
        }
        // The server that waits for the other one tries it again after twenty minutes at the latest.
        world.run(1_200);
        world.run(10);
        assert_eq!(world.texts(BELA, ana), ["by a clock that is ahead", "by one that is right"], "{away} {back}");
        for message in [first, second] {
            assert_eq!(world.state(ANA, bela, message), MessageState::Delivered, "{away} {back}");
        }
    }
}
