//! What goes wrong with home servers, and what their operators do.

use std::collections::BTreeMap;

use kith_home::store::StoreError;
use kith_home::{ExchangeOutcome, Ticket};
use kith_wire::Timestamp;
use kith_wire::sealed::OneShotReply;
use rand::RngExt as _;

use super::carry::GIVES_UP_MS;
use super::faults::jumped;
use super::flaky::Disk;
use super::server::server_name;
use super::{Happening, World};
use crate::names;
use crate::promise::Promise;
use crate::step::{Step, Vice};

/// Names of a server at most (KH-1).
const MOST_NAMES: usize = 4;
/// Milliseconds after which a program that could not start is started again.
const RESTART_MS: u64 = 10_000;
/// Milliseconds between two ticks of a program that has something to do.
const TICK_MS: u64 = 1_000;
/// Seconds after which whoever is told to come back comes back.
const BUSY_SECONDS: u16 = 5;
/// Milliseconds for which an operator withholds what comes, so that there is something to do things to.
const WITHHOLDS_MS: u64 = 40 * 60_000;
/// How many frames an operator touches then.
const TOUCHES: u32 = 3;

impl World {
    pub(super) fn die_server(&mut self, server: usize) {
        self.tell(&[], format!("server {} died", names::server(server)));
        let place = &mut self.servers[server];
        place.home = None;
        place.life += 1;
        place.fuse = None;
        place.tick_at = None;
        let askers: Vec<_> = std::mem::take(&mut place.waiting).into_values().collect();
        place.open.clear();
        place.inbox.clear();
        place.forget_staged(&mut self.luck);
        let lines: Vec<usize> = std::mem::take(&mut place.lines).into_values().collect();
        for asker in askers {
            self.end_exchange(asker, ExchangeOutcome::Unreachable);
        }
        for who in lines {
            self.cut(who);
        }
        let life = self.servers[server].life;
        self.schedule_in(5_000, Happening::StartServer { server, life });
    }

    pub(super) fn start_server(&mut self, server: usize, life: u32) {
        let place = &mut self.servers[server];
        if place.fuse.is_some() && place.life == life {
            // It had nothing to say since, and dies now.
            return self.die_server(server);
        }
        if place.home.is_some() || place.life != life {
            return;
        }
        place.start(self.now, &mut self.rng);
        if self.servers[server].home.is_none() {
            // The disk fails: whoever watches over the program starts it again.
            return self.schedule_in(RESTART_MS, Happening::StartServer { server, life });
        }
        self.schedule_tick(server);
    }

    /// The operator gives the server one more name, which becomes the preferred one, and starts it again.
    pub(super) fn rename(&mut self, server: usize) -> bool {
        let n_names = self.servers[server].urls.len();
        let added = self.servers[server].home.is_some() && n_names < MOST_NAMES;
        if added {
            self.servers[server].urls.insert(0, server_name(server, n_names));
            self.die_server(server);
        }
        added
    }

    /// A server's clock is another one from now on.
    pub(super) fn server_jump(&mut self, server: usize, seconds: i64) -> bool {
        let place = &mut self.servers[server];
        place.offset = jumped(place.offset, seconds);
        place.tick_at = None;
        self.schedule_tick(server);
        true
    }

    pub(super) fn break_disk(&mut self, server: usize, disk: Disk, seconds: u64) -> bool {
        let until = self.now.plus_seconds(seconds);
        self.servers[server].set_disk(disk, until);
        self.schedule_at(until, Happening::ServerDiskWorks { server });
        true
    }

    pub(super) fn server_disk_works(&mut self, server: usize) {
        let place = &mut self.servers[server];
        if place.disk_until <= self.now {
            place.store.disk = Disk::Works;
        }
        place.measure_room(self.now);
    }

    /// A batch failed. Those before it may still become durable, and what they answer leaves then.
    pub(super) fn batch_failed(&mut self, server: usize, tickets: &[Ticket], problem: &StoreError) {
        let place = &mut self.servers[server];
        if place.store.disk == Disk::Works {
            let text = format!("server {} failed on a disk that works: {problem}", names::server(server));
            return self.history.violations.push((Promise::ServersDoNotFail, text));
        }
        let was_hidden = place.store.n_hidden.take() > 0;
        self.not_durable(server, tickets, was_hidden);
    }

    /// Something could not be made durable: as in the program, nothing of it is given out, whoever waited for it is told to
    /// come back, and the connections end with the next batch that can be.
    pub(super) fn not_durable(&mut self, server: usize, tickets: &[Ticket], was_hidden: bool) {
        self.history.fault("server batch failed");
        if was_hidden {
            self.history.fault("server batch that counts as failed had happened");
        }
        let place = &mut self.servers[server];
        place.tick_at = Some(Timestamp(self.now.0 + TICK_MS));
        let (kept, waiting): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut place.waiting)
            .into_iter()
            .partition(|(waits, _)| place.staged.iter().any(|staged| staged.tickets.contains(waits)));
        place.waiting = kept;
        self.schedule_in(TICK_MS, Happening::Tick { server });
        for (waits, asker) in waiting {
            let busy = OneShotReply::Busy(BUSY_SECONDS).to_bytes();
            if tickets.contains(&waits) {
                self.end_exchange(asker, ExchangeOutcome::Answered(busy));
            } else {
                // The rules have forgotten for whom they asked another server; the asker's patience ends.
                self.end_exchange_in(GIVES_UP_MS, asker, ExchangeOutcome::Unreachable);
            }
        }
    }

    pub(super) fn restore_server(&mut self, server: usize) -> bool {
        let Some(backup) = self.servers[server].backup.take() else { return false };
        self.die_server(server);
        self.servers[server].store.inner = backup;
        true
    }

    /// The operator lets nobody in for a while, so that frames wait, and then does something to them. Or nothing out, so
    /// that there are deposits to forget.
    pub(super) fn withhold(&mut self, server: usize, vice: Vice) -> bool {
        let wait = self.luck.random_range(WITHHOLDS_MS / 8..WITHHOLDS_MS);
        let until = Timestamp(self.now.0 + wait + 1_000);
        if vice == Vice::Forget {
            (0..self.servers.len()).for_each(|other| self.network.lose(server, other, until));
        } else {
            for who in
                self.people.numbers().into_iter().filter(|who| self.people[*who].server == server).collect::<Vec<_>>()
            {
                self.network.cut_off(who, until);
                self.cut(who);
            }
        }
        self.schedule_in(wait, Happening::Indulge { server, vice });
        // Counted when there is something to do it to.
        false
    }

    pub(super) fn indulge(&mut self, server: usize, vice: Vice) {
        let step = Step::Vice { server, vice };
        let n_times = if vice == Vice::OldDescriptor { 1 } else { TOUCHES };
        for _ in 0..n_times {
            if self.servers[server].indulge(vice, self.now, &mut self.luck) {
                step.fault().into_iter().for_each(|name| self.history.fault(name));
                self.tell(&[], step.to_string());
            }
        }
    }
}
