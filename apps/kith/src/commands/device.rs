//! `kith device`: the devices of one person.

use clap::Subcommand;
use kith_client::Client;
use kith_engine::DeviceView;

use crate::commands::change_device::{Rename, Revoke};
use crate::commands::devices::Devices;
use crate::commands::join_device::Join;
use crate::commands::link_device::Link;
use crate::commands::pace::Rotation;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Device {
    /// Show your devices
    List(Devices),
    /// Link another device: it gets your people and conversations.
    ///
    /// Give the link to the new device only, where `kith device join LINK` takes it. Or the other way round: `kith device join` there shows
    /// a link, and `kith device link LINK` here takes it. Then both show a code. If it is the same, say so here: the new device is yours, and
    /// everything that you have here goes there. It stays possible to go on later: when this command was interrupted, give it again.
    Link(Link),
    /// Make this a device of yours, with a link that another one shows, or by showing one.
    ///
    /// `kith device link` on a device that you have makes the link; without one, this command makes it, for `kith device link LINK` there.
    /// Here a new folder is made, with a password and a home server of its own; the server may be the same or another one. Then both devices
    /// show a code. If it is the same, say so, and wait here until your people and conversations have come. When this command was
    /// interrupted, give it again; what is missing after that comes with `kith sync`.
    Join(Join),
    /// Take a device out for good: it gets nothing any more, and your people stop talking to it.
    ///
    /// Do this on another device than the one that goes. What is on that device stays there, under its password; when it comes
    /// online once more it learns that it was revoked, and says so. Its account at its home server is closed. A device that was revoked by mistake is linked anew, in a new
    /// folder.
    Revoke(Revoke),
    /// Give a device another name. Only your own devices see it.
    Rename(Rename),
    /// Show or choose how often this device replaces its keys.
    ///
    /// By its keys your people know that a device is yours. Whoever steals one can pose as it until it is replaced; then that is noticed.
    /// It happens by itself, every week unless you choose otherwise, and only on this device: choose it on each. More often means that a
    /// theft is worth less, and a little more for your devices to say.
    Rotation(Rotation),
}

/// Returns the person's devices; none when there was never another one than this.
pub(crate) fn all(client: &Client) -> Result<Vec<DeviceView>, Failure> {
    Ok(client.devices()?)
}

/// Finds a device that is on the person's list, by its name or by the beginning of its id.
pub(crate) fn find(all: &[DeviceView], text: &str) -> Result<DeviceView, Failure> {
    let listed = || all.iter().filter(|device| device.id.is_some());
    let id = |device: &DeviceView| device.id.map(|id| id.to_string()).unwrap_or_default();
    let wanted = text.to_lowercase();
    let by_name: Vec<&DeviceView> = listed().filter(|device| device.name == text).collect();
    let similar = || listed().filter(|device| device.name.to_lowercase() == wanted).collect::<Vec<_>>();
    let by_id = || listed().filter(|device| text.len() >= SHORTEST_ID && id(device).starts_with(&wanted)).collect();
    let found = [by_name, similar(), by_id()].into_iter().find(|found: &Vec<_>| !found.is_empty()).unwrap_or_default();
    match found.as_slice() {
        [device] => Ok((*device).clone()),
        [] => Err(Failure::new(
            "unknown_device",
            format!("you have no device called {text}"),
            "`kith device list` shows your devices",
        )),
        several => {
            let ids: Vec<String> = several.iter().map(|device| id(device)).collect();
            let message = format!("{} of your devices are called {text}", ids.len());
            Err(Failure::new("ambiguous_device", message, format!("say which one: {}", ids.join(", "))))
        }
    }
}

/// Returns what a device is called when nobody says: what its owner called the machine.
pub(crate) fn own_name(given: Option<&str>) -> Result<String, Failure> {
    let Some(given) = given else {
        let host = rustix::system::uname();
        return Ok(host_name(&host.nodename().to_string_lossy()));
    };
    check_name(given)?;
    Ok(given.to_owned())
}

/// Refuses what no list of devices takes.
pub(crate) fn check_name(name: &str) -> Result<(), Failure> {
    let is_good = name.len() <= LONGEST_NAME && !crate::show::is_blank(name) && crate::show::one_line(name) == name;
    if is_good {
        return Ok(());
    }
    let hint = "choose one of at most 64 bytes, in one line";
    Err(Failure::new("bad_name", "this is not a usable name for a device", hint))
}

fn host_name(host: &str) -> String {
    let name = crate::show::one_line(host.split('.').next().unwrap_or_default());
    let is_usable = !crate::show::is_blank(&name) && name.len() <= LONGEST_NAME;
    if is_usable { name } else { "computer".to_owned() }
}

/// Letters of an id that say enough.
const SHORTEST_ID: usize = 4;
/// Bytes in the name of a device (KW-17).
const LONGEST_NAME: usize = 64;

#[cfg(test)]
mod tests {
    use kith_wire::id::DeviceId;

    use super::*;

    fn device(number: u8, name: &str) -> DeviceView {
        DeviceView { id: Some(DeviceId([number; 16])), is_this: false, ..DeviceView::alone(name.into()) }
    }

    fn found(text: &str) -> Result<u8, String> {
        let nameless = DeviceView { id: None, ..device(9, "") };
        let all = [device(1, "Laptop"), device(2, "phone"), device(3, "phone"), device(4, "laptop"), nameless];
        find(&all, text).map(|device| device.id.unwrap().0[0]).map_err(|failure| failure.code)
    }

    #[test]
    fn devices_are_found_by_unique_name_and_by_the_beginning_of_their_id() {
        assert_eq!(found("Laptop"), Ok(1));
        assert_eq!(found("laptop"), Ok(4));
        let id = DeviceId([3; 16]).to_string();
        assert_eq!(found(&id), Ok(3));
        assert_eq!(found(&id[..6].to_uppercase()), Ok(3));
        assert_eq!(found(&id[..3]), Err("unknown_device".into()), "too short to say enough");
        assert_eq!(found("phone"), Err("ambiguous_device".into()));
        assert_eq!(found("LAPTOP"), Err("ambiguous_device".into()));
        assert_eq!(found(""), Err("unknown_device".into()));
    }

    #[test]
    fn a_device_is_called_like_its_host_unless_somebody_says() {
        assert_eq!(host_name("kitchen.example.org"), "kitchen");
        assert_eq!(host_name(""), "computer");
        assert_eq!(host_name(&"x".repeat(65)), "computer");
        assert_eq!(own_name(Some("Ana's laptop")).unwrap(), "Ana's laptop");
        for bad in ["", "  ", "two\nlines", "\u{202e}x"] {
            assert_eq!(own_name(Some(bad)).unwrap_err().code, "bad_name", "{bad:?}");
        }
        assert!(!own_name(None).unwrap().is_empty());
    }
}
