//! The conformance suite on real files, and what only files can show.

use std::path::Path;

use kith_home::store::conformance::{Fixture, actions, agrees_with_memory};
use kith_home::store::{Entry, MetaKey, Secret, Store, StoreError, Txn};
use kith_home::store_conformance;
use kith_wire::id::ReaderId;
use kith_wire::time::{EpochId, Hour};
use proptest::prelude::*;

use crate::{Embedded, schema};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl Fixture for Folder {
    type Store = Embedded;

    fn create(&mut self) -> Result<Embedded, StoreError> {
        Embedded::open(self.0.path())
    }

    fn reopen(&mut self, store: Embedded) -> Result<Embedded, StoreError> {
        drop(store);
        Embedded::open(self.0.path())
    }

    fn reopen_as(&mut self, store: Embedded, version: u32) -> Result<Embedded, StoreError> {
        schema::write_version(&store.db, version)?;
        self.reopen(store)
    }
}

store_conformance!(Folder::new());

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_agree_with_memory(history in actions()) {
        agrees_with_memory(Folder::new(), &history).unwrap();
    }
}

/// Returns whether any file of the folder holds the bytes.
fn folder_holds(folder: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|file| {
        let content = std::fs::read(file.unwrap().path()).unwrap();
        content.windows(bytes.len()).any(|window| window == bytes)
    })
}

#[test]
fn an_erased_epoch_key_is_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Embedded::open(folder.path()).unwrap();
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
    let mut store = Embedded::open(folder.path()).unwrap();
    let log = || std::fs::metadata(folder.path().join("home.db-wal")).map_or(0, |log| log.len());
    let untouched = log();
    store.begin().unwrap().commit().unwrap();
    assert_eq!(log(), untouched, "nothing to write, nothing to wait for");
    for _ in 0..3 {
        let before = log();
        let mut txn = store.begin().unwrap();
        txn.touch().unwrap();
        txn.commit().unwrap();
        assert!(log() > before);
    }
}

fn file_bytes(folder: &Path) -> u64 {
    std::fs::metadata(folder.join("home.db")).unwrap().len()
}

/// Fills a queue with frames and empties it again, as ten thousand deposits and their acknowledgements do.
fn fill_and_empty(store: &mut Embedded) {
    let reader = ReaderId([1; 24]);
    for run in 0..10 {
        let mut txn = store.begin().unwrap();
        for seq in run * 1000..(run + 1) * 1000 {
            txn.insert_entry(&reader, seq, &Entry { arrived: Hour(1), frame: vec![7; 4096] }).unwrap();
        }
        txn.commit().unwrap();
    }
    for run in 0..10 {
        let mut txn = store.begin().unwrap();
        for seq in run * 1000..(run + 1) * 1000 {
            assert!(txn.remove_entry(&reader, seq).unwrap());
        }
        txn.commit().unwrap();
    }
}

#[test]
fn ten_thousand_deposits_that_were_acknowledged_take_no_room_on_the_disk() {
    use kith_home::{Config, Home, Input};
    let folder = tempfile::tempdir().unwrap();
    let mut store = Embedded::open(folder.path()).unwrap();
    let mut rng = rand_core::UnwrapErr(rand::rngs::SysRng);
    let config = Config::new(vec![kith_wire::address::ServerUrl::parse("https://home.example").unwrap()]);
    let mut now = kith_wire::Timestamp::from_seconds(1_800_000_000);
    let mut home = Home::open(&mut store, config, now, &mut rng).unwrap();
    fill_and_empty(&mut store);
    assert!(file_bytes(folder.path()) > 40 << 20);
    // Time alone gives the room back, a piece each second.
    for _ in 0..20 {
        now = now.plus_seconds(1);
        home.begin(&mut store, now, &mut rng).unwrap().handle(Input::Tick).unwrap().commit().unwrap();
    }
    assert!(file_bytes(folder.path()) < 12 << 20, "{}", file_bytes(folder.path()));
    drop(store);
    assert!(file_bytes(folder.path()) < 6 << 20, "{}", file_bytes(folder.path()));
}

#[test]
fn a_store_from_before_learns_to_shrink_and_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let db = rusqlite::Connection::open(folder.path().join("home.db")).unwrap();
    db.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    schema::prepare(&db).unwrap();
    drop(db);
    let mut store = Embedded::open(folder.path()).unwrap();
    let mut txn = store.begin().unwrap();
    txn.set_meta(MetaKey::ServerSeed, &Secret::new(b"kept")).unwrap();
    txn.commit().unwrap();
    fill_and_empty(&mut store);
    let mut txn = store.begin().unwrap();
    assert!(txn.shrink(100_000).map(|pages| pages > 5_000).unwrap());
    txn.commit().unwrap();
    drop(store);
    assert!(file_bytes(folder.path()) < 6 << 20);
    let mut store = Embedded::open(folder.path()).unwrap();
    assert_eq!(store.begin().unwrap().meta(MetaKey::ServerSeed).unwrap(), Some(Secret::new(b"kept")));
}

#[test]
fn a_process_that_dies_in_a_transaction_leaves_the_last_commit() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Embedded::open(folder.path()).unwrap();
    let mut txn = store.begin().unwrap();
    txn.set_meta(MetaKey::ServerSeed, &Secret::new(b"committed")).unwrap();
    txn.commit().unwrap();
    let mut txn = store.begin().unwrap();
    txn.set_meta(MetaKey::ServerSeed, &Secret::new(b"not yet")).unwrap();
    for seq in 0..2000 {
        // More than the cache holds, so that uncommitted pages reach the log.
        txn.insert_entry(&ReaderId([1; 24]), seq, &Entry { arrived: Hour(1), frame: vec![1; 4096] }).unwrap();
    }
    // The files as a dead process leaves them.
    let left = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), left.path().join(file.file_name())).unwrap();
    }
    drop(txn);
    let mut store = Embedded::open(left.path()).unwrap();
    let txn = store.begin().unwrap();
    assert_eq!(txn.meta(MetaKey::ServerSeed).unwrap(), Some(Secret::new(b"committed")));
    assert_eq!(txn.counts().unwrap().entries, 0);
}

#[test]
fn a_file_that_is_no_store_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("home.db");
    let content = b"Dear diary, this is not a database. ".repeat(200);
    std::fs::write(&file, &content).unwrap();
    assert!(matches!(Embedded::open(folder.path()).err(), Some(StoreError::Damaged { .. })));
    assert_eq!(std::fs::read(&file).unwrap(), content);
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let mut store = Embedded::open(folder.path()).unwrap();
    store.begin().unwrap().commit().unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }
}

#[test]
fn a_second_process_can_commit_between_transactions() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Embedded::open(folder.path()).unwrap();
    let mut other = Embedded::open(folder.path()).unwrap();
    let mut txn = other.begin().unwrap();
    txn.set_meta(MetaKey::Descriptor, &Secret::new(b"by the other")).unwrap();
    txn.commit().unwrap();
    let txn = server.begin().unwrap();
    assert_eq!(txn.meta(MetaKey::Descriptor).unwrap(), Some(Secret::new(b"by the other")));
}
