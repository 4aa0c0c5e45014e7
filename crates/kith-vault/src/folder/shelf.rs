//! The attachments' chunks in a browser: one file of places, all of one length, each with the name of what is in it.
//!
//! A browser opens a file in no time that a person would notice, but not at once; so there is one for all chunks. A chunk is
//! written to a free place and flushed before its name is; what it replaces goes afterwards. What a chunk holds is not
//! known here.

use std::collections::BTreeMap;
use std::io;

use crate::folder::disk::Disk;

/// The length of a name: 32 hexadecimal digits.
const NAME: usize = 32;

/// The places, each for one chunk of `length` bytes.
pub(crate) struct Shelf<D> {
    disk: D,
    length: usize,
    places: BTreeMap<String, u64>,
    free: Vec<u64>,
    n_places: u64,
}

impl<D: Disk> Shelf<D> {
    /// Reads the names of what is there.
    pub(crate) fn open(disk: D, length: usize) -> io::Result<Self> {
        let mut shelf = Self { disk, length, places: BTreeMap::new(), free: Vec::new(), n_places: 0 };
        let n_places = shelf.disk.len()?.div_ceil(shelf.place_len());
        for place in 0..n_places {
            let mut name = [0; NAME];
            let n = shelf.disk.read_at(shelf.at(place), &mut name)?;
            let named = std::str::from_utf8(&name).ok().filter(|name| n == NAME && is_name(name));
            match named {
                // A crash came between a chunk's name and the end of the one that it replaces: nobody was told yet which it is.
                Some(name) if !shelf.places.contains_key(name) => {
                    shelf.places.insert(name.to_owned(), place);
                }
                _ => shelf.free.push(place),
            }
        }
        shelf.n_places = n_places;
        Ok(shelf)
    }

    /// Returns whether there is a chunk of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// Returns the names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    /// Returns a chunk.
    pub(crate) fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(place) = self.places.get(name) else { return Ok(None) };
        let mut bytes = vec![0; self.length];
        let n = self.disk.read_at(self.at(*place).saturating_add(NAME as u64), &mut bytes)?;
        bytes.truncate(n);
        Ok(Some(bytes))
    }

    /// Puts a chunk, durably; one of this name is replaced.
    pub(crate) fn put(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        if !is_name(name) || bytes.len() != self.length {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let place = self.free.last().copied().unwrap_or(self.n_places);
        let at = self.at(place);
        self.disk.write_at(at, &[0; NAME])?;
        self.disk.write_at(at.saturating_add(NAME as u64), bytes)?;
        self.disk.flush()?;
        self.disk.write_at(at, name.as_bytes())?;
        self.disk.flush()?;
        if self.free.pop().is_none() {
            self.n_places = self.n_places.saturating_add(1);
        }
        if let Some(before) = self.places.insert(name.to_owned(), place) {
            self.free.push(before);
            self.disk.write_at(self.at(before), &[0; NAME])?;
            // Before anybody is told that the new one is durable: a crash must not bring the old one back.
            self.disk.flush()?;
        }
        Ok(())
    }

    /// Removes a chunk; that it is not there is as good. A crash may bring it back.
    pub(crate) fn remove(&mut self, name: &str) -> io::Result<()> {
        let Some(place) = self.places.get(name).copied() else { return Ok(()) };
        self.disk.write_at(self.at(place), &[0; NAME])?;
        self.places.remove(name);
        self.free.push(place);
        if self.places.is_empty() {
            self.disk.set_len(0)?;
            self.free.clear();
            self.n_places = 0;
        }
        Ok(())
    }

    fn place_len(&self) -> u64 {
        NAME.saturating_add(self.length) as u64
    }

    fn at(&self, place: u64) -> u64 {
        place.saturating_mul(self.place_len())
    }
}

fn is_name(name: &str) -> bool {
    name.len() == NAME && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::disk::memory::Memory;

    const LENGTH: usize = 100;

    fn name(number: u8) -> String {
        format!("{number:032x}")
    }

    fn open(disk: &Memory) -> Shelf<Memory> {
        Shelf::open(disk.clone(), LENGTH).unwrap()
    }

    #[test]
    fn chunks_are_there_when_the_disk_is_opened_again() {
        let disk = Memory::default();
        let mut shelf = open(&disk);
        for number in 0..5 {
            shelf.put(&name(number), &[number; LENGTH]).unwrap();
        }
        shelf.remove(&name(2)).unwrap();
        shelf.put(&name(3), &[33; LENGTH]).unwrap();
        shelf.put(&name(7), &[7; LENGTH]).unwrap();
        let again = open(&disk.crashed());
        let held: Vec<_> = again.names().map(|name| again.read(name).unwrap().unwrap()[0]).collect();
        assert_eq!(held, [0, 1, 33, 4, 7]);
        assert_eq!(disk.len().unwrap(), 5 * (32 + LENGTH as u64), "free places are used again");
    }

    #[test]
    fn a_chunk_whose_writing_did_not_finish_is_not_there() {
        let disk = Memory::default();
        let mut shelf = open(&disk);
        shelf.put(&name(1), &[1; LENGTH]).unwrap();
        disk.write_at(32 + LENGTH as u64, &[0; 60]).unwrap();
        disk.flush().unwrap();
        let mut again = open(&disk.crashed());
        assert!(again.has(&name(1)) && again.names().count() == 1);
        again.put(&name(2), &[2; LENGTH]).unwrap();
        assert_eq!(again.read(&name(2)).unwrap().unwrap(), [2; LENGTH]);
    }

    #[test]
    fn the_last_one_takes_the_file_with_it() {
        let disk = Memory::default();
        let mut shelf = open(&disk);
        shelf.put(&name(1), &[1; LENGTH]).unwrap();
        shelf.remove(&name(1)).unwrap();
        shelf.remove(&name(1)).unwrap();
        assert_eq!(disk.len().unwrap(), 0);
        shelf.put(&name(2), &[2; LENGTH]).unwrap();
        assert!(open(&disk).has(&name(2)));
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        let mut shelf = open(&Memory::default());
        assert!(shelf.put("chunk", &[1; LENGTH]).is_err());
        assert!(shelf.put(&name(1), &[1; LENGTH - 1]).is_err());
        assert_eq!(shelf.names().count(), 0);
    }
}
