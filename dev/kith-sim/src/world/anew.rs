//! People lose every device, have no backup and start anew. Contacts are sure that it is them, and take the new card for theirs.

use kith_engine::{Command, Reply, Whom};
use kith_wire::Timestamp;

use super::faults::FOR_EVER_SECONDS;
use super::person::Standing;
use super::{Happening, World};
use crate::device::{nth, owner};
use crate::names;
use crate::step::Step;

/// Seconds after which the contacts begin to hear of it.
const HEARD_SECONDS: u64 = 600;
/// Seconds after which a card that could not be taken is given anew.
const AGAIN_SECONDS: u64 = 300;

impl World {
    /// A person loses every device, and goes on with one that knows nothing and nobody.
    pub(super) fn start_anew(&mut self, who: usize, new: usize) -> bool {
        if self.people.has(new) || !self.people.has(who) {
            return false;
        }
        let person = owner(who);
        for device in self.people.of(person) {
            self.stop(device);
            self.people[device].off_until = self.now.plus_seconds(FOR_EVER_SECONDS);
            self.people[device].linking = None;
            self.people[device].standing = Standing::Revoked;
            self.history.gone.insert(device);
        }
        let place = (person + nth(new)) % self.servers.len();
        self.add_person(new, place);
        // Nothing that was said before is due on it, but what is written to it, or when the roll is called.
        self.people[new].welcomed = Some(Timestamp(u64::MAX));
        self.people[new].is_anew = true;
        self.history.n_linked += 1;
        let known: Vec<usize> =
            self.acquaintances().into_iter().filter(|(one, _)| *one == person).map(|(_, of)| of).collect();
        for of in known {
            let again = Step::TakeAgain { anew: new, taker: of };
            self.schedule_in(HEARD_SECONDS * 1000, Happening::Step(again));
        }
        true
    }

    /// A contact gives up what it has of a person, for a card of theirs. When something is missing, they try again.
    pub(super) fn take_again(&mut self, anew: usize, taker: usize) {
        let taker = self.speaker(taker);
        if !self.people[anew].is_in_use() || self.people[anew].known.contains_key(&owner(taker)) {
            return;
        }
        if !self.try_to_take(anew, taker) {
            let again = Step::TakeAgain { anew, taker };
            self.schedule_in(AGAIN_SECONDS * 1000, Happening::Step(again));
        }
    }

    fn try_to_take(&mut self, anew: usize, taker: usize) -> bool {
        self.learn_contacts(taker);
        let (person, by) = (owner(anew), owner(taker));
        let is_ready = self.people[taker].engine.is_some() && !self.people[taker].disk_fails;
        let Some(contact) = self.people[taker].known.get(&person).copied().filter(|_| is_ready) else { return false };
        let card = Command::CardNew { whom: Whom::New(Some(names::secret_name(by))), expires: 30 * 86_400 };
        let Some(Reply::Card { offer, contact: other, .. }) = self.command(anew, card) else { return false };
        // Where the session goes on it is ended first; one that has ended already needs nothing.
        self.command(taker, Command::EndSessions { contact, offer: offer.clone() });
        let accept = Command::CardAccept { offer, whom: Whom::Again(contact) };
        if self.command(taker, accept).is_none() {
            self.command(anew, Command::Forget { contact: other });
            return false;
        }
        self.people[anew].contacts.insert(other, by);
        self.people[anew].known.insert(by, other);
        let keys = [anew, taker].map(|who| self.contact_keys(who));
        self.history.look_for(keys.into_iter().flatten());
        self.tell(&[anew, taker], Step::TakeAgain { anew, taker }.to_string());
        true
    }
}
