//! What can happen in a world: what people do, and what goes wrong. Persons and servers are given by their numbers.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::names;

/// What a home server's operator does behind everybody's back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Vice {
    /// Drops a frame that waits in a queue.
    Drop,
    /// Puts a frame into its queue once more.
    Repeat,
    /// Puts a frame of days ago into its queue once more.
    Replay,
    /// Puts a frame into somebody else's queue.
    Splice,
    /// Changes a bit of a frame.
    Flip,
    /// Gives a frame of one queue to another and the other way round.
    Swap,
    /// Forgets a deposit that it accepted to pass on.
    Forget,
    /// Hands out old, damaged and forged descriptors for a while.
    OldDescriptor,
}

impl Vice {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Drop,
        Self::Repeat,
        Self::Replay,
        Self::Splice,
        Self::Flip,
        Self::Swap,
        Self::Forget,
        Self::OldDescriptor,
    ];
}

/// What a new device is told of before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Told {
    /// Nothing.
    Nothing,
    /// The last days.
    Days,
    /// All.
    All,
}

impl Told {
    /// How many days are the last ones.
    pub const DAYS: u32 = 1;
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Nothing, Self::Days, Self::All];
}

/// One thing that happens. Whoever does something is given by their device, whomever it is done to by the person: see
/// [`device`](crate::device).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// One gives a card, the other answers it.
    Meet { giver: usize, answerer: usize },
    /// Somebody writes.
    Say { from: usize, to: usize, length: usize },
    /// Somebody answers the newest message that they see.
    Answer { from: usize, to: usize },
    /// Somebody reacts to the newest message that they see.
    React { from: usize, to: usize },
    /// Somebody changes one of their newest messages; `back` counts from the newest.
    Edit { from: usize, to: usize, back: usize },
    /// Somebody takes one of their newest messages back.
    Delete { from: usize, to: usize, back: usize },
    /// Somebody sends a file.
    Attach { from: usize, to: usize, bytes: usize },
    /// Somebody looks at a conversation.
    Read { who: usize, of: usize },
    /// Somebody moves a contact to a fresh queue.
    Rotate { who: usize, of: usize },
    /// Somebody blocks a contact, for a time.
    Block { who: usize, of: usize, seconds: u64 },
    /// Somebody makes messages disappear after a time.
    Disappear { who: usize, of: usize, seconds: Option<u32> },
    /// Somebody gives a contact another name.
    Rename { who: usize, of: usize, number: u32 },
    /// Somebody pins a conversation and chooses a picture for the contact, or undoes both.
    Pin { who: usize, of: usize, on: bool },
    /// Somebody forgets a contact.
    Forget { who: usize, of: usize },
    /// Somebody links a new device. When it is no device of the person, whoever has it does not know the password.
    Link { old: usize, new: usize, told: Told },
    /// Somebody enters their password on a device.
    Unlock { who: usize },
    /// Somebody takes one of their devices out.
    Revoke { who: usize, device: usize },
    /// A device is off.
    Leave { who: usize, seconds: u64 },
    /// A device is off and never comes back.
    Vanish { who: usize },
    /// The connection of a device breaks.
    Cut { who: usize },
    /// A device dies after so many more outputs, and starts again later.
    CrashPerson { who: usize, outputs: u32, seconds: u64 },
    /// A server dies after so many more outputs, and starts again later.
    CrashServer { server: usize, outputs: u32, seconds: u64 },
    /// A device's disk fails for a time.
    DiskFails { who: usize, seconds: u64 },
    /// A device's disk is full for a time.
    DiskFull { who: usize, seconds: u64 },
    /// A server's disk fails for a time.
    ServerDiskFails { server: usize, seconds: u64 },
    /// A server's disk is full for a time.
    ServerDiskFull { server: usize, seconds: u64 },
    /// There is little room on a server's disk for a time, and its program knows.
    ServerDiskScarce { server: usize, seconds: u64 },
    /// A server is copied, as a backup does.
    BackUp { server: usize },
    /// A server goes on from its last backup.
    RestoreServer { server: usize },
    /// A device goes on from a copy that was made so many seconds before.
    RestorePerson { who: usize, copied_before: u64 },
    /// A person loses every device, and goes on from the backup that one of them made so many seconds before, on a new one.
    LoseAll { who: usize, new: usize, backed_up_before: u64 },
    /// A person loses every device, has no backup, and starts anew on a new one.
    StartAnew { who: usize, new: usize },
    /// Somebody who has started anew gives a card to somebody who knew them, and who takes it for theirs.
    TakeAgain { anew: usize, taker: usize },
    /// Somebody who has a person's backup of so many seconds before, and what opens it, goes on from it, and the person's devices are on.
    Usurp { who: usize, new: usize, backed_up_before: u64 },
    /// Somebody goes on from the backup from which a device went on.
    RestoreAgain { first: usize, new: usize },
    /// A device and its server cannot reach each other for a time.
    Partition { who: usize, seconds: u64 },
    /// What one server sends to another is lost for a time.
    PartitionServers { from: usize, to: usize, seconds: u64 },
    /// The names of a server lead to another one for a time.
    NameLeads { server: usize, to: usize, seconds: u64 },
    /// A server gets one more name, and keeps those that it has.
    NewName { server: usize },
    /// What a device sends (`up`), or what it is sent, is lost for a time, and neither side is told.
    OneWay { who: usize, up: bool, seconds: u64 },
    /// Everything is slow and narrow for a time: so many bytes a second on each line.
    Throttle { seconds: u64, width: u64 },
    /// A device's clock jumps.
    ClockJump { who: usize, seconds: i64 },
    /// A server's clock jumps.
    ServerClockJump { server: usize, seconds: i64 },
    /// A server's operator does something.
    Vice { server: usize, vice: Vice },
}

