//! The thread around the rules: batches, answers after the commit, failures of the store.

use std::sync::atomic::AtomicBool;
use std::sync::mpsc;

use kith_home::store::memory::Memory;
use kith_home::{Config, Home};
use kith_wire::address::ServerUrl;
use kith_wire::sealed::OneShotReply;

use super::*;
use crate::clock::now;
use crate::outbox::outbox;

/// A store whose transactions wait for a gate, or fail.
struct Gated {
    inner: Memory,
    gate: mpsc::Receiver<()>,
    fails: Arc<AtomicBool>,
}

impl Store for Gated {
    type Txn<'a> = <Memory as Store>::Txn<'a>;

    fn begin(&mut self) -> Result<Self::Txn<'_>, StoreError> {
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
    thread: KeeperThread,
    gate: mpsc::Sender<()>,
    fails: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
}

fn start() -> Fixture {
    let mut store = Memory::new();
    let config = Config::new(vec![ServerUrl::parse("https://home.example").unwrap()]);
    let home = Home::open(&mut store, config, now(), &mut UnwrapErr(SysRng)).unwrap();
    let (gate, opened) = mpsc::channel();
    let fails = Arc::new(AtomicBool::new(false));
    let metrics = Arc::new(Metrics::default());
    let gated = Gated { inner: store, gate: opened, fails: Arc::clone(&fails) };
    let (keeper, thread, _dials) = Keeper::start(home, gated, Arc::clone(&metrics)).unwrap();
    Fixture { keeper, thread, gate, fails, metrics }
}

fn garbage() -> Bytes {
    Bytes::from(vec![0; 5376])
}

#[tokio::test]
async fn garbage_is_answered_and_not_an_error() {
    let Fixture { keeper, thread, gate, .. } = start();
    drop(gate);
    let reply = keeper.one_shot(garbage()).await.unwrap();
    assert_eq!(OneShotReply::from_bytes(&reply), Some(OneShotReply::Refused));
    thread.stop().await;
}

#[tokio::test]
async fn whoever_arrives_during_a_commit_shares_the_next_one() {
    let Fixture { keeper, thread, gate, metrics, .. } = start();
    let ask = |keeper: &Keeper| {
        let keeper = keeper.clone();
        tokio::spawn(async move { keeper.one_shot(garbage()).await })
    };
    let all: Vec<_> = (0..100).map(|_| ask(&keeper)).collect();
    // Every one of them has put its message down before the first transaction may begin.
    while keeper.inbox.capacity() > MAX_WAITING - 99 {
        tokio::task::yield_now().await;
    }
    gate.send(()).unwrap();
    gate.send(()).unwrap();
    for asked in all {
        asked.await.unwrap().unwrap();
    }
    let text = metrics.render();
    assert!(text.contains("kithd_inputs_total 100"), "{text}");
    let commits = text.lines().find_map(|line| line.strip_prefix("kithd_commit_seconds_count ")).unwrap();
    assert!(commits == "1" || commits == "2", "{commits}");
    drop(gate);
    thread.stop().await;
}

#[tokio::test]
async fn no_answer_leaves_before_the_commit() {
    let Fixture { keeper, thread, gate, .. } = start();
    let asking = keeper.one_shot(garbage());
    tokio::pin!(asking);
    tokio::select! {
        biased;
        _ = &mut asking => unreachable!("answered while the transaction had not begun"),
        () = tokio::task::yield_now() => {}
    }
    gate.send(()).unwrap();
    assert!(asking.await.is_ok());
    drop(gate);
    thread.stop().await;
}

#[tokio::test]
async fn a_store_that_fails_gives_no_answers_and_may_recover() {
    let Fixture { keeper, thread, gate, fails, .. } = start();
    drop(gate);
    fails.store(true, Ordering::Relaxed);
    assert_eq!(keeper.one_shot(garbage()).await, Err(Overloaded));
    fails.store(false, Ordering::Relaxed);
    assert!(keeper.one_shot(garbage()).await.is_ok());
    thread.stop().await;
}

#[tokio::test]
async fn what_was_brought_before_the_stop_is_still_answered() {
    let Fixture { keeper, thread, gate, .. } = start();
    let asking = tokio::spawn({
        let keeper = keeper.clone();
        async move { keeper.one_shot(garbage()).await }
    });
    while keeper.inbox.capacity() == MAX_WAITING && !asking.is_finished() {
        tokio::task::yield_now().await;
    }
    let stopping = tokio::spawn(thread.stop());
    drop(gate);
    assert!(asking.await.unwrap().is_ok());
    stopping.await.unwrap();
    assert_eq!(keeper.one_shot(garbage()).await, Err(Overloaded));
}

#[tokio::test]
async fn a_live_connection_that_opens_with_garbage_is_closed() {
    let Fixture { keeper, thread, gate, .. } = start();
    drop(gate);
    let (outbox, mut outgoing, _) = outbox();
    let connection = keeper.live_opened(outbox).await.unwrap();
    connection.message(garbage()).await.unwrap();
    let reply = outgoing.next().await.unwrap();
    assert_eq!(OneShotReply::from_bytes(&reply), Some(OneShotReply::Refused));
    assert_eq!(outgoing.next().await, None);
    connection.ended().await;
    thread.stop().await;
}
