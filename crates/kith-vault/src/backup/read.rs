//! Reading a backup file, segment by segment.

#[cfg(not(target_family = "wasm"))]
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use kith_crypto::backup::BackupSecret;
use kith_crypto::secret_bytes::SecretBytes;
use zeroize::Zeroizing;

use super::head::{HEAD_LEN, Head};
use super::seal::BackupPlace;
use super::segment::{BEGIN_LEN, Kind, Place};
use super::{BackupFileError, BackupKey, failed};
use crate::Password;

/// A backup file that was opened to read. One segment at a time is in memory.
pub struct BackupReader {
    path: PathBuf,
    source: BufReader<Box<dyn Read>>,
    head: Head,
    seed: Zeroizing<[u8; 32]>,
    secret: BackupSecret,
    place: Place,
    offset: u64,
    /// Where the last whole run ends.
    whole: BackupPlace,
}

/// What comes next in a backup file.
pub enum Next {
    /// A segment.
    Segment(Segment),
    /// Nothing: the file ends with a whole run.
    End,
    /// KE-72: the file ends in the middle of a run, which therefore does not count.
    Torn,
}

/// A segment.
pub struct Segment {
    /// What is in it.
    pub content: SecretBytes,
    /// Whether its run is whole with it.
    pub is_last: bool,
    /// Where it ends in the file, in bytes.
    pub end: u64,
}

impl BackupReader {
    /// Opens a file with a key.
    ///
    /// # Errors
    /// [`BackupFileError`]: no backup, or one that the key does not open.
    #[cfg(not(target_family = "wasm"))]
    pub fn open(path: &Path, key: &BackupKey<'_>) -> Result<Self, BackupFileError> {
        Self::of(path, File::open(path).map_err(failed("read", path))?, key)
    }

    /// Looks at how a file begins, which no key is needed for.
    ///
    /// # Errors
    /// [`BackupFileError`]: no backup, or one that this program does not know.
    #[cfg(not(target_family = "wasm"))]
    pub fn look(path: &Path) -> Result<(), BackupFileError> {
        let mut file = File::open(path).map_err(failed("read", path))?;
        let head = read_most(&mut file, HEAD_LEN).map_err(failed("read", path))?;
        Head::decode(&head).map(drop)
    }

    /// Opens a backup with a key, wherever its bytes come from; `name` is what it is called in errors.
    ///
    /// # Errors
    /// [`BackupFileError`]: no backup, or one that the key does not open.
    pub fn of(name: &Path, source: impl Read + 'static, key: &BackupKey<'_>) -> Result<Self, BackupFileError> {
        let mut source = BufReader::with_capacity(1 << 16, Box::new(source) as Box<dyn Read>);
        let head = read_most(&mut source, HEAD_LEN).map_err(failed("read", name))?;
        let head = Head::decode(&head)?;
        let opened = head.open(key)?;
        let offset = u64::try_from(HEAD_LEN).unwrap_or(u64::MAX);
        let place = Place::FIRST;
        let whole = BackupPlace { place, offset };
        Ok(Self { path: name.to_owned(), source, head, seed: opened.seed, secret: opened.secret, place, offset, whole })
    }

    /// Returns the person's root secret.
    pub fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// Returns the label, random and the same as long as the file is written on.
    pub const fn label(&self) -> &[u8; 16] {
        self.head.label()
    }

    /// Returns whether a password opens the file: it had another one when the file was made, perhaps.
    ///
    /// # Errors
    /// [`BackupFileError`] when the password cannot be tried.
    pub fn is_opened_by(&self, password: &Password) -> Result<bool, BackupFileError> {
        self.head.is_opened_by(password)
    }

    /// Returns where the last whole run ends that was read so far: a writer goes on there.
    pub const fn whole(&self) -> BackupPlace {
        self.whole
    }

    /// Reads the next segment. After an error, or the end, there is nothing more.
    ///
    /// # Errors
    /// [`BackupFileError::Damaged`] when it is not what was written at this place (KE-71).
    pub fn read_next(&mut self) -> Result<Next, BackupFileError> {
        let failed = failed("read", &self.path);
        let begin = read_most(&mut self.source, BEGIN_LEN).map_err(&failed)?;
        if begin.is_empty() {
            let is_whole = self.whole.place == self.place;
            return Ok(if is_whole { Next::End } else { Next::Torn });
        }
        // KE-72: cut off in the middle.
        let Some(bytes) = begin.first_chunk::<BEGIN_LEN>() else { return Ok(Next::Torn) };
        let damaged = BackupFileError::Damaged { number: self.place.number() };
        let Some(begin) = self.place.begin(&self.secret, bytes) else { return Err(damaged) };
        let sealed = read_most(&mut self.source, begin.length()).map_err(&failed)?;
        if sealed.len() < begin.length() {
            return Ok(Next::Torn);
        }
        let Some(content) = self.place.open(&self.secret, &begin, &sealed) else { return Err(damaged) };
        let length = u64::try_from(BEGIN_LEN.saturating_add(sealed.len())).unwrap_or(u64::MAX);
        self.offset = self.offset.saturating_add(length);
        let is_last = begin.kind == Kind::Last;
        if is_last {
            self.whole = BackupPlace { place: self.place, offset: self.offset };
        }
        Ok(Next::Segment(Segment { content, is_last, end: self.offset }))
    }
}

impl std::fmt::Debug for BackupReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BackupReader(…)")
    }
}

/// Reads so many bytes, or what there is.
fn read_most(file: &mut impl Read, length: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(u64::try_from(length).unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
    Ok(bytes)
}
