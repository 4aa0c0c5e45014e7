//! `kith device join`: a new folder becomes a device of a person who has one already.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use kith_client::{Client, Options, Password, SyncError};
use kith_crypto::hash::hash_signed;
use kith_engine::{Command, CommandId, DeviceState, DeviceView, Reply};
use kith_wire::Timestamp;
use kith_wire::card::{CardOffer, CardPurpose};
use serde_json::json;

use crate::commands::new_card::with_queue;
use crate::commands::{accept, device, init};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Out;
use crate::{show, times};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kith device join kith:card/… --server https://kith.example.org --name phone")]
pub(crate) struct Join {
    /// The link that the other device shows: kith:card/…
    #[arg(value_name = "LINK")]
    pub(crate) link: String,

    /// What this device is called on your other ones [default: the name of this machine]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// Address of the home server for this device, when its folder is new: https://kith.example.org
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,

    /// Key that the server must prove, as its owner told you; without it, the key that is found is shown and kept
    #[arg(long, value_name = "KEY", requires = "server")]
    pub(crate) server_key: Option<String>,

    /// Invite code, for servers that ask for one
    #[arg(long, value_name = "CODE", requires = "server")]
    pub(crate) invite: Option<String>,
}

impl Join {
    /// Looks at what was given, and makes the folder where there is none: nobody chooses a password for a link that is not good.
    pub(crate) async fn begin(
        &self,
        folder: &Path,
        password: impl Fn() -> Result<Password, Failure>,
        options: Options,
        out: &Out,
    ) -> Result<(), Failure> {
        device::own_name(self.name.as_deref())?;
        let directory = std::env::current_dir().unwrap_or_default();
        let offer = accept::read(&self.link, &directory)?;
        let is_new = !init::is_taken(folder);
        refuse(&offer, times::now(), is_new)?;
        let Some(server) = self.server.clone() else {
            let hint = "say which with --server URL: the one that you have, or another one";
            return if is_new { Err(Failure::usage("a new device needs a home server", hint)) } else { Ok(()) };
        };
        let init = init::Init { server, server_key: self.server_key.clone(), invite: self.invite.clone(), name: None };
        match init::settle(init.check()?, folder, password, options, out).await {
            // Said again after an interruption.
            Err(failure) if ["already_initialised", "in_use"].contains(&failure.code.as_str()) => Ok(()),
            settled => settled.map(drop),
        }
    }
}

pub(crate) async fn run(args: &Join, context: &Context) -> Result<(), Failure> {
    let name = device::own_name(args.name.as_deref())?;
    let password = context.password()?;
    answer(args, context, &name).await?;
    if !is_joined(&device::all(&context.client)?) {
        show_code(context).await?;
        wait_for_welcome(context).await?;
    }
    context.client.finish_joining(&password)?;
    let told = wait_for_everything(context).await;
    // Now that the contacts are known here, this device is named to them, and meets their devices.
    context.client.sign_lists(&password)?;
    let met = context.client.settle(MEET_PATIENCE, SILENCE, |_| true).await;
    let this = device::all(&context.client)?.into_iter().find(|device| device.is_this);
    let n_contacts = context.client.ask(|engine| engine.contacts())?.len();
    let n_messages = history(&context.client).map_or(0, |(told, _)| told);
    let name = this.as_ref().map_or(name, |device| device.name.clone());
    let id = this.and_then(|device| device.id).map(|id| id.to_string());
    let object = json!({"device": id, "name": name, "state": "linked", "contacts": n_contacts, "messages": n_messages});
    context.out.data(&object, || {
        let (contacts, messages) = (number(n_contacts, "contact"), number(n_messages, "message"));
        format!("{} is your device now, with {contacts} and {messages} of before.", show::one_line(&name))
    });
    if let Err(error) = told.and(met) {
        let reason = Failure::from(error).message;
        context
            .out
            .note(format!("Not everything is here yet ({reason}). The rest comes with `kith sync` or `kith listen`."));
    }
    Ok(())
}

/// Returns whether this device is one of the person's already: their list names it.
fn is_joined(all: &[DeviceView]) -> bool {
    all.iter().any(|device| device.is_this && device.since.is_some())
}

/// Answers the link, once: given again, it goes on with what was begun.
async fn answer(args: &Join, context: &Context, name: &str) -> Result<(), Failure> {
    let offer = accept::read(&args.link, &context.directory)?;
    let id = CommandId(*hash_signed(&offer.card).0.first_chunk().unwrap_or(&[0; 16]));
    let command = || {
        let join = Command::JoinDevice { offer: Box::new(offer.clone()), name: name.to_owned() };
        Command::Once { id, command: Box::new(join) }
    };
    let answered = match with_queue(context, command).await? {
        Reply::Contact(contact) => Some(contact),
        _ => None,
    };
    let all = device::all(&context.client)?;
    if all.iter().any(|device| device.contact == answered) || is_joined(&all) {
        return Ok(());
    }
    let hint = "make a new one on the other device with `kith device link`";
    Err(Failure::new("already_answered", "another link was used after this one", hint))
}

