//! Calling the owner: proving the password, handing the command over, and showing what comes back.

use std::path::Path;
use std::time::Duration;

use kith_client::ProofKey;
use tokio::io::BufReader;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::socket;
use super::words::{
    Answer, CALLER, Challenge, Entry, OWNER, Reply, Request, Response, Welcome, from_hex, nonce, read, to_hex, write,
};
use crate::failure::{Exit, Failure};
use crate::output::{Line, Out};
use crate::secrets::Typed;

/// How a call went.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Called {
    /// The owner did the command; this is its exit code.
    Done(u8),
    /// Nobody does the command: the owner is about to end, or has just begun. Try again.
    Nobody,
}

/// Hands a command to the owner of a folder, and the password if the owner wants it.
pub(crate) async fn call(
    folder: &Path,
    key: &ProofKey,
    password: &Option<Typed>,
    request: &Request,
    out: &Out,
) -> Called {
    match converse(folder, key, password, request, out).await {
        Some(code) => Called::Done(code),
        None => Called::Nobody,
    }
}

async fn converse(folder: &Path, key: &ProofKey, password: &Option<Typed>, request: &Request, out: &Out) -> Option<u8> {
    // An owner that sleeps, or is stopped, answers nothing.
    let handed_over = tokio::time::timeout(PATIENCE, hand_over(folder, key, password, request)).await;
    // The sending half is kept: that it closes tells the owner that nobody waits any more.
    let (mut incoming, mut outgoing) = handed_over.ok()??;
    // Of a command that may be handed over again nothing is shown before it has ended: it would be shown twice.
    let mut held = Vec::new();
    loop {
        match read(&mut incoming).await {
            Some(Reply::Line(line @ Line::Out(_))) if request.id.is_some() => held.push(line),
            Some(Reply::Line(Line::Ask(question))) => {
                let answer = out.ask(&question).await;
                // An owner that has ended meanwhile shows at the next reading.
                let _ = write(&mut outgoing, &Answer { answer }).await;
            }
            Some(Reply::Line(line)) => out.put(line),
            Some(Reply::Exit(code)) => {
                held.into_iter().for_each(|line| out.put(line));
                return Some(code);
            }
            Some(Reply::Moved) => return None,
            // Whether the command was done nobody knows here. One with a name is done once all the same.
            None if request.id.is_some() => return None,
            None => {
                out.failure(&Failure::new(
                    "owner_ended",
                    "the program that did this for you has ended; what it had stored is stored",
                    "look with `kith log` before you do it again",
                ));
                return Some(Exit::Failed as u8);
            }
        }
        if out.is_closed() {
            return Some(Exit::Done as u8);
        }
    }
}

/// Proves the password, lets the owner prove it too, and sends the command.
async fn hand_over(
    folder: &Path,
    key: &ProofKey,
    password: &Option<Typed>,
    request: &Request,
) -> Option<(BufReader<OwnedReadHalf>, OwnedWriteHalf)> {
    let stream = socket::connect(folder).await.ok()?;
    let (incoming, mut outgoing) = stream.into_split();
    let mut incoming = BufReader::new(incoming);
    let theirs = from_hex(&read::<Challenge>(&mut incoming).await?.nonce)?;
    let ours = nonce()?;
    let proof = key.prove(CALLER, &ours, &theirs);
    write(&mut outgoing, &Response { nonce: to_hex(&ours), proof: to_hex(&proof) }).await?;
    let welcome: Welcome = read(&mut incoming).await?;
    // Something else that sits on the socket learns nothing of the command.
    if !key.check(OWNER, &theirs, &ours, &from_hex(&welcome.proof)?) {
        return None;
    }
    if welcome.wants_password {
        write(&mut outgoing, &Entry { password }).await?;
    }
    write(&mut outgoing, request).await?;
    Some((incoming, outgoing))
}

/// How long the owner may take to take a command over.
const PATIENCE: Duration = Duration::from_secs(10);
