//! What was aimed at, and whether this run reached it.

use super::accept::{COST, RATE};
use super::process::n_cores;
use super::report::{Report, Target, Wanted};

/// Adds every target for which there are measurements.
pub(crate) fn judge(report: &mut Report) {
    let get = |part: &str, who: &str, measure: &str| report.median(part, who, measure);
    let opened = "opened on one core";
    let mut targets = Vec::new();
    let mut add = |what: &str, reached: Option<f64>, wanted: Wanted| {
        if let Some(reached) = reached {
            targets.push(Target { what: what.to_owned(), reached, wanted });
        }
    };
    let ratio = |above: Option<f64>, below: Option<f64>| Some(above? / below?).filter(|ratio| ratio.is_finite());
    let cost = get("accept", "kithd", COST);
    let least = get("cryptography", opened, COST).zip(get("accept", "yardstick", COST)).map(|(a, b)| a + b);
    add(
        "processor time of a deposit, times that of bare cryptography and yardstick together",
        ratio(cost, least),
        Wanted::AtMost(1.3),
    );
    let all = get("cryptography", "opened on all cores", RATE);
    add(
        "deposits a second, of what all cores can open; the load takes its share of the same cores",
        ratio(get("accept", "kithd", RATE), all),
        Wanted::AtLeast(0.8),
    );
    let alone = cost.map(|cost| n_cores() as f64 * 1e6 / cost);
    add("the same by processor time alone, as if the load ran elsewhere", ratio(alone, all), Wanted::AtLeast(0.8));
    add(
        "drain, of the yardstick's rate",
        ratio(get("drain", "kithd", RATE), get("drain", "yardstick", RATE)),
        Wanted::AtLeast(0.5),
    );
    add(
        "rules and log without network and cryptography, of the yardstick's file work",
        ratio(get("rules", "rules and log", RATE), get("rules", "yardstick's file work", RATE)),
        Wanted::AtLeast(0.5),
    );
    let online = |who, measure| get("online delivery", who, measure);
    let bare_ms = get("cryptography", opened, COST).map(|cost| cost / 1e3);
    add(
        "online delivery, p50 in ms above the bare cryptography",
        online("kithd", "ms, p50").zip(bare_ms).map(|(p50, bare)| p50 - bare),
        Wanted::AtMost(0.3),
    );
    add(
        "online delivery, p99 of that of NATS without storage",
        ratio(online("kithd", "ms, p99"), online("NATS (keeps nothing)", "ms, p99")),
        Wanted::AtMost(1.0),
    );
    let memory = |measure| get("memory", "kithd", measure);
    add("MB for 1,000 idle connections", memory("MB for 1,000 idle connections"), Wanted::AtMost(5.0));
    let tls = get("memory", "kithd with TLS", "MB for 1,000 idle connections");
    add("MB for 1,000 idle connections with TLS", tls, Wanted::AtMost(15.0));
    add("idle connections at once", memory("connections at once"), Wanted::AtLeast(15_000.0));
    add("MiB resident at start", memory("MiB resident at start"), Wanted::AtMost(12.0));
    add("bytes for an empty queue", memory("bytes for an empty queue"), Wanted::AtMost(300.0));
    add("accepted messages lost by kill -9", get("kill -9", "kithd", "of these lost"), Wanted::AtMost(0.0));
    add("messages invented or doubled by kill -9", get("kill -9", "kithd", "invented or doubled"), Wanted::AtMost(0.0));
    report.targets = targets;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_measured_is_judged() {
        let mut report = Report::default();
        judge(&mut report);
        assert!(report.targets.is_empty());
        report.add("drain", "kithd", RATE, 30.0);
        report.add("drain", "yardstick", RATE, 100.0);
        judge(&mut report);
        assert_eq!(report.targets.len(), 1);
        assert!(!report.targets[0].is_met());
    }
}
