//! Changed, cut and missing files: one typed error each, and not a byte in the folder moved.

use std::fs;
use std::path::Path;

use kith_vault::{DatabaseError, HeadError, OpenError, Vault};

use crate::support::{Home, PASSWORD, files, password};

/// Opens a folder that must not open, and proves that trying changed nothing.
fn refused(folder: &Path, text: &str) -> OpenError {
    let before = files(folder);
    let error = match Vault::open(folder, &password(text)) {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    };
    assert!(files(folder) == before, "refusing with {error:?} changed the folder");
    error
}

fn locked_vault() -> Home {
    let (home, mut vault) = Home::with_vault();
    vault.connection().execute_batch("CREATE TABLE kept (x); INSERT INTO kept VALUES (5);").unwrap();
    vault.lock().unwrap();
    home
}

#[test]
fn wrong_password_is_one_clear_error() {
    let home = locked_vault();
    for text in ["correct hors", "correct horse ", "Correct horse", "\u{0}"] {
        let error = refused(home.path(), text);
        assert!(matches!(error, OpenError::WrongPassword));
        assert_eq!(error.to_string(), "the password does not open this vault");
    }
    home.open().unwrap();
}

#[test]
fn head_with_any_byte_changed_is_refused_and_left_alone() {
    let home = locked_vault();
    let head = home.path().join("vault.head");
    let genuine = fs::read(&head).unwrap();
    for position in 0..genuine.len() {
        let mut changed = genuine.clone();
        changed[position] ^= 1;
        fs::write(&head, changed).unwrap();
        let error = refused(home.path(), PASSWORD);
        let expected = match position {
            0..8 => matches!(error, OpenError::Head(HeadError::NotAHead)),
            8 => matches!(error, OpenError::Head(HeadError::Newer { found: 257, known: 1 })),
            9 => matches!(error, OpenError::Head(HeadError::NotAHead)),
            10..22 => matches!(error, OpenError::Head(HeadError::Unreasonable) | OpenError::WrongPassword),
            _ => matches!(error, OpenError::WrongPassword),
        };
        assert!(expected, "byte {position}: {error:?}");
    }
    fs::write(&head, genuine).unwrap();
    home.open().unwrap();
}

#[test]
fn head_of_any_other_length_is_refused_and_left_alone() {
    let home = locked_vault();
    let head = home.path().join("vault.head");
    let genuine = fs::read(&head).unwrap();
    for length in (0..genuine.len()).chain([genuine.len() + 1, 1_000_000]) {
        let mut changed = genuine.clone();
        changed.resize(length, 0);
        fs::write(&head, changed).unwrap();
        let error = refused(home.path(), PASSWORD);
        assert!(matches!(error, OpenError::Head(HeadError::Length)), "{length} bytes: {error:?}");
    }
}

#[test]
fn missing_head_is_no_vault_and_a_new_one_is_not_made_over_it() {
    let mut home = locked_vault();
    fs::remove_file(home.path().join("vault.head")).unwrap();
    assert!(matches!(refused(home.path(), PASSWORD), OpenError::Missing));
    let before = files(home.path());
    let params = kith_vault::Params::for_tests();
    let made = Vault::create(home.folder.path(), &password("new"), params, &mut home.rng);
    assert!(matches!(made, Err(kith_vault::CreateError::HeadLost)));
    assert!(files(home.path()) == before);
}

#[test]
fn missing_database_is_reported_not_replaced_by_an_empty_one() {
    let home = locked_vault();
    fs::remove_file(home.path().join("kith.db")).unwrap();
    assert!(matches!(refused(home.path(), PASSWORD), OpenError::Database(DatabaseError::Damaged)));
    fs::write(home.path().join("kith.db"), b"").unwrap();
    assert!(matches!(refused(home.path(), PASSWORD), OpenError::Database(DatabaseError::Damaged)));
}

#[test]
fn database_with_a_changed_first_page_is_refused_and_left_alone() {
    let home = locked_vault();
    let database = home.path().join("kith.db");
    let genuine = fs::read(&database).unwrap();
    for position in [0, 15, 16, 17, 23, 24, 100, 2_000, 4_015, 4_095] {
        let mut changed = genuine.clone();
        changed[position] ^= 4;
        fs::write(&database, changed).unwrap();
        let error = refused(home.path(), PASSWORD);
        assert!(matches!(error, OpenError::Database(DatabaseError::Damaged)), "byte {position}: {error:?}");
    }
    fs::write(&database, genuine).unwrap();
    home.open().unwrap();
}

#[test]
fn plain_database_put_in_place_is_refused() {
    let home = locked_vault();
    let database = home.path().join("kith.db");
    fs::remove_file(&database).unwrap();
    let plain = rusqlite::Connection::open(&database).unwrap();
    plain.execute_batch("CREATE TABLE kept (x); INSERT INTO kept VALUES (6);").unwrap();
    plain.close().unwrap();
    assert!(matches!(refused(home.path(), PASSWORD), OpenError::Database(DatabaseError::Damaged)));
}

#[test]
fn check_finds_a_changed_page_and_a_misshapen_chunk() {
    let (home, mut vault) = Home::with_vault();
    vault.connection().execute_batch("CREATE TABLE kept (x); INSERT INTO kept VALUES (zeroblob(20000));").unwrap();
    assert!(vault.check().unwrap().is_sound());
    fs::write(home.path().join("chunks/stray"), b"x").unwrap();
    let report = vault.check().unwrap();
    assert_eq!((report.chunks.n_misshapen, report.is_sound()), (1, false));
    vault.lock().unwrap();
    fs::remove_file(home.path().join("chunks/stray")).unwrap();

    let database = home.path().join("kith.db");
    let mut changed = fs::read(&database).unwrap();
    changed[4 * 4096 + 50] ^= 1;
    fs::write(&database, changed).unwrap();
    let report = home.open().unwrap().check().unwrap();
    assert!(!report.database.is_empty());
    assert!(!report.is_sound());
}
