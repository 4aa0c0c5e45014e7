//! A vault: made, opened with its password, given a new one, checked, locked.
//!
//! A vault is a folder that one process owns at a time: `vault.head`, `kith.db`, `chunks/` and, elsewhere than in a browser,
//! `lock`. What lies in the database is the engine's business. An older copy of the whole folder is a vault too: nothing
//! here can tell.

use std::fmt;
#[cfg(not(target_family = "wasm"))]
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kith_crypto::password::Params;
use rand_core::CryptoRng;
use rusqlite::Connection;
use zeroize::Zeroizing;

use crate::Password;
use crate::chunks::{CHUNKS, ChunkStore, Usage};
use crate::database::{self, COMPANIONS, DATABASE, DatabaseError};
use crate::errors::{AdoptError, ChangePasswordError, CheckError, CreateError, OpenError, ProveError};
#[cfg(not(target_family = "wasm"))]
use crate::folder::LOCK;
use crate::folder::{Folder, FolderError, Point};
use crate::head::{HEAD_LEN, Head, HeadError};
use crate::keys::{ChunkSeed, ProofKey, Secrets};

/// The head's file.
pub(crate) const HEAD: &str = "vault.head";
/// The head of a vault that is being made. Where it lies without `vault.head`, making was interrupted, nobody ever
/// held the vault open, and nothing in it can be missed.
pub(crate) const UNFINISHED_HEAD: &str = "vault.head.init";
/// The head with the new password or user seed, until it takes the place of the old one.
pub(crate) const NEXT_HEAD: &str = "vault.head.next";

/// An open vault. Dropping it locks it; [`Vault::lock`] does the same and says when something went wrong.
pub struct Vault {
    // The connection comes first: it must be gone before the keeper gives the folder away.
    connection: Connection,
    chunks: ChunkStore,
    keeper: Keeper,
    user_seed: Option<Zeroizing<[u8; 32]>>,
}

