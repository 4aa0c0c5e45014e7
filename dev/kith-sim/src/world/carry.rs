//! Carrying: what engines and servers send, over lines that keep their order and requests that may be lost.

use kith_engine::{Arrival, LinkFailure, LinkId, Output};
use kith_home::{Ask, ConnectionId, ExchangeId, ExchangeOutcome, Input, Ticket};
use kith_wire::Timestamp;
use kith_wire::address::ServerUrl;
use rand::RngExt as _;

use super::network::{Fate, Meddling, Way};
use super::person::Line;
use super::server::{Asker, flip};
use super::{Happening, World};
use crate::names;
use crate::sabotage::Sabotage;

/// Milliseconds after which somebody who asks in vain gives up.
pub(super) const GIVES_UP_MS: u64 = 10_000;
/// Milliseconds in which a connection proves a key that counts (KH-39).
const PROOF_MS: u64 = 30_000;

impl World {
    pub(super) fn output(&mut self, who: usize, output: Output) {
        let life = self.people[who].life;
        match output {
            Output::OpenLink { link, bytes, .. } => self.open_line(who, link, bytes),
            Output::SendLive { link, bytes } => self.live_up(who, link, bytes),
            Output::CloseLink { link } => {
                self.people[who].open.take_if(|open| *open == link);
                if let Some(line) = self.people[who].line.take_if(|line| line.link == link) {
                    self.tell_server_closed(line.server, line.connection, 50);
                }
            }
            Output::FetchDescriptor { link, .. } => self.fetch_descriptor(who, link),
            Output::LoadChunk { attachment, from, index } => {
                let sealed = self.people[who].vault.get(&(from, index)).cloned();
                let arrival = Arrival::ChunkLoaded { attachment, index, sealed };
                self.schedule_in(2, Happening::ToEngine { who, life, arrival });
            }
            Output::StoreChunk { attachment, index, sealed } => {
                self.people[who].vault.insert((attachment, index), sealed);
                let arrival = Arrival::ChunkStored { attachment, index };
                self.schedule_in(2, Happening::ToEngine { who, life, arrival });
            }
            Output::DropChunks { attachment } => self.people[who].vault.retain(|(own, _), _| *own != attachment),
            Output::Event(event) => self.event(who, &event),
            _ => {}
        }
    }

    /// Returns the server to which a name leads now.
    pub(super) fn resolve(&self, name: &ServerUrl) -> Option<usize> {
        let owner = self.servers.iter().position(|server| server.urls.contains(name))?;
        Some(self.network.leads(owner, self.now))
    }

    /// Returns the server that a device reaches now by the name that it knows.
    fn reached(&self, who: usize) -> Option<usize> {
        let server = self.resolve(&self.people[who].server_name)?;
        let is_up = self.servers[server].home.is_some() && !self.network.is_cut_off(who, self.now);
        is_up.then_some(server)
    }

    /// A server, or whoever runs it, hands out a descriptor.
    fn hand_out_descriptor(&mut self, server: usize) -> Vec<u8> {
        let (bytes, lie) = self.servers[server].descriptor(self.now, &mut self.luck);
        lie.into_iter().for_each(|lie| self.history.fault(lie));
        bytes
    }

    fn latency(&mut self) -> u64 {
        self.network.latency(self.now, &mut self.luck)
    }

    fn unreachable(&mut self, who: usize, link: LinkId) {
        let wait = self.luck.random_range(100..GIVES_UP_MS);
        let arrival = Arrival::LinkClosed { link, reason: LinkFailure::Unreachable };
        let life = self.people[who].life;
        self.schedule_in(wait, Happening::ToEngine { who, life, arrival });
    }

    fn fetch_descriptor(&mut self, who: usize, link: LinkId) {
        let Some(server) = self.reached(who) else { return self.unreachable(who, link) };
        if [Way::Up, Way::Down].iter().any(|way| self.network.is_muted(who, *way, self.now)) {
            return self.unreachable(who, link);
        }
        let bytes = self.hand_out_descriptor(server);
        let wait = self.latency() + self.latency() + self.network.passage(bytes.len(), self.now);
        let life = self.people[who].life;
        self.schedule_in(wait, Happening::ToEngine { who, life, arrival: Arrival::Descriptor { link, bytes } });
    }

