//! `kith card new`: a contact card for one person.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use kith_engine::{Command, CommandError, ContactId, Reply, Whom};
use kith_wire::Wire as _;
use kith_wire::card::CardOffer;
use kith_wire::link::card_to_link;
use serde_json::json;

use crate::context::{Context, contact_id};
use crate::duration::Span;
use crate::failure::Failure;
use crate::output::Out;
use crate::{files, qr, show};

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
}

pub(crate) async fn run(args: &NewCard, context: &Context) -> Result<(), Failure> {
    let whom = context.whom(args.name.as_deref())?;
    let command = || Command::CardNew { whom: whom.clone(), expires: args.expires.seconds() };
    let file = args.out.as_ref().map(|path| context.path(path));
    if let Some(path) = &file {
        files::refuse_existing(path)?;
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
    context.out.data(&object, || link.clone());
    if let Whom::Again(contact) = whom {
        let name = show::name(&context.client, contact);
        context.out.note(format!("The conversation with {name} goes on when they accept it with `--name`."));
    }
    let stay = match &file {
        Some(path) => format!("Give {} or the link above to one person, by a way that you trust.", path.display()),
        None => "Give this link to one person, by a way that you trust.".to_owned(),
    };
    context.out.note(format!("{stay} It can be answered once, within {}.", args.expires));
    Ok(())
}

/// Does a command that needs a spare queue; when there is none, the home server is asked for more first.
pub(crate) async fn with_queue(context: &Context, command: impl Fn() -> Command) -> Result<Reply, Failure> {
    match context.client.command(command()) {
        Err(CommandError::NoSpareQueue) => {}
        other => return Ok(other?),
    }
    let has_spare = |client: &kith_client::Client| {
        client.ask(|engine| engine.status(crate::times::now())).is_ok_and(|status| status.spare_queues > 0)
    };
    match context.client.online_until(QUEUE_PATIENCE, has_spare).await {
        Ok(()) => Ok(context.client.command(command())?),
        Err(kith_client::SyncError::TimedOut) => {
            Err(Failure::offline("your home server did not answer in time, and a card needs it"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Puts what has no room in a code where the code leads to.
async fn publish(context: &Context, contact: ContactId) -> Result<(), Failure> {
    context.client.command(Command::CardPublish { contact })?;
    Ok(context.client.sync(QUEUE_PATIENCE).await?)
}

/// A QR code holds the card without its X-Wing key, which whoever scans it fetches from the home server.
fn draw(offer: &CardOffer, out: &Out) -> Result<(), Failure> {
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
