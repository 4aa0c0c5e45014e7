//! A live connection of a client: WebSocket and records over a blocking socket, because a thread that waits for one socket
//! notices a push sooner than a runtime does, and 15,000 sockets need no tasks.

use std::collections::HashMap;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use kith_crypto::capability::send_verifier;
use kith_crypto::live::{ClientOpening, LiveChannel};
use kith_crypto::request::{live_account, live_reader};
use kith_crypto::sign::{AccountSecret, LookupSecret};
use kith_wire::Wire;
use kith_wire::id::{ReaderId, SendCapability, SenderId};
use kith_wire::limits::MAX_FETCH;
use kith_wire::live::{LiveEvent, LiveRequest, RequestNumber};
use kith_wire::operation::{Answer, EntryId, Operation};
use kith_wire::sealed::OneShotReply;
use rand::rngs::SysRng;
use rand_core::UnwrapErr;

use super::inbox::Inbox;
use super::kithd::Home;
use super::socket::Socket;
use super::websocket;
use crate::Failure;

/// One queue, as its reader knows it.
pub(crate) struct Mailbox {
    /// Proves the reader.
    pub(crate) lookup: LookupSecret,
    /// Its name towards the reader.
    pub(crate) reader: ReaderId,
    /// Its name towards senders.
    pub(crate) sender: SenderId,
}

/// A client's end.
pub(crate) struct Line {
    stream: Socket,
    inbox: Inbox,
    channel: LiveChannel,
    number: u32,
}

/// Requests for new queues on their way at once.
const CREATING: usize = 64;
/// Pushes that are acknowledged together.
const ACK_EVERY: usize = 32;

impl Line {
    /// Connects and shakes hands.
    pub(crate) fn open(home: &Home) -> Result<Self, Failure> {
        Self::open_on(home, TcpStream::connect(home.address)?)
    }

    /// Connects from an address of this machine, because one address has only so many ports.
    pub(crate) fn open_from(home: &Home, source: Ipv4Addr) -> Result<Self, Failure> {
        use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        bind(&socket, &SocketAddr::from((source, 0)))?;
        connect(&socket, &home.address)?;
        Self::open_on(home, TcpStream::from(socket))
    }

    fn open_on(home: &Home, stream: TcpStream) -> Result<Self, Failure> {
        let mut stream = Socket::over(stream, &home.trust)?;
        let opening = ClientOpening::new(&home.key, &home.epoch, &mut UnwrapErr(SysRng))?;
        stream.write_all(websocket::HANDSHAKE)?;
        let mut inbox = Inbox::default();
        let length = loop {
            match websocket::handshake_len(inbox.fresh())? {
                Some(length) => break length,
                None => inbox.fill(&mut stream)?,
            }
        };
        inbox.take(length, 0..0);
        stream.write_all(&websocket::binary(&opening.bytes))?;
        let reply = next_message(&mut stream, &mut inbox)?;
        let Some(OneShotReply::Sealed(sealed)) = OneShotReply::from_bytes(reply) else {
            return Err("the server refused a live connection".into());
        };
        Ok(Self { stream, inbox, channel: opening.accept(&sealed)?, number: 0 })
    }

    /// Proves an account.
    pub(crate) fn prove_account(&mut self, account: &AccountSecret) -> Result<(), Failure> {
        let operation = live_account(account, &self.channel.binding);
        self.ask(operation)
    }

    /// Proves that some queues may be read; pushes come from then on. An answer may come after the first pushes: those that
    /// came first are returned.
    pub(crate) fn read(&mut self, mailboxes: &[&Mailbox], window: u16) -> Result<Vec<Push>, Failure> {
        let prove = |mailbox: &&Mailbox| live_reader(&mailbox.lookup, mailbox.reader, &self.channel.binding);
        let readers = mailboxes.iter().map(prove).collect();
        self.say(Operation::LiveRead { readers, window })?;
        let mut early = Vec::new();
        loop {
            match self.event()? {
                LiveEvent::Answer { answer: Answer::Accepted, .. } => return Ok(early),
                LiveEvent::Push { reader_id, entry, frame } => early.push(Push::of(reader_id, entry, frame.as_bytes())),
                other => return Err(format!("no right to read: {other:?}").into()),
            }
        }
    }

    /// Creates queues for the account that was proven.
    pub(crate) fn create_queues(&mut self, n: usize, send: &SendCapability) -> Result<Vec<Mailbox>, Failure> {
        let (mut lookups, mut mailboxes) = (Vec::with_capacity(n), Vec::with_capacity(n));
        while mailboxes.len() < n {
            while lookups.len() < n && lookups.len() - mailboxes.len() < CREATING {
                let lookup = LookupSecret::generate(&mut UnwrapErr(SysRng));
                self.say(Operation::QueueCreate { lookup_key: lookup.public(), verifier: send_verifier(send) })?;
                lookups.push(Some(lookup));
            }
            match self.event()? {
                LiveEvent::Answer { answer: Answer::Queue { reader_id, sender_id }, .. } => {
                    let lookup = lookups.get_mut(mailboxes.len()).and_then(Option::take).ok_or("an answer too many")?;
                    mailboxes.push(Mailbox { lookup, reader: reader_id, sender: sender_id });
                }
                other => return Err(format!("no queue: {other:?}").into()),
            }
        }
        Ok(mailboxes)
    }

