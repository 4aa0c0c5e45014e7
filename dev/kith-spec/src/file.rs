//! Files of test vectors: JSON with byte strings in lower-case hexadecimal.

use std::path::PathBuf;

use data_encoding::HEXLOWER;
use serde_json::Value;

/// Set this in the environment to write the files instead of comparing with them.
pub const WRITE: &str = "KITH_WRITE_VECTORS";

/// Why a file of vectors is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum VectorError {
    /// It cannot be read or written.
    #[error("{} cannot be read or written", .0.display())]
    Unreadable(PathBuf),
    /// It says something else than what was made again.
    #[error("{} differs from what the code makes, from line {line} on; if that is meant, set {WRITE}=1", path.display())]
    Different {
        /// The file.
        path: PathBuf,
        /// The first line that differs, counted from 1.
        line: usize,
    },
}

/// Returns bytes in hexadecimal, as they stand in the files.
pub fn hex(bytes: impl AsRef<[u8]>) -> Value {
    Value::String(HEXLOWER.encode(bytes.as_ref()))
}

/// Returns where a file of `spec/` is.
pub fn spec_path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec")).join(name)
}

/// Compares what was made again with the file; with [`WRITE`] set, writes the file.
///
/// # Errors
/// [`VectorError`] when they differ or the file cannot be used.
pub fn check(name: &str, made: &Value) -> Result<(), VectorError> {
    let path = spec_path("vectors").join(name);
    let text = format!("{made:#}\n");
    if std::env::var_os(WRITE).is_some() {
        return std::fs::write(&path, text).map_err(|_| VectorError::Unreadable(path));
    }
    let Ok(stored) = std::fs::read_to_string(&path) else { return Err(VectorError::Unreadable(path)) };
    if stored == text {
        return Ok(());
    }
    let line = stored.lines().zip(text.lines()).take_while(|(stored, made)| stored == made).count() + 1;
    Err(VectorError::Different { path, line })
}
