//! The task that owns the rules and the store, and the thread that waits for the disk.
//!
//! Everything that arrives goes into one bounded queue. The task takes what is there, handles it in one transaction, pushes frames to their
//! readers and commits; a thread waits for the disk, and then the answers go: one wait serves everybody. Meanwhile the next
//! batch is open: what comes is handled at once, and frames are pushed at once, but it is committed only after the one before has become durable.
//! Under load batches grow by themselves; without load an input waits for nobody, and a push never for the disk.
//!
//! It is a task and no thread of its own, because the core that has opened a request goes on with it at once: to wake another thread takes longer
//! than what that would do. What takes long, once in a while, makes place for other tasks ([`at_leisure`]).
//!
//! When the wait fails, the batch and the open one that stands on it are lost together, the store is set back, and whoever
//! waited is told to come back (KH-4).
//!
//! Requests are opened, and answers sealed, by the tasks that bring them: that is most of the work, and it needs no order.

use std::collections::{BTreeMap, HashMap};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Instant;

use bytes::Bytes;
use kith_home::store::{Store, StoreError};
use kith_home::{
    ConnectionId, ExchangeId, ExchangeOutcome, Home, Input, OpenedRequest, Opener, Room, SealableAnswer, Ticket,
};
use rand::rngs::SysRng;
use rand_core::UnwrapErr;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::clock::now;
use crate::metrics::Metrics;
use crate::operator::{self, Question, Told};
use crate::outbox::Outbox;
use crate::relay::Dial;

use desk::Desk;
use disk::DiskThread;

mod desk;
mod disk;
#[cfg(test)]
mod tests;

/// The way to the task. Clones lead to the same one.
#[derive(Clone)]
pub(crate) struct Keeper {
    inbox: mpsc::Sender<Message>,
    descriptor: watch::Receiver<Bytes>,
    opener: watch::Receiver<Opener>,
    next_connection: Arc<AtomicU64>,
}

/// A live connection as the task knows it.
pub(crate) struct Connection {
    id: ConnectionId,
    inbox: mpsc::Sender<Message>,
    /// What it may still have waiting for the task: one that talks without end leaves room for others.
    turns: Arc<Semaphore>,
}

/// The task does not take any more right now, or could not make an input durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overloaded;

/// The task itself.
pub(crate) struct KeeperTask {
    inbox: mpsc::Sender<Message>,
    task: JoinHandle<()>,
}

enum Message {
    OneShot {
        opened: OpenedRequest,
        reply: oneshot::Sender<SealableAnswer>,
    },
    LiveOpened {
        connection: ConnectionId,
        outbox: Outbox,
        known: oneshot::Sender<()>,
    },
    Live {
        connection: ConnectionId,
        message: Bytes,
        /// Given back when the task has taken the message.
        turn: OwnedSemaphorePermit,
    },
    LiveEnded {
        connection: ConnectionId,
    },
    Exchanged {
        exchange: ExchangeId,
        outcome: ExchangeOutcome,
    },
    Tick {
        room: Room,
    },
    Operator {
        question: Question,
        reply: oneshot::Sender<Result<Told, StoreError>>,
    },
    Stop,
}

impl Keeper {
    /// Starts the task. What the rules want to ask other servers comes out of the returned channel.
    ///
    /// # Errors
    /// The operating system gives no thread to wait for the disk.
    pub(crate) fn start<S>(
        home: Home,
        store: S,
        metrics: Arc<Metrics>,
        max_unproven: usize,
    ) -> std::io::Result<(Self, KeeperTask, mpsc::UnboundedReceiver<Dial>)>
    where
        S: Store + Send + 'static,
        for<'a> S::Txn<'a>: Send,
    {
        let (inbox, messages) = mpsc::channel(MAX_WAITING);
        let (publish, descriptor) = watch::channel(Bytes::copy_from_slice(home.descriptor()));
        let (renew, opener) = watch::channel(home.opener().clone());
        let (dials, wanted) = mpsc::unbounded_channel();
        let (waiting, outboxes, unproven) = (HashMap::new(), HashMap::new(), BTreeMap::new());
        let desk = Desk { waiting, outboxes, unproven, max_unproven, next_ticket: 0, publish, renew, dials };
        let disk = DiskThread::start()?;
        let task = tokio::spawn(Work { home, store, messages, desk, disk, flight: None, metrics }.run());
        let keeper = Self { inbox: inbox.clone(), descriptor, opener, next_connection: Arc::default() };
        Ok((keeper, KeeperTask { inbox, task }, wanted))
    }

