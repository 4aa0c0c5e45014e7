//! Restoring a backup: looked at whole first, then taken into a new folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use kith_crypto::user::UserSecret;
use kith_engine::{BackupFrom, Engine, RestoreError};
use kith_vault::{BackupFileError, BackupKey, BackupReader, Next, Password, Phrase, Vault};
use kith_wire::Timestamp;
use kith_wire::address::ServerAddress;
use kith_wire::backup::{BackupItem, end_of, unpack};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::client::{Client, ClientError, Options, now, rng};

/// A backup file that was read to its end: all of it opens.
pub struct Backup {
    path: PathBuf,
    /// The root secret of the person.
    seed: Zeroizing<[u8; 32]>,
    /// What opens the file.
    file_seed: Zeroizing<[u8; 32]>,
    /// Where the last whole run ends.
    end: u64,
    /// Where it comes from.
    from: BackupFrom,
    /// The person's own name.
    pub name: Option<String>,
    /// The home server of the device that made the last run.
    pub server: ServerAddress,
    /// When the last run was made.
    pub made: Timestamp,
    /// People that the person knew.
    pub contacts: u64,
    /// Messages that were written, some of them perhaps several times.
    pub messages: u64,
    /// Things that this version does not know, and passes over.
    pub unknown: u64,
    /// Whether the file goes on after its last whole run with one that is not whole.
    pub is_torn: bool,
}

/// What is done with a file that is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// It is refused.
    Refused,
    /// What was whole before the damage is taken.
    CutOff,
}

/// Why a backup was not restored.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RestoreFailure {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] BackupFileError),
    /// There is not one whole run in it.
    #[error("there is no whole backup in this file")]
    Nothing,
    /// A newer version of Kith wrote it, or one that does not exist.
    #[error("something in this backup is not known here")]
    Unknown,
    /// It could not be fetched from the home server.
    #[error(transparent)]
    Home(#[from] crate::home_backup::HomeBackupError),
    /// The folder could not be made or opened.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The engine refuses.
    #[error(transparent)]
    Engine(#[from] RestoreError),
}

impl Backup {
    /// Opens a backup and reads it to its end; nothing is kept of it but what it is about. `progress` is told bytes read, of how many.
    ///
    /// # Errors
    /// [`RestoreFailure`] when the key is not the right one, or anything in the file is not as it was written.
    pub fn open(
        path: &Path,
        key: &BackupKey<'_>,
        damage: Damage,
        progress: impl Fn(u64, u64),
    ) -> Result<Self, RestoreFailure> {
        Self::of(path, key, None, damage, progress)
    }

    /// Looks at how a file begins: before somebody types what opens it.
    ///
    /// # Errors
    /// [`BackupFileError`] when it is no backup, or one that this program does not know.
    pub fn look(path: &Path) -> Result<(), BackupFileError> {
        BackupReader::look(path)
    }

    /// Returns whether a file is a backup of the person whose phrase this is.
    pub fn is_of(path: &Path, phrase: &Phrase) -> bool {
        BackupReader::open(path, &BackupKey::Phrase(phrase)).is_ok()
    }

    /// Returns the backup in a folder that was written last.
    pub fn newest_in(folder: &Path) -> Option<PathBuf> {
        let files = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
        let is_backup = |path: &PathBuf| path.is_file() && Self::look(path).is_ok();
        files.filter(is_backup).max_by_key(|path| path.metadata().and_then(|metadata| metadata.modified()).ok())
    }

    /// Opens a file that came from a home server: what opens it is not the person's own secret.
    pub(crate) fn of_home(
        path: &Path,
        (secret, seed): (&UserSecret, &Zeroizing<[u8; 32]>),
        damage: Damage,
        progress: impl Fn(u64, u64),
    ) -> Result<Self, RestoreFailure> {
        Self::of(path, &BackupKey::Seed(secret.expose()), Some(seed), damage, progress)
    }

    fn of(
        path: &Path,
        key: &BackupKey<'_>,
        seed: Option<&Zeroizing<[u8; 32]>>,
        damage: Damage,
        progress: impl Fn(u64, u64),
    ) -> Result<Self, RestoreFailure> {
        let mut reader = BackupReader::open(path, key)?;
        let file_seed = Zeroizing::new(*reader.seed());
        let from = if seed.is_some() { BackupFrom::HomeServer } else { BackupFrom::File };
        let seed = seed.cloned().unwrap_or_else(|| file_seed.clone());
        let length = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        let (mut person, mut whole, mut messages, mut end, mut unknown) = (None, None, 0_u64, 0, 0_u64);
        let mut people = BTreeSet::new();
        let is_torn = loop {
            let segment = match reader.read_next() {
                Ok(Next::Segment(segment)) => segment,
                Ok(Next::End) => break false,
                Ok(Next::Torn) => break true,
                Err(BackupFileError::Damaged { .. }) if damage == Damage::CutOff => break true,
                Err(error) => return Err(error.into()),
            };
            let unpacked = unpack(&segment.content).map_err(|_| RestoreFailure::Unknown)?;
            unknown = unpacked.n_unknown.saturating_add(unknown);
            for item in unpacked.items {
                match item {
                    BackupItem::Person { name, server, .. } => person = Some((name, server)),
                    BackupItem::Messages { messages: some, .. } => {
                        messages = messages.saturating_add(u64::try_from(some.len()).unwrap_or(0));
                    }
                    BackupItem::Contact(copy) => {
                        people.insert(copy.contact);
                    }
                    BackupItem::Unmet { contact, .. } => {
                        people.insert(contact);
                    }
                    BackupItem::Forgotten { contact } => {
                        people.remove(&contact);
                    }
                    _ => {}
                }
            }
            if segment.is_last {
                let (_, made) = end_of(&segment.content).ok_or(RestoreFailure::Unknown)?;
                let contacts = u64::try_from(people.len()).unwrap_or(u64::MAX);
                whole = person.clone().map(|person| (person, made, contacts, messages));
                end = segment.end;
            }
            progress(segment.end, length);
        };
        let ((name, server), made, contacts, messages) = whole.ok_or(RestoreFailure::Nothing)?;
        let path = path.to_owned();
        Ok(Self { path, seed, file_seed, end, from, name, server, made, contacts, messages, unknown, is_torn })
    }
}

impl std::fmt::Debug for Backup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Backup(…)")
    }
}

