//! The task around the rules: batches, answers after the commit, failures of the store.

use std::sync::atomic::AtomicBool;
use std::sync::mpsc;

use kith_crypto::sealed::seal;
use kith_home::store::memory::Memory;
use kith_home::{Config, Home};
use kith_wire::Wire as _;
use kith_wire::address::ServerUrl;
use kith_wire::descriptor::Descriptor;
use kith_wire::operation::{Operation, Request};
use kith_wire::sealed::{OneShotReply, SealKind};
use kith_wire::signed::Signed;

use tokio::sync::mpsc as unbounded;

use super::*;
use crate::clock::now;
use crate::outbox::{Total, outbox};

/// A store whose transactions say that they want to begin, then wait for a gate, or fail.
struct Gated {
    inner: Memory,
    wants: unbounded::UnboundedSender<()>,
    gate: mpsc::Receiver<()>,
    fails: Arc<AtomicBool>,
}

impl Store for Gated {
    type Txn<'a> = <Memory as Store>::Txn<'a>;

    fn begin(&mut self) -> Result<Self::Txn<'_>, StoreError> {
        let _ = self.wants.send(());
        // A gate that is gone stays open.
        let _ = self.gate.recv();
        if self.fails.load(Ordering::Relaxed) {
            return Err(StoreError::Backend("the disk is full".into()));
        }
        self.inner.begin()
    }
}

struct Fixture {
    keeper: Keeper,
    thread: KeeperTask,
    wants: unbounded::UnboundedReceiver<()>,
    gate: mpsc::Sender<()>,
    fails: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
}

fn start() -> Fixture {
    let mut store = Memory::new();
    let config = Config::new(vec![ServerUrl::parse("https://home.example").unwrap()]);
    let home = Home::open(&mut store, config, now(), &mut UnwrapErr(SysRng)).unwrap();
    let (gate, opened) = mpsc::channel();
    let (says, wants) = unbounded::unbounded_channel();
    let fails = Arc::new(AtomicBool::new(false));
    let metrics = Arc::new(Metrics::default());
    let gated = Gated { inner: store, wants: says, gate: opened, fails: Arc::clone(&fails) };
    let (keeper, thread, _dials) = Keeper::start(home, gated, Arc::clone(&metrics), 2).unwrap();
    Fixture { keeper, thread, wants, gate, fails, metrics }
}

fn garbage() -> Bytes {
    Bytes::from(vec![0; 5376])
}

