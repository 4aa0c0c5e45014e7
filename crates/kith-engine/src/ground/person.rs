//! The person of this folder: home server, account key, and the public half of the user key.

use kith_crypto::sign::AccountSecret;
use kith_crypto::user::UserKey;
use kith_wire::Wire;
use kith_wire::address::{ServerAddress, ServerUrl};
use kith_wire::descriptor::Descriptor;
use kith_wire::id::{InviteCode, KemKey, ServerKey};
use kith_wire::signed::Signed;
use rusqlite::{Connection, params};

use crate::errors::CommandError;
use crate::ground::database::{StorageError, first, run};
use crate::ground::work::{LinkEffect, Work};
use crate::mail::queues;
use crate::mail::servers::{self, DescriptorError, ServerId};

pub(crate) const TABLES: &str = "
CREATE TABLE person (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT,
    server INTEGER NOT NULL,
    account BLOB NOT NULL,
    invite BLOB,
    registered INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE user_key (id INTEGER PRIMARY KEY CHECK (id = 1), key BLOB NOT NULL) STRICT;
";

/// The person of this folder.
pub(crate) struct Person {
    pub(crate) name: Option<String>,
    pub(crate) server: ServerId,
    pub(crate) address: ServerAddress,
    pub(crate) account: AccountSecret,
    pub(crate) invite: Option<InviteCode>,
    pub(crate) registration: Registration,
}

/// Whether the home server is known to have the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Registration {
    Open,
    Done,
}

/// Makes the person. Once per folder (KE-2): until a home server has taken the account it may be said again, with another
/// invite or another server.
pub(crate) fn init(
    work: &mut Work<'_>,
    url: &ServerUrl,
    descriptor: &[u8],
    expect: Option<ServerKey>,
    invite: Option<&InviteCode>,
    name: Option<&str>,
) -> Result<(), CommandError> {
    let before = find(work.db)?;
    if before.as_ref().is_some_and(|person| person.registration == Registration::Done) {
        return Err(CommandError::AlreadyInitialised);
    }
    let key = match expect {
        Some(key) => key,
        None => named_key(descriptor)?,
    };
    let address = ServerAddress { url: url.clone(), key };
    let server = servers::add(work.db, &address)?;
    servers::learn(work.db, server, descriptor, work.now)?;
    if let Some(before) = before {
        return init_again(work, before, server, invite, name);
    }
    let account = AccountSecret::generate(work.rng);
    run(
        work.db,
        "INSERT INTO person (id, name, server, account, invite) VALUES (1, ?1, ?2, ?3, ?4)",
        params![name, server.0, account.expose(), invite.map(InviteCode::expose)],
    )?;
    queues::keep_spare(work)?;
    Ok(())
}

/// Registration has not succeeded yet: the next attempt is with this invite, at this server. Contacts know the queues that
/// are at a server, so it stays once there are any; what it knows of the account is not shown to another one.
fn init_again(
    work: &mut Work<'_>,
    before: Person,
    server: ServerId,
    invite: Option<&InviteCode>,
    name: Option<&str>,
) -> Result<(), CommandError> {
    let account = if server == before.server {
        before.account
    } else if queues::are_known(work.db)? {
        return Err(CommandError::AlreadyInitialised);
    } else {
        AccountSecret::generate(work.rng)
    };
    run(
        work.db,
        "UPDATE person SET name = coalesce(?1, name), server = ?2, account = ?3, invite = ?4",
        params![name, server.0, account.expose(), invite.map(InviteCode::expose)],
    )?;
    servers::collect(work.db)?;
    work.effects.link = LinkEffect::Reopen;
    Ok(())
}

/// The key that a descriptor names; whether it signed is checked when it is learnt.
pub(crate) fn named_key(descriptor: &[u8]) -> Result<ServerKey, DescriptorError> {
    let signed = Signed::<Descriptor>::from_bytes(descriptor).map_err(|_| DescriptorError::NotSigned)?;
    Ok(signed.decode_unverified().map_err(|_| DescriptorError::NotSigned)?.server_key)
}

/// Returns the person, if there is one already.
pub(crate) fn find(db: &Connection) -> Result<Option<Person>, StorageError> {
    let row = first(db, "SELECT name, server, account, invite, registered FROM person", [], |row| {
        let server = ServerId(row.get(1)?);
        let account: [u8; 32] = row.get(2)?;
        let invite: Option<[u8; 16]> = row.get(3)?;
        Ok((row.get(0)?, server, account, invite, row.get::<_, bool>(4)?))
    })?;
    let Some((name, server, account, invite, registered)) = row else { return Ok(None) };
    let registration = if registered { Registration::Done } else { Registration::Open };
    Ok(Some(Person {
        name,
        server,
        address: servers::address(db, server)?,
        account: AccountSecret::from_seed(account),
        invite: invite.map(InviteCode::new),
        registration,
    }))
}

/// Returns the person, or refuses.
pub(crate) fn required(db: &Connection) -> Result<Person, CommandError> {
    find(db)?.ok_or(CommandError::NotInitialised)
}

/// Remembers whether the home server has the account. The invite is used up then.
pub(crate) fn set_registration(db: &Connection, registration: Registration) -> Result<(), StorageError> {
    let registered = registration == Registration::Done;
    run(db, "UPDATE person SET registered = ?1", [registered])?;
    Ok(())
}

/// Remembers the public half of the user key.
pub(crate) fn set_user_key(db: &Connection, key: &UserKey) -> Result<(), StorageError> {
    run(db, "INSERT OR REPLACE INTO user_key (id, key) VALUES (1, ?1)", [key.0.as_bytes().as_slice()])?;
    Ok(())
}

/// Returns the public half of the user key.
pub(crate) fn user_key(db: &Connection) -> Result<UserKey, CommandError> {
    let bytes = first(db, "SELECT key FROM user_key", [], |row| row.get::<_, Vec<u8>>(0))?;
    let key = KemKey::from_slice(&bytes.ok_or(CommandError::NoUserKey)?);
    Ok(UserKey(key.ok_or(StorageError::Damaged("user_key"))?))
}
