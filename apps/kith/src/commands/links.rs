//! Links between two devices: made and drawn, and those for the wrong device or that have expired, which the engine would refuse too, found
//! earlier and said with what to do.

use std::time::Duration;

use kith_engine::{Command, ContactId, Reply};
use kith_wire::Timestamp;
use kith_wire::card::{Card, CardOffer, CardPurpose};
use kith_wire::link::card_to_link;

use crate::commands::new_card::{draw, last_moment, publish, with_queue};
use crate::context::Context;
use crate::duration::Span;
use crate::failure::Failure;
use crate::times;

/// A link that was made.
pub(crate) struct Made {
    /// The other device, which is not there yet.
    pub(crate) contact: ContactId,
    /// The card in it.
    pub(crate) offer: Box<CardOffer>,
    /// The link itself.
    pub(crate) link: String,
    /// Until when it can be used, as RFC 3339 writes it.
    pub(crate) until: String,
}

/// Makes a link by a command that lasts for `expires`, and draws it as a QR code for whoever wants that.
pub(crate) async fn make(
    context: &Context,
    command: impl Fn() -> Command,
    (expires, qr): (Span, bool),
) -> Result<Made, Failure> {
    if expires.seconds() == 0 {
        return Err(Failure::usage("a link for no time at all cannot be used", "say how long: --expires 10m"));
    }
    let Reply::Card { contact, offer, .. } = with_queue(context, command).await? else {
        return Err(Failure::new("internal", "the link was not made", "this is a mistake in Kith; please report it"));
    };
    if qr {
        publish(context, contact).await?;
        draw(&offer, &context.out)?;
    }
    let (link, until) = (card_to_link(&offer), times::rfc3339(last_moment(expires)));
    Ok(Made { contact, offer, link, until })
}

/// Takes a link back. A device that has used it is told before this program ends, if the home server can be reached.
pub(crate) async fn take_back(context: &Context, contact: ContactId) -> Result<(), Failure> {
    context.client.command(Command::UnlinkDevice { contact })?;
    drop(context.client.sync(FAREWELL_PATIENCE).await);
    Ok(())
}

/// Says that the other device has ended the link; `again` makes a new one.
pub(crate) fn ended(again: &str) -> Failure {
    Failure::new(
        "link_ended",
        "the other device has ended this link, so nothing was linked: the codes were not the same there, or the link was taken back or took too long",
        format!("make a new one with `{again}`, and show it to nobody else"),
    )
}

/// How long the word that a link is over may take.
const FAREWELL_PATIENCE: Duration = Duration::from_secs(5);

/// Refuses what is no link for a new device, before there is a folder. One that has expired may have been used in time by a folder that is there.
pub(crate) fn refuse_on_new(offer: &CardOffer, now: Timestamp, is_new: bool) -> Result<(), Failure> {
    let Ok(card) = offer.card.decode_unverified() else { return Ok(()) };
    match card.purpose() {
        Some(CardPurpose::Link) if is_new && has_expired(&card, now) => Err(Failure::new(
            "card_refused",
            "this link has expired",
            "make a new one on the other device with `kith device link`, and use it at once",
        )),
        Some(CardPurpose::Link) => Ok(()),
        Some(CardPurpose::Join) => Err(other(
            "this link was made on a new device, for one that you have",
            "use it on the device that you have: `kith device link LINK`",
        )),
        Some(CardPurpose::Contact) => Err(other(
            CONTACT_CARD,
            "answer it with `kith card accept`; `kith device link` on a device that you have makes a link for a new one",
        )),
        _ => Err(Failure::new(
            "card_refused",
            "this is no link for a new device",
            "ask the other device for a new link: `kith device link`",
        )),
    }
}

/// Refuses what is no link of a new device.
pub(crate) fn refuse_on_old(offer: &CardOffer, now: Timestamp) -> Result<(), Failure> {
    let Ok(card) = offer.card.decode_unverified() else { return Ok(()) };
    match card.purpose() {
        Some(CardPurpose::Join) if has_expired(&card, now) => Err(Failure::new(
            "card_refused",
            "this link has expired",
            "make a new one on the new device with `kith device join`, and use it at once",
        )),
        Some(CardPurpose::Join) => Ok(()),
        Some(CardPurpose::Link) => Err(other(
            "this link was made on a device that somebody has, for a new one",
            "use it on the new device: `kith device join LINK`",
        )),
        Some(CardPurpose::Contact) => Err(other(CONTACT_CARD, "answer it with `kith card accept`")),
        _ => Err(other("this is no link of a new device", "make one there with `kith device join`")),
    }
}

