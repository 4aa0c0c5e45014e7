//! Reading a body: whole, or not at all. How long that may take is its caller's business.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};

use crate::limits::MAX_MESSAGE;

/// Why a body was not read.
pub(crate) enum BodyError {
    /// It has, or would have, more than [`MAX_MESSAGE`] bytes.
    TooLarge,
    /// It broke off, was no body, or came in more than [`MAX_PIECES`] pieces.
    Broken,
}

/// Reads at most [`MAX_MESSAGE`] bytes into one buffer that grows with what came, whatever was declared.
///
/// The pieces as they come would be a hundred thousand objects for a body in chunks of one byte: forty times its length.
pub(crate) async fn read(mut body: Incoming) -> Result<Bytes, BodyError> {
    // Said in advance: refused in advance, before a byte of it was taken.
    if body.size_hint().lower() > u64::try_from(MAX_MESSAGE).unwrap_or(u64::MAX) {
        return Err(BodyError::TooLarge);
    }
    let mut bytes = BytesMut::new();
    let mut n_pieces = 0_usize;
    while let Some(frame) = body.frame().await {
        n_pieces += 1;
        if n_pieces > MAX_PIECES {
            return Err(BodyError::Broken);
        }
        // The fields that may follow a chunked body have no meaning here.
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        if data.len() > MAX_MESSAGE - bytes.len() {
            return Err(BodyError::TooLarge);
        }
        // Most come in one piece: that needs no second place.
        if bytes.is_empty() && body.is_end_stream() {
            return Ok(data);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

/// Chunks, or pieces as the network brings them, of one body. Each costs work whatever it holds: the largest body in chunks of
/// one byte would be six times its length on the wire, and a hundred thousand steps for us. Segments of the smallest
/// networks, of five hundred bytes, fit twice over.
const MAX_PIECES: usize = 512;
