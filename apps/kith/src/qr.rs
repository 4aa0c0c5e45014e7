//! A text as a QR code made of half blocks: two rows of dots in one line of text.

use fast_qr::ECL;
use fast_qr::qr::QRBuilder;

use crate::output::Colour;

/// Returns the drawing and its width; `None` when no QR code can hold the text. With colours it is dark on light
/// whatever the terminal's own are; without, it looks as the terminal does.
///
/// A contact card is given once and read off a clean screen, so the lowest error correction makes the smallest picture.
pub(crate) fn draw(text: &str, colour: Colour) -> Option<(String, usize)> {
    let code = QRBuilder::new(text).ecl(ECL::L).build().ok()?;
    let size = code.size;
    // Outside the code lies the quiet zone that readers need.
    let is_dark = |x: usize, y: usize| {
        let (x, y) = (x.checked_sub(QUIET)?, y.checked_sub(QUIET)?);
        (x < size && y < size).then(|| code[y][x].value())
    };
    let whole = size + 2 * QUIET;
    let (start, end) = match colour {
        Colour::On => ("\u{1b}[30;107m", "\u{1b}[0m\n"),
        Colour::Off => ("", "\n"),
    };
    let mut drawing = String::new();
    for y in (0..whole).step_by(2) {
        drawing.push_str(start);
        for x in 0..whole {
            let (upper, lower) = (is_dark(x, y).unwrap_or(false), is_dark(x, y + 1).unwrap_or(false));
            drawing.push(match (upper, lower) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        drawing.push_str(end);
    }
    Some((drawing, whole))
}

/// Dots of light around the code; the standard asks for four, and screens are read with two.
const QUIET: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_link_fits_and_too_much_does_not() {
        let (drawing, width) = draw(&"a".repeat(2_400), Colour::Off).unwrap();
        assert_eq!(drawing.lines().count(), width.div_ceil(2));
        assert!(drawing.lines().all(|line| line.chars().count() == width));
        assert!(draw(&"a".repeat(3_000), Colour::Off).is_none());
    }
}
