//! `kith device join`: a new folder becomes a device of a person who has one already.

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use kith_client::{Client, Options, Password, SyncError};
use kith_crypto::hash::hash_signed;
use kith_engine::{Command, CommandId, ContactId, DeviceState, DeviceView, QueryError, Reply};
use kith_wire::id::LinkSecret;
use serde_json::json;
use zeroize::Zeroizing;

use crate::commands::compare_codes::{self, Code, Compared, digits};
use crate::commands::links::Made;
use crate::commands::new_card::with_queue;
use crate::commands::{accept, device, init, links};
use crate::context::Context;
use crate::duration::Span;
use crate::failure::Failure;
use crate::output::Out;
use crate::show::Progress;
use crate::{link_words, show, times};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kith device join kith:card/… --server https://kith.example.org --name phone\n  \
                  kith device join --qr --server https://kith.example.org")]
pub(crate) struct Join {
    /// The link that the other device shows: kith:card/… Without it, this device shows one, for `kith device link LINK` on the other
    #[arg(value_name = "LINK")]
    pub(crate) link: Option<String>,

    /// Ask for the twelve words that `kith device link --words` shows on the other device, and for its home server
    #[arg(long, conflicts_with = "link")]
    pub(crate) words: bool,

    /// Also draw the link of this device as a QR code, on standard error
    #[arg(long, conflicts_with_all = ["link", "words"])]
    pub(crate) qr: bool,

    /// How long the link of this device may be used: 10m, 1h
    #[arg(long, value_name = "DURATION", default_value = "10m", conflicts_with_all = ["link", "words"])]
    pub(crate) expires: Span,

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

    /// Do not ask whether the codes are the same: --code has what the other device shows
    #[arg(long, requires = "code")]
    pub(crate) yes: bool,

    /// The code that the other device shows; it must be the same here
    #[arg(long, value_name = "CODE", requires = "yes")]
    pub(crate) code: Option<Code>,
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
        let is_new = !init::is_taken(folder);
        if let Some(link) = &self.link {
            links::refuse_on_new(&accept::read(link, &directory)?, times::now(), is_new)?;
        }
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
    let was_whole = is_whole(context)?;
    if let Some(link) = &args.link {
        answer(link, context, &name).await?;
    }
    if !is_joined(&device::all(&context.client)?) {
        if args.words {
            type_words(context, &name).await?;
        } else if args.link.is_none() {
            offer(args, context, &name).await?;
        }
        show_code(args, context).await?;
        wait_for_welcome(context).await?;
    }
    context.client.finish_joining(&password)?;
    let told = wait_for_everything(context).await;
    // Now that the contacts are known here, this device is named to them, and meets their devices.
    context.client.sign_lists(&password)?;
    let met = context.client.sync(MEET_PATIENCE).await;
    let this = device::all(&context.client)?.into_iter().find(|device| device.is_this);
    let n_contacts = context.client.ask(|engine| engine.contacts())?.len();
    let n_messages = Progress::of(&context.client).map_or(0, |progress| progress.messages.0);
    let name = this.as_ref().map_or(name, |device| device.name.clone());
    let id = this.and_then(|device| device.id).map(|id| id.to_string());
    let object = json!({"device": id, "name": name, "state": "linked", "contacts": n_contacts, "messages": n_messages});
    context.out.data(&object, || {
        let (contacts, messages) = (number(n_contacts, "contact"), number(n_messages, "message"));
        let name = show::one_line(&name);
        match was_whole {
            true => format!("{name}, in this folder, is a device of yours already. {FOR_ANOTHER}"),
            false => format!("{name} is your device now, with {contacts} and {messages} of before."),
        }
    });
    if let Err(error) = told.and(met) {
        let reason = Failure::from(error).message;
        context
            .out
            .note(format!("Not everything is here yet ({reason}). The rest comes with `kith sync` or `kith listen`."));
    }
    Ok(())
}

