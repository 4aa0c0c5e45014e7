//! Nothing that a person wrote, and no name that the program gave, is readable in any file, at any moment.

use std::path::Path;

use kith_vault::{AttachmentSecret, DatabaseError, OpenError, Params, Step, Vault, migrate};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rusqlite::Connection;

use crate::support::{Home, PASSWORD, copy, files, password};

const SCHEMA: Step = Step::Sql(
    "CREATE TABLE conversation_rows (id INTEGER PRIMARY KEY, contact TEXT, body TEXT) STRICT;
     CREATE INDEX rows_by_contact ON conversation_rows (contact);
     CREATE VIRTUAL TABLE findable_words USING fts5 (body);",
);

/// Everything that must never be seen: contents, names of tables and columns, and what betrays the file format.
const MARKERS: [&str; 9] = [
    "Zebulon Quarterstaff",
    "meet me under the marquee",
    "marquee",
    "conversation_rows",
    "rows_by_contact",
    "findable_words",
    "CREATE TABLE",
    "SQLite format 3",
    PASSWORD,
];

fn write(connection: &Connection, rows: std::ops::Range<u32>) {
    for number in rows {
        let body = format!("meet me under the marquee {number}");
        connection
            .execute("INSERT INTO conversation_rows (contact, body) VALUES ('Zebulon Quarterstaff', ?1)", [&body])
            .unwrap();
        connection.execute("INSERT INTO findable_words (body) VALUES (?1)", [&body]).unwrap();
    }
}

/// Returns which markers show in the names and bytes of a folder's files.
fn visible(folder: &Path) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    for (name, bytes) in files(folder) {
        for marker in MARKERS {
            let shows = |haystack: &[u8]| haystack.windows(marker.len()).any(|window| window == marker.as_bytes());
            if shows(&bytes) || shows(name.as_bytes()) {
                found.push((name.clone(), marker));
            }
        }
    }
    found
}

fn assert_invisible(folder: &Path, moment: &str) {
    assert_eq!(visible(folder), [], "{moment}");
}

fn n_rows(vault: &mut Vault) -> u32 {
    vault.connection().query_row("SELECT count(*) FROM conversation_rows", [], |row| row.get(0)).unwrap()
}

#[test]
fn search_finds_the_markers_in_a_database_that_is_not_encrypted() {
    let folder = tempfile::tempdir().unwrap();
    let mut plain = Connection::open(folder.path().join("plain.db")).unwrap();
    migrate(&mut plain, "test", &[SCHEMA]).unwrap();
    write(&plain, 0..3);
    plain.close().unwrap();
    std::fs::write(folder.path().join("typed"), PASSWORD).unwrap();
    let found = visible(folder.path());
    for marker in MARKERS {
        assert!(found.iter().any(|(_, seen)| *seen == marker), "{marker}");
    }
}

#[test]
fn files_show_nothing_while_written_after_a_kill_and_when_locked() {
    let (mut home, mut vault) = Home::with_vault();
    migrate(vault.connection(), "test", &[SCHEMA]).unwrap();
    write(vault.connection(), 0..20);
    assert!(home.path().join("kith.db-wal").exists(), "the log is what this test wants to see");
    assert!(!home.path().join("kith.db-shm").exists(), "the index of the log stays in memory");
    assert_invisible(home.path(), "committed, in the log");

    let secret = AttachmentSecret::generate(&mut home.rng);
    vault.chunks().put(&secret, 0, &b"meet me under the marquee".repeat(99), &mut home.rng).unwrap();
    assert_invisible(home.path(), "with a chunk");

    // A cache of a few pages makes the database write pages before the commit.
    vault.connection().execute_batch("PRAGMA cache_size = 5; PRAGMA cache_spill = 1;").unwrap();
    let before = files(home.path());
    let transaction = vault.connection().transaction().unwrap();
    write(&transaction, 20..2_000);
    let killed = copy(home.path());
    assert_ne!(before["kith.db-wal"], files(killed.path())["kith.db-wal"], "nothing was written before the commit");
    assert_invisible(killed.path(), "killed in a transaction");
    transaction.rollback().unwrap();
    assert_invisible(home.path(), "rolled back");

    let mut revived = Vault::open(killed.path(), &password(PASSWORD)).unwrap();
    assert_eq!(n_rows(&mut revived), 20);
    assert!(revived.check().unwrap().is_sound());
    assert_invisible(killed.path(), "recovered");

    vault.lock().unwrap();
    assert_invisible(home.path(), "locked");
    assert!(!home.path().join("kith.db-wal").exists());
    let mut again = home.open().unwrap();
    assert_eq!(n_rows(&mut again), 20);
    assert_eq!(again.chunks().get(&secret, 0).unwrap().len(), 25 * 99);
}

#[test]
fn rollback_journal_shows_nothing_either() {
    let (home, mut vault) = Home::with_vault();
    migrate(vault.connection(), "test", &[SCHEMA]).unwrap();
    write(vault.connection(), 0..20);
    let mode: String = vault.connection().query_row("PRAGMA journal_mode = PERSIST", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "persist");
    vault.connection().execute_batch("PRAGMA cache_size = 5; PRAGMA cache_spill = 1;").unwrap();
    let transaction = vault.connection().transaction().unwrap();
    transaction.execute("UPDATE conversation_rows SET body = body || ' at noon'", []).unwrap();
    write(&transaction, 20..2_000);
    let killed = copy(home.path());
    assert!(files(killed.path()).contains_key("kith.db-journal"));
    assert_invisible(killed.path(), "killed with a journal");
    drop(transaction);
    let mut revived = Vault::open(killed.path(), &password(PASSWORD)).unwrap();
    assert_eq!(n_rows(&mut revived), 20);
}

#[test]
fn temporary_content_never_reaches_the_disk() {
    let (home, mut vault) = Home::with_vault();
    migrate(vault.connection(), "test", &[SCHEMA]).unwrap();
    write(vault.connection(), 0..200);
    vault.connection().execute_batch("PRAGMA cache_size = 5;").unwrap();
    vault
        .connection()
        .execute_batch(
            "CREATE TEMP TABLE scratch AS SELECT one.body AS a, other.body AS b
             FROM conversation_rows one JOIN conversation_rows other ORDER BY b, a;",
        )
        .unwrap();
    let names: Vec<String> = files(home.path()).into_keys().collect();
    assert_eq!(names, ["kith.db", "kith.db-wal", "lock", "vault.head"]);
    let store: i64 = vault.connection().query_row("PRAGMA temp_store", [], |row| row.get(0)).unwrap();
    assert_eq!(store, 2, "temporary tables live in memory");
}

#[test]
fn two_vaults_with_one_password_share_no_byte_of_key_material() {
    let folder = tempfile::tempdir().unwrap();
    let (home, vault) = Home::with_vault();
    vault.lock().unwrap();
    let mut rng = StdRng::seed_from_u64(12);
    Vault::create(folder.path(), &password(PASSWORD), Params::for_tests(), &mut rng).unwrap().lock().unwrap();
    let (one, other) = (files(home.path()), files(folder.path()));
    assert_eq!(one["vault.head"][..22], other["vault.head"][..22], "version and parameters are readable");
    assert!(one["vault.head"][22..].windows(8).all(|window| !other["vault.head"].windows(8).any(|w| w == window)));
    // The key of one head does not open the other's database.
    std::fs::copy(home.path().join("kith.db"), folder.path().join("kith.db")).unwrap();
    let error = Vault::open(folder.path(), &password(PASSWORD)).err();
    assert!(matches!(error, Some(OpenError::Database(DatabaseError::Damaged))), "{error:?}");
}
