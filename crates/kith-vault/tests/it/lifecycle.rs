//! Making, owning, opening again, a new password, and the settings of the database.

use std::fs;

use kith_vault::{ChangePasswordError, CreateError, OpenError, Params, ProveError, Vault};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::support::{Home, PASSWORD, files, password};

#[test]
fn what_was_stored_is_there_after_locking_and_opening() {
    let (home, mut vault) = Home::with_vault();
    vault.connection().execute_batch("CREATE TABLE kept (x); INSERT INTO kept VALUES (5);").unwrap();
    vault.lock().unwrap();
    for _ in 0..2 {
        let mut vault = home.open().unwrap();
        let kept: i64 = vault.connection().query_row("SELECT x FROM kept", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 5);
    }
}

#[test]
fn second_opener_is_told_and_the_first_goes_on() {
    let (home, mut vault) = Home::with_vault();
    assert!(matches!(home.open(), Err(OpenError::InUse)));
    vault.connection().execute_batch("CREATE TABLE kept (x);").unwrap();
    vault.lock().unwrap();
    let vault = home.open().unwrap();
    assert!(matches!(home.open(), Err(OpenError::InUse)));
    drop(vault);
    home.open().unwrap();
}

#[test]
fn folder_stays_owned_until_its_parts_are_gone() {
    let (home, vault) = Home::with_vault();
    let (connection, chunks, keeper) = vault.into_parts();
    connection.close().unwrap();
    drop(keeper);
    assert!(matches!(home.open(), Err(OpenError::InUse)));
    drop(chunks);
    home.open().unwrap();
}

#[test]
fn folder_that_is_no_vault_is_told_apart_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Vault::open(folder.path(), &password(PASSWORD)), Err(OpenError::Missing)));
    assert!(files(folder.path()).is_empty());
    let nowhere = folder.path().join("nowhere");
    assert!(matches!(Vault::open(&nowhere, &password(PASSWORD)), Err(OpenError::Missing)));
    assert!(!nowhere.exists());
}

#[test]
fn second_vault_is_not_made_over_the_first() {
    let (mut home, vault) = Home::with_vault();
    let again = Vault::create(home.folder.path(), &password("x"), Params::for_tests(), &mut home.rng);
    assert!(matches!(again, Err(CreateError::AlreadyExists)));
    vault.lock().unwrap();
    let again = Vault::create(home.folder.path(), &password("x"), Params::for_tests(), &mut home.rng);
    assert!(matches!(again, Err(CreateError::AlreadyExists)));
    home.open().unwrap();
}

#[test]
fn vault_is_not_made_among_other_files() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("diary.txt"), "mine").unwrap();
    let mode_before = fs::metadata(folder.path()).unwrap().permissions();
    let mut rng = StdRng::seed_from_u64(14);
    let made = Vault::create(folder.path(), &password("p"), Params::for_tests(), &mut rng);
    assert!(matches!(made, Err(CreateError::NotEmpty)));
    assert_eq!(files(folder.path()).len(), 1);
    assert_eq!(fs::metadata(folder.path()).unwrap().permissions(), mode_before);
}

#[test]
fn changed_password_opens_and_the_old_one_does_not() {
    let (mut home, mut vault) = Home::with_vault();
    vault.connection().execute_batch("CREATE TABLE kept (x);").unwrap();
    let database_before = fs::read(home.path().join("kith.db")).unwrap();
    let refused = vault.change_password(&password("wrong"), &password("new"), &mut home.rng);
    assert!(matches!(refused, Err(ChangePasswordError::WrongPassword)));
    vault.keeper().prove(&password(PASSWORD)).unwrap();

    vault.change_password(&password(PASSWORD), &password("new"), &mut home.rng).unwrap();
    assert_eq!(fs::read(home.path().join("kith.db")).unwrap(), database_before, "the database keeps its key");
    vault.keeper().prove(&password("new")).unwrap();
    assert!(matches!(vault.keeper().prove(&password(PASSWORD)), Err(ProveError::WrongPassword)));
    vault.lock().unwrap();
    assert!(matches!(home.open(), Err(OpenError::WrongPassword)));
    Vault::open(home.path(), &password("new")).unwrap();
}

