//! Kith on the command line.
//!
//! This file reads the command line and finds who does the command: this process, when it can own the folder, or the one
//! that owns it already. What commands do is in `commands`, everything else in the crates below.

mod cli;
mod commands;
mod context;
mod duration;
mod failure;
mod files;
mod link_words;
mod output;
mod owner;
mod qr;
mod secrets;
mod show;
mod times;

use std::cell::OnceCell;
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser as _;
use kith_client::{Client, ClientError, Options, Password, proof_key};
use kith_engine::CommandId;

use crate::cli::{Cli, Command};
use crate::commands::device::Device;
use crate::commands::join_device::Join;
use crate::commands::recovery::Recovery;
use crate::commands::restore::With;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::output::{Out, Voice};
use crate::owner::{Called, Owner, Request};
use crate::secrets::{Passwords, Typed};

fn main() -> ExitCode {
    let words: Vec<std::ffi::OsString> = std::env::args_os().collect();
    let cli = match Cli::try_parse_from(&words) {
        Ok(cli) => cli,
        Err(error) => return misused(&error, &words),
    };
    let out = Out::here(if cli.common.json { Voice::Json } else { Voice::Human });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => tokio::task::LocalSet::new().block_on(&runtime, run(&cli, words, &out)),
        Err(error) => Err(Failure::new("system", error.to_string(), "the operating system refuses something basic")),
    };
    let code = outcome.unwrap_or_else(|failure| {
        out.failure(&failure);
        failure.exit as u8
    });
    ExitCode::from(code)
}

