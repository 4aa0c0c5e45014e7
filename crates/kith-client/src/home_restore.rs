//! Finding a person's backups at a home server with nothing but the recovery phrase, and fetching one of them into a file.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use kith_crypto::home_backup::HomeBackupSecret;
use kith_crypto::user::UserSecret;
use kith_keep::{FoundAtHome, Holes, HomeServer, KeepError, fetch, find_all};
use kith_vault::Phrase;
use kith_wire::address::ServerUrl;
use kith_wire::id::ServerKey;
use zeroize::Zeroizing;

use crate::client::{Options, now};
use crate::home_backup::{HomeBackupError, HomeStep};
use crate::restore::{Backup, Damage, RestoreFailure};
use crate::way::{NativeWay, strange_server};

/// A person's backups at a home server.
pub struct HomeBackups {
    server: HomeServer<NativeWay>,
    secret: HomeBackupSecret,
    seed: Zeroizing<[u8; 32]>,
    found: Vec<FoundAtHome>,
}

impl HomeBackups {
    /// Looks for backups of the person with this phrase. The newest comes first, and last whatever says that it was made later than a day from now:
    /// whether the server shows the newest that it was given, nobody can tell who has nothing else.
    ///
    /// # Errors
    /// [`KeepError::Nothing`] when there is none, or the server is not the one that had them.
    pub async fn find(
        url: &ServerUrl,
        expect: Option<ServerKey>,
        options: Options,
        phrase: &Phrase,
    ) -> Result<Self, HomeBackupError> {
        let mut server = strange_server(options, url.clone(), expect).await?;
        let seed = Zeroizing::new(*phrase.seed());
        let secret = HomeBackupSecret::new(&UserSecret::from_seed(*seed), &server.key());
        let found = find_all(&mut server, &secret, now()).await?;
        if found.is_empty() {
            return Err(KeepError::Nothing.into());
        }
        Ok(Self { server, secret, seed, found })
    }

    /// Returns what was found, in the order in which it is offered.
    pub fn found(&self) -> &[FoundAtHome] {
        &self.found
    }

    /// Returns the key that the server has proven.
    pub const fn server_key(&self) -> ServerKey {
        self.server.key()
    }

    /// Fetches one into a file, or goes on with what an interruption has left there, and opens it. `progress` is told bytes fetched, of how many.
    ///
    /// # Errors
    /// [`RestoreFailure::Home`] when the server does not have all of it (with [`Damage::CutOff`] the beginning is taken then), and others as for a file.
    pub async fn fetch(
        &mut self,
        which: &FoundAtHome,
        to: &Path,
        damage: Damage,
        progress: impl Fn(HomeStep, u64, u64),
    ) -> Result<Backup, RestoreFailure> {
        let secret = &self.secret;
        let mut lying = open(to).map_err(|error| HomeBackupError::from(KeepError::File(error)))?;
        let holes = if damage == Damage::CutOff { Holes::CutOff } else { Holes::Refused };
        let moving = |done, total| progress(HomeStep::Moving, done, total);
        let fetched = fetch(&mut self.server, secret, which, &mut lying, holes, moving).await;
        fetched.map_err(HomeBackupError::from)?;
        let file = (&secret.file_secret(), &self.seed);
        Backup::of_home(to, file, damage, |done, total| progress(HomeStep::Writing, done, total))
    }
}

impl std::fmt::Debug for HomeBackups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HomeBackups(…)")
    }
}

/// Opens or makes the file, for its owner alone.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
