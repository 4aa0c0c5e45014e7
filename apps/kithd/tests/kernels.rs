//! The real server on kernels that offer less of Landlock, or none: it starts, says what is in force, and works.
//!
//! The kernel here is a new one. What it answers when it is asked for its version is changed on the way, by a filter that lets another
//! process answer in its place; all else is the real kernel's, which is then asked for no more than that version has.

#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test, as assertions do")]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};

use kith_wire::operation::Answer;
use support::{Home, Kithd, kithd};

/// Becomes another program whose questions for Landlock's version a child of it answers.
const PRETENDER: &str = r#"
    use strict;
    my ($answer, $prctl, $seccomp, $create_ruleset, @program) = @ARGV;
    pipe(my $told, my $tell) && pipe(my $go, my $let_go) or die "pipes: $!";
    my $parent = $$;
    my $child = fork() // die "fork: $!";
    if ($child) {
        close($told); close($let_go);
        # Some systems let only parents look into their children.
        syscall($prctl + 0, 0x59616d61, $child, 0, 0, 0);
        syscall($prctl + 0, 38, 1, 0, 0, 0) == 0 or die "no new privileges: $!";
        # Whoever asks for a set of rules waits for the child's answer.
        my $filter = pack('SCCL' x 4, 0x20, 0, 0, 0, 0x15, 0, 1, $create_ruleset, 0x06, 0, 0, 0x7fc00000, 0x06, 0, 0, 0x7fff0000);
        my $listener = syscall($seccomp + 0, 1, 8, pack('S x![P] P', 4, $filter));
        $listener >= 0 or die "filter: $!";
        syswrite($tell, "$listener\n");
        sysread($go, my $ready, 1) or die "nobody answers";
        exec(@program) or die "exec: $!";
    }
    # Ends with its parent.
    syscall($prctl + 0, 1, 9, 0, 0, 0);
    exit if getppid() != $parent;
    close($tell); close($go);
    open(STDOUT, '>', '/dev/null');
    my $number = <$told>;
    my $parents = syscall(434, $parent, 0);
    my $fd = syscall(438, $parents, $number + 0, 0);
    $fd >= 0 or die "listener: $!";
    open(my $listener, '+<&=', $fd) or die "listener: $!";
    open(STDERR, '>', '/dev/null');
    syswrite($let_go, '.');
    while (1) {
        my $question = "\0" x 80;
        ioctl($listener, 0xC0502100, $question) or exit;
        my ($id, @rest) = unpack('Q L L l L Q Q6', $question);
        my $is_for_version = $rest[-4] == 1;
        # A value, an error, or: go on as if nobody had asked.
        my $reply = !$is_for_version ? pack('Q q l L', $id, 0, 0, 1)
            : $answer > 0 ? pack('Q q l L', $id, $answer, 0, 0) : pack('Q q l L', $id, 0, $answer, 0);
        ioctl($listener, 0xC0182101, $reply) or exit;
    }
"#;

/// Returns the command for a kernel with this version of Landlock; 0 is one without.
fn on_a_kernel_with(version: i32, command: &Command) -> Command {
    let answer = if version == 0 { -libc::ENOSYS } else { version };
    let mut pretender = Command::new("perl");
    let numbers = [i64::from(answer), libc::SYS_prctl, libc::SYS_seccomp, libc::SYS_landlock_create_ruleset];
    pretender
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .args(["-e", PRETENDER, "--"])
        .args(numbers.map(|n| n.to_string()));
    pretender.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        pretender.env(name, value.unwrap());
    }
    pretender
}

/// Starts a server, uses it, and returns what it says of its sandbox.
async fn works(version: i32, data: &Path) -> String {
    let server = Kithd::start_with(data, |command| {
        *command = on_a_kernel_with(version, command);
        command.stdout(Stdio::piped()).stderr(Stdio::piped())
    });
    let home = Home::find(&server).await;
    let device = home.device().await;
    let mut line = home.listen(&device).await;
    assert_eq!(home.deposit(home.deposit_of(&device, 7)).await, Answer::Accepted);
    assert_eq!(line.push().await.1, 7);
    let status = kithd(data).args(["status", "--json"]).output().unwrap();
    assert_eq!(status.status.code(), Some(0), "{}", String::from_utf8_lossy(&status.stderr));
    let report: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    let told = report["sandbox"].as_str().unwrap().to_owned();
    assert!(log.contains(&format!("in the sandbox: {told}")), "{log}");
    told
}

/// Returns the version of this kernel itself.
fn version_here() -> u32 {
    let data = tempfile::tempdir().unwrap();
    let _server = Kithd::start(data.path());
    let status = kithd(data.path()).args(["status", "--json"]).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    let told = report["sandbox"].as_str().unwrap().to_owned();
    let number = told.strip_prefix("landlock version ").and_then(|rest| rest.split([' ', ',']).next()?.parse().ok());
    number.unwrap_or(0)
}

#[tokio::test]
async fn without_landlock_a_server_starts_says_so_and_works() {
    let data = tempfile::tempdir().unwrap();
    assert_eq!(works(0, data.path()).await, "landlock not in this kernel, seccomp active");
}

#[tokio::test]
async fn with_an_early_landlock_a_server_starts_says_what_is_not_bounded_and_works() {
    let here = version_here();
    for (version, told) in [
        (1, "landlock version 1 (ports and the shortening of files not bounded), seccomp active"),
        (2, "landlock version 2 (ports and the shortening of files not bounded), seccomp active"),
        (3, "landlock version 3 (ports not bounded), seccomp active"),
        (4, "landlock version 4, seccomp active"),
    ] {
        if here < version {
            return println!("this kernel has version {here}: later ones were not tested");
        }
        let data = tempfile::tempdir().unwrap();
        assert_eq!(works(i32::try_from(version).unwrap(), data.path()).await, told);
    }
}

#[test]
fn without_landlock_a_required_sandbox_is_refused_and_the_hint_says_how_to_go_on() {
    let data = tempfile::tempdir().unwrap();
    let mut command = kithd(data.path());
    command.args(["--sandbox", "require", "--listen", "127.0.0.1:0"]);
    let output = on_a_kernel_with(0, &command).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("this system gives: landlock not in this kernel, seccomp active"), "{told}");
    assert!(told.contains("hint: set sandbox = \"on\""), "{told}");
}
