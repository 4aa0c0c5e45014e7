//! Texts, pages and pictures as anybody may write them.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
use kith_wire::limits::MAX_PICTURE_BYTES;
use kith_wire::preview::{MAX_DESCRIPTION_CHARS, MAX_TITLE_CHARS};

use super::*;

#[test]
fn the_first_address_in_a_text_is_found_as_it_is_written() {
    for (text, wanted) in [
        ("https://example.org", Some("https://example.org")),
        ("See (https://example.org/Plum_(fruit)).", Some("https://example.org/Plum_(fruit)")),
        ("“https://example.org/a”, she said", Some("https://example.org/a")),
        ("http://example.org and https://example.net/a!", Some("https://example.net/a")),
        ("https://a@example.org https://example.net", Some("https://example.net")),
        ("https://bücher.example", None),
        ("https://a.example/((b)))))", Some("https://a.example/((b))")),
        ("https:// https://. example.org", None),
        ("", None),
    ] {
        assert_eq!(first_address(text).map(|(written, _)| written), wanted, "{text}");
    }
}

fn about(html: &str) -> Option<(String, String, Option<String>)> {
    head::read(html.as_bytes()).map(|about| (about.title, about.description, about.picture))
}

#[test]
fn a_page_says_what_it_is_about_in_its_head() {
    let whole = "<!doctype html><html><head><title>No</title><meta property=og:title content='Plum &amp; cake'>\
                 <meta name=description content=no><meta property='og:description' content='Mostly\n patience'>\
                 <META PROPERTY=og:image CONTENT=/plum.jpg></head><body><meta property=og:image content=no></body>";
    let wanted = ("Plum & cake".to_owned(), "Mostly patience".to_owned(), Some("/plum.jpg".to_owned()));
    assert_eq!(about(whole), Some(wanted));
    let plain = "<title>\n Plum <b> cake </title><svg><title>no</title></svg><meta name=description content=' '>";
    assert_eq!(about(plain), Some(("Plum <b> cake".to_owned(), String::new(), None)));
    let script = "<script>'<title>no</title>'</script><style><title>no</title></style><!-- <title>no</title> --><title>yes</title>";
    assert_eq!(about(script).unwrap().0, "yes");
}

#[test]
fn what_a_page_says_is_short_and_plain_whatever_it_is() {
    assert_eq!(about(""), None);
    assert_eq!(about("<title>\u{200b}\u{202e}</title>"), None);
    assert_eq!(about("<body><title>in the body</title>"), None);
    assert_eq!(head::read(b"<title>\xe9t\xe9</title>"), None, "another encoding");
    assert_eq!(head::read("<title>été</title>é".as_bytes().split_last().unwrap().1).unwrap().title, "été", "cut short");
    let turned = about("<title>a\u{202e}b\u{0}c</title>").unwrap().0;
    assert!(!turned.contains(['\u{202e}', '\u{0}']), "{turned:?}");
    let long = "é".repeat(100_000);
    let (title, description, _) =
        about(&format!("<title>{long}</title><meta name=description content='{long}'>")).unwrap();
    assert_eq!((title.chars().count(), description.chars().count()), (MAX_TITLE_CHARS, MAX_DESCRIPTION_CHARS));
    let nested = format!("{}<title>deep", "<div a=b>".repeat(50_000));
    assert_eq!(about(&nested).unwrap().0, "deep");
}

/// A picture in which every pixel is another one, as photographs are.
fn noise(width: u32, height: u32) -> DynamicImage {
    let mut seed = 7_u32;
    let mut next = || {
        seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        seed.to_be_bytes()[0]
    };
    DynamicImage::ImageRgba8(RgbaImage::from_fn(width, height, |_, _| Rgba([next(), next(), next(), next()])))
}

fn file(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

#[test]
fn a_picture_becomes_a_small_jpeg_with_nothing_of_the_file_that_it_was() {
    for (width, height, format) in
        [(900, 600, ImageFormat::Png), (40, 30, ImageFormat::Png), (500, 700, ImageFormat::WebP)]
    {
        let small = small_picture(&file(&noise(width, height), format)).unwrap();
        assert!(small.len() <= MAX_PICTURE_BYTES);
        assert_eq!(kith_picture::clean(&small).unwrap().removed.len(), 0);
        let shown = image::load_from_memory_with_format(&small, ImageFormat::Jpeg).unwrap();
        assert!(shown.width().max(shown.height()) <= 360 && shown.width() <= width);
    }
}

#[test]
fn what_is_no_picture_or_unfolds_without_end_is_left_out() {
    let whole = file(&noise(60, 40), ImageFormat::Png);
    let wide = file(&noise(7000, 1), ImageFormat::Png);
    let large = file(&DynamicImage::new_luma8(4001, 3001), ImageFormat::Png);
    let mut slow = file(&DynamicImage::new_luma8(2500, 1700), ImageFormat::Jpeg);
    let frame = slow.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    slow[frame + 1] = 0xc2;
    let halved = whole[..whole.len() / 2].to_vec();
    for bytes in
        [vec![], b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(), vec![0xff; 4000], wide, large, slow, halved]
    {
        assert_eq!(small_picture(&bytes), None, "{} bytes", bytes.len());
    }
}
