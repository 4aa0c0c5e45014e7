//! Small pictures with and without things in them, and damaged ones.

use proptest::prelude::*;

use super::*;

fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
    [&[0xff, marker], length.as_slice(), content].concat()
}

/// The parts of a JPEG that is shown, in two scans with stuffed zeros and restarts.
fn jpeg(about: &[Vec<u8>], tail: &[u8]) -> Vec<u8> {
    let scan = [segment(0xda, b"\x01\x01\x00\x00\x3f\x00"), vec![1, 2, 0xff, 0, 0xff, 0xd0, 3]].concat();
    let shown =
        [segment(0xe0, b"JFIF\0\x01\x02"), about.concat(), segment(0xdb, &[9; 65]), scan.clone(), scan].concat();
    [START_OF_JPEG, &shown, &[0xff, 0xd9], tail].concat()
}

const START_OF_JPEG: &[u8] = &[0xff, 0xd8];

fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&u32::try_from(content.len()).unwrap().to_be_bytes(), name.as_slice(), content, b"crc!"].concat()
}

fn png(about: &[Vec<u8>], tail: &[u8]) -> Vec<u8> {
    let before = [chunk(b"IHDR", &[1; 13]), chunk(b"iCCP", b"colours")].concat();
    let shown = [before, about.concat(), chunk(b"IDAT", b"picture"), chunk(b"IEND", b"")].concat();
    [b"\x89PNG\r\n\x1a\n".as_slice(), &shown, tail].concat()
}

#[test]
fn jpeg_loses_what_is_about_it_and_keeps_the_rest_byte_for_byte() {
    let about = [
        segment(0xe1, b"Exif\0\0 the house at 47.1 N 8.5 E"),
        segment(0xed, b"Photoshop 3.0 by-line"),
        segment(0xfe, b"a comment"),
        segment(0xe2, b"MPF\0 second picture"),
    ];
    let stripped = strip(&jpeg(&about, b"a film with sound")).unwrap();
    assert_eq!(stripped, jpeg(&[], b""));
    let colours = [segment(0xe2, b"ICC_PROFILE\0 colours"), segment(0xee, b"Adobe\0")];
    assert_eq!(strip(&jpeg(&colours, b"")).unwrap(), jpeg(&colours, b""));
}

#[test]
fn png_loses_what_is_about_it_and_keeps_the_rest_byte_for_byte() {
    let about = [
        chunk(b"tEXt", b"Author\0Ana"),
        chunk(b"iTXt", b"XML"),
        chunk(b"zTXt", b"z"),
        chunk(b"eXIf", b"place"),
        chunk(b"tIME", &[0; 7]),
    ];
    assert_eq!(strip(&png(&about, b"trailing")).unwrap(), png(&[], b""));
}

#[test]
fn other_kinds_are_refused_by_name() {
    for bytes in [b"".as_slice(), b"GIF89a", b"RIFF....WEBP", b"hello", b"\xff"] {
        assert_eq!(strip(bytes), Err(StripError::UnknownKind));
    }
}

#[test]
fn pictures_cut_short_anywhere_are_refused() {
    for whole in [jpeg(&[segment(0xe1, b"Exif")], b""), png(&[chunk(b"tEXt", b"Ana")], b"")] {
        for length in 8..whole.len() {
            assert_eq!(strip(&whole[..length]), Err(StripError::Damaged), "{length} bytes");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_stripped_or_refused(kind in 0..2_usize, bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let start = [START_OF_JPEG, b"\x89PNG\r\n\x1a\n".as_slice()][kind];
        let input = [start, &bytes].concat();
        if let Ok(stripped) = strip(&input) {
            prop_assert!(stripped.len() <= input.len());
            prop_assert_eq!(strip(&stripped), Ok(stripped.clone()), "what was stripped once stays as it is");
        }
    }
}