    /// Returns the descriptor that is valid now.
    pub(crate) fn descriptor(&self) -> Bytes {
        self.descriptor.borrow().clone()
    }

    /// Has one sealed request handled and returns the reply once it is durable.
    pub(crate) async fn one_shot(&self, sealed: Bytes) -> Result<Bytes, Overloaded> {
        let opener = self.opener.borrow().clone();
        let opened = match opener.open(&sealed) {
            Ok(opened) => opened,
            Err(unopened) => return Ok(unopened.reply(&self.descriptor()).to_bytes().into()),
        };
        // Held no longer than needed: what opens requests is wiped when its time is over and nobody holds it.
        drop((opener, sealed));
        let (reply, replied) = oneshot::channel();
        self.inbox.send(Message::OneShot { opened, reply }).await.map_err(|_| Overloaded)?;
        let answer = replied.await.map_err(|_| Overloaded)?;
        Ok(answer.seal(&mut UnwrapErr(SysRng)).to_bytes().into())
    }

    /// Announces a live connection; what is for it goes into `outbox`. The receiver hears once the connection has proven a
    /// key that counts, and fails when it has to make room for others that may do so (KH-39).
    pub(crate) async fn live_opened(&self, outbox: Outbox) -> Result<(Connection, oneshot::Receiver<()>), Overloaded> {
        let connection = ConnectionId(self.next_connection.fetch_add(1, Ordering::Relaxed));
        let (knows, known) = oneshot::channel();
        self.inbox.send(Message::LiveOpened { connection, outbox, known: knows }).await.map_err(|_| Overloaded)?;
        Ok((Connection::new(connection, self.inbox.clone()), known))
    }

    /// Tells how an exchange with another server ended.
    pub(crate) async fn exchanged(&self, exchange: ExchangeId, outcome: ExchangeOutcome) {
        // Without the task there is nobody who could want to know.
        let _ = self.inbox.send(Message::Exchanged { exchange, outcome }).await;
    }

    /// Has a question of the operator answered, between two batches.
    pub(crate) async fn ask(&self, question: Question) -> Result<Result<Told, StoreError>, Overloaded> {
        let (reply, replied) = oneshot::channel();
        self.inbox.send(Message::Operator { question, reply }).await.map_err(|_| Overloaded)?;
        replied.await.map_err(|_| Overloaded)
    }

    /// Tells that time has passed, and whether the disk has room for more. Dropped when there is so much to do that time passes anyway.
    pub(crate) fn tick(&self, room: Room) {
        let _ = self.inbox.try_send(Message::Tick { room });
    }
}

impl Connection {
    fn new(id: ConnectionId, inbox: mpsc::Sender<Message>) -> Self {
        Self { id, inbox, turns: Arc::new(Semaphore::new(MAX_WAITING_OF_ONE)) }
    }

    /// Brings one message. Waits while the task has as many of this connection, or of all, as it may.
    pub(crate) async fn message(&self, message: Bytes) -> Result<(), Overloaded> {
        let turn = match Arc::clone(&self.turns).try_acquire_owned() {
            Ok(turn) => turn,
            Err(_) => Box::pin(Arc::clone(&self.turns).acquire_owned()).await.map_err(|_| Overloaded)?,
        };
        match self.inbox.try_send(Message::Live { connection: self.id, message, turn }) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(Overloaded),
            // Seldom, so it has memory of its own: a connection that waits holds no room for it.
            Err(TrySendError::Full(message)) => Box::pin(self.inbox.send(message)).await.map_err(|_| Overloaded),
        }
    }

    /// Tells that the connection has ended.
    pub(crate) async fn ended(self) {
        let _ = self.inbox.send(Message::LiveEnded { connection: self.id }).await;
    }
}

