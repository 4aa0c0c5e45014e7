//! `kith card accept`: answering the card that somebody gave.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use kith_engine::{Command, ContactId, ContactState, Reply, Whom};
use kith_wire::Wire as _;
use kith_wire::card::{CardOffer, CardPurpose};
use kith_wire::link::{CARD_PREFIX, card_from_link};
use serde_json::json;

use crate::commands::namesake::make_sure_it_is_another_one;
use crate::commands::new_card::with_queue;
use crate::context::{Context, contact_id};
use crate::failure::Failure;
use crate::show;

#[derive(Debug, Args)]
pub(crate) struct AcceptCard {
    /// The card: a file, or a link that starts with kith:card/
    #[arg(value_name = "FILE|LINK")]
    pub(crate) card: String,

    /// What you call the person who gave it; a contact that needs a new card goes on in the same conversation
    #[arg(long, value_name = "CONTACT")]
    pub(crate) name: Option<String>,

    /// Give up the keys that the contact has now: it has lost its devices, and told you so itself, or nobody ever answered. The conversation goes on with
    /// new ones
    #[arg(long, requires = "name")]
    pub(crate) instead: bool,

    /// There is a contact of this name already, and this is somebody else: do not ask
    #[arg(long, requires = "name", conflicts_with = "instead")]
    pub(crate) yes: bool,
}

pub(crate) async fn run(args: &AcceptCard, context: &Context) -> Result<(), Failure> {
    let offer = read(&args.card, &context.directory)?;
    refuse_link(&offer)?;
    if args.instead {
        give_up_keys(args.name.as_deref().unwrap_or_default(), &offer, context).await?;
    }
    let whom = match args.name.as_deref().filter(|_| args.instead) {
        Some(name) => Whom::Again(context.contact(name)?.id),
        None => context.whom(args.name.as_deref())?,
    };
    if let Whom::Again(contact) = whom {
        tell_what_waits(context, contact)?;
    }
    // Who has answered it already hears of that, also when the command is handed over again.
    let is_new = context.client.ask(|engine| engine.contact_of_card(&offer))?.is_none();
    if is_new
        && !args.yes
        && !args.instead
        && let Some(there) = context.namesake(args.name.as_deref())?
    {
        make_sure_it_is_another_one(&there, SAME_PERSON, context).await?;
    }
    let command = || Command::CardAccept { offer: Box::new(offer.clone()), whom: whom.clone() };
    let Reply::Contact(contact) = with_queue(context, command).await? else {
        return Err(Failure::new(
            "internal",
            "the card was not answered",
            "this is a mistake in Kith; please report it",
        ));
    };
    context.out.data(&json!({"contact": contact_id(contact)}), || {
        format!(
            "{}  {}\nYour answer goes out with the next `kith sync` or `kith listen`. What you write meanwhile waits.",
            contact_id(contact),
            show::name(&context.client, contact)
        )
    });
    Ok(())
}

/// What was written and waits is for whoever has made the card.
fn tell_what_waits(context: &Context, contact: ContactId) -> Result<(), Failure> {
    let contact = context.client.ask(|engine| engine.contact(contact))?;
    if contact.waiting > 0 {
        let (messages, name) = (show::number(contact.waiting, "message"), show::one_line(&contact.name));
        context.out.note(format!("{messages} to {name} that waited here will go to whoever has made this card."));
    }
    Ok(())
}

/// Gives up the keys of a contact whose session goes on, and tells its devices so, if they can be told. One that needs a new card anyhow has none left.
async fn give_up_keys(name: &str, offer: &CardOffer, context: &Context) -> Result<(), Failure> {
    let contact = context.contact(name)?;
    if contact.needs_card {
        return Ok(());
    }
    context.client.command(Command::EndSessions { contact: contact.id, offer: Box::new(offer.clone()) })?;
    // The word leaves before its session is forgotten: also to somebody whose answer was confirmed and who has not said a word yet. Without a
    // connection nobody is kept waiting for it.
    if context.client.sync(FAREWELL_PATIENCE).await.is_err() {
        context.out.note("Your home server did not answer in time: the devices of before may hear nothing of it.");
    }
    if contact.state == ContactState::Answered {
        context.out.note(format!("What had begun with {} is given up for this card.", show::one_line(&contact.name)));
        return Ok(());
    }
    context.out.note(format!(
        "{} has new keys from now on, and whoever had the old ones is told. Only somebody who has lost all devices needs this: compare digits \
         (`kith verify`) when you next see or hear each other, before you say anything that matters.",
        show::one_line(&contact.name)
    ));
    Ok(())
}

