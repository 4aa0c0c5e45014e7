//! Landlock: which files may be opened, and which ports listened on.

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};

use super::{Layer, Needs, SandboxError};

/// The newest version whose rights this code knows. A kernel with less takes what it can.
const KNOWN: ABI = ABI::V6;

/// Gives up all files, ports and processes but those that are needed.
///
/// # Errors
/// The kernel refuses.
pub(super) fn enter(needs: &Needs) -> Result<Layer, SandboxError> {
    let status = rules(needs).and_then(RulesetCreated::restrict_self).map_err(refused)?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) => Ok(Layer::Missing),
        (_, LandlockStatus::Available { effective_abi, .. }) => Ok(Layer::Active(Some(number(effective_abi)))),
        _ => Ok(Layer::Active(None)),
    }
}

fn rules(needs: &Needs) -> Result<RulesetCreated, RulesetError> {
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::from_all(KNOWN))?
        .create()?;
    for folder in &needs.own {
        rules = allow(rules, folder, plain_files())?;
    }
    for folder in &needs.counted {
        rules = allow(rules, folder, AccessFs::ReadDir.into())?;
    }
    for path in &needs.read {
        rules = allow(rules, path, AccessFs::ReadFile | AccessFs::ReadDir)?;
    }
    for port in &needs.ports {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::BindTcp))?;
    }
    Ok(rules)
}

/// What is done with plain files. Links, pipes and sockets could lead commands astray that an operator runs on the folder.
fn plain_files() -> BitFlags<AccessFs> {
    AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::RemoveFile
}

/// What is not there now, or may not be looked at, needs no right.
fn allow(rules: RulesetCreated, path: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, RulesetError> {
    let Ok(opened) = PathFd::new(path) else { return Ok(rules) };
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(KNOWN) };
    rules.add_rule(PathBeneath::new(opened, access))
}

fn number(abi: ABI) -> u32 {
    match abi {
        ABI::V1 => 1,
        ABI::V2 => 2,
        ABI::V3 => 3,
        ABI::V4 => 4,
        ABI::V5 => 5,
        ABI::V6 => 6,
        ABI::V7 => 7,
        ABI::V8 => 8,
        // Newer ones give no right that is handled here.
        _ => 9,
    }
}

fn refused(error: RulesetError) -> SandboxError {
    SandboxError::Refused(error.to_string())
}
