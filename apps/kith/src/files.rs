//! Files that the person asked for: never overwritten by accident, for the person's own eyes, whole or not there.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use crate::failure::Failure;

/// Refuses early what [`write_new`] would refuse in the end.
pub(crate) fn refuse_existing(path: &Path) -> Result<(), Failure> {
    if path.symlink_metadata().is_ok() { Err(exists(path)) } else { Ok(()) }
}

/// Writes a file that must not exist.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let opened = options.open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => exists(path),
        _ => Failure::file("written", path, &error),
    });
    let mut file = opened?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| {
        // Half a file is worse than none; the first failure is what the person must hear of.
        let _ = fs::remove_file(path);
        Failure::file("written", path, &error)
    })
}

fn exists(path: &Path) -> Failure {
    Failure::new("exists", format!("{} exists already", path.display()), "choose another name")
}
