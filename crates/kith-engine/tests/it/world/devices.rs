//! A contact with two devices, joined by hand: Ana meets Bela's phone and Bela's laptop as two contacts, and then their tables
//! are made to say that both are one. How devices really come together is another matter, and tested elsewhere.

use kith_engine::ContactId;
use kith_session::{Session, Urgency};
use kith_wire::Wire;
use kith_wire::devices::{Device, DeviceList};
use kith_wire::id::Signature;
use kith_wire::limits::CONTENT_WINDOW;
use kith_wire::signed::Signed;
use rusqlite::params;

use super::{ANA, BELA, World};

/// Bela's other device; the first is `BELA`.
pub(crate) const LAPTOP: usize = 2;

/// Ana, and Bela with two devices.
pub(crate) struct Pair {
    pub(crate) world: World,
    /// Ana's contact Bela.
    pub(crate) bela: ContactId,
    /// The contact Ana on Bela's phone.
    pub(crate) ana: ContactId,
    /// The contact Ana on Bela's laptop.
    pub(crate) laptop: ContactId,
}

impl Pair {
    pub(crate) fn met(name: &str) -> Self {
        let (mut world, bela, ana) = World::met(name);
        world.add_person(&format!("{name}-laptop"), 1);
        world.settle();
        let (second, offer) = world.card(ANA);
        let laptop = world.accept(LAPTOP, offer);
        world.run(10);
        world.join(bela, second, laptop);
        // Reads the queues anew, and its storage can be made to fail from now on.
        world.crash(ANA);
        world.run(5);
        for who in [ANA, BELA, LAPTOP] {
            world.events(who);
        }
        Self { world, bela, ana, laptop }
    }

    /// Returns what the phone and the laptop show.
    pub(crate) fn shown(&self) -> [Vec<String>; 2] {
        [self.world.texts(BELA, self.ana), self.world.texts(LAPTOP, self.laptop)]
    }
}

impl World {
    fn join(&mut self, bela: ContactId, second: ContactId, laptop: ContactId) {
        let (bela, second, laptop) = (bela.0 as i64, second.0 as i64, laptop.0 as i64);
        let (phones, laptops) = (self.peer_list(ANA, bela), self.peer_list(ANA, second));
        let devices: Vec<Device> = [phones.devices.clone(), laptops.devices.clone()].concat();
        let (phone_id, laptop_id) = (phones.devices[0].id.0, laptops.devices[0].id.0);
        let list = DeviceList { devices, ..phones }.padded().unwrap();
        let list = Signed::<DeviceList>::new(list.to_bytes(), Signature([0; 64])).to_bytes();
        let keeper = &self.people[ANA].keeper;
        let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| keeper.execute(sql, values).unwrap();
        run("UPDATE contacts SET peer_list = ?2 WHERE id = ?1", &[&bela, &list]);
        run("UPDATE peers SET device = ?2 WHERE contact = ?1", &[&bela, &phone_id]);
        run("UPDATE peers SET contact = ?2, device = ?3 WHERE contact = ?1", &[&second, &bela, &laptop_id]);
        run("UPDATE queues SET contact = ?2 WHERE contact = ?1", &[&second, &bela]);
        run("DELETE FROM contacts WHERE id = ?1", &[&second]);
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?));
        let phone = &self.people[BELA].keeper;
        let (conversation, list) = phone.query_row("SELECT conversation, peer_list FROM contacts", [], read).unwrap();
        let sql = "UPDATE contacts SET conversation = ?2, peer_list = ?3 WHERE id = ?1";
        self.people[LAPTOP].keeper.execute(sql, params![laptop, conversation, list]).unwrap();
    }

    /// Fills the session with a device as months without it do: with frames that were given up, up to one before the last.
    pub(crate) fn fill(&mut self, who: usize, peer: i64) {
        let keeper = &self.people[who].keeper;
        let core: Vec<u8> = keeper.query_row("SELECT core FROM peers WHERE id = ?1", [peer], |row| row.get(0)).unwrap();
        let mut session = Session::restore(&core, std::iter::empty()).unwrap();
        let mut seqs = Vec::new();
        while session.unacknowledged() < CONTENT_WINDOW - 1 {
            seqs.push(session.seal(Vec::new(), Urgency::Content, &mut self.rng).unwrap().seq);
        }
        session.skip(&seqs);
        let sql = "UPDATE peers SET core = ?2, reply_at = ?3 WHERE id = ?1";
        keeper.execute(sql, params![peer, session.core_bytes().as_slice(), self.now.0 as i64]).unwrap();
    }

    fn peer_list(&self, who: usize, contact: i64) -> DeviceList {
        let sql = "SELECT peer_list FROM contacts WHERE id = ?1";
        let bytes: Vec<u8> = self.people[who].keeper.query_row(sql, [contact], |row| row.get(0)).unwrap();
        Signed::<DeviceList>::from_bytes(&bytes).unwrap().decode_unverified().unwrap()
    }
}
