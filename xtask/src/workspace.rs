//! Where the repository is.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The root folder of the repository.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Finds the repository: by what cargo says when it runs us, or from the current folder upwards.
    pub(crate) fn find() -> Result<Self, Failure> {
        let start = match std::env::var_os("CARGO_MANIFEST_DIR") {
            Some(folder) => PathBuf::from(folder),
            None => std::env::current_dir()
                .map_err(|error| Failure::new(format!("the current folder cannot be read: {error}")))?,
        };
        start
            .ancestors()
            .find(|folder| folder.join("xtask/Cargo.toml").is_file())
            .map(|folder| Self { root: folder.to_owned() })
            .ok_or_else(|| {
                Failure::new("this is not a clone of Kith").hint("run it inside the repository: cargo xtask test")
            })
    }

    /// Returns the root folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the folder of what was built.
    pub(crate) fn target(&self) -> PathBuf {
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.root.join("target"), PathBuf::from)
    }
}
