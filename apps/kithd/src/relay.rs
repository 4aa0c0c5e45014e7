//! Talking to other home servers for the rules: they say whom to ask and what, the answers come back as inputs.
//!
//! What is asked, how often and in which order is decided by the rules, and is durable there; a task that dies with
//! the process here is asked for again.

use std::sync::Arc;

use bytes::Bytes;
use kith_home::{Ask, ExchangeId, ExchangeOutcome};
use kith_net::{Carrier, CarrierError};
use kith_wire::address::ServerUrl;
use kith_wire::sealed::OneShotReply;
use tokio::sync::{Semaphore, mpsc};

use crate::keeper::Keeper;
use crate::metrics::Metrics;

/// One exchange that the rules want.
pub(crate) struct Dial {
    /// Comes back with the answer.
    pub(crate) exchange: ExchangeId,
    /// The other server.
    pub(crate) url: ServerUrl,
    /// What to ask it.
    pub(crate) ask: Ask,
}

/// Dials until the keeper has gone; `exchanges` are under way at most for clients who wait.
pub(crate) async fn run(
    mut dials: mpsc::UnboundedReceiver<Dial>,
    carrier: Carrier,
    keeper: Keeper,
    metrics: Arc<Metrics>,
    exchanges: usize,
) {
    // All that the rules ever want at once, so that none waits behind a server that lets others wait.
    let permits = Arc::new(Semaphore::new(exchanges.saturating_add(DURABLE)));
    while let Some(dial) = dials.recv().await {
        // Closed never; and if it were, there would be nothing to do.
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let (carrier, keeper, metrics) = (carrier.clone(), keeper.clone(), Arc::clone(&metrics));
        tokio::spawn(async move {
            let answer = exchange(&carrier, &dial.url, dial.ask).await;
            drop(permit);
            match &answer {
                Ok(_) => metrics.relays_answered.count(),
                Err(_) => metrics.relays_failed.count(),
            }
            keeper.exchanged(dial.exchange, outcome(answer)).await;
        });
    }
}

async fn exchange(carrier: &Carrier, url: &ServerUrl, ask: Ask) -> Result<Bytes, CarrierError> {
    match ask {
        Ask::Descriptor => carrier.descriptor(url).await,
        Ask::OneShot(request) => carrier.one_shot(url, request.into()).await,
    }
}

/// Says it in the words of the rules.
fn outcome(answer: Result<Bytes, CarrierError>) -> ExchangeOutcome {
    match answer {
        Ok(bytes) => ExchangeOutcome::Answered(bytes.into()),
        Err(CarrierError::RefusedAddress(_)) => ExchangeOutcome::Forbidden,
        // A proxy in front of the other server may say for it what it would say itself.
        Err(CarrierError::Busy { retry_after: Some(time) }) => {
            let seconds = u16::try_from(time.as_secs()).unwrap_or(u16::MAX);
            ExchangeOutcome::Answered(OneShotReply::Busy(seconds).to_bytes())
        }
        Err(_) => ExchangeOutcome::Unreachable,
    }
}

/// Exchanges that are durable, at the same time, beside those that clients wait for. Each may hold two messages of 96 KiB.
const DURABLE: usize = 64;
