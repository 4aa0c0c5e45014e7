//! What goes wrong, and how it begins and ends.

use kith_engine::{Command, Connection};
use rand::RngExt as _;

use super::flaky::Disk;
use super::network::Way;
use super::storage::Failing;
use super::{Happening, World};
use crate::names;
use crate::sabotage::Sabotage;
use crate::step::Step;

/// Longer than any world lasts.
pub(super) const FOR_EVER_SECONDS: u64 = 1_000 * 86_400;
/// Seconds after which what a device was sent, or had still to send, may have expired, if it is away again later: half of the time for
/// which a queue keeps a frame.
const LONG_SECONDS: u64 = 10 * 86_400;
/// How many copies are kept.
const COPIES: usize = 12;

impl World {
    /// Something goes wrong.
    pub(super) fn fault(&mut self, step: Step, text: String) {
        let name = step.fault();
        let people = if let Step::Leave { who, .. } | Step::Cut { who } = step { vec![who] } else { Vec::new() };
        let happened = match step {
            Step::Leave { who, seconds } => self.turn_off(who, seconds),
            Step::Vanish { who } => {
                self.history.gone.insert(who);
                self.turn_off(who, FOR_EVER_SECONDS)
            }
            Step::Cut { who } => {
                let was_on = self.people[who].line.is_some();
                self.cut(who);
                was_on
            }
            Step::CrashPerson { who, outputs, seconds } => self.light_fuse(who, outputs, seconds),
            Step::CrashServer { server, outputs, seconds } => {
                let is_up = self.servers[server].home.is_some();
                self.servers[server].fuse = Some(outputs);
                self.schedule_in(seconds * 1000, Happening::StartServer { server, life: self.servers[server].life });
                is_up
            }
            Step::DiskFails { who, seconds } => {
                let how = match self.luck.random_range(0..3) {
                    0 => Failing::Locked,
                    1 => Failing::Commits,
                    _ => Failing::Statements(self.luck.random_range(0..200)),
                };
                self.people[who].fail_disk(how);
                self.schedule_in(seconds * 1000, Happening::DiskWorks { who });
                true
            }
            Step::DiskFull { who, seconds } => {
                self.people[who].set_disk_full(true);
                self.schedule_in(seconds * 1000, Happening::DiskWorks { who });
                true
            }
            Step::ServerDiskFails { server, seconds } => self.break_disk(server, Disk::Fails, seconds),
            Step::ServerDiskFull { server, seconds } => self.break_disk(server, Disk::Full, seconds),
            Step::ServerDiskScarce { server, seconds } => {
                let until = self.now.plus_seconds(seconds);
                self.servers[server].scarce_until = until;
                self.servers[server].measure_room(self.now);
                self.schedule_at(until, Happening::ServerDiskWorks { server });
                true
            }
            Step::BackUp { server } => {
                self.servers[server].backup = Some(self.servers[server].store.inner.clone());
                true
            }
            Step::RestoreServer { server } => self.restore_server(server),
            Step::RestorePerson { who, copied_before } => self.restore_person(who, copied_before),
            Step::LoseAll { who, new, .. } => self.lose_all(who, new),
            Step::StartAnew { who, new } => self.start_anew(who, new),
            Step::Usurp { who, new, .. } => self.usurp(who, new),
            Step::RestoreAgain { first, new } => self.restore_again(first, new),
            Step::Partition { who, seconds } => {
                self.network.cut_off(who, self.now.plus_seconds(seconds));
                self.cut(who);
                true
            }
            Step::PartitionServers { from, to, seconds } => {
                self.network.lose(from, to, self.now.plus_seconds(seconds));
                from != to
            }
            Step::NameLeads { server, to, seconds } => {
                self.network.mislead(server, to, self.now.plus_seconds(seconds));
                // Lines that are open stay where they are; some break, and their devices ask for the name again.
                let is_there = |who: &usize| self.people[*who].server == server;
                for who in self.people.numbers().into_iter().filter(is_there).collect::<Vec<_>>() {
                    if self.luck.random() {
                        self.cut(who);
                    }
                }
                server != to
            }
            Step::NewName { server } => self.rename(server),
            Step::OneWay { who, up, seconds } => {
                let until = self.now.plus_seconds(seconds);
                self.network.mute(who, if up { Way::Up } else { Way::Down }, until);
                // A stream that has lost something carries nothing after it: it ends.
                self.schedule_at(until, Happening::Cut { who });
                true
            }
            Step::Throttle { seconds, width } => {
                self.network.slow_down(self.now.plus_seconds(seconds), width);
                true
            }
            Step::ClockJump { who, seconds } => self.jump(who, seconds),
            Step::ServerClockJump { server, seconds } => self.server_jump(server, seconds),
            Step::Vice { server, vice } => self.withhold(server, vice),
            _ => false,
        };
        if happened {
            name.into_iter().for_each(|name| self.history.fault(name));
            self.tell(&people, text);
        }
    }

