//! Interruptions: copies of the folder taken at every point at which a crash leaves something different behind.

use std::fs;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tempfile::TempDir;

use super::*;

fn password(text: &str) -> Password {
    Password::new(text.to_owned()).unwrap()
}

/// Copies a folder as a crash at this moment would leave it.
fn copy(from: &Path) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(to.path().join(entry.file_name())).unwrap();
        } else {
            fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
        }
    }
    to
}

fn opens(folder: &Path, text: &str) -> bool {
    match Vault::open(folder, &password(text)) {
        Ok(_) => true,
        Err(OpenError::WrongPassword) => false,
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn change_of_password_interrupted_anywhere_leaves_exactly_one_password() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = StdRng::seed_from_u64(3);
    let mut vault = Vault::create(folder.path(), &password("old"), Params::for_tests(), &mut rng).unwrap();
    vault.connection().execute_batch("CREATE TABLE kept (x); INSERT INTO kept VALUES (5);").unwrap();

    let mut remains = Vec::new();
    let mut reached = |point| remains.push((point, copy(folder.path())));
    vault.keeper.change_password_observed(&password("old"), &password("new"), &mut rng, &mut reached).unwrap();

    let points: Vec<Point> = remains.iter().map(|(point, _)| *point).collect();
    use Point::{Flushed, FolderFlushed, Opened, Renamed, Written};
    assert_eq!(points, [Opened, Written, Flushed, Renamed, FolderFlushed]);
    for (point, copy) in remains {
        let renamed = matches!(point, Renamed | FolderFlushed);
        assert_eq!(opens(copy.path(), "new"), renamed, "{point:?}");
        assert_eq!(opens(copy.path(), "old"), !renamed, "{point:?}");
        let mut vault = Vault::open(copy.path(), &password(if renamed { "new" } else { "old" })).unwrap();
        let kept: i64 = vault.connection().query_row("SELECT x FROM kept", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 5);
        assert!(!copy.path().join(NEXT_HEAD).exists(), "a head that never counted stays behind after {point:?}");
    }
}

#[test]
fn adoption_of_a_seed_interrupted_anywhere_leaves_exactly_one_seed() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = StdRng::seed_from_u64(7);
    let mut vault = Vault::create(folder.path(), &password("p"), Params::for_tests(), &mut rng).unwrap();
    vault.connection().execute_batch("CREATE TABLE kept (x); INSERT INTO kept VALUES (5);").unwrap();
    let (old, new) = (*vault.take_user_seed().unwrap(), [7; 32]);

    let mut remains = Vec::new();
    let mut reached = |point| remains.push((point, copy(folder.path())));
    vault.keeper.adopt_user_seed_observed(&password("p"), &new, &mut rng, &mut reached).unwrap();

    let points: Vec<Point> = remains.iter().map(|(point, _)| *point).collect();
    use Point::{Flushed, FolderFlushed, Opened, Renamed, Written};
    assert_eq!(points, [Opened, Written, Flushed, Renamed, FolderFlushed]);
    for (point, copy) in remains {
        let renamed = matches!(point, Renamed | FolderFlushed);
        let mut vault = Vault::open(copy.path(), &password("p")).unwrap();
        assert_eq!(*vault.take_user_seed().unwrap(), if renamed { new } else { old }, "{point:?}");
        let kept: i64 = vault.connection().query_row("SELECT x FROM kept", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 5);
        assert!(!copy.path().join(NEXT_HEAD).exists(), "a head that never counted stays behind after {point:?}");
        // What a crash interrupted is done again.
        vault.keeper.adopt_user_seed(&password("p"), &new, &mut rng).unwrap();
        assert_eq!(*vault.keeper.user_seed(&password("p")).unwrap(), new);
    }
}

#[test]
fn failed_adoption_keeps_the_seed() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = StdRng::seed_from_u64(8);
    let mut vault = Vault::create(folder.path(), &password("p"), Params::for_tests(), &mut rng).unwrap();
    let old = *vault.take_user_seed().unwrap();
    let refused = vault.keeper.adopt_user_seed(&password("wrong"), &[7; 32], &mut rng);
    assert!(matches!(refused, Err(AdoptError::WrongPassword)), "{refused:?}");
    // A folder in the way of the temporary file makes writing it fail.
    fs::create_dir(folder.path().join(NEXT_HEAD)).unwrap();
    let refused = vault.keeper.adopt_user_seed(&password("p"), &[7; 32], &mut rng);
    assert!(matches!(refused, Err(AdoptError::Folder(_))), "{refused:?}");
    fs::remove_dir(folder.path().join(NEXT_HEAD)).unwrap();
    assert_eq!(*vault.keeper().user_seed(&password("p")).unwrap(), old);
}

#[test]
fn half_written_next_head_is_never_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = StdRng::seed_from_u64(4);
    Vault::create(folder.path(), &password("old"), Params::for_tests(), &mut rng).unwrap().lock().unwrap();
    for length in [0, 1, HEAD_LEN - 1] {
        fs::write(folder.path().join(NEXT_HEAD), vec![0xee; length]).unwrap();
        assert!(opens(folder.path(), "old"));
    }
}

#[test]
fn creation_interrupted_anywhere_is_a_vault_or_can_be_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = StdRng::seed_from_u64(5);
    let mut remains = Vec::new();
    let mut reached = |point| remains.push((point, copy(folder.path())));
    let secrets = Secrets::generate(&mut rng);
    let head = Head::seal(&secrets, &password("p"), Params::for_tests(), &mut rng).unwrap();
    Vault::create_observed(folder.path(), (&secrets, &head), &mut |_| Ok(()), &mut reached).unwrap();

    assert_eq!(remains.len(), 7);
    for (point, copy) in remains {
        if matches!(point, Point::Renamed | Point::FolderFlushed) {
            assert!(opens(copy.path(), "p"));
            continue;
        }
        assert!(matches!(Vault::open(copy.path(), &password("p")), Err(OpenError::Missing)), "{point:?}");
        let again = Vault::create(copy.path(), &password("q"), Params::for_tests(), &mut rng).unwrap();
        assert!(again.check().unwrap().is_sound());
        again.lock().unwrap();
        assert!(opens(copy.path(), "q"));
        assert!(!copy.path().join(UNFINISHED_HEAD).exists());
    }
}

#[test]
fn failed_write_of_the_next_head_keeps_the_old_password() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = StdRng::seed_from_u64(6);
    let mut vault = Vault::create(folder.path(), &password("old"), Params::for_tests(), &mut rng).unwrap();
    // A folder in the way of the temporary file makes writing it fail.
    fs::create_dir(folder.path().join(NEXT_HEAD)).unwrap();
    let refused = vault.change_password(&password("old"), &password("new"), &mut rng);
    assert!(matches!(refused, Err(ChangePasswordError::Folder(_))), "{refused:?}");
    fs::remove_dir(folder.path().join(NEXT_HEAD)).unwrap();
    assert!(vault.keeper().prove(&password("old")).is_ok());
    assert!(matches!(vault.keeper().prove(&password("new")), Err(ProveError::WrongPassword)));
}
