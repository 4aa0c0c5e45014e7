//! A small world: home servers, engines, a clock that only moves when told, and carriers that can be cut.

// With their paths, because the benches use this file too.
#[path = "world/backup.rs"]
mod backup;
#[path = "world/devices.rs"]
pub(crate) mod devices;
#[path = "world/linked.rs"]
mod linked;
#[path = "world/lost.rs"]
mod lost;
#[path = "world/servers.rs"]
mod servers;
#[path = "world/storage.rs"]
mod storage;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use kith_crypto::attachment::seal_chunk;
use kith_crypto::hash::hash;
use kith_crypto::label::Label;
use kith_crypto::user::UserSecret;
use kith_engine::{
    Arrival, AttachmentId, Command, Connection as Wanted, ContactId, DeviceError, Engine, Event, HistoryWish,
    LinkFailure, LinkId, LogQuery, MessageBody, MessageState, MessageView, NewAttachment, Output, Reply, Whom,
};
use kith_home::store::memory::Memory;
use kith_home::{Ask, Config, ConnectionId, ExchangeOutcome, Home, Input, Output as HomeOutput, Ticket};
use kith_wire::Timestamp;
use kith_wire::address::ServerUrl;
use kith_wire::blob::BlobShape;
use kith_wire::card::CardOffer;
use kith_wire::devices::RevocationReason;
use kith_wire::id::{DeviceId, MessageId};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rusqlite::Connection;

pub(crate) use storage::{Disk, Fuse, connect};

/// A moment in the middle of a week, so that nothing rotates by accident.
pub(crate) const START: Timestamp = Timestamp::from_seconds(2_950 * 7 * 86_400 + 3 * 86_400);

pub(crate) const ANA: usize = 0;
pub(crate) const BELA: usize = 1;
/// The third folder of the world, for a second device of one of them.
pub(crate) const LAPTOP: usize = 2;

/// Whether somebody or something can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Up,
    Down,
}

pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) rng: StdRng,
    pub(crate) servers: Vec<Server>,
    pub(crate) people: Vec<Person>,
    pending: VecDeque<Step>,
    next: u64,
    /// Whether operators forbid the addresses of all other servers.
    pub(crate) forbids: bool,
    /// Steps taken so far.
    pub(crate) steps: u64,
    /// Time spent in Bela's engine taking in what arrived.
    pub(crate) receiving: Duration,
}

pub(crate) struct Server {
    pub(crate) home: Home,
    pub(crate) store: Memory,
    pub(crate) url: ServerUrl,
    pub(crate) reach: Reach,
    waiting: BTreeMap<Ticket, (usize, kith_home::ExchangeId)>,
}

pub(crate) struct Person {
    pub(crate) engine: Engine,
    /// Keeps the database in memory alive while the engine is dropped.
    pub(crate) keeper: Connection,
    name: String,
    pub(crate) user: UserSecret,
    pub(crate) server: usize,
    line: Option<(LinkId, ConnectionId)>,
    pub(crate) events: Vec<Event>,
    pub(crate) vault: BTreeMap<(AttachmentId, u32), Vec<u8>>,
    pub(crate) dropped: Vec<AttachmentId>,
    disk: Disk,
    /// Whether chunks can be kept and read.
    pub(crate) vault_disk: Disk,
    pub(crate) fuse: Fuse,
    /// Until when it is not woken.
    rests: Timestamp,
    /// Seconds by which their clock is ahead.
    pub(crate) ahead: u64,
}

enum Step {
    ToEngine(usize, Arrival),
    ToHome(usize, Input),
}

impl World {
    /// Two people at two home servers, with accounts and spare queues.
    pub(crate) fn new(name: &str) -> Self {
        let mut world = Self {
            now: START,
            rng: StdRng::seed_from_u64(7),
            servers: Vec::new(),
            people: Vec::new(),
            pending: VecDeque::new(),
            next: 1,
            forbids: false,
            steps: 0,
            receiving: Duration::ZERO,
        };
        for url in ["https://one.example", "https://two.example"] {
            world.add_server(url);
        }
        world.add_person(&format!("{name}-ana"), 0);
        world.add_person(&format!("{name}-bela"), 1);
        world.settle();
        world
    }

