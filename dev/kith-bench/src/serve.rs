//! Measures a home server beside a yardstick and other brokers, in one run, over real sockets.
//!
//! What it does not do: look inside `kithd`. It is given a program and speaks the protocol, so that it can be run on any
//! later version. How things are measured is told in `docs/performance.md`.

mod accept;
mod bare;
mod brokers;
mod crash;
pub(crate) mod flame;
mod http;
mod idle;
mod inbox;
mod kithd;
mod latency;
mod line;
mod load;
mod mqtt;
mod nats;
mod pool;
mod process;
mod report;
mod rules;
mod scale;
mod socket;
pub(crate) mod stats;
pub(crate) mod svg;
mod targets;
mod websocket;
pub(crate) mod yardstick;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::Failure;
use process::{n_cores, raise_descriptor_limit};
use report::Report;

/// How `serve` is called.
pub(crate) const USAGE: &str = "options of serve:
  --kithd FILE   the program to measure (target/release/kithd)
  --quick        a minute instead of ten; shows that everything works, and little more
  --only NAMES   some of: accept, rules, latency, idle, scale, crash (separated by commas)
  --queues N     queues of the largest server, in idle and scale (100,000)
  --backlog N    frames that wait in the fullest server, in scale (100,000)
  --kills N      times that a server is killed, in crash (10)
  --rounds N     turns that every contender gets (5)
  --json FILE    also write every value as JSON
  --out DIR      also write results.md and plots there";

/// What was asked for.
pub(crate) struct Plan {
    kithd: PathBuf,
    only: Vec<String>,
    json: Option<PathBuf>,
    out: Option<PathBuf>,
    /// How much of everything.
    pub(crate) size: Size,
}

/// How much of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// Turns that every contender gets.
    pub(crate) rounds: usize,
    /// Deposits at `kithd` in a turn.
    pub(crate) deposits: usize,
    /// Messages at the others in a turn; they need no preparation.
    pub(crate) messages: usize,
    /// Messages in a turn of the latency's.
    pub(crate) latencies: usize,
    /// Connections that idle.
    pub(crate) idle: usize,
    /// Queues of the largest server.
    pub(crate) queues: usize,
    /// Frames that wait in the fullest server.
    pub(crate) backlog: usize,
    /// Times that a server is killed.
    pub(crate) kills: usize,
}

const FULL: Size = Size {
    rounds: 5,
    deposits: 10_000,
    messages: 20_000,
    latencies: 2_000,
    idle: 15_000,
    queues: 100_000,
    backlog: 100_000,
    kills: 10,
};
const QUICK: Size = Size {
    rounds: 2,
    deposits: 2_000,
    messages: 4_000,
    latencies: 250,
    idle: 500,
    queues: 10_000,
    backlog: 5_000,
    kills: 2,
};

/// The parts of a run.
const PARTS: [&str; 6] = ["accept", "rules", "latency", "idle", "scale", "crash"];

/// Runs what the words ask for.
pub(crate) fn run(words: &[&str]) -> Result<(), Failure> {
    let plan = Plan::parse(words)?;
    raise_descriptor_limit();
    let mut report = Report::default();
    report.facts = facts(&plan);
    let folder = tempfile::tempdir()?;
    for part in PARTS.iter().filter(|part| plan.wants(part)) {
        let started = Instant::now();
        eprintln!("{part} …");
        let folder = folder.path().join(part);
        std::fs::create_dir(&folder)?;
        match *part {
            "accept" => accept::run(&plan, &folder, &mut report)?,
            "rules" => rules::run(&plan, &folder, &mut report)?,
            "latency" => latency::run(&plan, &folder, &mut report)?,
            "idle" => idle::run(&plan, &folder, &mut report)?,
            "scale" => scale::run(&plan, &folder, &mut report)?,
            _ => crash::run(&plan, &folder, &mut report)?,
        }
        std::fs::remove_dir_all(&folder)?;
        eprintln!("{part}: {:.0} s", started.elapsed().as_secs_f64());
    }
    targets::judge(&mut report);
    println!("{}", report.markdown());
    if let Some(folder) = &plan.out {
        write_documents(&report, &plan.only, folder)?;
    }
    if let Some(file) = &plan.json {
        std::fs::write(file, serde_json::to_vec_pretty(&report.json())?)?;
    }
    Ok(())
}

