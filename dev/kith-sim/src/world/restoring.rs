//! People make backups, lose all devices, and go on from a backup on a new one. The file is tested elsewhere: here a backup is what it says.

use std::collections::BTreeSet;

use kith_engine::{BackupFrom, Command, Connection};
use kith_wire::backup::BackupItem;
use kith_wire::id::MessageId;

use super::World;
use super::faults::FOR_EVER_SECONDS;
use super::person::Standing;
use crate::device::{nth, owner};
use crate::names;
use crate::step::Told;

/// A backup that a person has in a safe place.
pub(super) struct Backup {
    items: Vec<BackupItem>,
    /// The messages in it, with whom.
    messages: Vec<(usize, MessageId)>,
    /// The devices of contacts whose spare cards are in it: with whom, and the device's id towards this person.
    cards: BTreeSet<(usize, [u8; 16])>,
}

impl World {
    /// A device makes a backup, if it is on and can.
    pub(super) fn back_up_device(&mut self, who: usize) {
        if !self.people.has(who) || !self.people[who].is_in_use() {
            return;
        }
        let Some(items) = self.items_of(who) else { return };
        let messages = self.history_for(who, Told::All);
        let cards = items.iter().filter_map(|item| match item {
            BackupItem::SpareCard { contact, device, .. } => Some((self.with_conversation(who, contact.0)?, device.0)),
            _ => None,
        });
        let cards = cards.collect();
        self.people[who].backup = Some(Backup { items, messages, cards });
        self.tell(&[who], format!("{} made a backup", names::person(who)));
    }

    fn items_of(&mut self, who: usize) -> Option<Vec<BackupItem>> {
        let now = self.people[who].local(self.now);
        let engine = self.people[who].engine.as_mut()?;
        let mut run = engine.begin_backup(None, now, &mut self.rng).ok()?.run;
        let mut items = Vec::new();
        loop {
            let portion = engine.continue_backup(&mut run, now).ok()?;
            items.extend(portion.items);
            if portion.is_last {
                return engine.backup_done(run.mark(), now, &mut self.rng).ok().map(|()| items);
            }
        }
    }

    /// A person loses every device, and goes on from the backup of one of them on a new one. Who has no backup loses nothing.
    pub(super) fn go_on_from_backup(&mut self, who: usize, new: usize) -> bool {
        if self.people.has(new) || !self.people.has(who) {
            return false;
        }
        let Some(backup) = self.people[who].backup.take() else { return false };
        for device in self.people.of(owner(who)) {
            self.stop(device);
            self.people[device].off_until = self.now.plus_seconds(FOR_EVER_SECONDS);
            self.people[device].linking = None;
            self.people[device].standing = Standing::Revoked;
            self.history.gone.insert(device);
        }
        let place = (owner(new) + nth(new)) % self.servers.len();
        let user = self.people[who].user.clone();
        self.add_device(new, place, user);
        let is_done = self.take_in(new, &backup.items);
        debug_assert!(is_done, "{} was not restored", names::person(new));
        self.people[new].promised = backup.messages;
        self.people[new].cards = backup.cards;
        self.people[new].welcomed = Some(self.now);
        self.people[new].came_back = Some(self.now);
        // From now on the person has had several devices.
        self.history.n_linked += 1;
        self.learn_contacts(new);
        self.command(new, Command::Connect(Connection::Wanted));
        is_done
    }

    /// A new device takes a backup in, and opens an account.
    fn take_in(&mut self, new: usize, items: &[BackupItem]) -> bool {
        let now = self.people[new].local(self.now);
        let user = self.people[new].user.clone();
        let name = names::secret_device(new);
        let Some(engine) = self.people[new].engine.as_mut() else { return false };
        let is_begun = engine.begin_restore(&name, BackupFrom::File, now, &mut self.rng).is_ok();
        let is_in = is_begun && engine.restore(&user, items.to_vec(), now, &mut self.rng).is_ok();
        if !is_in || !self.open_account(new) {
            return false;
        }
        let Some(engine) = self.people[new].engine.as_mut() else { return false };
        let is_done = engine.finish_restore(&user, now, &mut self.rng).is_ok();
        self.drain(new);
        is_done
    }
}
