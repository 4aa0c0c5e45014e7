//! People link devices, enter passwords and take devices out, and somebody without the password tries to add one.

use kith_crypto::user::UserSecret;
use kith_engine::{Command, ContactId, DeviceError, DeviceState, HistoryWish, Reply};
use kith_wire::Timestamp;
use kith_wire::card::CardOffer;
use kith_wire::devices::RevocationReason;
use kith_wire::id::{DeviceId, MessageId};
use rand::RngExt as _;

use super::person::Standing;
use super::{Happening, World};
use crate::device::{is_strange, owner};
use crate::names;
use crate::step::{Step, Told};

/// Milliseconds between two looks at a device that is being linked.
const LOOK_MS: u64 = 15_000;
/// Seconds after which people give up.
const PATIENCE_SECONDS: u64 = 2 * 86_400;
/// Seconds for which the card of a link is good.
const CARD_SECONDS: u64 = 86_400;
/// Seconds after which a person who cannot take a device out yet tries again.
const AGAIN_SECONDS: u64 = 3_600;

/// A device that is being linked.
pub(super) struct Linking {
    /// The device that the person has.
    old: usize,
    told: Told,
    since: Timestamp,
    offer: Option<Box<CardOffer>>,
    is_answered: bool,
    is_welcome: bool,
}

impl World {
    /// Somebody has a new device, or a thief has one, and wants it to be one of the person's.
    pub(super) fn link(&mut self, old: usize, new: usize, told: Told) {
        let is_known = self.people.has(new);
        if self.people.in_use(owner(old)).is_empty() || is_known && self.people[new].linking.is_none() {
            return;
        }
        if !is_known {
            let place = (owner(new) + crate::device::nth(new)) % self.servers.len();
            self.add_person(new, place);
            self.people[new].standing = if is_strange(new) { Standing::Strange } else { Standing::New };
        }
        let old = self.speaker(old);
        let linking = Linking { old, told, since: self.now, offer: None, is_answered: false, is_welcome: false };
        self.people[new].linking = Some(linking);
        self.tell(&[old, new], Step::Link { old, new, told }.to_string());
        self.schedule_in(LOOK_MS, Happening::LinkOn { new });
    }

    /// Goes on with linking, as far as it goes.
    pub(super) fn link_on(&mut self, new: usize) {
        let Some(linking) = self.people[new].linking.take() else { return };
        let age = self.now.seconds().saturating_sub(linking.since.seconds());
        if age > PATIENCE_SECONDS && !linking.is_welcome {
            return self.tell(&[linking.old, new], format!("{} was not linked", names::person(new)));
        }
        if let Some(linking) = self.link_further(new, linking) {
            self.people[new].linking = Some(linking);
            let wait = LOOK_MS + self.luck.random_range(0..LOOK_MS);
            self.schedule_in(wait, Happening::LinkOn { new });
        }
    }

    fn link_further(&mut self, new: usize, mut linking: Linking) -> Option<Linking> {
        let old = linking.old;
        if linking.is_welcome {
            return if self.adopt(new) { None } else { Some(linking) };
        }
        if linking.offer.is_none() && self.has_queue(new) && self.has_queue(old) {
            let link = Command::LinkDevice { name: names::secret_device(old), expires: CARD_SECONDS };
            if let Some(Reply::Card { offer, .. }) = self.command(old, link) {
                linking.offer = Some(offer);
            }
        }
        if let Some(offer) = linking.offer.clone().filter(|_| !linking.is_answered) {
            let join = Command::JoinDevice { offer, name: names::secret_device(new) };
            linking.is_answered = self.command(new, join).is_some();
        }
        let sibling = self.same_code(old, new).filter(|_| linking.is_answered);
        if let Some(sibling) = sibling {
            self.say_the_same(new);
            match self.welcome(old, new, sibling, linking.told) {
                Ok(()) => linking.is_welcome = true,
                Err(Refused::ForGood) => {
                    self.history.fault("device refused for want of the password");
                    self.tell(&[old, new], format!("{} was refused", names::person(new)));
                    return None;
                }
                Err(Refused::ForNow) => {}
            }
        }
        Some(linking)
    }

    fn has_queue(&self, who: usize) -> bool {
        let person = &self.people[who];
        let status = person.engine.as_ref().map(|engine| engine.status(person.local(self.now)));
        status.and_then(Result::ok).is_some_and(|status| status.registered && status.spare_queues > 0)
    }

    /// Returns what the old device calls the new one, when both show the same code.
    fn same_code(&self, old: usize, new: usize) -> Option<ContactId> {
        let codes = |who: usize| {
            let devices = self.people[who].engine.as_ref().and_then(|engine| engine.devices().ok()).unwrap_or_default();
            devices.into_iter().filter_map(|device| match device.state {
                DeviceState::Compare { code, .. } => Some((code, device.contact?)),
                _ => None,
            })
        };
        let shown: Vec<String> = codes(new).map(|(code, _)| code).collect();
        codes(old).find(|(code, _)| shown.contains(code)).map(|(_, contact)| contact)
    }

    /// The person says on the new device that both show the same code.
    fn say_the_same(&mut self, new: usize) {
        let devices = self.people[new].engine.as_ref().and_then(|engine| engine.devices().ok()).unwrap_or_default();
        let asking = devices.into_iter().find(|device| matches!(device.state, DeviceState::Compare { asks: true, .. }));
        if let Some(contact) = asking.and_then(|device| device.contact) {
            self.command(new, Command::ConfirmCode { contact });
        }
    }

