//! Tests of every rule, through the same bytes that clients send.

mod accounts;
mod ahead;
mod blobs;
mod deposits;
mod histories;
mod hostile;
mod identity;
mod kept;
mod live;
mod pushes;
mod queues;
mod relay;
mod room;
mod time;

use kith_crypto::capability::{new_send, prove, send_verifier};
use kith_crypto::live::{ClientOpening, LiveChannel};
use kith_crypto::request::{RequestStamp, live_account, live_reader, sign_as_account, sign_as_reader};
use kith_crypto::sealed::{PendingAnswer, seal};
use kith_crypto::sign::{AccountSecret, LookupSecret, open};
use kith_wire::address::{ServerAddress, ServerUrl};
use kith_wire::descriptor::{Descriptor, EpochKeys};
use kith_wire::frame::Frame;
use kith_wire::id::{DedupId, Nonce, Proof, ReaderId, SendCapability, SenderId, ServerKey};
use kith_wire::live::{LiveEvent, LiveRequest, RequestNumber};
use kith_wire::operation::{Answer, Deposit, EntryId, Operation, Refusal, Request, RequestSignature};
use kith_wire::sealed::{OneShotReply, SealKind};
use kith_wire::signed::Signed;
use kith_wire::time::Hour;
use kith_wire::{Timestamp, Wire};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::numbers::SPAN_BITS;
use crate::store::memory::Memory;
use crate::store::{Store, Txn};
use crate::{Ask, Config, ConnectionId, ExchangeId, ExchangeOutcome, Home, Input, Output, Ticket};

/// A moment in the middle of a week, so that nothing rotates by accident.
const START: Timestamp = Timestamp::from_seconds(2_950 * 7 * 86_400 + 3 * 86_400);

/// A home server, its store, its clock, and the one who talks to it.
struct World {
    store: Memory,
    home: Home,
    now: Timestamp,
    rng: StdRng,
    next: u64,
}

/// A device with an account and a queue.
struct Device {
    account: AccountSecret,
    lookup: LookupSecret,
    send: SendCapability,
    reader: ReaderId,
    sender: SenderId,
}

/// A client's end of a live connection.
struct Line {
    id: ConnectionId,
    channel: LiveChannel,
    number: u32,
}

fn url(text: &str) -> ServerUrl {
    ServerUrl::parse(text).unwrap()
}

fn config() -> Config {
    Config::new(vec![url("https://home.example")])
}

fn frame(byte: u8) -> Frame {
    Frame::new([byte; 4096])
}

fn refused(reason: Refusal) -> Answer {
    Answer::Refused { reason }
}

impl World {
    fn new() -> Self {
        Self::with(config())
    }

    fn with(config: Config) -> Self {
        let mut store = Memory::new();
        let mut rng = StdRng::seed_from_u64(5484);
        let home = Home::open(&mut store, config, START, &mut rng).unwrap();
        Self { store, home, now: START, rng, next: 0 }
    }

    /// The same data folder, started by the next process.
    fn restarted(mut self) -> Self {
        let config = self.home.config.clone();
        self.home = Home::open(&mut self.store, config, self.now, &mut self.rng).unwrap();
        self
    }

    fn key(&self) -> ServerKey {
        self.home.server_key()
    }

    fn address(&self) -> ServerAddress {
        ServerAddress { url: url("https://home.example"), key: self.key() }
    }

    fn descriptor(&self) -> Descriptor {
        open(Signed::<Descriptor>::from_bytes(self.home.descriptor()).unwrap()).unwrap().into_inner()
    }

    fn epoch(&self) -> EpochKeys {
        let descriptor = self.descriptor();
        descriptor.epochs.into_iter().next().unwrap()
    }

    fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn nonce(&mut self) -> Nonce {
        Nonce(self.rng.random())
    }

    /// Handles inputs in one batch and commits.
    fn batch(&mut self, inputs: impl IntoIterator<Item = Input>) -> Vec<Output> {
        let mut batch = self.home.begin(&mut self.store, self.now, &mut self.rng).unwrap();
        for input in inputs {
            batch = batch.handle(input).unwrap();
        }
        let mut outputs = batch.pushes().unwrap();
        outputs.extend(batch.commit().unwrap());
        outputs
    }

    fn input(&mut self, input: Input) -> Vec<Output> {
        self.batch([input])
    }

    fn tick(&mut self) -> Vec<Output> {
        self.input(Input::Tick)
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now.plus_seconds(seconds);
    }

    fn read<R>(&mut self, look: impl FnOnce(&dyn Fn() -> crate::store::Counts) -> R) -> R {
        let txn = self.store.begin().unwrap();
        look(&|| txn.counts().unwrap())
    }

