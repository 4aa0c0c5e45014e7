//! What the checker needs to see of a world.

use std::collections::BTreeSet;

use kith_engine::{AttachmentId, ContactId, ContactView, MessageView};
use kith_session::Session;
use kith_wire::Wire;
use kith_wire::devices::DeviceList;
use kith_wire::id::MessageId;
use kith_wire::signed::Signed;

use super::World;
use crate::device::{is_strange, owner};
use crate::history::Reach;
use crate::names;

/// The column with the secrets of the holder's own device towards a contact.
const OWN: &str = "own";

impl World {
    /// Names somebody.
    pub(crate) fn name_of(who: usize) -> String {
        names::person(who)
    }

    /// Returns all ordered pairs of people who know each other.
    pub(crate) fn acquaintances(&self) -> Vec<(usize, usize)> {
        let known = |who: usize| self.people[who].known.keys().map(move |of| (owner(who), *of)).collect::<Vec<_>>();
        let pairs: BTreeSet<_> = self.people.numbers().into_iter().flat_map(known).collect();
        pairs.into_iter().collect()
    }

    /// Returns whether a device still knows a contact: a copy of before the meeting does not.
    pub(crate) fn knows(&self, who: usize, of: usize) -> bool {
        let person = &self.people[who];
        let contact = person.known.get(&of);
        contact.zip(person.engine.as_ref()).is_some_and(|(contact, engine)| engine.contact(*contact).is_ok())
    }

    /// Returns the servers that run and hand out another descriptor than the one that they go by.
    pub(crate) fn servers_that_mislead(&self) -> Vec<String> {
        let misleads = |server: &&super::Server| {
            let own = server.home.as_ref().map(|home| home.descriptor());
            own.is_some_and(|own| server.descriptors.last().is_none_or(|last| last != own))
        };
        self.servers.iter().filter(misleads).map(|server| server.urls[0].to_string()).collect()
    }

    /// Returns how a device shows a contact.
    pub(crate) fn contact_view(&self, who: usize, of: usize) -> Option<ContactView> {
        let person = &self.people[who];
        person.engine.as_ref()?.contact(*person.known.get(&of)?).ok()
    }

    /// Returns what a person sees of a conversation.
    pub(crate) fn conversation(&self, who: usize, with: usize) -> Vec<MessageView> {
        self.log(who, with)
    }

    /// Returns a sealed chunk of a file on somebody's device.
    pub(crate) fn chunk(&self, who: usize, attachment: AttachmentId, index: u32) -> Option<&Vec<u8>> {
        self.people[who].vault.get(&(attachment, index))
    }

    fn bytes(&self, who: usize, sql: &str) -> Vec<(i64, Vec<u8>)> {
        let Ok(mut statement) = self.people[who].keeper.prepare(sql) else { return Vec::new() };
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.map(|rows| rows.flatten().collect()).unwrap_or_default()
    }

    /// Returns the keys under which contacts know a person.
    pub(crate) fn contact_keys(&self, who: usize) -> Vec<(usize, [u8; 32])> {
        let lists = self.bytes(who, "SELECT id, own_list FROM contacts WHERE own_list IS NOT NULL");
        let key =
            |bytes: &[u8]| Some(Signed::<DeviceList>::from_bytes(bytes).ok()?.decode_unverified().ok()?.contact_key.0);
        lists.into_iter().filter_map(|(_, bytes)| Some((who, key(&bytes)?))).collect()
    }

    /// Returns what somebody's device keeps of a contact: card, handshake, device list and queues. Not the state of the session, nor the
    /// secrets of the device itself, which are written in numbers and times that agree by chance.
    pub(crate) fn kept_of(&self, holder: usize, of: usize) -> Vec<Vec<u8>> {
        let Some(contact) = self.people[holder].known.get(&of) else { return Vec::new() };
        let tables = ["SELECT * FROM contacts WHERE id = ?1", "SELECT queue FROM peers WHERE contact = ?1"];
        let mut pieces = Vec::new();
        for sql in tables {
            let Ok(mut statement) = self.people[holder].keeper.prepare(sql) else { continue };
            let told = (0..statement.column_count()).filter(|at| statement.column_name(*at) != Ok(OWN));
            let told: Vec<usize> = told.collect();
            let Ok(mut rows) = statement.query([contact.0.cast_signed()]) else { continue };
            while let Ok(Some(row)) = rows.next() {
                pieces.extend(told.iter().filter_map(|at| row.get_ref(*at).ok()?.as_blob().ok().map(<[u8]>::to_vec)));
            }
        }
        pieces
    }