/// A request that anybody may make and that changes nothing.
fn question(keeper: &Keeper) -> Bytes {
    let descriptor: Descriptor = Signed::from_bytes(&keeper.descriptor()).unwrap().decode_unverified().unwrap();
    let content = Request { operation: Operation::Clock, signatures: Vec::new() }.to_bytes();
    let (key, epoch) = (descriptor.server_key, &descriptor.epochs[0]);
    seal(&key, epoch, SealKind::OneShot, &content, &mut UnwrapErr(SysRng)).unwrap().bytes.into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn garbage_is_answered_at_once_and_costs_the_thread_nothing() {
    // The gate is shut: the thread could not answer.
    let Fixture { keeper, thread, gate, .. } = start();
    let reply = keeper.one_shot(garbage()).await.unwrap();
    assert_eq!(OneShotReply::from_bytes(&reply), Some(OneShotReply::Refused));
    drop(gate);
    thread.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn whoever_arrives_during_a_commit_shares_the_next_one() {
    let Fixture { keeper, thread, mut wants, gate, metrics, .. } = start();
    let ask = || {
        let keeper = keeper.clone();
        tokio::spawn(async move { keeper.one_shot(question(&keeper)).await })
    };
    let first = ask();
    wants.recv().await.unwrap();
    let others: Vec<_> = (0..99).map(|_| ask()).collect();
    // The thread waits at the gate; all others lie in the queue before it passes.
    while keeper.inbox.capacity() > MAX_WAITING - 99 {
        tokio::task::yield_now().await;
    }
    drop(gate);
    for asked in [first].into_iter().chain(others) {
        asked.await.unwrap().unwrap();
    }
    let text = metrics.render();
    assert!(text.contains("kithd_inputs_total 100") && text.contains("kithd_commit_seconds_count 2"), "{text}");
    thread.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn no_answer_leaves_before_the_commit() {
    let Fixture { keeper, thread, mut wants, gate, .. } = start();
    let asking = keeper.one_shot(question(&keeper));
    tokio::pin!(asking);
    tokio::select! {
        biased;
        _ = &mut asking => unreachable!("answered while the transaction had not begun"),
        wanted = wants.recv() => assert_eq!(wanted, Some(())),
    }
    drop(gate);
    assert!(asking.await.is_ok());
    thread.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_store_that_fails_gives_no_answers_and_may_recover() {
    let Fixture { keeper, thread, gate, fails, .. } = start();
    drop(gate);
    fails.store(true, Ordering::Relaxed);
    assert_eq!(keeper.one_shot(question(&keeper)).await, Err(Overloaded));
    fails.store(false, Ordering::Relaxed);
    assert!(keeper.one_shot(question(&keeper)).await.is_ok());
    thread.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn what_was_brought_before_the_stop_is_still_answered() {
    let Fixture { keeper, thread, mut wants, gate, .. } = start();
    let asking = tokio::spawn({
        let keeper = keeper.clone();
        async move { keeper.one_shot(question(&keeper)).await }
    });
    wants.recv().await.unwrap();
    let stopping = tokio::spawn(thread.stop());
    drop(gate);
    assert!(asking.await.unwrap().is_ok());
    stopping.await.unwrap();
    assert_eq!(keeper.one_shot(question(&keeper)).await, Err(Overloaded));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_live_connection_that_opens_with_garbage_is_closed() {
    let Fixture { keeper, thread, gate, .. } = start();
    drop(gate);
    let (outbox, mut outgoing, _) = outbox(&Total::default());
    let (connection, _known) = keeper.live_opened(outbox).await.unwrap();
    connection.message(garbage()).await.unwrap();
    let reply = outgoing.next().await.unwrap();
    assert_eq!(OneShotReply::from_bytes(&reply), Some(OneShotReply::Refused));
    assert_eq!(outgoing.next().await, None);
    connection.ended().await;
    thread.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn kh_39_of_too_many_connections_that_prove_nothing_the_oldest_ends() {
    let Fixture { keeper, thread, gate, .. } = start();
    drop(gate);
    let mut lines = Vec::new();
    for _ in 0..3 {
        lines.push(keeper.live_opened(outbox(&Total::default()).0).await.unwrap());
    }
    // Everything before this was seen by the thread.
    keeper.one_shot(question(&keeper)).await.unwrap();
    let ends: Vec<bool> =
        lines.iter_mut().map(|(_, known)| known.try_recv() == Err(oneshot::error::TryRecvError::Closed)).collect();
    assert_eq!(ends, [true, false, false]);
    thread.stop().await;
}

/// A store whose commits are durable when a gate opens, or are lost.
struct Slow {
    inner: Memory,
    durable: Memory,
    owes: unbounded::UnboundedSender<oneshot::Sender<bool>>,
    is_lost: Arc<AtomicBool>,
}

impl Store for Slow {
    type Txn<'a> = <Memory as Store>::Txn<'a>;

    fn begin(&mut self) -> Result<Self::Txn<'_>, StoreError> {
        if self.is_lost.load(Ordering::Relaxed) {
            return Err(StoreError::Backend("the disk is lost".into()));
        }
        self.inner.begin()
    }

    fn owed(&mut self) -> Option<kith_home::store::Debt> {
        let (pays, paid) = oneshot::channel();
        self.owes.send(pays).ok()?;
        let is_lost = Arc::clone(&self.is_lost);
        Some(Box::new(move || {
            let is_paid = paid.blocking_recv().unwrap_or(true);
            is_lost.store(!is_paid, Ordering::Relaxed);
            if is_paid { Ok(()) } else { Err(StoreError::Backend("the disk fails".into())) }
        }))
    }

    fn set_back(&mut self) -> Result<(), StoreError> {
        self.inner = self.durable.clone();
        self.is_lost.store(false, Ordering::Relaxed);
        Ok(())
    }
}

/// Starts the thread on a slow store; a debt comes out whenever there is one.
fn start_slow() -> (Keeper, KeeperTask, unbounded::UnboundedReceiver<oneshot::Sender<bool>>, Arc<Metrics>) {
    let mut store = Memory::new();
    let config = Config::new(vec![ServerUrl::parse("https://home.example").unwrap()]);
    let home = Home::open(&mut store, config, now(), &mut UnwrapErr(SysRng)).unwrap();
    let (owes, owed) = unbounded::unbounded_channel();
    let metrics = Arc::new(Metrics::default());
    let slow = Slow { durable: store.clone(), inner: store, owes, is_lost: Arc::default() };
    let (keeper, thread, _dials) = Keeper::start(home, slow, Arc::clone(&metrics), 2).unwrap();
    (keeper, thread, owed, metrics)
}

fn ask(keeper: &Keeper) -> tokio::task::JoinHandle<Result<Bytes, Overloaded>> {
    let keeper = keeper.clone();
    tokio::spawn(async move { keeper.one_shot(question(&keeper)).await })
}

/// Returns when the rules have had so many inputs.
async fn handled(metrics: &Metrics, n_inputs: u64) {
    let line = format!("kithd_inputs_total {n_inputs}\n");
    while !metrics.render().contains(&line) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn kh_4_what_comes_while_the_disk_is_busy_is_handled_at_once_and_answered_after_a_commit_of_its_own() {
    let (keeper, thread, mut owed, metrics) = start_slow();
    let first = ask(&keeper);
    let pays_first = owed.recv().await.unwrap();
    let others: Vec<_> = (0..20).map(|_| ask(&keeper)).collect();
    handled(&metrics, 21).await;
    // All are handled, none is committed before the first is durable, and none is answered.
    assert!(owed.try_recv().is_err() && !first.is_finished() && others.iter().all(|asked| !asked.is_finished()));
    pays_first.send(true).unwrap();
    first.await.unwrap().unwrap();
    let pays_others = owed.recv().await.unwrap();
    assert!(others.iter().all(|asked| !asked.is_finished()));
    pays_others.send(true).unwrap();
    for asked in others {
        asked.await.unwrap().unwrap();
    }
    thread.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn kh_4_a_batch_that_stands_on_one_that_is_lost_is_lost_with_it_and_service_resumes() {
    let (keeper, thread, mut owed, metrics) = start_slow();
    let first = ask(&keeper);
    let pays = owed.recv().await.unwrap();
    let second = ask(&keeper);
    handled(&metrics, 2).await;
    pays.send(false).unwrap();
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (Err(Overloaded), Err(Overloaded)));
    let third = ask(&keeper);
    owed.recv().await.unwrap().send(true).unwrap();
    third.await.unwrap().unwrap();
    thread.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_thread_that_is_stopped_waits_for_the_disk() {
    let (keeper, thread, mut owed, _) = start_slow();
    let asked = ask(&keeper);
    let pays = owed.recv().await.unwrap();
    let stopping = tokio::spawn(thread.stop());
    tokio::task::yield_now().await;
    assert!(!stopping.is_finished());
    pays.send(true).unwrap();
    stopping.await.unwrap();
    asked.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn one_connection_that_talks_without_end_leaves_room_for_others() {
    let (inbox, mut messages) = unbounded::channel(MAX_WAITING);
    let greedy = Connection::new(ConnectionId(1), inbox.clone());
    let modest = Connection::new(ConnectionId(2), inbox);
    let talk = async {
        for _ in 0..MAX_WAITING {
            greedy.message(Bytes::from_static(b"and another thing")).await.unwrap();
        }
    };
    let mut talk = std::pin::pin!(talk);
    assert!(std::future::poll_fn(|context| std::task::Poll::Ready(talk.as_mut().poll(context))).await.is_pending());
    assert_eq!(messages.len(), MAX_WAITING_OF_ONE);
    modest.message(Bytes::from_static(b"a word")).await.unwrap();
    assert_eq!(messages.len(), MAX_WAITING_OF_ONE + 1);
    // As many as the thread takes may come again.
    drop(messages.recv().await);
    assert!(std::future::poll_fn(|context| std::task::Poll::Ready(talk.as_mut().poll(context))).await.is_pending());
    assert_eq!(messages.len(), MAX_WAITING_OF_ONE + 1);
}
