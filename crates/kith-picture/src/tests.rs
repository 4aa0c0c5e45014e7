//! Small pictures with and without things in them, and damaged ones.

use proptest::prelude::*;

use super::*;
use crate::Written::{Camera, More, Place, Words};

/// EXIF as a camera writes it: turned by a quarter, with a time, and a directory about the place.
fn exif() -> Vec<u8> {
    let entry = |tag: u16, kind: u16, value: [u8; 4]| {
        [tag.to_le_bytes().as_slice(), &kind.to_le_bytes(), &1_u32.to_le_bytes(), &value].concat()
    };
    let directory =
        [entry(0x0112, 3, [6, 0, 0, 0]), entry(0x0132, 2, *b"2026"), entry(0x8825, 4, [50, 0, 0, 0])].concat();
    [b"II*\0\x08\0\0\0\x03\0".as_slice(), &directory, &[0; 4], b"47.1 N 8.5 E"].concat()
}

/// The same, of which only the turn is left.
const TURNED: &[u8] = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";

fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
    [&[0xff, marker], length.as_slice(), content].concat()
}

/// The parts of a JPEG that is shown, in two scans with stuffed zeros and restarts.
fn jpeg(about: &[Vec<u8>], tail: &[u8]) -> Vec<u8> {
    let scan = [segment(0xda, b"\x01\x01\x00\x00\x3f\x00"), vec![1, 2, 0xff, 0, 0xff, 0xd0, 3]].concat();
    let head = segment(0xe0, b"JFIF\0\x01\x02\x00\0\x01\0\x01\0\0");
    let shown = [head, about.concat(), segment(0xdb, &[9; 65]), scan.clone(), scan].concat();
    [jpeg::START, &shown, &[0xff, 0xd9], tail].concat()
}

fn chunk(name: &[u8; 4], content: &[u8], check_sum: [u8; 4]) -> Vec<u8> {
    [&u32::try_from(content.len()).unwrap().to_be_bytes(), name.as_slice(), content, &check_sum].concat()
}

fn png(about: &[Vec<u8>], tail: &[u8]) -> Vec<u8> {
    let before = [chunk(b"IHDR", &[1; 13], *b"sum1"), chunk(b"iCCP", b"colours", *b"sum2")].concat();
    let shown = [before, about.concat(), chunk(b"IDAT", b"picture", *b"sum3"), chunk(b"IEND", b"", *b"sum4")].concat();
    [png::SIGNATURE, &shown, tail].concat()
}

fn riff(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let filled = vec![0; content.len() % 2];
    [name.as_slice(), &u32::try_from(content.len()).unwrap().to_le_bytes(), content, &filled].concat()
}

fn webp(chunks: &[Vec<u8>], tail: &[u8]) -> Vec<u8> {
    let body = [b"WEBP".as_slice(), &chunks.concat()].concat();
    [riff(b"RIFF", &body).as_slice(), tail].concat()
}

fn gif(about: &[u8], tail: &[u8]) -> Vec<u8> {
    let picture = [b"\x2c\0\0\0\0\x01\0\x01\0\x80".as_slice(), &[7; 6], b"\x02\x02\x44\x01\0"].concat();
    [b"GIF89a\x01\0\x01\0\x80\0\0".as_slice(), &[8; 6], about, &picture, b"\x3b", tail].concat()
}

/// Shows that `of` becomes `to`, that this was taken out, and that nothing is left to take out.
#[track_caller]
fn check(of: &[u8], to: &[u8], removed: &[Written]) {
    let cleaned = clean(of).unwrap();
    assert_eq!(cleaned.bytes, to);
    assert_eq!(cleaned.removed, removed.iter().copied().collect());
    assert_eq!(clean(to), Ok(Cleaned { bytes: to.to_vec(), removed: BTreeSet::new() }));
}

