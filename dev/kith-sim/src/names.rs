//! What people, devices, servers and texts are called. Everything secret begins with one marker, so that a leak is found by it.

use crate::device;

/// Stands at the beginning of every name and text that no server or network may see.
pub const MARKER: &str = "kith-sim-";

const PEOPLE: [&str; 12] = ["Ana", "Bela", "Cem", "Dora", "Emil", "Fay", "Gus", "Hana", "Ivo", "Jun", "Kai", "Lea"];
const SERVERS: [&str; 6] = ["one", "two", "three", "four", "five", "six"];

/// Returns what the story calls a person, or a device: the first is called as its person.
pub fn person(who: usize) -> String {
    let owner = device::owner(who);
    let name = match PEOPLE.get(owner) {
        Some(name) => (*name).to_owned(),
        None => format!("P{owner}"),
    };
    match device::nth(who) {
        0 => name,
        nth if device::is_rival(who) => format!("{name}'s rival of {nth}"),
        _ if device::is_strange(who) => format!("{name}'s thief"),
        nth => format!("{name}/{}", nth + 1),
    }
}

/// Returns what the story calls a server.
pub fn server(place: usize) -> String {
    match SERVERS.get(place) {
        Some(name) => (*name).to_owned(),
        None => format!("server{place}"),
    }
}

/// Returns the name under which a person is kept by themselves and by their contacts: a secret.
pub fn secret_name(who: usize) -> String {
    format!("{MARKER}{}", person(device::owner(who)))
}

/// Returns what a person calls a device: a secret.
pub fn secret_device(who: usize) -> String {
    format!("{MARKER}device-{}", device::nth(who))
}
