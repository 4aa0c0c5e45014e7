//! The vault's few small files in a browser: all of them in one page, written as two copies by turns.
//!
//! A browser's private file system cannot be trusted to rename a file in one step. So every change writes the page that is
//! older, flushes it, and then makes the other one the same: whoever looks after a crash finds the state before or after
//! the change, and nothing that was replaced stays behind for long. Where there are no files, there are no pages either: an
//! empty file says so to whoever cannot read pages. What the files mean is not known here.

use std::collections::BTreeMap;
use std::io;

use kith_crypto::hash::hash;
use kith_crypto::label::Label;

use crate::folder::disk::Disk;

/// The length of a page: far more than three heads of a vault.
const PAGE: usize = 4096;
const MAGIC: &[u8; 8] = b"KITHPAGE";
/// Magic, number, length of what follows.
const HEADER: usize = 8 + 8 + 2;
const CHECK: usize = 32;

/// The small files, by name.
pub(crate) struct Papers<D> {
    disk: D,
    /// The number of the newest page; the next change has the next one.
    number: u64,
    files: BTreeMap<String, Vec<u8>>,
}

impl<D: Disk> Papers<D> {
    /// Reads what is there; an empty file, or one of which no page is whole, holds nothing.
    pub(crate) fn open(disk: D) -> io::Result<Self> {
        let mut newest = (0, BTreeMap::new());
        for place in 0..2 {
            let mut page = vec![0; PAGE];
            let n = disk.read_at(place * PAGE as u64, &mut page)?;
            if let Some(found) = page.get(..n).and_then(decode)
                && found.0 > newest.0
            {
                newest = found;
            }
        }
        let (number, files) = newest;
        let papers = Self { disk, number, files };
        if number > 0 {
            // A crash may have come between the last file's end and that of the pages.
            papers.end_without_files()?;
        }
        Ok(papers)
    }

    /// Returns a file's bytes.
    pub(crate) fn read(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(Vec::as_slice)
    }

    /// Makes a file, or replaces it, in one durable step.
    pub(crate) fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut files = self.files.clone();
        files.insert(name.to_owned(), bytes.to_vec());
        self.commit(files)
    }

    /// Gives a file another name, in one durable step; a file of that name is replaced.
    pub(crate) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.files.clone();
        let bytes = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), bytes);
        self.commit(files)
    }

    /// Removes a file, durably; that it is not there is as good.
    pub(crate) fn remove(&mut self, name: &str) -> io::Result<()> {
        if !self.files.contains_key(name) {
            return Ok(());
        }
        let mut files = self.files.clone();
        files.remove(name);
        self.commit(files)
    }

    fn commit(&mut self, files: BTreeMap<String, Vec<u8>>) -> io::Result<()> {
        for _ in 0..2 {
            let number = self.number.saturating_add(1);
            let page = encode(number, &files).ok_or(io::ErrorKind::FileTooLarge)?;
            self.disk.write_at((number % 2) * PAGE as u64, &page)?;
            self.disk.flush()?;
            // From here on the new state is what a crash leaves; the second round erases the old one.
            self.number = number;
            self.files.clone_from(&files);
        }
        self.end_without_files()
    }

    /// Gives up the pages when they hold nothing: both say so by then, and nothing that was replaced is in what is given back.
    fn end_without_files(&self) -> io::Result<()> {
        if !self.files.is_empty() {
            return Ok(());
        }
        self.disk.set_len(0)?;
        self.disk.flush()
    }
}

fn encode(number: u64, files: &BTreeMap<String, Vec<u8>>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    for (name, bytes) in files {
        body.push(u8::try_from(name.len()).ok()?);
        body.extend_from_slice(name.as_bytes());
        body.extend_from_slice(&u16::try_from(bytes.len()).ok()?.to_be_bytes());
        body.extend_from_slice(bytes);
    }
    let mut page = Vec::with_capacity(PAGE);
    page.extend_from_slice(MAGIC);
    page.extend_from_slice(&number.to_be_bytes());
    page.extend_from_slice(&u16::try_from(body.len()).ok()?.to_be_bytes());
    page.extend_from_slice(&body);
    page.extend_from_slice(&hash(Label::AT_REST, &page).0);
    if page.len() > PAGE {
        return None;
    }
    page.resize(PAGE, 0);
    Some(page)
}