/// What is done for a contact that is there already.
const SAME_PERSON: &str = "If it is the same person, who has lost all devices and told you so, or whose first card nobody answered, give the command with \
                           --instead: then the conversation goes on with new keys.";
/// How long the word that the keys are given up may take.
const FAREWELL_PATIENCE: Duration = Duration::from_secs(10);

/// A link for a device of the person's own is none for somebody else; the engine refuses it too.
fn refuse_link(offer: &CardOffer) -> Result<(), Failure> {
    match offer.card.decode_unverified().map(|card| card.purpose()) {
        Ok(Some(CardPurpose::Join)) => Err(Failure::new(
            "other_purpose",
            "this link is for linking a device of your own",
            "use it on a device that you have: `kith device link LINK`; if somebody sent it to you, tell them to give you a contact card",
        )),
        Ok(Some(CardPurpose::Link)) => Err(Failure::new(
            "other_purpose",
            "this link is for linking a device of your own",
            "use it on the new device: `kith device join LINK`; if somebody sent it to you, tell them to give you a contact card",
        )),
        _ => Ok(()),
    }
}

/// Reads a card: from a link, or from a file that lies in `directory` when its path does not say otherwise.
pub(crate) fn read(card: &str, directory: &Path) -> Result<CardOffer, Failure> {
    let offer = read_offer(card, directory)?;
    // What is inside is looked at as well: half a card is told the same way, wherever it was cut.
    offer.card.decode_unverified().map_err(damaged)?;
    Ok(offer)
}

fn read_offer(card: &str, directory: &Path) -> Result<CardOffer, Failure> {
    if let Some(link) = link_in(card) {
        return card_from_link(&link).map_err(damaged);
    }
    let path = directory.join(card);
    let failed = |error: &std::io::Error| match error.kind() {
        // What is too long for a name or begins like a link was meant as one.
        _ if card.len() > LONGEST_PATH || card.starts_with(SCHEME) => damaged("neither a file nor a whole link"),
        _ => Failure::file("read", &path, error),
    };
    let mut bytes = Vec::new();
    let file = File::open(&path).map_err(|error| failed(&error))?;
    // A file may also hold the link as text, which is longer than the card itself.
    let most = u64::try_from(CardOffer::MAX_BYTES).unwrap_or(u64::MAX).saturating_mul(2);
    file.take(most).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
    match std::str::from_utf8(&bytes) {
        Ok(text) if let Some(link) = link_in(text) => card_from_link(&link).map_err(damaged),
        _ => CardOffer::from_bytes(&bytes).map_err(damaged),
    }
}

/// Takes the link out of what people copy around it, quotes, brackets and full stops, and mends what a mail program broke
/// into lines. What it holds is as strict as ever (KW-16).
fn link_in(text: &str) -> Option<String> {
    let is_around = |letter: char| letter.is_whitespace() || "<>()[]\"'.,".contains(letter);
    let link = text.trim_matches(is_around);
    link.starts_with(CARD_PREFIX).then(|| link.split_whitespace().collect())
}

fn damaged(reason: impl std::fmt::Display) -> Failure {
    let hint = "copy it again, all of it: a link is several thousand letters long; or ask for the file once more";
    Failure::new("bad_card", "this is not a whole card or link", hint).with_detail(reason)
}

/// How every link of Kith begins.
const SCHEME: &str = "kith:";
/// Far beyond the names of cards that people give.
const LONGEST_PATH: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_as_people_copy_them() {
        for text in ["kith:card/aB-_9", " kith:card/aB-_9\n", "<kith:card/aB-_9>", "\"kith:card/aB-\r\n  _9\"."] {
            assert_eq!(link_in(text).as_deref(), Some("kith:card/aB-_9"), "{text:?}");
        }
        assert_eq!(link_in("bela.kith"), None);
        assert_eq!(link_in("kith:card/aB=").as_deref(), Some("kith:card/aB="), "padding is not forgiven");
    }
}
