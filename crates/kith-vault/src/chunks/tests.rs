//! Chunks: what goes in comes out, what was changed does not, and the files tell nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tempfile::TempDir;

use super::*;
use crate::keys::Secrets;

/// A store in a folder of its own.
struct Shelf {
    store: ChunkStore,
    rng: StdRng,
    folder: TempDir,
}

impl Shelf {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut rng = StdRng::seed_from_u64(7);
        let owned = Arc::new(Folder::create(folder.path()).ok().unwrap());
        owned.make_folder(CHUNKS).unwrap();
        let seed = ChunkSeed::of(&Secrets::generate(&mut rng));
        let store = ChunkStore::open(owned, seed).unwrap();
        Self { store, rng, folder }
    }

    fn attachment(&mut self) -> AttachmentSecret {
        AttachmentSecret::generate(&mut self.rng)
    }

    fn put(&mut self, attachment: &AttachmentSecret, index: u32, content: &[u8]) {
        self.store.put(attachment, index, content, &mut self.rng).unwrap();
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path().join(CHUNKS)).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

#[test]
fn content_of_every_length_comes_back_from_files_of_one_length() {
    let mut shelf = Shelf::new();
    let attachment = shelf.attachment();
    let lengths = [1, 4096, 65_536, 65_536 + 16, MAX_CHUNK_LEN];
    for (index, length) in (0..).zip(lengths) {
        shelf.put(&attachment, index, &vec![b'x'; length]);
    }
    for (index, length) in (0..).zip(lengths) {
        assert_eq!(*shelf.store.get(&attachment, index).unwrap(), vec![b'x'; length]);
    }
    for file in shelf.files() {
        assert_eq!(fs::metadata(file).unwrap().len(), SEALED_LEN as u64);
    }
    let usage = shelf.store.usage().unwrap();
    assert_eq!((usage.n_chunks, usage.n_bytes, usage.n_misshapen), (5, 5 * SEALED_LEN as u64, 0));
}

#[test]
fn empty_and_oversized_content_is_refused_and_leaves_no_file() {
    let mut shelf = Shelf::new();
    let attachment = shelf.attachment();
    for length in [0, MAX_CHUNK_LEN + 1] {
        let refused = shelf.store.put(&attachment, 0, &vec![0; length], &mut shelf.rng);
        assert!(matches!(refused, Err(PutError::TooLong { .. })));
    }
    assert!(shelf.files().is_empty());
}

#[test]
fn changed_or_cut_chunk_is_damaged_and_can_be_put_again() {
    let mut shelf = Shelf::new();
    let attachment = shelf.attachment();
    shelf.put(&attachment, 3, b"holiday");
    let file = shelf.files().remove(0);
    let genuine = fs::read(&file).unwrap();
    for position in (0..SEALED_LEN).step_by(997).chain([SEALED_LEN - 1]) {
        let mut changed = genuine.clone();
        changed[position] ^= 0x80;
        fs::write(&file, changed).unwrap();
        assert!(matches!(shelf.store.get(&attachment, 3), Err(GetError::Damaged { index: 3 })), "byte {position}");
    }
    for length in [0, 1, SEALED_LEN - 1, SEALED_LEN + 1] {
        let mut cut = genuine.clone();
        cut.resize(length, 0);
        fs::write(&file, cut).unwrap();
        assert!(matches!(shelf.store.get(&attachment, 3), Err(GetError::Damaged { index: 3 })), "{length} bytes");
    }
    shelf.put(&attachment, 3, b"holiday");
    assert_eq!(shelf.store.get(&attachment, 3).unwrap().as_ref(), b"holiday");
}

#[test]
fn chunk_moved_to_another_place_or_attachment_is_damaged() {
    let mut shelf = Shelf::new();
    let (one, other) = (shelf.attachment(), shelf.attachment());
    shelf.put(&one, 0, b"first");
    let first = shelf.files().remove(0);
    let genuine = fs::read(&first).unwrap();
    shelf.put(&one, 1, b"second");
    shelf.put(&other, 0, b"foreign");
    for file in shelf.files() {
        fs::write(file, &genuine).unwrap();
    }
    assert_eq!(shelf.store.get(&one, 0).unwrap().as_ref(), b"first");
    assert!(matches!(shelf.store.get(&one, 1), Err(GetError::Damaged { index: 1 })));
    assert!(matches!(shelf.store.get(&other, 0), Err(GetError::Damaged { index: 0 })));
}

