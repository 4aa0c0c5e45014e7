//! A process that entered the sandbox is refused what it gave up, and only that.
//!
//! There is no way back out, so the tests start this test program again, as a child that runs one test: the one that
//! does nothing unless it is such a child.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::process::Command;

use super::*;

/// The folder that the child owns.
const OWN: &str = "KITHD_TEST_SANDBOX_OWN";

#[test]
fn the_child_keeps_what_it_needs_and_is_refused_the_rest() {
    let Some(own) = std::env::var_os(OWN).map(PathBuf::from) else { return };
    let needs = Needs { own: vec![own.clone()], read: SYSTEM.iter().map(PathBuf::from).collect(), ports: vec![0] };
    let outside = own.with_extension("outside");
    std::fs::write(&outside, b"somebody else's").unwrap();
    let sandbox = Sandbox::enter(Mode::On, &needs).unwrap();

    std::fs::write(own.join("new"), b"mine").unwrap();
    std::fs::rename(own.join("new"), own.join("newer")).unwrap();
    assert_eq!(std::fs::read(own.join("newer")).unwrap(), b"mine");
    assert!(crate::metrics::resident_bytes().is_some());
    let looked_up = std::net::ToSocketAddrs::to_socket_addrs(&("localhost", 80)).unwrap();
    assert!(looked_up.into_iter().all(|address| address.ip().is_loopback()), "names may be looked up");
    assert!(std::thread::spawn(|| 7).join().is_ok(), "threads may be started");

    if sandbox.landlock != Layer::Missing {
        for path in [Path::new("/etc/passwd"), Path::new("/proc/1/environ"), &outside] {
            assert_eq!(std::fs::read(path).unwrap_err().kind(), ErrorKind::PermissionDenied, "{}", path.display());
        }
        assert_eq!(std::fs::write(&outside, b"x").unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(std::fs::read_dir("/etc").unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(std::fs::remove_file(&outside).unwrap_err().kind(), ErrorKind::PermissionDenied);
    }
    assert_eq!(sandbox.seccomp, Layer::Active(None));
    assert_eq!(Command::new("/bin/true").status().unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert!(TcpListener::bind("127.0.0.1:0").is_ok());
    for family in [rustix::net::AddressFamily::PACKET, rustix::net::AddressFamily::VSOCK] {
        let socket = rustix::net::socket(family, rustix::net::SocketType::DGRAM, None);
        assert_eq!(socket.unwrap_err(), rustix::io::Errno::PERM);
    }
    println!("{sandbox}: refused");
}

#[test]
fn a_sandboxed_process_can_neither_open_foreign_files_nor_run_programs() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own");
    std::fs::create_dir(&own).unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sandbox::tests::the_child_keeps_what_it_needs_and_is_refused_the_rest", "--nocapture"])
        .env(OWN, &own)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{told}\n{}", String::from_utf8_lossy(&child.stderr));
    assert!(told.contains(": refused"), "{told}");
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
fn the_folders_of_a_certificate_are_those_of_the_link_and_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let [live, archive] = ["live", "archive"].map(|name| folder.path().canonicalize().unwrap().join(name));
    std::fs::create_dir(&live).unwrap();
    std::fs::create_dir(&archive).unwrap();
    std::fs::write(archive.join("cert1.pem"), b"").unwrap();
    std::os::unix::fs::symlink("../archive/cert1.pem", live.join("cert.pem")).unwrap();
    assert_eq!(folders_of(&live.join("cert.pem")), [live, archive]);
}

#[test]
fn a_sandbox_that_is_off_gives_nothing_up() {
    let needs = Needs { own: Vec::new(), read: Vec::new(), ports: Vec::new() };
    let sandbox = Sandbox::enter(Mode::Off, &needs).unwrap();
    assert_eq!(sandbox.to_string(), "landlock switched off, seccomp switched off");
    assert!(std::fs::read("/etc/passwd").is_ok());
}
