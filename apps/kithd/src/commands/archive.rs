//! `kithd backup`, `restore` and `check`: between files and the store.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use kith_home::store::{Store, Txn};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::Owner;
use crate::announce::{Progress, Voice};
use crate::backup::{Audit, BackupError, Encoder, Findings, Reader, RestoreError, Totals, Walk};
use crate::cli::{Backup, Check, Restore};
use crate::clock::now;
use crate::config::Config;
use crate::data_dir::{DataDir, refuse_an_unused_one};
use crate::error::AppError;
use crate::store;
use crate::time::rfc_3339;

/// Writes a backup, which is complete and on the disk when this returns.
///
/// # Errors
/// The store cannot be read, or the file not written; then there is no file, unless only the folder could not be synced.
pub(crate) fn backup(config: &Config, backup: &Backup, voice: Voice) -> Result<(), AppError> {
    let owner = Owner::find_to_read(config)?;
    let target = Target::open(&backup.to)?;
    let path = target.path.clone();
    let mut progress = voice.progress();
    let totals = match owner {
        Owner::Server(server) => target.fill(|out| copy(server.backup()?, out, &mut progress))?,
        Owner::Us(folder) => {
            let mut store = store::open_to_read(&folder)?;
            target.fill(|out| export(&mut store, out, &mut progress))?
        }
    };
    progress.end();
    voice.backed_up(path.as_deref(), &totals);
    if totals.damaged > 0 {
        voice.note(&format!(
            "the disk of the server has lost {} frames, chunks, notices or requests to other servers, which the backup lacks. \
             The backup is good; the disk is not to be trusted.",
            totals.damaged
        ));
    }
    Ok(())
}

/// Where a backup goes: beside its place first, and there when it is whole.
struct Target {
    path: Option<PathBuf>,
}

impl Target {
    fn open(to: &Path) -> Result<Self, AppError> {
        if to == Path::new("-") {
            return Ok(Self { path: None });
        }
        let path = match to.is_dir() {
            true => to.join(format!("kithd-{}.backup", rfc_3339(now().seconds()).replace(':', ""))),
            false => to.to_owned(),
        };
        if path.symlink_metadata().is_ok() { Err(AppError::Exists { path }) } else { Ok(Self { path: Some(path) }) }
    }

    fn fill(self, write: impl FnOnce(&mut dyn Write) -> Result<Totals, AppError>) -> Result<Totals, AppError> {
        let Some(path) = self.path else { return write(&mut std::io::stdout().lock()) };
        let beside = path.with_added_extension("unfinished");
        // Never into a file that somebody else has put there: it would be theirs, with the keys of the server in it.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside);
        let file = file.map_err(|reason| match reason.kind() {
            ErrorKind::AlreadyExists => AppError::Exists { path: beside.clone() },
            _ => AppError::Write { path: path.clone(), reason },
        })?;
        let filled = fill(file, &beside, &path, write);
        if filled.is_err() {
            // Half a backup is worse than none: somebody might believe in it.
            let _ = std::fs::remove_file(&beside);
        }
        filled
    }
}

fn fill(
    file: File,
    beside: &Path,
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<Totals, AppError>,
) -> Result<Totals, AppError> {
    let failed = |reason| AppError::Write { path: path.to_owned(), reason };
    let mut out = BufWriter::with_capacity(128 * 1024, file);
    let totals = write(&mut out)?;
    let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    put_in_place(beside, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(totals)
}

/// Gives a file its name, which nothing may have yet.
fn put_in_place(beside: &Path, path: &Path) -> Result<(), AppError> {
    let exists = || AppError::Exists { path: path.to_owned() };
    let failed = |reason| AppError::Write { path: path.to_owned(), reason };
    match renameat_with(CWD, beside, CWD, path, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::EXIST) => Err(exists()),
        // Not every disk can promise it, and those of USB sticks hardly do.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) if path.symlink_metadata().is_err() => {
            std::fs::rename(beside, path).map_err(failed)
        }
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Err(exists()),
        Err(error) => Err(failed(error.into())),
    }
}

/// Copies a backup from the server, looking at every byte on its way.
fn copy(from: impl Read, out: &mut dyn Write, progress: &mut Progress) -> Result<Totals, AppError> {
    let no_backup = |reason| AppError::NoBackup { reason };
    let mut reader = Reader::begin(Tee { from, out }).map_err(no_backup)?;
    while reader.next().map_err(no_backup)?.is_some() {
        progress.show(reader.totals());
    }
    Ok(reader.totals().clone())
}