#[test]
fn database_has_the_settings_that_storage_at_rest_needs() {
    let (home, vault) = Home::with_vault();
    drop(vault);
    let mut vault = home.open().unwrap();
    let connection = vault.connection();
    let number = |name: &str| -> i64 { connection.pragma_query_value(None, name, |row| row.get(0)).unwrap() };
    assert_eq!(number("foreign_keys"), 1);
    assert_eq!(number("synchronous"), 2, "FULL");
    assert_eq!(number("secure_delete"), 1);
    assert_eq!(number("temp_store"), 2, "MEMORY");
    let text = |name: &str| -> String { connection.pragma_query_value(None, name, |row| row.get(0)).unwrap() };
    assert_eq!(text("journal_mode"), "wal");
    assert_eq!(text("locking_mode"), "exclusive");
    assert_eq!(text("page_size"), "4096");
    assert_eq!(text("cipher_memory_security"), "1");
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_anything() {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (mut home, mut vault) = Home::with_vault();
    vault.connection().execute_batch("CREATE TABLE kept (x);").unwrap();
    let secret = kith_vault::AttachmentSecret::generate(&mut home.rng);
    vault.chunks().put(&secret, 0, b"content", &mut home.rng).unwrap();
    vault.change_password(&password(PASSWORD), &password(PASSWORD), &mut home.rng).unwrap();
    let names: Vec<String> = files(home.path()).into_keys().collect();
    assert_eq!(names.len(), 5, "{names:?}");
    for name in names {
        assert_eq!(mode(&home.path().join(&name)), 0o600, "{name}");
    }
    assert_eq!(mode(home.path()), 0o700);
    assert_eq!(mode(&home.path().join("chunks")), 0o700);

    drop(vault);
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    home.open().unwrap();
    assert_eq!(mode(home.path()), 0o700, "a folder that a copy has opened is closed again");
}

#[test]
fn vault_is_made_with_its_parents_and_by_a_relative_path_too() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("a/b/vault");
    let mut rng = StdRng::seed_from_u64(13);
    Vault::create(&deep, &password("p"), Params::for_tests(), &mut rng).unwrap();
    Vault::open(&deep.join("../vault"), &password("p")).unwrap();
}

#[test]
fn user_seed_is_handed_out_once_and_survives_a_new_password() {
    let (mut home, mut vault) = Home::with_vault();
    let seed = vault.take_user_seed().unwrap();
    assert!(vault.take_user_seed().is_none());
    vault.change_password(&password(PASSWORD), &password("another"), &mut home.rng).unwrap();
    vault.lock().unwrap();
    let mut vault = Vault::open(home.path(), &password("another")).unwrap();
    assert_eq!(*vault.take_user_seed().unwrap(), *seed);
}

#[test]
fn adopted_seed_takes_the_place_of_the_own_one_and_nothing_else_changes() {
    let (mut home, mut vault) = Home::with_vault();
    vault.connection().execute_batch("CREATE TABLE kept (x); INSERT INTO kept VALUES (5);").unwrap();
    let secret = kith_vault::AttachmentSecret::generate(&mut home.rng);
    vault.chunks().put(&secret, 0, b"content", &mut home.rng).unwrap();
    let own = vault.take_user_seed().unwrap();
    let (connection, chunks, mut keeper) = vault.into_parts();
    assert_eq!(*keeper.user_seed(&password(PASSWORD)).unwrap(), *own);
    assert!(matches!(keeper.user_seed(&password("wrong")), Err(ProveError::WrongPassword)));

    keeper.adopt_user_seed(&password(PASSWORD), &[9; 32], &mut home.rng).unwrap();
    assert_eq!(*keeper.user_seed(&password(PASSWORD)).unwrap(), [9; 32]);
    drop((connection, chunks, keeper));
    let mut vault = home.open().unwrap();
    assert_eq!(*vault.take_user_seed().unwrap(), [9; 32]);
    let kept: i64 = vault.connection().query_row("SELECT x FROM kept", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 5);
    assert_eq!(&*vault.chunks().get(&secret, 0).unwrap(), b"content");
    vault.change_password(&password(PASSWORD), &password("new"), &mut home.rng).unwrap();
    assert_eq!(*vault.keeper().user_seed(&password("new")).unwrap(), [9; 32]);
}

#[test]
fn password_is_proved_to_the_owner_of_an_open_vault() {
    let (home, vault) = Home::with_vault();
    let (ours, theirs) = ([1; 32], [2; 32]);
    let other = Vault::proof_key(home.path(), &password(PASSWORD)).unwrap();
    let proof = other.prove(1, &ours, &theirs);
    let owner = vault.keeper().proof_key();
    assert!(owner.check(1, &ours, &theirs, &proof));
    assert!(!owner.check(2, &ours, &theirs, &proof), "another role");
    assert!(!owner.check(1, &theirs, &ours, &proof), "other numbers");
    let wrong = Vault::proof_key(home.path(), &password("wrong"));
    assert!(matches!(wrong, Err(OpenError::WrongPassword)));
}