impl Vault {
    /// Makes a vault in a folder that holds none, and opens it.
    ///
    /// The folder is made if it is not there; one that holds anything else is refused. It becomes a vault in the last
    /// step: after a crash before that, making it again starts over.
    #[cfg(not(target_family = "wasm"))]
    pub fn create(
        folder: &Path,
        password: &Password,
        params: Params,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, CreateError> {
        let secrets = Secrets::generate(rng);
        let head = Head::seal(&secrets, password, params, rng)?;
        Self::create_observed(folder, (&secrets, &head), &mut |_| Ok(()), &mut |_| ())
    }

    /// Makes a vault for a person whose root secret is there already, from a backup; otherwise as [`create`](Self::create).
    ///
    /// What `prepare` writes into the database is there before the folder is a vault: so it can say that not all is there yet.
    #[cfg(not(target_family = "wasm"))]
    pub fn create_for(
        folder: &Path,
        (password, seed): (&Password, &[u8; 32]),
        params: Params,
        rng: &mut dyn CryptoRng,
        prepare: &mut dyn FnMut(Connection) -> Result<(), Box<dyn std::error::Error>>,
    ) -> Result<Self, CreateError> {
        let mut secrets = Secrets::generate(rng);
        secrets.user_seed = *seed;
        let head = Head::seal(&secrets, password, params, rng)?;
        Self::create_observed(folder, (&secrets, &head), prepare, &mut |_| ())
    }

    /// Opens a vault with its password.
    ///
    /// Until the password has proved right, nothing in the folder is changed (a copy without `lock` gets that empty
    /// file).
    #[cfg(not(target_family = "wasm"))]
    pub fn open(folder: &Path, password: &Password) -> Result<Self, OpenError> {
        let path = absolute(folder)?;
        // A folder that is no vault does not even get a lock file.
        if !Folder::holds(&path, HEAD)? {
            return Err(OpenError::Missing);
        }
        Self::open_owned(Arc::new(Folder::own(&path)?), password)
    }

    /// Makes a vault in a browser's folder that holds none, and opens it. After a crash, making it again starts over.
    #[cfg(target_family = "wasm")]
    pub fn create(
        folder: Arc<Folder>,
        password: &Password,
        params: Params,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, CreateError> {
        let secrets = Secrets::generate(rng);
        let head = Head::seal(&secrets, password, params, rng)?;
        Self::create_owned(folder, (&secrets, &head), &mut |_| Ok(()), &mut |_| ())
    }

    /// Makes a vault in a browser's folder for a person whose root secret is there already, from a backup. What `prepare` writes
    /// into the database is there before the folder is a vault: so it can say that not all is there yet.
    #[cfg(target_family = "wasm")]
    pub fn create_for(
        folder: Arc<Folder>,
        (password, seed): (&Password, &[u8; 32]),
        params: Params,
        rng: &mut dyn CryptoRng,
        prepare: &mut dyn FnMut(Connection) -> Result<(), Box<dyn std::error::Error>>,
    ) -> Result<Self, CreateError> {
        let mut secrets = Secrets::generate(rng);
        secrets.user_seed = *seed;
        let head = Head::seal(&secrets, password, params, rng)?;
        Self::create_owned(folder, (&secrets, &head), prepare, &mut |_| ())
    }

    /// Opens the vault of a browser's folder with its password. Until that has proved right, nothing is changed.
    #[cfg(target_family = "wasm")]
    pub fn open(folder: Arc<Folder>, password: &Password) -> Result<Self, OpenError> {
        if !folder.has(HEAD)? {
            return Err(OpenError::Missing);
        }
        Self::open_owned(folder, password)
    }

    fn open_owned(folder: Arc<Folder>, password: &Password) -> Result<Self, OpenError> {
        let head = read_head(&folder)?;
        let secrets = head.open(password)?.ok_or(OpenError::WrongPassword)?;
        if !folder.has(DATABASE)? {
            return Err(DatabaseError::Damaged.into());
        }
        let vault = Self::unlocked(folder, &secrets)?;
        vault.keeper.tidy()?;
        Ok(vault)
    }

    /// Tries a password while another process owns the vault, and returns what proves to that process that it was
    /// right. Nothing in the folder is changed.
    #[cfg(not(target_family = "wasm"))]
    pub fn proof_key(folder: &Path, password: &Password) -> Result<ProofKey, OpenError> {
        let path = absolute(folder)?;
        let bytes = Folder::peek(&path.join(HEAD), HEAD_LEN)?.ok_or(OpenError::Missing)?;
        let secrets = Head::decode(&bytes)?.open(password)?.ok_or(OpenError::WrongPassword)?;
        Ok(secrets.proof_key())
    }

    /// Hands out the person's root secret, once: it is there for a password entry and forgotten after it.
    pub fn take_user_seed(&mut self) -> Option<Zeroizing<[u8; 32]>> {
        self.user_seed.take()
    }

    /// Returns the database.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Returns the attachments' chunks.
    pub fn chunks(&self) -> &ChunkStore {
        &self.chunks
    }

    /// Returns what changes and proves the password.
    pub fn keeper(&self) -> &Keeper {
        &self.keeper
    }

    /// Takes the vault apart for a program that uses its parts from different places.
    ///
    /// The folder stays owned until the chunk store and the keeper are both dropped; close the connection before that.
    pub fn into_parts(self) -> (Connection, ChunkStore, Keeper) {
        (self.connection, self.chunks, self.keeper)
    }

    /// Makes another password the one that opens the vault; see [`Keeper::change_password`].
    pub fn change_password(
        &mut self,
        old: &Password,
        new: &Password,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), ChangePasswordError> {
        self.keeper.change_password(old, new, rng)
    }

    /// Reads the whole database and looks at every chunk's file, and reports what is wrong.
    ///
    /// Whether a chunk's content is intact shows only when it is read, because its key is in the engine's tables.
    pub fn check(&self) -> Result<CheckReport, CheckError> {
        Ok(CheckReport { database: database::check(&self.connection)?, chunks: self.chunks.usage()? })
    }

    /// Closes the vault and gives the folder away.
    pub fn lock(self) -> Result<(), DatabaseError> {
        database::close(self.connection)
    }

    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn create_observed(
        folder: &Path,
        (secrets, head): (&Secrets, &Head),
        prepare: &mut dyn FnMut(Connection) -> Result<(), Box<dyn std::error::Error>>,
        reached: &mut dyn FnMut(Point),
    ) -> Result<Self, CreateError> {
        let path = absolute(folder)?;
        refuse_foreign(&path)?;
        Self::create_owned(Arc::new(Folder::create(&path)?), (secrets, head), prepare, reached)
    }

    fn create_owned(
        folder: Arc<Folder>,
        (secrets, head): (&Secrets, &Head),
        prepare: &mut dyn FnMut(Connection) -> Result<(), Box<dyn std::error::Error>>,
        reached: &mut dyn FnMut(Point),
    ) -> Result<Self, CreateError> {
        clear_for_creation(&folder)?;
        folder.write(UNFINISHED_HEAD, &head.encode(), reached)?;
        folder.flush()?;
        folder.make_file(DATABASE)?;
        folder.make_folder(CHUNKS)?;
        reached(Point::Opened);
        database::initialise(&folder.path(DATABASE), &secrets.database_key)?;
        let connection = database::open(&folder.path(DATABASE), &secrets.database_key)?;
        prepare(connection).map_err(CreateError::Prepare)?;
        folder.flush()?;
        reached(Point::Written);
        folder.rename(UNFINISHED_HEAD, HEAD, reached)?;
        Ok(Self::unlocked(folder, secrets)?)
    }

    fn unlocked(folder: Arc<Folder>, secrets: &Secrets) -> Result<Self, UnlockError> {
        let connection =
            database::open(&folder.path(DATABASE), &secrets.database_key).map_err(UnlockError::Database)?;
        let chunks = ChunkStore::open(Arc::clone(&folder), ChunkSeed::of(secrets)).map_err(UnlockError::Folder)?;
        let user_seed = Some(Zeroizing::new(secrets.user_seed));
        Ok(Self { connection, chunks, keeper: Keeper { folder, proof_key: secrets.proof_key() }, user_seed })
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Vault(…)")
    }
}

/// Keeps the head and the folder of an open vault: its password and the person's root secret are changed here.
pub struct Keeper {
    folder: Arc<Folder>,
    proof_key: ProofKey,
}

impl Keeper {
    /// Returns what another process proves its knowledge of the password with: see [`Vault::proof_key`].
    pub fn proof_key(&self) -> &ProofKey {
        &self.proof_key
    }

    /// Says whether a password is the vault's, as slowly as opening does. The vault holds no password to compare with.
    pub fn prove(&self, password: &Password) -> Result<(), ProveError> {
        match read_head(&self.folder)?.open(password)? {
            Some(_secrets) => Ok(()),
            None => Err(ProveError::WrongPassword),
        }
    }

    /// Makes another password the one that opens the vault.
    ///
    /// At every moment, also when the machine dies in between, exactly one of the two opens it. What is in the vault
    /// is not encrypted anew: whoever kept an old copy of the head and knows the old password can still open a copy.
    pub fn change_password(
        &mut self,
        old: &Password,
        new: &Password,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), ChangePasswordError> {
        self.change_password_observed(old, new, rng, &mut |_| ())
    }

    pub(crate) fn change_password_observed(
        &mut self,
        old: &Password,
        new: &Password,
        rng: &mut dyn CryptoRng,
        reached: &mut dyn FnMut(Point),
    ) -> Result<(), ChangePasswordError> {
        let head = read_head(&self.folder)?;
        let secrets = head.open(old)?.ok_or(ChangePasswordError::WrongPassword)?;
        let next = Head::seal(&secrets, new, head.params(), rng)?;
        self.folder.replace(HEAD, NEXT_HEAD, &next.encode(), reached)?;
        Ok(())
    }

    /// Hands out the person's root secret for another password entry, as slowly as opening does.
    pub fn user_seed(&self, password: &Password) -> Result<Zeroizing<[u8; 32]>, ProveError> {
        let secrets = read_head(&self.folder)?.open(password)?.ok_or(ProveError::WrongPassword)?;
        Ok(Zeroizing::new(secrets.user_seed))
    }

    /// Takes another person's root secret as the vault's own: that of the person whose device this one has become.
    ///
    /// At every moment, also when the machine dies in between, the vault holds exactly one of the two, and the same
    /// password opens it. Everything else in it keeps its keys. The one that was replaced is gone; adopting the same
    /// one again does no harm.
    pub fn adopt_user_seed(
        &mut self,
        password: &Password,
        seed: &[u8; 32],
        rng: &mut dyn CryptoRng,
    ) -> Result<(), AdoptError> {
        self.adopt_user_seed_observed(password, seed, rng, &mut |_| ())
    }

    pub(crate) fn adopt_user_seed_observed(
        &mut self,
        password: &Password,
        seed: &[u8; 32],
        rng: &mut dyn CryptoRng,
        reached: &mut dyn FnMut(Point),
    ) -> Result<(), AdoptError> {
        let head = read_head(&self.folder)?;
        let mut secrets = head.open(password)?.ok_or(AdoptError::WrongPassword)?;
        secrets.user_seed = *seed;
        let next = Head::seal(&secrets, password, head.params(), rng)?;
        self.folder.replace(HEAD, NEXT_HEAD, &next.encode(), reached)?;
        Ok(())
    }

    /// Puts right what a crash or a copy may have left.
    fn tidy(&self) -> Result<(), FolderError> {
        self.folder.tighten();
        self.folder.remove(NEXT_HEAD)
    }
}

/// What a check of the vault found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckReport {
    /// What is wrong with the database, in the database library's words; none when it is sound.
    pub database: Vec<String>,
    /// The chunks' files.
    pub chunks: Usage,
}

impl CheckReport {
    /// Says whether nothing wrong was found.
    pub fn is_sound(&self) -> bool {
        self.database.is_empty() && self.chunks.n_misshapen == 0
    }
}

/// The head of an open vault could not be read.
pub(crate) enum ReadHeadError {
    /// It is gone or damaged.
    Head(HeadError),
    /// The file system refused.
    Folder(FolderError),
}

/// The password is right, and the rest of the vault did not open.
pub(crate) enum UnlockError {
    /// The database did not.
    Database(DatabaseError),
    /// The file system refused.
    Folder(FolderError),
}

#[cfg(not(target_family = "wasm"))]
fn absolute(folder: &Path) -> Result<PathBuf, FolderError> {
    std::path::absolute(folder).map_err(|source| FolderError::new("find", folder, source))
}

fn read_head(folder: &Folder) -> Result<Head, ReadHeadError> {
    let bytes = folder.read(HEAD, HEAD_LEN).map_err(ReadHeadError::Folder)?;
    Head::decode(&bytes.unwrap_or_default()).map_err(ReadHeadError::Head)
}

/// Refuses a folder that is a vault or something else altogether, before its permissions or files change: a vault in
/// a person's home folder or in `/tmp` would close it to everybody else.
#[cfg(not(target_family = "wasm"))]
fn refuse_foreign(path: &Path) -> Result<(), CreateError> {
    if Folder::holds(path, HEAD)? {
        return Err(CreateError::AlreadyExists);
    }
    let known = |name: &String| {
        let own = [LOCK, UNFINISHED_HEAD, DATABASE, CHUNKS];
        own.into_iter().chain(COMPANIONS).any(|file| file == name)
    };
    if Folder::names(path)?.iter().all(known) { Ok(()) } else { Err(CreateError::NotEmpty) }
}

/// Makes sure that nothing is overwritten which anybody could miss.
fn clear_for_creation(folder: &Folder) -> Result<(), CreateError> {
    if folder.has(HEAD)? {
        return Err(CreateError::AlreadyExists);
    }
    if folder.has(UNFINISHED_HEAD)? {
        for file in COMPANIONS.into_iter().chain([DATABASE]) {
            folder.remove(file)?;
        }
        return Ok(());
    }
    if folder.has(DATABASE)? || folder.has(CHUNKS)? {
        return Err(CreateError::HeadLost);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