    fn turn_off(&mut self, who: usize, seconds: u64) -> bool {
        if self.people[who].engine.is_none() {
            return false;
        }
        self.stop(who);
        if seconds >= LONG_SECONDS {
            self.history.long_away.insert(who);
        }
        let life = self.people[who].life;
        self.people[who].off_until = self.now.plus_seconds(seconds);
        self.schedule_in(seconds * 1000, Happening::Start { who, life });
        true
    }

    /// The device dies with its next outputs, or soon if there are none.
    fn light_fuse(&mut self, who: usize, outputs: u32, seconds: u64) -> bool {
        if self.people[who].engine.is_none() {
            return false;
        }
        self.people[who].fuse = Some(outputs);
        let life = self.people[who].life;
        // Whether it has died by then or not: it is started again.
        self.schedule_in(seconds * 1000 + 1, Happening::Start { who, life: life + 1 });
        true
    }

    /// The device is dead; what it had not committed, and what it had not sent, is gone.
    pub(super) fn die(&mut self, who: usize) {
        self.tell(&[who], format!("the device of {} died", names::person(who)));
        if self.sabotage == Some(Sabotage::CommitsAreLost) {
            self.go_back(who, 0);
        }
        self.stop(who);
        let life = self.people[who].life;
        self.schedule_in(5_000, Happening::Start { who, life });
    }

    /// Switches a device off without a word.
    pub(super) fn stop(&mut self, who: usize) {
        self.glimpse(who);
        let person = &mut self.people[who];
        person.engine = None;
        person.life += 1;
        person.open = None;
        person.fuse = None;
        person.wake_at = None;
        if let Some(line) = person.line.take() {
            let wait = self.luck.random_range(0..120_000);
            self.tell_server_closed(line.server, line.connection, wait);
        }
    }

    /// Remembers what a device shows now: its last events may never have reached the person.
    pub(super) fn glimpse(&mut self, who: usize) {
        for of in self.people[who].known.keys().copied().collect::<Vec<_>>() {
            for message in self.log(who, of) {
                self.history.glimpsed.insert((who, message.id));
            }
        }
    }

    pub(super) fn start(&mut self, who: usize, life: u32) {
        let person = &mut self.people[who];
        if person.life != life || person.engine.is_some() || self.now < person.off_until {
            return;
        }
        person.start(self.now);
        if person.engine.is_none() {
            // The disk fails: it is tried again.
            return self.schedule_in(30_000, Happening::Start { who, life });
        }
        let now = person.local(self.now);
        if let Some(engine) = person.engine.as_mut() {
            // As programs do when they start. A failing disk is met again later.
            let _ = engine.drop_unused_attachments(now, &mut self.rng);
            let _ = engine.refresh_device_lists(&person.user, now, &mut self.rng);
        }
        self.drain(who);
        self.command(who, Command::Connect(Connection::Wanted));
    }

    fn restore_person(&mut self, who: usize, copied_before: u64) -> bool {
        if self.people[who].engine.is_none() || self.people[who].disk_fails {
            return false;
        }
        self.history.restored.insert(who);
        self.go_back(who, copied_before);
        self.stop(who);
        let life = self.people[who].life;
        self.schedule_in(5_000, Happening::Start { who, life });
        true
    }

    pub(super) fn copy(&mut self, who: usize) {
        if self.people[who].engine.is_some() {
            self.people[who].keep_copy(self.now, COPIES);
        }
    }

    /// The device's data are those of so many seconds ago, as far as there is a copy.
    fn go_back(&mut self, who: usize, seconds: u64) {
        self.glimpse(who);
        let person = &mut self.people[who];
        let before = self.now.minus_seconds(seconds);
        let at = person.copies.iter().rposition(|(at, _)| *at <= before).unwrap_or(0);
        if at < person.copies.len() {
            let (_, copy) = person.copies.swap_remove(at);
            person.copies.clear();
            person.engine = None;
            (person.keeper, person.database) = (copy.keeper, copy.database);
            person.last_frame = 0;
        }
    }

    fn jump(&mut self, who: usize, seconds: i64) -> bool {
        let person = &mut self.people[who];
        person.offset = jumped(person.offset, seconds);
        person.wake_at = None;
        self.drain(who);
        true
    }

    pub(super) fn disk_works(&mut self, who: usize) {
        self.people[who].mend_disk();
        self.people[who].set_disk_full(false);
        self.people[who].wake_at = None;
        self.drain(who);
    }
}

/// Clocks jump and are set right again: never further off than they may jump once.
pub(super) fn jumped(offset: i64, seconds: i64) -> i64 {
    if offset.abs() > 60_000 { 0 } else { seconds.saturating_mul(1000) }
}
