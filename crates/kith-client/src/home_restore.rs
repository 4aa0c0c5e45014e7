//! Finding a person's backups at a home server with nothing but the recovery phrase, and fetching one of them into a file.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::path::Path;

use kith_crypto::home_backup::HomeBackupSecret;
use kith_crypto::user::UserSecret;
use kith_vault::Phrase;
use kith_wire::Timestamp;
use kith_wire::address::ServerUrl;
use kith_wire::backup::BackupHead;
use kith_wire::id::ServerKey;
use zeroize::Zeroizing;

use crate::client::{Options, now};
use crate::home_backup::{HomeBackupError, HomeStep, PLACES, heads};
use crate::home_server::{Asked, HomeServer};
use crate::pieces::{Pieces, Presence, hash_of};
use crate::restore::{Backup, Damage, RestoreFailure};

/// A person's backups at a home server.
pub struct HomeBackups {
    server: HomeServer,
    secret: HomeBackupSecret,
    seed: Zeroizing<[u8; 32]>,
    found: Vec<FoundAtHome>,
}

/// One of them.
#[derive(Debug, Clone)]
pub struct FoundAtHome {
    /// The device that made it, as the person calls it; empty when it had no name.
    pub device: String,
    /// When.
    pub made: Timestamp,
    /// After how many hours the device made the next one by itself.
    pub every: Option<u32>,
    /// Its size.
    pub bytes: u64,
    /// Whether it says that it was made more than a day from now: by a clock that was wrong, or by somebody who wants it to be taken (KE-102).
    pub is_ahead: bool,
    pub(crate) head: BackupHead,
}

impl HomeBackups {
    /// Looks for backups of the person with this phrase. The newest comes first, and last whatever says that it was made later than a day from now:
    /// whether the server shows the newest that it was given, nobody can tell who has nothing else.
    ///
    /// # Errors
    /// [`HomeBackupError::Nothing`] when there is none, or the server is not the one that had them.
    pub async fn find(
        url: &ServerUrl,
        expect: Option<ServerKey>,
        options: Options,
        phrase: &Phrase,
    ) -> Result<Self, HomeBackupError> {
        let mut server = HomeServer::at(url, expect, options).await?;
        let seed = Zeroizing::new(*phrase.seed());
        let secret = HomeBackupSecret::new(&UserSecret::from_seed(*seed), &server.key());
        let found = find_all(&mut server, &secret, now()).await?;
        if found.is_empty() {
            return Err(HomeBackupError::Nothing);
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
        fetch(&mut self.server, secret, &which.head, to, damage, |done, total| {
            progress(HomeStep::Moving, done, total);
        })
        .await?;
        let file = (&secret.file_secret(), &self.seed);
        Backup::of_home(to, file, damage, |done, total| progress(HomeStep::Writing, done, total))
    }
}

impl std::fmt::Debug for HomeBackups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HomeBackups(…)")
    }
}

/// Looks into every place, also for the backup of before, where it still lies: the newest may be damaged.
pub(crate) async fn find_all(
    server: &mut impl Asked,
    secret: &HomeBackupSecret,
    now: Timestamp,
) -> Result<Vec<FoundAtHome>, HomeBackupError> {
    let mut found = Vec::new();
    for place in 0..PLACES {
        let heads = heads(server, secret, place).await?;
        for head in heads.newest.into_iter().chain(heads.older) {
            let Some(bytes) = head.file_bytes() else { continue };
            let (device, made, every) = (head.device.clone(), head.made, head.every);
            let is_ahead = made > now.plus_seconds(AHEAD_SECONDS);
            found.push(FoundAtHome { device, made, every, bytes, is_ahead, head });
        }
    }
    found.sort_by_key(|one| (one.is_ahead, std::cmp::Reverse((one.made, one.head.number))));
    Ok(found)
}

/// By how much a backup may be dated ahead of the clock here and be offered first all the same: clocks of two devices differ, and time zones.
const AHEAD_SECONDS: u64 = 24 * 3600;

/// KE-103: fetches the pieces of a head into a file. What is there already, and is right, is not fetched again.
pub(crate) async fn fetch(
    server: &mut impl Asked,
    secret: &HomeBackupSecret,
    head: &BackupHead,
    to: &Path,
    damage: Damage,
    progress: impl Fn(u64, u64),
) -> Result<(), HomeBackupError> {
    let mut file = open(to).map_err(HomeBackupError::File)?;
    let length = file.metadata().map_err(HomeBackupError::File)?.len();
    let total = head.file_bytes().ok_or(HomeBackupError::Nothing)?;
    let pieces = Pieces { secret, label: head.label };
    let (mut start, mut is_new) = (0_u64, false);
    for piece in &head.pieces {
        let end = start.saturating_add(piece.bytes);
        let is_there = !is_new
            && end <= length
            && hash_of(&mut file, start, piece.bytes).map_err(HomeBackupError::File)? == piece.hash;
        if !is_there {
            is_new = true;
            cut_at(&mut file, start).map_err(HomeBackupError::File)?;
            let mut done = start;
            let got = |bytes: u64| {
                done = done.saturating_add(bytes);
                progress(done, total);
            };
            if pieces.fetch(server, &mut file, piece, got).await? == Presence::Missing {
                cut_at(&mut file, start).map_err(HomeBackupError::File)?;
                return if damage == Damage::CutOff { Ok(()) } else { Err(HomeBackupError::Lost) };
            }
        }
        start = end;
        progress(start, total);
    }
    cut_at(&mut file, start).and_then(|()| file.sync_all()).map_err(HomeBackupError::File)
}

fn cut_at(file: &mut File, length: u64) -> io::Result<()> {
    file.set_len(length)?;
    file.seek(SeekFrom::Start(length)).map(drop)
}

/// Opens or makes the file, for its owner alone.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
