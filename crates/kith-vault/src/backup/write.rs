//! Writing a backup file: at the end of one that is there, or whole, beside it, and then renamed.

use std::fs::{File, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use kith_crypto::password::Params;
use kith_crypto::random;
use rand_core::CryptoRng;

use super::{BackupFileError, BackupKey, BackupPlace, BackupReader, BackupSealer, failed};
use crate::Password;
use crate::folder::{flush_name, is_named, make_private, open_to_write};

/// One run that is being written. It counts from [`finish`](Self::finish) on; one that is dropped before leaves the file as
/// it was, but for a tail that readers pass over and the next run cuts off.
pub struct BackupWriter {
    file: File,
    path: PathBuf,
    /// What is renamed when it is whole; absent when an existing file grows.
    beside: Option<PathBuf>,
    sealer: BackupSealer,
}

impl BackupWriter {
    /// Begins a new file beside the place where it will lie; what lies there is replaced at the end.
    ///
    /// # Errors
    /// [`BackupFileError`]; what lies there is untouched then.
    pub fn create(
        path: &Path,
        seed: &[u8; 32],
        password: &Password,
        params: Params,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, BackupFileError> {
        let random: [u8; 4] = random::bytes(rng);
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{:08x}{UNFINISHED}", u32::from_be_bytes(random)));
        let beside = PathBuf::from(name);
        let mut file = make_private(&beside)?;
        lock(&file, &beside)?;
        let (sealer, bytes) = BackupSealer::begin(seed, password, params, rng)?;
        file.write_all(&bytes).map_err(failed("write", &beside))?;
        Ok(Self { file, path: path.to_owned(), beside: Some(beside), sealer })
    }

    /// Goes on with a file behind the last whole run that a reader has found, and cuts off what lies behind it.
    ///
    /// # Errors
    /// [`BackupFileError`]; every whole run is still there then.
    pub fn append(path: &Path, key: &BackupKey<'_>, at: BackupPlace) -> Result<Self, BackupFileError> {
        let mut file = open_to_write(path)?;
        lock(&file, path)?;
        // Somebody may have replaced it meanwhile; what is locked must be what bears the name.
        if !is_named(&file, path).map_err(failed("look at", path))? {
            return Err(BackupFileError::InUse);
        }
        let lying = file.try_clone().map_err(failed("read", path))?;
        let mut reader = BackupReader::of(path, lying, key)?;
        while reader.whole() != at {
            match reader.read_next()? {
                super::Next::Segment(_) => {}
                super::Next::End | super::Next::Torn => return Err(BackupFileError::InUse),
            }
        }
        let sealer = BackupSealer::behind(&reader);
        let cut = file.set_len(at.offset).and_then(|()| file.seek(SeekFrom::Start(at.offset)));
        cut.map_err(failed("write", path))?;
        Ok(Self { file, path: path.to_owned(), beside: None, sealer })
    }

    /// Returns the label of the file.
    pub const fn label(&self) -> &[u8; 16] {
        self.sealer.label()
    }

    /// Adds a segment to the run.
    ///
    /// # Errors
    /// [`BackupFileError`] when the disk is full, say, or the content is longer than [`MAX_SEGMENT_CONTENT`](super::MAX_SEGMENT_CONTENT).
    pub fn put(&mut self, content: &[u8], rng: &mut dyn CryptoRng) -> Result<(), BackupFileError> {
        let bytes = self.sealer.put(content, rng)?;
        self.add(&bytes)
    }

    /// Adds the last segment: the run is whole, and durable when this returns. Returns the length of the file.
    ///
    /// # Errors
    /// [`BackupFileError`]; the run does not count then.
    pub fn finish(mut self, content: &[u8], rng: &mut dyn CryptoRng) -> Result<u64, BackupFileError> {
        let bytes = self.sealer.finish(content, rng)?;
        self.add(&bytes)?;
        self.file.sync_all().map_err(failed("flush", &self.path))?;
        if let Some(beside) = &self.beside {
            std::fs::rename(beside, &self.path).map_err(failed("replace", &self.path))?;
            self.beside = None;
        }
        flush_name(&self.path)?;
        sweep(&self.path);
        Ok(self.sealer.end())
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), BackupFileError> {
        self.file.write_all(bytes).map_err(failed("write", &self.path))
    }
}

impl Drop for BackupWriter {
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            // It is of no use to anybody; the next one overwrites it if this fails.
            let _ = std::fs::remove_file(beside);
        }
    }
}

impl std::fmt::Debug for BackupWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BackupWriter(…)")
    }
}

fn lock(file: &File, path: &Path) -> Result<(), BackupFileError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(BackupFileError::InUse),
        Err(TryLockError::Error(error)) => Err(failed("lock", path)(error)),
    }
}

/// Removes what writers that were killed have left beside a file. One that still writes keeps its own.
fn sweep(path: &Path) {
    let begin = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let holder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    for entry in std::fs::read_dir(holder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let random = name.strip_prefix(&begin).and_then(|rest| rest.strip_prefix('.')?.strip_suffix(UNFINISHED));
        let is_left = random.is_some_and(|hex| hex.len() == 8 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let is_idle = |path: &Path| open_to_write(path).is_ok_and(|file| file.try_lock().is_ok());
        if is_left && is_file && is_idle(&entry.path()) {
            // It is in nobody's way when it stays.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// The ending of a file that is not whole yet.
const UNFINISHED: &str = ".part";
