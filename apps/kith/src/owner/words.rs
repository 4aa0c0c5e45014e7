//! What the two processes say to each other: one JSON object a line.

use std::path::PathBuf;

use data_encoding::HEXLOWER;
use rand::rngs::SysRng;
use rand_core::TryRng as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use zeroize::Zeroizing;

use crate::output::{Colour, Line, Voice};
use crate::secrets::Passwords;

/// A random number against which the other side proves itself.
#[derive(Serialize, Deserialize)]
pub(super) struct Challenge {
    pub(super) nonce: String,
}

/// The caller's own number and proof.
#[derive(Serialize, Deserialize)]
pub(super) struct Response {
    pub(super) nonce: String,
    pub(super) proof: String,
}

/// The owner's proof.
#[derive(Serialize, Deserialize)]
pub(super) struct Welcome {
    pub(super) proof: String,
    /// Whether the owner has something to sign that waits for the password: the caller has just been given it.
    #[serde(default)]
    pub(super) wants_password: bool,
}

/// The password, for an owner that wants it, before the command.
#[derive(Serialize, Deserialize)]
pub(super) struct Entry<T> {
    pub(super) password: T,
}

/// A command as it was called.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    /// The words of the command line, with the program's name.
    pub(crate) words: Vec<String>,
    /// The folder in which it was called.
    pub(crate) directory: PathBuf,
    /// What stood on standard input, if the command reads it.
    pub(crate) stdin: Option<String>,
    /// Whether somebody is there who can be asked.
    #[serde(default)]
    pub(crate) at_terminal: bool,
    /// Whom the output is for.
    pub(crate) voice: Voice,
    /// How the output is decorated.
    pub(crate) colour: Colour,
    /// Names the command, when it may be handed over again after an owner that died without an answer.
    #[serde(default)]
    pub(crate) id: Option<[u8; 16]>,
    /// The folder's password, for the commands that need it. Only an owner that has proved the password is told, over a
    /// socket that only the user may open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) passwords: Option<Passwords>,
}

/// What somebody at the caller's terminal answers to a question of the command.
#[derive(Serialize, Deserialize)]
pub(super) struct Answer {
    /// The line; none when nobody is there to answer.
    pub(super) answer: Option<String>,
}

/// What comes back.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reply {
    /// The command says something.
    Line(Line),
    /// The command has ended with this exit code.
    Exit(u8),
    /// The owner ends before the command does: call again.
    Moved,
}

/// The roles in which proofs are made, so that none can be sent back to where it came from.
pub(super) const CALLER: u8 = 1;
pub(super) const OWNER: u8 = 2;

/// Reads one object; `None` at the end, or when what comes is none.
pub(super) async fn read<T: DeserializeOwned>(from: &mut (impl AsyncBufRead + Unpin)) -> Option<T> {
    let mut line = Zeroizing::new(String::new());
    from.take(MAX_LINE).read_line(&mut line).await.ok()?;
    serde_json::from_str(&line).ok()
}

/// Writes one object; `None` when the other side has gone.
pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin), object: &impl Serialize) -> Option<()> {
    let mut line = Zeroizing::new(serde_json::to_string(object).ok()?);
    line.push('\n');
    to.write_all(line.as_bytes()).await.ok()
}

/// Draws a random number.
pub(super) fn nonce() -> Option<[u8; 32]> {
    let mut nonce = [0; 32];
    SysRng.try_fill_bytes(&mut nonce).ok()?;
    Some(nonce)
}

/// Draws the name of a command.
pub(crate) fn command_id() -> Option<[u8; 16]> {
    let mut id = [0; 16];
    SysRng.try_fill_bytes(&mut id).ok()?;
    Some(id)
}

pub(super) fn to_hex(bytes: &[u8; 32]) -> String {
    HEXLOWER.encode(bytes)
}

pub(super) fn from_hex(text: &str) -> Option<[u8; 32]> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// A command may carry a long text from standard input; the engine refuses far shorter ones.
const MAX_LINE: u64 = 1024 * 1024;