impl KeeperTask {
    /// Returns when the task has ended, which it does only when it is told to or broke.
    pub(crate) async fn ended(&mut self) {
        if !self.task.is_finished() {
            let _ = (&mut self.task).await;
        }
    }

    /// Lets the task finish what it has and waits for it.
    pub(crate) async fn stop(mut self) {
        let _ = self.inbox.send(Message::Stop).await;
        self.ended().await;
    }
}

struct Work<S> {
    home: Home,
    store: S,
    messages: mpsc::Receiver<Message>,
    desk: Desk,
    disk: DiskThread,
    /// The batch that waits for the disk.
    flight: Option<Flight>,
    metrics: Arc<Metrics>,
}

/// A batch that is committed, and waits until that is durable.
struct Flight {
    tickets: Vec<Ticket>,
    started: Instant,
}

/// What a batch is made of, and what came with it.
#[derive(Default)]
struct Load {
    inputs: Vec<Input>,
    tickets: Vec<Ticket>,
    questions: Vec<(Question, oneshot::Sender<Result<Told, StoreError>>)>,
    room: Option<Room>,
    is_last: bool,
}

/// Why a batch came to nothing.
enum Failed {
    /// Nothing of it happened.
    Batch(StoreError),
    /// The batch that it stands on did not become durable, so nothing of both did.
    Disk(StoreError),
}

impl From<StoreError> for Failed {
    fn from(problem: StoreError) -> Self {
        Self::Batch(problem)
    }
}

impl<S: Store> Work<S> {
    async fn run(mut self) {
        let mut messages = Vec::with_capacity(MAX_BATCH);
        loop {
            let mut load = Load::default();
            tokio::select! {
                biased;
                landed = self.disk.landed(), if self.flight.is_some() => self.lands(landed),
                n_messages = self.messages.recv_many(&mut messages, MAX_BATCH) => if n_messages == 0 { return },
            }
            load.add(&mut messages, &mut self.desk);
            self.note_room(&mut load);
            if !load.inputs.is_empty() {
                self.handle(&mut load).await;
                self.note_room(&mut load);
            }
            if load.is_last || !load.questions.is_empty() {
                self.settle().await;
            }
            for (question, reply) in load.questions {
                let told = at_leisure(|| self.answer(question));
                let _ = reply.send(told);
            }
            if load.is_last {
                return;
            }
        }
    }

    fn note_room(&mut self, load: &mut Load) {
        if let Some(room) = load.room.take() {
            self.home.set_room(room);
        }
    }

    fn answer(&mut self, question: Question) -> Result<Told, StoreError> {
        let told = operator::answer(&mut self.store, question);
        // What an operator is told is true: it is durable.
        let told = told.and_then(|told| self.store.owed().map_or(Ok(()), |debt| debt()).map(|()| told));
        // A question that could not be answered is no reason to begin anew, unless something was lost.
        if told.is_err() && self.store.owed().is_some_and(|debt| debt().is_err()) {
            self.set_back();
        }
        told
    }

    /// Handles a batch, and lets it wait for the disk.
    async fn handle(&mut self, load: &mut Load) {
        match self.batch(load).await {
            Ok(started) => {
                // Before the descriptor that leads to new keys.
                self.desk.renew_opener(&self.home);
                self.desk.let_in_who_is_known(&self.home);
                let tickets = std::mem::take(&mut load.tickets);
                self.flight = Some(Flight { tickets, started });
                match self.store.owed() {
                    Some(debt) => self.disk.pay(debt),
                    None => self.lands(Ok(())),
                }
            }
            Err(failed) => {
                // Nothing of the batch happened; who waited for it is told to come back.
                self.desk.refuse(&load.tickets);
                match failed {
                    Failed::Batch(error) => {
                        tracing::error!(error = &error as &dyn std::error::Error, "a batch could not be made durable");
                        // It may have met what an earlier one left.
                        if self.flight.is_none() && self.store.owed().is_some_and(|debt| debt().is_err()) {
                            self.set_back();
                        }
                    }
                    Failed::Disk(error) => self.lands(Err(error)),
                }
            }
        }
    }

