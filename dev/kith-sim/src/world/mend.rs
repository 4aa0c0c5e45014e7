//! Mending: everything works again, everybody comes back, and time passes until all is quiet.

use kith_engine::{AttachmentState, Command, Connection};

use super::{Happening, World};
use crate::step::Step;

/// Days in which everything that can still arrive does: the longest time between two attempts is one.
const DAYS_TO_ARRIVE: u64 = 5;
/// Days in which devices that know of each other meet: hearing of it, waiting for the other one's card, giving one by way of others.
const DAYS_TO_MEET: u64 = 10;
/// Days after which what did not arrive has expired.
const DAYS_TO_EXPIRE: u64 = 62;

const DAY: u64 = 86_400;

impl World {
    /// Mends everything at once.
    pub fn mend(&mut self) {
        self.tell(&[], "everything is mended");
        self.network.heal();
        self.queue.retain(|_, happening| {
            !matches!(
                happening,
                Happening::Step(_)
                    | Happening::Indulge { .. }
                    | Happening::Copy { .. }
                    | Happening::BackUpDevice { .. }
            )
        });
        for server in 0..self.servers.len() {
            self.servers[server].fuse = None;
            self.servers[server].disk_until = self.now;
            self.servers[server].scarce_until = self.now;
            self.server_disk_works(server);
            self.servers[server].lies_until = self.now;
            self.servers[server].offset = 0;
            self.servers[server].tick_at = None;
            self.schedule_tick(server);
            let life = self.servers[server].life;
            self.start_server(server, life);
        }
        for who in self.people.numbers() {
            self.people[who].fuse = None;
            if self.history.gone.contains(&who) {
                continue;
            }
            self.people[who].off_until = self.now;
            self.people[who].offset = 0;
            self.disk_works(who);
            let life = self.people[who].life;
            self.start(who, life);
            self.command(who, Command::Connect(Connection::Wanted));
            self.fetch_files(who);
        }
    }

    /// Files that somebody was not told of, because the device died, are fetched now.
    fn fetch_files(&mut self, who: usize) {
        let Some(engine) = &self.people[who].engine else { return };
        let is_paused = |id: &_| engine.attachment(*id).is_ok_and(|file| file.state == AttachmentState::Paused);
        let paused: Vec<_> = engine.attachments().unwrap_or_default().into_iter().filter(is_paused).collect();
        for attachment in paused {
            self.command(who, Command::FetchAttachment { attachment });
        }
    }

    /// Lets days pass in which what is under way arrives. Where people have several devices, they enter their passwords each day, all
    /// devices meet, and then each of them writes to everybody.
    pub fn let_arrive(&mut self) {
        if !self.has_linked() {
            return self.run_until(self.now.plus_seconds(DAYS_TO_ARRIVE * DAY));
        }
        for _ in 0..DAYS_TO_MEET {
            self.run_until(self.now.plus_seconds(DAY));
            for who in self.people.numbers() {
                self.unlock(who);
            }
        }
        self.run_until(self.now.plus_seconds(DAYS_TO_ARRIVE * DAY));
        self.call_the_roll();
        self.run_until(self.now.plus_seconds(DAYS_TO_ARRIVE * DAY));
    }

    /// Returns whether anybody has linked a device.
    pub(crate) fn has_linked(&self) -> bool {
        self.history.n_linked > 0
    }

    /// Each device writes to everybody whom its person knows.
    fn call_the_roll(&mut self) {
        self.history.roll_from = Some(self.history.said.len());
        for (from, to) in self.acquaintances() {
            for device in self.people.in_use(from) {
                self.step(Step::Say { from: device, to, length: 10 });
            }
        }
    }

    /// Lets weeks pass after which nothing is open any more.
    pub fn let_expire(&mut self) {
        self.run_until(self.now.plus_seconds(DAYS_TO_EXPIRE * DAY));
    }
}
