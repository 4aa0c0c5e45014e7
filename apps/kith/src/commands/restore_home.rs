//! `kith restore --at-home`: the backup comes from a home server, and the recovery phrase is all that is needed.

use std::path::{Path, PathBuf};

use kith_client::{
    Backup, Damage, FoundAtHome, HomeBackupError, HomeBackups, KeepError, Options, Phrase, RestoreFailure,
};

use crate::commands::restore::Restore;
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

/// Finds the backups of whoever has the phrase, says which there are, fetches the one that is wanted beside the folder, and asks whether that is it.
pub(crate) async fn fetch(
    args: &Restore,
    server: &init::Init,
    phrase: &Phrase,
    folder: &Path,
    (damage, options, out): (Damage, Options, &Out),
) -> Result<Fetched, Failure> {
    let server = server.check()?;
    let (_, key) = init::find_server(&server, options).await?;
    let mut found = HomeBackups::find(server.url(), Some(key), options, phrase).await?;
    let backups = found.found().to_vec();
    for (number, one) in (1..).zip(&backups) {
        let ahead = if one.is_ahead { AHEAD } else { "" };
        out.note(format!("Found, number {number}: {}.{ahead}", named(one)));
    }
    out.note("Whether a newer one was made, only your devices knew.");
    let wish = args.backup.unwrap_or(1);
    let Some(wanted) = wish.checked_sub(1).and_then(|at| backups.get(at)) else {
        return Err(Failure::usage("there is no backup with this number", "choose one of those that were found"));
    };
    let file = beside(folder);
    if let Some(above) = file.parent() {
        std::fs::create_dir_all(above).map_err(|error| Failure::file("made", above, &error))?;
    }
    let backup = found.fetch(wanted, &file, damage, home_backup::progress(out)).await.map_err(refused)?;
    agree(args, wanted, &backup, out).await?;
    Ok(Fetched { backup, file, every: wanted.every })
}

/// Says what the person would be from now on, and asks for it: whoever once read a device's memory may have put there what is found (KE-106).
async fn agree(args: &Restore, wanted: &FoundAtHome, backup: &Backup, out: &Out) -> Result<(), Failure> {
    let (contacts, messages) = (show::number(backup.contacts, "contact"), show::number(backup.messages, "message"));
    let name = backup.name.as_deref().map_or_else(|| "somebody without a name".to_owned(), show::one_line);
    out.note(format!("What is in {}: {name}, {contacts}, {messages}.", named(wanted)));
    if args.yes {
        return Ok(());
    }
    match out.ask("Is that what you remember? All your other devices are revoked then. [y/N]").await {
        Some(answer) if matches!(answer.to_lowercase().as_str(), "y" | "yes") => Ok(()),
        Some(_) => Err(Failure::new("not_confirmed", "nothing was restored", "take another one with --backup NUMBER")),
        None => Err(Failure::new(
            "not_confirmed",
            "nobody is there to say whether this is the backup that is wanted; nothing was restored",
            "look at what was found, then give the same command with --yes",
        )),
    }
}

fn named(found: &FoundAtHome) -> String {
    let device = if found.device.is_empty() { "a device".to_owned() } else { show::one_line(&found.device) };
    format!("the backup that {device} made {}, {}", times::local(found.made, times::now()), show::size(found.bytes))
}

/// What is said of a backup that is dated ahead.
const AHEAD: &str = " ITS DATE HAS NOT COME YET: the clock of that device was wrong, or somebody wants you to take it";

fn refused(error: RestoreFailure) -> Failure {
    match error {
        RestoreFailure::Home(HomeBackupError::Keep(KeepError::Lost)) => Failure::new(
            "damaged",
            "the home server does not have all of this backup, or something else in its place",
            "try again later, and ask whoever runs it; then take another one with --backup NUMBER, or with --damaged what is whole in this one",
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