    fn open_line(&mut self, who: usize, link: LinkId, bytes: Vec<u8>) {
        let Some(server) = self.reached(who) else { return self.unreachable(who, link) };
        if self.network.is_muted(who, Way::Up, self.now) {
            return self.unreachable(who, link);
        }
        let connection = ConnectionId(self.number());
        let person = &mut self.people[who];
        person.line = Some(Line { link, connection, server, up: self.now, down: self.now });
        person.open = Some(link);
        self.servers[server].lines.insert(connection, who);
        self.servers[server].open.insert(connection);
        let life = self.servers[server].life;
        self.schedule_in(PROOF_MS, Happening::Prove { server, life, connection });
        self.live_up(who, link, bytes);
    }

    fn live_up(&mut self, who: usize, link: LinkId, bytes: Vec<u8>) {
        self.history.sees("the network", &bytes);
        if self.sabotage == Some(Sabotage::NamesLeak) {
            self.history.sees("the network", names::secret_name(who).as_bytes());
        }
        if self.network.is_muted(who, Way::Up, self.now) {
            return self.history.fault("message lost without a word");
        }
        let latency = self.latency();
        for bytes in self.meddle(bytes) {
            let passage = self.network.passage(bytes.len(), self.now);
            let Some(line) = self.people[who].line.as_mut().filter(|line| line.link == link) else { return };
            line.up = Timestamp(line.up.0.max(self.now.0 + latency) + passage);
            let (at, connection, server) = (line.up, line.connection, line.server);
            let life = self.servers[server].life;
            let input = Input::Live { connection, message: bytes };
            self.schedule_at(at, Happening::ToHome { server, life, input });
        }
    }

    pub(super) fn live_down(&mut self, server: usize, connection: ConnectionId, bytes: Vec<u8>) {
        let Some(who) = self.who(server, connection) else { return };
        self.history.sees("the network", &bytes);
        if self.network.is_muted(who, Way::Down, self.now) {
            return self.history.fault("message lost without a word");
        }
        let life = self.people[who].life;
        let latency = self.latency();
        for bytes in self.meddle(bytes) {
            let passage = self.network.passage(bytes.len(), self.now);
            let is_this = |line: &&mut Line| line.connection == connection;
            let Some(line) = self.people[who].line.as_mut().filter(is_this) else { return };
            line.down = Timestamp(line.down.0.max(self.now.0 + latency) + passage);
            let (at, link) = (line.down, line.link);
            self.schedule_at(at, Happening::ToEngine { who, life, arrival: Arrival::Live { link, bytes } });
        }
    }

    /// Somebody on the way may change, drop or repeat a message.
    fn meddle(&mut self, mut bytes: Vec<u8>) -> Vec<Vec<u8>> {
        match self.network.meddling(&mut self.luck) {
            Meddling::Nothing => vec![bytes],
            Meddling::Drops => {
                self.history.fault("message dropped on the way");
                Vec::new()
            }
            Meddling::Repeats => {
                self.history.fault("message repeated on the way");
                vec![bytes.clone(), bytes]
            }
            Meddling::Flips => {
                self.history.fault("message changed on the way");
                flip(&mut bytes, &mut self.luck);
                vec![bytes]
            }
        }
    }

    pub(super) fn closed_by_server(&mut self, server: usize, connection: ConnectionId) {
        let who = self.servers[server].lines.remove(&connection);
        self.servers[server].open.remove(&connection);
        let Some(who) = who else { return };
        let Some(line) = self.people[who].line.take_if(|line| line.connection == connection) else { return };
        // What was said before still arrives.
        let at = Timestamp(line.down.0.max(self.now.0) + 1);
        self.tell_engine_closed(who, line.link, at);
    }

    /// A connection that has proven nothing by now is ended by the program, and the rules hear of it.
    pub(super) fn must_be_proven(&mut self, server: usize, life: u32, connection: ConnectionId) {
        let place = &self.servers[server];
        let is_known = place.home.as_ref().is_some_and(|home| home.is_known(connection));
        if place.life == life && place.open.contains(&connection) && !is_known {
            self.closed_by_server(server, connection);
            self.home(server, Input::Closed { connection });
        }
    }

    /// The connection of a device breaks; each side notices in its own time.
    pub(super) fn cut(&mut self, who: usize) {
        let Some(line) = self.people[who].line.take() else { return };
        let (soon, late) = (self.luck.random_range(0..30_000), self.luck.random_range(0..120_000));
        self.tell_engine_closed(who, line.link, Timestamp(self.now.0 + soon));
        self.tell_server_closed(line.server, line.connection, late);
    }

