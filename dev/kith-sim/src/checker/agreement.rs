//! Both sides see the same conversation.

use std::collections::BTreeMap;

use kith_engine::{AttachmentState, Direction, MessageBody, MessageState, MessageView};
use kith_wire::id::MessageId;

use super::restored::is_of_before;
use super::{Side, Violation};
use crate::promise::Promise;
use crate::world::World;

/// Checks that both see the same messages, in the same order, with the same changes.
pub(super) fn agrees(side: &Side<'_>) -> Vec<Violation> {
    if side.is_excused {
        return Vec::new();
    }
    let mut found = Vec::new();
    let theirs: BTreeMap<MessageId, &MessageView> = side.reader.iter().map(|message| (message.id, message)).collect();
    for own in side.writer.iter().filter(|message| message.direction == Direction::Out) {
        let Some(other) = theirs.get(&own.id) else { continue };
        // What somebody did to it on a device that was taken out, or never came back, may have reached nobody, or some; so may what was
        // done while a device was off for long, which expires like a message.
        if side.world.is_touched_by_lost(&own.id) || is_touched_around_absence(side, &own.id) {
            continue;
        }
        if is_of_before(side, &own.id, own.attachment.is_some()) {
            continue;
        }
        let mut broken = |text: &str| {
            let number = side.world.history.said.iter().position(|said| said.id == own.id);
            let text = format!("#{} {text}", number.map_or("?".to_owned(), |number| number.to_string()));
            found.push(Violation::new(Promise::Agreement, &[side.from, side.to], text));
        };
        if own.body != other.body {
            broken(&format!("is {:?} here and {:?} there", own.body, other.body));
        }
        if own.edited != other.edited {
            broken("counts as edited on one side only");
        }
        if own.reply_to != other.reply_to {
            broken("answers another message there");
        }
        if mirrored(&own.reactions) != sorted(&other.reactions) {
            broken(&format!("has the reactions {:?} here and {:?} there", own.reactions, other.reactions));
        }
        let is_text = matches!(own.body, MessageBody::Text(_));
        if is_text && own.state == MessageState::Read && other.state != MessageState::Read {
            broken("counts as read, and its reader has not looked");
        }
        if is_text && other.state == MessageState::Read && own.state != MessageState::Read {
            broken(&format!("was read, and its writer sees {:?}", own.state));
        }
        if let Some(text) = differs(side, own, other) {
            broken(&text);
        }
    }
    let common = |view: &[MessageView], other: &[MessageView]| -> Vec<MessageId> {
        view.iter().map(|message| message.id).filter(|id| other.iter().any(|message| message.id == *id)).collect()
    };
    if common(side.writer, side.reader) != common(side.reader, side.writer) {
        found.push(Violation::new(Promise::Agreement, &[side.from, side.to], "the order is another on each side"));
    }
    found
}

/// Returns whether something was done to a message by, or for, a device that was off for long.
fn is_touched_around_absence(side: &Side<'_>, id: &MessageId) -> bool {
    let long_away = &side.world.history.long_away;
    let is_around = |who: &usize| [*who, side.writes, side.reads].iter().any(|who| long_away.contains(who));
    side.world.has_linked() && side.world.history.touched.get(id).is_some_and(|touched| touched.keys().any(is_around))
}

impl World {
    /// Returns whether something was done to a message on a device that its person has no more.
    pub(super) fn is_touched_by_lost(&self, id: &MessageId) -> bool {
        let is_lost = |who: &usize| !self.people[*who].is_in_use() || self.history.gone.contains(who);
        self.history.touched.get(id).is_some_and(|touched| touched.keys().any(is_lost))
    }
}

fn mirrored(reactions: &[(Direction, String)]) -> Vec<(bool, String)> {
    let mut out: Vec<_> = reactions.iter().map(|(who, emoji)| (*who != Direction::In, emoji.clone())).collect();
    out.sort();
    out
}

fn sorted(reactions: &[(Direction, String)]) -> Vec<(bool, String)> {
    let mut out: Vec<_> = reactions.iter().map(|(who, emoji)| (*who == Direction::In, emoji.clone())).collect();
    out.sort();
    out
}

/// Returns how an attachment differs, if it does.
fn differs(side: &Side<'_>, own: &MessageView, other: &MessageView) -> Option<String> {
    let (own, other) = match (&own.attachment, &other.attachment) {
        (Some(own), Some(other)) => (own, other),
        (None, None) => return None,
        _ => return Some("carries a file on one side only".to_owned()),
    };
    if (&own.name, own.size) != (&other.name, other.size) {
        return Some("carries another file there".to_owned());
    }
    if other.state != AttachmentState::Complete {
        return Some(format!("carries a file that is {:?} here and {:?} there", own.state, other.state));
    }
    let is_same = (0..own.total).all(|index| {
        let here = side.world.chunk(side.writes, own.id, index);
        here.is_some() && here == side.world.chunk(side.reads, other.id, index)
    });
    (!is_same).then(|| format!("carries a file with other bytes there: {:?} here", own.state))
}
