//! A contact with two devices: Ana knows Bela, whose laptop is added here by hand, past the engines. How devices are linked and
//! meet by themselves is tested elsewhere.

use kith_crypto::sign::{ContactSecret, Verified};
use kith_engine::ContactId;
use kith_session::{
    ListChange, ListedDevice, OwnDevice, Session, Urgency, answer_device, check_card, check_list, device_card,
    next_list,
};
use kith_wire::Wire;
use kith_wire::address::{QueueAddress, ServerAddress};
use kith_wire::card::CardPurpose;
use kith_wire::devices::{DeviceList, RevocationReason};
use kith_wire::id::{ConversationId, DeviceId, SendCapability, SenderId, ServerKey};
use kith_wire::limits::CONTENT_WINDOW;
use kith_wire::signed::Signed;
use kith_wire::time::Hour;
use rand::rngs::StdRng;
use rusqlite::{ToSql, params};

use super::{ANA, BELA, LAPTOP, World};

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
        world.run(10);
        world.add_laptop();
        // They read the new queues, and Ana's storage can be made to fail from now on.
        for who in [ANA, BELA, LAPTOP] {
            world.crash(who);
        }
        world.run(10);
        for who in [ANA, BELA, LAPTOP] {
            world.events(who);
        }
        Self { world, bela, ana, laptop: ContactId(1) }
    }

    /// Returns what the phone and the laptop show.
    pub(crate) fn shown(&self) -> [Vec<String>; 2] {
        [self.world.texts(BELA, self.ana), self.world.texts(LAPTOP, self.laptop)]
    }
}

impl World {
    /// Bela's list names the laptop, and the laptop meets Ana's device by a device card.
    fn add_laptop(&mut self) {
        let own = OwnDevice::generate(&mut self.rng);
        let list = self.list_anew(&[ListChange::Add(own.entry(1))]);
        let anas = self.list(ANA, "own_list");
        let anas_own = OwnDevice::from_bytes(&self.blob(ANA, "SELECT own FROM contacts")).unwrap();
        let anas_queue = self.blob(BELA, "SELECT queue FROM peers");
        let conversation = self.blob(BELA, "SELECT conversation FROM contacts");
        let queue = self.take_queue(LAPTOP);

        let to = ListedDevice::by_id(&anas, &anas_own.id()).unwrap();
        let not_after = Hour(self.now.hour().0 + 24);
        let named = ConversationId(conversation.clone().try_into().unwrap());
        let card = device_card(&own, &list, &to, named, queue.clone(), not_after, &mut self.rng).unwrap();
        let from = ListedDevice::by_id(&list, &own.id()).unwrap();
        let checked = check_card(card.offer, CardPurpose::Device, self.now).unwrap();
        let back = QueueAddress::from_bytes(&anas_queue).unwrap();
        let answered = answer_device(&checked, &from, &anas_own, &anas, back, &mut self.rng).unwrap();
        let mut met = card.giver.accept(&answered.answer, self.now, &mut self.rng).unwrap();
        let confirmed = answered.answerer.confirm(&met.confirm.frame, self.now, &mut self.rng).unwrap();
        met.session.open(&confirmed.first.frame, self.now, &mut self.rng).unwrap();

        let (id, core) = (own.id().0, confirmed.session.core_bytes());
        self.alter(ANA, "UPDATE contacts SET peer_list = ?1", &[&list.signed().to_bytes()]);
        let sql = "INSERT INTO peers (contact, server, queue, core, device, moved) \
                   SELECT contact, server, ?1, ?2, ?3, moved FROM peers";
        self.alter(ANA, sql, &[&queue.to_bytes(), &core.as_slice(), &id]);
        let lists = (list.signed().to_bytes(), anas.signed().to_bytes());
        let sql = "INSERT INTO contacts (id, name, stage, conversation, device, own_list, peer_list, own) \
                   VALUES (1, 'Ana', 2, ?1, ?2, ?3, ?4, ?5)";
        self.alter(LAPTOP, sql, &[&conversation, &id, &lists.0, &lists.1, &own.to_bytes().as_slice()]);
        let (url, key) =
            (self.servers[0].url.as_str().to_owned(), QueueAddress::from_bytes(&anas_queue).unwrap().server.key.0);
        self.alter(LAPTOP, "INSERT INTO servers (url, key) VALUES (?1, ?2)", &[&url, &key]);
        let sql = "INSERT INTO peers (contact, server, queue, core, device, moved) \
                   VALUES (1, (SELECT max(id) FROM servers), ?1, ?2, ?3, (SELECT id FROM queues WHERE contact = 1))";
        self.alter(LAPTOP, sql, &[&anas_queue, &met.session.core_bytes().as_slice(), &anas_own.id().0]);
    }

