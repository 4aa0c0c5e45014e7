//! `kith unblock`: hearing from a contact again.

use clap::Args;
use kith_engine::Command;
use serde_json::json;

use crate::context::{Context, contact_id};
use crate::failure::Failure;
use crate::show;

#[derive(Debug, Args)]
pub(crate) struct Unblock {
    /// Id or name of the contact
    #[arg(value_name = "CONTACT")]
    pub(crate) contact: String,
}

pub(crate) fn run(args: &Unblock, context: &Context) -> Result<(), Failure> {
    let contact = context.contact(&args.contact)?;
    context.once(Command::Unblock { contact: contact.id })?;
    context.out.data(&json!({"contact": contact_id(contact.id)}), || {
        let name = show::one_line(&contact.name);
        format!("You hear from {name} again.")
    });
    Ok(())
}