    /// Returns what everybody knows of the servers: names and keys.
    pub(crate) fn declared(&self) -> Vec<Vec<u8>> {
        let of = |server: &super::Server| {
            let names = server.urls.iter().map(|url| url.as_str().as_bytes().to_vec());
            let key = server.home.as_ref().map(|home| home.server_key().0.to_vec());
            names.chain(key).collect::<Vec<_>>()
        };
        self.servers.iter().flat_map(of).collect()
    }

    /// Returns whether a device had a message before it that came over its own session with the writer. Where people have several
    /// devices, one may have heard of it from a sibling before.
    fn was_opened(&self, who: usize, id: &MessageId) -> bool {
        if self.has_linked() { self.history.was_shown(who, id) } else { self.history.was_seen(who, id) }
    }

    fn blobs(&self, who: usize, sql: &str) -> Vec<Vec<u8>> {
        self.bytes(who, sql).into_iter().map(|(_, bytes)| bytes).collect()
    }

    fn ids(&self, who: usize, sql: &str) -> Vec<[u8; 16]> {
        self.blobs(who, sql).into_iter().filter_map(|bytes| bytes.try_into().ok()).collect()
    }

    /// Returns the id of a device among its person's own, when it has one.
    pub(crate) fn own_id(&self, who: usize) -> Option<[u8; 16]> {
        self.ids(who, "SELECT id, device FROM own_device").first().copied()
    }

    /// Returns the id that a device has towards a contact.
    pub(crate) fn id_towards(&self, who: usize, of: usize) -> Option<[u8; 16]> {
        let contact = self.people[who].known.get(&of)?;
        let sql = format!("SELECT id, device FROM contacts WHERE device IS NOT NULL AND id = {}", contact.0);
        self.ids(who, &sql).first().copied()
    }

    /// Returns the ids of the devices of a contact that a device writes to.
    pub(crate) fn writes_to(&self, who: usize, of: usize) -> Vec<[u8; 16]> {
        let Some(contact) = self.people[who].known.get(&of) else { return Vec::new() };
        self.ids(
            who,
            &format!(
                "SELECT id, device FROM peers WHERE stopped = 0 AND device IS NOT NULL AND contact = {}",
                contact.0
            ),
        )
    }

    /// Returns the ids of the devices of a contact that a device has met and heard.
    fn has_heard(&self, who: usize, of: usize) -> Vec<[u8; 16]> {
        let Some(contact) = self.people[who].known.get(&of) else { return Vec::new() };
        let rows = |column| {
            let is_it = format!("stopped = 0 AND device IS NOT NULL AND core IS NOT NULL AND contact = {}", contact.0);
            self.bytes(who, &format!("SELECT id, {column} FROM peers WHERE {is_it} ORDER BY id"))
        };
        let is_established =
            |core: &[u8]| Session::restore(core, std::iter::empty()).is_ok_and(|session| session.is_established());
        let both = rows("device").into_iter().zip(rows("core"));
        both.filter(|(_, (_, core))| is_established(core)).filter_map(|((_, id), _)| id.try_into().ok()).collect()
    }

    /// Returns with how many devices of a contact a device has a session.
    pub(crate) fn n_sessions(&self, who: usize, of: usize) -> usize {
        let Some(contact) = self.people[who].known.get(&of) else { return 0 };
        self.bytes(
            who,
            &format!("SELECT id, core FROM peers WHERE stopped = 0 AND core IS NOT NULL AND contact = {}", contact.0),
        )
        .len()
    }