    fn counts(&mut self) -> crate::store::Counts {
        self.read(|counts| counts())
    }

    fn seal(&mut self, request: &Request) -> (Vec<u8>, PendingAnswer) {
        let (key, epoch) = (self.key(), self.epoch());
        let sealed = seal(&key, &epoch, SealKind::OneShot, &request.to_bytes(), &mut self.rng).unwrap();
        (sealed.bytes, sealed.pending)
    }

    /// Sends one sealed request and returns the reply to it.
    fn post(&mut self, sealed: Vec<u8>) -> OneShotReply {
        let ticket = Ticket(self.fresh());
        if ticket.0.is_multiple_of(2) {
            let outputs = self.input(Input::OneShot { ticket, sealed });
            return reply_in(&outputs, ticket).unwrap();
        }
        // Every other one is opened and sealed outside: both ways are the same to whoever asks.
        match self.home.opener().open(&sealed) {
            Err(unopened) => unopened.reply(self.home.descriptor()),
            Ok(opened) => {
                let outputs = self.input(Input::Opened { ticket, opened });
                let to_seal = outputs.into_iter().find_map(|output| match output {
                    Output::Answer { ticket: answered, answer } if answered == ticket => Some(answer),
                    _ => None,
                });
                to_seal.unwrap().seal(&mut self.rng)
            }
        }
    }

    fn ask(&mut self, operation: Operation, signatures: Vec<RequestSignature>) -> Answer {
        let (sealed, pending) = self.seal(&Request { operation, signatures });
        answer_in(self.post(sealed), &pending)
    }

    fn stamp(&mut self) -> RequestStamp {
        RequestStamp { server: self.key(), nonce: self.nonce(), time: self.now.seconds() }
    }

    fn ask_as_account(&mut self, account: &AccountSecret, operation: Operation) -> Answer {
        let stamp = self.stamp();
        let signature = sign_as_account(account, &operation, &stamp);
        self.ask(operation, vec![signature])
    }

    fn ask_as_reader(&mut self, lookup: &LookupSecret, operation: Operation) -> Answer {
        let stamp = self.stamp();
        let signature = sign_as_reader(lookup, &operation, &stamp);
        self.ask(operation, vec![signature])
    }

    fn ask_as_both(&mut self, account: &AccountSecret, lookup: &LookupSecret, operation: Operation) -> Answer {
        let (one, two) = (self.stamp(), self.stamp());
        let signatures = vec![sign_as_account(account, &operation, &one), sign_as_reader(lookup, &operation, &two)];
        self.ask(operation, signatures)
    }

    fn account(&mut self) -> AccountSecret {
        let account = AccountSecret::generate(&mut self.rng);
        assert_eq!(self.ask_as_account(&account, Operation::AccountOpen { invite: None }), Answer::Accepted);
        account
    }

    /// Registers a device and creates its queue.
    fn device(&mut self) -> Device {
        let account = self.account();
        let lookup = LookupSecret::generate(&mut self.rng);
        let send = new_send(&mut self.rng);
        let create = Operation::QueueCreate { lookup_key: lookup.public(), verifier: send_verifier(&send) };
        let Answer::Queue { reader_id, sender_id } = self.ask_as_both(&account, &lookup, create) else {
            panic!("no queue");
        };
        Device { account, lookup, send, reader: reader_id, sender: sender_id }
    }

    fn deposit_to(&mut self, device: &Device, byte: u8) -> Deposit {
        let deposit = Deposit {
            sender_id: device.sender,
            proof: Proof([0; 32]),
            dedup: DedupId(self.rng.random()),
            expires: Hour(self.now.hour().0 + 24),
            frame: frame(byte),
        };
        prove(deposit, &device.send, &self.key())
    }

    fn deposit(&mut self, deposit: Deposit) -> Answer {
        self.ask(Operation::Deposit(deposit), Vec::new())
    }

    /// Deposits a frame of this byte.
    fn send(&mut self, device: &Device, byte: u8) {
        let deposit = self.deposit_to(device, byte);
        assert_eq!(self.deposit(deposit), Answer::Accepted);
    }

    /// Fetches everything: entry numbers and first bytes of the frames, and whether something was dropped.
    fn fetch(&mut self, device: &Device) -> (Vec<(u64, u8)>, bool) {
        let operation = Operation::Fetch { reader_id: device.reader, after: EntryId(0), limit: 16 };
        let Answer::Frames { entries, overflowed, .. } = self.ask_as_reader(&device.lookup, operation) else {
            panic!("no frames");
        };
        (entries.iter().map(|entry| (short(entry.entry), entry.frame.as_bytes()[0])).collect(), overflowed)
    }

