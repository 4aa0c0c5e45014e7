//! Vaults of every released version open. A change that fails here needs a new vault version and a way to get there.
//!
//! `fixtures/v1` was made by version 1 with the password of these tests, `Params::for_tests()`, one table and one chunk.

use std::path::Path;

use kith_vault::{AttachmentSecret, Vault};

use crate::support::{PASSWORD, copy, password};

#[test]
fn vault_of_version_1_opens_with_its_rows_and_chunks() {
    let folder = copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1"));
    let mut vault = Vault::open(folder.path(), &password(PASSWORD)).unwrap();
    let kept: String = vault.connection().query_row("SELECT x FROM kept", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, "kept since version 1");
    let secret = AttachmentSecret::from_bytes([1; 32]);
    assert_eq!(vault.chunks().get(&secret, 7).unwrap().as_ref(), b"sealed since version 1");
    assert!(vault.check().unwrap().is_sound());
}
