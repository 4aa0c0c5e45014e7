//! Pebble, the test authority of Let's Encrypt, where it is installed (Debian's `pebble`), with the name server that it asks, which
//! leads every name to this machine. For the tests of carriers and those of the home server as a program.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A program that runs until the test is over.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(command: &mut Command) -> Option<Running> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok().map(Running)
}

/// Both programs, listening.
pub(crate) struct Pebble {
    /// The address of its directory.
    pub(crate) directory: String,
    /// The certificate that it shows to those who order.
    pub(crate) ca: PathBuf,
    _programs: [Running; 2],
}

impl Pebble {
    /// Starts both with files in `folder`, and waits until they listen; `None`, with a word about it, where they are not installed.
    /// They look for proofs at the port `challenged`, as others do at port 80.
    #[allow(clippy::print_stdout, reason = "whoever runs the test should know that it tested nothing")]
    pub(crate) fn start(folder: &Path, challenged: u16) -> Option<Self> {
        let started = Self::start_if_installed(folder, challenged);
        if started.is_none() {
            println!("pebble is not installed: nothing was tested");
        }
        started
    }

    fn start_if_installed(folder: &Path, challenged: u16) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let [own, management, names] = free_ports();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let [ca, key, config] = ["ca.pem", "key.pem", "pebble.json"].map(|name| folder.join(name));
        std::fs::write(&ca, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let settings = serde_json::json!({"pebble": {
            "listenAddress": format!("127.0.0.1:{own}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": ca,
            "privateKey": key,
            "httpPort": challenged,
            "tlsPort": 1,
        }});
        std::fs::write(&config, settings.to_string()).unwrap();
        let names = format!("127.0.0.1:{names}");
        let mut leads = Command::new("pebble-challtestsrv");
        leads.args(["-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", "", "-management", "127.0.0.1:0"]);
        let leads = run(leads.args(["-dns01", &names]))?;
        let mut pebble = Command::new("pebble");
        pebble.arg("-config").arg(&config).args(["-dnsserver", &names]);
        // It waits for seconds before it looks at a proof, as real ones do; one refused nonce of twenty is more than theirs.
        let pebble = run(pebble.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_WFE_NONCEREJECT", "5"))?;
        until_somebody_listens((Ipv4Addr::LOCALHOST, own).into());
        Some(Self { directory: format!("https://localhost:{own}/dir"), ca, _programs: [leads, pebble] })
    }
}

/// Returns ports at which nobody listens.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}

/// Knocks again and again, not busily: the other one needs the processor to come up.
fn until_somebody_listens(address: SocketAddr) {
    let patience = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < patience, "pebble does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
}
