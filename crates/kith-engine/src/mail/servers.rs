//! Home servers, the own one and those of contacts: addresses with pinned keys, and their newest descriptors.

use kith_crypto::sign::open_by;
use kith_wire::address::{ServerAddress, ServerUrl};
use kith_wire::descriptor::{Descriptor, EpochKeys, VersionRange};
use kith_wire::id::ServerKey;
use kith_wire::limits::EPOCH_SLACK_SECONDS;
use kith_wire::signed::Signed;
use kith_wire::{Timestamp, Wire};
use rusqlite::{Connection, params};
use thiserror::Error;

use crate::ground::database::{StorageError, column, exists, first, number, run};

pub(crate) const TABLES: &str = "
CREATE TABLE servers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    url TEXT NOT NULL,
    key BLOB NOT NULL,
    serial INTEGER,
    descriptor BLOB,
    UNIQUE (url, key)
) STRICT;
";

/// A home server in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ServerId(pub(crate) i64);

/// Why a descriptor is not believed. The one known before stays.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DescriptorError {
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// KE-3: the bytes are not a descriptor signed by the key that is pinned for this server.
    #[error("the home server does not prove the expected key")]
    NotSigned,
    /// KE-4: the serial is lower than one already seen.
    #[error("the home server shows a descriptor older than one already seen (serial {found}, seen {seen})")]
    Older {
        /// The serial found.
        found: u64,
        /// The highest one seen.
        seen: u64,
    },
    /// KE-5: no epoch of the descriptor is within two days of now.
    #[error("the home server's keys are not for this week: is a clock wrong?")]
    NoEpoch,
    /// The server speaks no version that this code speaks.
    #[error("the home server speaks no common version")]
    NoVersion,
}

/// Adds a server, or finds it.
pub(crate) fn add(db: &Connection, address: &ServerAddress) -> Result<ServerId, StorageError> {
    let key = &address.key.0;
    run(db, "INSERT OR IGNORE INTO servers (url, key) VALUES (?1, ?2)", params![address.url.as_str(), key])?;
    let id =
        first(db, "SELECT id FROM servers WHERE url = ?1 AND key = ?2", params![address.url.as_str(), key], |row| {
            row.get(0)
        })?;
    id.map(ServerId).ok_or(StorageError::Damaged("servers"))
}

/// Forgets the servers that nothing here names any more: who a contact was must not stay behind, and a contact that moves
/// from server to server must not fill the disk.
pub(crate) fn collect(db: &Connection) -> Result<(), StorageError> {
    run(
        db,
        "DELETE FROM servers WHERE NOT EXISTS (SELECT 1 FROM person WHERE server = servers.id) \
         AND NOT EXISTS (SELECT 1 FROM peers WHERE server = servers.id) \
         AND NOT EXISTS (SELECT 1 FROM attachments WHERE server = servers.id) \
         AND NOT EXISTS (SELECT 1 FROM card_requests WHERE server = servers.id) \
         AND NOT EXISTS (SELECT 1 FROM word_requests WHERE server = servers.id) \
         AND NOT EXISTS (SELECT 1 FROM closings_sent WHERE server = servers.id)",
        [],
    )?;
    Ok(())
}

/// Returns whether a server is known still.
pub(crate) fn is_known(db: &Connection, id: ServerId) -> Result<bool, StorageError> {
    exists(db, "SELECT 1 FROM servers WHERE id = ?1", [id.0])
}

/// Returns where a server is.
pub(crate) fn address(db: &Connection, id: ServerId) -> Result<ServerAddress, StorageError> {
    let row = first(db, "SELECT url, key FROM servers WHERE id = ?1", [id.0], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, [u8; 32]>(1)?))
    })?;
    let (url, key) = row.ok_or(StorageError::Damaged("servers"))?;
    let url = ServerUrl::parse(&url).map_err(|_| StorageError::Damaged("servers"))?;
    Ok(ServerAddress { url, key: ServerKey(key) })
}

