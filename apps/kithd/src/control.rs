//! The control socket: what an operator's commands ask of the server that runs.
//!
//! A Unix socket in the data folder, for its owner alone. A connection asks one question: one line of JSON from the
//! client, one line of JSON back, and after that line, for a backup, the bytes of the backup. There is nothing in it that
//! the owner of the folder could not find or do without it.

mod accounts;
mod client;
mod report;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kith_wire::id::InviteCode;
use rand::TryRng as _;
use rand::rngs::SysRng;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::backup::{Encoder, Walk};
use crate::clock::now;
use crate::keeper::Keeper;
use crate::operator::{Question, Told};

pub(crate) use accounts::{AccountLine, ClosedBy, RemovedAccount, accounts_in};
pub(crate) use client::Client;
#[cfg(test)]
pub(crate) use report::Attention;
pub(crate) use report::{Facts, Report};

/// What a command asks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Request {
    /// How the server is.
    Status,
    /// A code for so many registrations, good until a moment in seconds.
    Invite { uses: u32, expires: u64 },
    /// The accounts behind one of them.
    Accounts { after: Option<String> },
    /// Removes an account.
    Remove { account: String },
    /// Everything, as a backup.
    Backup,
}

/// What the server answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Reply {
    /// How it is.
    Status(Box<Report>),
    /// A code.
    Invite(String),
    /// Accounts, none at the end.
    Accounts(Vec<AccountLine>),
    /// What was removed.
    Removed(RemovedAccount),
    /// The backup follows.
    Backup,
    /// Why not.
    Refused(Refused),
}

/// Why the server does not answer a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Refused {
    /// It does not know the question.
    Unknown,
    /// There is no such account.
    Account,
    /// Its store fails.
    Store,
    /// It is stopping, or has too much to do.
    Busy,
}

/// The socket, removed when it is dropped. In the sandbox it stays: then the next start removes it.
pub(crate) struct Control {
    listener: std::os::unix::net::UnixListener,
    path: Removed,
}

impl Control {
    /// Makes the socket in a data folder that this process owns. In the sandbox there are no more such sockets.
    ///
    /// # Errors
    /// The system refuses it.
    pub(crate) fn bind(folder: &Path) -> std::io::Result<Self> {
        let path = folder.join(SOCKET);
        // Left by a server that was killed: the folder is ours, so nobody listens there.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Nobody else may enter the folder, so there is no moment at which others could come.
        let listener = short(folder, |short| std::os::unix::net::UnixListener::bind(short))?;
        listener.set_nonblocking(true)?;
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        Ok(Self { listener, path: Removed(path) })
    }

    /// Answers until it is dropped.
    pub(crate) async fn serve(self, keeper: Keeper, facts: Facts) {
        let Self { listener, path: _path } = self;
        let listener = match UnixListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return tracing::warn!(%error, "the control socket does not answer"),
        };
        let facts = Arc::new(facts);
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let stream = match listener.accept().await {
                Ok((stream, _)) if is_owner(&stream) => stream,
                Ok(_) => continue,
                Err(_) => {
                    // Out of descriptors: others give some back soon.
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let (keeper, facts) = (keeper.clone(), Arc::clone(&facts));
            tokio::spawn(async move {
                let _place = place;
                // Whoever hangs up early wants nothing more.
                let _ = converse(stream, &keeper, &facts).await;
            });
        }
    }
}

/// A file that goes with the value.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Returns whether the other end is this user, or the one who may do everything.
fn is_owner(stream: &UnixStream) -> bool {
    let ours = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == ours || peer.uid() == 0)
}

/// Names the socket in few bytes: the system takes only about a hundred, and folders lie deep.
fn short<T>(folder: &Path, with: impl FnOnce(&Path) -> std::io::Result<T>) -> std::io::Result<T> {
    use std::os::fd::AsRawFd as _;
    let path = folder.join(SOCKET);
    if path.as_os_str().len() < MAX_PATH {
        return with(&path);
    }
    let folder = std::fs::File::open(folder)?;
    with(&Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(SOCKET))
}

