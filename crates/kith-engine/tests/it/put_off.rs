//! What a clock that was ahead has put off, each kind as the engine really puts it off (KE-128).

use std::collections::BTreeSet;

use kith_engine::{Command, HistoryWish, Mended, PutOff};
use kith_home::Room;
use kith_wire::devices::RevocationReason;

use crate::world::{ANA, BELA, LAPTOP, Reach, World};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
/// As far as a clock may be ahead while servers are still believed.
const A_BIT: u64 = 36 * HOUR;
/// So far that no server is.
const FAR: u64 = 400 * DAY;

/// Something that is put off, and how it comes about.
struct Case {
    /// Table, column and rows.
    of: (&'static str, &'static str, &'static str),
    longest_seconds: u64,
    /// Seconds by which the clock is ahead.
    ahead: u64,
    /// Builds a world up to the moment before; returns whose clock it is.
    before: fn(&str) -> (World, usize),
    /// What they do then.
    act: fn(&mut World, usize),
}

const CASES: [Case; 12] = [
    Case {
        of: ("contacts", "draft_due", "1"),
        longest_seconds: 2,
        ahead: FAR,
        before: |name| {
            let (mut world, _, _) = World::with_laptop(name);
            world.link(ANA, LAPTOP, HistoryWish::None);
            (world, ANA)
        },
        act: |world, who| {
            let contact = world.people[who].engine.contacts().unwrap()[0].id;
            world.command(who, Command::SaveDraft { contact, text: "half a th".to_owned() }).unwrap();
        },
    },
    Case {
        of: ("contacts", "announce_at", "1"),
        longest_seconds: 6 * HOUR,
        ahead: A_BIT,
        before: |name| {
            let (mut world, _, _) = World::with_laptop(name);
            let cem = world.add(&format!("{name}-cem"));
            world.meets(ANA, cem);
            welcome(&mut world, ANA);
            (world, LAPTOP)
        },
        act: |world, _| world.adopt_from(ANA, LAPTOP),
    },
    Case {
        of: ("contacts", "introduce_at", "1"),
        longest_seconds: DAY,
        ahead: A_BIT,
        before: |name| (unintroduced(name, ANA), ANA),
        act: |world, who| {
            world.online(who, Reach::Up);
            world.run(5);
        },
    },
    Case {
        of: ("introductions", "expires", "giver IS NOT NULL"),
        longest_seconds: 7 * DAY,
        ahead: A_BIT,
        before: |name| {
            let mut world = unintroduced(name, ANA);
            world.online(ANA, Reach::Up);
            world.run(5);
            (world, ANA)
        },
        // A day has passed by this clock: it gives a card of its own.
        act: World::wake,
    },
    Case {
        of: ("introductions", "expires", "offer IS NOT NULL"),
        longest_seconds: 30 * DAY,
        ahead: A_BIT,
        before: |name| {
            let mut world = unintroduced(name, LAPTOP);
            world.online(ANA, Reach::Up);
            // A day later Ana gives a card, and the laptop, which has no queue to answer from, is off.
            world.run(2 * DAY);
            (world, LAPTOP)
        },
        act: |world, who| {
            world.online(who, Reach::Up);
            world.run(5);
        },
    },
    Case {
        of: ("frames", "due", "deposited IS NULL AND (kind <> 0 OR attempts > 0)"),
        longest_seconds: HOUR,
        ahead: A_BIT,
        before: |name| (World::met(name).0, ANA),
        act: |world, who| {
            world.servers[0].home.set_room(Room::Scarce);
            let contact = world.people[who].engine.contacts().unwrap()[0].id;
            world.send(who, contact, "not now");
            world.run(5);
        },
    },
    Case {
        of: ("frames", "due", "deposited IS NOT NULL"),
        longest_seconds: DAY,
        ahead: A_BIT,
        before: |name| {
            let (mut world, _, _) = World::met(name);
            world.run(5);
            world.online(BELA, Reach::Down);
            (world, ANA)
        },
        act: |world, who| {
            let contact = world.people[who].engine.contacts().unwrap()[0].id;
            world.send(who, contact, "whenever you come");
            world.run(5);
        },
    },
    Case {
        of: ("frames", "due", "kind = 0 AND attempts = 0"),
        longest_seconds: 6 * HOUR,
        ahead: A_BIT,
        before: returned,
        act: World::unlock,
    },
    Case {
        of: ("own_rotations", "at", "1"),
        longest_seconds: 5 * HOUR / 4,
        ahead: FAR,
        before: |name| {
            let (mut world, _, _) = World::met(name);
            world.command(ANA, Command::SetKeyRotation { hours: 1 }).unwrap();
            (world, ANA)
        },
        act: World::wake,
    },
    Case {
        of: ("spare_times", "at", "1"),
        longest_seconds: 365 * DAY / 2,
        ahead: FAR,
        before: |name| (World::met(name).0, ANA),
        act: World::wake,
    },
    Case {
        of: ("closings_sent", "due", "1"),
        longest_seconds: HOUR,
        ahead: A_BIT,
        before: |name| {
            let (mut world, _, _) = World::with_laptop(name);
            world.link(ANA, LAPTOP, HistoryWish::None);
            world.run(DAY);
            world.reach(1, Reach::Down);
            (world, ANA)
        },
        act: |world, who| {
            let laptop = world.other_device(who).id.unwrap();
            world.revoke(who, laptop, RevocationReason::Compromised).unwrap();
            world.run(5);
        },
    },
    Case {
        of: ("peers", "reply_at", "1"),
        longest_seconds: 10,
        ahead: A_BIT,
        before: |name| (World::met(name).0, ANA),
        act: |world, _| {
            let ana = world.people[BELA].engine.contacts().unwrap()[0].id;
            world.send(BELA, ana, "and you?");
            world.settle();
        },
    },
];

/// The laptop is linked, and its vault has still to take the user key over.
fn welcome(world: &mut World, old: usize) {
    let offer = world.device_card(old);
    world.join(LAPTOP, offer).unwrap();
    let sibling = world.compared(old, LAPTOP);
    world.welcome(old, sibling, HistoryWish::None).unwrap();
    world.run(5);
}

/// Bela has linked the laptop, which had no queue to give a card from, while Ana was away. Whoever `is_off` stays so.
fn unintroduced(name: &str, is_off: usize) -> World {
    let (mut world, _, _) = World::with_laptop(name);
    world.online(ANA, Reach::Down);
    welcome(&mut world, BELA);
    world.alter(LAPTOP, "DELETE FROM queues WHERE state = 1", &[]);
    world.adopt_from(BELA, LAPTOP);
    world.run(60);
    world.online(is_off, Reach::Down);
    world
}

/// Ana has lost her device, and is back from a backup; her contacts have not heard of it yet.
fn returned(name: &str) -> (World, usize) {
    let (mut world, _, _) = World::met(name);
    for other in ["cem", "dana", "eli"] {
        let who = world.add(&format!("{name}-{other}"));
        world.meets(ANA, who);
    }
    world.run(DAY);
    let backup = world.backup_of(ANA);
    world.online(ANA, Reach::Down);
    let who = world.restore_lost(&backup, &format!("{name}-back"), 0);
    world.run(20);
    (world, who)
}

/// Returns how many milliseconds from now the latest of what somebody has put off lies.
fn latest(world: &World, who: usize, put_off: &PutOff) -> Option<i64> {
    let PutOff { table, time, which, .. } = put_off;
    let sql = format!("SELECT max({time}) FROM {table} WHERE {which}");
    let latest: Option<i64> = world.people[who].keeper.query_row(&sql, [], |row| row.get(0)).unwrap();
    Some(latest? - i64::try_from(world.now.0).unwrap())
}

fn named(put_off: &PutOff) -> (String, String, String) {
    (put_off.table.to_owned(), put_off.time.to_owned(), put_off.which.to_string())
}

impl Case {
    /// Returns what the case is about, by a clock that is ahead by so much, and who has put it off.
    fn put_off(&self, name: &str, ahead: u64) -> (World, usize, PutOff) {
        let (mut world, who) = (self.before)(name);
        world.people[who].ahead = ahead;
        (self.act)(&mut world, who);
        let (table, time, which) = self.of;
        let all = world.people[who].engine.put_off().unwrap();
        let it = all.into_iter().find(|it| (it.table, it.time, it.which.as_ref()) == (table, time, which));
        (world, who, it.unwrap_or_else(|| panic!("{:?} is in no list", self.of)))
    }
}

#[test]
fn ke_128_nothing_is_put_off_to_the_day_that_a_wrong_clock_showed() {
    for (number, case) in CASES.iter().enumerate() {
        for dies in [false, true] {
            let (mut world, who, put_off) = case.put_off(&format!("put-off-{number}-{dies}"), case.ahead);
            let longest = i64::try_from(case.longest_seconds * 1000).unwrap();
            let far = latest(&world, who, &put_off).unwrap_or_else(|| panic!("{:?}: nothing", case.of));
            assert!(far > longest, "{:?}: {far} is not far", case.of);
            world.people[who].ahead = 0;
            if dies {
                world.crash(who);
            }
            world.wake(who);
            let near = latest(&world, who, &put_off);
            assert!(near.is_none_or(|near| near <= longest), "{:?} {dies}: {near:?} is far still", case.of);
            // What is not to happen at once is still to happen.
            assert!(near.is_some() || put_off.mended == Mended::AtOnce, "{:?} {dies}: nothing is left", case.of);
        }
    }
}

/// What is put off by a clock that is right is left alone: otherwise each start of a program would bring it nearer.
#[test]
fn what_is_put_off_by_a_clock_that_is_right_stays_where_it_is() {
    for (number, case) in CASES.iter().enumerate() {
        if case.of.2 == "giver IS NOT NULL" {
            // That takes a day.
            continue;
        }
        let (mut world, who, put_off) = case.put_off(&format!("put-off-right-{number}"), 0);
        assert_eq!(put_off.longest_ms, case.longest_seconds * 1000, "{:?}", case.of);
        let before = latest(&world, who, &put_off);
        assert!(before.is_some_and(|at| at <= i64::try_from(put_off.longest_ms).unwrap()), "{:?}: {before:?}", case.of);
        world.stop(who);
        assert_eq!(latest(&world, who, &put_off), before, "{:?}", case.of);
    }
}

#[test]
fn each_kind_that_is_put_off_has_a_case_here() {
    let world = World::new("put-off-cases");
    let all: BTreeSet<_> = world.people[ANA].engine.put_off().unwrap().iter().map(named).collect();
    let cases = CASES.map(|case| (case.of.0.to_owned(), case.of.1.to_owned(), case.of.2.to_owned()));
    assert_eq!(all, BTreeSet::from(cases));
}

/// Contacts who compare when they heard of a return must not learn that they know one person (KE-40).
#[test]
fn ke_128_first_answers_stay_spread_after_a_clock_that_was_ahead() {
    let due = |world: &World, who: usize| -> Vec<i64> {
        let mut rows = world.people[who].keeper.prepare("SELECT due FROM frames WHERE kind = 0 ORDER BY id").unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    for dies in [false, true] {
        let (mut world, who) = returned(&format!("put-off-spread-{dies}"));
        world.people[who].ahead = A_BIT;
        world.unlock(who);
        let drawn = due(&world, who);
        world.people[who].ahead = 0;
        if dies {
            world.crash(who);
        }
        world.wake(who);
        let mended = due(&world, who);
        assert_eq!(drawn.len(), 4);
        assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), 4);
        // All by as much, unless one would lie in the past then.
        let now = i64::try_from(world.now.0).unwrap();
        let by = drawn.iter().max().unwrap() - mended.iter().max().unwrap();
        assert!(by > 0);
        assert_eq!(mended, drawn.iter().map(|at| (at - by).max(now)).collect::<Vec<_>>());
    }
}