/// Asks for words, and looks for the link that they stand for.
async fn type_words(context: &Context, name: &str) -> Result<(), Failure> {
    if code(&device::all(&context.client)?).is_some() {
        return Ok(());
    }
    let own = context.client.ask(|engine| engine.status(times::now()))?.server;
    let nobody = || Failure::usage("nobody is there to type the words", "give the command where you can type");
    let question = format!("Home server that the other device shows with its words [Enter: {own}, as on this device]:");
    let typed = context.out.ask(&question).await.ok_or_else(nobody)?;
    let url = if typed.is_empty() { own } else { init::server_url(&typed)? };
    let secret = ask_for_words(context).await?;
    context.out.note(format!("Asking the home server at {url}…"));
    let found = context.client.descriptor_of(&url).await;
    let descriptor = found.map_err(|error| init::no_server(&url, &error))?;
    let command = Command::JoinByWords { url: url.clone(), descriptor, secret, name: name.to_owned() };
    let Reply::Contact(contact) = context.client.command(command)? else {
        return Err(Failure::new("internal", "nothing is looked for", "this is a mistake in Kith; please report it"));
    };
    context
        .out
        .note(format!("Looking there for the link of these words, for {} seconds at most…", LOOK_PATIENCE.as_secs()));
    let state = |client: &Client| {
        let all = client.devices().unwrap_or_default();
        all.into_iter().find(|device| device.contact == Some(contact)).map(|device| device.state)
    };
    let is_found = |client: &Client| state(client) != Some(DeviceState::Looking);
    let looked = context.client.online_until(LOOK_PATIENCE, is_found).await;
    if state(&context.client).is_some_and(|state| state != DeviceState::Looking) {
        return Ok(());
    }
    match looked {
        Err(SyncError::TimedOut) => {
            drop(context.client.command(Command::UnlinkDevice { contact }));
            let message =
                format!("the home server at {url} has not said in time whether there is a link under these words");
            let hint = "see whether it can be reached from this network, then give `kith device join --words` again here: it goes on in this folder";
            Err(Failure::new("timeout", message, hint))
        }
        Ok(()) => {
            let message = format!("there is no link under these words at {url}");
            let hint = "check the home server that stands with the words on the other device, which may be another one than this device's; a link lasts for ten \
                        minutes and is used once: make a new one there (`kith device link --words`), and give `kith device join --words` again here: it goes on in this folder";
            Err(Failure::new("no_such_link", message, hint))
        }
        Err(error) => Err(error.into()),
    }
}

/// Asks for the words until they can be those of a link: a slip is no reason to begin anew.
async fn ask_for_words(context: &Context) -> Result<LinkSecret, Failure> {
    let mut slip = Failure::usage("nobody is there to type the words", "give the command where you can type");
    while let Some(typed) = context.out.ask("The twelve words:").await.map(Zeroizing::new) {
        match link_words::from_words(&typed) {
            Ok(secret) => return Ok(secret),
            Err(failure) => {
                context.out.note(show::sentence(&format!("{}; {}.", failure.message, failure.hint)));
                slip = failure;
            }
        }
    }
    Err(Failure { hint: format!("{}: `kith device join --words` goes on in this folder", slip.hint), ..slip })
}

/// Shows a link of this device, unless one was used already.
async fn offer(args: &Join, context: &Context, name: &str) -> Result<(), Failure> {
    if code(&device::all(&context.client)?).is_some() {
        return Ok(());
    }
    let command = || Command::AskToJoin { name: name.to_owned(), expires: args.expires.seconds() };
    let Made { link, until, .. } = links::make(context, command, (args.expires, args.qr)).await?;
    context.out.data(&json!({"link": link, "expires_at": until}), || link.clone());
    context.out.note("On the device that you have: `kith device link LINK`. Show the link to nobody else.");
    Ok(())
}

/// Returns whether this device is one of the person's already: their list names it.
fn is_joined(all: &[DeviceView]) -> bool {
    all.iter().any(|device| device.is_this && device.since.is_some())
}

/// Returns whether there is nothing left to do here: this device is the person's, and has everything that it was told of.
fn is_whole(context: &Context) -> Result<bool, Failure> {
    let is_adopting = context.client.ask(|engine| engine.has_user_seed_to_adopt()).map_err(QueryError::from)?;
    let has_all = Progress::of(&context.client).is_none_or(Progress::is_whole);
    Ok(is_joined(&device::all(&context.client)?) && has_all && !is_adopting)
}

