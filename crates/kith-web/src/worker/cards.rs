//! Cards: given as a link and a QR code, and answered.

use std::rc::Rc;

use kith_engine::{Command, CommandError, ContactId, Reply as EngineReply, Whom};
use kith_wire::card::CardOffer;
use kith_wire::link::{CARD_PREFIX, card_from_link, card_to_link};
use kith_wire::time::Hour;

use crate::contract::{Card, Failure, FailureCode, Notice, Reply};
use crate::failures::failure;
use crate::qr;
use crate::worker::clock::now;
use crate::worker::person::Person;

impl Person {
    /// Makes a card, and puts what has no room in its code at the home server.
    pub(crate) async fn new_card(
        self: &Rc<Self>,
        name: Option<String>,
        again: Option<u64>,
        expires: u32,
    ) -> Result<Reply, Failure> {
        let whom = whom(name, again);
        let command = || Command::CardNew { whom: whom.clone(), expires: u64::from(expires.max(1)) };
        let EngineReply::Card { contact, offer, .. } = self.with_queue(command).await? else {
            return Err(failure(FailureCode::Internal, "the card was not made"));
        };
        // While the home server is away it goes there later; until then only the link can be answered.
        self.command(Command::CardPublish { contact })?;
        let qr = qr::of_card(&offer).ok_or_else(|| failure(FailureCode::Internal, "the card fits into no code"))?;
        self.teller.tell(&Notice::Contact { contact: contact.0 });
        Ok(Reply::Card {
            card: Card { contact: contact.0, link: card_to_link(&offer), qr, expires: last_moment(expires) },
        })
    }

    /// Answers a card.
    pub(crate) async fn accept_card(
        self: &Rc<Self>,
        link: &str,
        name: Option<String>,
        again: Option<u64>,
    ) -> Result<Reply, Failure> {
        let offer = offer_in(link).map_err(|detail| failure(FailureCode::BadCard, detail))?;
        let whom = whom(name, again);
        let command = || Command::CardAccept { offer: Box::new(offer.clone()), whom: whom.clone() };
        let EngineReply::Contact(contact) = self.with_queue(command).await? else {
            return Err(failure(FailureCode::Internal, "the card was not answered"));
        };
        self.teller.tell(&Notice::Contact { contact: contact.0 });
        Ok(Reply::ContactMade { contact: contact.0 })
    }

    /// Does a command that needs a spare queue; when there is none, the home server gets a while to make one.
    pub(crate) async fn with_queue(
        self: &Rc<Self>,
        command: impl Fn() -> Command,
    ) -> Result<EngineReply, CommandError> {
        for _ in 0..PATIENCE {
            match self.command(command()) {
                Err(CommandError::NoSpareQueue) => self.changed(500).await,
                other => return other,
            }
        }
        self.command(command())
    }
}

fn whom(name: Option<String>, again: Option<u64>) -> Whom {
    match again {
        Some(contact) => Whom::Again(ContactId(contact)),
        None => Whom::New(name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())),
    }
}

/// Returns the last moment of a card that lasts so many seconds: it is good until the end of the hour in which its time is over
/// (KS-3).
pub(crate) fn last_moment(seconds: u32) -> u64 {
    let Hour(last) = now().plus_seconds(u64::from(seconds)).hour();
    Hour(last.saturating_add(1)).start().0
}

/// Reads the card in what people copy; nothing about it is verified. Says what is wrong with it.
pub(crate) fn offer_in(text: &str) -> Result<CardOffer, String> {
    let link = link_in(text).ok_or_else(|| "there is no card in this".to_owned())?;
    card_from_link(&link).map_err(|error| error.to_string())
}

/// Takes the link out of what people copy around it, and mends what a mail program broke into lines.
fn link_in(text: &str) -> Option<String> {
    let from = text.find(CARD_PREFIX)?;
    let is_around = |letter: char| letter.is_whitespace() || "<>()[]\"'.,".contains(letter);
    Some(text.get(from..)?.trim_matches(is_around).split_whitespace().collect())
}

/// How often a queue is asked for again, with half a second or a turn between.
const PATIENCE: u32 = 40;
