//! `kith forget`: a contact and everything that was said, deleted here.

use clap::Args;
use kith_engine::Command;
use serde_json::json;

use crate::context::{Context, contact_id};
use crate::failure::Failure;
use crate::show;

#[derive(Debug, Args)]
pub(crate) struct Forget {
    /// Id or name of the contact
    #[arg(value_name = "CONTACT")]
    pub(crate) contact: String,
}

pub(crate) fn run(args: &Forget, context: &Context) -> Result<(), Failure> {
    let contact = context.contact(&args.contact)?;
    context.client.command(Command::Forget { contact: contact.id })?;
    context.out.data(&json!({"contact": contact_id(contact.id)}), || {
        let name = show::one_line(&contact.name);
        format!("{name} and everything that was said is deleted here.")
    });
    Ok(())
}