/// Help and version go where they were asked for; mistakes also tell a program.
fn misused(error: &clap::Error, words: &[std::ffi::OsString]) -> ExitCode {
    if !error.use_stderr() {
        // Nobody reads it when this fails.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let _ = error.print();
    if words.iter().any(|word| word == "--json") {
        let told = error.render().to_string();
        let hint = told.lines().next().unwrap_or_default().trim_start_matches("error: ");
        println!("{}", serde_json::json!({"error": {"code": "usage", "hint": hint}}));
    }
    ExitCode::from(Exit::Usage as u8)
}

async fn run(cli: &Cli, words: Vec<std::ffi::OsString>, out: &Out) -> Result<u8, Failure> {
    let password_file = cli.common.password_file.as_deref();
    match &cli.command {
        Command::Completions(args) => out.put(output::Line::Out(commands::completions::script(args))),
        Command::Man(args) => out.put(output::Line::Out(commands::man::pages(args)?)),
        Command::Web(args) => commands::web::run(args, out, interrupted()).await?,
        Command::Init(args) => {
            let checked = args.check()?;
            let folder = home(cli)?;
            let password = || match commands::init::is_taken(&folder) {
                true => secrets::existing(password_file)?.password(),
                false => secrets::first(password_file, out)?.password(),
            };
            commands::init::run(checked, &folder, password, options(), out).await?;
        }
        Command::Restore(args) => restore(cli, args, With::Either, out).await?,
        Command::Recovery(Recovery::Restore(args)) => restore(cli, args, With::Phrase, out).await?,
        command => {
            if let Command::Recovery(Recovery::Phrase(args)) = command {
                commands::recovery::refuse_unseen(args, cli.common.json)?;
            }
            let folder = home(cli)?;
            let typed = match command {
                Command::Device(Device::Join(args)) => begin_joining(args, &folder, password_file, out).await?,
                _ => None,
            };
            refuse_empty(&folder)?;
            let typed = typed.map_or_else(|| secrets::existing(password_file), Ok)?;
            let password = typed.password()?;
            let (passwords, spare) = match command {
                Command::Password(args) => {
                    let next = Some(secrets::next(args.new_password_file.as_deref(), out)?);
                    (Some(Passwords { current: typed, next }), None)
                }
                command if commands::needs_password(command) => (Some(Passwords { current: typed, next: None }), None),
                _ => (None, Some(typed)),
            };
            let request = request(command, words, passwords, out)?;
            return with_folder(cli, &folder, (&password, &spare), request, out).await;
        }
    }
    Ok(Exit::Done as u8)
}

/// Restores a backup into a new folder, or goes on with that.
async fn restore(cli: &Cli, args: &commands::restore::Restore, with: With, out: &Out) -> Result<(), Failure> {
    let folder = home(cli)?;
    let file = cli.common.password_file.as_deref();
    let typed = OnceCell::new();
    let password = || {
        if let Some(typed) = typed.get() {
            return Typed::password(typed);
        }
        let asked =
            if commands::init::is_taken(&folder) { secrets::existing(file)? } else { secrets::first(file, out)? };
        typed.get_or_init(|| asked).password()
    };
    commands::restore::run(args, with, &folder, password, (options(), out)).await
}

/// Makes the folder for a new device, and returns the password if it was asked for.
async fn begin_joining(args: &Join, folder: &Path, file: Option<&Path>, out: &Out) -> Result<Option<Typed>, Failure> {
    let typed = OnceCell::new();
    let password = || {
        let asked =
            if commands::init::is_taken(folder) { secrets::existing(file)? } else { secrets::first(file, out)? };
        typed.get_or_init(|| asked).password()
    };
    args.begin(folder, password, options(), out).await?;
    Ok(typed.into_inner())
}

/// Owns the folder and does the command, or hands it to the owner; between the two lies a moment in which neither works.
async fn with_folder(
    cli: &Cli,
    folder: &Path,
    (password, spare): (&Password, &Option<Typed>),
    request: Request,
    out: &Out,
) -> Result<u8, Failure> {
    let mut key = None;
    let mut in_vain_since = Instant::now();
    loop {
        match Client::open(folder, password, options()) {
            Ok(client) => return own(cli, client, request, out).await,
            Err(ClientError::InUse) if in_vain_since.elapsed() < PATIENCE => {}
            Err(error) => return Err(error.into()),
        }
        let key = match &key {
            Some(key) => key,
            None => key.insert(proof_key(folder, password)?),
        };
        let started = Instant::now();
        if let Called::Done(code) = owner::call(folder, key, spare, &request, out).await {
            return Ok(code);
        }
        if started.elapsed() > Duration::from_secs(1) {
            // The owner did serve, and has ended meanwhile.
            in_vain_since = Instant::now();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Does the command here, and meanwhile what others hand over.
async fn own(cli: &Cli, client: Client, request: Request, out: &Out) -> Result<u8, Failure> {
    let owner = Owner::start(&client);
    let Request { directory, stdin, at_terminal, id, passwords, .. } = request;
    let id = id.map(CommandId);
    let context = Context { client: client.clone(), out: out.clone(), directory, stdin, at_terminal, id, passwords };
    let outcome = tokio::select! {
        outcome = commands::run(&cli.command, &context) => outcome,
        () = interrupted() => match &cli.command {
            Command::Listen(_) => Ok(()),
            Command::Device(Device::Join(_)) => Err(Failure::new(
                "interrupted",
                "interrupted; what has come is here",
                "give the command again to go on, or let the rest come with `kith sync` or `kith listen`",
            )),
            _ => Err(Failure::new("interrupted", "interrupted", "what was stored is stored; the rest was not done")),
        },
    };
    tokio::select! {
        () = owner.finish() => {}
        // Whoever interrupts once more does not want to wait for what others have asked for.
        () = interrupted() => {}
    }
    drop(context);
    client.close().await;
    outcome.map(|()| Exit::Done as u8)
}

/// Returns when the person, or whoever manages processes here, wants this one to end.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn request(
    command: &Command,
    words: Vec<std::ffi::OsString>,
    passwords: Option<Passwords>,
    out: &Out,
) -> Result<Request, Failure> {
    let not_text = |_| Failure::usage("a word of the command is not text", "write it in UTF-8");
    let words = words.into_iter().map(|word| word.into_string().map_err(not_text)).collect::<Result<_, _>>()?;
    let stdin = match commands::text_argument(command) {
        Some("-") => Some(standard_input()?),
        _ => None,
    };
    let directory = std::env::current_dir()
        .map_err(|error| Failure::new("file", error.to_string(), "the folder you are in is gone; go to another one"))?;
    let id = commands::may_be_said_again(command).then(owner::command_id).flatten();
    let at_terminal = std::io::stdin().is_terminal();
    Ok(Request { words, directory, stdin, at_terminal, voice: out.voice(), colour: out.colour(), id, passwords })
}

/// Reads what is piped in, up to far more than a message holds: the engine says how much that is.
fn standard_input() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().take(MOST_INPUT).read_to_string(&mut text);
    read.map_err(|_| Failure::usage("standard input is not text", "write it in UTF-8, up to 256 KiB"))?;
    Ok(text)
}

/// Returns the person's folder.
fn home(cli: &Cli) -> Result<PathBuf, Failure> {
    if let Some(folder) = &cli.common.home {
        return Ok(folder.clone());
    }
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let data = data.or_else(|| std::env::home_dir().map(|home| home.join(".local/share")));
    let folder = data.map(|data| data.join("kith"));
    folder.ok_or_else(|| Failure::usage("it is not clear where your folder is", "say it with --home DIR"))
}

/// Nobody is asked for the password of a folder that nobody has made.
fn refuse_empty(folder: &Path) -> Result<(), Failure> {
    let is_empty = std::fs::read_dir(folder)
        .map_or_else(|error| error.kind() == std::io::ErrorKind::NotFound, |mut entries| entries.next().is_none());
    if is_empty { Err(ClientError::Missing.into()) } else { Ok(()) }
}

/// Returns how folders are opened. Debug builds may make passwords cheap to try, for tests; release builds cannot.
fn options() -> Options {
    #[cfg(debug_assertions)]
    if std::env::var_os("KITH_CHEAP_PASSWORDS").is_some() {
        return Options { params: kith_client::Params::for_tests(), ..Options::default() };
    }
    Options::default()
}

/// How long another process may own the folder without doing this one's command.
const PATIENCE: Duration = Duration::from_secs(15);
/// Bytes of standard input that are looked at.
const MOST_INPUT: u64 = 256 * 1024;