    /// The person compares and enters the password; a thief cannot.
    fn welcome(&mut self, old: usize, new: usize, sibling: ContactId, told: Told) -> Result<(), Refused> {
        let is_theft = is_strange(new);
        let user = if is_theft { UserSecret::generate(&mut self.rng) } else { self.people[old].user.clone() };
        let now = self.people[old].local(self.now);
        let wish = match told {
            Told::Nothing => HistoryWish::None,
            Told::Days => HistoryWish::Days(Told::DAYS),
            Told::All => HistoryWish::All,
        };
        let promised = self.history_for(old, told);
        let Some(engine) = self.people[old].engine.as_mut() else { return Err(Refused::ForNow) };
        let done = engine.welcome_device(&user, sibling, wish, now, &mut self.rng);
        self.drain(old);
        match done {
            Ok(()) => {
                self.people[new].promised = promised;
                self.people[new].welcomed = Some(self.now);
                self.tell(&[old, new], format!("{} was welcomed by {}", names::person(new), names::person(old)));
                Ok(())
            }
            Err(DeviceError::WrongUserKey) if is_theft => Err(Refused::ForGood),
            Err(_) => Err(Refused::ForNow),
        }
    }

    /// Returns the messages that a new device must have in the end.
    pub(super) fn history_for(&self, old: usize, told: Told) -> Vec<(usize, MessageId)> {
        let since = match told {
            Told::Nothing => return Vec::new(),
            // Not those that are as old as one clock may be wrong.
            Told::Days => self.people[old].local(self.now).minus_seconds(u64::from(Told::DAYS) * 86_400 - 60),
            Told::All => Timestamp(0),
        };
        let of = self.people[old].known.keys().copied();
        let log = |of| {
            self.log(old, of).into_iter().filter(|message| message.sent >= since).map(move |message| (of, message.id))
        };
        of.flat_map(log).collect()
    }

    /// The new device's vault makes the person's key its own.
    fn adopt(&mut self, new: usize) -> bool {
        let person = &mut self.people[new];
        let now = person.local(self.now);
        let Some(engine) = person.engine.as_mut() else { return false };
        let Ok(Some(seed)) = engine.user_seed_to_adopt(&person.user) else { return false };
        let user = UserSecret::from_seed(*seed.expose());
        let is_done = engine.user_adopted(&user, now, &mut self.rng).is_ok();
        if is_done {
            person.user = user;
            if person.standing == Standing::New {
                person.standing = Standing::InUse;
                self.history.n_linked += 1;
                self.history.fault("device linked");
                self.tell(&[new], format!("{} is linked", names::person(new)));
            }
        }
        self.drain(new);
        is_done
    }

    /// Somebody enters their password.
    pub(super) fn unlock(&mut self, who: usize) -> bool {
        let person = &mut self.people[who];
        let now = person.local(self.now);
        let Some(engine) = person.engine.as_mut() else { return false };
        let done = engine.refresh_device_lists(&person.user, now, &mut self.rng).is_ok();
        self.drain(who);
        done
    }

    /// A person takes one of their devices out.
    pub(super) fn revoke(&mut self, who: usize, device: usize) {
        let is_there = self.people.has(device) && self.people[device].is_in_use();
        let by = if is_there { self.other(who, device) } else { None };
        let Some(by) = by else { return };
        if !self.can_spare(device) || !self.try_to_revoke(by, device) {
            self.schedule_in(AGAIN_SECONDS * 1000, Happening::Step(Step::Revoke { who, device }));
        }
    }

    /// Returns a device of a person other than one of them: that one, if it may be.
    fn other(&self, who: usize, device: usize) -> Option<usize> {
        let others = self.people.in_use(owner(device)).into_iter().filter(|other| *other != device);
        let mut others: Vec<usize> = others.collect();
        others.sort_by_key(|other| *other != who);
        others.first().copied()
    }

    /// Whether each other device of the person can write to whomever this one knows: whoever puts away the only device that a contact
    /// has met has lost the contact.
    fn can_spare(&self, device: usize) -> bool {
        let others = self.people.in_use(owner(device)).into_iter().filter(|other| *other != device);
        let known: Vec<usize> = self.people[device].known.keys().copied().collect();
        let mut others = others.peekable();
        others.peek().is_some()
            && others.all(|other| known.iter().all(|of| self.n_sessions(other, *of) >= self.people.in_use(*of).len()))
    }

    fn try_to_revoke(&mut self, by: usize, device: usize) -> bool {
        let Some(id) = self.own_id(device) else { return false };
        let person = &mut self.people[by];
        let now = person.local(self.now);
        let Some(engine) = person.engine.as_mut() else { return false };
        let done =
            engine.revoke_device(&person.user, DeviceId(id), RevocationReason::Compromised, now, &mut self.rng).is_ok();
        self.drain(by);
        if done {
            self.people[device].standing = Standing::Revoked;
            self.history.fault("device revoked");
            self.tell(&[by, device], format!("{} took {} out", names::person(by), names::person(device)));
        }
        done
    }
}

/// Why a device was not welcomed.
enum Refused {
    /// It is tried again.
    ForNow,
    /// The password was wrong.
    ForGood,
}
