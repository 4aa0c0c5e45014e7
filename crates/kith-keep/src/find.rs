//! Finding a person's backups at a home server, and fetching one of them into a file.

use kith_crypto::home_backup::HomeBackupSecret;
use kith_wire::Timestamp;
use kith_wire::backup::BackupHead;

use crate::bytes::Stored;
use crate::error::KeepError;
use crate::home_server::Asked;
use crate::pieces::{Pieces, Presence, hash_of};
use crate::place::{PLACES, heads};

/// One of a person's backups at a home server.
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

/// What is done about pieces that are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holes {
    /// Nothing is taken.
    Refused,
    /// What is before the first of them is taken.
    CutOff,
}

/// Looks into every place, also for the backup of before, where it still lies: the newest may be damaged. The newest comes first, and last whatever
/// says that it was made later than a day from now: whether the server shows the newest that it was given, nobody can tell who has nothing else.
///
/// # Errors
/// [`KeepError`] when the server gives no answer.
pub async fn find_all(
    server: &mut impl Asked,
    secret: &HomeBackupSecret,
    now: Timestamp,
) -> Result<Vec<FoundAtHome>, KeepError> {
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

/// KE-103: fetches a backup into a file. What is there already, and is right, is not fetched again. `progress` is told bytes that are there, of how many.
///
/// # Errors
/// [`KeepError::Lost`] when the server does not have all of it, and others as for asking it.
pub async fn fetch(
    server: &mut impl Asked,
    secret: &HomeBackupSecret,
    which: &FoundAtHome,
    file: &mut impl Stored,
    holes: Holes,
    progress: impl Fn(u64, u64),
) -> Result<(), KeepError> {
    let head = &which.head;
    let length = file.length().map_err(KeepError::File)?;
    let total = head.file_bytes().ok_or(KeepError::Nothing)?;
    let pieces = Pieces { secret, label: head.label };
    let (mut start, mut is_new) = (0_u64, false);
    for piece in &head.pieces {
        let end = start.saturating_add(piece.bytes);
        let is_there =
            !is_new && end <= length && hash_of(file, start, piece.bytes).map_err(KeepError::File)? == piece.hash;
        if !is_there {
            is_new = true;
            file.cut_at(start).map_err(KeepError::File)?;
            let mut done = start;
            let got = |bytes: u64| {
                done = done.saturating_add(bytes);
                progress(done, total);
            };
            if pieces.fetch(server, file, piece, got).await? == Presence::Missing {
                file.cut_at(start).map_err(KeepError::File)?;
                return if holes == Holes::CutOff { Ok(()) } else { Err(KeepError::Lost) };
            }
        }
        start = end;
        progress(start, total);
    }
    file.cut_at(start).and_then(|()| file.keep()).map_err(KeepError::File)
}
