//! The scenarios that are run. A new capability adds its own here.

use crate::scenario::{DAY, Devices, Excuses, Fault, HOUR, Habits, Latency, MINUTE, Meetings, Scenario, Weather};

/// What lively people do.
const LIVELY: Habits = Habits {
    say: Some(4 * HOUR),
    burst: 4,
    answer: Some(10 * HOUR),
    react: Some(10 * HOUR),
    edit: Some(12 * HOUR),
    delete: Some(16 * HOUR),
    attach: None,
    read: Some(6 * HOUR),
    rotate: None,
    block: None,
    disappear: None,
};

/// What people do who do not talk much.
const QUIET: Habits = Habits {
    say: Some(2 * DAY),
    answer: Some(4 * DAY),
    react: Some(4 * DAY),
    edit: Some(5 * DAY),
    delete: Some(8 * DAY),
    read: Some(2 * DAY),
    ..LIVELY
};

/// A network with its everyday losses.
const DRIZZLE: Weather = Weather { latency: Latency::Near, lost: 20, answer_lost: 20, twice: 20, tampered: 0 };

/// What people with several devices do.
const PRUDENT: Devices = Devices {
    most: 3,
    unlock: Some(8 * HOUR),
    revoke: None,
    steal: None,
    lose: None,
    losses: 1,
    anew: None,
    rivals: false,
    forget: None,
    rename: None,
    pin: None,
};

