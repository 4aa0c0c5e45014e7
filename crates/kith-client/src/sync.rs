//! One round: connect, send what waits, fetch and process what is there.

use std::time::Duration;

use kith_engine::{Command, CommandError, Connection, Event, LinkState, Trouble};
use kith_net::CarrierError;
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use crate::client::{Client, now};
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
    /// Another device of the person has revoked this one.
    #[error("this device was revoked")]
    Revoked,
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
        self.wait(limit, |client| if is_enough(client) { Patience::Over } else { Patience::Full }).await
    }

    /// Connects and waits until `is_enough`, nothing waits any more, and nothing has happened for `silence`: for what comes
    /// in several parts of which nobody here knows how many there are.
    ///
    /// # Errors
    /// [`SyncError`]; what was done stays done.
    pub async fn settle(
        &self,
        limit: Duration,
        silence: Duration,
        is_enough: impl Fn(&Self) -> bool,
    ) -> Result<(), SyncError> {
        let patience = |client: &Self| match is_enough(client) && client.inner.is_quiet.get() {
            true => Patience::For(silence),
            false => Patience::Full,
        };
        self.wait(limit, patience).await
    }

    async fn wait(&self, limit: Duration, patience: impl Fn(&Self) -> Patience) -> Result<(), SyncError> {
        let deadline = Instant::now() + limit;
        let mut events = self.events();
        self.command(Command::Connect(Connection::Wanted))?;
        // A device that was revoked has nobody to talk to, and would wait for nothing (KE-54).
        if self.is_revoked() {
            return Err(SyncError::Revoked);
        }
        let mut failures = Failures::default();
        loop {
            let patience = patience(self);
            let until = match patience {
                Patience::Over => return Ok(()),
                Patience::For(span) => deadline.min(Instant::now() + span),
                Patience::Full => deadline,
            };
            match timeout_at(until, events.next()).await {
                Ok(Some(Notice::Event(Event::Devices))) if self.is_revoked() => return Err(SyncError::Revoked),
                Ok(Some(notice)) => failures.look_at(notice)?,
                Ok(None) => return Err(SyncError::TimedOut),
                Err(_) if matches!(patience, Patience::For(_)) => return Ok(()),
                Err(_) => return Err(failures.last.map_or(SyncError::TimedOut, SyncError::Unreachable)),
            }
        }
    }
}

impl Client {
    fn is_revoked(&self) -> bool {
        self.ask(|engine| engine.status(now())).is_ok_and(|status| status.revoked)
    }
}

/// How long the next event is waited for.
#[derive(Debug, Clone, Copy)]
enum Patience {
    /// No longer: what was waited for is there.
    Over,
    /// So long; then it is there.
    For(Duration),
    /// As long as there is time.
    Full,
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
            Notice::Event(Event::Trouble(trouble)) if !matches!(trouble, Trouble::ClockOff { .. }) => {
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
