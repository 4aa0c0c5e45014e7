//! The conformance suite on real files and on simulated ones, and what only files can show.

use std::path::Path;

use kith_home::store::conformance::{Fixture, actions, agrees_with_memory};
use kith_home::store::{Entry, MetaKey, Queue, Secret, Store, StoreError, Txn};
use kith_home::store_conformance;
use kith_wire::id::{AccountKey, BlobId, LookupKey, ReaderId, SenderId, Verifier};
use kith_wire::time::{EpochId, Hour};
use proptest::prelude::*;

use super::files::{Files, LogFile};
use super::secrets::Secrets;
use super::*;

mod cleaning;
mod damage;
mod power;
mod world;

/// A real folder. Segments are so short that every history has many.
struct Folder {
    folder: tempfile::TempDir,
    segment_bytes: u64,
}

impl Folder {
    fn new(segment_bytes: u64) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), segment_bytes }
    }

    fn open(&self) -> Result<Journal, StoreError> {
        let files = Disk::own(self.folder.path()).unwrap().ok_or(JournalError::InUse)?;
        Journal::open_with(files, self.segment_bytes)
    }
}

impl Fixture for Folder {
    type Store = Journal;

    fn create(&mut self) -> Result<Journal, StoreError> {
        self.open()
    }

    fn reopen(&mut self, store: Journal) -> Result<Journal, StoreError> {
        drop(store);
        self.open()
    }

    fn reopen_as(&mut self, store: Journal, version: u32) -> Result<Journal, StoreError> {
        rewrite_schema(&store, version);
        self.reopen(store)
    }
}

fn rewrite_schema<F: Files>(store: &Journal<F>, version: u32) {
    let file = store.files.open(Secrets::name(store.secrets.generation)).unwrap();
    file.write_at(&store.secrets.encode(version), 0).unwrap();
    file.sync().unwrap();
}

mod as_in_production {
    use super::*;
    store_conformance!(Folder::new(SEGMENT_BYTES));
}

mod with_short_segments {
    use super::*;
    store_conformance!(Folder::new(512));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_agree_with_memory(history in actions(), segment_bytes in prop_oneof![Just(400), Just(20_000)]) {
        agrees_with_memory(Folder::new(segment_bytes), &history).unwrap();
    }
}

/// A queue for tests, its names made of a number.
fn queue(n: u8) -> (ReaderId, Queue) {
    let queue = Queue {
        sender: SenderId([n; 24]),
        account: AccountKey([n; 32]),
        lookup: LookupKey([n; 32]),
        verifier: Verifier([n; 32]),
        next_seq: 1,
        length: 0,
        overflow: kith_home::store::Overflow::Complete,
    };
    (ReaderId([n; 24]), queue)
}

fn entry(byte: u8) -> Entry {
    Entry { arrived: Hour(1), frame: vec![byte; 4096] }
}

fn folder_bytes(folder: &Path) -> u64 {
    std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

fn folder_holds(folder: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|file| {
        let content = std::fs::read(file.unwrap().path()).unwrap();
        content.windows(bytes.len()).any(|window| window == bytes)
    })
}

#[test]
fn an_erased_epoch_key_is_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Journal::open(folder.path()).unwrap();
    let seed = [0xa7_u8; 64];
    for epoch in 0..20 {
        let mut txn = store.begin().unwrap();
        let bytes = if epoch == 7 { seed } else { [epoch; 64] };
        txn.insert_epoch_key(EpochId(u32::from(epoch)), &Secret::new(&bytes)).unwrap();
        txn.commit().unwrap();
    }
    assert!(folder_holds(folder.path(), &seed));
    let mut txn = store.begin().unwrap();
    txn.erase_epoch_key(EpochId(7)).unwrap();
    txn.commit().unwrap();
    assert!(!folder_holds(folder.path(), &seed));
}

#[test]
fn a_transaction_that_only_touched_waits_for_the_disk_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Journal::open(folder.path()).unwrap();
    let untouched = store.head.length;
    store.begin().unwrap().commit().unwrap();
    assert_eq!(store.head.length, untouched, "nothing to write, nothing to wait for");
    for _ in 0..3 {
        let before = store.head.length;
        let mut txn = store.begin().unwrap();
        txn.touch().unwrap();
        txn.commit().unwrap();
        assert!(store.head.length > before);
    }
}