impl Client {
    /// Takes a backup into a new folder, or goes on with one in which that was interrupted. The person has no home server yet:
    /// [`Command::Init`](kith_engine::Command::Init) comes next, then [`finish_restore`](Self::finish_restore). Until that was done the
    /// folder opens for nothing else. `device` is what this device will be called; `progress` is told bytes taken in, of how many.
    ///
    /// # Errors
    /// [`RestoreFailure`]; said again with the same backup, it goes on.
    pub async fn restore(
        folder: &Path,
        password: &Password,
        options: Options,
        (backup, device): (&Backup, &str),
        progress: impl Fn(u64, u64),
    ) -> Result<Self, RestoreFailure> {
        let user = UserSecret::from_seed(*backup.seed);
        // From its first moment on the folder says that not all is there.
        let mut prepare = |connection| {
            let mut engine = Engine::open(connection, now())?;
            engine.set_user_key(&user.public())?;
            Ok(engine.begin_restore(device, backup.from, now(), &mut rng())?)
        };
        let made = Vault::create_for(folder, (password, &backup.seed), options.params, &mut rng(), &mut prepare);
        let client = match made {
            Ok(vault) => Self::start(folder, vault, options)?,
            Err(kith_vault::CreateError::AlreadyExists) => {
                let client = begun(folder, password, options, &user)?;
                // What comes from a home server now makes all of it doubtful (KE-106).
                client.inner.engine.borrow_mut().begin_restore(device, backup.from, now(), &mut rng())?;
                client
            }
            Err(error) => return Err(ClientError::create(error).into()),
        };
        let mut reader = BackupReader::open(&backup.path, &BackupKey::Seed(&backup.file_seed))?;
        loop {
            let Next::Segment(segment) = reader.read_next()? else { break };
            let items = unpack(&segment.content).map_err(|_| RestoreFailure::Unknown)?.items;
            client.inner.engine.borrow_mut().restore(&user, items, now(), &mut rng())?;
            client.turn();
            progress(segment.end, backup.end);
            if segment.end >= backup.end {
                break;
            }
            tokio::task::yield_now().await;
        }
        if reader.whole().end() < backup.end {
            return Err(RestoreFailure::Nothing);
        }
        Ok(client)
    }

    /// All of the backup is here, and there is a home server: this is the person's device from now on, in the place of all others.
    ///
    /// # Errors
    /// [`RestoreFailure`]; nothing has changed then.
    pub fn finish_restore(&self, backup: &Backup) -> Result<(), RestoreFailure> {
        let user = UserSecret::from_seed(*backup.seed);
        self.inner.engine.borrow_mut().finish_restore(&user, now(), &mut rng())?;
        self.turn();
        Ok(())
    }
}

/// Opens a folder in which the same person was being restored.
fn begun(folder: &Path, password: &Password, options: Options, user: &UserSecret) -> Result<Client, ClientError> {
    let mut vault = Vault::open(folder, password).map_err(ClientError::open)?;
    let seed = vault.take_user_seed().ok_or(ClientError::Incomplete)?;
    if seed.as_slice() != user.expose() {
        return Err(ClientError::AlreadyExists);
    }
    let client = Client::start(folder, vault, options)?;
    let is_open = client.ask(|engine| engine.is_restoring()).map_err(ClientError::engine)?;
    if is_open { Ok(client) } else { Err(ClientError::AlreadyExists) }
}