    /// Two people who know each other.
    pub(crate) fn met(name: &str) -> (Self, ContactId, ContactId) {
        let mut world = Self::new(name);
        let (bela, ana) = world.meet();
        (world, bela, ana)
    }

    fn add_server(&mut self, url: &str) {
        let mut store = Memory::default();
        let url = ServerUrl::parse(url).unwrap();
        let home = Home::open(&mut store, Config::new(vec![url.clone()]), self.now, &mut self.rng).unwrap();
        self.servers.push(Server { home, store, url, reach: Reach::Up, waiting: BTreeMap::new() });
    }

    pub(crate) fn add_person(&mut self, name: &str, server: usize) {
        let keeper = connect(name);
        let engine = Engine::open(connect(name), self.now).unwrap();
        let user = UserSecret::generate(&mut self.rng);
        self.people.push(Person {
            engine,
            keeper,
            name: name.to_owned(),
            user,
            server,
            line: None,
            events: Vec::new(),
            vault: BTreeMap::new(),
            dropped: Vec::new(),
            disk: Disk::Working,
            vault_disk: Disk::Working,
            fuse: Fuse::default(),
            rests: Timestamp(0),
            ahead: 0,
        });
        let who = self.people.len() - 1;
        let key = self.people[who].user.public();
        self.people[who].engine.set_user_key(&key).unwrap();
        let (url, descriptor) = (self.servers[server].url.clone(), self.servers[server].home.descriptor().to_vec());
        let init = Command::Init { url, descriptor, expect: None, invite: None, name: Some(name.to_owned()) };
        self.command(who, init).unwrap();
        self.online(who, Reach::Up);
    }

    /// Ana gives a card, Bela answers it; returns Ana's contact Bela and Bela's contact Ana.
    pub(crate) fn meet(&mut self) -> (ContactId, ContactId) {
        let (bela, offer) = self.card(ANA);
        let ana = self.accept(BELA, offer);
        self.run(5);
        (bela, ana)
    }

    pub(crate) fn card(&mut self, who: usize) -> (ContactId, CardOffer) {
        match self.command(who, Command::CardNew { whom: Whom::New(None), expires: 7 * 86_400 }).unwrap() {
            Reply::Card { contact, offer, .. } => (contact, *offer),
            other => panic!("not a card: {other:?}"),
        }
    }

    pub(crate) fn accept(&mut self, who: usize, offer: CardOffer) -> ContactId {
        match self.command(who, Command::CardAccept { offer: Box::new(offer), whom: Whom::New(None) }).unwrap() {
            Reply::Contact(contact) => contact,
            other => panic!("not a contact: {other:?}"),
        }
    }

    pub(crate) fn command(&mut self, who: usize, command: Command) -> Result<Reply, kith_engine::CommandError> {
        let now = self.clock(who);
        let reply = self.people[who].engine.command(now, &mut self.rng, command);
        self.drain(who);
        reply
    }

    pub(crate) fn send(&mut self, who: usize, contact: ContactId, text: &str) -> MessageId {
        let send = Command::Send { contact, text: text.to_owned(), reply_to: None, attachment: None };
        message_of(self.command(who, send).unwrap())
    }

    pub(crate) fn online(&mut self, who: usize, reach: Reach) {
        let wanted = if reach == Reach::Up { Wanted::Wanted } else { Wanted::Unwanted };
        self.command(who, Command::Connect(wanted)).unwrap();
    }

    /// Drops the engine with all its memory, as a crash does, and starts it again from what was committed.
    pub(crate) fn crash(&mut self, who: usize) {
        self.stop(who);
        self.online(who, Reach::Up);
    }

    /// Drops the engine and starts it again, offline.
    pub(crate) fn stop(&mut self, who: usize) {
        let server = self.people[who].server;
        if let Some((_, connection)) = self.people[who].line.take() {
            self.pending.push_back(Step::ToHome(server, Input::Closed { connection }));
        }
        self.pending.retain(|step| !matches!(step, Step::ToEngine(to, _) if *to == who));
        let mut connection = connect(&self.people[who].name);
        self.people[who].fuse.put_into(&mut connection);
        self.people[who].engine = Engine::open(connection, self.clock(who)).unwrap();
    }

