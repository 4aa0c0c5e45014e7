//! What the checker needs to see of a world.

use kith_engine::{AttachmentId, MessageView};
use kith_session::Session;
use kith_wire::Wire;
use kith_wire::devices::DeviceList;
use kith_wire::id::MessageId;
use kith_wire::signed::Signed;

use super::World;
use crate::history::Shown;
use crate::names;

impl World {
    /// Names somebody.
    pub(crate) fn name_of(who: usize) -> String {
        names::person(who)
    }

    /// Returns all ordered pairs of people who know each other.
    pub(crate) fn acquaintances(&self) -> Vec<(usize, usize)> {
        let known =
            |(who, person): (usize, &super::Person)| person.known.keys().map(|of| (who, *of)).collect::<Vec<_>>();
        self.people.iter().enumerate().flat_map(known).collect()
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

    /// Returns what somebody's device keeps of a contact: card, handshake, device list and queues. Not the state of the session, which is
    /// written in numbers and times that agree by chance.
    pub(crate) fn kept_of(&self, holder: usize, of: usize) -> Vec<Vec<u8>> {
        let Some(contact) = self.people[holder].known.get(&of) else { return Vec::new() };
        let tables = ["SELECT * FROM contacts WHERE id = ?1", "SELECT queue FROM peers WHERE contact = ?1"];
        let mut pieces = Vec::new();
        for sql in tables {
            let Ok(mut statement) = self.people[holder].keeper.prepare(sql) else { continue };
            let n_columns = statement.column_count();
            let Ok(mut rows) = statement.query([contact.0.cast_signed()]) else { continue };
            while let Ok(Some(row)) = rows.next() {
                pieces.extend((0..n_columns).filter_map(|at| row.get_ref(at).ok()?.as_blob().ok().map(<[u8]>::to_vec)));
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

    /// Returns whether a person ever had a message before them.
    fn was_shown(&self, who: usize, id: &MessageId) -> bool {
        let is_it = |shown: &Shown| shown.who == who && shown.id == *id;
        self.history.glimpsed.contains(&(who, *id)) || self.history.shown.iter().any(is_it)
    }

    /// Looks for keys in copies of all sessions that open frames whose message was shown: there may be none, whatever the session
    /// says about their numbers. Returns what was found.
    pub(crate) fn reopened(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for (from, frames) in &self.history.sample {
            // Who went on from a copy has had messages before them that this copy knows nothing of.
            for who in (0..self.people.len()).filter(|who| !self.history.restored.contains(who)) {
                let Some(contact) = self.people[who].known.get(from) else { continue };
                let sql = format!("SELECT id, core FROM peers WHERE core IS NOT NULL AND contact = {}", contact.0);
                for (peer, core) in self.bytes(who, &sql) {
                    let early = self.bytes(who, &format!("SELECT seq, bytes FROM early WHERE peer = {peer}"));
                    let early = early.into_iter().filter_map(|(seq, bytes)| Some((u32::try_from(seq).ok()?, bytes)));
                    let Ok(session) = Session::restore(&core, early) else { continue };
                    let opens = |(message, frame): &&(MessageId, _)| {
                        self.was_shown(who, message) && session.holds_key_of(frame)
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
