//! WebP (RFC 9649): RIFF chunks, each with name and length, filled up to an even length.

use crate::exif::{self, Turn};
use crate::reading::{take, take_array};
use crate::{Cleaned, Written};

const RIFF: &[u8; 4] = b"RIFF";
const WEBP: &[u8; 4] = b"WEBP";

/// Bits of the extended head that say that EXIF and XMP follow.
const SAYS_EXIF: u8 = 0x08;
const SAYS_XMP: u8 = 0x04;
/// How long the extended head is.
const HEAD_LEN: usize = 10;
/// How long the head of one picture of several is.
const FRAME_LEN: usize = 16;

/// Whether a file starts like one.
pub(crate) fn is_one(start: &[u8]) -> bool {
    start.starts_with(RIFF) && start.get(8..12) == Some(WEBP.as_slice())
}

/// Copies the chunks that are needed to show the picture; what follows the last one is dropped.
pub(crate) fn clean(bytes: &[u8]) -> Option<Cleaned> {
    let mut rest = bytes;
    take(&mut rest, RIFF.len())?;
    let length = usize::try_from(u32::from_le_bytes(take_array(&mut rest)?)).ok()?;
    let mut body = take(&mut rest, length)?;
    take(&mut body, WEBP.len())?;
    let chunks = chunks(body)?;

    let mut inner = Cleaned::with_room_for(body);
    let turn = turn_of(&chunks);
    for (name, content) in &chunks {
        match name {
            b"VP8X" => write(&mut inner, name, &head(content, turn)?)?,
            b"ANMF" => frame(&mut inner, content)?,
            b"ALPH" | b"VP8 " | b"VP8L" | b"ANIM" | b"ICCP" => write(&mut inner, name, content)?,
            b"EXIF" => exif::leave_out(&mut inner, tiff(content), &exif::read(tiff(content))),
            b"XMP " => inner.leave_out_words(content),
            _ => inner.leave_out(Written::More),
        }
    }
    if let Some(turn) = turn {
        write(&mut inner, b"EXIF", &turn.written())?;
    }
    inner.leave_out_tail(rest);

    let length = u32::try_from(inner.bytes.len().checked_add(WEBP.len())?).ok()?;
    let bytes = [RIFF.as_slice(), &length.to_le_bytes(), WEBP, &inner.bytes].concat();
    Some(Cleaned { bytes, removed: inner.removed })
}

/// A chunk: its name and what is in it.
type Chunk<'a> = ([u8; 4], &'a [u8]);

fn chunks(mut rest: &[u8]) -> Option<Vec<Chunk<'_>>> {
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        let name = take_array(&mut rest)?;
        let length = usize::try_from(u32::from_le_bytes(take_array(&mut rest)?)).ok()?;
        chunks.push((name, take(&mut rest, length)?));
        // Some programs forget to fill up the last one.
        if length % 2 == 1 && !rest.is_empty() {
            take(&mut rest, 1)?;
        }
    }
    Some(chunks)
}

/// Returns how the picture is turned. Without the extended head nobody looks for it.
fn turn_of(chunks: &[Chunk<'_>]) -> Option<Turn> {
    let is_extended = chunks.first().is_some_and(|(name, _)| name == b"VP8X");
    let (_, content) = chunks.iter().find(|(name, _)| is_extended && name == b"EXIF")?;
    exif::read(tiff(content)).turn
}

fn tiff(content: &[u8]) -> &[u8] {
    content.strip_prefix(exif::NAME).unwrap_or(content)
}

/// The extended head, with what it says about EXIF and XMP put right.
fn head(content: &[u8], turn: Option<Turn>) -> Option<[u8; HEAD_LEN]> {
    let mut head: [u8; HEAD_LEN] = content.try_into().ok()?;
    let [flags, ..] = &mut head;
    *flags &= !(SAYS_EXIF | SAYS_XMP);
    if turn.is_some() {
        *flags |= SAYS_EXIF;
    }
    Some(head)
}

/// One picture of several: it has chunks of its own.
fn frame(cleaned: &mut Cleaned, content: &[u8]) -> Option<()> {
    let mut rest = content;
    let mut inner = Cleaned::with_room_for(content);
    inner.keep(take(&mut rest, FRAME_LEN)?);
    for (name, content) in chunks(rest)? {
        match &name {
            b"ALPH" | b"VP8 " | b"VP8L" => write(&mut inner, &name, content)?,
            _ => inner.leave_out(Written::More),
        }
    }
    cleaned.removed.append(&mut inner.removed);
    write(cleaned, b"ANMF", &inner.bytes)
}

fn write(cleaned: &mut Cleaned, name: &[u8; 4], content: &[u8]) -> Option<()> {
    cleaned.keep(name);
    cleaned.keep(&u32::try_from(content.len()).ok()?.to_le_bytes());
    cleaned.keep(content);
    if content.len() % 2 == 1 {
        cleaned.keep(&[0]);
    }
    Some(())
}