    fn ack(&mut self, device: &Device, entries: &[u64]) -> Answer {
        let entries = entries.iter().copied().map(long).collect();
        self.ask_as_reader(&device.lookup, Operation::Ack { reader_id: device.reader, entries })
    }

    /// Opens a live connection.
    fn connect(&mut self) -> Line {
        let (key, epoch) = (self.key(), self.epoch());
        let opening = ClientOpening::new(&key, &epoch, &mut self.rng).unwrap();
        let id = ConnectionId(self.fresh());
        let outputs = self.input(Input::Live { connection: id, message: opening.bytes.clone() });
        let [Output::Live { message, .. }] = outputs.as_slice() else { panic!("{outputs:?}") };
        let Some(OneShotReply::Sealed(sealed)) = OneShotReply::from_bytes(message) else { panic!("refused") };
        Line { id, channel: opening.accept(&sealed).unwrap(), number: 0 }
    }

    /// Sends a live request and returns everything that comes out for this line.
    fn say(&mut self, line: &mut Line, operation: Operation) -> Vec<LiveEvent> {
        let message = line.record(operation);
        let outputs = self.input(Input::Live { connection: line.id, message });
        line.events(&outputs)
    }

    /// Connects a device and starts its pushes.
    fn listen(&mut self, device: &Device, window: u16) -> (Line, Vec<LiveEvent>) {
        let mut line = self.connect();
        let prove = live_account(&device.account, &line.channel.binding);
        assert_eq!(answers(&self.say(&mut line, prove)), [Answer::Accepted]);
        let reader = live_reader(&device.lookup, device.reader, &line.channel.binding);
        let events = self.say(&mut line, Operation::LiveRead { readers: vec![reader], window });
        assert_eq!(answers(&events), [Answer::Accepted]);
        (line, events)
    }
}

impl Line {
    fn record(&mut self, operation: Operation) -> Vec<u8> {
        self.number += 1;
        let request = LiveRequest { number: RequestNumber(self.number), operation };
        self.channel.seal(&request.to_bytes()).unwrap()
    }

    /// Opens what came out for this line.
    fn events(&mut self, outputs: &[Output]) -> Vec<LiveEvent> {
        let mut events = Vec::new();
        for output in outputs {
            match output {
                Output::Live { connection, message } if *connection == self.id => {
                    events.push(LiveEvent::from_bytes(&self.channel.open(message).unwrap()).unwrap());
                }
                _ => {}
            }
        }
        events
    }
}

fn reply_in(outputs: &[Output], wanted: Ticket) -> Option<OneShotReply> {
    outputs.iter().find_map(|output| match output {
        Output::Reply { ticket, bytes } if *ticket == wanted => OneShotReply::from_bytes(bytes),
        _ => None,
    })
}

fn answer_in(reply: OneShotReply, pending: &PendingAnswer) -> Answer {
    let OneShotReply::Sealed(sealed) = reply else { panic!("{reply:?}") };
    Answer::from_bytes(&pending.open(&sealed).unwrap()).unwrap()
}

fn answers(events: &[LiveEvent]) -> Vec<Answer> {
    let answer = |event: &LiveEvent| match event {
        LiveEvent::Answer { answer, .. } => Some(answer.clone()),
        _ => None,
    };
    events.iter().filter_map(answer).collect()
}

/// Numbers of entries as tests write them: those of the first generation begin at 1.
fn short(entry: EntryId) -> u64 {
    entry.0 - (START.0 << SPAN_BITS)
}

fn long(number: u64) -> EntryId {
    EntryId(number.saturating_add(START.0 << SPAN_BITS))
}

/// Entry numbers and first bytes of what was pushed.
fn pushes(events: &[LiveEvent]) -> Vec<(u64, u8)> {
    let push = |event: &LiveEvent| match event {
        LiveEvent::Push { entry, frame, .. } => Some((short(*entry), frame.as_bytes()[0])),
        _ => None,
    };
    events.iter().filter_map(push).collect()
}

fn exchanges(outputs: &[Output]) -> Vec<(ExchangeId, ServerUrl, Ask)> {
    let exchange = |output: &Output| match output {
        Output::Exchange { exchange, url, ask } => Some((*exchange, url.clone(), ask.clone())),
        _ => None,
    };
    outputs.iter().filter_map(exchange).collect()
}

fn ended(exchange: ExchangeId, outcome: ExchangeOutcome) -> Input {
    Input::Exchanged { exchange, outcome }
}