    /// Reads and acknowledges `n` frames, and waits until the last ack is durable. Returns the numbers in them.
    pub(crate) fn drain(&mut self, mailboxes: &[&Mailbox], n: usize, window: u16) -> Result<Vec<u64>, Failure> {
        let mut numbers = Vec::with_capacity(n);
        let mut to_ack: HashMap<ReaderId, Vec<EntryId>> = HashMap::new();
        let mut n_unanswered = 0;
        let mut early = self.read(mailboxes, window)?.into_iter();
        while numbers.len() < n || n_unanswered > 0 {
            let push = match early.next() {
                Some(push) => push,
                None => match self.event()? {
                    LiveEvent::Push { reader_id, entry, frame } => Push::of(reader_id, entry, frame.as_bytes()),
                    LiveEvent::Answer { answer: Answer::Accepted, .. } => {
                        n_unanswered -= 1;
                        continue;
                    }
                    other => return Err(format!("no push: {other:?}").into()),
                },
            };
            numbers.push(push.number);
            let entries = to_ack.entry(push.reader).or_default();
            entries.push(push.entry);
            if entries.len() >= ACK_EVERY {
                let entries = std::mem::take(entries);
                self.say(Operation::Ack { reader_id: push.reader, entries })?;
                n_unanswered += 1;
            }
            if numbers.len() == n {
                for (reader_id, entries) in to_ack.drain().filter(|(_, entries)| !entries.is_empty()) {
                    self.say(Operation::Ack { reader_id, entries })?;
                    n_unanswered += 1;
                }
            }
        }
        Ok(numbers)
    }

    /// Reads and acknowledges everything that waits, however much that is. Returns the numbers in the frames.
    pub(crate) fn take_all(&mut self, mailboxes: &[&Mailbox]) -> Result<Vec<u64>, Failure> {
        // Pushes come as well, and are passed over: pages tell when there is nothing more.
        self.read(mailboxes, 1)?;
        let mut numbers = Vec::new();
        for mailbox in mailboxes {
            loop {
                let fetch = Operation::Fetch { reader_id: mailbox.reader, after: EntryId(0), limit: MAX_FETCH };
                let Answer::Frames { entries, more, .. } = self.answer(fetch)? else { return Err("no frames".into()) };
                let page = entries.iter().map(|entry| Push::of(mailbox.reader, entry.entry, entry.frame.as_bytes()));
                numbers.extend(page.map(|push| push.number));
                let entries = entries.iter().map(|entry| entry.entry).collect();
                self.answer(Operation::Ack { reader_id: mailbox.reader, entries })?;
                if !more {
                    break;
                }
            }
        }
        Ok(numbers)
    }

    /// Acknowledges one frame without waiting for the answer.
    pub(crate) fn ack(&mut self, push: &Push) -> Result<(), Failure> {
        self.say(Operation::Ack { reader_id: push.reader, entries: vec![push.entry] })
    }

    /// Waits for the next record as it came.
    pub(crate) fn record(&mut self) -> Result<Vec<u8>, Failure> {
        Ok(next_message(&mut self.stream, &mut self.inbox)?.to_vec())
    }

    /// Opens a record; `None` when it is the answer to a request.
    pub(crate) fn push_in(&mut self, record: &[u8]) -> Result<Option<Push>, Failure> {
        match LiveEvent::from_bytes(&self.channel.open(record)?)? {
            LiveEvent::Push { reader_id, entry, frame } => Ok(Some(Push::of(reader_id, entry, frame.as_bytes()))),
            LiveEvent::Answer { .. } => Ok(None),
            other => Err(format!("no push: {other:?}").into()),
        }
    }

    /// Lets reading fail after some silence.
    pub(crate) fn set_patience(&self, patience: std::time::Duration) -> Result<(), Failure> {
        Ok(self.stream.set_patience(patience)?)
    }

    fn event(&mut self) -> Result<LiveEvent, Failure> {
        let record = next_message(&mut self.stream, &mut self.inbox)?;
        Ok(LiveEvent::from_bytes(&self.channel.open(record)?)?)
    }

    fn say(&mut self, operation: Operation) -> Result<(), Failure> {
        self.number += 1;
        let request = LiveRequest { number: RequestNumber(self.number), operation };
        let record = self.channel.seal(&request.to_bytes())?;
        Ok(self.stream.write_all(&websocket::binary(&record))?)
    }

    fn ask(&mut self, operation: Operation) -> Result<(), Failure> {
        match self.answer(operation)? {
            Answer::Accepted => Ok(()),
            other => Err(format!("refused on a live connection: {other:?}").into()),
        }
    }

    /// Waits for the answer to a request, past pushes.
    fn answer(&mut self, operation: Operation) -> Result<Answer, Failure> {
        self.say(operation)?;
        loop {
            match self.event()? {
                LiveEvent::Answer { number, answer } if number.0 == self.number => return Ok(answer),
                LiveEvent::Answer { .. } | LiveEvent::Push { .. } => {}
                other => return Err(format!("on a live connection: {other:?}").into()),
            }
        }
    }
}

/// A frame that was pushed.
pub(crate) struct Push {
    reader: ReaderId,
    entry: EntryId,
    /// What the load wrote at its beginning.
    pub(crate) number: u64,
}

impl Push {
    fn of(reader: ReaderId, entry: EntryId, frame: &[u8]) -> Self {
        let number = frame.first_chunk().map_or(u64::MAX, |bytes| u64::from_be_bytes(*bytes));
        Self { reader, entry, number }
    }
}

fn next_message<'a>(stream: &mut Socket, inbox: &'a mut Inbox) -> Result<&'a [u8], Failure> {
    let frame = loop {
        let Some(frame) = websocket::frame_in(inbox.fresh())? else {
            inbox.fill(stream)?;
            continue;
        };
        match frame.kind {
            websocket::Kind::Binary => break frame,
            websocket::Kind::Ping => {
                let payload = inbox.take(frame.payload.end, frame.payload);
                stream.write_all(&websocket::pong(payload))?;
            }
            websocket::Kind::Other => drop(inbox.take(frame.payload.end, 0..0)),
        }
    };
    Ok(inbox.take(frame.payload.end, frame.payload))
}
