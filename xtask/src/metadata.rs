//! What `cargo metadata` tells about the workspace, reduced to what the checks need.

use std::path::PathBuf;

use serde::Deserialize;

use crate::{
    cargo::{self, cargo},
    failure::Failure,
    workspace::Workspace,
};

/// All packages, ours and foreign, and who uses whom.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    /// Every package that some target of the workspace may link.
    pub(crate) packages: Vec<Package>,
    /// Ids of our own packages.
    pub(crate) workspace_members: Vec<String>,
    /// The resolved graph.
    pub(crate) resolve: Resolve,
    /// Where the workspace is.
    pub(crate) workspace_root: PathBuf,
}

/// One package.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Its id in this metadata.
    pub(crate) id: String,
    /// Its licence, as an SPDX expression.
    pub(crate) license: Option<String>,
    /// Where it comes from; nothing for our own.
    pub(crate) source: Option<String>,
    /// Its `Cargo.toml`.
    pub(crate) manifest_path: PathBuf,
    /// What its manifest names.
    pub(crate) dependencies: Vec<Dependency>,
}

/// A dependency as the manifest names it.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    /// Name of the package.
    pub(crate) name: String,
    /// `dev`, `build`, or nothing for a normal one.
    pub(crate) kind: Option<String>,
    /// The `cfg(…)` or target that it is limited to.
    pub(crate) target: Option<String>,
}

/// The resolved graph.
#[derive(Debug, Deserialize)]
pub(crate) struct Resolve {
    /// One node a package.
    pub(crate) nodes: Vec<Node>,
}

/// A package in the resolved graph.
#[derive(Debug, Deserialize)]
pub(crate) struct Node {
    /// Its id.
    pub(crate) id: String,
    /// What it uses.
    pub(crate) deps: Vec<Link>,
}

/// A use of one package by another.
#[derive(Debug, Deserialize)]
pub(crate) struct Link {
    /// Id of the package that is used.
    pub(crate) pkg: String,
    /// In which ways it is used.
    pub(crate) dep_kinds: Vec<LinkKind>,
}

/// One way in which a package is used.
#[derive(Debug, Deserialize)]
pub(crate) struct LinkKind {
    /// `dev`, `build`, or nothing for a normal one.
    pub(crate) kind: Option<String>,
}

impl Metadata {
    /// Asks cargo.
    pub(crate) fn read(workspace: &Workspace) -> Result<Self, Failure> {
        let output = cargo::read(cargo(workspace, &["metadata", "--format-version", "1", "--quiet"]))?;
        serde_json::from_slice(&output)
            .map_err(|error| Failure::new(format!("cargo metadata is not understood: {error}")))
    }
}
