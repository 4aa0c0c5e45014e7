//! `kith restore --at-home`: the backup comes from a home server, and the recovery phrase is all that is needed.

use std::path::{Path, PathBuf};

use kith_client::{Backup, Damage, FoundAtHome, HomeBackupError, HomeBackups, Options, Phrase, RestoreFailure};

use crate::commands::{home_backup, init, restore};
use crate::failure::Failure;
use crate::output::Out;
use crate::{show, times};

/// A backup that was fetched.
pub(crate) struct Fetched {
    pub(crate) backup: Backup,
    /// Where it lies until all of it was taken in.
    pub(crate) file: PathBuf,
    /// After how many hours the device before made the next one by itself.
    pub(crate) every: Option<u32>,
}

/// Finds the newest backup of whoever has the phrase, says which it is, and fetches it beside the folder.
pub(crate) async fn fetch(
    server: &init::Init,
    phrase: &Phrase,
    folder: &Path,
    (damage, options, out): (Damage, Options, &Out),
) -> Result<Fetched, Failure> {
    let wanted = server.check()?;
    let (_, key) = init::find_server(&wanted, options).await?;
    let mut found = HomeBackups::find(wanted.url(), Some(key), options, phrase).await?;
    let backups = found.found().to_vec();
    let Some(newest) = backups.first() else { return Err(HomeBackupError::Nothing.into()) };
    out.note(format!("Found: {}. Whether a newer one was made, only your devices knew.", named(newest)));
    for other in backups.iter().skip(1) {
        out.note(format!("Older, and left there: {}.", named(other)));
    }
    let file = beside(folder);
    if let Some(above) = file.parent() {
        std::fs::create_dir_all(above).map_err(|error| Failure::file("made", above, &error))?;
    }
    let backup = found.fetch(newest, &file, damage, home_backup::progress(out)).await.map_err(refused)?;
    Ok(Fetched { backup, file, every: newest.every })
}

fn named(found: &FoundAtHome) -> String {
    let device = if found.device.is_empty() { "a device".to_owned() } else { show::one_line(&found.device) };
    format!("the backup that {device} made {}, {}", times::local(found.made, times::now()), show::size(found.bytes))
}

fn refused(error: RestoreFailure) -> Failure {
    match error {
        RestoreFailure::Home(HomeBackupError::Lost) => Failure::new(
            "damaged",
            "the home server does not have all of this backup, or something else in its place",
            "--damaged takes what is whole before that; try again later first, and ask whoever runs it",
        ),
        RestoreFailure::Home(error) => error.into(),
        other => restore::taken(other),
    }
}

/// Where it lies while it is fetched and taken in: beside the folder, which must be empty before.
fn beside(folder: &Path) -> PathBuf {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    folder.with_file_name(format!(".{name}.home-backup"))
}