#[test]
fn chunk_cannot_be_found_without_its_secret() {
    let mut shelf = Shelf::new();
    let (one, other) = (shelf.attachment(), shelf.attachment());
    shelf.put(&one, 0, b"mine");
    assert!(matches!(shelf.store.get(&other, 0), Err(GetError::Absent { index: 0 })));
    let kept = AttachmentSecret::from_bytes(*one.as_bytes());
    assert_eq!(shelf.store.get(&kept, 0).unwrap().as_ref(), b"mine");
}

#[test]
fn same_content_makes_different_files() {
    let mut shelf = Shelf::new();
    let attachment = shelf.attachment();
    shelf.put(&attachment, 0, b"same");
    shelf.put(&attachment, 1, b"same");
    let mut seen = BTreeSet::new();
    seen.extend(shelf.files().into_iter().map(|file| fs::read(file).unwrap()));
    // Sealing the same content at the same place again must not repeat a nonce.
    shelf.put(&attachment, 0, b"same");
    seen.extend(shelf.files().into_iter().map(|file| fs::read(file).unwrap()));
    assert_eq!(seen.len(), 3);
}

#[test]
fn interrupted_transfer_is_resumed_where_chunks_are_missing() {
    let mut shelf = Shelf::new();
    let attachment = shelf.attachment();
    let picture: Vec<u8> = (0..250_000_u32).map(|number| number.to_le_bytes()[0] ^ number.to_le_bytes()[1]).collect();
    let half = 2 * 65_536;
    let Shelf { store, rng, .. } = &mut shelf;
    assert_eq!(store.fill(&attachment, 0, 65_536, &mut &picture[..half], rng).unwrap(), 2);
    assert_eq!(store.missing(&attachment, 0..4).unwrap(), [2, 3]);
    assert_eq!(store.fill(&attachment, 2, 65_536, &mut &picture[half..], rng).unwrap(), 2);
    assert!(store.missing(&attachment, 0..4).unwrap().is_empty());
    let mut out = Vec::new();
    assert_eq!(store.pour(&attachment, 0..4, &mut out).unwrap(), 250_000);
    assert_eq!(out, picture);
    assert!(matches!(store.pour(&attachment, 0..5, &mut out), Err(PourError::Get(GetError::Absent { index: 4 }))));
}

#[test]
fn chunk_length_that_no_chunk_has_is_refused() {
    let mut shelf = Shelf::new();
    let attachment = shelf.attachment();
    for chunk_len in [0, MAX_CHUNK_LEN + 1] {
        let refused = shelf.store.fill(&attachment, 0, chunk_len, &mut &b"text"[..], &mut shelf.rng);
        assert!(matches!(refused, Err(FillError::Put(PutError::TooLong { .. }))));
    }
}

#[test]
fn removal_takes_only_what_was_named() {
    let mut shelf = Shelf::new();
    let (one, other) = (shelf.attachment(), shelf.attachment());
    for index in 0..3 {
        shelf.put(&one, index, b"one");
        shelf.put(&other, index, b"other");
    }
    shelf.store.remove(&one, 1..9).unwrap();
    assert_eq!(shelf.store.missing(&one, 0..3).unwrap(), [1, 2]);
    assert_eq!(shelf.store.keep_only([(&other, 2)]).unwrap(), 2);
    assert_eq!(shelf.store.missing(&one, 0..1).unwrap(), [0]);
    assert_eq!(shelf.store.missing(&other, 0..3).unwrap(), [2]);
}

#[test]
fn unfinished_chunk_is_swept_at_the_next_opening_and_strangers_are_counted() {
    let mut shelf = Shelf::new();
    let attachment = shelf.attachment();
    shelf.put(&attachment, 0, b"whole");
    let file = shelf.files().remove(0);
    fs::write(file.with_extension("part"), b"half").unwrap();
    fs::write(file.with_file_name("notes.txt"), b"stray").unwrap();
    let Shelf { store: ChunkStore { folder: owned, seed }, folder, .. } = shelf;
    let store = ChunkStore::open(owned, seed).unwrap();
    assert_eq!(store.get(&attachment, 0).unwrap().as_ref(), b"whole");
    let usage = store.usage().unwrap();
    assert_eq!((usage.n_chunks, usage.n_misshapen), (2, 1));
    drop(folder);
}
