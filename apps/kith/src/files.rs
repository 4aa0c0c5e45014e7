//! Files that the person asked for: never overwritten by accident, for the person's own eyes, whole or not there.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use crate::failure::Failure;

/// Refuses early what [`write_new`] would refuse in the end.
pub(crate) fn refuse_early(path: &Path) -> Result<(), Failure> {
    refuse_no_folder(path)?;
    if path.symlink_metadata().is_ok() { Err(exists(path)) } else { Ok(()) }
}

/// Refuses a file in a folder that is not there, and a folder that is not there: what ends with a slash is one.
pub(crate) fn refuse_no_folder(path: &Path) -> Result<(), Failure> {
    let is_folder = path.as_os_str().as_encoded_bytes().ends_with(b"/");
    let folder = if is_folder { Some(path) } else { path.parent().filter(|folder| !folder.as_os_str().is_empty()) };
    match folder {
        Some(folder) if !folder.is_dir() => Err(Failure::no_folder(folder)),
        _ => Ok(()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_is_named_before_anything_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let told = |name: &str| refuse_early(&folder.path().join(name)).err().map(|failure| failure.message);
        for missing in ["got/", "got/photo.jpg"] {
            let message = told(missing).unwrap();
            assert!(message.starts_with("there is no folder ") && message.contains("/got"), "{missing}: {message}");
        }
        assert_eq!(told("photo.jpg"), None);
        std::fs::create_dir(folder.path().join("got")).unwrap();
        assert_eq!(told("got/photo.jpg"), None);
        assert!(told("got").unwrap().ends_with("exists already"));
        assert_eq!(refuse_no_folder(Path::new("photo.jpg")).err(), None, "where one is, is a folder");
    }
}