/// Returns the scenarios that are run when none is named.
pub fn all() -> Vec<Scenario> {
    vec![
        Scenario::named("calm", "three people talk, and nothing goes wrong").with(3, 2).for_seconds(DAY).doing(LIVELY),
        Scenario::named("commute", "phones lose the network all day")
            .with(3, 2)
            .doing(LIVELY)
            .in_weather(Weather { latency: Latency::Radio, ..DRIZZLE })
            .hit_by(Fault::Cut, 20 * MINUTE)
            .hit_by(Fault::OneWay(5 * MINUTE), 2 * HOUR)
            .hit_by(Fault::Partition(10 * MINUTE), 2 * HOUR)
            .hit_by(Fault::Throttle, 3 * HOUR)
            .hit_by(Fault::PartitionServers(20 * MINUTE), 3 * HOUR),
        Scenario::named("crashes", "devices and servers die in the middle of what they do")
            .with(2, 2)
            .doing(LIVELY)
            .in_weather(DRIZZLE)
            .hit_by(Fault::CrashPerson, 20 * MINUTE)
            .hit_by(Fault::CrashServer, HOUR),
        Scenario::named("disks", "disks of devices and servers fail and fill up")
            // The servers' keys change at the end of the second day.
            .for_seconds(54 * HOUR)
            .doing(LIVELY)
            .hit_by(Fault::DiskFails, 2 * HOUR)
            .hit_by(Fault::DiskFull, 2 * HOUR)
            .hit_by(Fault::ServerDiskFails, 2 * HOUR)
            .hit_by(Fault::ServerDiskFull, 2 * HOUR)
            .hit_by(Fault::CrashPerson, 3 * HOUR)
            .hit_by(Fault::CrashServer, 6 * HOUR),
        Scenario::named("absence", "people are away for days and weeks")
            .with(3, 2)
            .for_seconds(12 * DAY)
            .doing(QUIET)
            .in_weather(Weather { latency: Latency::Satellite, ..DRIZZLE })
            .hit_by(Fault::Away(4 * DAY), 2 * DAY),
        Scenario::named("departures", "somebody leaves and never comes back")
            .with(3, 2)
            .for_seconds(3 * DAY)
            .doing(Habits { say: Some(12 * HOUR), ..QUIET })
            .hit_by(Fault::Vanish, 4 * DAY)
            .hit_by(Fault::Cut, 4 * HOUR),
        Scenario::named("acquaintances", "contacts are made, moved and blocked in the middle of it")
            .with(4, 3)
            .for_seconds(2 * DAY)
            .meeting(Meetings::Late)
            .doing(Habits { say: Some(DAY), rotate: Some(18 * HOUR), block: Some(2 * DAY), ..QUIET })
            .in_weather(DRIZZLE)
            .hit_by(Fault::Cut, HOUR)
            .hit_by(Fault::CrashPerson, 4 * HOUR),
        Scenario::named("newcomers", "contacts are made and moved while disks of servers fail")
            .with(4, 2)
            .meeting(Meetings::Late)
            .doing(Habits { say: Some(6 * HOUR), rotate: Some(6 * HOUR), ..QUIET })
            .hit_by(Fault::ServerDiskFails, 20 * MINUTE)
            .hit_by(Fault::ServerDiskFull, 2 * HOUR)
            .hit_by(Fault::Cut, HOUR),
        Scenario::named("files", "attachments both ways while connections break")
            .doing(Habits { attach: Some(3 * HOUR), ..LIVELY })
            .hit_by(Fault::Cut, 30 * MINUTE)
            .hit_by(Fault::CrashPerson, 2 * HOUR)
            .hit_by(Fault::CrashServer, 4 * HOUR),
        Scenario::named("fleeting", "messages disappear")
            .doing(Habits { disappear: Some(4 * HOUR), ..LIVELY })
            .hit_by(Fault::Cut, HOUR)
            .hit_by(Fault::CrashPerson, 3 * HOUR),
        Scenario::named("clocks", "clocks of devices and servers jump by minutes, hours and days")
            .with(3, 2)
            .doing(LIVELY)
            .hit_by(Fault::ClockJump(10 * MINUTE), 2 * HOUR)
            .hit_by(Fault::ClockJump(2 * DAY), 8 * HOUR)
            .hit_by(Fault::ServerClockJump(10 * MINUTE), 3 * HOUR)
            .hit_by(Fault::ServerClockJump(3 * HOUR), 8 * HOUR)
            .hit_by(Fault::Cut, HOUR),
        Scenario::named("names", "names of servers lead astray, and servers get more of them")
            .with(4, 2)
            .with_names(2)
            .doing(Habits { say: Some(10 * HOUR), burst: 2, ..QUIET })
            .in_weather(DRIZZLE)
            .hit_by(Fault::NameLeads(30 * MINUTE), 2 * HOUR)
            .hit_by(Fault::NewName, 12 * HOUR)
            .hit_by(Fault::Cut, HOUR),
        Scenario::named("meddling", "somebody on the way changes, drops and repeats what passes")
            .with(3, 2)
            .doing(LIVELY)
            .in_weather(Weather { lost: 50, answer_lost: 50, twice: 50, tampered: 100, ..DRIZZLE }),
        Scenario::named("operators", "the operators of all servers do what operators can do")
            .with(3, 2)
            // The servers' keys change at the end of the second day, and there are old descriptors then.
            .for_seconds(60 * HOUR)
            .doing(Habits { say: Some(8 * HOUR), answer: Some(DAY), react: Some(DAY), edit: Some(DAY), ..LIVELY })
            .in_weather(DRIZZLE)
            .with_bad_operators(5 * HOUR)
            .hit_by(Fault::Cut, 4 * HOUR)
            .hit_by(Fault::CrashPerson, 8 * HOUR),
        Scenario::named("backups", "servers go on from yesterday's backup")
            .with(3, 2)
            .for_seconds(2 * DAY)
            .doing(Habits { say: Some(8 * HOUR), ..LIVELY })
            .hit_by(Fault::RestoreServer, 12 * HOUR),
        Scenario::named("copies", "devices go on from copies of their data")
            .with(3, 2)
            .for_seconds(12 * HOUR)
            .doing(Habits { burst: 2, ..LIVELY })
            .hit_by(Fault::RestorePerson(2 * HOUR), 4 * HOUR)
            .excusing(Excuses { expiry: true, endings: true }),
        Scenario::named("devices", "people have several devices, and nothing goes wrong")
            .with(3, 2)
            .doing(Habits { say: Some(6 * HOUR), attach: Some(2 * DAY), ..LIVELY })
            .with_devices(PRUDENT),
        Scenario::named("gadgets", "two people have up to eight devices")
            .doing(Habits { say: Some(6 * HOUR), burst: 2, ..LIVELY })
            .with_devices(Devices { most: 8, ..PRUDENT })
            .hit_by(Fault::Cut, 4 * HOUR)
            .hit_by(Fault::CrashPerson, 8 * HOUR),
        Scenario::named("bruised", "devices are linked while they and servers die and disks fail")
            .with(3, 2)
            .for_seconds(2 * DAY)
            .doing(Habits { say: Some(10 * HOUR), rotate: Some(2 * DAY), block: Some(4 * DAY), ..LIVELY })
            .with_devices(Devices { rename: Some(DAY), pin: Some(DAY), ..PRUDENT })
            .in_weather(DRIZZLE)
            .hit_by(Fault::Cut, HOUR)
            .hit_by(Fault::CrashPerson, HOUR)
            .hit_by(Fault::CrashServer, 4 * HOUR)
            .hit_by(Fault::DiskFails, 3 * HOUR)
            .hit_by(Fault::DiskFull, 4 * HOUR)
            .hit_by(Fault::ServerDiskFails, 6 * HOUR),
        Scenario::named("lost", "devices are lost and taken out, and thieves try to link their own")
            .with(3, 3)
            .for_seconds(3 * DAY)
            .meeting(Meetings::Late)
            .doing(Habits { say: Some(12 * HOUR), ..LIVELY })
            .with_devices(Devices {
                most: 4,
                revoke: Some(DAY),
                steal: Some(2 * DAY),
                forget: Some(12 * DAY),
                rename: Some(2 * DAY),
                pin: Some(2 * DAY),
                ..PRUDENT
            })
            .in_weather(DRIZZLE)
            .hit_by(Fault::Cut, HOUR)
            .hit_by(Fault::Away(8 * HOUR), 8 * HOUR),
        Scenario::named("fires", "people lose every device, and go on from backups")
            .with(3, 3)
            .for_seconds(3 * DAY)
            .doing(Habits { say: Some(8 * HOUR), attach: Some(2 * DAY), ..LIVELY })
            .with_devices(Devices { lose: Some(4 * DAY), ..PRUDENT })
            .in_weather(DRIZZLE)
            .hit_by(Fault::Cut, 2 * HOUR)
            .hit_by(Fault::CrashPerson, 8 * HOUR)
            .hit_by(Fault::Away(4 * HOUR), 8 * HOUR),
        Scenario::named("ashes", "people lose everything again and again, and others have their backups")
            .with(3, 3)
            .for_seconds(4 * DAY)
            .doing(Habits { say: Some(10 * HOUR), ..LIVELY })
            .with_devices(Devices { lose: Some(3 * DAY), losses: 3, rivals: true, ..PRUDENT })
            .in_weather(DRIZZLE)
            .hit_by(Fault::Cut, 4 * HOUR)
            .hit_by(Fault::Away(4 * HOUR), 12 * HOUR),
        Scenario::named("blank", "people lose every device without a backup, and are taken for who they were")
            .with(2, 2)
            .for_seconds(3 * DAY)
            .doing(Habits { say: Some(8 * HOUR), ..LIVELY })
            .with_devices(Devices { anew: Some(3 * DAY), ..PRUDENT })
            .in_weather(DRIZZLE)
            .hit_by(Fault::Cut, 2 * HOUR)
            .hit_by(Fault::CrashPerson, 6 * HOUR)
            .hit_by(Fault::Away(4 * HOUR), 12 * HOUR),
        Scenario::named("drawers", "devices lie in drawers for weeks and months")
            .with(2, 2)
            .for_seconds(100 * DAY)
            .doing(Habits { say: Some(6 * DAY), burst: 2, answer: Some(12 * DAY), ..QUIET })
            .with_devices(Devices {
                most: 4,
                unlock: Some(3 * DAY),
                revoke: Some(100 * DAY),
                pin: Some(20 * DAY),
                ..PRUDENT
            })
            .in_weather(DRIZZLE)
            .hit_by(Fault::Away(25 * DAY), 10 * DAY)
            .hit_by(Fault::Cut, DAY),
        Scenario::named("households", "several devices, and all at once")
            .with(3, 3)
            .for_seconds(3 * DAY)
            .meeting(Meetings::Late)
            .doing(Habits {
                say: Some(DAY),
                attach: Some(4 * DAY),
                rotate: Some(3 * DAY),
                block: Some(6 * DAY),
                ..QUIET
            })
            .with_devices(Devices {
                most: 4,
                revoke: Some(6 * DAY),
                steal: Some(6 * DAY),
                forget: Some(24 * DAY),
                rename: Some(2 * DAY),
                pin: Some(2 * DAY),
                ..PRUDENT
            })
            .in_weather(Weather { lost: 30, answer_lost: 30, twice: 30, tampered: 10, ..DRIZZLE })
            .with_bad_operators(12 * HOUR)
            .hit_by(Fault::Cut, HOUR)
            .hit_by(Fault::CrashPerson, 3 * HOUR)
            .hit_by(Fault::CrashServer, 8 * HOUR)
            .hit_by(Fault::DiskFails, 6 * HOUR)
            .hit_by(Fault::ServerDiskFails, 12 * HOUR)
            .hit_by(Fault::Away(10 * HOUR), 8 * HOUR)
            .hit_by(Fault::Partition(HOUR), 5 * HOUR)
            .hit_by(Fault::OneWay(5 * MINUTE), 8 * HOUR)
            .hit_by(Fault::Throttle, 12 * HOUR)
            .hit_by(Fault::ClockJump(5 * MINUTE), 10 * HOUR)
            .hit_by(Fault::ServerClockJump(5 * MINUTE), 10 * HOUR),
        Scenario::named("everything", "all at once")
            .with(4, 3)
            .with_names(2)
            .for_seconds(3 * DAY)
            .meeting(Meetings::Late)
            .doing(Habits {
                say: Some(DAY),
                attach: Some(3 * DAY),
                rotate: Some(2 * DAY),
                block: Some(4 * DAY),
                ..QUIET
            })
            .in_weather(Weather { lost: 30, answer_lost: 30, twice: 30, tampered: 10, ..DRIZZLE })
            .with_bad_operators(10 * HOUR)
            .hit_by(Fault::Cut, HOUR)
            .hit_by(Fault::CrashPerson, 4 * HOUR)
            .hit_by(Fault::CrashServer, 6 * HOUR)
            .hit_by(Fault::DiskFails, 8 * HOUR)
            .hit_by(Fault::ServerDiskFails, 10 * HOUR)
            .hit_by(Fault::ServerDiskFull, 10 * HOUR)
            .hit_by(Fault::Away(10 * HOUR), 10 * HOUR)
            .hit_by(Fault::Partition(HOUR), 5 * HOUR)
            .hit_by(Fault::NameLeads(30 * MINUTE), 8 * HOUR)
            .hit_by(Fault::NewName, 2 * DAY)
            .hit_by(Fault::OneWay(5 * MINUTE), 8 * HOUR)
            .hit_by(Fault::Throttle, 12 * HOUR)
            .hit_by(Fault::ClockJump(5 * MINUTE), 10 * HOUR)
            .hit_by(Fault::ServerClockJump(5 * MINUTE), 10 * HOUR),
    ]
}

/// A thousand people for a week: too long to be run with the others, only by its name.
fn village() -> Scenario {
    Scenario::named("village", "a thousand people on ten servers for a week")
        .with(1_000, 10)
        .for_seconds(7 * DAY)
        .meeting(Meetings::Ring)
        .doing(Habits { say: Some(DAY), ..QUIET })
        .in_weather(DRIZZLE)
        .hit_by(Fault::Cut, 2 * MINUTE)
        .hit_by(Fault::Away(DAY), 10 * MINUTE)
        .hit_by(Fault::CrashPerson, 10 * MINUTE)
        .hit_by(Fault::CrashServer, 2 * HOUR)
}

/// Returns the scenario of that name.
pub fn named(name: &str) -> Option<Scenario> {
    all().into_iter().chain([village()]).find(|scenario| scenario.name == name)
}
