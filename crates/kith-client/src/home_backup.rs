//! The backup that a device keeps at its home server: the same file as elsewhere, kept beside the vault and sent in sealed pieces (spec/backup.md).
//! How it is sent is in `kith-keep`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use kith_crypto::home_backup::HomeBackupSecret;
use kith_crypto::user::UserSecret;
use kith_engine::QueryError;
use kith_keep::{HomeServer, KeepError, Sending, free_place, remove_all, send};
use kith_vault::{BackupFileError, Params, Password};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::backup::{BackUpError, BackedUp, Growth, Written};
use crate::client::{Client, now, rng};
use crate::way::{NativeWay, home_server};

/// What became of a backup at the home server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomeBackedUp {
    /// What was written.
    pub written: BackedUp,
    /// Bytes that had to be sent.
    pub sent: u64,
    /// What the home server still had of the backup before.
    pub before: Before,
}

/// What the home server had of the backup that this device made last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// There was none.
    Nothing,
    /// All of it.
    Whole,
    /// Less than it was given, or an older one: it loses things, or it lies.
    Lost,
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HomeStep {
    /// Messages are written, so many of so many.
    Writing,
    /// Bytes are sent or fetched, so many of so many.
    Moving,
}

/// Why there is no new backup at the home server. The one before is as good as it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HomeBackupError {
    /// The file beside the vault could not be made.
    #[error(transparent)]
    Backup(#[from] BackUpError),
    /// The home server did not take it, or did not give it.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// The folder could not be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The folder could not be written.
    #[error(transparent)]
    Remember(#[from] kith_engine::WakeError),
}

impl Client {
    /// Makes a backup at the home server, or brings the one that is there up to date. `progress` is told what is being done, and how far it is.
    ///
    /// # Errors
    /// [`HomeBackupError`]; the backup before is as good as it was.
    pub async fn back_up_home(
        &self,
        password: &Password,
        growth: Growth,
        progress: impl Fn(HomeStep, u64, u64),
    ) -> Result<HomeBackedUp, HomeBackupError> {
        self.unlock_home(&self.seed(password)?)?;
        self.make_home_backup(growth, progress).await
    }

    /// Makes a backup at the home server if the person wishes that this device does so by itself, and one is due. Since the folder was opened with the
    /// password, the program has what is needed for it. Returns nothing when none is due. Where there was no room it is not due again for a day: each
    /// attempt sends all that is new.
    ///
    /// # Errors
    /// [`HomeBackupError`]; the backup before is as good as it was.
    pub async fn keep_home_backup(&self) -> Result<Option<HomeBackedUp>, HomeBackupError> {
        let is_due = self.ask(|engine| engine.home_backup())?.is_due(now());
        if !is_due || self.inner.home_secret.borrow().is_none() {
            return Ok(None);
        }
        self.make_home_backup(Growth::Usual, |_, _, _| {}).await.map(Some)
    }

    /// Sets after how many hours this device makes the next backup at the home server by itself; `None` for never.
    ///
    /// # Errors
    /// [`HomeBackupError`] when the folder cannot be written.
    pub fn set_home_backup(&self, every: Option<u32>) -> Result<(), HomeBackupError> {
        self.inner.engine.borrow_mut().set_home_backup(every, now(), &mut rng())?;
        self.turn();
        Ok(())
    }

    /// Deletes all backups of the person at the home server, those of other devices too, and makes none by itself any more. Returns how many there were.
    ///
    /// # Errors
    /// [`HomeBackupError`]; what was deleted stays deleted.
    pub async fn remove_home_backups(&self, password: &Password) -> Result<u64, HomeBackupError> {
        let seed = self.seed(password)?;
        let mut server = home_server(self).await?;
        let secret = HomeBackupSecret::new(&UserSecret::from_seed(*seed), &server.key());
        self.set_home_backup(None)?;
        let n_removed = remove_all(&mut server, &secret).await?;
        self.inner.engine.borrow_mut().set_home_place(None, now(), &mut rng())?;
        self.turn();
        // The next one begins with everything.
        match std::fs::remove_file(self.home_file()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(KeepError::File(error).into()),
            _ => Ok(n_removed),
        }
    }

    /// Takes what backups at the home server are made with out of the person's secret, for as long as the folder is open.
    pub(crate) fn unlock_home(&self, seed: &Zeroizing<[u8; 32]>) -> Result<(), QueryError> {
        let key = self.ask(|engine| engine.status(now()))?.server_key;
        let secret = HomeBackupSecret::new(&UserSecret::from_seed(**seed), &key);
        *self.inner.home_secret.borrow_mut() = Some(std::rc::Rc::new(secret));
        Ok(())
    }

    async fn make_home_backup(
        &self,
        growth: Growth,
        progress: impl Fn(HomeStep, u64, u64),
    ) -> Result<HomeBackedUp, HomeBackupError> {
        let _alone = self.alone()?;
        let secret = self.inner.home_secret.borrow().clone().ok_or(KeepError::Nothing)?;
        if !self.ask(|engine| engine.status(now()))?.registered {
            return Err(KeepError::NotRegistered.into());
        }
        let mut server = home_server(self).await?;
        let view = self.ask(|engine| engine.home_backup())?;
        let place = match view.place {
            Some((key, place)) if key == server.key() => place,
            _ => self.take_place(&mut server, &secret).await?,
        };
        let path = self.home_file();
        let writing = |done, total| progress(HomeStep::Writing, done, total);
        let written = self.write_home_file(&path, &secret, growth, writing).await?;
        let device = self.ask(|engine| engine.own_name())?.unwrap_or_default();
        let (label, made) = (written.label, now());
        let sending = Sending { label, length: written.made.bytes, device, made, every: view.every };
        let mut file = File::open(&path).map_err(KeepError::File)?;
        let moving = |done, total| progress(HomeStep::Moving, done, total);
        let sent = match send(&mut server, (&secret, place), &mut file, sending, &mut rng(), &moving).await {
            Err(KeepError::Taken) => {
                // Somebody else of the person has the place since: another one is looked for next time.
                self.inner.engine.borrow_mut().set_home_place(None, now(), &mut rng())?;
                return Err(KeepError::Taken.into());
            }
            Err(KeepError::NoRoom) => {
                self.inner.engine.borrow_mut().home_backup_refused(now(), &mut rng())?;
                return Err(KeepError::NoRoom.into());
            }
            other => other?,
        };
        let mut engine = self.inner.engine.borrow_mut();
        engine.home_backup_done((made, written.made.bytes), now(), &mut rng())?;
        engine.backup_done(written.mark, now(), &mut rng())?;
        drop(engine);
        self.turn();
        let before = match (view.made, sent.before) {
            (None, _) => Before::Nothing,
            (Some(made), Some(there)) if there >= made => Before::Whole,
            (Some(_), _) => Before::Lost,
        };
        Ok(HomeBackedUp { written: written.made, sent: sent.bytes, before })
    }

    async fn take_place(
        &self,
        server: &mut HomeServer<NativeWay>,
        secret: &HomeBackupSecret,
    ) -> Result<u8, HomeBackupError> {
        let place = free_place(server, secret).await?;
        self.inner.engine.borrow_mut().set_home_place(Some((server.key(), place)), now(), &mut rng())?;
        Ok(place)
    }

    /// Writes the file beside the vault. No password opens it: one is drawn for its head and forgotten.
    async fn write_home_file(
        &self,
        path: &Path,
        secret: &HomeBackupSecret,
        growth: Growth,
        progress: impl Fn(u64, u64),
    ) -> Result<Written, HomeBackupError> {
        let user = secret.file_secret();
        let drawn: [u8; 32] = kith_crypto::random::bytes(&mut rng());
        let text = drawn.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let unknown = Password::new(text).map_err(|_| KeepError::Changed)?;
        let params = Params::new(19 * 1024, 2, 1).map_err(BackupFileError::from).map_err(BackUpError::from)?;
        Ok(self.write_file(path, user.expose(), (&unknown, params), growth, progress).await?)
    }

    fn home_file(&self) -> PathBuf {
        self.inner.folder.join(HOME_FILE)
    }
}

/// The backup as it lies beside the vault, and in pieces at the home server.
const HOME_FILE: &str = "home-backup.kith";
