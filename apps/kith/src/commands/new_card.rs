//! `kith card new`: a contact card for one person.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use kith_engine::{Command, CommandError, ContactId, ContactState, ContactView, Reply, Whom};
use kith_wire::Wire as _;
use kith_wire::card::CardOffer;
use kith_wire::link::card_to_link;
use kith_wire::time::{Hour, Timestamp};
use serde_json::json;

use crate::commands::namesake::make_sure_it_is_another_one;
use crate::context::{Context, contact_id};
use crate::duration::Span;
use crate::failure::Failure;
use crate::output::Out;
use crate::{files, qr, show, times};

#[derive(Debug, Args)]
pub(crate) struct NewCard {
    /// What you call the person who gets the card; a contact that needs a new one goes on in the same conversation
    #[arg(long, value_name = "CONTACT")]
    pub(crate) name: Option<String>,

    /// Also write the card into a file that can be handed over: bela.kith
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// Also draw the card as a QR code, on standard error
    #[arg(long)]
    pub(crate) qr: bool,

    /// How long it may be answered: 12h, 7d, 4w
    #[arg(long, value_name = "DURATION", default_value = "7d")]
    pub(crate) expires: Span,

    /// In place of the card that this contact has not answered, which is good for nothing then. The conversation goes on
    #[arg(long, requires = "name")]
    pub(crate) instead: bool,

    /// There is a contact of this name already, and this is somebody else: do not ask
    #[arg(long, requires = "name", conflicts_with = "instead")]
    pub(crate) yes: bool,
}

pub(crate) async fn run(args: &NewCard, context: &Context) -> Result<(), Failure> {
    if args.expires.seconds() == 0 {
        return Err(Failure::usage("a card for no time at all cannot be answered", "say how long: --expires 7d"));
    }
    let whom = match &args.name {
        Some(name) if args.instead => Whom::Again(context.contact(name)?.id),
        name => context.whom(name.as_deref())?,
    };
    let command = || Command::CardNew { whom: whom.clone(), expires: args.expires.seconds() };
    let file = args.out.as_ref().map(|path| context.path(path));
    if let Some(path) = &file {
        files::refuse_early(path)?;
    }
    if !args.instead
        && !args.yes
        && let Some(there) = context.namesake(args.name.as_deref())?
    {
        make_sure_it_is_another_one(&there, advice(&there), context).await?;
    }
    let Reply::Card { card, contact, offer } = with_queue(context, command).await? else {
        return Err(Failure::new("internal", "the card was not made", "this is a mistake in Kith; please report it"));
    };
    let link = card_to_link(&offer);
    let mut object = json!({"card_id": card.to_string(), "contact": contact_id(contact), "link": link});
    if let Some(path) = &file {
        files::write_new(path, &offer.to_bytes())?;
        if let Some(object) = object.as_object_mut() {
            object.insert("file".into(), json!(path.display().to_string()));
        }
    }
    if args.qr {
        let uploaded = publish(context, contact).await;
        draw(&offer, &context.out)?;
        if let Err(reason) = uploaded {
            context.out.note(format!(
                "A part of the card that has no room in the code is not at your home server yet ({}). \
                 It goes there with the next `kith sync`; until then the code cannot be answered.",
                reason.message
            ));
        }
    }
    // A person who has the file needs no wall of letters.
    context.out.data(&object, || file.as_ref().map_or_else(|| link.clone(), |path| path.display().to_string()));
    if let Whom::Again(contact) = whom {
        let name = show::name(&context.client, contact);
        context.out.note(format!("The conversation with {name} goes on when they accept it with `--name`."));
    }
    let what = if file.is_some() { "file" } else { "link" };
    let until = times::local(last_moment(args.expires), times::now());
    context.out.note(format!(
        "Give this {what} to one person, by a way that you trust. It can be answered once, until {until}."
    ));
    Ok(())
}

/// Says what is done for a contact that is there already.
const fn advice(there: &ContactView) -> &'static str {
    match (there.state, there.restoring) {
        (ContactState::Invited, _) => {
            "The one that you made for them waits for its answer. If it got lost, give the command with --instead: then this one takes its place."
        }
        (_, Some(_)) => {
            "They are told that you are back from a backup, and answer when they are online next. If they cannot, because you took a device out as \
             lost after that backup was made, give the command with --instead, and let them accept the card with --instead, too."
        }
        _ => {
            "If it is the same person, no card is needed: just write. Somebody who has lost all devices gives a card to you, and you answer it with \
             `kith card accept --instead`."
        }
    }
}

/// A card is good until the end of the hour in which its time is over (KS-3).
pub(crate) fn last_moment(expires: Span) -> Timestamp {
    let Hour(last) = times::now().plus_seconds(expires.seconds()).hour();
    Hour(last.saturating_add(1)).start()
}

/// Does a command that needs a spare queue; when there is none, the home server is asked for more first.
pub(crate) async fn with_queue(context: &Context, command: impl Fn() -> Command) -> Result<Reply, Failure> {
    match context.once(command()) {
        Err(CommandError::NoSpareQueue) => {}
        other => return Ok(other?),
    }
    let has_spare = |client: &kith_client::Client| {
        client.ask(|engine| engine.status(crate::times::now())).is_ok_and(|status| status.spare_queues > 0)
    };
    match context.client.online_until(QUEUE_PATIENCE, has_spare).await {
        Ok(()) => Ok(context.once(command())?),
        Err(kith_client::SyncError::TimedOut) => {
            Err(Failure::offline("your home server did not answer in time, and a card needs it"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Puts what has no room in a code where the code leads to.
pub(crate) async fn publish(context: &Context, contact: ContactId) -> Result<(), Failure> {
    context.client.command(Command::CardPublish { contact })?;
    Ok(context.client.sync(QUEUE_PATIENCE).await?)
}

/// A QR code holds the card without its X-Wing key, which whoever scans it fetches from the home server.
pub(crate) fn draw(offer: &CardOffer, out: &Out) -> Result<(), Failure> {
    let link = card_to_link(&CardOffer { kem: None, ..offer.clone() });
    let Some((drawing, width)) = qr::draw(&link, out.colour()) else {
        let message = format!("the card's link of {} characters does not fit into a QR code", link.len());
        let hint = "the card was made: hand over the link or a file (--out FILE)";
        return Err(Failure::new("too_large_for_qr", message, hint));
    };
    out.note(drawing);
    out.note(format!(
        "The drawing is {width} columns wide; make the window at least that wide, or the letters smaller."
    ));
    Ok(())
}

/// How long the home server may take to make a queue.
const QUEUE_PATIENCE: Duration = Duration::from_secs(20);