fn has_expired(card: &Card, now: Timestamp) -> bool {
    now.hour() > card.not_after
}

fn other(message: &str, hint: &str) -> Failure {
    Failure::new("other_purpose", message, hint)
}

/// Somebody else's card was given where a link of the person's own was expected.
const CONTACT_CARD: &str = "this is a contact card: it makes you known to another person";

#[cfg(test)]
mod tests {
    use kith_crypto::sign::ContactSecret;
    use kith_wire::address::{QueueAddress, ServerAddress, ServerUrl};
    use kith_wire::id::{
        CardId, DhKey, Hash, OlmIdentity, OlmOneTimeKey, ReplySecret, SendCapability, SenderId, ServerKey,
    };
    use kith_wire::time::Hour;

    use super::*;

    /// A card that was made for this, good until the end of an hour.
    fn made_for(purpose: CardPurpose, not_after: Hour) -> CardOffer {
        let secret = ContactSecret::from_seed([1; 32]);
        let url = ServerUrl::parse("https://kith.example.org").unwrap();
        let queue = QueueAddress {
            server: ServerAddress { url, key: ServerKey([1; 32]) },
            sender_id: SenderId([1; 24]),
            capability: SendCapability::new([1; 32]),
        };
        let card = Card {
            version: 1,
            suite: 1,
            card_id: CardId([1; 16]),
            not_after,
            contact_key: secret.public(),
            olm_identity: OlmIdentity([9; 32]),
            olm_one_time: OlmOneTimeKey([9; 32]),
            dh: DhKey([9; 32]),
            kem_hash: Hash([1; 32]),
            queue,
            reply_secret: ReplySecret::new([1; 32]),
            commitment: Hash([1; 32]),
            ext: purpose.to_ext(),
        };
        CardOffer { card: secret.sign(&card), kem: None }
    }

    fn code(refused: Result<(), Failure>) -> Option<String> {
        refused.err().map(|failure| format!("{}: {}", failure.code, failure.hint))
    }

    #[test]
    fn an_expired_link_is_told_with_how_to_make_a_new_one() {
        let hour = Hour(498_000);
        let (link, join) = (made_for(CardPurpose::Link, hour), made_for(CardPurpose::Join, hour));
        let (last, over) = (Timestamp(hour.start().0 + 3_599_999), hour.start().plus_seconds(3600));
        assert_eq!(code(refuse_on_new(&link, last, true)), None);
        assert_eq!(code(refuse_on_old(&join, last)), None);
        let told = code(refuse_on_new(&link, over, true)).unwrap();
        assert!(told.starts_with("card_refused: make a new one on the other device with `kith device link`"), "{told}");
        assert_eq!(
            code(refuse_on_new(&link, over, false)),
            None,
            "a folder that is there has used it in time, perhaps"
        );
        let told = code(refuse_on_old(&join, over)).unwrap();
        assert!(told.starts_with("card_refused: make a new one on the new device with `kith device join`"), "{told}");
    }

    #[test]
    fn cards_for_something_else_are_told_with_where_they_belong() {
        let (hour, now) = (Hour(498_000), Hour(498_000).start());
        let told = |purpose| {
            let offer = made_for(purpose, hour);
            let told = [refuse_on_new(&offer, now, true), refuse_on_old(&offer, now)].map(code);
            told.map(|told| told.unwrap_or_default())
        };
        let [new, old] = told(CardPurpose::Contact);
        assert!(new.contains("kith card accept") && old.contains("kith card accept"), "{new} {old}");
        assert!(told(CardPurpose::Join)[0].contains("kith device link LINK"));
        assert!(told(CardPurpose::Link)[1].contains("kith device join LINK"));
        assert!(told(CardPurpose::Device).iter().all(|told| !told.is_empty()));
    }
}
