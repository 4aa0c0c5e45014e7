//! One round: connect, send what waits, fetch and process what is there.

use std::time::Duration;

use kith_engine::{Command, CommandError, Connection, Event, LinkState, Trouble};
use kith_net::CarrierError;
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use crate::client::Client;
use crate::drive::Notice;

/// Why a round did not come to its end.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The home server does not answer.
    #[error("the home server cannot be reached: {0}")]
    Unreachable(CarrierError),
    /// The time was over before everything was done.
    #[error("the time was over before everything was sent and fetched")]
    TimedOut,
    /// Only a person can mend this.
    #[error("the home server refuses something")]
    Trouble(Trouble),
    /// The engine refused to connect.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The folder could not be written.
    #[error("the folder could not be read or written: {0}")]
    Storage(String),
}

impl Client {
    /// Connects and waits until nothing waits any more. The connection stays; [`Client::close`] ends it.
    ///
    /// # Errors
    /// [`SyncError`]; what was done stays done.
    pub async fn sync(&self, limit: Duration) -> Result<(), SyncError> {
        self.online_until(limit, |client| client.inner.is_quiet.get()).await
    }

    /// Connects and waits until `is_enough`, which is asked after everything that happens.
    ///
    /// # Errors
    /// [`SyncError`]; what was done stays done.
    pub async fn online_until(&self, limit: Duration, is_enough: impl Fn(&Self) -> bool) -> Result<(), SyncError> {
        let deadline = Instant::now() + limit;
        let mut events = self.events();
        self.command(Command::Connect(Connection::Wanted))?;
        let mut failures = Failures::default();
        loop {
            if is_enough(self) {
                return Ok(());
            }
            match timeout_at(deadline, events.next()).await {
                Ok(Some(notice)) => failures.look_at(notice)?,
                Ok(None) => return Err(SyncError::TimedOut),
                Err(_) => return Err(failures.last.map_or(SyncError::TimedOut, SyncError::Unreachable)),
            }
        }
    }
}

/// How often the home server was not reached since it last was.
#[derive(Default)]
struct Failures {
    n_in_a_row: u32,
    last: Option<CarrierError>,
}

impl Failures {
    fn look_at(&mut self, notice: Notice) -> Result<(), SyncError> {
        match notice {
            Notice::Unreachable(error) => {
                self.n_in_a_row = self.n_in_a_row.saturating_add(1);
                self.last = Some(error);
                if self.n_in_a_row >= ENOUGH_FAILURES || !error.may_pass() {
                    return Err(SyncError::Unreachable(error));
                }
            }
            Notice::Event(Event::Link(LinkState::Up)) => *self = Self::default(),
            // A wrong clock is worth a warning and no reason to stop.
            Notice::Event(Event::Trouble(trouble)) if trouble != Trouble::ClockOff => {
                return Err(SyncError::Trouble(trouble));
            }
            Notice::Storage(reason) => return Err(SyncError::Storage(reason)),
            Notice::Event(_) => {}
        }
        Ok(())
    }
}

/// Attempts after which nobody is kept waiting: with the engine's back-off, a few seconds.
const ENOUGH_FAILURES: u32 = 3;
