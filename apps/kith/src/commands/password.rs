//! `kith password`: another password for the folder.

use clap::Args;
use kith_client::ChangePasswordError;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct ChangePassword {
    /// Read the new password from the first line of a file, instead of asking for it
    #[arg(long, value_name = "FILE")]
    pub(crate) new_password_file: Option<std::path::PathBuf>,
}

pub(crate) fn run(context: &Context) -> Result<(), Failure> {
    let Some(new) = context.passwords.as_ref().and_then(|passwords| passwords.next.as_ref()) else {
        return Err(Failure::usage("there is no new password", "type it, or set KITH_NEW_PASSWORD"));
    };
    context.client.change_password(&context.password()?, &new.password()?).map_err(|error| match error {
        ChangePasswordError::WrongPassword => Failure::password(),
        other => Failure::new("storage", other.to_string(), "see that the disk has room, and try again"),
    })?;
    context.out.data(&json!({"password": "changed"}), || "From now on the new password opens this folder.".into());
    Ok(())
}
