//! The person's devices as objects for programs and as lines for people.

use kith_client::Client;
use kith_engine::{DeviceState, DeviceView, Ended, RevokedDevice};
use kith_wire::Timestamp;
use kith_wire::devices::RevocationReason;
use serde_json::{Value, json};

use super::one_line;
use crate::output::{Colour, Out, Voice};
use crate::times;

/// A device for programs.
pub(crate) fn device_object(device: &DeviceView) -> Value {
    let (state, code) = match &device.state {
        DeviceState::Waiting => ("waiting", None),
        DeviceState::Looking => ("looking", None),
        DeviceState::Compare { code, .. } => ("compare", Some(code.replace(' ', ""))),
        DeviceState::Linked => ("linked", None),
        DeviceState::Revoked => ("revoked", None),
    };
    json!({
        "device": device.id.map(|id| id.to_string()),
        "name": device.name,
        "this": device.is_this,
        "state": state,
        "since": device.since.map(|day| times::date(day.start())),
        "added_at": device.heard.map(times::rfc3339),
        "code": code,
        "contacts": device.contacts.map(told_of),
        "history": device.history.map(told_of),
        "stopped": device.stopped,
    })
}

/// The only device that there ever was, for programs: no list names it, so it is called like its machine.
pub(crate) fn only_device_object(name: &str) -> Value {
    device_object(&DeviceView::alone(name.to_owned()))
}

/// A device that was taken out, for programs.
pub(crate) fn revoked_object(device: &RevokedDevice) -> Value {
    json!({
        "device": device.id.to_string(),
        "name": device.name,
        "this": false,
        "state": "revoked",
        "revoked_since": times::date(device.since.start()),
        "lost": device.reason == RevocationReason::Compromised,
    })
}

/// A device that was taken out, for people.
pub(crate) fn revoked_line(device: &RevokedDevice, colour: Colour) -> String {
    let why = match device.reason {
        RevocationReason::Compromised => ", as lost or stolen",
        RevocationReason::Retired => "",
    };
    let id: String = device.id.to_string().chars().take(SHORT_ID).collect();
    let name = if device.name.is_empty() { "a device".to_owned() } else { one_line(&device.name) };
    colour.quiet(&format!(
        "{id}  {name}  taken out on {}{why}; it gets nothing any more",
        times::date(device.since.start())
    ))
}

fn told_of((told, total): (u64, u64)) -> Value {
    json!({"told": told, "total": total})
}

/// How far a new device is with what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Contacts that have come, of how many.
    pub(crate) contacts: (u64, u64),
    /// Messages of before that have come, of how many.
    pub(crate) messages: (u64, u64),
}

impl Progress {
    /// Returns how far this device is; nothing when it was never the new one.
    pub(crate) fn of(client: &Client) -> Option<Self> {
        let all = client.devices().ok()?;
        all.iter()
            .find_map(|device| Some(Self { contacts: device.contacts?, messages: device.history.unwrap_or_default() }))
    }

    /// Returns whether everything has come.
    pub(crate) fn is_whole(self) -> bool {
        [self.contacts, self.messages].iter().all(|(told, total)| told >= total)
    }

    /// Says it in one line.
    pub(crate) fn words(self) -> String {
        let (contacts, messages) = (self.contacts, self.messages);
        format!(
            "{} of {} contacts, {} of {} messages",
            in_thousands(contacts.0),
            in_thousands(contacts.1),
            in_thousands(messages.0),
            in_thousands(messages.1)
        )
    }

    /// Shows it while it changes: to a person as a bar, to a program as an event.
    pub(crate) fn tell(self, out: &Out) {
        let (done, total) = (self.contacts.0 + self.messages.0, self.contacts.1 + self.messages.1);
        out.progress(&self.words(), done, total);
        if out.voice() == Voice::Json {
            let object =
                json!({"event": "progress", "contacts": told_of(self.contacts), "messages": told_of(self.messages)});
            out.data(&object, String::new);
        }
    }
}

/// Writes a number as people do.
fn in_thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A device for people.
pub(crate) fn device_line(device: &DeviceView, colour: Colour) -> String {
    let since = device.since.map(|day| times::date(day.start()));
    let state = match (&device.state, since) {
        (DeviceState::Waiting, _) => "a link was made for it; it has not answered".to_owned(),
        (DeviceState::Looking, _) => "looked for under the words that you typed".to_owned(),
        (DeviceState::Compare { code, .. }, _) => format!("waits for you to compare the code {code}"),
        (DeviceState::Linked, Some(since)) => format!("since {since}"),
        (DeviceState::Linked, None) => String::new(),
        (DeviceState::Revoked, _) => "revoked".to_owned(),
    };
    let this = if device.is_this { "this device" } else { "" };
    let history = match device.history {
        Some((told, total)) if told < total => format!("{told} of {total} messages of before have come so far"),
        _ => String::new(),
    };
    let contacts = match device.contacts {
        Some((told, total)) if told < total => format!("{told} of {total} contacts have come so far"),
        _ => String::new(),
    };
    let stopped = if device.stopped { STOPPED } else { "" };
    let about: Vec<&str> =
        [this, &state, &contacts, &history, stopped].into_iter().filter(|part| !part.is_empty()).collect();
    let id = device.id.map(|id| id.to_string()).unwrap_or_default();
    let id = colour.quiet(&format!("{:8}", id.chars().take(SHORT_ID).collect::<String>()));
    let name = if device.name.is_empty() { "new device".to_owned() } else { one_line(&device.name) };
    format!("{id}  {}  {}", colour.loud(&name), about.join(", ")).trim_end().to_owned()
}

