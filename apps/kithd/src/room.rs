//! How much room the disk has. It looks at sizes only, never into a file.

use std::path::{Path, PathBuf};

use kith_home::Room;

/// Looks after the room in one folder.
#[derive(Clone)]
pub(crate) struct Disk {
    folder: PathBuf,
    reserve: u64,
    store_bytes: u64,
}

impl Disk {
    /// Watches the disk of a folder: `reserve` bytes of it stay free, and the store's files take at most `store_bytes`,
    /// where 0 is no bound.
    pub(crate) fn new(folder: &Path, reserve: u64, store_bytes: u64) -> Self {
        Self { folder: folder.to_owned(), reserve, store_bytes }
    }

    /// Returns whether there is room for more. A disk that does not tell counts as having room.
    pub(crate) fn room(&self) -> Room {
        let is_scarce = free_bytes(&self.folder).is_some_and(|free| free < self.reserve)
            || (self.store_bytes > 0 && used_bytes(&self.folder) > self.store_bytes);
        if is_scarce { Room::Scarce } else { Room::Ample }
    }

    /// Returns the bytes that this user may still write; `None` when the disk does not tell.
    pub(crate) fn free(&self) -> Option<u64> {
        free_bytes(&self.folder)
    }

    /// Returns the bytes that the store's files take.
    pub(crate) fn used(&self) -> u64 {
        used_bytes(&self.folder)
    }
}

/// What this user may still write.
fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// What the files in the folder take.
fn used_bytes(folder: &Path) -> u64 {
    let Ok(files) = std::fs::read_dir(folder) else { return 0 };
    let bytes = files.filter_map(Result::ok).map(|file| match file.metadata() {
        // Its own folders are two deep at most, and links are not followed.
        Ok(data) if data.is_dir() => used_bytes(&file.path()),
        Ok(data) if data.is_file() => data.len(),
        _ => 0,
    });
    bytes.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_what_is_left_beside_the_reserve_and_below_the_bound() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("deeper")).unwrap();
        std::fs::write(folder.path().join("deeper/file"), [0; 400]).unwrap();
        std::fs::write(folder.path().join("file"), [0; 600]).unwrap();
        let room = |reserve, store_bytes| Disk::new(folder.path(), reserve, store_bytes).room();
        assert_eq!(room(0, 0), Room::Ample);
        assert_eq!(room(u64::MAX, 0), Room::Scarce);
        assert_eq!(room(0, 999), Room::Scarce);
        assert_eq!(room(0, 1000), Room::Ample);
    }
}
