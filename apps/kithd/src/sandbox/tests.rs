//! A process that entered the sandbox is refused what it gave up, and only that.
//!
//! There is no way back out, so the tests start this test program again, as a child that runs one test: the one that
//! does nothing unless it is such a child.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use super::*;

/// The data folder of the child.
const DATA: &str = "KITHD_TEST_SANDBOX_DATA";
/// What the child asks another process of its user to be, so that it can try to harm it.
const VICTIM: &str = "KITHD_TEST_SANDBOX_VICTIM";

#[test]
fn the_child_keeps_what_it_needs_and_is_refused_the_rest() {
    let Some(data) = std::env::var_os(DATA).map(PathBuf::from) else { return };
    let outside = data.with_extension("outside");
    let own = store::folder_in(&data);
    // Somebody who talks to everybody of this user, as a bus or a container engine does.
    let daemon = std::os::unix::net::UnixListener::bind(data.with_extension("daemon")).unwrap();
    keep_memory_private();
    let sandbox = Sandbox::enter(Mode::On, &Needs::of(&config(&data, &["--listen", "127.0.0.1:0"]))).unwrap();

    std::fs::write(own.join("new"), b"mine").unwrap();
    std::fs::rename(own.join("new"), own.join("newer")).unwrap();
    assert_eq!(std::fs::read(own.join("newer")).unwrap(), b"mine");
    assert!(crate::metrics::resident_bytes().is_some());
    let disk = crate::room::Disk::new(&data, 0, 0);
    assert!(disk.used() > 0 && disk.free().is_some());
    let looked_up = std::net::ToSocketAddrs::to_socket_addrs(&("localhost", 80)).unwrap();
    assert!(looked_up.into_iter().all(|address| address.ip().is_loopback()), "names may be looked up");
    assert!(std::thread::spawn(|| 7).join().is_ok(), "threads may be started");
    assert!(TcpListener::bind("127.0.0.1:0").is_ok());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let heard = runtime.block_on(async { tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) });
    assert!(heard.is_ok(), "signals may be listened to");

    if sandbox.landlock != Layer::Missing {
        files_of_others_are_out_of_reach(&outside);
        the_configuration_is_out_of_reach(&data);
    }
    assert_eq!(sandbox.seccomp, Layer::Active(None));
    no_other_process_is_reached(&daemon);
    the_standing_of_files_and_of_the_process_stays(&own.join("newer"));
    println!("{sandbox}: refused");
}

fn files_of_others_are_out_of_reach(outside: &Path) {
    for path in [Path::new("/etc/passwd"), Path::new("/proc/1/environ"), outside] {
        is_refused(std::fs::read(path));
    }
    is_refused(std::fs::write(outside, b"x"));
    is_refused(std::fs::read_dir("/etc"));
    is_refused(std::fs::remove_file(outside));
}

/// Whoever has the process must not have the next one too: that reads the configuration before it enters its sandbox.
fn the_configuration_is_out_of_reach(data: &Path) {
    let [config, own] = [data.join("config.toml"), store::folder_in(data)];
    is_refused(std::fs::write(&config, "sandbox = 'off'"));
    is_refused(std::fs::OpenOptions::new().append(true).open(&config));
    is_refused(std::fs::read(&config));
    is_refused(std::fs::remove_file(&config));
    std::fs::write(own.join("config.toml"), "sandbox = 'off'").unwrap();
    let moved = std::fs::rename(own.join("config.toml"), &config).unwrap_err();
    assert!([ErrorKind::PermissionDenied, ErrorKind::CrossesDevices].contains(&moved.kind()), "{moved}");
    let linked = std::fs::hard_link(own.join("config.toml"), data.join("restoring")).unwrap_err();
    assert!([ErrorKind::PermissionDenied, ErrorKind::CrossesDevices].contains(&linked.kind()), "{linked}");
    is_refused(std::fs::rename(&own, data.join("aside")));
    is_refused(std::fs::write(data.join("restoring"), b""));
    // Nor must it lead the operator's own commands elsewhere.
    is_refused(std::os::unix::fs::symlink("/etc/passwd", own.join("0000000002.log")));
    is_refused(std::fs::create_dir(own.join("folder")));
}

fn no_other_process_is_reached(daemon: &std::os::unix::net::UnixListener) {
    is_refused(Command::new("/bin/true").status());
    let address = daemon.local_addr().unwrap();
    is_refused(std::os::unix::net::UnixStream::connect_addr(&address));
    is_refused(std::os::unix::net::UnixDatagram::unbound());
    // A socket that is there already can not be turned to it either.
    let (pair, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    let path = rustix::net::SocketAddrUnix::new(address.as_pathname().unwrap()).unwrap();
    assert_eq!(rustix::net::connect(&pair, &path), Err(rustix::io::Errno::ISCONN));
    for family in [rustix::net::AddressFamily::PACKET, rustix::net::AddressFamily::VSOCK] {
        let socket = rustix::net::socket(family, rustix::net::SocketType::DGRAM, None);
        assert_eq!(socket.unwrap_err(), rustix::io::Errno::PERM);
    }
    let victim = std::env::var(VICTIM).unwrap().parse().ok().and_then(rustix::process::Pid::from_raw).unwrap();
    assert_eq!(rustix::process::kill_process(victim, rustix::process::Signal::KILL), Err(rustix::io::Errno::PERM));
    is_refused(std::fs::read(format!("/proc/{victim}/environ")));
}

fn the_standing_of_files_and_of_the_process_stays(file: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    is_refused(std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o4777)));
    is_refused(std::os::unix::fs::chown(file, Some(0), Some(0)));
    is_refused(std::fs::File::open(file).unwrap().set_times(std::fs::FileTimes::new()));
    let marked = rustix::fs::setxattr(file, "user.mark", b"x", rustix::fs::XattrFlags::empty());
    assert_eq!(marked, Err(rustix::io::Errno::PERM));
    let memory = rustix::fs::memfd_create("program", rustix::fs::MemfdFlags::empty());
    assert_eq!(memory.unwrap_err(), rustix::io::Errno::PERM);
    let shown = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable);
    assert_eq!(shown, Err(rustix::io::Errno::PERM));
    assert_eq!(rustix::process::dumpable_behavior(), Ok(rustix::process::DumpableBehavior::NotDumpable));
    let core = rustix::process::getrlimit(rustix::process::Resource::Core);
    assert_eq!((core.current, core.maximum), (Some(0), Some(0)));
}

