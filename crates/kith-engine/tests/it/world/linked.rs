//! Linking devices as the programs around the engines do.

use std::collections::BTreeSet;

use kith_crypto::user::UserSecret;
use kith_engine::{Command, CommandError, ContactId, DeviceState, DeviceView, HistoryWish, Reply};
use kith_wire::card::CardOffer;

use super::World;

impl World {
    /// Ana and Bela know each other; Ana has a laptop at the other home server, not linked yet.
    pub(crate) fn with_laptop(name: &str) -> (Self, ContactId, ContactId) {
        let (mut world, bela, ana) = Self::met(name);
        world.add_person(&format!("{name}-laptop"), 1);
        world.run(10);
        (world, bela, ana)
    }

    /// Adds a folder at the first home server. Returns its number.
    pub(crate) fn add(&mut self, name: &str) -> usize {
        self.add_person(name, 0);
        self.run(10);
        self.people.len() - 1
    }

    /// Two people who know nothing of each other meet. Returns what each is to the other one.
    pub(crate) fn meets(&mut self, giver: usize, answerer: usize) -> (ContactId, ContactId) {
        let (there, offer) = self.card(giver);
        let here = self.accept(answerer, offer);
        self.run(10);
        (there, here)
    }

    /// In the next six hours so many have heard of something, and not all in one minute.
    pub(crate) fn spreads(&mut self, heard: impl Fn(&Self) -> usize, n_all: usize) {
        let mut times = BTreeSet::new();
        for minute in 0..6 * 60 + 2 {
            let before = heard(self);
            self.run(60);
            if heard(self) > before {
                times.insert(minute);
            }
        }
        assert_eq!(heard(self), n_all);
        assert!(times.len() >= 2, "{times:?}");
    }

    /// Returns the one other device of somebody who has two.
    pub(crate) fn other_device(&self, who: usize) -> DeviceView {
        self.people[who].engine.devices().unwrap().into_iter().find(|device| !device.is_this).unwrap()
    }

    /// Returns what somebody's devices are called, and which is the one that is asked.
    pub(crate) fn device_names(&self, who: usize) -> Vec<(String, bool)> {
        let devices = self.people[who].engine.devices().unwrap();
        let mut names: Vec<_> = devices.into_iter().map(|device| (device.name, device.is_this)).collect();
        names.sort();
        names
    }

    /// Makes a card for a new device.
    pub(crate) fn device_card(&mut self, who: usize) -> CardOffer {
        let link = Command::LinkDevice { name: "phone".to_owned(), expires: 600 };
        match self.command(who, link).unwrap() {
            Reply::Card { offer, .. } => *offer,
            other => panic!("not a card: {other:?}"),
        }
    }

    /// Answers it.
    pub(crate) fn join(&mut self, who: usize, offer: CardOffer) -> Result<Reply, CommandError> {
        self.command(who, Command::JoinDevice { offer: Box::new(offer), name: "laptop".to_owned() })
    }

    /// Returns the code that a device shows, and for which other one.
    pub(crate) fn comparing(&self, who: usize) -> Option<(ContactId, String)> {
        let devices = self.people[who].engine.devices().unwrap();
        devices.into_iter().find_map(|device| match device.state {
            DeviceState::Compare { code, .. } => Some((device.contact.unwrap(), code)),
            _ => None,
        })
    }

    /// Both have met and show the same code, and the person says so on the new device. Returns what it is to the old one.
    pub(crate) fn compared(&mut self, old: usize, new: usize) -> ContactId {
        self.run(10);
        let ((sibling, code), (contact, shown)) = (self.comparing(old).unwrap(), self.comparing(new).unwrap());
        assert_eq!(shown, code);
        self.command(new, Command::ConfirmCode { contact }).unwrap();
        self.run(5);
        sibling
    }

    /// Links `new` to `old`.
    pub(crate) fn link(&mut self, old: usize, new: usize, wish: HistoryWish) {
        let offer = self.device_card(old);
        self.join(new, offer).unwrap();
        let sibling = self.compared(old, new);
        self.welcome(old, sibling, wish).unwrap();
        self.run(5);
        self.adopt_from(old, new);
        self.run(60);
    }

    /// The new device's vault takes the user key over.
    pub(crate) fn adopt_from(&mut self, old: usize, new: usize) {
        let seed = self.people[new].engine.user_seed_to_adopt(&self.people[new].user).unwrap().unwrap();
        assert_eq!(seed.expose(), self.people[old].user.expose());
        self.adopt(new, UserSecret::from_seed(*seed.expose()));
    }
}
