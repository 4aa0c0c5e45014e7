//! Accounts of revoked devices: closed at their home servers, so that nothing waits there for whoever has the device (KE-88).
//!
//! Each device leaves the statement that closes its own account with its siblings, sealed to the user key. Whoever revokes it, with the
//! password, opens the statement, tells the others, and all of them send it until the server has it.

use kith_crypto::request::{closing_statement, verify_closing};
use kith_crypto::sealed::{PendingAnswer, seal};
use kith_crypto::user::UserSecret;
use kith_wire::Timestamp;
use kith_wire::Wire;
use kith_wire::address::{ServerAddress, ServerUrl};
use kith_wire::backup::BackupItem;
use kith_wire::id::{AccountKey, DeviceId, ServerKey, Signature};
use kith_wire::operation::{Answer, Operation, Request};
use kith_wire::sealed::{OneShotReply, SealKind};
use kith_wire::sync::SyncItem;
use rusqlite::{Connection, params};

use crate::devices::own_devices;
use crate::devices::siblings::Sibling;
use crate::devices::sync;
use crate::errors::{CommandError, DeviceError};
use crate::ground::clocks::{ANY, Mended, PutOff};
use crate::ground::database::{StorageError, all, column, count, exists, run};
use crate::ground::person;
use crate::ground::work::Work;
use crate::mail::answers;
use crate::mail::connection::Link;
use crate::mail::jobs::Job;
use crate::mail::pump::Pump;
use crate::mail::servers::{self, ServerId};

