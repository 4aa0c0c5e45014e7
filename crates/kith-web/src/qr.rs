//! Cards' links and comparison digits as QR codes: squares, which the app draws.

use fast_qr::ECL;
use fast_qr::qr::QRBuilder;
use kith_wire::card::CardOffer;
use kith_wire::link::card_to_link;

use crate::contract::QrCode;

/// Draws the card without its X-Wing key, which has no room in a code and which whoever scans it fetches from the home
/// server; `None` when even that does not fit.
///
/// A card is given once and read off a clean screen, so the lowest error correction makes the largest squares.
pub(crate) fn of_card(offer: &CardOffer) -> Option<QrCode> {
    of_text(card_to_link(&CardOffer { kem: None, ..offer.clone() }))
}

/// Draws a text; `None` when it is too long.
pub(crate) fn of_text(text: String) -> Option<QrCode> {
    let code = QRBuilder::new(text).ecl(ECL::L).build().ok()?;
    let squares = code.data.iter().take(code.size.checked_mul(code.size)?);
    let modules = squares.map(|square| if square.value() { '1' } else { '0' }).collect();
    Some(QrCode { size: u32::try_from(code.size).ok()?, modules })
}
