//! What the fuzz targets check, as plain functions, so that ordinary tests replay the corpus with them.
//!
//! Each takes arbitrary bytes and must neither panic nor take long; whatever a decoder accepts must encode to the very
//! same bytes again. Forgery of decoded objects is not looked for here: ordinary tests do that. The checks of state
//! machines take the bytes for a schedule of what people and the wire do.

mod journal;
mod meeting;
mod people;
mod session;

use kith_crypto::live::accept_opening;
use kith_crypto::sealed::{EpochSecret, open};
use kith_wire::Wire;
use kith_wire::address::{QueueAddress, ServerAddress, ServerUrl};
use kith_wire::backup::{BackupItem, pack, unpack};
use kith_wire::card::{AnswerCard, AnswerInside, AnswerParts, AnswerProof, Card, CardOffer, Confirm, ConfirmHello};
use kith_wire::content::{Body, Content, KnownBody};
use kith_wire::descriptor::Descriptor;
use kith_wire::devices::DeviceList;
use kith_wire::ext::Ext;
use kith_wire::frame::{Control, Frame, Inner};
use kith_wire::id::ServerKey;
use kith_wire::link::{card_from_link, card_to_link};
use kith_wire::live::{LiveAccept, LiveEvent, LiveOpening, LiveRequest};
use kith_wire::operation::{Answer, Deposit, Operation, Request};
use kith_wire::padding::{pad_to, unpad};
use kith_wire::payload::{Item, Payload};
use kith_wire::sealed::{OneShotReply, SealKind, SealedParts};
use kith_wire::signed::{Signable, Signed};
use kith_wire::time::EpochId;

pub use journal::journal;
pub use meeting::meeting;
pub use session::session;

/// A check of one decoder, family of decoders or state machine.
pub type Check = fn(&[u8]);

/// The checks of state machines, by the name of their fuzz target and folder in the corpus. What they read is not an
/// encoding but a schedule, or a folder of files.
pub const MACHINES: [(&str, Check); 3] = [("journal", journal), ("meeting", meeting), ("session", session)];

/// All checks of decoders, by the name of their fuzz target and folder in the corpus.
pub const CHECKS: [(&str, Check); 16] = [
    ("address", address),
    ("answer_frame", answer_frame),
    ("backup", backup),
    ("card", card),
    ("content", content),
    ("descriptor", descriptor),
    ("devices", devices),
    ("ext", ext),
    ("frame", frame),
    ("link", link),
    ("live", live),
    ("operation", operation),
    ("payload", payload),
    ("picture", picture),
    ("sealed", sealed),
    ("url", url),
];

fn again<T: Wire>(bytes: &[u8]) -> Option<T> {
    let value = T::from_bytes(bytes).ok()?;
    assert_eq!(value.to_bytes(), bytes, "{} has two encodings", T::NAME);
    Some(value)
}

fn signed_again<T: Signable>(bytes: &[u8]) {
    if let Some(signed) = again::<Signed<T>>(bytes)
        && let Ok(object) = signed.decode_unverified()
    {
        assert_eq!(object.to_bytes(), signed.body());
    }
    again::<T>(bytes);
}

/// Server and queue addresses.
pub fn address(bytes: &[u8]) {
    again::<ServerAddress>(bytes);
    again::<QueueAddress>(bytes);
}

/// Frames that are taken for an answer to a card.
pub fn answer_frame(bytes: &[u8]) {
    if let Some(frame) = Frame::from_slice(bytes) {
        let parts = AnswerParts::from_frame(&frame);
        assert_eq!(parts.and_then(|parts| parts.to_frame()), Some(frame));
    }
}

/// What a backup says: one item, and the content of a segment.
pub fn backup(bytes: &[u8]) {
    if let Some(item) = again::<BackupItem>(bytes) {
        assert!(!format!("{item:?}").is_empty());
    }
    if let Ok(unpacked) = unpack(bytes)
        && unpacked.n_unknown == 0
    {
        let mut content = Vec::new();
        for item in &unpacked.items {
            pack(&mut content, item).expect("what was read is short enough");
        }
        assert_eq!(content, bytes, "a segment has two encodings");
    }
}

/// Cards, answers and confirmations.
pub fn card(bytes: &[u8]) {
    signed_again::<Card>(bytes);
    signed_again::<AnswerCard>(bytes);
    again::<CardOffer>(bytes);
    again::<AnswerInside>(bytes);
    again::<AnswerProof>(bytes);
    again::<ConfirmHello>(bytes);
    again::<Confirm>(bytes);
}

