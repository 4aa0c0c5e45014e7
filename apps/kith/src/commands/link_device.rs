//! `kith device link`: a link for one new device, or the answer to one that the new device shows; the code that both show, and what the new device
//! gets.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use kith_client::SyncError;
use kith_crypto::hash::hash_signed;
use kith_engine::{Command, CommandId, ContactId, DeviceError, DeviceState, DeviceView, HistoryWish, Reply};
use kith_wire::card::CardOffer;
use kith_wire::limits::MAX_DEVICES;
use serde_json::json;

use crate::commands::compare_codes::{self, Code, Compared, digits};
use crate::commands::links::Made;
use crate::commands::new_card::with_queue;
use crate::commands::{accept, device, links};
use crate::context::Context;
use crate::duration::Span;
use crate::failure::Failure;
use crate::{link_words, show, times};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kith device link --qr\n  kith device link --history all --name \"kitchen laptop\"\n  \
                        kith device link kith:card/…\n  kith device link --words\n  kith device link --yes --code 12345678901234567890"
)]
pub(crate) struct Link {
    /// The link that the new device shows, when it is the one that made it: kith:card/…
    #[arg(value_name = "LINK", conflicts_with_all = ["qr", "words", "expires", "cancel"])]
    pub(crate) link: Option<String>,

    /// Also draw the link as a QR code, on standard error
    #[arg(long)]
    pub(crate) qr: bool,

    /// Show twelve words instead of the link, for a device without camera and clipboard
    #[arg(long, conflicts_with = "qr")]
    pub(crate) words: bool,

    /// How long the link may be used: 10m, 1h
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    pub(crate) expires: Span,

    /// How much of what was said before the new device gets: none, all, or the last days (30d)
    #[arg(long, value_name = "HOW MUCH", default_value = "30d")]
    pub(crate) history: History,

    /// What this device is called on your other ones, if it has no name yet [default: the name of this machine]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// Take back a link that was made; a device that has used it and is not linked yet is met no more
    #[arg(long, conflicts_with_all = ["qr", "words", "expires", "history", "yes"])]
    pub(crate) cancel: bool,

    /// Do not ask whether the codes are the same: --code has what the new device shows
    #[arg(long, requires = "code")]
    pub(crate) yes: bool,

    /// The code that the new device shows; it must be the same here
    #[arg(long, value_name = "CODE", requires = "yes")]
    pub(crate) code: Option<Code>,
}

/// How much a new device is told of what was said before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct History(HistoryWish);

impl FromStr for History {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => return Ok(Self(HistoryWish::None)),
            "all" => return Ok(Self(HistoryWish::All)),
            _ => {}
        }
        let span = text.parse::<Span>().map_err(|_| "none, all, or a number of days like 30d".to_owned())?;
        let days = u32::try_from(span.seconds().div_ceil(DAY)).map_err(|error| error.to_string())?;
        Ok(Self(if days == 0 { HistoryWish::None } else { HistoryWish::Days(days) }))
    }
}

/// A new device that shows a code.
struct Candidate {
    contact: ContactId,
    name: String,
    code: String,
}

pub(crate) async fn run(args: &Link, context: &Context) -> Result<(), Failure> {
    if args.cancel {
        return cancel(context).await;
    }
    let name = device::own_name(args.name.as_deref())?;
    let candidate = match (&args.link, answered(context).await?) {
        (Some(link), _) => {
            answer(link, context, &name).await?;
            wait_for_answer(args, context).await?
        }
        (None, Some(candidate)) => candidate,
        (None, None) if args.yes => wait_for_answer(args, context).await?,
        (None, None) => {
            offer(args, context, name).await?;
            wait_for_answer(args, context).await?
        }
    };
    let who = if candidate.name.is_empty() { "The new device".to_owned() } else { show::one_line(&candidate.name) };
    context.out.data(&json!({"event": "code", "code": digits(&candidate.code), "name": candidate.name}), || {
        format!("{who} is there. The code here is\n\n    {}\n", context.out.colour().loud(&candidate.code))
    });
    compare(args, context, &candidate).await?;
    let candidate = wait_for_name(context, candidate).await?;
    context.client.welcome_device(&context.password()?, candidate.contact, args.history.0)?;
    tell(context, &candidate).await
}

