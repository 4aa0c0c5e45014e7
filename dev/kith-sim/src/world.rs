//! The world: persons, home servers, and everything that is under way between them, in virtual time.

mod anew;
mod carry;
mod deeds;
mod faults;
mod flaky;
mod homes;
mod linking;
mod mend;
mod network;
mod outages;
mod people;
mod person;
mod restoring;
mod server;
mod storage;
mod views;

use std::collections::BTreeMap;

use kith_crypto::user::UserSecret;
use kith_engine::{Arrival, Command, Connection, Engine, Output};
use kith_home::{ConnectionId, ExchangeId, ExchangeOutcome, Input};
use kith_wire::Timestamp;
use kith_wire::id::MessageId;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng};

use crate::device::owner;
use crate::history::History;
use crate::names;
use crate::plan::Timed;
use crate::promise::Promise;
use crate::sabotage::Sabotage;
use crate::scenario::Scenario;
use crate::step::{Step, Vice};

use network::Network;
pub use people::People;
pub use person::Person;
pub use server::Server;
use server::server_name;

/// When every world begins: a moment in the middle of a week.
pub const BEGINNING: Timestamp = Timestamp::from_seconds(2_950 * 7 * 86_400 + 3 * 86_400);

/// Happenings for each person, and as many for the servers, after which a world is called restless. Usual are a tenth of it.
const MOST_HAPPENINGS: u64 = 30_000;
/// Happenings for each person, and as many for the servers, that each day may cost besides: in worlds of half a year devices that are away keep
/// their siblings busy for sixty days each time.
const HAPPENINGS_PER_DAY: u64 = 200;
/// Happenings that a message may cost besides: one that nobody can open any more is deposited again each day for sixty days (KE-14), and
/// each time some twenty things happen.
const HAPPENINGS_PER_MESSAGE: u64 = 2_000;

/// Something that will happen.
enum Happening {
    /// A step of the plan.
    Step(Step),
    /// Something arrives at a device.
    ToEngine { who: usize, life: u32, arrival: Arrival },
    /// Something arrives at a server.
    ToHome { server: usize, life: u32, input: Input },
    /// A request arrives from another server.
    Asked { server: usize, from: usize, life: u32, exchange: ExchangeId, sealed: Option<Vec<u8>>, loses: bool },
    /// An exchange ends for the server that asked.
    Exchanged { server: usize, life: u32, exchange: ExchangeId, outcome: ExchangeOutcome },
    /// A device's timer.
    Wake { who: usize },
    /// A server handles what has come.
    Batch { server: usize, life: u32 },
    /// A server's disk is done with what was handled.
    Synced { server: usize, life: u32 },
    /// A server's timer.
    Tick { server: usize },
    /// A device is switched on.
    Start { who: usize, life: u32 },
    /// A server is started.
    StartServer { server: usize, life: u32 },
    /// A disk works again.
    DiskWorks { who: usize },
    /// A server's disk may work again, or have room.
    ServerDiskWorks { server: usize },
    /// A live connection should have proven a key by now.
    Prove { server: usize, life: u32, connection: ConnectionId },
    /// The connection of a device breaks.
    Cut { who: usize },
    /// A blocked contact is heard again.
    Unblock { who: usize, of: usize },
    /// An operator does what was planned.
    Indulge { server: usize, vice: Vice },
    /// A device's data are copied, for whoever goes on from them later.
    Copy { who: usize },
    /// A device is being linked.
    LinkOn { new: usize },
    /// A device makes a backup, from which its person goes on later.
    BackUpDevice { who: usize },
}

/// A world.
pub struct World {
    /// The true time.
    pub now: Timestamp,
    /// What happened.
    pub history: History,
    /// Everybody's devices.
    pub people: People,
    /// Every server.
    pub servers: Vec<Server>,
    network: Network,
    /// What engines and servers draw.
    rng: StdRng,
    /// What the world draws: how long things take, what is lost, who notices when. It is drawn in the order of what happens, so that a world
    /// in which people do less is another one; but not another one when an engine draws more.
    luck: StdRng,
    queue: BTreeMap<(Timestamp, u64), Happening>,
    next: u64,
    sabotage: Option<Sabotage>,
    /// Happenings so far.
    pub n_happened: u64,
}

impl World {
    /// Makes people and servers; everybody has an account and is online.
    pub fn new(scenario: &Scenario, seed: u64, sabotage: Option<Sabotage>) -> Self {
        let mut world = Self {
            now: BEGINNING,
            history: History::default(),
            people: People::default(),
            servers: Vec::new(),
            network: Network::new(scenario.weather),
            rng: StdRng::seed_from_u64(seed ^ 0x006b_6974_6873_696d),
            luck: StdRng::seed_from_u64(seed ^ 0x6c75_636b),
            queue: BTreeMap::new(),
            next: 1,
            sabotage,
            n_happened: 0,
        };
        for place in 0..scenario.servers {
            world.add_server(place, scenario.names);
        }
        for who in 0..scenario.people {
            world.add_person(who, who % scenario.servers);
        }
        world.run_until(BEGINNING.plus_seconds(20));
        world
    }

