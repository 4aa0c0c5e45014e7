//! Between carrier and keeper: every arrival becomes an input, every answer finds its way back.
//!
//! It moves bytes and counts them. What they mean is known by the rules alone, and who brought them by nobody.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kith_net::{Answer, Handler, LiveReceiver, LiveSender, TurnedAway};
use kith_site::App;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::keeper::{Connection, Keeper, Overloaded};
use crate::metrics::Metrics;
use crate::outbox::{Backlog, Outgoing, Total, outbox};

/// What the listener talks to.
pub(crate) struct Site {
    pub(crate) keeper: Keeper,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) well_known: String,
    /// What waits to leave over all live connections.
    pub(crate) waiting: Total,
    /// How long a live connection may take to prove a key that counts (KH-39).
    pub(crate) proof: Duration,
    /// The web app; empty without one.
    pub(crate) app: App,
}

impl Handler for Site {
    async fn descriptor(&self) -> Answer {
        self.metrics.descriptors.count();
        Answer::Bytes(self.keeper.descriptor())
    }

    async fn one_shot(&self, request: Bytes) -> Answer {
        self.metrics.one_shots.count();
        match self.keeper.one_shot(request).await {
            Ok(bytes) => Answer::Bytes(bytes),
            Err(Overloaded) => {
                self.metrics.busy.count();
                Answer::Busy { retry_after: BUSY }
            }
        }
    }

    async fn live(&self, sender: LiveSender, receiver: LiveReceiver) {
        self.metrics.live_opened.count();
        let _held = self.metrics.live.hold();
        let (outbox, outgoing, backlog) = outbox(&self.waiting);
        // What happens once, or seldom, has memory of its own for as long: most connections wait, and hold what a wait needs.
        let Ok((connection, known)) = Box::pin(self.keeper.live_opened(outbox)).await else { return };
        tokio::select! {
            () = self.bring(&connection, receiver, backlog) => {}
            () = take_out(sender, outgoing) => {}
            () = self.remains_unproven(known) => self.metrics.live_unproven.count(),
        }
        Box::pin(connection.ended()).await;
    }

    fn well_known(&self) -> String {
        self.well_known.clone()
    }

    fn page(&self, path: &str, headers: &http::HeaderMap) -> Option<http::Response<Bytes>> {
        self.app.answer(path, headers)
    }

    fn turned_away(&self, why: TurnedAway) {
        match why {
            TurnedAway::Room => self.metrics.made_room.count(),
            _ => self.metrics.turned_away.count(),
        }
    }
}

impl Site {
    /// Returns when a connection has not proven a key in time, or has to make room; never when it has proven one.
    async fn remains_unproven(&self, known: oneshot::Receiver<()>) {
        if let Ok(Ok(())) = Box::pin(timeout(self.proof, known)).await {
            std::future::pending::<()>().await;
        }
    }

    async fn bring(&self, connection: &Connection, mut receiver: LiveReceiver, backlog: Backlog) {
        loop {
            Box::pin(backlog.bearable()).await;
            let Ok(message) = receiver.next().await else { return };
            self.metrics.live_messages.count();
            if connection.message(message).await.is_err() {
                return;
            }
        }
    }
}

async fn take_out(sender: LiveSender, mut outgoing: Outgoing) {
    while let Some(message) = outgoing.next().await {
        // Seldom is there no room, so that this has memory of its own.
        if let Err(message) = sender.offer(message)
            && Box::pin(sender.send(message)).await.is_err()
        {
            return;
        }
    }
}

/// When to come back while there is too much to do. Long enough for a burst to pass.
const BUSY: Duration = Duration::from_secs(5);
