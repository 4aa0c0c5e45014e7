//! People make backups, lose all devices, and go on from a backup on a new one. The file is tested elsewhere: here a backup is what it says.

use std::collections::BTreeMap;

use kith_engine::{BackupFrom, Command, Connection};
use kith_wire::Wire;
use kith_wire::backup::BackupItem;
use kith_wire::id::MessageId;

use super::World;
use super::faults::FOR_EVER_SECONDS;
use super::person::Standing;
use crate::device::{nth, owner};
use crate::names;
use crate::step::Told;

/// A backup that a person has in a safe place.
#[derive(Clone)]
pub(crate) struct Backup {
    items: Vec<BackupItem>,
    /// The messages in it, with whom.
    messages: Vec<(usize, MessageId)>,
    /// The spare cards in it: with whom, the id of the device that gave it towards this person, and the card.
    pub(crate) cards: BTreeMap<(usize, [u8; 16]), Vec<u8>>,
}

impl Backup {
    /// Returns whether it can close the account of a device that has this id among its person's own; a device that was never linked has none.
    fn closes(&self, id: [u8; 16]) -> bool {
        self.items.iter().any(|item| matches!(item, BackupItem::Closing { device, .. } if device.0 == id))
    }
}

impl World {
    /// A device makes a backup, if it is on and can; when it was lost, the one that came after it.
    pub(super) fn back_up_device(&mut self, who: usize) {
        let is_lost = self.people.has(who) && self.people[who].is_revoked();
        let who = if is_lost { self.speaker(who) } else { who };
        if !self.people.has(who) || !self.people[who].is_in_use() {
            return;
        }
        let Some(items) = self.items_of(who) else { return };
        let messages = self.history_for(who, Told::All);
        let cards = items.iter().filter_map(|item| match item {
            BackupItem::SpareCard { contact, device, offer } => {
                Some(((self.with_conversation(who, contact.0)?, device.0), offer.to_bytes()))
            }
            _ => None,
        });
        let cards = cards.collect();
        self.people[owner(who)].backup = Some(Backup { items, messages, cards });
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

    /// A person loses every device, and goes on from the newest backup on a new one. Who has no backup loses nothing.
    pub(super) fn lose_all(&mut self, who: usize, new: usize) -> bool {
        let Some(backup) = self.backup_for(who, new) else { return false };
        for device in self.people.of(owner(who)) {
            self.stop(device);
            self.people[device].off_until = self.now.plus_seconds(FOR_EVER_SECONDS);
            self.history.gone.insert(device);
        }
        self.go_on_from(backup, new)
    }

    /// Somebody who has a person's newest backup goes on from it. The person's devices are on: what the person does from now on is done on the new
    /// one, and the others must hear of it.
    pub(super) fn usurp(&mut self, who: usize, new: usize) -> bool {
        let Some(backup) = self.backup_for(who, new) else { return false };
        for device in self.people.in_use(owner(who)) {
            let has_closed = self.own_id(device).is_some_and(|id| backup.closes(id));
            let was_never_linked = nth(device) == 0 && backup.closes([0; 16]);
            if !has_closed && !was_never_linked {
                self.history.overlooked.insert(device);
            }
        }
        self.go_on_from(backup, new)
    }

    /// Somebody else goes on from the backup from which a device went on.
    pub(super) fn restore_again(&mut self, first: usize, new: usize) -> bool {
        if self.people.has(new) || !self.people.has(first) {
            return false;
        }
        let Some(backup) = self.people[first].restored_from.clone() else { return false };
        self.add_restored(&backup, new);
        self.people[new].standing = Standing::Strange;
        self.people[new].knew_the_first = self.who_knows_the_first(first);
        self.people[new].restored_from = Some(backup);
        true
    }

    fn backup_for(&self, who: usize, new: usize) -> Option<Backup> {
        if self.people.has(new) || !self.people.has(who) {
            return None;
        }
        self.people[owner(who)].backup.clone()
    }

    fn go_on_from(&mut self, backup: Backup, new: usize) -> bool {
        for device in self.people.of(owner(new)) {
            self.people[device].linking = None;
            self.people[device].standing = Standing::Revoked;
        }
        let is_done = self.add_restored(&backup, new);
        self.people[new].promised = backup.messages.clone();
        self.people[new].restored_from = Some(backup);
        self.people[new].welcomed = Some(self.now);
        self.people[new].came_back = Some(self.now);
        // From now on the person has had several devices.
        self.history.n_linked += 1;
        is_done
    }

    /// A new device takes a backup in, and goes online.
    fn add_restored(&mut self, backup: &Backup, new: usize) -> bool {
        let place = (owner(new) + nth(new)) % self.servers.len();
        let user = self.people[owner(new)].user.clone();
        self.add_device(new, place, user);
        let is_done = self.take_in(new, &backup.items);
        debug_assert!(is_done, "{} was not restored", names::person(new));
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
