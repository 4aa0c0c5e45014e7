//! `kith block`: no more from a contact.

use clap::Args;
use kith_engine::Command;
use serde_json::json;

use crate::context::{Context, contact_id};
use crate::failure::Failure;
use crate::show;

#[derive(Debug, Args)]
pub(crate) struct Block {
    /// Id or name of the contact
    #[arg(value_name = "CONTACT")]
    pub(crate) contact: String,
}

pub(crate) fn run(args: &Block, context: &Context) -> Result<(), Failure> {
    let contact = context.contact(&args.contact)?;
    context.once(Command::Block { contact: contact.id })?;
    context.out.data(&json!({"contact": contact_id(contact.id)}), || {
        let name = show::one_line(&contact.name);
        format!("You no longer hear from {name}. They cannot tell.")
    });
    Ok(())
}