/// All devices in one line, for people.
pub(crate) fn devices_line(all: &[DeviceView]) -> String {
    let name = |device: &DeviceView| match (device.is_this, &device.state) {
        (true, _) => format!("{} (this one)", one_line(&device.name)),
        (false, DeviceState::Linked) => one_line(&device.name),
        (false, _) => "one that is not linked yet".to_owned(),
    };
    if all.is_empty() { "only this one".to_owned() } else { all.iter().map(name).collect::<Vec<_>>().join(", ") }
}

/// Says which other devices this one has heard of within the last 24 hours: whoever did not link them must hear of it in time.
pub(crate) fn new_devices(all: &[DeviceView], now: Timestamp) -> Option<String> {
    let is_new = |device: &&DeviceView| device.heard.is_some_and(|heard| now.0 < heard.plus_seconds(NEWS_SECONDS).0);
    let named = |device: &DeviceView| {
        let since = device.since.map(|day| format!(", since {}", times::date(day.start()))).unwrap_or_default();
        format!("{}{since}", one_line(&device.name))
    };
    let new: Vec<&DeviceView> = all.iter().filter(|device| !device.is_this).filter(is_new).collect();
    let names: Vec<String> = new.iter().map(|device| named(device)).collect();
    let revoke = |device: &&DeviceView| format!("`kith device revoke {} --lost`", handle(device, all));
    let commands: Vec<String> = new.iter().map(revoke).collect();
    let which = match new.as_slice() {
        [] => return None,
        [_] => "If you did not link it, take it out now",
        _ => "If you did not link one of them, take it out now",
    };
    Some(format!("New among your devices: {}. {which}: {}.", names.join("; "), commands.join(", or ")))
}

/// By what a command finds a device: its name, or its id where another one is called the same.
fn handle(device: &DeviceView, all: &[DeviceView]) -> String {
    let is_double = |other: &&DeviceView| other.name.to_lowercase() == device.name.to_lowercase();
    match device.id {
        Some(id) if all.iter().filter(is_double).count() > 1 => id.to_string().chars().take(SHORT_ID).collect(),
        _ => format!("\"{}\"", one_line(&device.name)),
    }
}

/// What a person must know of a device whose session with this one has stopped.
const STOPPED: &str =
    "STOPPED: it and this device tell each other nothing any more; take it out, and link it again in a new folder";

/// Says that the session with another device of the person has stopped.
pub(crate) fn stopped_line(name: &str, why: Ended) -> String {
    let reason = match why {
        Ended::OwnCopy => "this folder was restored from an older copy, or somebody uses a copy of it",
        Ended::ContactsCopy | Ended::ByContactForCopy => {
            "one of the two folders was restored from an older copy, or somebody uses a copy of it"
        }
        Ended::Devices => "what the two know of your devices contradicts itself",
        Ended::ByContact => "it has ended the talk of the two",
        _ => "what it sent could not be read",
    };
    let name = one_line(name);
    format!(
        "your device {name} and this one tell each other nothing any more: {reason}. Take it out with `kith device revoke \"{name}\"`, \
         with --lost if somebody may have it, and link it again in a new folder (`kith device link`)"
    )
}

/// Seconds for which a device that was added is news.
const NEWS_SECONDS: u64 = 24 * 3600;

/// Letters of an id that people see; they are enough to name the device.
const SHORT_ID: usize = 8;

#[cfg(test)]
mod tests {
    use kith_wire::id::DeviceId;
    use kith_wire::time::Day;

    use super::*;

    fn laptop() -> DeviceView {
        let (id, since) = (Some(DeviceId([7; 16])), Some(Day(20_778)));
        DeviceView { id, since, ..DeviceView::alone("lap\u{1b}top".into()) }
    }