#[test]
fn ten_thousand_deposits_that_were_acknowledged_take_no_room_on_the_disk() {
    use kith_home::{Config, Home, Input};
    let folder = tempfile::tempdir().unwrap();
    let mut store = Journal::open(folder.path()).unwrap();
    let mut rng = rand_core::UnwrapErr(rand::rngs::SysRng);
    let config = Config::new(vec![kith_wire::address::ServerUrl::parse("https://home.example").unwrap()]);
    let mut now = kith_wire::Timestamp::from_seconds(1_800_000_000);
    let mut home = Home::open(&mut store, config, now, &mut rng).unwrap();
    let (reader, row) = queue(1);
    let mut txn = store.begin().unwrap();
    txn.insert_queue(&reader, &row).unwrap();
    txn.commit().unwrap();
    for run in 0..10 {
        let mut txn = store.begin().unwrap();
        (run * 1000..(run + 1) * 1000).for_each(|seq| txn.insert_entry(&reader, seq, &entry(7)).unwrap());
        txn.commit().unwrap();
    }
    assert!(folder_bytes(folder.path()) > 39 << 20);
    for run in 0..10 {
        let mut txn = store.begin().unwrap();
        (run * 1000..(run + 1) * 1000).for_each(|seq| assert!(txn.remove_entry(&reader, seq).unwrap()));
        txn.commit().unwrap();
    }
    // Time alone gives the room back, a piece each second.
    for _ in 0..20 {
        now = now.plus_seconds(1);
        home.begin(&mut store, now, &mut rng).unwrap().handle(Input::Tick).unwrap().commit().unwrap();
    }
    assert!(folder_bytes(folder.path()) < 6 << 20, "{}", folder_bytes(folder.path()));
}

#[test]
fn a_file_of_20_mib_is_kept_and_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Journal::open(folder.path()).unwrap();
    let id = BlobId([1; 24]);
    let chunk = |number: u32| vec![number.to_le_bytes()[0]; 65_552];
    for first in (0..320).step_by(64) {
        let mut txn = store.begin().unwrap();
        for number in first..first + 64 {
            txn.insert_chunk(&id, number, &chunk(number)).unwrap();
            assert_eq!(txn.chunk(&id, number).unwrap(), Some(chunk(number)), "before it is committed");
        }
        txn.commit().unwrap();
    }
    drop(store);
    let mut store = Journal::open(folder.path()).unwrap();
    let txn = store.begin().unwrap();
    assert_eq!(txn.chunk_numbers(&id).unwrap(), (0..320).collect::<Vec<_>>());
    assert!((0..320).all(|number| txn.chunk(&id, number).unwrap() == Some(chunk(number))));
}

#[test]
fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new(400);
    let mut store = folder.open().unwrap();
    for n in 0..9 {
        let (reader, row) = queue(n);
        let mut txn = store.begin().unwrap();
        txn.insert_queue(&reader, &row).unwrap();
        txn.insert_entry(&reader, 1, &entry(n)).unwrap();
        txn.commit().unwrap();
    }
    for file in std::fs::read_dir(folder.folder.path()).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }
}

#[test]
fn a_folder_has_one_owner() {
    let folder = tempfile::tempdir().unwrap();
    let store = Journal::open(folder.path()).unwrap();
    let Err(StoreError::Backend(problem)) = Journal::open(folder.path()) else { panic!("opened twice") };
    assert!(matches!(problem.downcast_ref(), Some(JournalError::InUse)));
    drop(store);
    Journal::open(folder.path()).unwrap();
}

#[test]
fn a_folder_whose_log_is_gone_is_not_taken_for_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Journal::open(folder.path()).unwrap();
    let mut txn = store.begin().unwrap();
    txn.set_meta(MetaKey::ServerSeed, &Secret::new(b"seed")).unwrap();
    txn.commit().unwrap();
    drop(store);
    std::fs::remove_file(folder.path().join("0000000001.log")).unwrap();
    let Err(StoreError::Backend(problem)) = Journal::open(folder.path()) else { panic!("made anew") };
    assert!(matches!(problem.downcast_ref(), Some(JournalError::Missing { .. })));
    assert!(folder_holds(folder.path(), b"seed"));
}
