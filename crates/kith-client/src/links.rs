//! Live connections: one task each, which ends when the engine, the server or the program ends the connection.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use kith_engine::{Arrival, LinkFailure, LinkId};
use kith_net::{LiveReceiver, LiveSender};
use kith_wire::address::ServerUrl;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::client::{Client, Inner};
use crate::drive::{Notice, failure};

/// Starts an attempt at a live connection; how it went comes back as arrivals.
pub(crate) fn open(client: &Client, link: LinkId, url: ServerUrl, opening: Bytes) {
    // The engine bounds what it has in flight, so this needs no bound of its own.
    let (outgoing, queue) = unbounded_channel();
    client.inner.links.borrow_mut().insert(link, outgoing);
    client.inner.n_link_tasks.set(client.inner.n_link_tasks.get().saturating_add(1));
    let carrier = client.inner.carrier.clone();
    let weak = Rc::downgrade(&client.inner);
    tokio::task::spawn_local(async move {
        let reason = match carrier.live(&url).await {
            Ok((sender, receiver)) => serve(&weak, link, opening, queue, sender, receiver).await,
            Err(error) => {
                if let Some(client) = upgrade(&weak) {
                    client.tell(Notice::Unreachable(error));
                }
                failure(&error)
            }
        };
        let Some(client) = upgrade(&weak) else { return };
        client.inner.n_link_tasks.set(client.inner.n_link_tasks.get().saturating_sub(1));
        client.inner.link_ended.notify_waiters();
        client.inner.link_ended.notify_one();
        client.inner.links.borrow_mut().remove(&link);
        client.arrive(Arrival::LinkClosed { link, reason });
    });
}

/// Moves messages both ways until one side has enough.
async fn serve(
    weak: &std::rc::Weak<Inner>,
    link: LinkId,
    opening: Bytes,
    mut queue: UnboundedReceiver<Bytes>,
    sender: LiveSender,
    mut receiver: LiveReceiver,
) -> LinkFailure {
    let outgoing = async move {
        let mut next = Some(opening);
        while let Some(bytes) = next {
            if sender.send(bytes).await.is_err() {
                // The receiving half knows why.
                return std::future::pending().await;
            }
            next = queue.recv().await;
        }
    };
    let incoming = async {
        while let Ok(bytes) = receiver.next().await {
            let Some(client) = upgrade(weak) else { return };
            client.arrive(Arrival::Live { link, bytes: bytes.to_vec() });
            // Others on this thread get their turn between two messages.
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = incoming => return LinkFailure::Closed,
        // The engine has closed the connection; the sending half is gone now, and what was sent leaves.
        () = outgoing => {}
    }
    let _ = tokio::time::timeout(GOODBYE, async { while receiver.next().await.is_ok() {} }).await;
    LinkFailure::Closed
}

fn upgrade(weak: &std::rc::Weak<Inner>) -> Option<Client> {
    weak.upgrade().map(|inner| Client { inner })
}

/// How long the other side may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);