async fn show_code(context: &Context) -> Result<(), Failure> {
    context.out.note("Waiting for the other device…");
    let is_there = |client: &Client| client.devices().is_ok_and(|all| code(&all).is_some() || is_joined(&all));
    online_until(context, is_there).await?;
    let Some(code) = code(&device::all(&context.client)?) else { return Ok(()) };
    let digits: String = code.chars().filter(char::is_ascii_digit).collect();
    context.out.data(&json!({"event": "code", "code": digits}), || {
        format!("The code of this device is\n\n    {}\n", context.out.colour().loud(&code))
    });
    context.out.note("If the other device shows the same, say so there. Waiting for that…");
    Ok(())
}

fn code(all: &[DeviceView]) -> Option<String> {
    all.iter().find_map(|device| match &device.state {
        DeviceState::Compare { code } => Some(code.clone()),
        _ => None,
    })
}

async fn wait_for_welcome(context: &Context) -> Result<(), Failure> {
    online_until(context, |client| client.devices().is_ok_and(|all| is_joined(&all))).await
}

async fn online_until(context: &Context, is_enough: impl Fn(&Client) -> bool) -> Result<(), Failure> {
    match context.client.online_until(WELCOME_PATIENCE, is_enough).await {
        Err(SyncError::TimedOut) => Err(Failure::new(
            "not_welcomed",
            "nobody has said on the other device that this one is yours",
            "go on with `kith device join LINK` when you have both at hand, perhaps with a new link",
        )),
        other => Ok(other?),
    }
}

/// Waits until contacts and messages of before have come, as far as can be seen from here.
async fn wait_for_everything(context: &Context) -> Result<(), SyncError> {
    let is_told = |client: &Client| {
        let Some((told, total)) = history(client) else { return true };
        context.out.progress("Conversations", told, total);
        told >= total
    };
    // What the other device tells comes soon when it is there; somebody who has no contacts yet waits a moment for nothing.
    let has_begun = |client: &Client| {
        history(client).is_some() || client.ask(|engine| engine.contacts()).is_ok_and(|contacts| !contacts.is_empty())
    };
    match context.client.online_until(FIRST_PATIENCE, has_begun).await {
        Ok(()) | Err(SyncError::TimedOut) => {}
        Err(error) => return Err(error),
    }
    context.client.settle(HISTORY_PATIENCE, SILENCE, is_told).await
}

fn history(client: &Client) -> Option<(u64, u64)> {
    client.devices().ok()?.into_iter().find_map(|device| device.history)
}

/// What the engine would refuse too, found before there is a folder.
fn refuse(offer: &CardOffer, now: Timestamp, is_new: bool) -> Result<(), Failure> {
    let Ok(card) = offer.card.decode_unverified() else { return Ok(()) };
    match card.purpose() {
        Some(CardPurpose::Link) => {}
        Some(CardPurpose::Contact) => return Err(contact_card()),
        _ => {
            let hint = "ask the other device for a new link: `kith device link`";
            return Err(Failure::new("card_refused", "this is no link for a new device", hint));
        }
    }
    if is_new && now.hour() > card.not_after {
        let hint = "make a new one on the other device with `kith device link`, and use it at once";
        return Err(Failure::new("card_refused", "this link has expired", hint));
    }
    Ok(())
}

/// Somebody else's card was given where a link of the person's own was expected.
fn contact_card() -> Failure {
    Failure::new(
        "other_purpose",
        "this is a contact card: it makes you known to another person",
        "answer it with `kith card accept`; `kith device link` on a device that you have makes a link for a new one",
    )
}

fn number(n: impl TryInto<u64>, what: &str) -> String {
    match n.try_into().unwrap_or_default() {
        1 => format!("one {what}"),
        n => format!("{n} {what}s"),
    }
}

/// How long the person may take on the other device.
const WELCOME_PATIENCE: Duration = Duration::from_secs(3600);
/// How long everything may take: whoever does not want to wait interrupts, and it goes on later.
const HISTORY_PATIENCE: Duration = Duration::from_secs(12 * 3600);
/// How long the other device may take to begin.
const FIRST_PATIENCE: Duration = Duration::from_secs(10);
/// How long the devices of contacts may take to hear of this one.
const MEET_PATIENCE: Duration = Duration::from_secs(60);
/// When nothing has come for so long after everything that was there, there is nothing more at this moment.
const SILENCE: Duration = Duration::from_secs(2);
