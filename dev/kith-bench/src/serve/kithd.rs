//! The home server under test: a real `kithd` with a data folder of its own, and what its clients know of it.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use kith_crypto::capability::new_send;
use kith_crypto::request::{RequestStamp, sign_as_account};
use kith_crypto::sealed::seal;
use kith_crypto::sign::{AccountSecret, open_by};
use kith_wire::descriptor::{Descriptor, EpochKeys};
use kith_wire::id::{Nonce, SendCapability, ServerKey};
use kith_wire::operation::{Answer, Operation, Request};
use kith_wire::sealed::{OneShotReply, SealKind};
use kith_wire::signed::Signed;
use kith_wire::{Timestamp, Wire};
use rand::rngs::SysRng;
use rand_core::{Rng as _, UnwrapErr};

use super::http;
use super::line::{Line, Mailbox};
use super::process::Process;
use super::socket::{Socket, Trust};
use crate::Failure;

/// What the limits of a server against strangers are raised to: all load comes from one machine here.
const CONFIG: &str = r#"registration = "open"
log = "warn"
[limits]
connections = 20000
connections_per_network = 20000
connects_per_network = 0
requests_per_network = 0
unproven = 20000
proof = "1h"
connection_age = "1h"
request_head = "1h"
ping = "50m"
silence = "1h"
[quotas]
queues = 4000000
queue_frames = 4000000
connections = 20000
"#;

/// What a client knows of a server.
#[derive(Clone)]
pub(crate) struct Home {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Whose signature its descriptor has.
    pub(crate) key: ServerKey,
    /// What requests are sealed to.
    pub(crate) epoch: EpochKeys,
    /// Nothing, or its certificate.
    pub(crate) trust: Trust,
}

/// A running server.
pub(crate) struct Kithd {
    /// Its process.
    pub(crate) process: Process,
    /// What a client knows of it.
    pub(crate) home: Home,
    /// An account there.
    pub(crate) account: AccountSecret,
    /// Lets everybody write into the queues made here.
    pub(crate) send: SendCapability,
}

impl Kithd {
    /// Starts the program on a folder, which may hold data of an earlier run, and registers an account.
    pub(crate) fn start(program: &Path, folder: &Path) -> Result<Self, Failure> {
        Self::start_with(program, folder, "", None)
    }

    /// The same with more lines of configuration, and what is to be trusted then.
    pub(crate) fn start_with(program: &Path, folder: &Path, more: &str, trust: Trust) -> Result<Self, Failure> {
        let (process, home) = launch(program, folder, more, trust)?;
        let mut rng = UnwrapErr(SysRng);
        let account = AccountSecret::generate(&mut rng);
        let kithd = Self { process, home, account, send: new_send(&mut rng) };
        kithd.home.register(&kithd.account)?;
        Ok(kithd)
    }

    /// Kills the program and starts it anew on the same folder, with the same account.
    pub(crate) fn restart(&mut self, program: &Path, folder: &Path) -> Result<(), Failure> {
        self.process.kill();
        (self.process, self.home) = launch(program, folder, "", None)?;
        Ok(())
    }

    /// Creates queues over one live connection.
    pub(crate) fn mailboxes(&self, n: usize) -> Result<Vec<Mailbox>, Failure> {
        let mut line = Line::open(&self.home)?;
        line.prove_account(&self.account)?;
        line.create_queues(n, &self.send)
    }
}

/// Starts the program and learns its address and keys.
fn launch(program: &Path, folder: &Path, more: &str, trust: Trust) -> Result<(Process, Home), Failure> {
    let config = config_beside(folder);
    std::fs::write(&config, CONFIG.to_owned() + more)?;
    let mut command = Command::new(program);
    command.env_clear().args(["--json", "--listen", "127.0.0.1:0"]);
    command.arg("--data").arg(folder).arg("--config").arg(&config);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
    let stdout = child.stdout.take().ok_or("no pipe")?;
    let process = Process::of(child);
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let ready: serde_json::Value = serde_json::from_str(&line).map_err(|_| format!("kithd is not ready: {line}"))?;
    let address: SocketAddr = ready["listen"].as_str().ok_or("no address")?.parse()?;
    let key = ServerKey::parse(ready["server_key"].as_str().ok_or("no key")?).ok_or("a bad key")?;
    Ok((process, Home::find(address, key, trust)?))
}

fn config_beside(folder: &Path) -> PathBuf {
    folder.with_extension("toml")
}

impl Home {
    fn find(address: SocketAddr, key: ServerKey, trust: Trust) -> Result<Self, Failure> {
        let mut stream = Socket::over(TcpStream::connect(address)?, &trust)?;
        let descriptor = http::exchange(&mut stream, b"GET /kith/v1 HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
        Ok(Self { trust, ..Self::of(address, key, &descriptor)? })
    }

    /// Reads a descriptor.
    pub(crate) fn of(address: SocketAddr, key: ServerKey, descriptor: &[u8]) -> Result<Self, Failure> {
        let signed = Signed::<Descriptor>::from_bytes(descriptor).map_err(|_| "no descriptor")?;
        let descriptor = open_by(signed, &key.0).map_err(|_| "a descriptor by somebody else")?.into_inner();
        let epoch = descriptor.epochs.into_iter().next().ok_or("a descriptor without keys")?;
        Ok(Self { address, key, epoch, trust: None })
    }

    fn register(&self, account: &AccountSecret) -> Result<(), Failure> {
        let mut nonce = Nonce([0; Nonce::SIZE]);
        UnwrapErr(SysRng).fill_bytes(&mut nonce.0);
        let stamp = RequestStamp { server: self.key, nonce, time: now().seconds() };
        let operation = Operation::AccountOpen { invite: None };
        let signatures = vec![sign_as_account(account, &operation, &stamp)];
        let content = Request { operation, signatures }.to_bytes();
        let sealed = seal(&self.key, &self.epoch, SealKind::OneShot, &content, &mut UnwrapErr(SysRng))?;
        let mut stream = Socket::over(TcpStream::connect(self.address)?, &self.trust)?;
        let reply = http::exchange(&mut stream, &http::post(&sealed.bytes))?;
        match answer_in(&reply, &sealed.pending)? {
            Answer::Accepted => Ok(()),
            other => Err(format!("no account: {other:?}").into()),
        }
    }
}

/// Opens a reply.
pub(crate) fn answer_in(reply: &[u8], pending: &kith_crypto::sealed::PendingAnswer) -> Result<Answer, Failure> {
    let Some(OneShotReply::Sealed(sealed)) = OneShotReply::from_bytes(reply) else {
        return Err("the server did not open the request".into());
    };
    Ok(Answer::from_bytes(&pending.open(&sealed)?)?)
}

/// Returns the time.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_seconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}
