//! Reading the folder that `cargo xtask web` has built.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use thiserror::Error;

/// Where packages put the app.
pub const PACKAGED: &str = "/usr/share/kith/web";

/// The most that is read, all files together, in bytes. The app is a few mebibytes; a folder with more is the wrong one.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// The most folders inside of each other.
const MAX_DEPTH: usize = 8;

/// Why there is no app.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// A file or folder cannot be read.
    #[error("{}, of the web app, cannot be read: {reason}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the operating system said.
        reason: io::Error,
    },
    /// It is not an app.
    #[error("there is no index.html in {}: it is no folder of the web app", .0.display())]
    NoApp(PathBuf),
    /// It is too much to be an app.
    #[error("{} holds more than {} MiB: it is no folder of the web app", .0.display(), MAX_BYTES / 1024 / 1024)]
    TooLarge(PathBuf),
}

/// Returns every file of a folder, by its path from there.
pub(crate) fn files(folder: &Path) -> Result<BTreeMap<String, Bytes>, ReadError> {
    let mut found = BTreeMap::new();
    let mut left = MAX_BYTES;
    collect(folder, "/", MAX_DEPTH, &mut left, &mut found)?;
    if left == 0 { Err(ReadError::TooLarge(folder.to_owned())) } else { Ok(found) }
}

fn collect(
    folder: &Path,
    prefix: &str,
    depth: usize,
    left: &mut u64,
    found: &mut BTreeMap<String, Bytes>,
) -> Result<(), ReadError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |reason| ReadError::Unreadable { path, reason }
    };
    for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        // What has no plain name is none of the app's.
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let about = fs::metadata(&path).map_err(unreadable(&path))?;
        if about.is_dir() && depth > 0 {
            collect(&path, &format!("{prefix}{name}/"), depth - 1, left, found)?;
        } else if about.is_file() {
            *left = left.saturating_sub(about.len());
            if *left == 0 {
                return Ok(());
            }
            let bytes = fs::read(&path).map_err(unreadable(&path))?;
            found.insert(format!("{prefix}{name}"), bytes.into());
        }
    }
    Ok(())
}