    /// Returns for which devices something is written to a contact now.
    pub(crate) fn reach(&self, who: usize, of: usize) -> Reach {
        let Some(contact) = self.people[who].known.get(&of) else { return Reach::default() };
        let sql = format!("SELECT id, peer_list FROM contacts WHERE peer_list IS NOT NULL AND id = {}", contact.0);
        let list = |bytes: Vec<u8>| Signed::<DeviceList>::from_bytes(&bytes).ok()?.decode_unverified().ok();
        let lists = self.blobs(who, &sql).into_iter().filter_map(list);
        Reach {
            readers: self.writes_to(who, of),
            heard: self.has_heard(who, of),
            revoked: lists.flat_map(|list| list.revoked.into_iter().map(|revoked| revoked.id.0)).collect(),
            siblings: self.ids(who, "SELECT contact, device FROM siblings WHERE state = 2 AND device IS NOT NULL"),
        }
    }

    fn conversation_of(&self, who: usize, contact: u64) -> Option<Vec<u8>> {
        let sql = format!("SELECT id, conversation FROM contacts WHERE conversation IS NOT NULL AND id = {contact}");
        self.blobs(who, &sql).pop()
    }

    /// Returns with whom a device has a conversation.
    pub(super) fn with_conversation(&self, who: usize, conversation: [u8; 16]) -> Option<usize> {
        let is_it =
            |contact: &ContactId| self.conversation_of(who, contact.0).is_some_and(|known| known == conversation);
        self.people[who].known.iter().find(|(_, contact)| is_it(contact)).map(|(of, _)| *of)
    }

    /// Finds out who the contacts of a device are that it heard of from a sibling: those with whom that one has the same conversation.
    pub(super) fn learn_contacts(&mut self, who: usize) {
        if !self.has_linked() && !is_strange(who) {
            return;
        }
        let rows = self.bytes(who, "SELECT id, conversation FROM contacts WHERE kind = 0 AND conversation IS NOT NULL");
        for (id, conversation) in rows {
            let contact = ContactId(id.cast_unsigned());
            if self.people[who].contacts.contains_key(&contact) {
                continue;
            }
            let is_it = |(_, known): &(&usize, &ContactId), device| {
                self.conversation_of(device, known.0).as_ref() == Some(&conversation)
            };
            let of = self.people.of(owner(who)).into_iter().filter(|device| *device != who).find_map(|device| {
                self.people[device].known.iter().find(|known| is_it(known, device)).map(|(of, _)| *of)
            });
            if let Some(of) = of {
                self.people[who].contacts.insert(contact, of);
                self.people[who].known.insert(of, contact);
            }
        }
    }

    /// Looks for keys in copies of all sessions that open frames whose message was shown: there may be none, whatever the session
    /// says about their numbers. Returns what was found.
    pub(crate) fn reopened(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for (from, frames) in &self.history.sample {
            // Who went on from a copy has had messages before them that this copy knows nothing of.
            for who in self.people.numbers().into_iter().filter(|who| !self.history.restored.contains(who)) {
                let Some(contact) = self.people[who].known.get(&owner(*from)) else { continue };
                let sql = format!("SELECT id, core FROM peers WHERE core IS NOT NULL AND contact = {}", contact.0);
                for (peer, core) in self.bytes(who, &sql) {
                    let early = self.bytes(who, &format!("SELECT seq, bytes FROM early WHERE peer = {peer}"));
                    let early = early.into_iter().filter_map(|(seq, bytes)| Some((u32::try_from(seq).ok()?, bytes)));
                    let Ok(session) = Session::restore(&core, early) else { continue };
                    let opens = |(message, frame): &&(MessageId, _)| {
                        self.was_opened(who, message) && session.holds_key_of(frame)
                    };
                    found.extend(frames.iter().find(opens).map(|_| {
                        (who, format!("a copy of {} holds the key of a frame that was shown", names::person(who)))
                    }));
                }
            }
        }
        found
    }
}
