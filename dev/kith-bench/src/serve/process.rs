//! Processes under measurement: started, asked for their processor time and memory, and ended with the guard.

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
        let ticks = ticks_in(&stat).ok_or("/proc/PID/stat has another form")?;
        Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
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

/// Reads fields 14 and 15 (utime, stime). The second field is the name in parentheses and may hold anything.
fn ticks_in(stat: &str) -> Option<u64> {
    let after_name = stat.rsplit_once(')')?.1;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
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
        assert_eq!(ticks_in(stat), Some(100));
        assert_eq!(ticks_in("42 (cut"), None);
    }

    #[test]
    fn this_process_can_be_measured() {
        let own = Process::start(Command::new("sleep").arg("60")).unwrap();
        assert!(own.resident().unwrap() > 0);
        assert!(own.processor_time().unwrap() < Duration::from_secs(1));
    }
}