/// Contents, with bodies known and unknown.
pub fn content(bytes: &[u8]) {
    let Some(content) = again::<Content>(bytes) else { return };
    if let Body::Known(KnownBody::Text { attachment: Some(manifest), .. }) = &content.body {
        manifest.is_well_formed();
    }
    if let Body::Known(KnownBody::Text { text, preview: Some(preview), .. }) = &content.body {
        let _ = preview.clone().fitting(text);
    }
    assert!(!format!("{content:?}").is_empty());
}

/// Descriptors of home servers.
pub fn descriptor(bytes: &[u8]) {
    signed_again::<Descriptor>(bytes);
}

/// Device lists.
pub fn devices(bytes: &[u8]) {
    signed_again::<DeviceList>(bytes);
    if let Some(list) = again::<DeviceList>(bytes) {
        list.is_well_formed();
        if let Some(padded) = list.padded() {
            assert_eq!(padded.to_bytes().len(), kith_wire::limits::DEVICE_LIST_BYTES);
        }
    }
}

/// Extension maps by themselves.
pub fn ext(bytes: &[u8]) {
    if let Ok(ext) = minicbor::decode::<Ext>(bytes) {
        ext.unknown_critical(&[]);
        let encoded = minicbor::to_vec(&ext).unwrap_or_default();
        assert_eq!(minicbor::decode::<Ext>(&encoded).ok(), Some(ext));
    }
}

/// Inner texts of frames and control fields.
pub fn frame(bytes: &[u8]) {
    again::<Control>(bytes);
    if let Ok(inner) = Inner::from_bytes(bytes) {
        assert_eq!(inner.to_bytes().as_deref(), Some(bytes));
    }
    // The interesting part of an inner text is its beginning.
    let mut filled = bytes.to_vec();
    filled.resize(kith_wire::frame::INNER_BYTES, 0);
    if let Ok(inner) = Inner::from_bytes(&filled) {
        assert_eq!(inner.to_bytes(), Some(filled));
    }
}

/// Card links.
pub fn link(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(offer) = card_from_link(text) {
        assert_eq!(card_to_link(&offer), text.trim());
    }
}

/// Objects of live connections.
pub fn live(bytes: &[u8]) {
    again::<LiveOpening>(bytes);
    again::<LiveAccept>(bytes);
    again::<LiveRequest>(bytes);
    again::<LiveEvent>(bytes);
}

/// Requests and answers.
pub fn operation(bytes: &[u8]) {
    again::<Operation>(bytes);
    again::<Request>(bytes);
    again::<Deposit>(bytes);
    again::<Answer>(bytes);
}

/// Plaintexts of Olm messages.
pub fn payload(bytes: &[u8]) {
    let Some(payload) = again::<Payload>(bytes) else { return };
    for item in &payload.items {
        if let Item::Part(part) = item {
            part.is_well_formed();
        }
    }
}

/// Pictures on their way out: what was cleaned once stays as it is, and is hardly longer than before.
pub fn picture(bytes: &[u8]) {
    let Ok(cleaned) = kith_picture::clean(bytes) else { return };
    assert!(cleaned.bytes.len() <= bytes.len() + 64, "{} bytes out of {}", cleaned.bytes.len(), bytes.len());
    let again = kith_picture::clean(&cleaned.bytes).expect("what was cleaned is a picture");
    assert!(again.removed.is_empty(), "{:?} was left in it", again.removed);
    assert_eq!(again.bytes, cleaned.bytes, "cleaning is not done in one go");
}

/// Sealed requests, their replies, paddings, and what a server does with bytes from anybody.
pub fn sealed(bytes: &[u8]) {
    if let Some(reply) = OneShotReply::from_bytes(bytes) {
        assert_eq!(reply.to_bytes(), bytes);
    }
    if let Ok(content) = unpad(bytes) {
        assert_eq!(pad_to(content, bytes.len()).as_deref(), Some(bytes));
    }
    let (server, epoch) = (ServerKey([1; 32]), EpochSecret::from_bytes(EpochId(0), &[2; 64]));
    if let Ok(parts) = SealedParts::split(bytes) {
        assert!(open(&server, &epoch, SealKind::OneShot, &parts).is_err());
        assert!(open(&server, &epoch, SealKind::LiveOpening, &parts).is_err());
    }
    let mut rng = <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(1);
    assert!(accept_opening(&server, &epoch, bytes, &mut rng).is_err());
}

/// Addresses as people type them and as they travel.
pub fn url(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for url in [ServerUrl::parse(text), ServerUrl::parse_lenient(text)].into_iter().flatten() {
        assert_eq!(ServerUrl::parse(url.as_str()).as_ref(), Ok(&url));
        assert_eq!(ServerUrl::parse_lenient(url.as_str()).as_ref(), Ok(&url));
        assert!(!url.host().is_empty() && url.port() > 0);
    }
}
