//! `kith rotate`: a contact moves to a fresh queue and lookup key.

use clap::Args;
use kith_engine::Command;
use serde_json::json;

use crate::context::{Context, contact_id};
use crate::failure::Failure;
use crate::show;

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// Id or name of the contact
    #[arg(value_name = "CONTACT")]
    pub(crate) contact: String,
}

pub(crate) fn run(args: &Rotate, context: &Context) -> Result<(), Failure> {
    let contact = context.contact(&args.contact)?;
    context.once(Command::Rotate { contact: contact.id })?;
    context.out.data(&json!({"contact": contact_id(contact.id)}), || {
        let name = show::one_line(&contact.name);
        format!("{name} gets a fresh mailbox address. The old one is read until they use the new one.")
    });
    Ok(())
}