/// What version 4 adds: the statements of siblings, and those that are to be sent.
pub(crate) const TABLES_4: &str = "
CREATE TABLE closings (
    device BLOB NOT NULL,
    later INTEGER NOT NULL,
    url TEXT NOT NULL,
    key BLOB NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (device, later)
) STRICT, WITHOUT ROWID;
CREATE TABLE closings_sent (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    device BLOB NOT NULL,
    server INTEGER NOT NULL,
    account BLOB NOT NULL UNIQUE,
    signature BLOB NOT NULL,
    due INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT;
";

/// Binds a sealed statement to its purpose.
const PURPOSE: &[u8] = b"kith/1/account-close";
/// The name of a device that was never linked.
const NAMELESS: DeviceId = DeviceId([0; 16]);
/// Statements that are kept at most: a person has eight devices at a time, and a sibling that lies must not fill the disk.
const MAX_KEPT: u64 = 64;
/// Statements that siblings may tell of one revoked device: the first that it left, and the newest.
const MAX_OF_DEVICE: u64 = 2;
/// Bytes of a sealed statement at most.
const MAX_SEALED: usize = 2048;
/// Seconds after which a statement is sent again that no answer came to.
const AGAIN_SECONDS: u64 = 3600;
/// When it is sent again.
pub(crate) const PUT_OFF: PutOff = PutOff {
    table: "closings_sent",
    time: "due",
    which: ANY,
    longest_ms: AGAIN_SECONDS * 1000,
    mended: Mended::AtOnce,
};
/// Seconds after which it is sent again to a server that has other keys than were known.
const SOON_SECONDS: u64 = 60;
/// Seconds after which it is given up: what waited for the device has expired by then.
const GIVEN_UP_SECONDS: u64 = 60 * 24 * 3600;

/// Returns what this device leaves with its siblings; nothing before it is at home somewhere.
fn own_item(work: &mut Work<'_>) -> Result<Option<SyncItem>, StorageError> {
    let Some(own) = own_devices::find(work.db)? else { return Ok(None) };
    let Some((server, sealed)) = own_statement(work, own.device)? else { return Ok(None) };
    Ok(Some(SyncItem::Closing { device: own.device, server, sealed }))
}

/// Makes the statement that closes this device's account, sealed to the user key; nothing before it is at home somewhere.
fn own_statement(work: &mut Work<'_>, device: DeviceId) -> Result<Option<(ServerAddress, Vec<u8>)>, StorageError> {
    let Some(person) = person::find(work.db)? else { return Ok(None) };
    let user = match person::user_key(work.db) {
        Ok(user) => user,
        Err(CommandError::Storage(problem)) => return Err(problem),
        Err(_) => return Ok(None),
    };
    let statement = closing_statement(&person.account, &person.address.key);
    let content = [device.0.as_slice(), &person.address.key.0, &person.account.public().0, &statement.0].concat();
    let sealed = user.seal(PURPOSE, &content, work.rng).map_err(|_| StorageError::Damaged("user_key"))?;
    Ok(Some((person.address, sealed)))
}

/// Returns what a backup says to close the account of this device with. One that was never linked has no name among the person's devices,
/// and needs none.
pub(crate) fn own_for_backup(work: &mut Work<'_>) -> Result<Option<BackupItem>, StorageError> {
    let device = own_devices::find(work.db)?.map_or(NAMELESS, |own| own.device);
    let Some((server, sealed)) = own_statement(work, device)? else { return Ok(None) };
    Ok(Some(BackupItem::Closing { device, server, sealed }))
}

/// Returns the statements of other devices that a backup says, as far as they became known after a run.
pub(crate) fn for_backup(db: &Connection, above: i64) -> Result<Vec<BackupItem>, StorageError> {
    let sql = "SELECT device, url, key, sealed FROM closings WHERE changed > ?1 ORDER BY device, later";
    let known = all(db, sql, [above], |row| {
        Ok((DeviceId(row.get(0)?), row.get::<_, String>(1)?, ServerKey(row.get(2)?), row.get::<_, Vec<u8>>(3)?))
    })?;
    let item = |(device, url, key, sealed): (_, String, _, _)| {
        let url = ServerUrl::parse(&url).map_err(|_| StorageError::Damaged("closings"))?;
        Ok(BackupItem::Closing { device, server: ServerAddress { url, key }, sealed })
    };
    known.into_iter().map(item).collect()
}

/// A backup says a statement. It was sealed to the user key, and is opened when the restored device replaces all others.
pub(crate) fn take_restored(
    db: &Connection,
    device: DeviceId,
    server: &ServerAddress,
    sealed: &[u8],
) -> Result<(), StorageError> {
    let is_known = exists(db, "SELECT 1 FROM closings WHERE device = ?1 AND sealed = ?2", params![device.0, sealed])?;
    let is_full = count(db, "SELECT count(*) FROM closings", [])? >= 2 * MAX_KEPT;
    if is_known || is_full || sealed.len() > MAX_SEALED {
        return Ok(());
    }
    let later = count(db, "SELECT count(*) FROM closings WHERE device = ?1", [device.0])? > 0;
    let sql = "INSERT OR REPLACE INTO closings (device, later, url, key, sealed) VALUES (?1, ?2, ?3, ?4, ?5)";
    run(db, sql, params![device.0, later, server.url.as_str(), server.key.0, sealed])?;
    Ok(())
}

/// A restored device replaces all others: their accounts are closed (KE-104).
pub(crate) fn close_all(work: &mut Work<'_>, user: &UserSecret) -> Result<(), DeviceError> {
    for device in all(work.db, "SELECT DISTINCT device FROM closings ORDER BY device", [], |row| row.get(0))? {
        close(work, user, DeviceId(device))?;
    }
    Ok(())
}

/// Leaves this device's statement with one sibling that it has met.
pub(crate) fn leave_with(work: &mut Work<'_>, sibling: &Sibling) -> Result<(), StorageError> {
    match own_item(work)? {
        Some(item) => sync::tell_one(work, sibling.contact, &item),
        None => Ok(()),
    }
}

/// Leaves this device's statement with all siblings.
pub(crate) fn leave_with_all(work: &mut Work<'_>) -> Result<(), StorageError> {
    match own_item(work)? {
        Some(item) => sync::tell(work, &item),
        None => Ok(()),
    }
}

/// Tells a new sibling the statements of the others.
pub(crate) fn tell_known(work: &mut Work<'_>, sibling: &Sibling) -> Result<(), StorageError> {
    let known = all(work.db, "SELECT device, url, key, sealed FROM closings ORDER BY device, later", [], |row| {
        let place = (row.get::<_, String>(1)?, ServerKey(row.get(2)?));
        Ok((DeviceId(row.get(0)?), place, row.get::<_, Vec<u8>>(3)?))
    })?;
    for (device, (url, key), sealed) in known.into_iter().filter(|(device, ..)| Some(*device) != sibling.device) {
        let url = ServerUrl::parse(&url).map_err(|_| StorageError::Damaged("closings"))?;
        let item = SyncItem::Closing { device, server: ServerAddress { url, key }, sealed };
        sync::tell_one(work, sibling.contact, &item)?;
    }
    Ok(())
}

/// A sibling has left a statement. Of its own the first stays, for a thief would take it back, and the newest beside it; of another device only
/// what was not known.
pub(crate) fn heard(
    work: &Work<'_>,
    from: &Sibling,
    device: DeviceId,
    server: &ServerAddress,
    sealed: &[u8],
) -> Result<(), StorageError> {
    let is_full = count(work.db, "SELECT count(*) FROM closings", [])? >= MAX_KEPT;
    let is_known = exists(work.db, "SELECT 1 FROM closings WHERE device = ?1", [device.0])?;
    let is_own = from.device == Some(device);
    if sealed.len() > MAX_SEALED || (is_full && !is_known) || (is_known && !is_own) {
        return Ok(());
    }
    let sql = "INSERT OR REPLACE INTO closings (device, later, url, key, sealed) VALUES (?1, ?2, ?3, ?4, ?5)";
    run(work.db, sql, params![device.0, is_known, server.url.as_str(), server.key.0, sealed])?;
    Ok(())
}

/// A device is revoked here, with the password: what it left is opened and sent, by this device and by the siblings that are left. What
/// does not open, or is for another device or server, closes nothing; the revocation is what it is without.
pub(crate) fn close(work: &mut Work<'_>, user: &UserSecret, device: DeviceId) -> Result<(), DeviceError> {
    let sql = "SELECT url, key, sealed FROM closings WHERE device = ?1 ORDER BY later";
    let left = all(work.db, sql, [device.0], |row| {
        Ok((row.get::<_, String>(0)?, ServerKey(row.get(1)?), row.get::<_, Vec<u8>>(2)?))
    })?;
    run(work.db, "DELETE FROM closings WHERE device = ?1", [device.0])?;
    for (url, key, sealed) in left {
        let Ok(url) = ServerUrl::parse(&url) else { continue };
        let server = ServerAddress { url, key };
        let opened = user.open(PURPOSE, &sealed).ok();
        let Some((account, signature)) = opened.and_then(|bytes| statement_for(&bytes, device, &key)) else { continue };
        if is_good(work.db, &server, account, &signature)? {
            begin(work, device, &server, account, signature)?;
            sync::tell(work, &SyncItem::Close { device, server, account, signature })?;
        }
    }
    Ok(())
}

/// Takes a statement out of what was sealed, when it is for this device and server: a device could leave what it has of another one under its own
/// name.
fn statement_for(bytes: &[u8], device: DeviceId, server: &ServerKey) -> Option<(AccountKey, Signature)> {
    let (named, rest) = bytes.split_first_chunk::<16>()?;
    let (key, rest) = rest.split_first_chunk::<32>()?;
    let (account, signature) = rest.split_first_chunk::<32>()?;
    let is_meant = DeviceId(*named) == device && ServerKey(*key) == *server;
    is_meant.then_some((AccountKey(*account), Signature(signature.try_into().ok()?)))
}

/// A sibling has revoked a device, and tells the statement that it has opened.
pub(crate) fn told(
    work: &mut Work<'_>,
    device: DeviceId,
    server: &ServerAddress,
    account: AccountKey,
    signature: Signature,
) -> Result<(), StorageError> {
    let is_revoked = own_devices::find(work.db)?.is_some_and(|own| own.revoked_for(device).is_some());
    let n_told = count(work.db, "SELECT count(*) FROM closings_sent WHERE device = ?1", [device.0])?;
    if !is_revoked || n_told >= MAX_OF_DEVICE || !is_good(work.db, server, account, &signature)? {
        return Ok(());
    }
    begin(work, device, server, account, signature)
}

/// Returns whether a statement closes what it says, and not this device's own account.
fn is_good(
    db: &Connection,
    server: &ServerAddress,
    account: AccountKey,
    signature: &Signature,
) -> Result<bool, StorageError> {
    let is_own = person::find(db)?.is_some_and(|person| person.account.public() == account);
    Ok(!is_own && verify_closing(&account, &server.key, signature))
}

fn begin(
    work: &mut Work<'_>,
    device: DeviceId,
    server: &ServerAddress,
    account: AccountKey,
    signature: Signature,
) -> Result<(), StorageError> {
    let server = servers::add(work.db, server)?;
    let sql = "INSERT OR IGNORE INTO closings_sent (device, server, account, signature, due, until) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let until = column(work.now.plus_seconds(GIVEN_UP_SECONDS).0);
    run(work.db, sql, params![device.0, server.0, account.0, signature.0, column(work.now.0), until])?;
    Ok(())
}

/// Gives up what no server has answered to.
pub(crate) fn expire(work: &Work<'_>) -> Result<(), StorageError> {
    if run(work.db, "DELETE FROM closings_sent WHERE until <= ?1", [column(work.now.0)])? > 0 {
        servers::collect(work.db)?;
    }
    Ok(())
}

/// Sends the statements that are due, each to its server by way of the own one.
pub(crate) fn send(pump: &mut Pump<'_>) -> Result<(), StorageError> {
    let sql = "SELECT id, server, account, signature FROM closings_sent WHERE due <= ?1 ORDER BY id";
    let due = all(pump.db, sql, [column(pump.now.0)], |row| {
        let statement = (AccountKey(row.get(2)?), Signature(row.get(3)?));
        Ok((row.get::<_, i64>(0)?, ServerId(row.get(1)?), statement))
    })?;
    let Some(person) = person::find(pump.db)? else { return Ok(()) };
    for (closing, server, (account, signature)) in due {
        let is_it = |job: &Job| matches!(job, Job::CloseAccount { closing: id, .. } if *id == closing);
        if pump.link.is_paused(server) || pump.is_asking(is_it) || !pump.has_room() {
            continue;
        }
        pump.refresh(&person, server)?;
        let Some(epoch) = servers::epoch(pump.db, server, pump.now)? else { continue };
        let to = servers::address(pump.db, server)?;
        let operation = Operation::AccountClose { account, signature };
        let request = Request { operation, signatures: Vec::new() };
        if let Ok(sealed) = seal(&to.key, &epoch.keys, SealKind::OneShot, &request.to_bytes(), pump.rng) {
            let job = Job::CloseAccount { closing, server, pending: sealed.pending };
            pump.ask(job, Operation::Relay { to, sealed: sealed.bytes });
        }
    }
    Ok(())
}

/// A server has answered: it has the statement, or is asked again.
pub(crate) fn answered(
    work: &mut Work<'_>,
    link: &mut Link,
    closing: i64,
    server: ServerId,
    pending: &PendingAnswer,
    answer: &Answer,
) -> Result<(), StorageError> {
    let is_done = match &answers::relayed(answer) {
        Some(OneShotReply::Sealed(sealed)) => {
            let opened = pending.open(sealed).ok();
            matches!(opened.and_then(|bytes| Answer::from_bytes(&bytes).ok()), Some(Answer::Accepted))
        }
        Some(OneShotReply::Descriptor(bytes)) => {
            // It has other keys by now. The server is whosever the device was: it is not asked in a circle.
            servers::learn_anywhere(work.db, bytes, work.now)?;
            return again(work.db, closing, work.now.plus_seconds(SOON_SECONDS));
        }
        _ => false,
    };
    if is_done {
        run(work.db, "DELETE FROM closings_sent WHERE id = ?1", [closing])?;
        return servers::collect(work.db);
    }
    link.pause_server(server, work.now, work.rng);
    again(work.db, closing, work.now.plus_seconds(AGAIN_SECONDS))
}

fn again(db: &Connection, closing: i64, at: Timestamp) -> Result<(), StorageError> {
    run(db, "UPDATE closings_sent SET due = ?2 WHERE id = ?1", params![closing, column(at.0)])?;
    Ok(())
}

/// The own home server says that this account was closed. It is believed only with the statement that this device left with its siblings (KE-88):
/// then the person has revoked it.
pub(crate) fn is_closed(db: &Connection, signature: &Signature) -> Result<bool, StorageError> {
    let person = person::find(db)?;
    Ok(person.is_some_and(|person| verify_closing(&person.account.public(), &person.address.key, signature)))
}
