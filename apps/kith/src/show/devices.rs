//! The person's devices as objects for programs and as lines for people.

use kith_engine::{DeviceState, DeviceView};
use kith_wire::time::Day;
use serde_json::{Value, json};

use super::one_line;
use crate::output::Colour;
use crate::times;

/// A device for programs.
pub(crate) fn device_object(device: &DeviceView) -> Value {
    let (state, code) = match &device.state {
        DeviceState::Waiting => ("waiting", None),
        DeviceState::Compare { code } => ("compare", Some(code.replace(' ', ""))),
        DeviceState::Linked => ("linked", None),
        DeviceState::Revoked => ("revoked", None),
    };
    json!({
        "device": device.id.map(|id| id.to_string()),
        "name": device.name,
        "this": device.is_this,
        "state": state,
        "since": device.since.map(|day| times::date(day.start())),
        "code": code,
        "history": device.history.map(|(told, total)| json!({"told": told, "total": total})),
    })
}

/// A device for people.
pub(crate) fn device_line(device: &DeviceView, colour: Colour) -> String {
    let since = device.since.map(|day| times::date(day.start()));
    let state = match (&device.state, since) {
        (DeviceState::Waiting, _) => "a link was made for it; it has not answered".to_owned(),
        (DeviceState::Compare { code }, _) => format!("waits for you to compare the code {code}"),
        (DeviceState::Linked, Some(since)) => format!("since {since}"),
        (DeviceState::Linked, None) => String::new(),
        (DeviceState::Revoked, _) => "revoked".to_owned(),
    };
    let this = if device.is_this { "this device" } else { "" };
    let history = match device.history {
        Some((told, total)) if told < total => format!("{told} of {total} messages of before have come so far"),
        _ => String::new(),
    };
    let about: Vec<&str> = [this, &state, &history].into_iter().filter(|part| !part.is_empty()).collect();
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

/// Says which other devices there are since yesterday or today: whoever did not link them must hear of it in time. On the first
/// day of a device itself, those that were there before are among them; no list says which was first on one day.
pub(crate) fn new_devices(all: &[DeviceView], today: Day) -> Option<String> {
    let is_new = |device: &&DeviceView| device.since.is_some_and(|since| since.0.saturating_add(1) >= today.0);
    let others = all.iter().filter(|device| !device.is_this);
    let names: Vec<String> = others.filter(is_new).map(|device| one_line(&device.name)).collect();
    if names.is_empty() {
        return None;
    }
    let names = names.join(", ");
    Some(format!(
        "New among your devices: {names}. If you did not link it, take it out now: `kith device revoke NAME`."
    ))
}

/// Letters of an id that people see; they are enough to name the device.
const SHORT_ID: usize = 8;

#[cfg(test)]
mod tests {
    use kith_wire::id::DeviceId;

    use super::*;

    fn laptop() -> DeviceView {
        DeviceView {
            id: Some(DeviceId([7; 16])),
            contact: None,
            name: "lap\u{1b}top".into(),
            is_this: true,
            since: Some(Day(20_778)),
            state: DeviceState::Linked,
            history: None,
        }
    }

    #[test]
    fn device_object_has_the_fields_of_the_contract() {
        let object = device_object(&laptop());
        assert_eq!(object["device"], "a4dqobyha4dqobyha4dqobyha4");
        assert_eq!((&object["this"], &object["state"]), (&Value::from(true), &Value::from("linked")));
        assert_eq!((&object["since"], &object["code"]), (&Value::from("2026-11-21"), &Value::Null));
        let code = "12345 67890 12345 67890".to_owned();
        let new = DeviceView { state: DeviceState::Compare { code }, history: Some((3, 9)), ..laptop() };
        let object = device_object(&new);
        assert_eq!(
            (&object["state"], &object["code"]),
            (&Value::from("compare"), &Value::from("12345678901234567890"))
        );
        assert_eq!(object["history"], json!({"told": 3, "total": 9}));
    }

    #[test]
    fn new_devices_are_told_for_a_day() {
        let device =
            |name: &str, is_this, day| DeviceView { name: name.into(), is_this, since: Some(Day(day)), ..laptop() };
        let all = [device("phone", false, 8), device("laptop", true, 10), device("tablet", false, 10)];
        let told = |today| new_devices(&all, Day(today)).unwrap_or_default();
        for today in [10, 11] {
            assert!(told(today).starts_with("New among your devices: tablet. If you did not link it"), "{today}");
        }
        assert_eq!(told(12), "");
        assert_eq!(new_devices(&[], Day(10)), None);
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
}
