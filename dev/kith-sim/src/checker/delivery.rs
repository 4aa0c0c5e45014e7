//! Exactly once, in order, and nothing that nobody wrote.

use std::collections::BTreeMap;

use kith_engine::{Direction, MessageBody, MessageState};
use kith_wire::id::MessageId;

use super::{Side, Violation};
use crate::history::Said;
use crate::promise::Promise;
use crate::world::World;

/// Checks one direction after everything could arrive.
pub(super) fn arrived(side: &Side<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    let states = states(side);
    let times_shown = times_shown(side);
    for (number, said) in said(side) {
        let is_seen = is_seen(side, &said.id);
        let is_seen_anywhere = is_seen || is_seen_by_any(side, &said.id);
        // What became of the words of a device that was taken out, or is gone, the others may never hear.
        let state = states.get(&said.id).copied().filter(|_| is_with_us(side, said));
        let mut broken = |promise, text: &str| {
            found.push(Violation::new(promise, &[side.from, side.to], format!("#{number} {text}")));
        };
        if must_be_seen(side, number, said) && !is_seen && !said.deleted && !side.is_excused && !is_fleeting(side) {
            let (reads, by, knew) = (World::name_of(side.reads), World::name_of(said.by), knew(side, said));
            let text = format!("was never shown by {reads}, whom {by} {knew}; its writer sees {state:?}");
            broken(Promise::Arrives, &text);
        }
        let is_delivered = matches!(state, Some(MessageState::Delivered | MessageState::Read));
        if is_delivered && !is_seen_anywhere && !said.deleted && !side.has_ended && !is_fleeting(side) {
            broken(Promise::DeliveredWasShown, "counts as delivered and was never shown");
        }
        if is_seen && !side.is_excused && !said.deleted && state.is_some() && !is_delivered {
            broken(Promise::ShownIsDelivered, &format!("was shown, and its writer sees {state:?}"));
        }
        if times_shown.get(&said.id).is_some_and(|times| *times > 1) && !side.has_ended {
            broken(Promise::Once, "was announced more than once");
        }
    }
    found.extend(only_what_was_written(side));
    found.extend(in_order(side));
    found
}

/// Checks one direction when nothing may be open any more.
pub(super) fn is_settled(side: &Side<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    let states = states(side);
    for (number, said) in said(side) {
        let state = states.get(&said.id).copied().filter(|_| is_with_us(side, said));
        let mut broken = |promise, text: &str| {
            found.push(Violation::new(promise, &[side.from, side.to], format!("#{number} {text}")));
        };
        if matches!(state, Some(MessageState::Waiting | MessageState::Accepted)) && !said.deleted && !side.has_ended {
            broken(Promise::NothingStaysOpen, &format!("is still {state:?} after all time limits"));
        }
        let has_expired = state == Some(MessageState::Expired);
        // Whoever forgets a contact on one device forgets on the others what they were about to say to it: that something came, too.
        let was_forgotten = side.world.history.forgotten.contains(&(side.to, side.from));
        if has_expired && is_seen(side, &said.id) && !side.has_ended && !was_forgotten {
            broken(Promise::ExpiredWasNotShown, "was reported as expired and was shown");
        }
        if has_expired
            && !side.is_excused
            && !said.deleted
            && !is_long_away(side, said)
            && !is_of_before_anew(side, said)
        {
            broken(Promise::Arrives, "expired, though everybody was back in time");
        }
    }
    let overdue = |message: &&kith_engine::MessageView| message.disappears.is_some_and(|at| at < side.world.now);
    for message in side.writer.iter().filter(overdue) {
        let text = format!("{:?} is still there after its time", message.id);
        found.push(Violation::new(Promise::DisappearedIsGone, &[side.from, side.to], text));
    }
    found
}

