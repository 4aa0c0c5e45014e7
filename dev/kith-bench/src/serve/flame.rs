//! Where a server's processor time goes: stacks, sampled under the load of part accept and drawn as a flame.
//!
//! Stacks are walked along frame pointers, which a release build does not keep: `cargo xtask bench --flame` builds one that does, and
//! changes nothing else.

mod draw;
mod stacks;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::accept::{CONNECTIONS, QUEUES};
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
/// Samples a second; not a round number, so that nothing regular hides from it.
const SAMPLES: &str = "997";

/// Records and draws.
pub(crate) fn run(kithd: &str, picture: &str) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let recording = folder.path().join("perf.data");
    record(Path::new(kithd), folder.path(), &recording)?;
    let told = Command::new("perf").args(["script", "-i"]).arg(&recording).stderr(Stdio::null()).output()?;
    if !told.status.success() {
        return Err("perf does not tell its stacks".into());
    }
    let tree = stacks::read(&String::from_utf8_lossy(&told.stdout));
    let title = "kithd while it accepts deposits: processor time by thread and function";
    std::fs::write(picture, draw::flame(title, &tree))?;
    // The same by areas.
    let areas = picture.trim_end_matches(".svg").to_owned() + "-areas.svg";
    crate::profile::run(recording.to_str().ok_or("a path that is no text")?, &areas)
}

/// Has a server take deposits while the sampler looks on.
fn record(program: &Path, folder: &Path, recording: &Path) -> Result<(), Failure> {
    let kithd = Kithd::start(program, &folder.join("kithd"))?;
    let mailboxes = kithd.mailboxes(QUEUES)?;
    let queues: Vec<_> = mailboxes.iter().map(|mailbox| mailbox.sender).collect();
    for portion in 0..PORTIONS {
        let first = (portion * PORTION) as u64;
        let pool = Arc::new(Recipe { home: &kithd.home, queues: &queues, send: &kithd.send, first }.prepare(PORTION)?);
        // Only the last portion: by then everything is there that grows.
        let is_recorded = portion + 1 == PORTIONS;
        let sampler = is_recorded.then(|| sampler(kithd.process.id(), recording)).transpose()?;
        let outcome = load::run(&pool, kithd.home.address, CONNECTIONS, PORTION, Breaks::AreFaults)?;
        if let Some(mut sampler) = sampler {
            interrupt(sampler.id());
            sampler.wait()?;
        }
        if pool.accepted(&outcome)?.len() != PORTION {
            return Err("kithd did not accept everything".into());
        }
    }
    Ok(())
}

fn sampler(process: u32, recording: &Path) -> Result<std::process::Child, Failure> {
    let mut command = Command::new("perf");
    command.args(["record", "--quiet", "--call-graph", "fp", "-F", SAMPLES, "-p", &process.to_string(), "-o"]);
    let child = command.arg(recording).stderr(Stdio::null()).spawn()?;
    std::thread::sleep(ATTACHES);
    Ok(child)
}

fn interrupt(process: u32) {
    use rustix::process::{Pid, Signal, kill_process};
    // It was not waited for, so the number is still its own.
    let _ = i32::try_from(process).ok().and_then(Pid::from_raw).map(|pid| kill_process(pid, Signal::INT));
}