impl Step {
    /// Returns the devices that it is about; those of whomever it is done to are not among them.
    pub fn devices(&self) -> Vec<usize> {
        match *self {
            Self::Leave { who, .. }
            | Self::Vanish { who }
            | Self::Cut { who }
            | Self::CrashPerson { who, .. }
            | Self::DiskFails { who, .. }
            | Self::DiskFull { who, .. }
            | Self::RestorePerson { who, .. }
            | Self::Partition { who, .. }
            | Self::OneWay { who, .. }
            | Self::ClockJump { who, .. }
            | Self::Unlock { who } => vec![who],
            _ => Vec::new(),
        }
    }

    /// Returns the name of a fault, for the table; `None` for what people do.
    pub fn fault(&self) -> Option<&'static str> {
        Some(match self {
            Self::Leave { .. } => "device off",
            Self::Vanish { .. } => "device off for ever",
            Self::Cut { .. } => "connection cut",
            Self::CrashPerson { .. } => "device crashed",
            Self::CrashServer { .. } => "server crashed",
            Self::DiskFails { .. } => "device disk failing",
            Self::DiskFull { .. } => "device disk full",
            Self::ServerDiskFails { .. } => "server disk failing",
            Self::ServerDiskFull { .. } => "server disk full",
            Self::ServerDiskScarce { .. } => "server disk nearly full",
            Self::RestoreServer { .. } => "server restored from backup",
            Self::RestorePerson { .. } => "device restored from copy",
            Self::LoseAll { .. } => "person restored from backup",
            Self::StartAnew { .. } => "person started anew",
            Self::Usurp { .. } => "person restored beside their devices",
            Self::RestoreAgain { .. } => "backup restored a second time",
            Self::Partition { .. } => "device cut off",
            Self::PartitionServers { .. } => "servers cut off, one way",
            Self::NameLeads { .. } => "server name leads elsewhere",
            Self::NewName { .. } => "server named anew",
            Self::Throttle { .. } => "network throttled",
            Self::ClockJump { .. } => "device clock jumped",
            Self::ServerClockJump { .. } => "server clock jumped",
            Self::OneWay { .. } => "device cut off, one way",
            Self::Vice { vice, .. } => match vice {
                Vice::Drop => "operator drops a frame",
                Vice::Repeat => "operator repeats a frame",
                Vice::Replay => "operator replays an old frame",
                Vice::Splice => "operator splices a frame",
                Vice::Flip => "operator flips a bit",
                Vice::Swap => "operator swaps frames",
                Vice::Forget => "operator lies about acceptance",
                Vice::OldDescriptor => "operator lies about descriptors",
            },
            _ => return None,
        })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let p = names::person;
        let s = names::server;
        match self {
            Self::Meet { giver, answerer } => write!(f, "{} gives {} a card", p(*giver), p(*answerer)),
            Self::Say { from, to, length } => write!(f, "{} writes {} to {}", p(*from), plural(*length), p(*to)),
            Self::Answer { from, to } => write!(f, "{} answers {}", p(*from), p(*to)),
            Self::React { from, to } => write!(f, "{} reacts to {}", p(*from), p(*to)),
            Self::Edit { from, to, back } => write!(f, "{} edits message -{back} to {}", p(*from), p(*to)),
            Self::Delete { from, to, back } => write!(f, "{} takes message -{back} to {} back", p(*from), p(*to)),
            Self::Attach { from, to, bytes } => write!(f, "{} sends {} a file of {bytes} bytes", p(*from), p(*to)),
            Self::Read { who, of } => write!(f, "{} looks at what {} wrote", p(*who), p(*of)),
            Self::Rotate { who, of } => write!(f, "{} moves {} to a fresh queue", p(*who), p(*of)),
            Self::Block { who, of, seconds } => write!(f, "{} blocks {} for {seconds} s", p(*who), p(*of)),
            Self::Disappear { who, of, seconds } => {
                write!(f, "{} lets messages with {} disappear after {seconds:?} s", p(*who), p(*of))
            }
            Self::Rename { who, of, number } => write!(f, "{} calls {} by name {number}", p(*who), p(*of)),
            Self::Pin { who, of, on } => write!(f, "{} sets pinned of {} to {on}", p(*who), p(*of)),
            Self::Forget { who, of } => write!(f, "{} forgets {}", p(*who), p(*of)),
            Self::Link { old, new, told } => write!(f, "{} links {}, history: {told:?}", p(*old), p(*new)),
            Self::Unlock { who } => write!(f, "{} enters the password", p(*who)),
            Self::Revoke { who, device } => write!(f, "{} takes {} out", p(*who), p(*device)),
            Self::Leave { who, seconds } => write!(f, "{} is away for {seconds} s", p(*who)),
            Self::Vanish { who } => write!(f, "{} is never seen again", p(*who)),
            Self::Cut { who } => write!(f, "the connection of {} breaks", p(*who)),
            Self::CrashPerson { who, outputs, seconds } => {
                write!(f, "the device of {} dies after {outputs} outputs, for {seconds} s", p(*who))
            }
            Self::CrashServer { server, outputs, seconds } => {
                write!(f, "server {} dies after {outputs} outputs, for {seconds} s", s(*server))
            }
            Self::DiskFails { who, seconds } => write!(f, "the disk of {} fails for {seconds} s", p(*who)),
            Self::DiskFull { who, seconds } => write!(f, "the disk of {} is full for {seconds} s", p(*who)),
            Self::ServerDiskFails { server, seconds } => {
                write!(f, "the disk of server {} fails for {seconds} s", s(*server))
            }
            Self::ServerDiskFull { server, seconds } => {
                write!(f, "the disk of server {} is full for {seconds} s", s(*server))
            }
            Self::ServerDiskScarce { server, seconds } => {
                write!(f, "there is little room on the disk of server {} for {seconds} s", s(*server))
            }
            Self::BackUp { server } => write!(f, "server {} is backed up", s(*server)),
            Self::RestoreServer { server } => write!(f, "server {} goes on from its backup", s(*server)),
            Self::RestorePerson { who, copied_before } => {
                write!(f, "{} goes on from a copy, {copied_before} s old", p(*who))
            }
            Self::LoseAll { who, new, backed_up_before } => {
                write!(f, "{} goes on from the backup of {}, {backed_up_before} s old", p(*new), p(*who))
            }
            Self::StartAnew { who, new } => write!(f, "{} starts anew, and has nothing of {}", p(*new), p(*who)),
            Self::TakeAgain { anew, taker } => {
                write!(f, "{} takes {} for who they were", p(*taker), p(*anew))
            }
            Self::Usurp { who, new, backed_up_before } => {
                let (new, who) = (p(*new), p(*who));
                write!(f, "{new} goes on from the backup of {who}, {backed_up_before} s old, beside the others")
            }
            Self::RestoreAgain { first, new } => write!(f, "{} goes on from the backup of {}", p(*new), p(*first)),
            Self::Partition { who, seconds } => write!(f, "{} cannot reach the server for {seconds} s", p(*who)),
            Self::PartitionServers { from, to, seconds } => {
                write!(f, "what server {} sends to {} is lost for {seconds} s", s(*from), s(*to))
            }
            Self::NameLeads { server, to, seconds } => {
                write!(f, "the names of server {} lead to {} for {seconds} s", s(*server), s(*to))
            }
            Self::NewName { server } => write!(f, "server {} gets one more name", s(*server)),
            Self::OneWay { who, up, seconds } => {
                let what = if *up { "sends" } else { "is sent" };
                write!(f, "what {} {what} is lost for {seconds} s", p(*who))
            }
            Self::Throttle { seconds, width } => {
                write!(f, "the network is slow for {seconds} s, and carries {width} bytes a second")
            }
            Self::ClockJump { who, seconds } => write!(f, "the clock of {} jumps by {seconds} s", p(*who)),
            Self::ServerClockJump { server, seconds } => {
                write!(f, "the clock of server {} jumps by {seconds} s", s(*server))
            }
            Self::Vice { server, vice } => write!(f, "the operator of server {}: {vice:?}", s(*server)),
        }
    }
}

fn plural(n: usize) -> String {
    if n == 1 { "a letter".to_owned() } else { format!("{n} letters") }
}
