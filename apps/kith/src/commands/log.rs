//! `kith log`: a conversation.

use clap::Args;
use kith_engine::{Command, CommandError, Direction, LogQuery, MessageState, MessageView};
use serde_json::Value;

use crate::context::Context;
use crate::failure::Failure;
use crate::{show, times};

#[derive(Debug, Args)]
pub(crate) struct Log {
    /// Id or name of the contact
    #[arg(value_name = "CONTACT")]
    pub(crate) contact: String,

    /// Show at most so many messages, the newest ones
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) limit: u32,

    /// Show only messages with these words
    #[arg(long, value_name = "WORDS")]
    pub(crate) search: Option<String>,

    /// Show the id of each message, for `kith react`, `edit`, `delete` and `send --reply-to`
    #[arg(long)]
    pub(crate) ids: bool,
}

fn is_waiting(message: &MessageView) -> bool {
    message.direction == Direction::Out && message.state == MessageState::Waiting
}

pub(crate) fn run(args: &Log, context: &Context) -> Result<(), Failure> {
    let contact = context.contact(&args.contact)?;
    let query = LogQuery { limit: Some(args.limit), search: args.search.clone(), before: None };
    let messages = context.client.ask(|engine| engine.log(contact.id, &query))?;
    for message in &messages {
        context.out.data(&Value::Object(show::message_object(message)), || {
            let answered = show::answered(&context.client, contact.id, message);
            let colour = context.out.colour();
            let line = show::message_line(&contact.name, message, answered.as_deref(), times::now(), colour);
            // A message with a file shows its id anyway.
            let is_shown = args.ids && message.attachment.is_none();
            if is_shown { format!("{line}  {}", context.out.colour().quiet(&message.id.to_string())) } else { line }
        });
    }
    if messages.is_empty() {
        context.out.note("Nothing here.");
    }
    if !contact.draft.is_empty() {
        context.out.note(format!("Your draft: {}", show::printable(&contact.draft)));
    }
    if let Some(held) = contact.held.filter(|_| messages.iter().any(is_waiting)) {
        context.out.note(show::held_words(held, &show::one_line(&contact.name)));
    }
    // Somebody who looks for words has not seen what came in since.
    if args.search.is_none() {
        match context.client.command(Command::MarkRead { contact: contact.id }) {
            // What a device that was revoked shows, nobody hears of.
            Ok(_) | Err(CommandError::Revoked) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