/// Where copies of data were used and messages are lost for it, at least one of the two was told more than that they expired.
pub(super) fn is_not_silent(side: &Side<'_>) -> Option<Violation> {
    let history = &side.world.history;
    let pairs = [(side.from, side.to), (side.to, side.from)];
    let was_told = pairs.iter().any(|pair| {
        history.unopened.contains(pair)
            || history.endings.iter().any(|(who, with, _)| (*who, *with) == *pair)
            || side.world.says_restored(*pair)
    });
    let states = states(side);
    let lost = said(side).find(|(_, said)| {
        let has_expired = states.get(&said.id) == Some(&MessageState::Expired);
        has_expired && !said.deleted && !is_seen(side, &said.id)
    });
    // A copy of before the meeting knows nothing of the contact.
    let both_know = pairs.iter().all(|(who, of)| side.world.knows(*who, *of));
    let is_blamed = side.has_ended && both_know && !was_told && !history.gone.contains(&side.to) && !is_blocked(side);
    let (number, _) = lost.filter(|_| is_blamed)?;
    let text = format!("#{number} was lost because data were copied, and nobody was told why");
    Some(Violation::new(Promise::NoSilence, &[side.from, side.to], text))
}

fn is_blocked(side: &Side<'_>) -> bool {
    let history = &side.world.history;
    history.blocked.contains(&(side.from, side.to)) || history.blocked.contains(&(side.to, side.from))
}

fn said<'a>(side: &'a Side<'_>) -> impl Iterator<Item = (usize, &'a Said)> {
    let is_of_side = |(_, said): &(usize, &Said)| said.from == side.from && said.to == side.to;
    side.world.history.said.iter().enumerate().filter(is_of_side)
}

fn states(side: &Side<'_>) -> BTreeMap<MessageId, MessageState> {
    side.writer.iter().map(|message| (message.id, message.state)).collect()
}

fn is_fleeting(side: &Side<'_>) -> bool {
    side.world.history.fleeting.contains(&(side.from.min(side.to), side.from.max(side.to)))
}

/// Returns whether a message must be seen on the reader's device: what is written after it was welcomed is passed on to it by its
/// siblings until the writer has met it (KE-55).
fn must_be_seen(side: &Side<'_>, number: usize, said: &Said) -> bool {
    let world = side.world;
    if !is_with_us(side, said) {
        return false;
    }
    if world.history.roll_from.is_some_and(|from| number >= from) {
        return true;
    }
    // What may have expired meanwhile a device is told again by its siblings (KE-77), when they have it.
    if is_long_away(side, said) && !is_with_sibling(side, said) {
        return false;
    }
    let id = world.id_towards(side.reads, side.from);
    let was_there = id.is_some_and(|id| said.reach.readers.contains(&id));
    let was_welcome = world.people[side.reads].welcomed.is_none_or(|welcomed| welcomed <= said.at);
    was_welcome || was_there
}

/// Returns whether something was written for devices that are lost, before the writer's device had taken the reader for who they were.
fn is_of_before_anew(side: &Side<'_>, said: &Said) -> bool {
    let id = side.world.id_towards(side.reads, side.from);
    let is_anew = side.world.people.in_use(side.to).iter().any(|device| side.world.people[*device].is_anew);
    is_anew && !id.is_some_and(|id| said.reach.readers.contains(&id))
}

impl World {
    /// Returns whether somebody who started anew was not taken for who they were, or not yet.
    pub(super) fn is_not_taken(&self, person: usize, of: usize) -> bool {
        let anew = self.people.in_use(person).into_iter().find(|device| self.people[*device].is_anew);
        anew.is_some_and(|device| self.n_sessions(device, of) == 0)
    }
}

/// Returns whether another device of the reader, which was not away for long itself, has a message.
fn is_with_sibling(side: &Side<'_>, said: &Said) -> bool {
    let (world, long_away) = (side.world, &side.world.history.long_away);
    let others = world.people.in_use(side.to).into_iter().filter(|device| *device != side.reads);
    others
        .filter(|device| !world.history.gone.contains(device) && !long_away.contains(device))
        .any(|device| world.conversation(device, side.from).iter().any(|message| message.id == said.id))
}

