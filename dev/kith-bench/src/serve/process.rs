//! Processes under measurement: started, asked for their processor time and memory, and ended with the guard.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::Failure;

/// A server of its own process. It is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts the command.
    pub(crate) fn start(command: &mut Command) -> Result<Self, Failure> {
        let child = command.spawn().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        Ok(Self { child })
    }

    /// Takes over a child that runs already.
    pub(crate) fn of(child: Child) -> Self {
        Self { child }
    }

    /// Returns its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until somebody listens at the address.
    pub(crate) fn wait_for(&mut self, address: std::net::SocketAddr) -> Result<(), Failure> {
        let patience = Instant::now() + Duration::from_secs(10);
        while Instant::now() < patience {
            if TcpStream::connect(address).is_ok() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("a server ended at once: {status}").into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err("a server did not listen within 10 seconds".into())
    }

    /// Returns the processor time that the process has used, in user and in kernel mode, all threads together.
    pub(crate) fn processor_time(&self) -> Result<Duration, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, user, kernel) = ticks_in(&stat).ok_or(OTHER_FORM)?;
        Ok(in_seconds(user + kernel))
    }

    /// Returns the same for each kind of thread: its name, time in user mode, time in kernel mode.
    pub(crate) fn processor_time_by_thread(&self) -> Result<BTreeMap<String, (Duration, Duration)>, Failure> {
        let mut all: BTreeMap<String, (Duration, Duration)> = BTreeMap::new();
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // A thread that has ended in between has done nothing worth counting.
            let Ok(stat) = std::fs::read_to_string(task?.path().join("stat")) else { continue };
            let (name, user, kernel) = ticks_in(&stat).ok_or(OTHER_FORM)?;
            let times = all.entry(name.to_owned()).or_default();
            *times = (times.0 + in_seconds(user), times.1 + in_seconds(kernel));
        }
        Ok(all)
    }

    /// Returns the resident memory in bytes.
    pub(crate) fn resident(&self) -> Result<u64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let kib: u64 = line.split_whitespace().next().ok_or("no number")?.parse()?;
        Ok(kib * 1024)
    }

    /// Sends what cannot be caught, without waiting for the end.
    pub(crate) fn signal_kill(&self) {
        use rustix::process::{Pid, Signal, kill_process};
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // The child was not waited for, so the number is still its own.
        let _ = pid.map(|pid| kill_process(pid, Signal::KILL));
    }

    /// Ends the process the hard way, as `kill -9` does, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

const OTHER_FORM: &str = "/proc/PID/stat has another form";

fn in_seconds(ticks: u64) -> Duration {
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Reads the name and fields 14 and 15 (utime, stime). The name stands in parentheses and may hold anything.
fn ticks_in(stat: &str) -> Option<(&str, u64, u64)> {
    let (before, after_name) = stat.rsplit_once(')')?;
    let name = before.split_once('(')?.1;
    let mut fields = after_name.split_whitespace().skip(11);
    let user = fields.next()?.parse().ok()?;
    let kernel = fields.next()?.parse().ok()?;
    Some((name, user, kernel))
}

/// Lets this process and its children open as many descriptors as the machine allows.
pub(crate) fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Without it, only the test of many connections fails, and says so.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Returns how many descriptors this process may open.
pub(crate) fn descriptor_limit() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Returns the number of cores that this process may use.
pub(crate) fn n_cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_past_any_name() {
        let stat = "42 (a ) b (c) S 1 42 42 0 -1 4194304 900 0 0 0 71 29 0 0 20 0 1 0 100 2000 300";
        assert_eq!(ticks_in(stat), Some(("a ) b (c", 71, 29)));
        assert_eq!(ticks_in("42 (cut"), None);
    }

    #[test]
    fn this_process_can_be_measured() {
        let own = Process::start(Command::new("sleep").arg("60")).unwrap();
        assert!(own.resident().unwrap() > 0);
        assert!(own.processor_time().unwrap() < Duration::from_secs(1));
        assert!(!own.processor_time_by_thread().unwrap().is_empty());
    }
}
