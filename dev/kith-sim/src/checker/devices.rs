//! What holds between the devices of one person, and who may be one of them.

use std::collections::BTreeSet;

use kith_engine::{ContactState, DeviceState, MessageBody, MessageState, MessageView};
use kith_wire::id::MessageId;

use super::{Views, Violation};
use crate::device::{is_rival, owner};
use crate::promise::Promise;
use crate::world::World;

/// Checks all devices of everybody, where somebody has several or somebody tried to add one.
pub(super) fn check(world: &World, views: &Views) -> Vec<Violation> {
    let mut found = strangers(world);
    let people: BTreeSet<usize> = world.people.numbers().into_iter().map(owner).collect();
    for person in people {
        let devices = world.people.in_use(person);
        let devices: Vec<usize> = devices.into_iter().filter(|device| !world.history.gone.contains(device)).collect();
        for device in &devices {
            found.extend(has_history(world, *device));
        }
        for pair in devices.windows(2) {
            found.extend(agree(world, views, pair[0], pair[1]));
        }
        found.extend(revoked(world, person));
        found.extend(devices.iter().filter_map(|device| is_two(world, *device)));
    }
    found
}

/// A device shows more contacts than its person knows people: somebody is two of them.
fn is_two(world: &World, device: usize) -> Option<Violation> {
    let contacts = world.people[device].engine().and_then(|engine| engine.contacts().ok()).unwrap_or_default();
    let n_shown = contacts.iter().filter(|contact| contact.state == ContactState::Established).count();
    let person = owner(device);
    let n_known = world.acquaintances().into_iter().filter(|(who, _)| *who == person).count();
    let text = format!("{} shows {n_shown} contacts, and knows {n_known} people", World::name_of(device));
    (n_shown > n_known).then(|| Violation::new(Promise::OneContact, &[person], text))
}

/// Each device that anybody writes to, and each one that a person's list names, was linked by the person's password.
fn strangers(world: &World) -> Vec<Violation> {
    let mut found = Vec::new();
    for (person, of) in world.acquaintances() {
        let linked: Vec<[u8; 16]> =
            world.people.of(of).into_iter().filter_map(|device| world.id_towards(device, person)).collect();
        for device in world.people.in_use(person) {
            let strange = world.writes_to(device, of).into_iter().find(|id| !linked.contains(id));
            // Who went on from a copy does not know of devices that were met after it was made.
            let is_copy = world.history.restored.iter().any(|who| [of, person].contains(&owner(*who)));
            let is_excused = is_copy || world.is_contested(of, person);
            if strange.is_some() && !is_excused && !world.history.forgotten.contains(&(of, person)) {
                let text = format!(
                    "{} writes to a device of {} that nobody linked",
                    World::name_of(device),
                    World::name_of(of)
                );
                found.push(Violation::new(Promise::NobodyAddsADevice, &[person, of], text));
            }
        }
    }
    for device in world.people.numbers() {
        let person = owner(device);
        let own: Vec<[u8; 16]> = world.people.of(person).into_iter().filter_map(|own| world.own_id(own)).collect();
        if is_rival(device) {
            continue;
        }
        let is_strange = crate::device::is_strange(device);
        let strange = world.linked_devices(device).into_iter().any(|id| !own.contains(&id));
        if is_strange && world.n_contacts(device) > 0 || !is_strange && strange {
            let text = format!("{} has a device that nobody linked", World::name_of(person));
            found.push(Violation::new(Promise::NobodyAddsADevice, &[person], text));
        }
    }
    found
}

/// A device has what it was promised of before.
fn has_history(world: &World, device: usize) -> Option<Violation> {
    let person = owner(device);
    let lacks = |(of, message): &&(usize, MessageId)| {
        let pair = (person.min(*of), person.max(*of));
        let is_gone = world.history.fleeting.contains(&pair) || world.history.forgotten.contains(&(person, *of));
        let is_deleted = world.history.said(message).is_none_or(|said| said.deleted);
        !is_gone && !is_deleted && !world.conversation(device, *of).iter().any(|view| view.id == *message)
    };
    let (_, message) = world.people[device].promised.iter().find(lacks)?;
    let number = world.history.said.iter().position(|said| said.id == *message).unwrap_or_default();
    let text = format!("{} was never told of #{number} of before", World::name_of(device));
    Some(Violation::new(Promise::Arrives, &[person], text))
}