    /// Somebody has compared the codes and entered the password.
    pub(crate) fn welcome(&mut self, who: usize, device: ContactId, wish: HistoryWish) -> Result<(), DeviceError> {
        let (now, user) = (self.clock(who), self.people[who].user.clone());
        let done = self.people[who].engine.welcome_device(&user, device, wish, now, &mut self.rng);
        self.drain(who);
        done
    }

    /// Somebody takes one of their devices out.
    pub(crate) fn revoke(&mut self, who: usize, device: DeviceId, why: RevocationReason) -> Result<(), DeviceError> {
        let (now, user) = (self.clock(who), self.people[who].user.clone());
        let done = self.people[who].engine.revoke_device(&user, device, why, now, &mut self.rng);
        self.drain(who);
        done
    }

    /// A vault takes a person's user key over.
    pub(crate) fn adopt(&mut self, who: usize, user: UserSecret) {
        let now = self.clock(who);
        self.people[who].engine.user_adopted(&user, now, &mut self.rng).unwrap();
        self.people[who].user = user;
        self.drain(who);
    }

    /// Somebody enters their password.
    pub(crate) fn unlock(&mut self, who: usize) {
        let (now, user) = (self.clock(who), self.people[who].user.clone());
        self.people[who].engine.refresh_device_lists(&user, now, &mut self.rng).unwrap();
        self.drain(who);
    }

    /// A server goes away, or comes back. Connections to it break.
    pub(crate) fn reach(&mut self, server: usize, reach: Reach) {
        self.servers[server].reach = reach;
        for who in 0..self.people.len() {
            if self.people[who].server == server
                && let Some((link, connection)) = self.people[who].line.take()
            {
                self.pending.push_back(Step::ToHome(server, Input::Closed { connection }));
                let closed = Arrival::LinkClosed { link, reason: LinkFailure::Closed };
                self.pending.push_back(Step::ToEngine(who, closed));
            }
        }
    }

    pub(crate) fn wake(&mut self, who: usize) {
        let now = self.clock(who);
        let woken = self.people[who].engine.wake(now, &mut self.rng);
        assert!(woken.is_ok() || self.people[who].disk == Disk::Failing, "{woken:?}");
        if woken.is_err() {
            // As programs do, so that a full disk is not asked again at once.
            self.people[who].rests = self.now.plus_seconds(5);
        }
        self.drain(who);
    }

    fn clock(&self, who: usize) -> Timestamp {
        self.now.plus_seconds(self.people[who].ahead)
    }

    /// Takes steps until nothing is left to do at this moment.
    pub(crate) fn settle(&mut self) {
        while self.step() {}
    }

    /// Takes so many steps, if there are as many.
    pub(crate) fn settle_some(&mut self, steps: usize) {
        for _ in 0..steps {
            self.step();
        }
    }

    /// Takes one step; returns whether there was one.
    pub(crate) fn step(&mut self) -> bool {
        let Some(step) = self.pending.pop_front() else { return false };
        self.steps += 1;
        match step {
            Step::ToEngine(who, arrival) => {
                let begin = Instant::now();
                let now = self.clock(who);
                let taken = self.people[who].engine.receive(now, &mut self.rng, arrival);
                assert!(taken.is_ok() || self.people[who].disk == Disk::Failing, "{taken:?}");
                if who == BELA {
                    self.receiving += begin.elapsed();
                }
                self.drain(who);
            }
            Step::ToHome(server, input) => self.home(server, input),
        }
        true
    }

    /// Lets seconds pass, stopping wherever somebody has something to do.
    pub(crate) fn run(&mut self, seconds: u64) {
        let end = self.now.plus_seconds(seconds);
        loop {
            self.settle();
            for server in 0..self.servers.len() {
                self.home(server, Input::Tick);
            }
            self.settle();
            let wakes = self
                .people
                .iter()
                .filter_map(|person| Some(person.engine.next_wake()?.minus_seconds(person.ahead).max(person.rests)));
            let hourly = self.now.plus_seconds(3600);
            let next = wakes.chain([end, hourly]).min().unwrap().max(Timestamp(self.now.0 + 1));
            if self.now >= end {
                return;
            }
            self.pass(next.min(end));
            for who in 0..self.people.len() {
                self.wake(who);
            }
        }
    }

