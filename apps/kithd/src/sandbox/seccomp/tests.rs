//! Every refused call is made, with the real filters in force, by a program that can make any call: Perl.
//!
//! A refusal has an error number of its own here, which the kernel never gives: so it is the filter that refused, and not
//! the lack of some right. The calls have arguments with which nothing happens should the filter let them through.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use super::*;

/// No call fails with this number.
const REFUSED: i32 = 1234;

/// Puts filters into force and makes calls: one a line, answered with the error number.
const CALLER: &str = r#"
    $| = 1;
    my ($prctl, $seccomp, $setsid, $n_filters) = map { $_ + 0 } split ' ', <STDIN>;
    # Without a terminal nothing can be hung up.
    syscall($setsid);
    syscall($prctl, 38, 1, 0, 0, 0) == 0 or die "no new privileges: $!";
    for (1 .. $n_filters) {
        my $filter = pack('H*', <STDIN> =~ s/\s//gr);
        my $program = pack('S x![P] P', length($filter) / 8, $filter);
        syscall($seccomp, 1, 0, $program) == 0 or die "filter: $!";
    }
    while (<STDIN>) {
        my ($number, @arguments) = map { $_ + 0 } split ' ';
        my $answer = syscall($number, @arguments);
        print $answer == -1 ? $! + 0 : 0, "\n";
    }
"#;

/// Makes calls under the filters and returns the error number of each, 0 for none.
fn call_all(calls: impl Fn(u32) -> Vec<Vec<i64>>) -> Vec<(Vec<i64>, i32)> {
    let mut caller = Command::new("perl")
        .args(["-e", CALLER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("perl makes the calls of this test");
    let calls = calls(caller.id());
    let filters = programs(caller.id(), REFUSED, std::env::consts::ARCH.try_into().unwrap()).unwrap();
    let mut said = format!("{} {} {} {}\n", libc::SYS_prctl, libc::SYS_seccomp, libc::SYS_setsid, filters.len());
    for filter in &filters {
        said.extend(filter.iter().map(|step| {
            let bytes = [&step.code.to_ne_bytes()[..], &[step.jt, step.jf], &step.k.to_ne_bytes()].concat();
            bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        }));
        said.push('\n');
    }
    for call in &calls {
        said.push_str(&call.iter().map(|number| format!("{number} ")).collect::<String>());
        said.push('\n');
    }
    caller.stdin.take().unwrap().write_all(said.as_bytes()).unwrap();
    let mut told = String::new();
    caller.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(caller.wait().unwrap().success());
    let answers: Vec<i32> = told.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(answers.len(), calls.len());
    calls.into_iter().zip(answers).collect()
}

fn all_are_refused(calls: impl Fn(u32) -> Vec<Vec<i64>>) {
    let wrong: Vec<_> = call_all(calls).into_iter().filter(|(_, errno)| *errno != REFUSED).collect();
    assert!(wrong.is_empty(), "not refused (call and arguments, error number): {wrong:?}");
}

/// A call whose arguments mean nothing.
fn nonsense(number: i64) -> Vec<i64> {
    vec![number, -1, -1, -1, -1, -1, -1]
}

#[test]
fn calls_that_no_home_server_makes_are_refused() {
    all_are_refused(|_| calls::NEVER.iter().copied().map(nonsense).collect());
}

#[cfg(target_arch = "x86_64")]
#[test]
fn no_call_has_a_second_number() {
    let usual = [libc::SYS_getpid, libc::SYS_socket, libc::SYS_ioctl, libc::SYS_openat, libc::SYS_clone];
    let numbers = calls::NEVER.iter().copied().chain(usual).chain(512..=547);
    let numbers: Vec<i64> = numbers.map(|number| number | i64::from(X32)).collect();
    all_are_refused(|_| numbers.iter().copied().map(nonsense).collect());
}

#[test]
fn new_processes_and_rooms_of_their_own_are_refused_and_the_newer_call_is_unknown() {
    let thread = libc::CLONE_THREAD | libc::CLONE_VM | libc::CLONE_SIGHAND;
    let flags = [0, libc::SIGCHLD, libc::CLONE_VM | libc::CLONE_VFORK].into_iter();
    let flags: Vec<i32> = flags.chain(calls::ROOMS.iter().flat_map(|room| [*room, *room | thread])).collect();
    all_are_refused(|_| flags.iter().map(|flags| vec![libc::SYS_clone, i64::from(*flags), 0, 0, 0, 0]).collect());
    let newer = call_all(|_| vec![nonsense(libc::SYS_clone3)]);
    assert_eq!(newer.first().unwrap().1, libc::ENOSYS);
}

#[test]
fn sockets_to_other_programs_and_of_unusual_kinds_are_refused() {
    let unix = [libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_SEQPACKET].map(|kind| (libc::AF_UNIX, kind));
    let raw = [libc::AF_INET, libc::AF_INET6].map(|family| (family, libc::SOCK_RAW | libc::SOCK_CLOEXEC));
    let families = [libc::AF_PACKET, libc::AF_VSOCK, libc::AF_ALG, libc::AF_KEY, libc::AF_BLUETOOTH, libc::AF_XDP];
    let unusual = families.map(|family| (family, libc::SOCK_DGRAM));
    let kinds: Vec<_> = unix.into_iter().chain(raw).chain(unusual).collect();
    let protocols = [
        (libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_SOCK_DIAG),
        (libc::AF_NETLINK, libc::SOCK_DGRAM, libc::NETLINK_NETFILTER),
        (libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_MPTCP),
        (libc::AF_INET6, libc::SOCK_STREAM, libc::IPPROTO_SCTP),
        (libc::AF_INET, libc::SOCK_SEQPACKET, 0),
        (libc::AF_INET6, libc::SOCK_DCCP, 0),
    ];
    all_are_refused(|_| {
        let open = |(family, kind): &(i32, i32)| vec![libc::SYS_socket, i64::from(*family), i64::from(*kind), 0];
        let speak = |(family, kind, protocol): &(i32, i32, i32)| {
            vec![libc::SYS_socket, i64::from(*family), i64::from(*kind), i64::from(*protocol)]
        };
        // The kernel takes a raw one for one of datagrams.
        let strays =
            [(libc::AF_UNIX, libc::SOCK_DGRAM), (libc::AF_UNIX, libc::SOCK_RAW), (libc::AF_TIPC, libc::SOCK_STREAM)];
        let pair = |(family, kind): &(i32, i32)| {
            vec![libc::SYS_socketpair, i64::from(*family), i64::from(kind | libc::SOCK_CLOEXEC), 0, 0]
        };
        kinds.iter().map(open).chain(protocols.iter().map(speak)).chain(strays.iter().map(pair)).collect()
    });
}

#[test]
fn terminals_take_no_orders_and_files_keep_their_marks() {
    const FS_IOC_SETFLAGS: u64 = 0x4008_6602;
    let orders = [
        libc::TIOCSTI,
        libc::TIOCLINUX,
        libc::TIOCSETD,
        libc::TIOCCONS,
        libc::TIOCSCTTY,
        libc::TIOCSPGRP,
        libc::TCSETS,
        libc::TCFLSH,
        libc::TIOCSWINSZ,
        libc::FIOASYNC,
        FIOSETOWN,
        FS_IOC_SETFLAGS,
    ];
    const FIOSETOWN: u64 = 0x8901;
    // The kernel looks at half of the number: the other half must not lead past the filter.
    all_are_refused(|_| {
        let say = |order: u64, more: i64| vec![libc::SYS_ioctl, 0, order.cast_signed() | more, 0];
        orders.iter().flat_map(|order| [say(*order, 0), say(*order, 1 << 32)]).collect()
    });
}

#[test]
fn signals_to_others_and_orders_to_send_them_are_refused() {
    all_are_refused(|_| {
        let send = |process: i64| vec![libc::SYS_tgkill, process, process, 0];
        let claim = |claim: &i32| vec![libc::SYS_fcntl, 0, i64::from(*claim), 0];
        let limit = vec![libc::SYS_prlimit64, 1, 0, 0, 0];
        [send(1), send(-1), vec![libc::SYS_rt_tgsigqueueinfo, 1, 1, 0, 0], limit]
            .into_iter()
            .chain(calls::CLAIMS.iter().map(claim))
            .collect()
    });
}

#[test]
fn the_process_cannot_show_its_memory_again_nor_change_its_standing() {
    const SPECULATION: i32 = 53;
    let affairs = [
        libc::PR_SET_DUMPABLE,
        libc::PR_SET_PTRACER,
        libc::PR_SET_MM,
        libc::PR_SET_PDEATHSIG,
        libc::PR_SET_SECCOMP,
        libc::PR_SET_KEEPCAPS,
        libc::PR_SET_SECUREBITS,
        libc::PR_CAP_AMBIENT,
        libc::PR_SET_CHILD_SUBREAPER,
        SPECULATION,
    ];
    all_are_refused(|_| affairs.iter().map(|affair| vec![libc::SYS_prctl, i64::from(*affair), 1, 0, 0, 0]).collect());
}

#[test]
fn what_a_server_needs_is_not_refused() {
    let answers = call_all(|own| {
        let own = i64::from(own);
        vec![
            vec![libc::SYS_getpid],
            vec![libc::SYS_tgkill, own, own, 0],
            vec![libc::SYS_prlimit64, 0, i64::from(libc::RLIMIT_NOFILE), 0, 0],
            vec![libc::SYS_prctl, i64::from(libc::PR_GET_DUMPABLE), 0, 0, 0, 0],
            vec![libc::SYS_socket, i64::from(libc::AF_INET), i64::from(libc::SOCK_STREAM), 0],
            vec![libc::SYS_socket, i64::from(libc::AF_INET6), i64::from(libc::SOCK_DGRAM), 0],
            vec![libc::SYS_socket, i64::from(libc::AF_NETLINK), i64::from(libc::SOCK_RAW), 0],
            vec![libc::SYS_socketpair, i64::from(libc::AF_UNIX), i64::from(libc::SOCK_STREAM), 0, 0],
            vec![libc::SYS_ioctl, 0, libc::FIONREAD.cast_signed(), 0],
            vec![libc::SYS_fcntl, 0, i64::from(libc::F_GETFL), 0],
            // Without flags for the memory that threads share it makes no sense to the kernel, and is no process either.
            vec![libc::SYS_clone, i64::from(libc::CLONE_THREAD), 0, 0, 0, 0],
        ]
    });
    let wrong: Vec<_> = answers.into_iter().filter(|(_, errno)| [REFUSED, libc::EPERM].contains(errno)).collect();
    assert!(wrong.is_empty(), "refused: {wrong:?}");
}
