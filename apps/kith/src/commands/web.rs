//! `kith web`: the app in a browser, served by this very machine to the person at it.
//!
//! It serves files and nothing else: the person in the browser is another one than that of any folder here, and lives in the browser.
//! Browsers keep what they store for one address, port included, so the port is chosen once and kept.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use kith_net::{Listener, ListenerLimits, Pages};
use kith_site::{App, OwnMachine, PACKAGED};
use kith_wire::address::{Scheme, ServerUrl};
use rand::RngExt as _;
use serde_json::json;

use crate::failure::Failure;
use crate::output::Out;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kith web\n  kith web --app apps/web/dist\n\n\
    Only browsers on this machine reach it. Other users of this machine can fetch the app, which is the same for everybody, and nothing \
    that you write in it. But while `kith web` does not run, one of them could take its port and put another page there: on a machine \
    with users whom you do not trust, use `kith` in the terminal.")]
pub(crate) struct Web {
    /// Folder of the app [default: the one that the package has brought]
    #[arg(long, value_name = "DIR", env = "KITH_APP", hide_env_values = true)]
    app: Option<PathBuf>,

    /// Another port than the one that was chosen at the first time; browsers store apart what belongs to another port
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,

    /// A home server on this machine that is reached without TLS, and that the app may speak to
    #[arg(long, value_name = "URL", value_parser = on_this_machine)]
    local_server: Option<ServerUrl>,
}

/// Serves until `ended` returns.
pub(crate) async fn run(args: &Web, out: &Out, ended: impl Future<Output = ()>) -> Result<(), Failure> {
    let mut app = app(args.app.as_deref())?;
    if let Some(server) = &args.local_server {
        app.reach(server);
    }
    let listener = match args.port {
        Some(port) => bind(port).await.map_err(|_| taken(port))?,
        None => at_the_kept_port(&place()?).await?,
    };
    let build = app.build();
    let site = Arc::new(OwnMachine::new(app, listener.local_address()));
    out.data(&json!({"event": "ready", "url": site.url(), "build": build}), || site.url());
    out.note(format!(
        "the app, build {}; only browsers on this machine reach it; Ctrl-C ends it, and what you wrote stays in the browser",
        build.as_deref().unwrap_or("unknown")
    ));
    listener.serve_pages(Pages::files(move |path, headers| site.answer(path, headers)), ended).await;
    Ok(())
}

fn app(folder: Option<&Path>) -> Result<App, Failure> {
    const HINT: &str = "`cargo xtask web` builds it as apps/web/dist; say where it is with --app DIR";
    let read = match folder {
        Some(folder) => App::read(folder).map(Some),
        None => App::packaged(),
    };
    match read {
        Ok(Some(app)) => Ok(app),
        Ok(None) => {
            Err(Failure::new("no_app", format!("the app is not on this machine: {PACKAGED} is not there"), HINT))
        }
        Err(error) => Err(Failure::new("no_app", error.to_string(), HINT)),
    }
}

/// Listens where it did the last time; the first time, at a port that is free.
async fn at_the_kept_port(place: &Path) -> Result<Listener, Failure> {
    if let Some(port) = kept(place)? {
        return bind(port).await.map_err(|_| taken(port));
    }
    for _ in 0..ATTEMPTS {
        let port = rand::rng().random_range(PORTS);
        if let Ok(listener) = bind(port).await {
            keep(place, port)?;
            return Ok(listener);
        }
    }
    Err(Failure::new("port_taken", "no port of this machine is free", "choose one with --port PORT"))
}

/// Ports that no system gives to connections that go out, and that no well-known program listens at.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// Ports that are tried the first time.
const ATTEMPTS: usize = 32;

async fn bind(port: u16) -> Result<Listener, kith_net::BindError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Listener::bind(address, None, ListenerLimits::default()).await
}

fn taken(port: u16) -> Failure {
    Failure::new(
        "port_taken",
        format!("another program listens at port {port}, where your browser keeps what you wrote"),
        "end that program (it may be another `kith web`); with --port PORT you would be somebody new in the browser",
    )
}

/// Returns the port of the last time.
fn kept(place: &Path) -> Result<Option<u16>, Failure> {
    match fs::read_to_string(place) {
        Ok(text) => match text.trim().parse() {
            Ok(port) if PORTS.contains(&port) => Ok(Some(port)),
            _ => Err(Failure::new(
                "port_unknown",
                format!("{} does not hold a port", place.display()),
                "your browser knows at which port Kith was; write that into the file, or remove the file to begin anew",
            )),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::file("read", place, &error)),
    }
}

fn keep(place: &Path, port: u16) -> Result<(), Failure> {
    let written = || -> std::io::Result<()> {
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(place)?;
        writeln!(file, "{port}")?;
        file.sync_all()
    };
    written().map_err(|error| Failure::file("written", place, &error))
}

/// Returns where the port is kept.
fn place() -> Result<PathBuf, Failure> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let state = state.or_else(|| std::env::home_dir().map(|home| home.join(".local/state")));
    let place = state.map(|state| state.join("kith/web.port"));
    place.ok_or_else(|| Failure::usage("it is not clear where the port is kept", "choose one with --port PORT"))
}

/// Reads the address of a home server on this machine.
fn on_this_machine(text: &str) -> Result<ServerUrl, String> {
    let url = ServerUrl::parse_lenient(text).map_err(|error| error.to_string())?;
    let host = url.host();
    let is_here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if url.scheme() == Scheme::Http && is_here {
        Ok(url)
    } else {
        Err("only a home server on this machine is spoken to without TLS; any other is reached without being named here".to_owned())
    }
}
