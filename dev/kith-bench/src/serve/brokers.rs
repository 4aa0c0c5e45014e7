//! The other servers of the comparison: found or installed, configured in the open, started on loopback in a folder of
//! their own.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::process::Process;
use super::{mqtt, nats};
use crate::Failure;

/// A server that is none of ours, or the yardstick.
pub(crate) struct Broker {
    /// Its process.
    pub(crate) process: Process,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

/// Which NATS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nats {
    /// Without storage: who is not there misses the message.
    Core,
    /// With a stream on the disk, synced when the server likes to.
    Stream,
    /// With a stream that is synced before each ack.
    SyncedStream,
}

/// Starts the yardstick.
pub(crate) fn yardstick(folder: &Path) -> Result<Broker, Failure> {
    std::fs::create_dir(folder)?;
    let mut command = Command::new(std::env::current_exe()?);
    let mut child = command.arg("yardstick").arg(folder).stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().ok_or("no pipe")?;
    let process = Process::of(child);
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let address = SocketAddr::from(([127, 0, 0, 1], line.trim().parse::<u16>()?));
    Ok(Broker { process, address })
}

/// Starts mosquitto with a persistence file that it writes when it likes to, as Debian configures it. The folder may hold what an
/// earlier run left.
pub(crate) fn mosquitto(folder: &Path) -> Result<Broker, Failure> {
    let program = program("mosquitto", "/usr/sbin/mosquitto")?;
    let address = free_address()?;
    std::fs::create_dir_all(folder)?;
    let folder_text = folder.display();
    // As root it would become the user `mosquitto`, who may not write into our folder.
    let user = if rustix::process::geteuid().is_root() { "user root\n" } else { "" };
    let config = format!(
        "{user}listener {} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {folder_text}/\n\
         max_queued_messages 0\nmax_inflight_messages 64\nlog_type error\n",
        address.port()
    );
    let file = folder.with_extension("conf");
    std::fs::write(&file, config)?;
    start(Command::new(program).arg("-c").arg(file), address)
}

/// Subscribes the reader whose messages wait, then hangs up.
pub(crate) fn leave_mqtt_session(address: SocketAddr) -> Result<(), Failure> {
    let mut client = mqtt::Client::subscriber(address)?;
    client.subscribe()?;
    client.leave()
}

/// Starts NATS, without its stream.
pub(crate) fn nats(folder: &Path, which: Nats) -> Result<Broker, Failure> {
    let program = program("nats-server", "/usr/sbin/nats-server")?;
    let address = free_address()?;
    let file = folder.with_extension("conf");
    std::fs::write(&file, nats_config(address, folder, which))?;
    start(Command::new(program).arg("-c").arg(file), address)
}

/// Makes the stream.
pub(crate) fn make_stream(broker: &Broker) -> Result<(), Failure> {
    nats::make_stream(broker.address)
}

/// Returns whether this version of NATS can sync before each ack (since 2.10).
pub(crate) fn nats_can_sync(folder: &Path) -> Result<bool, Failure> {
    let program = program("nats-server", "/usr/sbin/nats-server")?;
    let file = folder.join("try.conf");
    std::fs::write(&file, nats_config(free_address()?, folder, Nats::SyncedStream))?;
    let output = Command::new(program).args(["-t", "-c"]).arg(file).output()?;
    Ok(output.status.success())
}

fn nats_config(address: SocketAddr, folder: &Path, which: Nats) -> String {
    let store = match which {
        Nats::Core => String::new(),
        Nats::Stream => format!("jetstream {{ store_dir: \"{}\" }}\n", folder.display()),
        Nats::SyncedStream => format!("jetstream {{ store_dir: \"{}\", sync_interval: always }}\n", folder.display()),
    };
    format!("listen: \"{address}\"\nmax_payload: 1MB\n{store}")
}

/// Returns what the servers call themselves.
pub(crate) fn versions() -> Vec<(String, String)> {
    let first_line = |program: Result<PathBuf, Failure>, arg: &str| {
        let output = program.ok().and_then(|program| Command::new(program).arg(arg).output().ok());
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        text.lines().next().unwrap_or("absent").to_owned()
    };
    vec![
        ("mosquitto".to_owned(), first_line(program("mosquitto", "/usr/sbin/mosquitto"), "-h")),
        ("nats".to_owned(), first_line(program("nats-server", "/usr/sbin/nats-server"), "-v")),
    ]
}

/// Finds a program in the path or where Debian puts it.
fn program(name: &str, debian: &str) -> Result<PathBuf, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).map(|folder| folder.join(name)).chain([PathBuf::from(debian)]);
    let found = places.into_iter().find(|place| place.is_file());
    found.ok_or_else(|| format!("{name} is not installed: sudo apt-get install -y {name}").into())
}

fn start(command: &mut Command, address: SocketAddr) -> Result<Broker, Failure> {
    let mut process = Process::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))?;
    process.wait_for(address)?;
    Ok(Broker { process, address })
}

/// Asks for a port that is free now. Somebody may take it in between; then the start fails, and says so.
fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
