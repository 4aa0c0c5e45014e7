//! The other end of the control socket, for commands.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use kith_wire::id::AccountKey;

use super::{AccountLine, Refused, RemovedAccount, Reply, Report, Request, short};
use crate::error::AppError;

/// A connection to the server that runs on a data folder.
pub(crate) struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// [`AppError::NoAnswer`] when nobody listens.
    pub(crate) fn connect(folder: &Path) -> Result<Self, AppError> {
        let stream = short(folder, |path| UnixStream::connect(path)).map_err(no_answer(folder))?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(no_answer(folder))?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(no_answer(folder))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Asks how the server is.
    ///
    /// # Errors
    /// It does not say.
    pub(crate) fn status(mut self) -> Result<Report, AppError> {
        match self.ask(&Request::Status)? {
            Reply::Status(report) => Ok(*report),
            other => Err(refused(&other)),
        }
    }

    /// Asks for an invite code.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn invite(mut self, uses: u32, expires: u64) -> Result<String, AppError> {
        match self.ask(&Request::Invite { uses, expires })? {
            Reply::Invite(code) => Ok(code),
            other => Err(refused(&other)),
        }
    }

    /// Asks for the accounts behind one of them.
    ///
    /// # Errors
    /// The server does not say.
    pub(crate) fn accounts(mut self, after: Option<String>) -> Result<Vec<AccountLine>, AppError> {
        match self.ask(&Request::Accounts { after })? {
            Reply::Accounts(accounts) => Ok(accounts),
            other => Err(refused(&other)),
        }
    }

    /// Removes an account.
    ///
    /// # Errors
    /// There is none with this key, or the server does not do it.
    pub(crate) fn remove_account(mut self, account: &AccountKey) -> Result<RemovedAccount, AppError> {
        match self.ask(&Request::Remove { account: account.to_string() })? {
            Reply::Removed(removed) => Ok(removed),
            other => Err(refused(&other)),
        }
    }

    /// Asks for a backup; returns its bytes.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn backup(mut self) -> Result<impl Read, AppError> {
        match self.ask(&Request::Backup)? {
            Reply::Backup => Ok(self.stream),
            other => Err(refused(&other)),
        }
    }

    fn ask(&mut self, request: &Request) -> Result<Reply, AppError> {
        let mut line = serde_json::to_vec(request).map_err(std::io::Error::from)?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line)?;
        let mut answer = Vec::new();
        self.stream.by_ref().take(MAX_REPLY).read_until(b'\n', &mut answer)?;
        serde_json::from_slice(&answer).map_err(|_| AppError::Refused(Refused::Unknown))
    }
}

fn no_answer(folder: &Path) -> impl Fn(std::io::Error) -> AppError {
    move |reason| AppError::NoAnswer { path: folder.to_owned(), reason }
}

fn refused(reply: &Reply) -> AppError {
    match reply {
        Reply::Refused(Refused::Account) => AppError::NoAccount,
        Reply::Refused(refused) => AppError::Refused(*refused),
        _ => AppError::Refused(Refused::Unknown),
    }
}

/// How long the server may take: a census of a large store takes its time.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of an answer.
const MAX_REPLY: u64 = 64 * 1024;