/// Returns the device that has answered a link already, when an earlier call was interrupted.
async fn answered(context: &Context) -> Result<Option<Candidate>, Failure> {
    let all = device::all(&context.client)?;
    if !all.iter().any(is_open) {
        return Ok(None);
    }
    if candidate(&all).is_none() {
        // Perhaps its answer waits at the home server.
        match context.client.sync(LOOK_PATIENCE).await {
            Err(SyncError::Unreachable(_) | SyncError::TimedOut) | Ok(()) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(candidate(&device::all(&context.client)?))
}

fn candidate(all: &[DeviceView]) -> Option<Candidate> {
    all.iter().find_map(|device| match (&device.state, device.contact) {
        (DeviceState::Compare { code, .. }, Some(contact)) => {
            Some(Candidate { contact, name: device.name.clone(), code: code.clone() })
        }
        _ => None,
    })
}

/// Makes the link and shows it.
async fn offer(args: &Link, context: &Context, name: String) -> Result<(), Failure> {
    let all = device::all(&context.client)?;
    if all.iter().filter(|device| device.since.is_some()).count() >= MAX_DEVICES {
        return Err(DeviceError::TooMany.into());
    }
    if let (Some(_), Some(this)) = (&args.name, all.iter().find(|device| device.is_this && device.name != name)) {
        context.out.note(format!(
            "This device is called {} already; `kith device rename` gives it another name.",
            show::one_line(&this.name)
        ));
    }
    let command = || Command::LinkDevice { name: name.clone(), expires: args.expires.seconds() };
    let Made { contact, offer, link, until } = links::make(context, command, (args.expires, args.qr)).await?;
    if args.words {
        return show_words(context, contact, offer, &until).await;
    }
    context.out.data(&json!({"link": link, "expires_at": until}), || link.clone());
    context.out.note(
        "On the new device: `kith device join LINK --server URL`, with a home server of its own or yours.\n\
         Give the link to nobody else. Waiting for the new device…",
    );
    Ok(())
}

/// Puts the link where words lead to, and shows these.
async fn show_words(context: &Context, contact: ContactId, offer: Box<CardOffer>, until: &str) -> Result<(), Failure> {
    let Reply::Words(secret) = context.client.command(Command::LinkWords { contact, offer })? else {
        return Err(Failure::new("internal", "the words were not made", "this is a mistake in Kith; please report it"));
    };
    // Whoever types words finds what they lead to, or is told that there is nothing (KE-137).
    let is_there = |client: &kith_client::Client| {
        let links = client.ask(|engine| engine.links_in_words()).unwrap_or_default();
        links.iter().any(|link| link.contact == contact && link.is_there)
    };
    context.client.online_until(UPLOAD_PATIENCE, is_there).await?;
    let server = context.client.ask(|engine| engine.status(times::now()))?.server;
    let words = link_words::to_words(&secret);
    let object = json!({"words": words, "server": server.as_str(), "expires_at": until});
    context.out.data(&object, || format!("\n    {}\n", context.out.colour().loud(&words)));
    context.out.note(format!(
        "On the new device: `kith device join --words --server URL`, with a home server of its own or yours. It asks for these words, and for \
         your home server: {server}\nShow the words to nobody else. Waiting for the new device…"
    ));
    Ok(())
}

async fn wait_for_answer(args: &Link, context: &Context) -> Result<Candidate, Failure> {
    let all = device::all(&context.client)?;
    if !all.iter().any(is_open) {
        return Err(Failure::new(
            "nothing_to_link",
            "no link was made that a new device could have answered",
            "make one with `kith device link`, and give it to the new device",
        ));
    }
    let found = |client: &kith_client::Client| client.devices().is_ok_and(|all| candidate(&all).is_some());
    match context.client.online_until(args.expires.0, found).await {
        Ok(()) => {}
        Err(SyncError::TimedOut) => {
            return Err(Failure::new(
                "no_answer",
                "no new device has answered in time",
                "make a new link with `kith device link`, and use it on the new device at once; this one has expired, or \
                 `kith device link --cancel` takes it back",
            ));
        }
        Err(error) => return Err(error.into()),
    }
    candidate(&device::all(&context.client)?)
        .ok_or_else(|| Failure::new("no_answer", "the new device has gone", "make a new link with `kith device link`"))
}

/// The person, or a script in their place, says that both devices show the same code (KE-51).
async fn compare(args: &Link, context: &Context, candidate: &Candidate) -> Result<(), Failure> {
    let gone = |client: &kith_client::Client| {
        client.devices().is_ok_and(|all| all.iter().all(|device| device.contact != Some(candidate.contact)))
    };
    match compare_codes::compare(args.code.as_ref(), &candidate.code, context, "kith device link", gone).await? {
        Compared::Ended => return Err(links::ended("kith device link")),
        Compared::Same => return Ok(()),
        // It can be copied again.
        Compared::Miscopied => {}
        // Whoever it is, it is met no more.
        Compared::Different => links::take_back(context, candidate.contact).await?,
    }
    Err(Failure::new(
        "wrong_code",
        "the codes are not the same, so nothing was linked",
        "somebody else may have used the link: make a new one with `kith device link`, and show it to nobody",
    ))
}

/// The other device says who it is when its own person has compared, too (KE-83).
async fn wait_for_name(context: &Context, candidate: Candidate) -> Result<Candidate, Failure> {
    let found = |client: &kith_client::Client| {
        let all = client.devices().unwrap_or_default();
        all.into_iter().find(|device| device.contact == Some(candidate.contact))
    };
    // One that is gone has ended the link.
    let has_said = |client: &kith_client::Client| found(client).is_none_or(|device| device.id.is_some());
    if !has_said(&context.client) {
        context.out.note("Say on the new device, too, that the codes are the same. Waiting for that…");
        match context.client.online_until(CONFIRM_PATIENCE, has_said).await {
            Err(SyncError::TimedOut) => {
                let hint = "say so there, then go on here with `kith device link`";
                return Err(Failure::new("not_confirmed", "nobody has compared the codes on the new device", hint));
            }
            other => other?,
        }
    }
    match found(&context.client) {
        Some(DeviceView { name, .. }) => Ok(Candidate { name, ..candidate }),
        None => Err(links::ended("kith device link")),
    }
}

/// Answers the link of a new device, once: given again, it goes on with what was begun.
async fn answer(link: &str, context: &Context, name: &str) -> Result<(), Failure> {
    let offer = accept::read(link, &context.directory)?;
    links::refuse_on_old(&offer, times::now())?;
    let id = CommandId(*hash_signed(&offer.card).0.first_chunk().unwrap_or(&[0; 16]));
    let command = || {
        let answer = Command::AnswerNewDevice { offer: Box::new(offer.clone()), name: name.to_owned() };
        Command::Once { id, command: Box::new(answer) }
    };
    let Reply::Contact(contact) = with_queue(context, command).await? else {
        return Err(Failure::new(
            "internal",
            "the link was not answered",
            "this is a mistake in Kith; please report it",
        ));
    };
    if device::all(&context.client)?.iter().any(|device| device.contact == Some(contact)) {
        context.out.note("Waiting for the new device…");
        return Ok(());
    }
    let hint = "make a new one on the new device with `kith device join`";
    Err(Failure::new("already_answered", "this link was used before, and taken back", hint))
}

/// Takes back whatever link waits, and whoever has used it.
async fn cancel(context: &Context) -> Result<(), Failure> {
    let all = device::all(&context.client)?;
    let open: Vec<ContactId> =
        all.iter().filter(|device| is_open(device)).filter_map(|device| device.contact).collect();
    for contact in &open {
        links::take_back(context, *contact).await?;
    }
    context.out.data(&json!({"cancelled": open.len()}), || match open.len() {
        0 => "No link waits for a new device.".to_owned(),
        _ => "The link is taken back: nobody can use it any more.".to_owned(),
    });
    Ok(())
}

fn is_open(device: &DeviceView) -> bool {
    matches!(device.state, DeviceState::Waiting | DeviceState::Compare { .. })
}

/// Stays online until the new device can get everything.
async fn tell(context: &Context, new: &Candidate) -> Result<(), Failure> {
    let find = |client: &kith_client::Client| {
        let all = client.devices().unwrap_or_default();
        all.into_iter().find(|device| device.contact == Some(new.contact))
    };
    let is_told = |client: &kith_client::Client| {
        let history = find(client).and_then(|device| device.history);
        if let Some((told, total)) = history {
            context.out.progress("Conversations", told, total);
        }
        history.is_none_or(|(told, total)| told >= total)
    };
    let told = match context.client.online_until(TELL_PATIENCE, is_told).await {
        Ok(()) => context.client.sync(TELL_PATIENCE).await,
        Err(error) => Err(error),
    };
    let linked = find(&context.client);
    let n_messages = linked.as_ref().and_then(|device| device.history).map_or(0, |(told, _)| told);
    let id = linked.as_ref().and_then(|device| device.id).map(|id| id.to_string());
    // Where it was called like another one it has a name of its own now (KE-138).
    let name = linked.map_or_else(|| new.name.clone(), |device| device.name);
    let shown = show::one_line(&name);
    context.out.data(&json!({"device": id, "name": name, "state": "linked", "messages": n_messages}), || {
        format!("{shown} is your device now.")
    });
    match told {
        Ok(()) => {}
        Err(error) => context.out.note(format!(
            "{shown} has not got everything yet ({}). It goes on by itself whenever you are online.",
            Failure::from(error).message
        )),
    }
    Ok(())
}

/// How long the person may take on the new device.
const CONFIRM_PATIENCE: Duration = Duration::from_secs(3600);
const DAY: u64 = 24 * 3600;
/// How long is looked for the answer to an earlier link, before a new one is made.
const LOOK_PATIENCE: Duration = Duration::from_secs(10);
/// How long the home server may take to take the card.
const UPLOAD_PATIENCE: Duration = Duration::from_secs(20);
/// How long everything may take: whoever does not want to wait interrupts, and it goes on later.
const TELL_PATIENCE: Duration = Duration::from_secs(12 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_is_nothing_everything_or_a_number_of_days() {
        let wish = |text: &str| text.parse::<History>().map(|history| history.0).ok();
        assert_eq!(wish("none"), Some(HistoryWish::None));
        assert_eq!(wish("all"), Some(HistoryWish::All));
        assert_eq!(wish("30d"), Some(HistoryWish::Days(30)));
        assert_eq!(wish("4w"), Some(HistoryWish::Days(28)));
        assert_eq!(wish("1h"), Some(HistoryWish::Days(1)));
        assert_eq!(wish("0d"), Some(HistoryWish::None));
        for bad in ["", "some", "30", "-3d"] {
            assert_eq!(wish(bad), None, "{bad:?}");
        }
    }
}