/// Checks a descriptor against the pinned key and what is known, and keeps it.
pub(crate) fn learn(db: &Connection, id: ServerId, descriptor: &[u8], now: Timestamp) -> Result<(), DescriptorError> {
    let address = address(db, id)?;
    let checked = verify(&address.key, descriptor)?;
    let seen = first(db, "SELECT serial FROM servers WHERE id = ?1", [id.0], |row| row.get::<_, Option<i64>>(0))?;
    let seen = seen.flatten().map_or(0, number);
    if checked.serial < seen {
        return Err(DescriptorError::Older { found: checked.serial, seen });
    }
    if checked.versions.common(VersionRange::OURS).is_none() {
        return Err(DescriptorError::NoVersion);
    }
    if usable_epoch(&checked, now).is_none() {
        return Err(DescriptorError::NoEpoch);
    }
    run(
        db,
        "UPDATE servers SET serial = ?2, descriptor = ?3 WHERE id = ?1",
        params![id.0, column(checked.serial), descriptor],
    )?;
    Ok(())
}

/// Keeps a descriptor for every server that its key is pinned for: it came back without saying for whom.
pub(crate) fn learn_anywhere(db: &Connection, descriptor: &[u8], now: Timestamp) -> Result<(), StorageError> {
    let named = Signed::<Descriptor>::from_bytes(descriptor).and_then(|signed| signed.decode_unverified());
    let Ok(named) = named else { return Ok(()) };
    let key = &named.server_key.0;
    for id in crate::ground::database::all(db, "SELECT id FROM servers WHERE key = ?1", [key], |row| row.get(0))? {
        // One that is not believed changes nothing.
        if let Err(DescriptorError::Storage(problem)) = learn(db, ServerId(id), descriptor, now) {
            return Err(problem);
        }
    }
    Ok(())
}

/// The keys to which requests for a server are sealed.
pub(crate) struct Epoch {
    pub(crate) keys: EpochKeys,
    pub(crate) freshness: Freshness,
}

/// Whether keys are those of this very week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    Current,
    /// Still good, but the descriptor should be fetched again.
    Ageing,
}

/// Returns the epoch to which requests for a server are sealed now; `None` when its descriptor must be fetched first.
pub(crate) fn epoch(db: &Connection, id: ServerId, now: Timestamp) -> Result<Option<Epoch>, StorageError> {
    let row =
        first(db, "SELECT descriptor FROM servers WHERE id = ?1", [id.0], |row| row.get::<_, Option<Vec<u8>>>(0))?;
    let Some(bytes) = row.flatten() else { return Ok(None) };
    // It was verified before it was kept.
    let known = Signed::<Descriptor>::from_bytes(&bytes).and_then(|signed| signed.decode_unverified());
    let known = known.map_err(|_| StorageError::Damaged("servers"))?;
    let current = known.epochs.iter().find(|keys| keys.id == now.epoch());
    Ok(match (current, usable_epoch(&known, now)) {
        (Some(keys), _) => Some(Epoch { keys: keys.clone(), freshness: Freshness::Current }),
        (None, Some(keys)) => Some(Epoch { keys: keys.clone(), freshness: Freshness::Ageing }),
        (None, None) => None,
    })
}

fn verify(key: &ServerKey, descriptor: &[u8]) -> Result<Descriptor, DescriptorError> {
    let signed = Signed::<Descriptor>::from_bytes(descriptor).map_err(|_| DescriptorError::NotSigned)?;
    Ok(open_by(signed, &key.0).map_err(|_| DescriptorError::NotSigned)?.into_inner())
}

fn usable_epoch(descriptor: &Descriptor, now: Timestamp) -> Option<&EpochKeys> {
    descriptor.epochs.iter().find(|keys| {
        let (start, end) = (keys.id.start().minus_seconds(EPOCH_SLACK_SECONDS), keys.id.end());
        start <= now && now <= end.plus_seconds(EPOCH_SLACK_SECONDS)
    })
}

#[cfg(test)]
mod tests;
