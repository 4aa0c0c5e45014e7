//! seccomp: which calls to the kernel may be made.
//!
//! A list of what is refused, not of what is allowed: the C library of tomorrow may make calls that nobody here has thought
//! of, and a home server that dies of an update protects nobody. The unit for systemd adds a list of what is allowed,
//! where the operator can loosen it. What is refused fails like any call that this user may not make; nothing is killed.

use seccompiler::SeccompCmpArgLen::Dword;
use seccompiler::SeccompCmpOp::{Eq, MaskedEq, Ne};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCondition, SeccompFilter, SeccompRule, TargetArch, apply_filter,
};

use super::{Layer, SandboxError};

/// Gives up calls.
///
/// # Errors
/// The kernel has seccomp and refuses.
pub(super) fn enter() -> Result<Layer, SandboxError> {
    let Ok(arch) = std::env::consts::ARCH.try_into() else { return Ok(Layer::Missing) };
    let refused = program(refused().map_err(wrong)?, libc::EPERM, arch).map_err(wrong)?;
    let unknown = program(vec![(libc::SYS_clone3, Vec::new())], libc::ENOSYS, arch).map_err(wrong)?;
    for filter in [refused, unknown] {
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

fn program(rules: Rules, errno: i32, arch: TargetArch) -> Result<BpfProgram, BackendError> {
    let refusal = SeccompAction::Errno(errno.unsigned_abs());
    SeccompFilter::new(rules.into_iter().collect(), SeccompAction::Allow, refusal, arch)?.try_into()
}

fn refused() -> Result<Rules, BackendError> {
    let mut rules: Rules = NEVER.iter().map(|call| (*call, Vec::new())).collect();
    // A new process, which only a program that wants to run another one makes. Threads go on. The kernel's newer call for
    // both hides its flags from the filter; it is told not to exist, and the C library takes this one.
    rules.push((libc::SYS_clone, vec![SeccompRule::new(vec![when(0, MaskedEq(bits(libc::CLONE_THREAD)), 0)?])?]));
    rules.push((libc::SYS_socket, sockets()?));
    Ok(rules)
}

/// Refuses sockets of unusual families: most holes in the kernel's network code are in those. Netlink is how the C library
/// asks whether there is IPv6.
fn sockets() -> Result<Vec<SeccompRule>, BackendError> {
    let usual = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
    let unusual = usual.into_iter().map(|family| when(0, Ne, family)).collect::<Result<Vec<_>, _>>()?;
    let raw = |family| SeccompRule::new(vec![when(0, Eq, family)?, when(1, MaskedEq(SOCKET_TYPE), libc::SOCK_RAW)?]);
    Ok(vec![SeccompRule::new(unusual)?, raw(libc::AF_INET)?, raw(libc::AF_INET6)?])
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

/// Calls that are refused whatever their arguments.
const NEVER: &[i64] = &[
    // Other programs.
    libc::SYS_execve,
    libc::SYS_execveat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
    // Other processes.
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_pidfd_send_signal,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    // Being somebody else.
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_setgroups,
    libc::SYS_capset,
    libc::SYS_personality,
    // Being somewhere else.
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    // Parts of the kernel with many doors.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_memfd_create,
    libc::SYS_fanotify_init,
    libc::SYS_vmsplice,
    libc::SYS_mknodat,
    // The machine.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_vhangup,
];
