//! `kith react`: one emoji under a message.

use clap::Args;
use kith_engine::Command;
use serde_json::json;

use crate::context::{Context, message_id};
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct React {
    /// Id or name of the contact
    #[arg(value_name = "CONTACT")]
    pub(crate) contact: String,

    /// The message
    #[arg(value_name = "MESSAGE_ID")]
    pub(crate) message: String,

    /// One emoji; without it, your reaction is taken back
    #[arg(value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) emoji: String,
}

pub(crate) fn run(args: &React, context: &Context) -> Result<(), Failure> {
    let contact = context.contact(&args.contact)?.id;
    let message = message_id(&args.message)?;
    context.once(Command::React { contact, message, emoji: args.emoji.clone() })?;
    context.out.data(&json!({"message_id": message.to_string()}), || match args.emoji.is_empty() {
        true => "Your reaction is taken back.".into(),
        false => args.emoji.clone(),
    });
    Ok(())
}