    fn add_server(&mut self, place: usize, n_names: usize) {
        let urls = (0..n_names).rev().map(|n_before| server_name(place, n_before)).collect();
        let mut server = Server::new(urls, self.rng.random());
        server.offset = self.luck.random_range(-5_000..5_000);
        server.start(self.now, &mut self.rng);
        self.servers.push(server);
        self.schedule_tick(place);
    }

    fn add_person(&mut self, who: usize, place: usize) {
        let user = UserSecret::generate(&mut self.rng);
        self.add_device(who, place, user);
        let is_made = self.open_account(who);
        debug_assert!(is_made, "{} has no account", names::person(who));
        self.command(who, Command::Connect(Connection::Wanted));
    }

    /// Adds a device that has nobody in it, for whoever has this key.
    fn add_device(&mut self, who: usize, place: usize, user: UserSecret) {
        let key = user.public();
        let urls = &self.servers[place].urls;
        // Neighbours know their server by different names, if it has several.
        let url = urls[(owner(who) / self.servers.len()) % urls.len()].clone();
        let mut person = Person::new(user, (place, url.clone()), self.now, self.sabotage);
        // Nobody's clock is quite right.
        person.offset = self.luck.random_range(-20_000..20_000);
        if let Some(engine) = &mut person.engine {
            let known = engine.set_user_key(&key);
            debug_assert!(known.is_ok(), "{known:?}");
        }
        self.people.add(who, person);
    }

    /// A device opens an account at its home server. Returns whether it has one now.
    fn open_account(&mut self, who: usize) -> bool {
        let (place, url) = (self.people[who].server, self.people[who].server_name.clone());
        let descriptor = self.servers[place].descriptors.last().cloned().unwrap_or_default();
        let name = Some(names::secret_name(who));
        let init = Command::Init { url, descriptor, expect: None, invite: None, name };
        self.command(who, init).is_some()
    }

    /// Carries out a plan.
    pub fn live(&mut self, plan: &[Timed], seconds: u64) {
        for timed in plan {
            let before = |seconds| Timestamp((BEGINNING.0 + 20_000 + timed.at).saturating_sub(1000 * seconds));
            match timed.step {
                Step::RestorePerson { who, copied_before } => {
                    self.schedule_at(before(copied_before), Happening::Copy { who });
                }
                Step::LoseAll { who, backed_up_before, .. } | Step::Usurp { who, backed_up_before, .. } => {
                    self.schedule_at(before(backed_up_before), Happening::BackUpDevice { who });
                }
                _ => {}
            }
        }
        for timed in plan {
            self.schedule_at(Timestamp(BEGINNING.0 + 20_000 + timed.at), Happening::Step(timed.step.clone()));
        }
        self.run_until(BEGINNING.plus_seconds(20 + seconds));
    }