/// Says what the writing device had to do with the reader's device then, for the story.
fn knew(side: &Side<'_>, said: &Said) -> &'static str {
    let id = side.world.id_towards(side.reads, side.from);
    if id.is_some_and(|id| said.reach.readers.contains(&id)) { "had met" } else { "had not met" }
}

/// Returns whether the reader's device, or the one on which something was written, was off for so long that it may have expired.
fn is_long_away(side: &Side<'_>, said: &Said) -> bool {
    let long_away = &side.world.history.long_away;
    side.world.has_linked() && (long_away.contains(&side.reads) || long_away.contains(&said.by))
}

/// Returns whether the device on which something was written is still its person's.
fn is_with_us(side: &Side<'_>, said: &Said) -> bool {
    side.world.people[said.by].is_in_use() && !side.world.history.gone.contains(&said.by)
}

/// Returns whether the reader's device ever had a message before it.
fn is_seen(side: &Side<'_>, id: &MessageId) -> bool {
    side.reader.iter().any(|message| message.id == *id) || side.world.history.was_seen(side.reads, id)
}

/// Returns whether any device of the reader had a message before it, also one that is taken out by now.
fn is_seen_by_any(side: &Side<'_>, id: &MessageId) -> bool {
    let devices = side.world.people.of(side.to);
    devices.into_iter().any(|device| {
        side.world.history.was_seen(device, id)
            || side.world.conversation(device, side.from).iter().any(|message| message.id == *id)
    })
}

fn times_shown(side: &Side<'_>) -> BTreeMap<MessageId, u32> {
    let mut times = BTreeMap::new();
    for shown in side.world.history.shown.iter().filter(|shown| shown.who == side.reads && shown.from == side.from) {
        *times.entry(shown.id).or_default() += 1;
    }
    times
}

fn only_what_was_written(side: &Side<'_>) -> Vec<Violation> {
    let incoming = side.reader.iter().filter(|message| message.direction == Direction::In);
    let forged = incoming.filter_map(|message| {
        let text = match (side.world.history.said(&message.id), &message.body) {
            (Some(said), _) if (said.from, said.to) != (side.from, side.to) => "a message of another conversation",
            (Some(said), MessageBody::Text(text)) if !said.texts.contains(text) => "a text that was never written",
            (Some(said), MessageBody::Deleted) if !said.deleted => "a deletion that nobody made",
            (Some(_), _) => return None,
            (None, _) => "a message that nobody wrote",
        };
        let text = format!("{} sees {text}", World::name_of(side.reads));
        Some(Violation::new(Promise::OnlyWhatWasWritten, &[side.from, side.to], text))
    });
    forged.collect()
}

/// What one device wrote stands in the order in which its person wrote it, on both sides.
fn in_order(side: &Side<'_>) -> Vec<Violation> {
    if side.has_ended {
        return Vec::new();
    }
    let place: BTreeMap<MessageId, usize> =
        said(side).filter(|(_, said)| said.by == side.writes).map(|(number, said)| (said.id, number)).collect();
    let views = [(side.reader, Direction::In), (side.writer, Direction::Out)];
    let mut found = Vec::new();
    for (view, direction) in views {
        let own = view.iter().filter(|message| message.direction == direction);
        let places: Vec<usize> = own.filter_map(|message| place.get(&message.id).copied()).collect();
        if let Some(pair) = places.windows(2).find(|pair| pair[0] > pair[1]) {
            let text = format!("#{} stands before #{}", pair[0], pair[1]);
            found.push(Violation::new(Promise::InOrder, &[side.from, side.to], text));
        }
    }
    // What a device does not hear from the writer's itself comes by way of its siblings, each in its own time.
    let reads = side.world.id_towards(side.reads, side.from);
    let is_direct = |number: &usize| {
        side.world.history.said.get(*number).is_some_and(|said| reads.is_some_and(|id| said.reach.heard.contains(&id)))
    };
    // A message that waits for its file lets later ones pass; in the conversation it stands where it was written.
    let has_file = |id| side.reader.iter().any(|message| message.id == id && message.attachment.is_some());
    let announced: Vec<usize> = side
        .world
        .history
        .shown
        .iter()
        .filter(|shown| shown.who == side.reads && shown.from == side.from && !has_file(shown.id))
        .filter_map(|shown| place.get(&shown.id).copied().filter(is_direct))
        .collect();
    if let Some(pair) = announced.windows(2).find(|pair| pair[0] > pair[1]) {
        let text = format!("#{} was announced before #{}", pair[0], pair[1]);
        found.push(Violation::new(Promise::InOrder, &[side.from, side.to], text));
    }
    found
}
