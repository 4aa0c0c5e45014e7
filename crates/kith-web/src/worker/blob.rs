//! A file that the person has chosen, read like any other file: at once, piece by piece. Only a worker can do that.

use std::io::{Error, ErrorKind, Read, Result};

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::JsCast as _;
use web_sys::{Blob, FileReaderSync};

/// Reads a file from its beginning to its end.
pub(crate) struct BlobReader {
    blob: Blob,
    reader: FileReaderSync,
    at: u64,
    end: u64,
}

impl BlobReader {
    /// Begins to read a file.
    ///
    /// # Errors
    /// When the browser gives workers no way to read at once.
    pub(crate) fn new(blob: &Blob) -> Result<Self> {
        let reader = FileReaderSync::new().map_err(|_| Error::from(ErrorKind::Unsupported))?;
        Ok(Self { blob: blob.clone(), reader, at: 0, end: length(blob) })
    }
}

/// Returns how long a file is, in bytes.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "browsers give whole numbers below 2^53")]
pub(crate) fn length(blob: &Blob) -> u64 {
    blob.size().max(0.0) as u64
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let wanted = u64::try_from(buffer.len()).unwrap_or(u64::MAX).min(self.end.saturating_sub(self.at));
        if wanted == 0 {
            return Ok(0);
        }
        let until = self.at.saturating_add(wanted);
        // The file was changed or taken away meanwhile.
        let failed = |_| Error::from(ErrorKind::UnexpectedEof);
        let piece = self.blob.slice_with_f64_and_f64(self.at as f64, until as f64).map_err(failed)?;
        let bytes: ArrayBuffer = self.reader.read_as_array_buffer(&piece).map_err(failed)?;
        let bytes = Uint8Array::new(bytes.unchecked_ref());
        let length = usize::try_from(bytes.length()).unwrap_or(0).min(buffer.len());
        let Some(room) = buffer.get_mut(..length) else { return Ok(0) };
        bytes.subarray(0, u32::try_from(length).unwrap_or(0)).copy_to(room);
        self.at = self.at.saturating_add(u64::try_from(length).unwrap_or(0));
        Ok(length)
    }
}
