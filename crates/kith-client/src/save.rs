//! A file on its way out of a message: fetched, opened chunk by chunk, checked, and only then given its name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use kith_crypto::attachment::open_chunk;
use kith_crypto::hash::Hasher;
use kith_crypto::label::Label;
use kith_engine::{AttachmentId, AttachmentState, Command, CommandError, Connection, Event, QueryError};
use kith_net::CarrierError;
use kith_wire::blob::BlobShape;
use kith_wire::id::MessageId;
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use crate::chunks::place;
use crate::client::{Client, rng};
use crate::drive::Notice;

/// What happens to a file that has the name already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// It stays, and saving fails.
    Refused,
    /// It is replaced, in one step.
    Allowed,
}

/// Why a file was not saved. There is no file of the wanted name then, or still the old one.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SaveError {
    /// There is a file of this name.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// It could not be written.
    #[error("{} could not be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The server has it no more, or it is not what was promised.
    #[error("the file is no longer there, or is not what was promised")]
    Gone,
    /// The server has it no more, and none of the person's other devices has brought it yet.
    #[error("the home server that kept the file has it no more; your other devices are asked for it")]
    Asked,
    /// A piece of it is missing here or damaged.
    #[error("the file is damaged in your folder")]
    Damaged,
    /// The home server does not answer.
    #[error("your home server cannot be reached: {0}")]
    Unreachable(CarrierError),
    /// Nothing has come for a while: the server that has the file does not answer.
    #[error("the home server that keeps the file does not answer")]
    Stalled,
    /// Your folder could not be read or written: a full disk, say.
    #[error("your folder could not be read or written: {0}")]
    Storage(String),
    /// The engine has no such attachment.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The engine refuses to fetch it.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The client was closed.
    #[error("it was interrupted")]
    Interrupted,
}

impl Client {
    /// Fetches an attachment if it is not here yet. `progress` is told the chunks done and the chunks in all.
    ///
    /// # Errors
    /// [`SaveError`]; what was fetched stays, so that the next call goes on from there.
    pub async fn fetch(&self, attachment: AttachmentId, mut progress: impl FnMut(u64, u64)) -> Result<(), SaveError> {
        let mut events = self.events();
        let mut n_failures = 0_u32;
        let mut is_asked = false;
        let mut last_progress = Instant::now();
        loop {
            let view = self.ask(|engine| engine.attachment(attachment))?;
            match view.state {
                AttachmentState::Complete => return Ok(()),
                AttachmentState::Failed if is_asked => return Err(SaveError::Gone),
                AttachmentState::Failed
                | AttachmentState::Paused
                | AttachmentState::Moving
                | AttachmentState::Asked => {}
            }
            progress(view.done.into(), view.total.into());
            if !is_asked {
                self.command(Command::FetchAttachment { attachment })?;
                self.command(Command::Connect(Connection::Wanted))?;
                is_asked = true;
            }
            match timeout_at(last_progress + LONGEST_STALL, events.next()).await {
                Err(_) if view.state == AttachmentState::Asked => return Err(SaveError::Asked),
                Err(_) => return Err(SaveError::Stalled),
                Ok(None) => return Err(SaveError::Interrupted),
                Ok(Some(Notice::Unreachable(error))) => {
                    n_failures = n_failures.saturating_add(1);
                    if n_failures >= 3 || !error.may_pass() {
                        return Err(SaveError::Unreachable(error));
                    }
                }
                Ok(Some(Notice::Storage(reason))) => return Err(SaveError::Storage(reason)),
                Ok(Some(Notice::Event(Event::Attachment { attachment: moved, .. }))) if moved == attachment => {
                    n_failures = 0;
                    last_progress = Instant::now();
                }
                Ok(Some(_)) => {}
            }
        }
    }

