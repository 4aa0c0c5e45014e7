//! `kith send`: a message, with a file if wanted.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use kith_client::{Attachment, Events, Metadata, Notice, PreviewError, Previews, SyncError};
use kith_engine::{Command, CommandError, Connection, ContactId, Event, MessageState, Reply};
use kith_wire::id::MessageId;
use kith_wire::preview::Preview;
use serde_json::json;

use crate::context::{Context, contact_id, message_id};
use crate::duration::Span;
use crate::failure::{Exit, Failure};
use crate::show;

#[derive(Debug, Args)]
pub(crate) struct Send {
    /// Id or name of the contact
    #[arg(value_name = "CONTACT")]
    pub(crate) contact: String,

    /// What you say; - reads it from standard input, and beside a file it may be empty
    #[arg(value_name = "TEXT", default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    pub(crate) text: String,

    /// A file that goes with it, up to 100 MiB
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,

    /// Leave in a picture what is written in it: place, time, owner. Without this it is taken out
    #[arg(long, requires = "file")]
    pub(crate) with_metadata: bool,

    /// Tell what the first https address in the text is about: title, a few words, a small picture. This device reads the page, and
    /// whoever runs it sees that; your contact's device reads nothing
    #[arg(long, conflicts_with_all = ["file", "draft"])]
    pub(crate) preview: bool,

    /// The page is in your own network, and this authority (a PEM file) has signed its certificate
    #[arg(long, value_name = "PEM", requires = "preview")]
    pub(crate) preview_inside: Option<PathBuf>,

    /// The message that it answers
    #[arg(long, value_name = "ID")]
    pub(crate) reply_to: Option<String>,

    /// Send nothing: keep the text as a draft, on all your devices; an empty one takes it away
    #[arg(long, conflicts_with_all = ["file", "reply_to", "wait"])]
    pub(crate) draft: bool,

    /// Go online and wait until your home server, or the contact's device, has it
    #[arg(long, value_name = "STATE")]
    pub(crate) wait: Option<Wait>,

