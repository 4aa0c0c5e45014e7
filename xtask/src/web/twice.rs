//! `cargo xtask web --twice`: the same sources give the same app, wherever they lie.
//!
//! The second build has a folder, a target folder and installed packages of its own, and shares with the first only the compilers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{cargo, failure::Failure, screen::Screen, workspace::Workspace};

/// Copies what git knows of to another folder, builds the app there as well, and compares the hashes that both builds write down.
pub(super) fn compare(workspace: &Workspace, screen: &Screen, fast: bool, first: &Path) -> Result<(), Failure> {
    let place = workspace.target().join("twice");
    let sources = place.join("the same sources");
    screen.begin("again", &format!("in {}; this takes as long as a first build", sources.display()));
    copy(workspace, &sources)?;
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["run", "--quiet", "--package", "xtask", "--", "web"]).args(fast.then_some("--fast"));
    command.current_dir(&sources).env("CARGO_TARGET_DIR", place.join("target")).env_remove("CARGO_BUILD_BUILD_DIR");
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    cargo::run(command)?;
    let (one, other) = (build_of(first)?, build_of(&sources.join("apps/web/dist"))?);
    if one == other {
        screen.say(&format!("both builds are {one}"));
        Ok(())
    } else {
        Err(Failure::new(format!("the builds differ: {one} and {other}"))
            .hint("`diff -r` of both folders `dist` shows in which file; a path in it has to be left out of it"))
    }
}

fn copy(workspace: &Workspace, sources: &Path) -> Result<(), Failure> {
    let trouble = |path: &Path| {
        let shown = path.display().to_string();
        move |error| Failure::new(format!("{shown} cannot be written: {error}"))
    };
    if sources.exists() {
        fs::remove_dir_all(sources).map_err(trouble(sources))?;
    }
    let mut list = Command::new("git");
    list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(workspace.root());
    let list = cargo::read(list)?;
    for name in list.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let name = PathBuf::from(String::from_utf8_lossy(name).into_owned());
        let (from, to) = (workspace.root().join(&name), sources.join(&name));
        // What was removed and not committed yet is in the list, and nowhere else.
        if !from.is_file() {
            continue;
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(trouble(folder))?;
        }
        fs::copy(&from, &to).map_err(trouble(&to))?;
    }
    Ok(())
}

/// Returns the hash that a build has written down.
fn build_of(app: &Path) -> Result<String, Failure> {
    let path = app.join("build.json");
    let unknown = || Failure::new(format!("{} does not say which build it is", path.display()));
    let text = fs::read_to_string(&path).map_err(|_| unknown())?;
    let papers: serde_json::Value = serde_json::from_str(&text).map_err(|_| unknown())?;
    papers.get("build").and_then(serde_json::Value::as_str).map(str::to_owned).ok_or_else(unknown)
}