    /// Gives a spare queue of somebody to their first contact.
    fn take_queue(&self, who: usize) -> QueueAddress {
        let keeper = &self.people[who].keeper;
        let sql = "UPDATE queues SET state = 2, contact = 1 WHERE id = (SELECT min(id) FROM queues WHERE state = 1) \
                   RETURNING sender, capability";
        let read = |row: &rusqlite::Row<'_>| Ok((SenderId(row.get(0)?), SendCapability::new(row.get(1)?)));
        let (sender_id, capability) = keeper.query_row(sql, [], read).unwrap();
        let key = ServerKey(self.blob(who, "SELECT key FROM servers ORDER BY id LIMIT 1").try_into().unwrap());
        let url = self.servers[self.people[who].server].url.clone();
        QueueAddress { server: ServerAddress { url, key }, sender_id, capability }
    }

    /// Bela takes the laptop out, on the phone, with the password.
    pub(crate) fn revoke_laptop(&mut self) {
        let laptop = DeviceId(self.blob(LAPTOP, "SELECT device FROM contacts").try_into().unwrap());
        self.list_anew(&[ListChange::Revoke(laptop, RevocationReason::Compromised)]);
    }

    /// Bela signs a list for Ana, on the phone, which says so.
    fn list_anew(&mut self, changes: &[ListChange]) -> Verified<DeviceList> {
        let secret = self.belas_secret();
        let old = self.list(BELA, "own_list");
        let list = next_list(&old, changes, 0, 1, &secret, self.now.day(), &mut self.rng).unwrap();
        self.alter(BELA, "UPDATE contacts SET own_list = ?1", &[&list.signed().to_bytes()]);
        self.with_session(BELA, 1, |session, _| session.set_devices(list.clone()));
        list
    }

    /// Opens Bela's contact key for Ana.
    fn belas_secret(&self) -> ContactSecret {
        let secret = self.blob(BELA, "SELECT secret FROM contacts");
        let seed = self.people[BELA].user.open(b"kith/1/contact-secret", &secret).unwrap();
        ContactSecret::from_seed(seed.as_ref().try_into().unwrap())
    }

    /// Changes the session with a device as the engine would, and lets the engine speak.
    fn with_session(&mut self, who: usize, peer: i64, change: impl FnOnce(&mut Session, &mut StdRng)) {
        let keeper = &self.people[who].keeper;
        let core: Vec<u8> = keeper.query_row("SELECT core FROM peers WHERE id = ?1", [peer], |row| row.get(0)).unwrap();
        let mut session = Session::restore(&core, std::iter::empty()).unwrap();
        change(&mut session, &mut self.rng);
        let sql = "UPDATE peers SET core = ?2, reply_at = ?3 WHERE id = ?1";
        keeper.execute(sql, params![peer, session.core_bytes().as_slice(), self.now.0 as i64]).unwrap();
    }

    /// Fills the session with a device as months without it do: with frames that were given up, up to one before the last.
    pub(crate) fn fill(&mut self, who: usize, peer: i64) {
        self.with_session(who, peer, |session, rng| {
            let mut seqs = Vec::new();
            while session.unacknowledged() < CONTENT_WINDOW - 1 {
                seqs.push(session.seal(Vec::new(), Urgency::Content, rng).unwrap().seq);
            }
            session.skip(&seqs);
        });
    }

    /// Returns a list of somebody's first contact.
    pub(crate) fn list(&self, who: usize, column: &str) -> Verified<DeviceList> {
        let signed =
            Signed::<DeviceList>::from_bytes(&self.blob(who, &format!("SELECT {column} FROM contacts"))).unwrap();
        let key = signed.decode_unverified().unwrap().contact_key;
        check_list(signed, &key).unwrap()
    }

    /// Changes the newest list that Ana has of Bela.
    pub(crate) fn replace_list(&mut self, who: usize, change: impl FnOnce(&mut DeviceList)) {
        let mut list = self.list(who, "peer_list").into_inner();
        change(&mut list);
        let list = self.belas_secret().sign(&list.padded().unwrap()).to_bytes();
        self.alter(who, "UPDATE contacts SET peer_list = ?1", &[&list]);
    }

    /// Returns the one value that a query on somebody's tables gives.
    pub(crate) fn blob(&self, who: usize, sql: &str) -> Vec<u8> {
        self.people[who].keeper.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Changes somebody's tables.
    pub(crate) fn alter(&self, who: usize, sql: &str, values: &[&dyn ToSql]) {
        self.people[who].keeper.execute(sql, values).unwrap();
    }
}