/// Hands on what is read.
struct Tee<'a, R> {
    from: R,
    out: &'a mut dyn Write,
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let n = self.from.read(into)?;
        if let Some(read) = into.get(..n) {
            self.out.write_all(read)?;
        }
        Ok(n)
    }
}

fn export<S: Store>(store: &mut S, out: &mut dyn Write, progress: &mut Progress) -> Result<Totals, AppError> {
    let (mut encoder, head) = Encoder::begin();
    out.write_all(&head)?;
    let mut walk = Walk::default();
    loop {
        let rows = walk.page(store)?;
        if rows.is_empty() {
            break;
        }
        out.write_all(&encoder.rows(&rows))?;
        progress.show(encoder.totals());
    }
    let totals = encoder.totals().clone();
    out.write_all(&encoder.end())?;
    out.flush()?;
    Ok(totals)
}

/// Makes a data folder from a backup.
///
/// # Errors
/// The folder has something in it, the backup is none, or the store fails.
pub(crate) fn restore(restore: &Restore, voice: Voice) -> Result<(), AppError> {
    let backup = |reason| AppError::Backup { path: restore.from.clone(), reason };
    let mut reader = Reader::begin(open(&restore.from).map_err(|reason| backup(reason.into()))?).map_err(backup)?;
    let folder = DataDir::take_for_restore(&restore.folder)?;
    let mut store = store::open(&folder)?;
    let mut progress = voice.progress();
    let begun = now();
    crate::backup::restore(&mut reader, &mut store, begun, |totals| progress.show(totals)).map_err(
        |error| match error {
            RestoreError::Backup(reason) => backup(reason),
            RestoreError::Store(error) => AppError::Store(error),
        },
    )?;
    progress.end();
    drop(store);
    // KH-15: numbers begin with this millisecond, and whoever restores next has another one.
    while now() == begun {
        std::thread::yield_now();
    }
    folder.is_restored()?;
    voice.restored(&restore.folder, reader.totals());
    Ok(())
}

fn open(path: &Path) -> std::io::Result<Box<dyn Read>> {
    if path == Path::new("-") {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    Ok(Box::new(BufReader::with_capacity(128 * 1024, File::open(path)?)))
}

/// Verifies a data folder or a backup, and changes neither.
///
/// # Errors
/// [`AppError::NotInOrder`] when something is wrong with it, after telling what.
pub(crate) fn check(config: &Config, check: &Check, voice: Voice) -> Result<(), AppError> {
    let path = check.what.clone().unwrap_or_else(|| config.data.clone());
    match path.try_exists() {
        Ok(true) => {}
        Ok(false) if check.what.is_some() => return Err(AppError::NothingThere { path }),
        Ok(false) => return Err(AppError::NeverUsed { path }),
        Err(reason) => return Err(AppError::Data { path, reason }),
    }
    let mut progress = voice.progress();
    let (totals, findings) =
        if path.is_dir() { check_folder(&path, &mut progress)? } else { check_backup(&path, &mut progress)? };
    progress.end();
    voice.checked(&path, &totals, findings.kinds());
    if findings.kinds().is_empty() { Ok(()) } else { Err(AppError::NotInOrder { path }) }
}

fn check_folder(path: &Path, progress: &mut Progress) -> Result<(Totals, Findings), AppError> {
    refuse_an_unused_one(path)?;
    let folder = DataDir::take_to_read(path)?;
    let mut store = store::open_to_read(&folder)?;
    let (mut audit, mut walk) = (Audit::default(), Walk::default());
    loop {
        let rows = walk.page(&mut store)?;
        if rows.is_empty() {
            break;
        }
        rows.iter().for_each(|row| audit.see(row));
        progress.show(audit.totals());
    }
    let counts = store.begin()?.counts()?;
    Ok(audit.finish(Some(&counts)))
}

fn check_backup(path: &Path, progress: &mut Progress) -> Result<(Totals, Findings), AppError> {
    let wrong = |reason: BackupError| AppError::Backup { path: path.to_owned(), reason };
    let mut reader = Reader::begin(open(path).map_err(|reason| wrong(reason.into()))?).map_err(wrong)?;
    let mut audit = Audit::of_a_backup();
    while let Some(rows) = reader.next().map_err(wrong)? {
        rows.iter().for_each(|row| audit.see(row));
        progress.show(audit.totals());
    }
    Ok(audit.finish(None))
}
