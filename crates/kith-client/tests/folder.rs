//! A person's folder without any network: made, opened, refused, and kept whole.
#![allow(clippy::unwrap_used, reason = "a test says what it expects and stops when it is not so")]

use std::path::Path;

use kith_client::{Client, ClientError, Options, Params, Password, proof_key};
use kith_engine::{CommandError, QueryError};

const WORDS: &str = "a quiet kitchen";

fn password(text: &str) -> Password {
    Password::new(text.to_owned()).unwrap()
}

fn options() -> Options {
    Options { params: Params::for_tests(), ..Options::default() }
}

/// Clients live on one thread.
fn on_one_thread(story: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, story);
}

fn open(folder: &Path, words: &str) -> Result<Client, ClientError> {
    Client::open(folder, &password(words), options())
}

#[test]
fn a_folder_is_made_once_and_opens_with_its_password_only() {
    on_one_thread(async {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("ana");
        assert!(matches!(open(&folder, WORDS), Err(ClientError::Missing)));
        Client::create(&folder, &password(WORDS), options()).unwrap().close().await;
        let again = Client::create(&folder, &password(WORDS), options());
        assert!(matches!(again, Err(ClientError::AlreadyExists)));
        assert!(matches!(open(&folder, "another"), Err(ClientError::WrongPassword)));
        open(&folder, WORDS).unwrap().close().await;
    });
}

#[test]
fn one_client_owns_a_folder_and_others_can_prove_the_password_to_it() {
    on_one_thread(async {
        let place = tempfile::tempdir().unwrap();
        let client = Client::create(place.path(), &password(WORDS), options()).unwrap();
        assert!(matches!(open(place.path(), WORDS), Err(ClientError::InUse)));
        assert!(matches!(proof_key(place.path(), &password("another")), Err(ClientError::WrongPassword)));
        let key = proof_key(place.path(), &password(WORDS)).unwrap();
        let proof = key.prove(1, &[1; 32], &[2; 32]);
        assert!(client.with_proof_key(|own| own.check(1, &[1; 32], &[2; 32], &proof)));
        client.close().await;
        open(place.path(), WORDS).unwrap();
    });
}

#[test]
fn a_person_without_a_home_server_can_do_nothing_and_is_told_so() {
    on_one_thread(async {
        let place = tempfile::tempdir().unwrap();
        let client = Client::create(place.path(), &password(WORDS), options()).unwrap();
        let synced = client.sync(std::time::Duration::from_secs(1)).await;
        assert!(matches!(synced, Err(kith_client::SyncError::Command(CommandError::NotInitialised))), "{synced:?}");
        let now = kith_wire::Timestamp(1);
        assert!(matches!(client.ask(|engine| engine.status(now)), Err(QueryError::NotInitialised)));
    });
}

#[test]
fn a_new_password_takes_the_place_of_the_old_one() {
    on_one_thread(async {
        let place = tempfile::tempdir().unwrap();
        let client = Client::create(place.path(), &password(WORDS), options()).unwrap();
        assert!(client.change_password(&password("not it"), &password("new")).is_err());
        client.change_password(&password(WORDS), &password("new")).unwrap();
        client.close().await;
        assert!(matches!(open(place.path(), WORDS), Err(ClientError::WrongPassword)));
        open(place.path(), "new").unwrap();
    });
}
