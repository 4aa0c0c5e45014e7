//! Being the owner: others' commands are done here, beside the own one, each with its own output.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use clap::Parser as _;
use kith_client::Client;
use kith_engine::CommandId;
use tokio::io::BufReader;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::socket;
use super::words::{
    Answer, CALLER, Challenge, Entry, OWNER, Reply, Request, Response, Welcome, from_hex, nonce, read, to_hex, write,
};
use crate::cli::{Cli, Command};
use crate::commands;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::output::Out;
use crate::secrets::Typed;

/// The service of an owner. It ends with [`Owner::finish`].
pub(crate) struct Owner {
    accepting: Option<JoinHandle<()>>,
    shared: Rc<Shared>,
    ending: watch::Sender<bool>,
    socket: std::path::PathBuf,
}

struct Shared {
    n_served: Cell<usize>,
    one_ended: Notify,
    ending: RefCell<watch::Receiver<bool>>,
}

impl Owner {
    /// Starts to serve. Where the file system has no sockets, nobody is served, and others wait until this one ends.
    pub(crate) fn start(client: &Client) -> Self {
        let (ending, receiver) = watch::channel(false);
        let shared =
            Rc::new(Shared { n_served: Cell::new(0), one_ended: Notify::new(), ending: RefCell::new(receiver) });
        let accepting = socket::listen(client.folder())
            .ok()
            .map(|listener| tokio::task::spawn_local(accept(listener, client.clone(), Rc::clone(&shared))));
        Self { accepting, shared, ending, socket: client.folder().join(socket::NAME) }
    }

    /// Stops serving: what listens is told to call again, the rest is done first.
    pub(crate) async fn finish(mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            let _ = std::fs::remove_file(&self.socket);
        }
        let _ = self.ending.send(true);
        while self.shared.n_served.get() > 0 {
            self.shared.one_ended.notified().await;
        }
    }
}

async fn accept(listener: UnixListener, client: Client, shared: Rc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        if shared.n_served.get() >= MAX_SERVED {
            continue;
        }
        let (client, shared) = (client.clone(), Rc::clone(&shared));
        shared.n_served.set(shared.n_served.get() + 1);
        tokio::task::spawn_local(async move {
            let ending = shared.ending.borrow().clone();
            // When the caller goes away, its command is dropped where it stands; what it stored is stored.
            let _gone = serve(stream, client, ending).await;
            shared.n_served.set(shared.n_served.get() - 1);
            shared.one_ended.notify_one();
        });
    }
}

async fn serve(stream: UnixStream, client: Client, mut ending: watch::Receiver<bool>) -> Option<()> {
    let (incoming, mut outgoing) = stream.into_split();
    let mut incoming = BufReader::new(incoming);
    let ours = nonce()?;
    write(&mut outgoing, &Challenge { nonce: to_hex(&ours) }).await?;
    let response = tokio::time::timeout(PATIENCE, read::<Response>(&mut incoming)).await.ok()??;
    let (theirs, proof) = (from_hex(&response.nonce)?, from_hex(&response.proof)?);
    if !client.with_proof_key(|key| key.check(CALLER, &theirs, &ours, &proof)) {
        return None;
    }
    let proof = client.with_proof_key(|key| key.prove(OWNER, &ours, &theirs));
    let wants_password = client.wants_password();
    write(&mut outgoing, &Welcome { proof: to_hex(&proof), wants_password }).await?;
    if wants_password {
        let entry: Entry<Option<Typed>> = tokio::time::timeout(PATIENCE, read(&mut incoming)).await.ok()??;
        if let Some(password) = entry.password.and_then(|typed| typed.password().ok()) {
            // What cannot be signed now is signed at the next entry.
            let _ = client.sign_lists(&password);
        }
    }
    let request: Request = tokio::time::timeout(PATIENCE, read(&mut incoming)).await.ok()??;

    let (sender, mut lines) = unbounded_channel();
    let (answered, answers) = unbounded_channel();
    let out = Out::there(request.voice, request.colour, sender, answers);
    let command = Cli::try_parse_from(&request.words);
    let lasts = matches!(&command, Ok(Cli { command: Command::Listen(_), .. }));
    let work = async {
        let outcome = match command {
            Ok(cli) => {
                let Request { directory, stdin, at_terminal, id, passwords, .. } = request;
                let (out, id) = (out.clone(), id.map(CommandId));
                let context = Context { client, out, directory, stdin, at_terminal, id, passwords };
                commands::run(&cli.command, &context).await
            }
            // It was parsed where it was typed; another version of this program may know other words.
            Err(error) => Err(Failure::usage(error.to_string(), "the program that is running here is another version")),
        };
        if let Err(failure) = &outcome {
            out.failure(failure);
        }
        outcome.map_or_else(|failure| failure.exit, |()| Exit::Done)
    };
    // Ends when the caller goes away.
    let answering = async {
        while let Some(Answer { answer }) = read(&mut incoming).await {
            // A command that has asked nothing hears nothing.
            let _ = answered.send(answer);
        }
    };
    tokio::pin!(work, answering);
    let exit = loop {
        tokio::select! {
            biased;
            Some(line) = lines.recv() => write(&mut outgoing, &Reply::Line(line)).await?,
            exit = &mut work => break Reply::Exit(exit as u8),
            _ = ending.wait_for(|ends| *ends), if lasts => break Reply::Moved,
            () = &mut answering => return None,
        }
    };
    while let Ok(line) = lines.try_recv() {
        write(&mut outgoing, &Reply::Line(line)).await?;
    }
    write(&mut outgoing, &exit).await
}

/// Commands served at the same time; a person does not type faster.
const MAX_SERVED: usize = 64;
/// How long a caller may take for its part of the opening.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