#[track_caller]
fn is_refused<T>(outcome: std::io::Result<T>) {
    let error = outcome.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
}

fn config(data: &Path, arguments: &[&str]) -> Config {
    use clap::Parser as _;
    let data = data.to_str().unwrap();
    let arguments = [&["kithd", "--data", data], arguments].concat();
    let home = crate::config::Home::default();
    Config::load(&crate::cli::Cli::try_parse_from(arguments).unwrap(), [], &home).unwrap().0
}

#[test]
fn a_sandboxed_process_reaches_neither_files_nor_programs_nor_its_own_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir_all(store::folder_in(&data)).unwrap();
    std::fs::write(data.join("config.toml"), "sandbox = 'require'").unwrap();
    std::fs::write(data.with_extension("outside"), b"somebody else's").unwrap();
    // Ends with its input, and so with this test.
    let mut victim = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sandbox::tests::the_child_keeps_what_it_needs_and_is_refused_the_rest", "--nocapture"])
        .env(DATA, &data)
        .env(VICTIM, victim.id().to_string())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{told}\n{}", String::from_utf8_lossy(&child.stderr));
    assert!(told.contains(": refused"), "{told}");
    assert!(victim.try_wait().unwrap().is_none(), "the other process lives");
    drop(victim.stdin.take());
    victim.wait().unwrap();
    assert_eq!(std::fs::read_to_string(data.join("config.toml")).unwrap(), "sandbox = 'require'");
}

#[test]
fn a_list_of_name_servers_that_was_replaced_is_noticed_and_one_that_was_changed_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("resolv.conf");
    std::fs::write(&path, b"nameserver 192.0.2.1").unwrap();
    let resolver = Some((path.clone(), inode(&path).unwrap()));
    let sandbox = Sandbox { landlock: Layer::Active(Some(6)), seccomp: Layer::Missing, resolver };
    assert_eq!(sandbox.to_string(), "landlock version 6, seccomp not in this kernel");
    std::fs::write(&path, b"nameserver 192.0.2.2").unwrap();
    assert!(!sandbox.has_lost_the_resolver());
    std::fs::write(folder.path().join("new"), b"nameserver 192.0.2.3").unwrap();
    std::fs::rename(folder.path().join("new"), &path).unwrap();
    assert!(sandbox.has_lost_the_resolver());
}

#[test]
fn the_places_of_a_certificate_are_the_folders_of_the_link_and_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let [live, archive] = ["live", "archive"].map(|name| folder.path().canonicalize().unwrap().join(name));
    std::fs::create_dir(&live).unwrap();
    std::fs::create_dir(&archive).unwrap();
    for name in ["cert", "key"] {
        std::fs::write(archive.join(format!("{name}1.pem")), b"").unwrap();
        std::os::unix::fs::symlink(format!("../archive/{name}1.pem"), live.join(name)).unwrap();
    }
    let places = places_of([&live.join("cert"), &live.join("key")]);
    assert_eq!(places, BTreeSet::from([live, archive]));
}

#[test]
fn of_a_folder_that_has_folders_in_it_only_the_certificate_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().canonicalize().unwrap();
    std::fs::create_dir(home.join("letters")).unwrap();
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| home.join(name));
    std::fs::write(&cert, b"").unwrap();
    std::fs::write(&key, b"").unwrap();
    assert_eq!(places_of([&cert, &key]), BTreeSet::from([cert, key]));
}

#[test]
fn what_is_written_is_the_store_and_what_an_authority_gives() {
    let data = Path::new("/nowhere/data");
    let needs = Needs::of(&config(data, &[]));
    assert_eq!(needs.own, [data.join("store")]);
    let mut with_authority = config(data, &[]);
    with_authority.tls = Some(Tls::Acme(crate::config::Acme {
        name: "kith.example".to_owned(),
        contact: None,
        directory: String::new(),
        ca: Some("/nowhere/ca.pem".into()),
        listen: "127.0.0.1:80".parse().unwrap(),
    }));
    let needs = Needs::of(&with_authority);
    assert_eq!(needs.own, [data.join("store"), data.join("acme")]);
    assert!(needs.read.contains(&"/nowhere/ca.pem".into()));
}

#[test]
fn a_sandbox_that_is_off_gives_nothing_up() {
    let needs = Needs { own: Vec::new(), counted: Vec::new(), read: Vec::new(), ports: Vec::new() };
    let sandbox = Sandbox::enter(Mode::Off, &needs).unwrap();
    assert_eq!(sandbox.to_string(), "landlock switched off, seccomp switched off");
    assert!(std::fs::read("/etc/passwd").is_ok());
}