#[test]
fn a_jpeg_loses_what_is_about_it_and_keeps_the_rest_byte_for_byte() {
    let about = [
        segment(0xe1, &[b"Exif\0\0".as_slice(), &exif()].concat()),
        segment(0xe1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>"),
        segment(0xed, b"Photoshop 3.0 by-line"),
        segment(0xfe, b"a comment"),
        segment(0xe2, b"MPF\0 second picture"),
        segment(0xf5, b"what nobody knows"),
    ];
    let turned = [segment(0xe1, &[b"Exif\0\0", TURNED].concat())];
    check(&jpeg(&about, b"a film with sound"), &jpeg(&turned, b""), &[Place, Camera, Words, More]);
    let colours = [segment(0xe2, b"ICC_PROFILE\0 colours"), segment(0xee, b"Adobe\0")];
    check(&jpeg(&colours, b""), &jpeg(&colours, b""), &[]);
}

#[test]
fn a_jpeg_that_is_not_turned_says_nothing_of_turning() {
    let upright = [exif()[..18].to_vec(), vec![1, 0, 0, 0], exif()[22..].to_vec()].concat();
    let about = [segment(0xe1, &[b"Exif\0\0".as_slice(), &upright].concat())];
    check(&jpeg(&about, b""), &jpeg(&[], b""), &[Place, Camera]);
}

#[test]
fn the_small_picture_in_the_head_of_a_jpeg_goes() {
    let with = [jpeg::START, &segment(0xe0, b"JFIF\0\x01\x02\x00\0\x01\0\x01\x01\x01rgb"), &[0xff, 0xd9]].concat();
    let without = [jpeg::START, &segment(0xe0, b"JFIF\0\x01\x02\x00\0\x01\0\x01\0\0"), &[0xff, 0xd9]].concat();
    check(&with, &without, &[More]);
}

#[test]
fn a_png_loses_what_is_about_it_and_keeps_the_rest_byte_for_byte() {
    let about = [
        chunk(b"tEXt", b"Author\0Ana", *b"sum5"),
        chunk(b"iTXt", b"XML:com.adobe.xmp <exif:GPSLatitude>", *b"sum6"),
        chunk(b"zTXt", b"z", *b"sum7"),
        chunk(b"eXIf", &exif(), *b"sum8"),
        chunk(b"tIME", &[0; 7], *b"sum9"),
    ];
    // The check sum is that of another program.
    let turned = [chunk(b"eXIf", TURNED, [0xd6, 0x67, 0x4b, 0x69])];
    check(&png(&about, b"trailing"), &png(&turned, b""), &[Place, Camera, Words, More]);
}

#[test]
fn a_webp_loses_what_is_about_it_and_its_head_says_so() {
    let frame = |inside: &[Vec<u8>]| riff(b"ANMF", &[[3; 16].as_slice(), &inside.concat()].concat());
    let pictures = riff(b"VP8 ", b"one");
    let about = [
        riff(b"VP8X", b"\x2e\0\0\0\x01\0\0\x01\0\0"),
        riff(b"ICCP", b"colours"),
        frame(&[pictures.clone(), riff(b"NOTE", b"hidden")]),
        riff(b"EXIF", &exif()),
        riff(b"XMP ", b"<x:xmpmeta>"),
    ];
    let shown = [
        riff(b"VP8X", b"\x2a\0\0\0\x01\0\0\x01\0\0"),
        riff(b"ICCP", b"colours"),
        frame(&[pictures]),
        riff(b"EXIF", TURNED),
    ];
    check(&webp(&about, b"trailing"), &webp(&shown, b""), &[Place, Camera, Words, More]);
    check(&webp(&[riff(b"VP8L", b"odd")], b""), &webp(&[riff(b"VP8L", b"odd")], b""), &[]);
}

#[test]
fn a_gif_loses_what_is_written_in_it_and_goes_on_moving() {
    let again = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0\x21\xf9\x04\0\0\0\0\0";
    let comment = b"\x21\xfe\x08by Ana H\0\x21\xff\x0bXMP DataXMP\x03<x>\0\x21\xff\x0bSOMEBODY1.0\0";
    let with = [again.as_slice(), comment].concat();
    check(&gif(&with, b"trailing"), &gif(again, b""), &[Words, More]);
}

#[test]
fn other_pictures_that_say_more_than_they_show_are_known_by_their_first_bytes() {
    let starts: [&[u8]; 6] = [
        b"\0\0\0\x18ftypheic\0\0\0\0",
        b"\0\0\0\x1cftypavif\0\0\0\0",
        b"\0\0\0\x18ftypcrx \0\0\0\x01",
        b"\0\0\0\x0cJXL \r\n\x87\n",
        b"II*\0\x08\0\0\0",
        b"MM\0*\0\0\0\x08",
    ];
    for start in starts {
        assert_eq!((sort(start), clean(start)), (Sort::Unknown, Err(CleanError::UnknownKind)));
    }
    for start in [b"".as_slice(), b"RIFF....WAVE", b"\0\0\0\x20ftypisom", b"hello", b"\xff"] {
        assert_eq!((sort(start), clean(start)), (Sort::Other, Err(CleanError::UnknownKind)));
    }
}

#[test]
fn pictures_cut_short_anywhere_are_refused() {
    let pictures = [
        jpeg(&[segment(0xe1, b"Exif\0\0")], b""),
        png(&[chunk(b"tEXt", b"Ana", [0; 4])], b""),
        webp(&[riff(b"VP8 ", b"picture."), riff(b"EXIF", b"")], b""),
        gif(b"\x21\xfe\x03Ana\0", b""),
    ];
    for whole in pictures {
        clean(&whole).unwrap();
        for length in 12..whole.len() {
            assert_eq!(clean(&whole[..length]), Err(CleanError::Damaged), "{length} bytes");
        }
    }
}

#[test]
fn exif_that_leads_nowhere_is_taken_out_with_the_rest() {
    let leads: [&[u8]; 6] =
        [b"", b"MM\0*", b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff", b"XX*\0", b"II*\0\x02\0\0\0"];
    for tiff in leads {
        let about = [segment(0xe1, &[b"Exif\0\0", tiff].concat())];
        check(&jpeg(&about, b""), &jpeg(&[], b""), &[Camera]);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_cleaned_or_refused(kind in 0..4_usize, bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let start: [&[u8]; 4] = [jpeg::START, png::SIGNATURE, b"RIFF\x40\0\0\0WEBP", b"GIF89a"];
        once_is_enough(&[start[kind], &bytes].concat())?;
    }

    #[test]
    fn pictures_with_a_byte_changed_are_cleaned_or_refused(kind in 0..4_usize, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut whole = match kind {
            0 => jpeg(&[segment(0xe1, &[b"Exif\0\0".as_slice(), &exif()].concat())], b"tail"),
            1 => png(&[chunk(b"eXIf", &exif(), [0; 4])], b"tail"),
            2 => webp(&[riff(b"VP8X", &[8, 0, 0, 0, 0, 0, 0, 0, 0, 0]), riff(b"VP8 ", b"p"), riff(b"EXIF", &exif())], b"tail"),
            _ => gif(b"\x21\xfe\x03Ana\0", b"tail"),
        };
        let at = at.index(whole.len());
        whole[at] = byte;
        once_is_enough(&whole)?;
    }
}

/// Shows that what was cleaned once stays as it is, and is hardly longer than before.
fn once_is_enough(input: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(cleaned) = clean(input) {
        prop_assert!(cleaned.bytes.len() <= input.len() + 64);
        prop_assert_eq!(clean(&cleaned.bytes), Ok(Cleaned { bytes: cleaned.bytes.clone(), removed: BTreeSet::new() }));
    }
    Ok(())
}
