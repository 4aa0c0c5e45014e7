//! What goes into the rules and what comes out of them.

use kith_wire::address::ServerUrl;

use crate::opener::{OpenedRequest, SealableAnswer};

/// Pairs a one-shot request with its reply; chosen by the caller, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Names a live connection; chosen by the caller, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// Names an exchange with another server; chosen by the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId(pub u64);

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// Somebody sent a one-shot sealed request. Answered by [`Output::Reply`], perhaps in a later batch.
    OneShot {
        /// Comes back with the reply.
        ticket: Ticket,
        /// The bytes as they came.
        sealed: Vec<u8>,
    },
    /// A one-shot request that the program opened itself, with [`Home::opener`](crate::Home::opener). Answered by [`Output::Answer`],
    /// perhaps in a later batch.
    Opened {
        /// Comes back with the answer.
        ticket: Ticket,
        /// The request.
        opened: OpenedRequest,
    },
    /// A message came over a live connection. The first one of a connection is its opening.
    Live {
        /// The connection.
        connection: ConnectionId,
        /// The bytes as they came.
        message: Vec<u8>,
    },
    /// A live connection ended, whoever ended it.
    Closed {
        /// The connection.
        connection: ConnectionId,
    },
    /// An exchange with another server ended. Every [`Output::Exchange`] needs exactly one of these.
    Exchanged {
        /// The exchange.
        exchange: ExchangeId,
        /// How it ended.
        outcome: ExchangeOutcome,
    },
    /// Time has passed. Wanted about once a second; housekeeping, rotation of keys and retries happen here.
    Tick,
}

/// How an exchange with another server ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExchangeOutcome {
    /// It answered with these bytes.
    Answered(Vec<u8>),
    /// It could not be reached, or broke off.
    Unreachable,
    /// The operator's address policy forbids it.
    Forbidden,
}

/// What to ask another server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Its signed descriptor.
    Descriptor,
    /// What is in this sealed request.
    OneShot(Vec<u8>),
}

/// What to do, after the commit; a push of [`Batch::pushes`](crate::Batch::pushes) at once.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Send the reply to a one-shot request.
    Reply {
        /// The request.
        ticket: Ticket,
        /// The bytes to send.
        bytes: Vec<u8>,
    },
    /// Seal the answer to a request that the program opened, and send it.
    Answer {
        /// The request.
        ticket: Ticket,
        /// The answer.
        answer: SealableAnswer,
    },
    /// Send a message over a live connection. The order within a connection matters.
    Live {
        /// The connection.
        connection: ConnectionId,
        /// The bytes to send.
        message: Vec<u8>,
    },
    /// End a live connection after what was said before.
    Close {
        /// The connection.
        connection: ConnectionId,
    },
    /// Ask another server, and say how it ended.
    Exchange {
        /// Comes back with the outcome.
        exchange: ExchangeId,
        /// The other server.
        url: ServerUrl,
        /// What to ask.
        ask: Ask,
    },
    /// The server's descriptor has changed: from now on this one is handed out to whoever asks for it.
    Descriptor {
        /// The signed bytes.
        bytes: Vec<u8>,
    },
}

/// Something that waits until it is durable.
#[derive(Debug)]
pub(crate) enum Held {
    /// As it will leave.
    Output(Output),
    /// A record of a live connection, sealed when it leaves: then it is known which one it is.
    Record { connection: ConnectionId, content: Vec<u8> },
}
