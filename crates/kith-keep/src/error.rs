//! Why a home server gave no answer, and why there is no new backup there.

use std::error::Error;
use std::io;

use thiserror::Error;

/// Bytes did not come to a home server, or none came back.
#[derive(Debug, Error)]
#[error("{why}")]
pub struct NotCarried {
    why: Box<dyn Error>,
    /// Whether it may go better in a moment.
    may_pass: bool,
}

impl NotCarried {
    /// Says why, and whether it may go better in a moment.
    pub fn new(why: impl Into<Box<dyn Error>>, may_pass: bool) -> Self {
        Self { why: why.into(), may_pass }
    }

    /// Returns whether it may go better in a moment.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        self.may_pass
    }
}

/// Why a home server gave no answer that can be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AskError {
    /// It does not answer.
    #[error("the home server cannot be reached: {0}")]
    Unreachable(#[from] NotCarried),
    /// It has wanted rest each time.
    #[error("the home server is busy")]
    Busy,
    /// What answers there is no home server.
    #[error("what answers there is not a home server")]
    NotAHomeServer,
    /// What answers there does not prove the key that the home server has.
    #[error("what answers there is not this home server")]
    OtherServer,
    /// It answers, but nothing that this program could use.
    #[error("the home server does not do what was asked")]
    Unexpected,
    /// The account's key could not be read.
    #[error("the request could not be signed: {0}")]
    Unsigned(Box<dyn Error>),
}

/// Why there is no new backup at the home server, or none was fetched. The one before is as good as it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeepError {
    /// The file could not be read or written.
    #[error("the backup could not be read or written: {0}")]
    File(#[source] io::Error),
    /// It changed while it was sent.
    #[error("the backup changed while it was sent")]
    Changed,
    /// The home server gave no answer.
    #[error(transparent)]
    Server(#[from] AskError),
    /// The home server has not taken the account yet.
    #[error("the home server has not taken you yet")]
    NotRegistered,
    /// It is more than the home server keeps for one account.
    #[error("the home server keeps no more for you")]
    NoRoom,
    /// Another account has the place.
    #[error("another device of yours was faster")]
    Taken,
    /// The home server does not have what it took a moment ago.
    #[error("the home server has lost what it was given")]
    Lost,
    /// There is no backup of this person at this home server, or it does not show it.
    #[error("there is no backup of yours at this home server")]
    Nothing,
}