impl Plan {
    fn parse(words: &[&str]) -> Result<Self, Failure> {
        let mut plan =
            Self { kithd: "target/release/kithd".into(), only: Vec::new(), json: None, out: None, size: FULL };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().copied().ok_or_else(|| format!("{word} needs a value"));
            match *word {
                "--quick" => plan.size = QUICK,
                "--queues" => plan.size.queues = value()?.parse()?,
                "--backlog" => plan.size.backlog = value()?.parse()?,
                "--kills" => plan.size.kills = value()?.parse()?,
                "--rounds" => plan.size.rounds = value()?.parse()?,
                "--kithd" => plan.kithd = value()?.into(),
                "--json" => plan.json = Some(value()?.into()),
                "--out" => plan.out = Some(value()?.into()),
                "--only" => plan.only = value()?.split(',').map(str::to_owned).collect(),
                other => return Err(format!("what is {other}?\n{USAGE}").into()),
            }
        }
        match plan.only.iter().find(|name| !PARTS.contains(&name.as_str())) {
            Some(name) => Err(format!("there is no part {name}\n{USAGE}").into()),
            None => Ok(plan),
        }
    }

    fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == part)
    }

    /// Returns the program under test.
    pub(crate) fn kithd(&self) -> &Path {
        &self.kithd
    }
}

fn facts(plan: &Plan) -> Vec<(String, String)> {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let processor = read("/proc/cpuinfo");
    let model = processor.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let size = match plan.size {
        FULL => "full",
        QUICK => "quick",
        _ => "of its own size",
    };
    let mut facts = vec![
        ("run".to_owned(), size.to_owned()),
        ("cores".to_owned(), n_cores().to_string()),
        ("processor".to_owned(), model.trim_start_matches([' ', '\t', ':']).to_owned()),
        ("kernel".to_owned(), read("/proc/sys/kernel/osrelease").trim().to_owned()),
    ];
    facts.extend(brokers::versions());
    facts
}

fn write_documents(report: &Report, only: &[String], folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)?;
    let title = if only.is_empty() { "the last full comparison".to_owned() } else { only.join(", ") };
    let mut text = format!(
        "# Results of {title}\n\nWritten by `cargo xtask bench`; what the rows mean is told in `performance.md`.\n\n"
    );
    for (name, value) in &report.facts {
        text += &format!("- {name}: {value}\n");
    }
    text.push('\n');
    text += &report.markdown();
    std::fs::write(folder.join("results.md"), text)?;
    for (part, measure) in report.tables() {
        let name: String = format!("{part}-{measure}")
            .chars()
            .map(|sign| if sign.is_ascii_alphanumeric() { sign.to_ascii_lowercase() } else { '-' })
            .collect();
        let picture = svg::bars(&format!("{part}: {measure}"), &report.all(part, measure));
        std::fs::write(folder.join(name + ".svg"), picture)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_understood_or_refused() {
        let plan = Plan::parse(&["--quick", "--only", "idle,crash", "--json", "x.json"]).unwrap();
        assert!(plan.wants("idle") && plan.wants("crash") && !plan.wants("accept"));
        assert_eq!(plan.size, QUICK);
        assert!(Plan::parse(&[]).unwrap().wants("accept"));
        assert!(Plan::parse(&["--only", "everything"]).is_err());
        assert_eq!(Plan::parse(&["--quick", "--kills", "200"]).unwrap().size, Size { kills: 200, ..QUICK });
        assert!(Plan::parse(&["--kills", "many"]).is_err() && Plan::parse(&["--json"]).is_err());
        assert!(Plan::parse(&["--slow"]).is_err());
    }
}
