//! What was measured: collected, printed as a table, written as JSON and Markdown.

use serde_json::{Value, json};

use super::stats::{Summary, summary};

/// One measured quantity of one contender, with a value for each round.
pub(crate) struct Row {
    /// The part of the run.
    pub(crate) part: &'static str,
    /// Who was measured.
    pub(crate) contender: String,
    /// What was measured, with its unit.
    pub(crate) measure: &'static str,
    /// The rounds.
    pub(crate) values: Vec<f64>,
}

impl Row {
    fn summary(&self) -> Summary {
        summary(&self.values).unwrap_or(Summary { median: 0.0, least: 0.0, most: 0.0 })
    }
}

/// Something that was aimed at.
pub(crate) struct Target {
    /// In words.
    pub(crate) what: String,
    /// What was reached.
    pub(crate) reached: f64,
    /// What was wanted.
    pub(crate) wanted: Wanted,
}

/// Which way a target points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Wanted {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

impl Target {
    /// Returns whether it was reached.
    pub(crate) fn is_met(&self) -> bool {
        match self.wanted {
            Wanted::AtMost(limit) => self.reached <= limit,
            Wanted::AtLeast(limit) => self.reached >= limit,
        }
    }

    fn wanted_in_words(&self) -> String {
        match self.wanted {
            Wanted::AtMost(limit) => format!("≤ {}", number(limit)),
            Wanted::AtLeast(limit) => format!("≥ {}", number(limit)),
        }
    }
}

/// Everything of one run.
#[derive(Default)]
pub(crate) struct Report {
    /// About the machine and the run.
    pub(crate) facts: Vec<(String, String)>,
    rows: Vec<Row>,
    /// What was aimed at.
    pub(crate) targets: Vec<Target>,
}

impl Report {
    /// Adds the value of one round.
    pub(crate) fn add(&mut self, part: &'static str, contender: &str, measure: &'static str, value: f64) {
        let same = |row: &&mut Row| row.part == part && row.contender == contender && row.measure == measure;
        match self.rows.iter_mut().find(same) {
            Some(row) => row.values.push(value),
            None => self.rows.push(Row { part, contender: contender.to_owned(), measure, values: vec![value] }),
        }
    }

    /// Returns the median of something, if it was measured.
    pub(crate) fn median(&self, part: &str, contender: &str, measure: &str) -> Option<f64> {
        let same = |row: &&Row| row.part == part && row.contender == contender && row.measure == measure;
        self.rows.iter().find(same).map(|row| row.summary().median)
    }

    /// Returns the summaries of one measure, by contender.
    pub(crate) fn all(&self, part: &str, measure: &str) -> Vec<(String, Summary)> {
        let rows = self.rows.iter().filter(|row| row.part == part && row.measure == measure);
        rows.map(|row| (row.contender.clone(), row.summary())).collect()
    }

    /// Returns the parts and measures in the order in which they came.
    pub(crate) fn tables(&self) -> Vec<(&'static str, &'static str)> {
        let mut tables = Vec::new();
        for row in &self.rows {
            if !tables.contains(&(row.part, row.measure)) {
                tables.push((row.part, row.measure));
            }
        }
        // One part after the other, though rounds were interleaved.
        let order: Vec<&str> = tables.iter().map(|(part, _)| *part).collect();
        tables.sort_by_key(|(part, _)| order.iter().position(|other| other == part));
        tables
    }

    /// Writes the tables for a terminal or, with bars, for a document.
    pub(crate) fn markdown(&self) -> String {
        let mut out = String::new();
        if !self.targets.is_empty() {
            out += "| target | wanted | reached | |\n|---|---|---|---|\n";
            for target in &self.targets {
                let (wanted, verdict) = (target.wanted_in_words(), if target.is_met() { "met" } else { "**missed**" });
                out += &format!("| {} | {wanted} | {} | {verdict} |\n", target.what, number(target.reached));
            }
        }
        for (part, measure) in self.tables() {
            let rows = self.all(part, measure);
            let base = base_of(&rows);
            out += &format!("\n| {part}: {measure} | median | least – most | ratio |\n|---|---|---|---|\n");
            for (contender, Summary { median, least, most }) in rows {
                let ratio = if base > 0.0 { format!("{:.2}", median / base) } else { "–".to_owned() };
                let (median, least, most) = (number(median), number(least), number(most));
                out += &format!("| {contender} | {median} | {least} – {most} | {ratio} |\n");
            }
        }
        out
    }

    /// Writes everything, each round's value included.
    pub(crate) fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            json!({"part": row.part, "contender": row.contender, "measure": row.measure,
                   "median": row.summary().median, "rounds": row.values})
        });
        let targets = self.targets.iter().map(|target| {
            json!({"target": target.what, "wanted": target.wanted_in_words(), "reached": target.reached, "met": target.is_met()})
        });
        let facts: serde_json::Map<String, Value> =
            self.facts.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        json!({"facts": facts, "targets": targets.collect::<Vec<_>>(), "rows": rows.collect::<Vec<_>>()})
    }
}

/// Ratios are to `kithd` where it is among the rows, otherwise to the first one.
fn base_of(rows: &[(String, Summary)]) -> f64 {
    let own = rows.iter().find(|(contender, _)| contender == "kithd").or(rows.first());
    own.map_or(0.0, |(_, summary)| summary.median)
}

/// Three digits that count, or whole numbers with groups.
pub(crate) fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 10.0 {
        format!("{value:.2}")
    } else if value.abs() < 100.0 {
        let text = format!("{value:.1}");
        text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
    } else {
        let digits = format!("{:.0}", value.abs());
        let mut out = String::new();
        for (idx, digit) in digits.chars().enumerate() {
            if idx > 0 && (digits.len() - idx).is_multiple_of(3) {
                out.push(',');
            }
            out.push(digit);
        }
        if value < 0.0 { format!("-{out}") } else { out }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_long_as_they_mean_something() {
        for (value, text) in
            [(0.0, "0"), (0.123, "0.12"), (12.34, "12.3"), (50.0, "50"), (999.6, "1,000"), (1_234_567.0, "1,234,567")]
        {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn json_holds_every_round_and_markdown_the_ratio_to_kithd() {
        let mut report = Report::default();
        for (contender, value) in [("other", 50.0), ("kithd", 90.0), ("other", 150.0), ("kithd", 110.0)] {
            report.add("accept", contender, "a second", value);
        }
        report.targets.push(Target { what: "fast".into(), reached: 0.5, wanted: Wanted::AtLeast(0.8) });
        let json = report.json();
        assert_eq!(json["rows"][0]["rounds"], json!([50.0, 150.0]));
        assert_eq!(json["rows"][1]["median"], json!(100.0));
        assert_eq!(json["targets"][0]["met"], json!(false));
        let markdown = report.markdown();
        assert!(markdown.contains("| other | 100 | 50 – 150 | 1.00 |"), "{markdown}");
        assert!(markdown.contains("| fast | ≥ 0.80 | 0.50 | **missed** |"), "{markdown}");
    }

    #[test]
    fn a_target_is_met_at_its_limit() {
        assert!(Target { what: String::new(), reached: 1.3, wanted: Wanted::AtMost(1.3) }.is_met());
        assert!(!Target { what: String::new(), reached: 1.31, wanted: Wanted::AtMost(1.3) }.is_met());
    }
}