fn decode(page: &[u8]) -> Option<(u64, BTreeMap<String, Vec<u8>>)> {
    let mut rest = page.strip_prefix(MAGIC)?;
    let number = u64::from_be_bytes(take(&mut rest)?);
    let length = usize::from(u16::from_be_bytes(take(&mut rest)?));
    let (mut body, rest) = rest.split_at_checked(length)?;
    let checked = page.get(..HEADER.checked_add(length)?)?;
    if rest.get(..CHECK)? != hash(Label::AT_REST, checked).0 {
        return None;
    }
    let mut files = BTreeMap::new();
    while !body.is_empty() {
        let [name_len] = take(&mut body)?;
        let (name, after) = body.split_at_checked(usize::from(name_len))?;
        body = after;
        let length = usize::from(u16::from_be_bytes(take(&mut body)?));
        let (bytes, after) = body.split_at_checked(length)?;
        body = after;
        files.insert(std::str::from_utf8(name).ok()?.to_owned(), bytes.to_vec());
    }
    Some((number, files))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (front, back) = rest.split_first_chunk()?;
    *rest = back;
    Some(*front)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::disk::memory::Memory;

    #[test]
    fn files_are_there_when_the_disk_is_opened_again() {
        let disk = Memory::default();
        let mut papers = Papers::open(disk.clone()).unwrap();
        papers.write("vault.head.init", b"head").unwrap();
        papers.rename("vault.head.init", "vault.head").unwrap();
        papers.write("other", b"").unwrap();
        papers.remove("other").unwrap();
        papers.remove("other").unwrap();
        let again = Papers::open(disk.crashed()).unwrap();
        assert_eq!(again.read("vault.head"), Some(b"head".as_slice()));
        assert_eq!(again.files.len(), 1);
        assert!(papers.rename("nothing", "vault.head").is_err());
    }

    #[test]
    fn what_was_replaced_does_not_stay_on_the_disk() {
        let disk = Memory::default();
        let mut papers = Papers::open(disk.clone()).unwrap();
        papers.write("vault.head", b"the old password's head").unwrap();
        papers.write("vault.head", b"the new one").unwrap();
        assert!(!disk.holds(b"old password"));
    }

    #[test]
    fn without_files_there_are_no_pages() {
        let disk = Memory::default();
        let mut papers = Papers::open(disk.clone()).unwrap();
        assert_eq!(disk.len().unwrap(), 0);
        papers.write("vault.head", b"head").unwrap();
        assert!(disk.len().unwrap() > 0);
        papers.remove("vault.head").unwrap();
        let disk = disk.crashed();
        assert_eq!(disk.len().unwrap(), 0);
        let mut again = Papers::open(disk.clone()).unwrap();
        again.write("vault.head", b"another head").unwrap();
        assert_eq!(Papers::open(disk.crashed()).unwrap().read("vault.head"), Some(b"another head".as_slice()));
    }

    #[test]
    fn pages_that_a_crash_left_without_files_go_at_the_next_start() {
        let disk = Memory::default();
        disk.write_at(0, &encode(2, &BTreeMap::new()).unwrap()).unwrap();
        Papers::open(disk.clone()).unwrap();
        assert_eq!(disk.crashed().len().unwrap(), 0);
    }

    #[test]
    fn damaged_pages_are_left_as_they_are() {
        let disk = Memory::default();
        let mut papers = Papers::open(disk.clone()).unwrap();
        papers.write("vault.head", b"head").unwrap();
        (0..2).for_each(|page| disk.damage(page * PAGE + HEADER + 3));
        assert_eq!(Papers::open(disk.clone()).unwrap().read("vault.head"), None);
        assert!(disk.holds(b"head"), "what cannot be read today is not thrown away");
    }

    #[test]
    fn one_page_that_is_damaged_leaves_the_other() {
        for page in 0..2 {
            let disk = Memory::default();
            let mut papers = Papers::open(disk.clone()).unwrap();
            papers.write("vault.head", b"head").unwrap();
            disk.damage(page * PAGE + HEADER + 3);
            let again = Papers::open(disk).unwrap();
            assert_eq!(again.read("vault.head"), Some(b"head".as_slice()), "page {page}");
        }
    }

    #[test]
    fn a_change_that_does_not_fit_changes_nothing() {
        let disk = Memory::default();
        let mut papers = Papers::open(disk.clone()).unwrap();
        papers.write("vault.head", b"head").unwrap();
        assert!(papers.write("large", &[0; PAGE]).is_err());
        assert_eq!(Papers::open(disk).unwrap().files.len(), 1);
        assert_eq!(papers.files.len(), 1);
    }
}