async fn converse(mut stream: UnixStream, keeper: &Keeper, facts: &Facts) -> std::io::Result<()> {
    let (reading, mut writing) = stream.split();
    let mut line = Vec::new();
    let mut reading = BufReader::new(reading.take(MAX_REQUEST));
    timeout(PATIENCE, reading.read_until(b'\n', &mut line)).await??;
    let request = serde_json::from_slice(&line);
    let reply = match &request {
        Ok(Request::Status) => status(keeper, facts).await,
        Ok(Request::Invite { uses, expires }) => invite(keeper, *uses, *expires).await,
        Ok(Request::Accounts { after }) => accounts::list(keeper, after.as_deref()).await,
        Ok(Request::Remove { account }) => accounts::remove(keeper, account).await,
        Ok(Request::Backup) => Ok(Reply::Backup),
        Err(_) => Err(Refused::Unknown),
    };
    let mut text = serde_json::to_vec(&reply.unwrap_or_else(Reply::Refused))?;
    text.push(b'\n');
    timeout(PATIENCE, writing.write_all(&text)).await??;
    if let Ok(Request::Backup) = request {
        backup(keeper, &mut writing).await?;
    }
    timeout(PATIENCE, writing.shutdown()).await?
}

async fn ask(keeper: &Keeper, question: Question) -> Result<Told, Refused> {
    let told = keeper.ask(question).await.map_err(|_| Refused::Busy)?;
    told.map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "the store could not answer the operator");
        Refused::Store
    })
}

async fn status(keeper: &Keeper, facts: &Facts) -> Result<Reply, Refused> {
    match ask(keeper, Question::Census).await? {
        Told::Census(census) => Ok(Reply::Status(Box::new(facts.report(&census)))),
        _ => Err(Refused::Unknown),
    }
}

async fn invite(keeper: &Keeper, uses: u32, expires: u64) -> Result<Reply, Refused> {
    let mut code = [0; InviteCode::SIZE];
    SysRng.try_fill_bytes(&mut code).map_err(|_| Refused::Busy)?;
    let code = InviteCode::new(code);
    let text = code.to_text();
    let expires = kith_wire::Timestamp::from_seconds(expires);
    ask(keeper, Question::Invite { code, uses, expires }).await?;
    Ok(Reply::Invite(text.to_string()))
}

/// Sends everything, a page at a time: the next one is read when the last one has left. A backup that stops in the middle
/// has no end, and whoever receives it notices.
async fn backup(keeper: &Keeper, writing: &mut (impl tokio::io::AsyncWrite + Unpin)) -> std::io::Result<()> {
    let began = now();
    let (mut encoder, head) = Encoder::begin();
    writing.write_all(&head).await?;
    let mut walk = Walk::default();
    loop {
        let told = ask(keeper, Question::Page(walk)).await;
        let Ok(Told::Page(rows, further)) = told else { return Err(std::io::ErrorKind::Other.into()) };
        if rows.is_empty() {
            break;
        }
        timeout(BACKUP_PATIENCE, writing.write_all(&encoder.rows(&rows))).await??;
        walk = further;
    }
    writing.write_all(&encoder.end()).await?;
    tracing::info!(seconds = now().seconds().saturating_sub(began.seconds()), "a backup was made");
    Ok(())
}

/// The name of the socket in the data folder.
const SOCKET: &str = "control";
/// Questions answered at once.
const MAX_CONNECTIONS: usize = 8;
/// Bytes of a question.
const MAX_REQUEST: u64 = 4096;
/// Bytes of a path that every system takes for a socket.
const MAX_PATH: usize = 100;
/// How long a client may take for a line.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the receiver of a backup may take for a page: it may be on its way to a slow medium.
const BACKUP_PATIENCE: Duration = Duration::from_secs(600);
/// How long to wait when the system gives no connection.
const PAUSE: Duration = Duration::from_millis(100);
