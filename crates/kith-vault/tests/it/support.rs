//! What the tests share: a person's vault in a folder of its own, and looking at folders.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use kith_vault::{OpenError, Params, Password, Vault};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tempfile::TempDir;

/// The password of every vault here.
pub(crate) const PASSWORD: &str = "correct horse";

/// A vault's folder, and the randomness of its test.
pub(crate) struct Home {
    pub(crate) folder: TempDir,
    pub(crate) rng: StdRng,
}

impl Home {
    /// Makes a vault and returns it open.
    pub(crate) fn with_vault() -> (Self, Vault) {
        let mut home = Self { folder: tempfile::tempdir().unwrap(), rng: StdRng::seed_from_u64(11) };
        let vault = Vault::create(home.folder.path(), &password(PASSWORD), Params::for_tests(), &mut home.rng);
        (home, vault.unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn open(&self) -> Result<Vault, OpenError> {
        Vault::open(self.path(), &password(PASSWORD))
    }
}

pub(crate) fn password(text: &str) -> Password {
    Password::new(text.to_owned()).unwrap()
}

/// Returns every file below a folder: its path in the folder, and its bytes.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|(below, bytes)| (format!("{name}/{below}"), bytes)));
        } else {
            found.insert(name, fs::read(&path).unwrap());
        }
    }
    found
}

/// Copies a folder as it is at this moment: what a crash or a thief would find.
pub(crate) fn copy(from: &Path) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    for (name, bytes) in files(from) {
        let path = to.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    fs::create_dir_all(to.path().join("chunks")).unwrap();
    to
}