/// Two devices of one person show the same.
fn agree(world: &World, views: &Views, one: usize, other: usize) -> Vec<Violation> {
    let person = owner(one);
    let (one_name, other_name) = (World::name_of(one), World::name_of(other));
    let mut found = Vec::new();
    let mut broken = |of: Option<usize>, text: String| {
        let people: Vec<usize> = std::iter::once(person).chain(of).collect();
        found.push(Violation::new(Promise::SiblingsAgree, &people, text));
    };
    let (here, there) = (world.settings(one), world.settings(other));
    if here != there {
        let differs = here.iter().chain(&there).find(|setting| !(here.contains(setting) && there.contains(setting)));
        broken(None, format!("{one_name} and {other_name} know contacts differently: {differs:?}"));
    }
    for (device, of) in views.keys().filter(|(device, _)| *device == one) {
        let (Some(here), Some(there)) = (views.get(&(*device, *of)), views.get(&(other, *of))) else { continue };
        if let Some(text) = differ(world, here, there) {
            broken(Some(*of), format!("{one_name} and {other_name}: {text}"));
        }
        let missed = [(here, there, other), (there, here, one)];
        for (here, there, lacks) in missed {
            let number = missing(world, here, there, lacks);
            if let Some(number) = number.filter(|_| !world.is_fleeting(person, *of)) {
                broken(
                    Some(*of),
                    format!(
                        "{} never showed #{number}, which another device of {} wrote",
                        World::name_of(lacks),
                        World::name_of(person)
                    ),
                );
            }
        }
    }
    found
}

/// Returns how two views of one conversation differ in what both have.
fn differ(world: &World, here: &[MessageView], there: &[MessageView]) -> Option<String> {
    let ids = |view: &[MessageView], other: &[MessageView]| -> Vec<MessageId> {
        view.iter().map(|message| message.id).filter(|id| other.iter().any(|message| message.id == *id)).collect()
    };
    if ids(here, there) != ids(there, here) {
        return Some("the order is another one".to_owned());
    }
    for one in here {
        let Some(other) = there.iter().find(|message| message.id == one.id) else { continue };
        let number = world.history.said.iter().position(|said| said.id == one.id).unwrap_or_default();
        let is_same_text = (&one.body, one.direction, one.edited, &one.reply_to)
            == (&other.body, other.direction, other.edited, &other.reply_to);
        if !is_same_text {
            return Some(format!("#{number} is {:?} and {:?}", one.body, other.body));
        }
        let sorted = |view: &MessageView| {
            let mut all: Vec<_> =
                view.reactions.iter().map(|(who, emoji)| (format!("{who:?}"), emoji.clone())).collect();
            all.sort();
            all
        };
        if sorted(one) != sorted(other) {
            return Some(format!("#{number} has the reactions {:?} and {:?}", one.reactions, other.reactions));
        }
        if known(one.state) != known(other.state) && matches!(one.body, MessageBody::Text(_)) {
            return Some(format!("#{number} is {:?} and {:?}", one.state, other.state));
        }
    }
    None
}

/// How far a message has come before it is with the contact, only the device knows that sends it.
fn known(state: MessageState) -> MessageState {
    if state == MessageState::Waiting { MessageState::Accepted } else { state }
}

/// Returns a message that the person wrote when both devices were linked, and that one of them never had.
fn missing(world: &World, here: &[MessageView], there: &[MessageView], lacks: usize) -> Option<usize> {
    let id = world.own_id(lacks)?;
    here.iter().find_map(|message| {
        let number = world.history.said.iter().position(|said| said.id == message.id)?;
        let said = &world.history.said[number];
        let is_known = there.iter().any(|other| other.id == message.id) || world.history.was_seen(lacks, &message.id);
        let is_due = owner(said.by) == owner(lacks) && said.reach.siblings.contains(&id) && !said.deleted;
        let long_away = &world.history.long_away;
        // What expired for a device that was away it is told again (KE-77).
        let is_excused = long_away.contains(&said.by) || !world.people[said.by].is_in_use();
        (is_due && !is_known && !is_excused).then_some(number)
    })
}

