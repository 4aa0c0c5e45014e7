//! `kith man`: manual pages.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_mangen::Man as Page;

use crate::cli::Cli;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Write one page for each command into this folder, instead of printing the main one
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// Writes the pages, or returns the main one.
pub(crate) fn pages(args: &Man) -> Result<String, Failure> {
    let Some(folder) = &args.out else {
        let mut page = Vec::new();
        Page::new(Cli::command())
            .render(&mut page)
            .map_err(|error| Failure::new("file", error.to_string(), "try again"))?;
        return Ok(String::from_utf8_lossy(&page).into_owned());
    };
    let written = std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
    written.map_err(|error| Failure::file("written", folder, &error))?;
    Ok(format!("The pages are in {}.", folder.display()))
}
