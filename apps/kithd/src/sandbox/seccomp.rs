//! seccomp: which calls to the kernel may be made.
//!
//! A list of what is refused, not of what is allowed: the C library of tomorrow may make calls that nobody here has thought
//! of, and a home server that dies of an update protects nobody. The unit for systemd adds a list of what is allowed,
//! where the operator can loosen it. What is refused fails like any call that this user may not make; nothing is killed but
//! what calls in the way of another processor.

mod calls;

#[cfg(test)]
mod tests;

use seccompiler::SeccompCmpArgLen::Dword;
use seccompiler::SeccompCmpOp::{Eq, MaskedEq, Ne};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCondition, SeccompFilter, SeccompRule, TargetArch, apply_filter,
    sock_filter,
};

use super::{Layer, SandboxError};

/// Gives up calls.
///
/// # Errors
/// The kernel has seccomp and refuses.
pub(super) fn enter() -> Result<Layer, SandboxError> {
    let Ok(arch) = std::env::consts::ARCH.try_into() else { return Ok(Layer::Missing) };
    for filter in programs(std::process::id(), libc::EPERM, arch).map_err(wrong)? {
        match apply_filter(&filter) {
            Ok(()) => {}
            // Built without it.
            Err(seccompiler::Error::Seccomp(error)) if error.raw_os_error() == Some(libc::EINVAL) => {
                return Ok(Layer::Missing);
            }
            Err(error) => return Err(SandboxError::Refused(error.to_string())),
        }
    }
    Ok(Layer::Active(None))
}

type Rules = Vec<(i64, Vec<SeccompRule>)>;

/// Makes the filters for a process, in the order in which they are entered: the last one refuses more filters.
fn programs(process: u32, errno: i32, arch: TargetArch) -> Result<[BpfProgram; 3], BackendError> {
    let unknown = program(vec![(libc::SYS_clone3, Vec::new())], libc::ENOSYS, arch)?;
    Ok([other_numbers(errno), unknown, program(refused(process)?, errno, arch)?])
}

fn program(rules: Rules, errno: i32, arch: TargetArch) -> Result<BpfProgram, BackendError> {
    let refusal = SeccompAction::Errno(errno.unsigned_abs());
    SeccompFilter::new(rules.into_iter().collect(), SeccompAction::Allow, refusal, arch)?.try_into()
}

/// Refuses calls under the numbers of x32, which a kernel for x86-64 may have beside its own: each call would have a second
/// number that is on no list. On other processors no call has such a number.
fn other_numbers(errno: i32) -> BpfProgram {
    let say = |code: u32, if_not: u8, k: u32| sock_filter {
        code: u16::try_from(code).unwrap_or_default(),
        jt: 0,
        jf: if_not,
        k,
    };
    vec![
        say(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, NUMBER),
        say(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 1, X32),
        say(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ERRNO | errno.unsigned_abs()),
        say(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW),
    ]
}

/// Where the number of a call is in what a filter is shown.
const NUMBER: u32 = 0;
/// The bit in which the numbers of x32 differ.
const X32: u32 = 0x4000_0000;

fn refused(process: u32) -> Result<Rules, BackendError> {
    let mut rules: Rules = calls::NEVER.iter().map(|call| (*call, Vec::new())).collect();
    rules.push((libc::SYS_clone, processes()?));
    rules.push((libc::SYS_socket, sockets()?));
    // A pair knows only itself, unless it is of the kind that can be sent to any name.
    let mut pairs = vec![all_but(0, [bits(libc::AF_UNIX)])?];
    for stray in [libc::SOCK_DGRAM, libc::SOCK_RAW] {
        // The kernel takes the second for the first.
        pairs.push(SeccompRule::new(vec![when(1, MaskedEq(SOCKET_TYPE), stray)?])?);
    }
    rules.push((libc::SYS_socketpair, pairs));
    rules.push((libc::SYS_ioctl, vec![all_but(1, calls::CONTROLS.iter().copied())?]));
    rules.push((libc::SYS_prctl, vec![all_but(0, calls::OWN_AFFAIRS.iter().map(|affair| bits(*affair)))?]));
    rules.push((libc::SYS_fcntl, any_of(1, calls::CLAIMS)?));
    // Aborting is a signal to oneself.
    for call in [libc::SYS_tgkill, libc::SYS_rt_tgsigqueueinfo] {
        rules.push((call, vec![all_but(0, [u64::from(process)])?]));
    }
    rules.push((libc::SYS_prlimit64, vec![all_but(0, [0, u64::from(process)])?]));
    Ok(rules)
}

/// Refuses new processes, which only a program that wants to run another one makes. Threads go on. The kernel's newer call for
/// both hides its flags from the filter; it is told not to exist, and the C library takes this one.
fn processes() -> Result<Vec<SeccompRule>, BackendError> {
    let no_thread = SeccompRule::new(vec![when(0, MaskedEq(bits(libc::CLONE_THREAD)), 0)?]);
    let rooms = calls::ROOMS.iter().map(|room| SeccompRule::new(vec![when(0, MaskedEq(bits(*room)), *room)?]));
    std::iter::once(no_thread).chain(rooms).collect()
}

/// Refuses sockets of unusual families: most holes in the kernel's network code are in those. Netlink is how the C library
/// asks whether there is IPv6. Of Unix sockets there is the one for commands, which is open already: with another one whoever
/// runs code in here could talk to every daemon that trusts this user. The C library looks up names without them.
fn sockets() -> Result<Vec<SeccompRule>, BackendError> {
    let usual = [libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
    let mut rules = vec![all_but(0, usual.map(bits))?, other_protocols(libc::AF_NETLINK, &[libc::NETLINK_ROUTE])?];
    for family in [libc::AF_INET, libc::AF_INET6] {
        rules.push(other_protocols(family, &[0, libc::IPPROTO_TCP, libc::IPPROTO_UDP])?);
        let unusual = [libc::SOCK_RAW, libc::SOCK_RDM, libc::SOCK_SEQPACKET, libc::SOCK_DCCP];
        for kind in unusual {
            rules.push(SeccompRule::new(vec![when(0, Eq, family)?, when(1, MaskedEq(SOCKET_TYPE), kind)?])?);
        }
    }
    Ok(rules)
}

/// Refuses the sockets of a family that speak anything else.
fn other_protocols(family: i32, usual: &[i32]) -> Result<SeccompRule, BackendError> {
    let others = usual.iter().map(|protocol| when(2, Ne, *protocol));
    SeccompRule::new(std::iter::once(when(0, Eq, family)).chain(others).collect::<Result<_, _>>()?)
}

/// Matches when an argument is none of these.
fn all_but(argument: u8, these: impl IntoIterator<Item = u64>) -> Result<SeccompRule, BackendError> {
    let is_none = these.into_iter().map(|this| SeccompCondition::new(argument, Dword, Ne, this));
    SeccompRule::new(is_none.collect::<Result<_, _>>()?)
}

/// Matches when an argument is one of these.
fn any_of(argument: u8, these: &[i32]) -> Result<Vec<SeccompRule>, BackendError> {
    these.iter().map(|this| SeccompRule::new(vec![when(argument, Eq, *this)?])).collect()
}

fn when(argument: u8, is: seccompiler::SeccompCmpOp, value: i32) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, Dword, is, bits(value))
}

fn bits(value: i32) -> u64 {
    u64::from(value.cast_unsigned())
}

fn wrong(error: BackendError) -> SandboxError {
    SandboxError::Refused(error.to_string())
}

/// The bits of a socket's type that say which; the others say how it is opened.
const SOCKET_TYPE: u64 = 0xf;