    fn tell_engine_closed(&mut self, who: usize, link: LinkId, at: Timestamp) {
        let arrival = Arrival::LinkClosed { link, reason: LinkFailure::Closed };
        let life = self.people[who].life;
        self.schedule_at(at, Happening::ToEngine { who, life, arrival });
    }

    pub(super) fn tell_server_closed(&mut self, server: usize, connection: ConnectionId, wait: u64) {
        let life = self.servers[server].life;
        self.schedule_in(wait, Happening::ToHome { server, life, input: Input::Closed { connection } });
    }

    pub(super) fn exchange(&mut self, server: usize, exchange: ExchangeId, url: &ServerUrl, ask: Ask) {
        let life = self.servers[server].life;
        let fail = |world: &mut Self| {
            let outcome = ExchangeOutcome::Unreachable;
            world.schedule_in(GIVES_UP_MS, Happening::Exchanged { server, life, exchange, outcome });
        };
        let Some(other) = self.resolve(url) else { return fail(self) };
        let sealed = match ask {
            Ask::Descriptor => None,
            Ask::OneShot(sealed) => Some(sealed),
        };
        self.history.sees("the network", sealed.as_deref().unwrap_or_default());
        let fate =
            if server == other { Fate::Arrives(1) } else { self.network.fate(server, other, self.now, &mut self.luck) };
        let (copies, loses) = match fate {
            Fate::Lost => {
                self.history.fault("request lost between servers");
                return fail(self);
            }
            Fate::AnswerLost => {
                self.history.fault("answer lost between servers");
                (1, true)
            }
            Fate::Arrives(copies) => (copies, false),
        };
        for copy in 0..copies {
            if copy > 0 {
                self.history.fault("request repeated between servers");
            }
            let passage = self.network.passage(sealed.as_ref().map_or(0, Vec::len), self.now);
            let wait = self.latency() + passage;
            // Only the first one's answer finds its way back.
            let loses = loses && copy == 0;
            let asker = if copy == 0 { server } else { usize::MAX };
            let sealed = sealed.clone();
            self.schedule_in(wait, Happening::Asked { server: other, from: asker, life, exchange, sealed, loses });
        }
        if loses {
            fail(self);
        }
    }

    pub(super) fn asked(
        &mut self,
        server: usize,
        from: usize,
        life: u32,
        exchange: ExchangeId,
        sealed: Option<Vec<u8>>,
        loses: bool,
    ) {
        let asker = Asker { server: from, life, exchange, loses };
        if self.servers[server].home.is_none() {
            return self.end_exchange(asker, ExchangeOutcome::Unreachable);
        }
        let Some(sealed) = sealed else {
            let bytes = self.hand_out_descriptor(server);
            return self.end_exchange(asker, ExchangeOutcome::Answered(bytes));
        };
        let ticket = Ticket(self.number());
        self.servers[server].waiting.insert(ticket, asker);
        self.home(server, Input::OneShot { ticket, sealed });
    }

    pub(super) fn replied(&mut self, server: usize, ticket: Ticket, bytes: Vec<u8>) {
        self.history.sees("the network", &bytes);
        if let Some(asker) = self.servers[server].waiting.remove(&ticket) {
            self.end_exchange(asker, ExchangeOutcome::Answered(bytes));
        }
    }

    pub(super) fn end_exchange(&mut self, asker: Asker, outcome: ExchangeOutcome) {
        let wait = self.latency();
        self.end_exchange_in(wait, asker, outcome);
    }

    pub(super) fn end_exchange_in(&mut self, wait: u64, asker: Asker, outcome: ExchangeOutcome) {
        let Asker { server, life, exchange, loses } = asker;
        // A repeated request has nobody who waits; a lost answer was given up already.
        if server == usize::MAX || loses {
            return;
        }
        self.schedule_in(wait, Happening::Exchanged { server, life, exchange, outcome });
    }

    /// Says in the story where somebody is.
    pub(super) fn tell(&mut self, people: &[usize], text: impl Into<String>) {
        self.history.tell(self.now, people, text);
    }

    /// Names somebody in the story.
    pub(super) fn name(who: usize) -> String {
        names::person(who)
    }
}