/// Answers the link, once: given again, it goes on with what was begun.
async fn answer(link: &str, context: &Context, name: &str) -> Result<(), Failure> {
    let offer = accept::read(link, &context.directory)?;
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

/// Shows the code, and asks whether it is the same (KE-83). An earlier call may have got the answer.
async fn show_code(args: &Join, context: &Context) -> Result<(), Failure> {
    context.out.note("Waiting for the other device…");
    let is_there =
        |client: &Client| client.devices().is_ok_and(|all| code(&all).is_some() || is_joined(&all) || is_over(&all));
    online_until(context, is_there).await?;
    let all = device::all(&context.client)?;
    let Some(Shown { contact, code, asks }) = code(&all) else {
        return if is_joined(&all) { Ok(()) } else { Err(links::ended("kith device join")) };
    };
    context.out.data(&json!({"event": "code", "code": digits(&code)}), || {
        format!("The code of this device is\n\n    {}\n", context.out.colour().loud(&code))
    });
    if asks {
        context.out.note("Whoever is at the other end of the link reads everything that you write here from now on.");
        let gone = |client: &Client| client.devices().is_ok_and(|all| is_over(&all));
        match compare_codes::compare(args.code.as_ref(), &code, context, &again(args), gone).await? {
            Compared::Ended => return Err(links::ended("kith device join")),
            Compared::Same => drop(context.client.command(Command::ConfirmCode { contact })?),
            wrong => {
                // A script may have copied it badly; a person who says no has seen somebody else's.
                if wrong == Compared::Different {
                    links::take_back(context, contact).await?;
                }
                let hint = "somebody else may have used the link: make a new one with `kith device join`, and show it to nobody";
                return Err(Failure::new("wrong_code", "the codes are not the same, so nothing was linked", hint));
            }
        }
    }
    context.out.note("If the other device shows the same, say so there. Waiting for that…");
    Ok(())
}

/// The command that goes on here when nobody is there to be asked.
fn again(args: &Join) -> String {
    match (&args.link, args.words) {
        (Some(_), _) => "kith device join LINK".to_owned(),
        (None, true) => "kith device join --words".to_owned(),
        (None, false) => "kith device join".to_owned(),
    }
}

/// A code that this device shows, and whether it asks its person about it.
struct Shown {
    contact: ContactId,
    code: String,
    asks: bool,
}

fn code(all: &[DeviceView]) -> Option<Shown> {
    all.iter().find_map(|device| match (&device.state, device.contact) {
        (DeviceState::Compare { code, asks }, Some(contact)) => {
            Some(Shown { contact, code: code.clone(), asks: *asks })
        }
        _ => None,
    })
}

async fn wait_for_welcome(context: &Context) -> Result<(), Failure> {
    online_until(context, |client| client.devices().is_ok_and(|all| is_joined(&all) || is_over(&all))).await?;
    if is_joined(&device::all(&context.client)?) { Ok(()) } else { Err(links::ended("kith device join")) }
}

/// Returns whether there is no link any more: the other device has ended it, or it took too long.
fn is_over(all: &[DeviceView]) -> bool {
    !is_joined(all) && all.iter().all(|device| device.is_this)
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

/// Waits until all contacts and messages of before have come that the welcome has announced.
async fn wait_for_everything(context: &Context) -> Result<(), SyncError> {
    let last = Cell::new(None);
    let is_told = |client: &Client| {
        let Some(progress) = Progress::of(client) else { return true };
        if last.replace(Some(progress)) != Some(progress) {
            progress.tell(&context.out);
        }
        progress.is_whole()
    };
    context.client.online_until(HISTORY_PATIENCE, is_told).await
}

fn number(n: impl TryInto<u64>, what: &str) -> String {
    match n.try_into().unwrap_or_default() {
        1 => format!("one {what}"),
        n => format!("{n} {what}s"),
    }
}

/// What to do for a device that is none of the person's yet.
const FOR_ANOTHER: &str = "A new one gets a folder of its own: `kith device join --home DIR`.";
/// How long the person may take on the other device.
const WELCOME_PATIENCE: Duration = Duration::from_secs(3600);
/// How long the home server of the other device may take to say whether there is a link under the words that were typed.
const LOOK_PATIENCE: Duration = Duration::from_secs(60);
/// How long everything may take: whoever does not want to wait interrupts, and it goes on later.
const HISTORY_PATIENCE: Duration = Duration::from_secs(12 * 3600);
/// How long the home server may take to take what the devices of contacts are told of this one.
const MEET_PATIENCE: Duration = Duration::from_secs(60);
