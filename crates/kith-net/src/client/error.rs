//! What can go wrong on the way to another server, told without naming it.

use std::time::Duration;

use thiserror::Error;

use crate::address::RefusedAddress;
use crate::limits::MAX_MESSAGE;

/// Why an exchange with a server did not happen. No variant holds an address or a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CarrierError {
    /// The name is unknown, or nothing answers there.
    #[error("no connection could be made ({stage})")]
    Unreachable {
        /// How far it got.
        stage: Stage,
    },
    /// It took longer than the limits allow.
    #[error("the server did not answer in time ({stage})")]
    TimedOut {
        /// How far it got.
        stage: Stage,
    },
    /// Every address of the server is of a kind that the policy does not allow.
    #[error(transparent)]
    RefusedAddress(#[from] RefusedAddress),
    /// The certificate is not one that the trust anchors vouch for.
    #[error("the server's certificate is not trusted")]
    Certificate,
    /// The TLS handshake failed for another reason.
    #[error("no secure connection to the server could be made")]
    Handshake,
    /// The server asks to come back later.
    #[error("the server is busy")]
    Busy {
        /// When it wants to be asked again, if it said so.
        retry_after: Option<Duration>,
    },
    /// The server points elsewhere; that is not followed, because only the server that was named was checked.
    #[error("the server answered with a redirect, which is not followed")]
    Redirected,
    /// The server answered with another status than success.
    #[error("the server answered with status {status}")]
    Status {
        /// The HTTP status code.
        status: u16,
    },
    /// The request or the answer is larger than any carrier takes.
    #[error("a message exceeded the limit of {MAX_MESSAGE} bytes")]
    TooLarge,
    /// The connection ended before the answer was complete.
    #[error("the server closed the connection")]
    Closed,
    /// What answers there does not speak this protocol.
    #[error("what answers at this address is not a home server")]
    NotAHomeServer,
    /// This machine's random number generator failed.
    #[error("this system gave no randomness")]
    NoRandomness,
}

impl CarrierError {
    /// Tells whether trying again later can help. Never true where the address itself is wrong.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Busy { .. } | Self::Closed => true,
            Self::Handshake | Self::Certificate | Self::NoRandomness => true,
            // 408: the body took too long, which says nothing about the next time.
            Self::Status { status } => *status >= 500 || *status == 408,
            Self::RefusedAddress(_) | Self::Redirected | Self::TooLarge | Self::NotAHomeServer => false,
        }
    }
}

/// How far an exchange got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Asking for the name's addresses.
    Resolve,
    /// Opening the connection.
    Connect,
    /// Agreeing on keys for TLS.
    Handshake,
    /// Waiting for the answer.
    Answer,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Resolve => "while resolving its name",
            Self::Connect => "while connecting",
            Self::Handshake => "while agreeing on keys",
            Self::Answer => "while waiting for its answer",
        })
    }
}

impl From<hyper::Error> for CarrierError {
    fn from(error: hyper::Error) -> Self {
        if error.is_parse() || error.is_parse_too_large() { Self::NotAHomeServer } else { Self::Closed }
    }
}
