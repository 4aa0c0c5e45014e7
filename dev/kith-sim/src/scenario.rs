//! What a world is like: who lives in it, what they do, and what goes wrong how often. Read one in `scenarios.rs`.

use serde::{Deserialize, Serialize};

use crate::step::Vice;

/// Seconds in a minute.
pub const MINUTE: u64 = 60;
/// Seconds in an hour.
pub const HOUR: u64 = 60 * MINUTE;
/// Seconds in a day.
pub const DAY: u64 = 24 * HOUR;

/// What people do, each thing so often for each ordered pair of people who know each other: seconds between two times
/// on average. Absent is never.
#[derive(Debug, Clone, Copy, Default)]
pub struct Habits {
    /// A text.
    pub say: Option<u64>,
    /// How many texts follow each other at once, at most.
    pub burst: usize,
    /// An answer to the newest message.
    pub answer: Option<u64>,
    /// A reaction.
    pub react: Option<u64>,
    /// A changed text.
    pub edit: Option<u64>,
    /// A message taken back.
    pub delete: Option<u64>,
    /// A file.
    pub attach: Option<u64>,
    /// A look at the conversation.
    pub read: Option<u64>,
    /// A move to a fresh queue.
    pub rotate: Option<u64>,
    /// A contact blocked for an hour or two.
    pub block: Option<u64>,
    /// Disappearing messages switched on or off.
    pub disappear: Option<u64>,
}

/// What people do with their devices: seconds between two times on average, for each person. Absent is never.
#[derive(Debug, Clone, Copy, Default)]
pub struct Devices {
    /// How many devices a person has at most. Most people have fewer.
    pub most: usize,
    /// A password entry on some device.
    pub unlock: Option<u64>,
    /// A device taken out.
    pub revoke: Option<u64>,
    /// Somebody who has an unlocked device in their hands tries to link one of their own.
    pub steal: Option<u64>,
    /// Every device lost, and a new one that goes on from a backup.
    pub lose: Option<u64>,
    /// How often a person loses every device, at most.
    pub losses: usize,
    /// Every device lost, and no backup: the person starts anew, and contacts take the new card for them.
    pub anew: Option<u64>,
    /// Whether somebody else has the backup, too, and what opens it: they go on from it beside the person's devices, or after them.
    pub rivals: bool,
    /// A contact forgotten.
    pub forget: Option<u64>,
    /// A contact given another name.
    pub rename: Option<u64>,
    /// A conversation pinned, or not any more.
    pub pin: Option<u64>,
}

/// What goes wrong. Each kind has its own rhythm in a [`Scenario`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A device is off for about so many seconds.
    Away(u64),
    /// A device is off for ever.
    Vanish,
    /// The connection of a device breaks.
    Cut,
    /// A device dies in the middle of what it does, and starts again.
    CrashPerson,
    /// A server dies in the middle of what it does, and starts again.
    CrashServer,
    /// A device's disk fails for some minutes.
    DiskFails,
    /// A device's disk is full for some minutes.
    DiskFull,
    /// A server's disk fails for some minutes.
    ServerDiskFails,
    /// A server's disk is full for some minutes, mostly after a time in which its program knows that room is scarce.
    ServerDiskFull,
    /// A server is backed up, and some hours later goes on from the backup.
    RestoreServer,
    /// A device goes on from a copy of about so many seconds ago.
    RestorePerson(u64),
    /// A device cannot reach its server for about so many seconds.
    Partition(u64),
    /// What a device sends, or what it is sent, is lost for about so many seconds, and neither side is told.
    OneWay(u64),
    /// What one server sends to another is lost for about so many seconds.
    PartitionServers(u64),
    /// The names of a server lead to another one for about so many seconds.
    NameLeads(u64),
    /// A server gets one more name.
    NewName,
    /// Everything is slow for some minutes.
    Throttle,
    /// A device's clock jumps by up to so many seconds, in either direction.
    ClockJump(u64),
    /// A server's clock jumps by up to so many seconds, in either direction.
    ServerClockJump(u64),
    /// An operator does one of these.
    Vice(Vice),
}