    /// Makes a batch of what has come, and of what comes while the disk is still busy with the one before. Returns when it began to be written.
    async fn batch(&mut self, load: &mut Load) -> Result<Instant, Failed> {
        let Self { home, store, messages, desk, disk, flight, metrics } = self;
        let mut rng = UnwrapErr(SysRng);
        let mut batch = home.begin(store, now(), &mut rng)?;
        let (mut more, mut n_inputs) = (Vec::new(), 0);
        loop {
            n_inputs += load.inputs.len();
            metrics.inputs.add(load.inputs.len().try_into().unwrap_or(u64::MAX));
            for input in load.inputs.drain(..) {
                batch = batch.handle(input)?;
            }
            // Readers have their frames while the disk is still busy.
            let pushes = batch.pushes()?;
            let has_pushed = !pushes.is_empty();
            pushes.into_iter().for_each(|push| desk.release(push));
            if flight.is_none() {
                if has_pushed {
                    // Their connections write before the keeper does, or at the same time on another core.
                    behind_others().await;
                }
                let started = Instant::now();
                batch.stage()?;
                return Ok(started);
            }
            let has_room = n_inputs < MAX_BATCH && !load.is_last && load.questions.is_empty();
            tokio::select! {
                biased;
                landed = disk.landed() => {
                    landed.map_err(Failed::Disk)?;
                    if let Some(flight) = flight.take() {
                        metrics.commits.observe(flight.started.elapsed());
                    }
                    batch.durable().into_iter().for_each(|output| desk.release(output));
                }
                // Nothing more comes when everybody is gone: then there is the disk to wait for.
                1.. = messages.recv_many(&mut more, MAX_BATCH.saturating_sub(n_inputs)), if has_room => {
                    load.add(&mut more, desk);
                }
            }
        }
    }

    /// Lets out what waited for the disk, or drops it.
    fn lands(&mut self, landed: Result<(), StoreError>) {
        let Some(Flight { tickets, started }) = self.flight.take() else { return };
        match landed {
            Ok(()) => {
                self.metrics.commits.observe(started.elapsed());
                self.home.durable().into_iter().for_each(|output| self.desk.release(output));
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "batches did not become durable");
                self.desk.refuse(&tickets);
                self.set_back();
            }
        }
    }

    /// Waits until the disk has nothing to do.
    async fn settle(&mut self) {
        if self.flight.is_some() {
            let landed = self.disk.landed().await;
            self.lands(landed);
        }
    }

    /// Sets store and memory back to what is durable.
    fn set_back(&mut self) {
        self.home.lost();
        if let Err(error) = at_leisure(|| self.store.set_back()) {
            // The next batch fails too, and then it is tried again.
            tracing::error!(error = &error as &dyn std::error::Error, "the store could not be set back yet");
        }
    }
}

/// Lets tasks that are ready go first.
async fn behind_others() {
    let mut has_waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        // Woken while it runs, a task goes to the end of the line.
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Does something that may take long, while other tasks go on in another thread where there are several.
fn at_leisure<R>(work: impl FnOnce() -> R) -> R {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

impl Load {
    /// Adds what has come, in order.
    fn add(&mut self, messages: &mut Vec<Message>, desk: &mut Desk) {
        for message in messages.drain(..) {
            match message {
                Message::Stop => self.is_last = true,
                Message::Operator { question, reply } => self.questions.push((question, reply)),
                message => {
                    if let Message::Tick { room } = &message {
                        self.room = Some(*room);
                    }
                    self.inputs.extend(desk.input(message, &mut self.tickets));
                }
            }
        }
    }
}

/// Inputs in one transaction at most: enough that the write to the disk costs next to nothing for each, few enough
/// that the first of them does not wait noticeably for the last.
const MAX_BATCH: usize = 256;
/// Messages that wait for the task at most; further senders wait. Each may hold 96 KiB, 24 MiB together.
const MAX_WAITING: usize = 256;
/// Of these, messages of one live connection: an honest one seldom has two, and eight that talk without end have to come
/// together before others wait for more than their turn.
const MAX_WAITING_OF_ONE: usize = 32;