/// Devices that were taken out say so, and show nothing that was written by somebody who knew it.
fn revoked(world: &World, person: usize) -> Vec<Violation> {
    let mut found = Vec::new();
    let all = world.people.of(person);
    for device in all.into_iter().filter(|device| world.people[*device].is_revoked()) {
        let name = World::name_of(device);
        let is_overlooked = world.history.overlooked.contains(&device);
        if !world.knows_that_it_is_revoked(device) && !world.history.gone.contains(&device) && !is_overlooked {
            let text = format!("{name} was taken out and does not say so");
            found.push(Violation::new(Promise::RevokedIsSilent, &[person], text));
        }
        found.extend(writes_to(world, device));
        if is_overlooked {
            found.extend(world.goes_on_unawares(device));
        }
        let heard = world.history.said.iter().enumerate();
        for (number, said) in heard.filter(|(_, said)| said.to == person && !world.has_lost_touch(said.from, person)) {
            let was_known = world.id_towards(device, said.from).is_some_and(|id| said.reach.revoked.contains(&id));
            let is_late = was_known || world.history.roll_from.is_some_and(|from| number >= from);
            if is_late && world.history.was_seen(device, &said.id) {
                let text = format!("{name} was taken out, and showed #{number}");
                found.push(Violation::new(Promise::RevokedIsSilent, &[person, said.from], text));
            }
        }
    }
    found
}

/// Somebody who could hear that a device was taken out writes to it all the same.
fn writes_to(world: &World, revoked: usize) -> Option<Violation> {
    let person = owner(revoked);
    let writes = |(who, of): &(usize, usize)| {
        let history = &world.history;
        let id = world.id_towards(revoked, *who);
        let is_apart = |pair: &(usize, usize)| history.blocked.contains(pair) || history.forgotten.contains(pair);
        let can_hear = |device: &usize| !history.gone.contains(device) && !history.long_away.contains(device);
        *of == person
            && !is_apart(&(*who, *of))
            && !is_apart(&(*of, *who))
            && !world.has_lost_touch(*who, *of)
            && world
                .people
                .in_use(*who)
                .into_iter()
                .filter(can_hear)
                .any(|device| world.writes_to(device, *of).into_iter().any(|other| Some(other) == id))
    };
    let (who, _) = world.acquaintances().into_iter().find(writes)?;
    let text = format!("{} was taken out, and {} still writes to it", World::name_of(revoked), World::name_of(who));
    Some(Violation::new(Promise::RevokedIsSilent, &[person, who], text))
}

impl World {
    /// Returns what a device says of the person's contacts: name, where it stands, settings.
    fn settings(&self, who: usize) -> Vec<String> {
        let contacts = self.people[who].engine().and_then(|engine| engine.contacts().ok()).unwrap_or_default();
        let is_made = |contact: &kith_engine::ContactView| {
            matches!(contact.state, ContactState::Established | ContactState::Blocked)
        };
        let mut settings: Vec<String> = contacts
            .into_iter()
            .filter(is_made)
            .map(|contact| {
                let shown = (contact.pinned, contact.muted, contact.archived);
                format!(
                    "{} {:?} verified {} disappearing {:?} {:?} shown {shown:?} picture {:?}",
                    contact.name,
                    contact.state,
                    contact.verified,
                    contact.disappearing,
                    contact.receipts,
                    contact.picture
                )
            })
            .collect();
        settings.sort();
        settings
    }

    fn is_fleeting(&self, one: usize, other: usize) -> bool {
        self.history.fleeting.contains(&(one.min(other), one.max(other)))
    }

    fn n_contacts(&self, who: usize) -> usize {
        self.people[who].engine().and_then(|engine| engine.contacts().ok()).unwrap_or_default().len()
    }

    /// Returns the devices that a device takes for its person's.
    fn linked_devices(&self, who: usize) -> Vec<[u8; 16]> {
        let devices = self.people[who].engine().and_then(|engine| engine.devices().ok()).unwrap_or_default();
        devices
            .into_iter()
            .filter(|device| device.state == DeviceState::Linked)
            .filter_map(|device| Some(device.id?.0))
            .collect()
    }

    fn knows_that_it_is_revoked(&self, who: usize) -> bool {
        let status = self.people[who].engine().map(|engine| engine.status(self.now));
        status.and_then(Result::ok).is_some_and(|status| status.revoked)
    }
}
