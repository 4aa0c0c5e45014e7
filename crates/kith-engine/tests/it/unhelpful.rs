//! A home server that says what a test wants it to say: too busy, or nothing of use. What the real rules never say all the same is bounded.

use kith_crypto::live::{LiveChannel, accept_opening};
use kith_crypto::random;
use kith_crypto::sealed::EpochSecret;
use kith_crypto::sign::ServerSecret;
use kith_crypto::user::UserSecret;
use kith_engine::{Arrival, Command, Connection as Wanted, Engine, LinkId, LogQuery, MessageState, Output, Whom};
use kith_wire::address::ServerUrl;
use kith_wire::descriptor::{Descriptor, ServerLimits, VersionRange};
use kith_wire::ext::Ext;
use kith_wire::id::{LinkSecret, ReaderId, SenderId};
use kith_wire::live::{LiveEvent, LiveRequest};
use kith_wire::operation::{Answer, Operation, Refusal};
use kith_wire::sealed::OneShotReply;
use kith_wire::{Timestamp, Wire};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rusqlite::Connection;

use crate::world::{ANA, START, World, connect};

type Says = fn(&Operation, usize) -> Option<Answer>;

const URL: &str = "https://unhelpful.example";

/// Somebody, and their home server. Deposits wait there for nobody.
struct Alone {
    engine: Engine,
    /// Looks into the database.
    keeper: Connection,
    rng: StdRng,
    now: Timestamp,
    key: ServerSecret,
    epoch: EpochSecret,
    line: Option<(LinkId, LiveChannel)>,
    /// What the server says to a request that a test is about, also by how often it was asked for the time before; to others it says what they
    /// want to hear.
    says: Says,
    /// What it knows of the server of whoever made the card.
    other: Vec<u8>,
    /// After how many seconds the time was asked for.
    asked: Vec<u64>,
    /// After how many seconds something was deposited.
    deposited: Vec<u64>,
    /// After how many seconds another server was to be asked.
    relayed: Vec<u64>,
}

impl Alone {
    /// They have answered a card, and are about to go online.
    fn new(name: &str, says: Says) -> Self {
        let mut alone = Self::fresh(name);
        let mut world = World::new(&format!("{name}-world"));
        let (_, offer) = world.card(ANA);
        alone.other = world.servers[0].home.descriptor().to_vec();
        alone.command(Command::Connect(Wanted::Unwanted));
        alone.command(Command::CardAccept { offer: Box::new(offer), whom: Whom::New(None) });
        alone.says = says;
        alone.asked.clear();
        alone
    }

    /// They have just come to their home server, which is helpful so far.
    fn fresh(name: &str) -> Self {
        let mut rng = StdRng::seed_from_u64(3);
        let mut engine = Engine::open(connect(name), START).unwrap();
        engine.set_user_key(&UserSecret::generate(&mut rng).public()).unwrap();
        let mut alone = Self {
            engine,
            keeper: connect(name),
            now: START,
            key: ServerSecret::generate(&mut rng),
            epoch: EpochSecret::generate(START.epoch(), &mut rng),
            rng,
            line: None,
            says: |_, _| None,
            other: Vec::new(),
            asked: Vec::new(),
            deposited: Vec::new(),
            relayed: Vec::new(),
        };
        let url = ServerUrl::parse(URL).unwrap();
        let init = Command::Init { url, descriptor: alone.descriptor(), expect: None, invite: None, name: None };
        alone.command(init);
        alone.connect();
        alone
    }

    /// They go online, on a new connection.
    fn connect(&mut self) {
        self.command(Command::Connect(Wanted::Unwanted));
        self.command(Command::Connect(Wanted::Wanted));
    }

    fn descriptor(&self) -> Vec<u8> {
        let descriptor = Descriptor {
            versions: VersionRange::OURS,
            server_key: self.key.public(),
            serial: 1,
            urls: vec![ServerUrl::parse(URL).unwrap()],
            epochs: vec![self.epoch.public()],
            limits: ServerLimits { retention_hours: 504, max_blob_bytes: 1 << 27, invite_only: false },
            successor: None,
            ext: Ext::new(),
        };
        self.key.sign(&descriptor).to_bytes()
    }

    fn command(&mut self, command: Command) {
        self.engine.command(self.now, &mut self.rng, command).unwrap();
        self.drain();
    }

    /// The server says everything that it has to say.
    fn drain(&mut self) {
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::OpenLink { link, bytes, .. } => {
                    let opened = accept_opening(&self.key.public(), &self.epoch, &bytes, &mut self.rng);
                    let (answer, channel) = opened.unwrap();
                    self.line = Some((link, channel));
                    self.arrive(Arrival::Live { link, bytes: OneShotReply::Sealed(answer).to_bytes() });
                }
                Output::SendLive { link, bytes } => self.asked_for(link, &bytes),
                Output::CloseLink { .. } => self.line = None,
                _ => {}
            }
        }
    }

    fn asked_for(&mut self, link: LinkId, bytes: &[u8]) {
        let Some((open, mut channel)) = self.line.take().filter(|(open, _)| *open == link) else { return };
        let request = LiveRequest::from_bytes(&channel.open(bytes).unwrap()).unwrap();
        let said = (self.says)(&request.operation, self.asked.len());
        let answer = said.unwrap_or_else(|| self.fitting(&request.operation));
        match request.operation {
            Operation::Clock => self.asked.push(self.seconds()),
            Operation::RelayDurable { .. } => self.deposited.push(self.seconds()),
            Operation::Relay { .. } => self.relayed.push(self.seconds()),
            _ => {}
        }
        let event = LiveEvent::Answer { number: request.number, answer };
        let bytes = channel.seal(&event.to_bytes()).unwrap();
        self.line = Some((open, channel));
        self.arrive(Arrival::Live { link, bytes });
    }

    fn fitting(&mut self, operation: &Operation) -> Answer {
        match operation {
            Operation::Clock => Answer::Clock { time: self.now.seconds() },
            Operation::QueueCreate { .. } => Answer::Queue {
                reader_id: ReaderId(random::bytes(&mut self.rng)),
                sender_id: SenderId(random::bytes(&mut self.rng)),
            },
            Operation::DescriptorOf { .. } => Answer::Descriptor { descriptor: self.other.clone() },
            _ => Answer::Accepted,
        }
    }

    fn seconds(&self) -> u64 {
        (self.now.0 - START.0) / 1000
    }

    fn arrive(&mut self, arrival: Arrival) {
        self.engine.receive(self.now, &mut self.rng, arrival).unwrap();
        self.drain();
    }

    /// Lets seconds pass, stopping wherever there is something to do.
    fn run(&mut self, seconds: u64) {
        let end = self.now.plus_seconds(seconds);
        while self.now < end {
            let wake = self.engine.next_wake().unwrap_or(end);
            self.now = wake.clamp(Timestamp(self.now.0 + 1), end);
            self.engine.wake(self.now, &mut self.rng).unwrap();
            self.drain();
        }
    }
}