/// How long things take on their way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Latency {
    /// Some tens of milliseconds, now and then seconds.
    #[default]
    Near,
    /// More than half a second, always.
    Satellite,
    /// Mostly little, often much, sometimes very much: a heavy tail, up to a minute.
    Radio,
}

/// How the network is when nothing special happens, for each message or exchange.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Weather {
    /// How long things take.
    pub latency: Latency,
    /// Requests between servers that are lost, in a thousand.
    pub lost: u32,
    /// Answers between servers that are lost, in a thousand.
    pub answer_lost: u32,
    /// Requests between servers that arrive twice, in a thousand.
    pub twice: u32,
    /// Messages of a live connection that somebody on the way changes, drops or repeats, in ten thousand.
    pub tampered: u32,
}

/// Who meets whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meetings {
    /// Everybody meets everybody, in the first minute.
    All,
    /// Each person meets the next one, the last one the first.
    Ring,
    /// As in `All`, but at times spread over all days.
    Late,
}

/// What a run of the scenario must not be blamed for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Excuses {
    /// Messages may expire although everybody came back: somebody kept them away for good.
    pub expiry: bool,
    /// Sessions may end: state was copied or damaged.
    pub endings: bool,
}

/// A world in which something is tried.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// How many people.
    pub people: usize,
    /// How many home servers; people are spread over them.
    pub servers: usize,
    /// How many names each server has; people know it by one of them.
    pub names: usize,
    /// For how many seconds people live before everything is mended.
    pub seconds: u64,
    /// Who meets whom.
    pub meetings: Meetings,
    /// What people do.
    pub habits: Habits,
    /// What they do with their devices.
    pub devices: Devices,
    /// What goes wrong: on average so many seconds apart, in the whole world.
    pub faults: Vec<(Fault, u64)>,
    /// The network.
    pub weather: Weather,
    /// What must not be held against a run.
    pub excuses: Excuses,
}

impl Scenario {
    /// Begins a scenario: two people on two servers for a day, who meet and do nothing.
    pub fn named(name: &'static str, about: &'static str) -> Self {
        Self {
            name,
            about,
            people: 2,
            servers: 2,
            names: 1,
            seconds: DAY,
            meetings: Meetings::All,
            habits: Habits::default(),
            devices: Devices::default(),
            faults: Vec::new(),
            weather: Weather::default(),
            excuses: Excuses::default(),
        }
    }

    /// Sets how many people live on how many servers.
    pub fn with(mut self, people: usize, servers: usize) -> Self {
        (self.people, self.servers) = (people, servers);
        self
    }

    /// Gives each server so many names.
    pub fn with_names(mut self, names: usize) -> Self {
        self.names = names;
        self
    }

    /// Sets for how long.
    pub fn for_seconds(mut self, seconds: u64) -> Self {
        self.seconds = seconds;
        self
    }

    /// Sets who meets whom.
    pub fn meeting(mut self, meetings: Meetings) -> Self {
        self.meetings = meetings;
        self
    }

    /// Sets what people do.
    pub fn doing(mut self, habits: Habits) -> Self {
        self.habits = habits;
        self
    }

    /// Gives people several devices.
    pub fn with_devices(mut self, devices: Devices) -> Self {
        self.devices = devices;
        self
    }

    /// Adds something that goes wrong, on average every so many seconds.
    pub fn hit_by(mut self, fault: Fault, every: u64) -> Self {
        self.faults.push((fault, every));
        self
    }

    /// Adds operators that do everything an operator can do.
    pub fn with_bad_operators(mut self, every: u64) -> Self {
        self.faults.extend(Vice::ALL.map(|vice| (Fault::Vice(vice), every)));
        self
    }

    /// Sets the network.
    pub fn in_weather(mut self, weather: Weather) -> Self {
        self.weather = weather;
        self
    }

    /// Sets what must not be held against a run.
    pub fn excusing(mut self, excuses: Excuses) -> Self {
        self.excuses = excuses;
        self
    }
}
