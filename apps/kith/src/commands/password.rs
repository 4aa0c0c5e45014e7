//! `kith password`: another password for the folder.

use clap::Args;
use kith_client::{ChangePasswordError, Client, Password};
use serde_json::json;

use crate::failure::Failure;
use crate::output::Out;

#[derive(Debug, Args)]
pub(crate) struct ChangePassword {
    /// Read the new password from the first line of a file, instead of asking for it
    #[arg(long, value_name = "FILE")]
    pub(crate) new_password_file: Option<std::path::PathBuf>,
}

pub(crate) fn run(client: &Client, old: &Password, new: &Password, out: &Out) -> Result<(), Failure> {
    client.change_password(old, new).map_err(|error| match error {
        ChangePasswordError::WrongPassword => Failure::password(),
        other => Failure::new("storage", other.to_string(), "see that the disk has room, and try again"),
    })?;
    out.data(&json!({"password": "changed"}), || "From now on the new password opens this folder.".into());
    Ok(())
}