    /// Lets time pass.
    pub fn run_until(&mut self, end: Timestamp) {
        while let Some(((at, _), happening)) = self.queue.pop_first() {
            if at > end {
                self.next += 1;
                self.queue.insert((at, self.next), happening);
                break;
            }
            self.now = self.now.max(at);
            self.n_happened += 1;
            let messages = HAPPENINGS_PER_MESSAGE * self.history.said.len() as u64;
            let days = self.now.seconds().saturating_sub(BEGINNING.seconds()) / 86_400;
            let each = MOST_HAPPENINGS + HAPPENINGS_PER_DAY * days;
            if self.n_happened > each * (self.people.len() as u64 + 1) + messages {
                let restless = "something is done again and again".to_owned();
                self.history.violations.push((Promise::Rest, restless));
                self.queue.clear();
                break;
            }
            self.happen(happening);
        }
        self.now = self.now.max(end);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Step(step) => self.step(step),
            Happening::ToEngine { who, life, arrival } => self.arrive(who, life, arrival),
            Happening::ToHome { server, life, input } => self.home_arrival(server, life, input),
            Happening::Asked { server, from, life, exchange, sealed, loses } => {
                self.asked(server, from, life, exchange, sealed, loses);
            }
            Happening::Exchanged { server, life, exchange, outcome } => {
                if self.servers[server].life == life {
                    self.home(server, Input::Exchanged { exchange, outcome });
                }
            }
            Happening::Wake { who } => self.wake(who),
            Happening::Batch { server, life } => self.batch(server, life),
            Happening::Synced { server, life } => self.synced(server, life),
            Happening::Tick { server } => self.tick(server),
            Happening::Start { who, life } => self.start(who, life),
            Happening::StartServer { server, life } => self.start_server(server, life),
            Happening::DiskWorks { who } => self.disk_works(who),
            Happening::ServerDiskWorks { server } => self.server_disk_works(server),
            Happening::Prove { server, life, connection } => self.must_be_proven(server, life, connection),
            Happening::Cut { who } => self.cut(who),
            Happening::Unblock { who, of } => self.unblock(who, of),
            Happening::Indulge { server, vice } => self.indulge(server, vice),
            Happening::Copy { who } => self.copy(who),
            Happening::LinkOn { new } => self.link_on(new),
            Happening::BackUpDevice { who } => self.back_up_device(who),
        }
    }

    fn schedule_at(&mut self, at: Timestamp, happening: Happening) {
        self.next += 1;
        self.queue.insert((at.max(self.now), self.next), happening);
    }

    fn schedule_in(&mut self, milliseconds: u64, happening: Happening) {
        self.schedule_at(Timestamp(self.now.0 + milliseconds), happening);
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// A person does something. Returns what it gave back, unless it was refused or the device is off.
    fn command(&mut self, who: usize, command: Command) -> Option<kith_engine::Reply> {
        let now = self.people[who].local(self.now);
        let engine = self.people[who].engine.as_mut()?;
        let reply = engine.command(now, &mut self.rng, command).ok();
        self.drain(who);
        reply
    }

    fn arrive(&mut self, who: usize, life: u32, arrival: Arrival) {
        let person = &mut self.people[who];
        if person.life != life {
            return;
        }
        match &arrival {
            // After its end nothing comes over a connection any more.
            Arrival::Live { link, .. } if person.open != Some(*link) => return,
            Arrival::LinkClosed { link, .. } => drop(person.open.take_if(|open| open == link)),
            _ => {}
        }
        let (name, size) = kind_of(&arrival);
        self.history.trace(self.now, name, size);
        let now = person.local(self.now);
        let Some(engine) = person.engine.as_mut() else { return };
        // An engine whose disk fails says so and takes the same again later.
        let _ = engine.receive(now, &mut self.rng, arrival);
        self.drain(who);
    }

    fn wake(&mut self, who: usize) {
        let person = &mut self.people[who];
        if person.wake_at.is_none_or(|at| at > self.now) {
            return;
        }
        person.wake_at = None;
        let now = person.local(self.now);
        let Some(engine) = person.engine.as_mut() else { return };
        let woken = engine.wake(now, &mut self.rng);
        self.drain(who);
        if woken.is_err() {
            // It wants to be woken at once for ever while the disk fails.
            let later = Timestamp(self.now.0 + 10_000);
            self.people[who].wake_at = Some(later);
            self.schedule_at(later, Happening::Wake { who });
        }
    }

    /// Carries out what an engine asks for, unless its device dies in the middle of it.
    fn drain(&mut self, who: usize) {
        self.look_at_frames(who);
        let mut was_quiet = true;
        while let Some(output) = self.people[who].engine.as_mut().and_then(Engine::poll_output) {
            match self.people[who].fuse.as_mut() {
                Some(0) => return self.die(who),
                Some(left) if !matches!(output, Output::Event(_)) => *left -= 1,
                _ => {}
            }
            was_quiet = false;
            self.output(who, output);
        }
        if !was_quiet && self.people[who].fuse == Some(0) {
            // All of it went out, and nothing came after it.
            return self.die(who);
        }
        if self.sabotage == Some(Sabotage::CommitsAreLost) {
            self.people[who].keep_copy(self.now, 1);
        }
        let person = &mut self.people[who];
        let Some(next) = person.engine.as_ref().and_then(Engine::next_wake) else { return };
        let at = person.world_time(next).max(Timestamp(self.now.0 + 1));
        if person.wake_at.is_none_or(|before| before > at || before <= self.now) {
            person.wake_at = Some(at);
            self.schedule_at(at, Happening::Wake { who });
        }
    }

    fn who(&self, server: usize, connection: ConnectionId) -> Option<usize> {
        self.servers[server].lines.get(&connection).copied()
    }

    /// Notes the frames that are about to leave a device.
    fn look_at_frames(&mut self, who: usize) {
        let person = &mut self.people[who];
        let Ok(mut statement) =
            person.keeper.prepare_cached("SELECT id, peer, seq, bytes, message FROM frames WHERE id > ?1 ORDER BY id")
        else {
            return;
        };
        let rows = statement.query_map([person.last_frame], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get::<_, Option<u32>>(2)?,
                row.get::<_, Vec<u8>>(3)?,
                row.get::<_, Option<_>>(4)?,
            ))
        });
        let Ok(rows) = rows else { return };
        for (id, peer, seq, bytes, message) in rows.flatten() {
            person.last_frame = person.last_frame.max(id);
            if let Some(seq) = seq {
                self.history.seals(who, peer, seq, message.map(MessageId), &bytes);
            }
        }
    }
}

fn kind_of(arrival: &Arrival) -> (&'static str, usize) {
    match arrival {
        Arrival::Descriptor { bytes, .. } => ("descriptor", bytes.len()),
        Arrival::Live { bytes, .. } => ("live", bytes.len()),
        Arrival::LinkClosed { .. } => ("closed", 0),
        Arrival::ChunkLoaded { sealed, .. } => ("chunk loaded", sealed.as_ref().map_or(0, Vec::len)),
        Arrival::ChunkStored { .. } => ("chunk stored", 0),
        _ => ("other", 0),
    }
}
