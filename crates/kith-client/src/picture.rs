//! Pictures made small: of a page, and of a contact. They are decoded and written anew, so that nothing of the file that a stranger made
//! travels on.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, ImageReader, Limits, Rgb, RgbImage};
use kith_picture::{Kind, Sort};
use kith_wire::limits::MAX_PICTURE_BYTES;

/// Pixels of a side, and of the whole, that are still decoded, and bytes that this may take.
const MAX_SIDE: u32 = 6000;
const MAX_PIXELS: u64 = 12_000_000;
/// Pixels of a JPEG that comes layer by layer: each layer costs as much as a whole picture.
const MAX_LAYERED_PIXELS: u64 = 4_000_000;
const MAX_DECODED_BYTES: u64 = 128 * 1024 * 1024;
/// Pixels of the longer side of what is sent.
const SIDE: u32 = 360;
/// What is tried, until it fits.
const QUALITIES: [u8; 4] = [78, 62, 45, 28];

/// Returns a JPEG of a picture, of at most 16 KiB and 360 pixels a side (KE-117, KE-140); nothing when it is none, or too large.
#[must_use]
pub fn small_picture(bytes: &[u8]) -> Option<Vec<u8>> {
    let format = match kith_picture::sort(bytes.get(..kith_picture::START_BYTES)?) {
        Sort::Known(Kind::Jpeg) => ImageFormat::Jpeg,
        Sort::Known(Kind::Png) => ImageFormat::Png,
        Sort::Known(Kind::WebP) => ImageFormat::WebP,
        _ => return None,
    };
    let (width, height) = ImageReader::with_format(Cursor::new(bytes), format).into_dimensions().ok()?;
    let most = if is_layered(bytes, format) { MAX_LAYERED_PIXELS } else { MAX_PIXELS };
    if u64::from(width) * u64::from(height) > most {
        return None;
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits);
    let picture = reader.decode().ok()?;
    let is_large = picture.width().max(picture.height()) > SIDE;
    let picture = on_white(&if is_large { picture.thumbnail(SIDE, SIDE) } else { picture });
    QUALITIES.into_iter().find_map(|quality| written(&picture, quality))
}

/// Whether it is a JPEG with a head of a progressive frame (ITU T.81), wherever that stands.
fn is_layered(bytes: &[u8], format: ImageFormat) -> bool {
    format == ImageFormat::Jpeg && bytes.windows(2).any(|pair| pair == [0xff, 0xc2])
}

fn written(picture: &RgbImage, quality: u8) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(picture).ok()?;
    let bytes = kith_picture::clean(&bytes).ok()?.bytes;
    (bytes.len() <= MAX_PICTURE_BYTES).then_some(bytes)
}

/// A JPEG has no holes: what shines through is white.
fn on_white(picture: &DynamicImage) -> RgbImage {
    let from = picture.to_rgba8();
    let mut to = RgbImage::new(from.width(), from.height());
    for (pixel, image::Rgba([red, green, blue, alpha])) in to.pixels_mut().zip(from.pixels()) {
        let over = |colour: &u8| {
            let mixed = u32::from(*colour) * u32::from(*alpha) + 255 * (255 - u32::from(*alpha));
            u8::try_from(mixed / 255).unwrap_or(u8::MAX)
        };
        *pixel = Rgb([over(red), over(green), over(blue)]);
    }
    to
}