    /// Lets time pass until then, or until a server has something to say. What waits there for another one is looked at each five minutes.
    fn pass(&mut self, until: Timestamp) {
        while self.now < until && self.pending.is_empty() {
            let waits = self.servers.iter_mut().any(Server::has_outgoing);
            self.now = if waits { self.now.plus_seconds(300).min(until) } else { until };
            for server in 0..self.servers.len() {
                self.home(server, Input::Tick);
            }
        }
    }

    fn home(&mut self, server: usize, input: Input) {
        let Server { home, store, .. } = &mut self.servers[server];
        let batch = home.begin(store, self.now, &mut self.rng).unwrap().handle(input).unwrap();
        for output in batch.commit().unwrap() {
            self.home_output(server, output);
        }
    }

    fn home_output(&mut self, server: usize, output: HomeOutput) {
        match output {
            HomeOutput::Live { connection, message } => {
                if let Some((who, link)) = self.who(server, connection) {
                    self.pending.push_back(Step::ToEngine(who, Arrival::Live { link, bytes: message }));
                }
            }
            HomeOutput::Close { connection } => {
                if let Some((who, link)) = self.who(server, connection) {
                    self.people[who].line = None;
                    let closed = Arrival::LinkClosed { link, reason: LinkFailure::Closed };
                    self.pending.push_back(Step::ToEngine(who, closed));
                }
            }
            HomeOutput::Exchange { exchange, url, ask } => {
                let other = self.servers.iter().position(|other| other.url == url && other.reach == Reach::Up);
                let outcome = match (other, ask) {
                    _ if self.forbids => ExchangeOutcome::Forbidden,
                    (None, _) => ExchangeOutcome::Unreachable,
                    (Some(other), Ask::Descriptor) => {
                        ExchangeOutcome::Answered(self.servers[other].home.descriptor().to_vec())
                    }
                    (Some(other), Ask::OneShot(sealed)) => {
                        let ticket = Ticket(self.number());
                        self.servers[other].waiting.insert(ticket, (server, exchange));
                        self.pending.push_back(Step::ToHome(other, Input::OneShot { ticket, sealed }));
                        return;
                    }
                };
                self.pending.push_back(Step::ToHome(server, Input::Exchanged { exchange, outcome }));
            }
            HomeOutput::Reply { ticket, bytes } => {
                if let Some((asker, exchange)) = self.servers[server].waiting.remove(&ticket) {
                    let outcome = ExchangeOutcome::Answered(bytes);
                    self.pending.push_back(Step::ToHome(asker, Input::Exchanged { exchange, outcome }));
                }
            }
            HomeOutput::Descriptor { .. } => {}
            HomeOutput::Answer { .. } => unreachable!("here the rules open requests themselves"),
        }
    }