    #[test]
    fn device_object_has_the_fields_of_the_contract() {
        let object = device_object(&laptop());
        assert_eq!(object["device"], "a4dqobyha4dqobyha4dqobyha4");
        assert_eq!((&object["this"], &object["state"]), (&Value::from(true), &Value::from("linked")));
        assert_eq!((&object["since"], &object["code"]), (&Value::from("2026-11-21"), &Value::Null));
        let code = "12345 67890 12345 67890".to_owned();
        let new = DeviceView { state: DeviceState::Compare { code, asks: true }, history: Some((3, 9)), ..laptop() };
        let object = device_object(&new);
        assert_eq!(
            (&object["state"], &object["code"]),
            (&Value::from("compare"), &Value::from("12345678901234567890"))
        );
        assert_eq!(object["history"], json!({"told": 3, "total": 9}));
    }

    #[test]
    fn progress_is_whole_when_all_has_come() {
        let progress = Progress { contacts: (12, 40), messages: (1_200, 8_000_000) };
        assert_eq!(progress.words(), "12 of 40 contacts, 1,200 of 8,000,000 messages");
        assert!(!progress.is_whole() && Progress { contacts: (3, 3), messages: (0, 0) }.is_whole());
    }

    #[test]
    fn new_devices_are_told_for_a_day() {
        let device = |name: &str, is_this, heard: Option<u64>| DeviceView {
            name: name.into(),
            is_this,
            heard: heard.map(Timestamp::from_seconds),
            ..laptop()
        };
        let start = 1_795_219_200;
        let all = [device("phone", false, None), device("laptop", true, None), device("tablet", false, Some(start))];
        let told = |seconds| new_devices(&all, Timestamp::from_seconds(start + seconds)).unwrap_or_default();
        for hours in [0, 1, 23] {
            let told = told(hours * 3600);
            assert!(
                told.starts_with("New among your devices: tablet, since 2026-11-21. If you did not link it"),
                "{told}"
            );
            assert!(told.ends_with("`kith device revoke \"tablet\" --lost`."), "{told}");
        }
        assert_eq!(told(24 * 3600), "");
        let two = [device("tablet", false, Some(start)), device("kitchen", false, Some(start))];
        let told = new_devices(&two, Timestamp::from_seconds(start)).unwrap_or_default();
        assert!(
            told.contains("tablet, since 2026-11-21; kitchen, since 2026-11-21. If you did not link one of them"),
            "{told}"
        );
        assert!(
            told.ends_with("`kith device revoke \"tablet\" --lost`, or `kith device revoke \"kitchen\" --lost`."),
            "{told}"
        );
        let double = [device("vm", true, None), device("VM", false, Some(start))];
        let told = new_devices(&double, Timestamp::from_seconds(start)).unwrap_or_default();
        assert!(told.ends_with("`kith device revoke a4dqobyh --lost`."), "a name would fit both: {told}");
        assert_eq!(new_devices(&[], Timestamp(0)), None);
    }

    #[test]
    fn device_line_says_what_a_person_must_know() {
        assert_eq!(device_line(&laptop(), Colour::Off), "a4dqobyh  lap\u{fffd}top  this device, since 2026-11-21");
        let other = DeviceView { is_this: false, history: Some((3, 9)), ..laptop() };
        assert!(
            device_line(&other, Colour::Off).ends_with("since 2026-11-21, 3 of 9 messages of before have come so far")
        );
        let waiting = DeviceView { id: None, name: String::new(), state: DeviceState::Waiting, ..other.clone() };
        assert_eq!(
            device_line(&waiting, Colour::Off),
            "          new device  a link was made for it; it has not answered, 3 of 9 messages of before have come so far"
        );
        assert_eq!(
            devices_line(&[laptop(), other, waiting]),
            "lap\u{fffd}top (this one), lap\u{fffd}top, one that is not linked yet"
        );
        assert_eq!(devices_line(&[]), "only this one");
    }

    #[test]
    fn devices_that_stopped_or_were_taken_out_say_what_to_do() {
        let stopped = DeviceView { is_this: false, stopped: true, ..laptop() };
        assert!(device_line(&stopped, Colour::Off).ends_with("take it out, and link it again in a new folder"));
        assert_eq!(device_object(&stopped)["stopped"], true);
        let (id, since) = (DeviceId([7; 16]), Day(20_778));
        let lost = RevokedDevice { id, name: "phone".into(), since, reason: RevocationReason::Compromised };
        assert_eq!(
            revoked_line(&lost, Colour::Off),
            "a4dqobyh  phone  taken out on 2026-11-21, as lost or stolen; it gets nothing any more"
        );
        assert_eq!(
            (&revoked_object(&lost)["state"], &revoked_object(&lost)["lost"]),
            (&"revoked".into(), &true.into())
        );
        let old = RevokedDevice { name: String::new(), reason: RevocationReason::Retired, ..lost };
        assert_eq!(
            revoked_line(&old, Colour::Off),
            "a4dqobyh  a device  taken out on 2026-11-21; it gets nothing any more"
        );
    }
}
