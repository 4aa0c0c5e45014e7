//! Where a server's processor time goes: stacks, sampled while it accepts deposits or while these are drained, and drawn as a flame.
//!
//! Stacks are walked along frame pointers, which a release build does not keep: `cargo xtask bench --flame` builds one that does, and
//! changes nothing else.

mod draw;
mod stacks;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::accept::{self, CONNECTIONS, QUEUES};
use super::kithd::Kithd;
use super::load::{self, Breaks};
use super::pool::Recipe;
use crate::Failure;

/// Deposits in one portion; more at once take too much memory.
const PORTION: usize = 10_000;
/// Portions.
const PORTIONS: usize = 4;
/// After so long the sampler has found the process.
const ATTACHES: Duration = Duration::from_millis(500);

/// What is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Load {
    Accept,
    Drain,
}

impl Load {
    /// Samples a second; no round numbers, so that nothing regular hides from them. A drain is over soon.
    const fn samples(self) -> &'static str {
        match self {
            Self::Accept => "997",
            Self::Drain => "4999",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Accept => "kithd while it accepts deposits: processor time by thread and function",
            Self::Drain => "kithd while deposits are drained: processor time by thread and function",
        }
    }
}

/// Records and draws.
pub(crate) fn run(kithd: &str, picture: &str, of: &str) -> Result<(), Failure> {
    let load = match of {
        "accept" => Load::Accept,
        "drain" => Load::Drain,
        other => return Err(format!("a flame of {other}? There are accept and drain").into()),
    };
    let folder = tempfile::tempdir()?;
    let recording = folder.path().join("perf.data");
    record(Path::new(kithd), folder.path(), &recording, load)?;
    let told = Command::new("perf").args(["script", "-i"]).arg(&recording).stderr(Stdio::null()).output()?;
    if !told.status.success() {
        return Err("perf does not tell its stacks".into());
    }
    let tree = stacks::read(&String::from_utf8_lossy(&told.stdout));
    std::fs::write(picture, draw::flame(load.title(), &tree))?;
    // The same by areas.
    let areas = picture.trim_end_matches(".svg").to_owned() + "-areas.svg";
    crate::profile::run(recording.to_str().ok_or("a path that is no text")?, &areas)
}

/// Has a server take deposits, and gives them to their readers, while the sampler looks on at one of the two.
fn record(program: &Path, folder: &Path, recording: &Path, load: Load) -> Result<(), Failure> {
    let kithd = Kithd::start(program, &folder.join("kithd"))?;
    let mailboxes = kithd.mailboxes(QUEUES)?;
    let queues: Vec<_> = mailboxes.iter().map(|mailbox| mailbox.sender).collect();
    let begin = || Sampler::begin(kithd.process.id(), recording, load);
    for portion in 0..PORTIONS {
        let first = (portion * PORTION) as u64;
        let pool = Arc::new(Recipe { home: &kithd.home, queues: &queues, send: &kithd.send, first }.prepare(PORTION)?);
        // Only the last portion: by then everything is there that grows.
        let is_recorded = load == Load::Accept && portion + 1 == PORTIONS;
        let sampler = is_recorded.then(begin).transpose()?;
        let outcome = load::run(&pool, kithd.home.address, CONNECTIONS, PORTION, Breaks::AreFaults)?;
        sampler.map_or(Ok(()), Sampler::end)?;
        if pool.accepted(&outcome)?.len() != PORTION {
            return Err("kithd did not accept everything".into());
        }
    }
    if load == Load::Drain {
        let sampler = begin()?;
        accept::drain(&kithd, &mailboxes, PORTIONS * PORTION)?;
        sampler.end()?;
    }
    Ok(())
}

/// A recording that goes on.
struct Sampler(std::process::Child);

impl Sampler {
    fn begin(process: u32, recording: &Path, load: Load) -> Result<Self, Failure> {
        let mut command = Command::new("perf");
        let process = process.to_string();
        command.args(["record", "--quiet", "--call-graph", "fp", "-F", load.samples(), "-p", &process, "-o"]);
        let child = command.arg(recording).stderr(Stdio::null()).spawn()?;
        std::thread::sleep(ATTACHES);
        Ok(Self(child))
    }

    fn end(mut self) -> Result<(), Failure> {
        use rustix::process::{Pid, Signal, kill_process};
        // It was not waited for, so the number is still its own.
        let _ = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw).map(|pid| kill_process(pid, Signal::INT));
        self.0.wait()?;
        Ok(())
    }
}