    fn who(&self, server: usize, connection: ConnectionId) -> Option<(usize, LinkId)> {
        self.people.iter().enumerate().find_map(|(who, person)| {
            let (link, own) = person.line?;
            (person.server == server && own == connection).then_some((who, link))
        })
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(crate) fn drain(&mut self, who: usize) {
        while let Some(output) = self.people[who].engine.poll_output() {
            self.output(who, output);
        }
    }

    fn output(&mut self, who: usize, output: Output) {
        let server = self.people[who].server;
        let up = self.servers[server].reach == Reach::Up;
        let failed = |link| Step::ToEngine(who, Arrival::LinkClosed { link, reason: LinkFailure::Unreachable });
        match output {
            Output::OpenLink { link, .. } | Output::FetchDescriptor { link, .. } if !up => {
                self.pending.push_back(failed(link));
            }
            Output::OpenLink { link, bytes, .. } => {
                let connection = ConnectionId(self.number());
                self.people[who].line = Some((link, connection));
                self.pending.push_back(Step::ToHome(server, Input::Live { connection, message: bytes }));
            }
            Output::SendLive { link, bytes } => {
                if let Some((_, connection)) = self.people[who].line.filter(|(own, _)| *own == link) {
                    self.pending.push_back(Step::ToHome(server, Input::Live { connection, message: bytes }));
                }
            }
            Output::CloseLink { link } => {
                if let Some((_, connection)) = self.people[who].line.take_if(|(own, _)| *own == link) {
                    self.pending.push_back(Step::ToHome(server, Input::Closed { connection }));
                }
            }
            Output::FetchDescriptor { link, .. } => {
                let bytes = self.servers[server].home.descriptor().to_vec();
                self.pending.push_back(Step::ToEngine(who, Arrival::Descriptor { link, bytes }));
            }
            Output::LoadChunk { attachment, index, .. } | Output::StoreChunk { attachment, index, .. }
                if self.people[who].vault_disk == Disk::Failing =>
            {
                self.pending.push_back(Step::ToEngine(who, Arrival::ChunkFailed { attachment, index }));
            }
            Output::LoadChunk { attachment, from, index } => {
                let sealed = self.people[who].vault.get(&(from, index)).cloned();
                self.pending.push_back(Step::ToEngine(who, Arrival::ChunkLoaded { attachment, index, sealed }));
            }
            Output::StoreChunk { attachment, index, sealed } => {
                self.people[who].vault.insert((attachment, index), sealed);
                self.pending.push_back(Step::ToEngine(who, Arrival::ChunkStored { attachment, index }));
            }
            Output::DropChunks { attachment } => {
                self.people[who].vault.retain(|(own, _), _| *own != attachment);
                self.people[who].dropped.push(attachment);
            }
            Output::Event(event) => self.people[who].events.push(event),
            other => panic!("unknown output {other:?}"),
        }
    }

    /// Seals a file into somebody's vault, ready to be sent.
    pub(crate) fn prepare(&mut self, who: usize, content: &[u8]) -> AttachmentId {
        let new = NewAttachment {
            name: "walk.jpg".to_owned(),
            media_type: "image/jpeg".to_owned(),
            size: content.len() as u64,
            hash: hash(Label::ATTACHMENT, content),
        };
        let (id, keys) = self.people[who].engine.prepare_attachment(self.now, &mut self.rng, &new).unwrap();
        let shape = BlobShape::of(new.size).unwrap();
        for index in 0..shape.chunks {
            let start = index as usize * 65_536;
            let piece = &content[start.min(content.len())..(start + 65_536).min(content.len())];
            let sealed = seal_chunk(&keys.key, shape, index, piece).unwrap();
            self.people[who].vault.insert((id, index), sealed);
        }
        id
    }

    pub(crate) fn log(&self, who: usize, contact: ContactId) -> Vec<MessageView> {
        self.people[who].engine.log(contact, &LogQuery::default()).unwrap()
    }

    pub(crate) fn texts(&self, who: usize, contact: ContactId) -> Vec<String> {
        self.log(who, contact).iter().map(text_of).collect()
    }

    pub(crate) fn state(&self, who: usize, contact: ContactId, message: MessageId) -> MessageState {
        self.people[who].engine.message(contact, message).unwrap().state
    }

    pub(crate) fn events(&mut self, who: usize) -> Vec<Event> {
        std::mem::take(&mut self.people[who].events)
    }
}

/// A picture of eight by eight pixels, and so many bytes.
pub(crate) fn jpeg(bytes: usize) -> Vec<u8> {
    let heads = [0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0, 0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0];
    [heads.as_slice(), &vec![7; bytes], &[0xff, 0xd9]].concat()
}

pub(crate) fn message_of(reply: Reply) -> MessageId {
    match reply {
        Reply::Message(message) => message,
        other => panic!("not a message: {other:?}"),
    }
}

pub(crate) fn text_of(message: &MessageView) -> String {
    match &message.body {
        MessageBody::Text(text) => text.clone(),
        MessageBody::Deleted => "<deleted>".to_owned(),
        MessageBody::NewerVersion => "<newer>".to_owned(),
    }
}
