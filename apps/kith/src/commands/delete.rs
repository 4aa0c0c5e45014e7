//! `kith delete`: taking a message of one's own back.

use clap::Args;
use kith_engine::Command;
use serde_json::json;

use crate::context::{Context, message_id};
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Id or name of the contact
    #[arg(value_name = "CONTACT")]
    pub(crate) contact: String,

    /// The message
    #[arg(value_name = "MESSAGE_ID")]
    pub(crate) message: String,
}

pub(crate) fn run(args: &Delete, context: &Context) -> Result<(), Failure> {
    let contact = context.contact(&args.contact)?.id;
    let message = message_id(&args.message)?;
    context.once(Command::Delete { contact, message })?;
    context.out.data(&json!({"message_id": message.to_string()}), || {
        "Taken back here, and there as soon as they are online. Whoever has read it may remember it.".into()
    });
    Ok(())
}