#[test]
fn ke_133_a_server_that_refuses_to_say_the_time_keeps_no_deposit_back() {
    let mut alone = Alone::new("time-refused", |operation, _| {
        matches!(operation, Operation::Clock).then_some(Answer::Refused { reason: Refusal::NotFound })
    });
    alone.connect();
    alone.run(5);
    assert_eq!(alone.deposited, [0]);
}

#[test]
fn ke_133_a_server_that_is_too_busy_to_say_the_time_is_asked_once_more() {
    let busy_once: Says = |operation, asked| {
        (matches!(operation, Operation::Clock) && asked == 0).then_some(Answer::Busy { seconds: 60 })
    };
    let mut alone = Alone::new("time-later", busy_once);
    alone.connect();
    alone.run(600);
    assert_eq!(alone.asked[..2], [0, 60]);
    assert_eq!(alone.deposited, [60], "nothing before the time was said");
}

#[test]
fn ke_133_a_server_that_is_always_too_busy_to_say_the_time_keeps_no_deposit_back_for_ever() {
    let busy: Says = |operation, _| matches!(operation, Operation::Clock).then_some(Answer::Busy { seconds: 60 });
    let mut alone = Alone::new("time-never", busy);
    alone.connect();
    alone.run(3000);
    assert_eq!(alone.asked[..2], [0, 60]);
    assert_eq!(alone.deposited, [120]);
    assert!(alone.asked.len() <= 4, "{:?}", alone.asked);
    // Nor by connections that break before it was asked again.
    let mut alone = Alone::new("time-broken", busy);
    for _ in 0..2 {
        alone.connect();
        alone.run(30);
    }
    alone.run(60);
    assert_eq!((&alone.asked[..2], &alone.deposited[..]), (&[0, 30][..], &[90][..]));
}

#[test]
fn ke_134_no_server_puts_a_deposit_off_for_longer_than_an_hour() {
    let mut alone = Alone::new("deposit-later", |operation, _| {
        matches!(operation, Operation::RelayDurable { .. }).then_some(Answer::Busy { seconds: u16::MAX })
    });
    alone.connect();
    alone.run(3 * 3600);
    assert_eq!(alone.deposited, [0, 3600, 7200, 10_800]);
}

/// Who types words once more does not wait for the pauses that the first attempt has brought about.
#[test]
fn regression_words_that_are_typed_again_are_looked_for_at_once() {
    let mut alone = Alone::fresh("words-again");
    alone.says = |operation, _| matches!(operation, Operation::Relay { .. }).then_some(Answer::Busy { seconds: 1 });
    let look = |alone: &mut Alone| {
        let (url, descriptor) = (ServerUrl::parse(URL).unwrap(), alone.descriptor());
        let secret = LinkSecret::new([7; 16]);
        alone.command(Command::JoinByWords { url, descriptor, secret, name: "laptop".to_owned() });
    };
    look(&mut alone);
    alone.run(400);
    // By now it is asked every two minutes or so only.
    assert!(alone.seconds() - alone.relayed.last().unwrap() > 10, "{:?}", alone.relayed);
    look(&mut alone);
    assert_eq!(*alone.relayed.last().unwrap(), alone.seconds());
}

#[test]
fn ke_133_nothing_is_given_up_by_a_clock_that_the_server_says_nothing_of() {
    let busy: Says = |operation, _| matches!(operation, Operation::Clock).then_some(Answer::Busy { seconds: 60 });
    let refuses: Says =
        |operation, _| matches!(operation, Operation::Clock).then_some(Answer::Refused { reason: Refusal::NotFound });
    let says: Says = |_, _| None;
    for (name, server, state) in [
        ("given-up-busy", busy, MessageState::Waiting),
        ("given-up-refused", refuses, MessageState::Waiting),
        ("given-up-said", says, MessageState::Expired),
    ] {
        let mut alone = Alone::new(name, server);
        let contact = alone.engine.contacts().unwrap()[0].id;
        alone.command(Command::Send { contact, text: "when?".to_owned(), reply_to: None, attachment: None });
        let message = alone.engine.log(contact, &LogQuery::default()).unwrap()[0].id;
        alone.keeper.execute("UPDATE outgoing SET expires = 1", []).unwrap();
        alone.connect();
        alone.run(2 * 3600);
        assert_eq!(alone.engine.message(contact, message).unwrap().state, state, "{name}");
    }
}
