//! Plans that are kept: a world that broke a promise once, written down as it was, whatever scenarios become.
//!
//! A line that begins with `#` is for people. The others give a name and fields: first what the world is like, then a step
//! a line, with its time in milliseconds before the name. What the world is like is written down too, so that a plan is complete;
//! what happens between the steps is drawn from the seed, as ever.

use std::fmt::Write as _;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::plan::{Timed, draw};
use crate::scenario::Scenario;
use crate::scenarios;

/// A plan with the world that it is for.
#[derive(Debug, Clone)]
pub struct Kept {
    /// What the world is like; its habits and faults are in the plan.
    pub scenario: Scenario,
    /// What the world draws from.
    pub seed: u64,
    /// What happens.
    pub plan: Vec<Timed>,
}

/// Why something is no kept plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptError {
    /// The first line that says something does not say what the world is like.
    NoWorld,
    /// A line is nothing that can happen.
    Line(String),
}

/// What the first line says.
#[derive(Serialize, Deserialize)]
struct Likeness {
    scenario: String,
    seed: u64,
    people: usize,
    servers: usize,
    names: usize,
    seconds: u64,
}

impl Kept {
    /// Draws the plan of a run.
    pub fn drawn(scenario: Scenario, seed: u64) -> Self {
        let plan = draw(&scenario, seed);
        Self { scenario, seed, plan }
    }

    /// Writes a plan down; what it is kept for goes first.
    pub fn to_text(&self, why: &str) -> String {
        let Scenario { name, people, servers, names, seconds, .. } = self.scenario;
        let likeness = Likeness { scenario: name.to_owned(), seed: self.seed, people, servers, names, seconds };
        let mut text: String = why.lines().map(|line| format!("# {line}\n")).collect();
        let _ = writeln!(text, "world{}", fields_of(&likeness));
        let _ = writeln!(text, "weather{}", fields_of(&self.scenario.weather));
        let _ = writeln!(text, "excuses{}", fields_of(&self.scenario.excuses));
        for timed in &self.plan {
            // A step is its name and an object with its fields.
            let step = serde_json::to_value(&timed.step).unwrap_or_default();
            for (name, fields) in step.as_object().into_iter().flatten() {
                let _ = writeln!(text, "{} {name}{}", timed.at, fields_of(fields));
            }
        }
        text
    }

    /// Reads what [`to_text`](Self::to_text) wrote.
    ///
    /// # Errors
    /// [`KeptError`] with the line that is no step and nothing about the world.
    pub fn parse(text: &str) -> Result<Self, KeptError> {
        let mut kept: Option<Self> = None;
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let bad = || KeptError::Line(line.to_owned());
            let (name, rest) = line.split_once(' ').ok_or_else(bad)?;
            match (name, kept.as_mut()) {
                ("world", None) => kept = Some(Self::like(&read(rest).ok_or_else(bad)?)),
                (_, None) => return Err(KeptError::NoWorld),
                ("weather", Some(kept)) => kept.scenario.weather = read(rest).ok_or_else(bad)?,
                ("excuses", Some(kept)) => kept.scenario.excuses = read(rest).ok_or_else(bad)?,
                (at, Some(kept)) => kept.plan.push(timed(at, rest).ok_or_else(bad)?),
            }
        }
        kept.ok_or(KeptError::NoWorld)
    }

    fn like(likeness: &Likeness) -> Self {
        let Likeness { seed, people, servers, names, seconds, .. } = *likeness;
        let known = scenarios::named(&likeness.scenario);
        let base = known.unwrap_or_else(|| Scenario::named("kept", "a plan of a scenario that is no more"));
        Self { scenario: Scenario { people, servers, names, seconds, ..base }, seed, plan: Vec::new() }
    }
}

fn timed(at: &str, step: &str) -> Option<Timed> {
    let (name, fields) = step.split_once(' ')?;
    let step = Value::Object(Map::from_iter([(name.to_owned(), object(fields)?)]));
    Some(Timed { at: at.parse().ok()?, step: serde_json::from_value(step).ok()? })
}

/// Writes fields as ` name=value`, one after the other.
fn fields_of(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    value.as_object().into_iter().flatten().map(|(name, value)| format!(" {name}={}", text(value))).collect()
}

fn read<T: DeserializeOwned>(fields: &str) -> Option<T> {
    serde_json::from_value(object(fields)?).ok()
}

/// Reads what [`fields_of`] wrote: what is no number, truth or nothing is a word.
fn object(fields: &str) -> Option<Value> {
    let field = |field: &str| {
        let (name, value) = field.split_once('=')?;
        Some((name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| Value::from(value))))
    };
    fields.split_whitespace().map(field).collect::<Option<Map<_, _>>>().map(Value::Object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_the_same_when_it_was_written_down_and_read() {
        for scenario in scenarios::all() {
            let kept = Kept::drawn(scenario, 7);
            let again = Kept::parse(&kept.to_text("why it is kept,\nin two lines")).unwrap();
            assert_eq!((&again.plan, again.seed), (&kept.plan, 7));
            assert_eq!(format!("{:?}", again.scenario), format!("{:?}", kept.scenario));
        }
    }

    #[test]
    fn what_is_no_plan_is_refused_with_the_line() {
        let world = "world scenario=calm seed=1 people=2 servers=1 names=1 seconds=60\n";
        assert_eq!(Kept::parse(world).unwrap().plan, []);
        assert_eq!(Kept::parse("# nothing\n").unwrap_err(), KeptError::NoWorld);
        assert_eq!(Kept::parse("5 Cut who=1\n").unwrap_err(), KeptError::NoWorld);
        for bad in ["5 Cut", "5 Cut who=x", "5 Dance who=1", "x Cut who=1", "weather lost=x"] {
            assert_eq!(Kept::parse(&format!("{world}{bad}\n")).unwrap_err(), KeptError::Line(bad.to_owned()));
        }
    }
}