    /// Writes an attachment that is here into a file. The file gets its name when it is whole and checked.
    ///
    /// # Errors
    /// [`SaveError`].
    pub async fn save(
        &self,
        attachment: AttachmentId,
        target: &Path,
        overwrite: Overwrite,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<(), SaveError> {
        let failed = |source| SaveError::Write { path: target.to_owned(), source };
        if overwrite == Overwrite::Refused && target.symlink_metadata().is_ok() {
            return Err(SaveError::Exists(target.to_owned()));
        }
        let (temporary, mut file) = unfinished(target).map_err(failed)?;
        let written = self.pour(attachment, &mut file, failed, &mut progress).await;
        drop(file);
        let named = written.and_then(|()| finish(&temporary, target, overwrite));
        if named.is_err() {
            // The first failure is what the person must hear of.
            let _ = fs::remove_file(&temporary);
        }
        named
    }

    async fn pour(
        &self,
        attachment: AttachmentId,
        file: &mut File,
        failed: impl Fn(io::Error) -> SaveError,
        progress: &mut impl FnMut(u64, u64),
    ) -> Result<(), SaveError> {
        let keys = self.ask(|engine| engine.attachment_keys(attachment))?;
        let shape = BlobShape::of(keys.size).ok_or(SaveError::Gone)?;
        let mut hasher = Hasher::new(Label::ATTACHMENT);
        let mut left = keys.size;
        for index in 0..shape.chunks {
            let sealed = self.inner.chunks.get(&place(attachment), index).map_err(|_| SaveError::Damaged)?;
            let padded = open_chunk(&keys.key, shape, index, &sealed).map_err(|_| SaveError::Damaged)?;
            let length = usize::try_from(left).unwrap_or(usize::MAX).min(padded.len());
            let plain = padded.get(..length).unwrap_or_default();
            left = left.saturating_sub(length as u64);
            hasher.update(plain);
            file.write_all(plain).map_err(&failed)?;
            progress(keys.size - left, keys.size);
            tokio::task::yield_now().await;
        }
        // Whoever sent it promised this content, to the byte.
        if left > 0 || hasher.finish() != keys.hash {
            // KE-123: so that it can be fetched again, from elsewhere.
            self.command(Command::AttachmentDamaged { attachment })?;
            return Err(SaveError::Gone);
        }
        file.sync_all().map_err(failed)
    }

    /// Returns the attachment of a message.
    ///
    /// # Errors
    /// [`QueryError`] when there is no such message, or it carries no file.
    pub fn attachment_of(
        &self,
        contact: kith_engine::ContactId,
        message: MessageId,
    ) -> Result<kith_engine::AttachmentView, QueryError> {
        let view = self.ask(|engine| engine.message(contact, message))?;
        view.attachment.ok_or(QueryError::UnknownAttachment)
    }
}

/// Makes the file that becomes the target, beside it and for the person's own eyes.
fn unfinished(target: &Path) -> io::Result<(PathBuf, File)> {
    let suffix: [u8; 8] = kith_crypto::random::bytes(&mut rng());
    let suffix: String = suffix.iter().map(|byte| format!("{byte:02x}")).collect();
    let name = target.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_string_lossy();
    // A long name still has room for the suffix.
    let short: String = name.chars().take(40).collect();
    let temporary = target.with_file_name(format!(".{short}.{suffix}.part"));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&temporary)?;
    Ok((temporary, file))
}

/// Gives the file its name; without permission to overwrite, a file that appeared meanwhile stays.
fn finish(temporary: &Path, target: &Path, overwrite: Overwrite) -> Result<(), SaveError> {
    let failed = |source| SaveError::Write { path: target.to_owned(), source };
    if overwrite == Overwrite::Allowed {
        return fs::rename(temporary, target).map_err(failed);
    }
    match fs::hard_link(temporary, target) {
        Ok(()) => fs::remove_file(temporary).map_err(failed),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(SaveError::Exists(target.to_owned())),
        // Some file systems have no second names; then looking just before is the best there is.
        Err(_) if target.symlink_metadata().is_err() => fs::rename(temporary, target).map_err(failed),
        Err(error) => Err(failed(error)),
    }
}

/// Longer than the engine waits for an answer, so that one lost connection does not count as silence.
const LONGEST_STALL: Duration = Duration::from_secs(75);

#[cfg(test)]
mod tests {
    use super::*;

    fn written(folder: &Path, target: &Path, overwrite: Overwrite) -> Result<(), SaveError> {
        let (temporary, mut file) = unfinished(target).unwrap();
        assert_eq!(temporary.parent(), Some(folder));
        file.write_all(b"new").unwrap();
        finish(&temporary, target, overwrite)
    }

    #[test]
    fn a_file_that_is_there_stays_unless_it_may_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("photo.jpg");
        fs::write(&target, "old").unwrap();
        let refused = written(folder.path(), &target, Overwrite::Refused);
        assert!(matches!(refused, Err(SaveError::Exists(_))), "{refused:?}");
        assert_eq!(fs::read(&target).unwrap(), b"old");
        written(folder.path(), &target, Overwrite::Allowed).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
    }

    #[test]
    fn a_new_file_appears_under_its_name_only() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join(format!("{}.txt", "a long name ".repeat(12)));
        written(folder.path(), &target, Overwrite::Refused).unwrap();
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(names, [target]);
    }
}