    /// How long --wait waits at most: 30s, 5m
    #[arg(long, value_name = "DURATION", default_value = "30s", requires = "wait")]
    pub(crate) timeout: Span,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wait {
    /// Your home server has it
    Accepted,
    /// The contact's device has it
    Delivered,
}

impl Wait {
    fn state(self) -> MessageState {
        match self {
            Self::Accepted => MessageState::Accepted,
            Self::Delivered => MessageState::Delivered,
        }
    }
}

pub(crate) async fn run(args: &Send, context: &Context) -> Result<(), Failure> {
    let contact = context.contact(&args.contact)?.id;
    let text = context.text(&args.text)?;
    if args.draft {
        return keep(context, contact, text);
    }
    if text.trim().is_empty() && args.file.is_none() {
        return Err(CommandError::Empty.into());
    }
    let reply_to = args.reply_to.as_deref().map(message_id).transpose()?;
    if let Some(message) = reply_to {
        // An answer to something that was never said would puzzle whoever reads it.
        context.client.ask(|engine| engine.message(contact, message))?;
    }
    let attachment = match &args.file {
        None => None,
        Some(path) => {
            let metadata = if args.with_metadata { Metadata::Kept } else { Metadata::Removed };
            let attachment = Attachment { path: context.path(path), metadata };
            let progress = |done, total| context.out.progress("Encrypting", done, total);
            Some(context.client.attach(&attachment, progress).await?)
        }
    };
    let (attachment, removed) = attachment.map_or_else(Default::default, |file| (Some(file.id), file.removed));
    let (preview, unseen) = match args.preview {
        false => (None, None),
        true => preview_of(args, context, &text).await?,
    };
    let events = context.client.events();
    let reply = match preview {
        Some(preview) => previewed(context, contact, text, reply_to, preview)?,
        None => context.once(Command::Send { contact, text, reply_to, attachment })?,
    };
    let Reply::Message(message) = reply else {
        return Err(Failure::new(
            "internal",
            "the message was not stored",
            "this is a mistake in Kith; please report it",
        ));
    };
    let outcome = match args.wait {
        None => Ok(()),
        Some(wait) => wait_for(context, contact, message, wait.state(), args.timeout.0, events).await,
    };
    let state = state_of(context, contact, message)?;
    let name = show::message_state(state);
    let to = context.client.ask(|engine| engine.contact(contact))?;
    let held = to.held.filter(|_| state == MessageState::Waiting);
    let mut object = json!({"message_id": message.to_string(), "state": name});
    if let (Some(held), Some(object)) = (held, object.as_object_mut()) {
        object.insert("held".into(), json!(show::held_code(held)));
    }
    if let (false, Some(object)) = (removed.is_empty(), object.as_object_mut()) {
        object.insert("removed".into(), removed.iter().map(|one| show::removed(*one).0).collect());
    }
    if let (true, Some(object)) = (args.preview, object.as_object_mut()) {
        let sent = context.client.ask(|engine| engine.message(contact, message))?;
        object.insert("previewed".into(), json!(sent.preview.is_some()));
    }
    context.out.data(&object, || format!("{}  {}", show::ticks(state), message));
    if !removed.is_empty() {
        let words: Vec<&str> = removed.iter().map(|one| show::removed(*one).1).collect();
        context.out.note(format!("Taken out of the picture: {}. (--with-metadata sends it all.)", words.join(", ")));
    }
    if let Some(reason) = unseen {
        context.out.note(format!("Sent without a preview: {reason}."));
    }
    if let Some(held) = held {
        context.out.note(show::held_words(held, &show::one_line(&to.name)));
    } else if state == MessageState::Waiting && args.wait.is_none() {
        let is_online =
            context.client.ask(|engine| engine.status(crate::times::now()))?.link == kith_engine::LinkState::Up;
        if !is_online {
            context.out.note("Stored. It goes out with the next `kith sync` or `kith listen`.");
        }
    }
    outcome.map_err(|reason| not_yet(state, &show::one_line(&to.name), &reason))
}

/// Says how far a message has come that was to come farther, and why.
fn not_yet(state: MessageState, to: &str, reason: &str) -> Failure {
    if state == MessageState::Expired {
        let hint = "`kith log` shows it as not delivered; send it again";
        return Failure::new("expired", format!("the message could not be delivered to {to} in time{reason}"), hint);
    }
    let (message, hint) = match state {
        MessageState::Waiting => (
            format!("the message waits on this machine{reason}"),
            "nothing is lost, and nothing has to be sent again: it goes out by itself with the next `kith sync`, or while `kith listen` runs",
        ),
        _ => (
            format!("the message has left, and no device of {to} has fetched it yet{reason}"),
            "nothing has to be sent again: it is there when they are online next; `kith log` shows two ticks then",
        ),
    };
    Failure { exit: Exit::Later, ..Failure::new("timeout", message, hint) }
}

/// Finds out what the text's address is about, or why that was not found out: then the text goes alone.
async fn preview_of(
    args: &Send,
    context: &Context,
    text: &str,
) -> Result<(Option<Preview>, Option<PreviewError>), Failure> {
    let previews = match &args.preview_inside {
        None => Previews::of_the_web(),
        Some(path) => Previews::inside(&std::fs::read(context.path(path)).map_err(|error| {
            Failure::new("file_unreadable", format!("{} could not be read: {error}", path.display()), "check the path")
        })?),
    };
    let found = match previews {
        Ok(previews) => previews.of(text).await,
        Err(error) => Err(error),
    };
    Ok(match found {
        Ok(preview) => (Some(preview), None),
        Err(error) => (None, Some(error)),
    })
}

/// Sends a text with its preview; when both are too long together, without the picture, and then the text alone.
fn previewed(
    context: &Context,
    contact: ContactId,
    text: String,
    reply_to: Option<MessageId>,
    preview: Preview,
) -> Result<Reply, Failure> {
    let without_picture = Preview { picture: None, ..preview.clone() };
    for preview in [preview, without_picture] {
        let send = Command::SendPreviewed { contact, text: text.clone(), reply_to, preview };
        match context.once(send) {
            Err(CommandError::TooLong { .. }) => {}
            other => return Ok(other?),
        }
    }
    Ok(context.once(Command::Send { contact, text, reply_to, attachment: None })?)
}

/// Keeps a draft instead of sending it.
fn keep(context: &Context, contact: ContactId, text: String) -> Result<(), Failure> {
    context.client.command(Command::SaveDraft { contact, text: text.clone() })?;
    context.out.data(&json!({"contact": contact_id(contact), "draft": text}), || match text.is_empty() {
        true => "There is no draft any more.".to_owned(),
        false => "Kept as a draft. Nothing was sent.".to_owned(),
    });
    Ok(())
}

/// Waits until the message has come so far; says why not, in words that follow on the state.
async fn wait_for(
    context: &Context,
    contact: ContactId,
    message: MessageId,
    wanted: MessageState,
    limit: Duration,
    mut events: Events,
) -> Result<(), String> {
    let mut unreachable = String::new();
    let watch = async {
        context.client.command(Command::Connect(Connection::Wanted)).map_err(|error| format!(": {error}"))?;
        loop {
            match state_of(context, contact, message) {
                Ok(MessageState::Expired) | Err(_) => return Err(String::new()),
                Ok(state) if state >= wanted => return Ok(()),
                Ok(_) => {}
            }
            match events.next().await {
                None => return Err(String::new()),
                Some(Notice::Unreachable(error)) => {
                    unreachable = format!("; your home server does not answer ({error})")
                }
                Some(Notice::Event(Event::Attachment { message: of, done, total, .. })) if of == message => {
                    context.out.progress("Sending", done.into(), total.into());
                }
                Some(Notice::Event(Event::Trouble(trouble)))
                    if !matches!(trouble, kith_engine::Trouble::ClockOff { .. }) =>
                {
                    let failure: Failure = SyncError::Trouble(trouble).into();
                    return Err(format!("; {}", failure.message));
                }
                Some(_) => {}
            }
        }
    };
    match tokio::time::timeout(limit, watch).await {
        Ok(outcome) => outcome,
        Err(_) if !unreachable.is_empty() => Err(unreachable),
        Err(_) => Err(format!(", also after {}", Span(limit))),
    }
}

fn state_of(context: &Context, contact: ContactId, message: MessageId) -> Result<MessageState, Failure> {
    Ok(context.client.ask(|engine| engine.message(contact, message))?.state)
}
