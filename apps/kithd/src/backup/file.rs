//! The bytes of a backup: rows in blocks, each with a checksum over all that came before it.
//!
//! ```text
//! backup = "KITHBAK" version block*
//! block  = length crc payload          length, crc: 4 bytes, most significant first; payload: whole rows
//! crc    = CRC-32C over the payload, begun with the crc of the block before, for the first one with that of the head
//! ```
//!
//! The last block has one row, the end with its counts; nothing follows it. So a file that was cut, or whose blocks were
//! damaged, exchanged or left out, is recognised. The checksum finds accidents, not forgers: whoever may write the
//! file may write anything.

use std::io::{ErrorKind, Read};

use thiserror::Error;
use zeroize::Zeroizing;

use super::{Row, Totals};

/// Turns rows into bytes.
pub(crate) struct Encoder {
    crc: u32,
    totals: Totals,
}

impl Encoder {
    /// Returns an encoder and the first bytes.
    pub(crate) fn begin() -> (Self, Vec<u8>) {
        let head = [MAGIC.as_slice(), &[VERSION]].concat();
        (Self { crc: crc32c::crc32c(&head), totals: Totals::default() }, head)
    }

    /// Returns the bytes of rows. There is key material among them.
    pub(crate) fn rows(&mut self, rows: &[Row]) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::new());
        let mut payload = Zeroizing::new(Vec::with_capacity(BLOCK_BYTES));
        for row in rows {
            self.totals.count(row);
            row.write(&mut payload);
            if payload.len() >= BLOCK_BYTES {
                self.block(&payload, &mut bytes);
                payload.clear();
            }
        }
        if !payload.is_empty() {
            self.block(&payload, &mut bytes);
        }
        bytes
    }

    /// Returns what was written so far.
    pub(crate) fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Returns the last bytes.
    pub(crate) fn end(mut self) -> Vec<u8> {
        let (mut payload, mut bytes) = (Vec::new(), Vec::new());
        Row::End(self.totals.clone()).write(&mut payload);
        self.block(&payload, &mut bytes);
        bytes
    }

    fn block(&mut self, payload: &[u8], into: &mut Vec<u8>) {
        self.crc = crc32c::crc32c_append(self.crc, payload);
        // Blocks are cut at a few hundred kilobytes.
        into.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes());
        into.extend_from_slice(&self.crc.to_be_bytes());
        into.extend_from_slice(payload);
    }
}

/// Reads a backup, whatever it is.
pub(crate) struct Reader<R> {
    from: R,
    crc: u32,
    totals: Totals,
    is_over: bool,
}

/// Why something is no backup.
#[derive(Debug, Error)]
pub(crate) enum BackupError {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// It is something else.
    #[error("it is no backup of a home server")]
    NoBackup,
    /// A newer release wrote it.
    #[error("a newer kithd wrote it, in form {0}")]
    Newer(u8),
    /// A release before the first one wrote it.
    #[error("an early kithd wrote it, in form {0}, which is not read any more")]
    Older(u8),
    /// It ends before its end.
    #[error("it was cut off after {0} rows")]
    CutOff(u64),
    /// Bytes are not what was written.
    #[error("it is damaged after {0} rows")]
    Damaged(u64),
}

impl<R: Read> Reader<R> {
    /// Begins to read.
    ///
    /// # Errors
    /// It does not begin as a backup does.
    pub(crate) fn begin(mut from: R) -> Result<Self, BackupError> {
        let mut head = [0; MAGIC.len() + 1];
        from.read_exact(&mut head).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => BackupError::NoBackup,
            _ => BackupError::Read(error),
        })?;
        match head.split_last() {
            Some((&VERSION, magic)) if magic == MAGIC => {}
            Some((&version, magic)) if magic == MAGIC && version > VERSION => return Err(BackupError::Newer(version)),
            Some((&version, magic)) if magic == MAGIC => return Err(BackupError::Older(version)),
            _ => return Err(BackupError::NoBackup),
        }
        Ok(Self { from, crc: crc32c::crc32c(&head), totals: Totals::default(), is_over: false })
    }

    /// Returns the rows of the next block; `None` after the last one.
    ///
    /// # Errors
    /// [`BackupError`] for the first thing that is wrong. Then nothing more can be read.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<Row>>, BackupError> {
        if self.is_over {
            return Ok(None);
        }
        let payload = self.payload()?;
        let (mut rows, mut rest) = (Vec::new(), payload.as_slice());
        while !rest.is_empty() {
            match Row::read(&mut rest).map_err(|_| self.damaged())? {
                // The end is alone in its block, and nothing follows.
                Row::End(totals) if totals == self.totals && rows.is_empty() && rest.is_empty() => {
                    self.is_over = true;
                    return if self.from.read(&mut [0])? == 0 { Ok(None) } else { Err(self.damaged()) };
                }
                Row::End(_) => return Err(self.damaged()),
                row => {
                    self.totals.count(&row);
                    rows.push(row);
                }
            }
        }
        Ok(Some(rows))
    }

    /// Returns what was read so far.
    pub(crate) fn totals(&self) -> &Totals {
        &self.totals
    }

    fn payload(&mut self) -> Result<Zeroizing<Vec<u8>>, BackupError> {
        let mut head = [0; 8];
        self.fill(&mut head)?;
        let (length, crc) = head.split_at(4);
        let length = u32::from_be_bytes(length.try_into().unwrap_or_default());
        let length = usize::try_from(length).ok().filter(|length| (1..=MAX_BLOCK_BYTES).contains(length));
        let mut payload = Zeroizing::new(vec![0; length.ok_or_else(|| self.damaged())?]);
        self.fill(&mut payload)?;
        self.crc = crc32c::crc32c_append(self.crc, &payload);
        if self.crc.to_be_bytes() == crc { Ok(payload) } else { Err(self.damaged()) }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), BackupError> {
        self.from.read_exact(bytes).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => BackupError::CutOff(self.totals.sum()),
            _ => BackupError::Read(error),
        })
    }

    fn damaged(&self) -> BackupError {
        BackupError::Damaged(self.totals.sum())
    }
}

const MAGIC: &[u8; 7] = b"KITHBAK";
/// Form 1 did not count what had been lost.
const VERSION: u8 = 3;
/// Bytes after which a block is closed.
const BLOCK_BYTES: usize = 256 * 1024;
/// Bytes of a block at most: it may be overrun by its last row, and no row is near as long as this.
const MAX_BLOCK_BYTES: usize = 2 * 1024 * 1024;
