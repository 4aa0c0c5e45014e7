//! `kith edit`: a new text for a message of one's own.

use clap::Args;
use kith_engine::Command;
use serde_json::json;

use crate::context::{Context, message_id};
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct Edit {
    /// Id or name of the contact
    #[arg(value_name = "CONTACT")]
    pub(crate) contact: String,

    /// The message
    #[arg(value_name = "MESSAGE_ID")]
    pub(crate) message: String,

    /// The new text; - reads it from standard input
    #[arg(value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) text: String,
}

pub(crate) fn run(args: &Edit, context: &Context) -> Result<(), Failure> {
    let contact = context.contact(&args.contact)?.id;
    let message = message_id(&args.message)?;
    let text = context.text(&args.text)?;
    context.once(Command::Edit { contact, message, text })?;
    context.out.data(&json!({"message_id": message.to_string()}), || "Changed.".into());
    Ok(())
}
