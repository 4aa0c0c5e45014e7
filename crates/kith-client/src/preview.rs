//! What a page is about whose address somebody sends, found out by the sender's program, so that the reader loads nothing.
//!
//! It is done for a message whose writer wants it and for no other: whoever runs the page sees that it is read, from where, and when.

mod head;

use std::time::Duration;

use kith_net::{AddressPolicy, PageAddress, PageError, PageReader, TrustAnchors, Wanted};
use kith_wire::preview::Preview;
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use crate::picture::small_picture;

/// Bytes of a page, and of a picture, that are read (KE-119).
const MAX_BYTES: usize = 512 * 1024;
/// How long page and picture may take together (KE-119).
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads pages for previews.
pub struct Previews {
    reader: PageReader,
}

/// Why there is no preview. It names no address.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PreviewError {
    /// No address in the text is one that is read.
    #[error("there is no https address in the text")]
    NoAddress,
    /// The page could not be read.
    #[error(transparent)]
    Page(#[from] PageError),
    /// It took too long.
    #[error("the page takes too long")]
    TimedOut,
    /// It says nothing about itself.
    #[error("the page does not say what it is about")]
    Nothing,
    /// What stands in the file is no certificate authority, or this build cannot speak TLS.
    #[error(transparent)]
    Tls(#[from] kith_net::TlsError),
}

impl Previews {
    /// Reads pages of the whole web, from public addresses only.
    ///
    /// # Errors
    /// [`PreviewError::Tls`].
    pub fn of_the_web() -> Result<Self, PreviewError> {
        Ok(Self { reader: PageReader::new(AddressPolicy::PublicOnly, TrustAnchors::web())? })
    }

    /// Reads pages of one's own network, too, under an authority of its own.
    ///
    /// # Errors
    /// [`PreviewError::Tls`].
    pub fn inside(authority: &[u8]) -> Result<Self, PreviewError> {
        let anchors = TrustAnchors::web().with_pem(authority)?;
        Ok(Self { reader: PageReader::new(AddressPolicy::AllowPrivate, anchors)? })
    }

    /// Finds out what the first https address in a text leads to.
    ///
    /// # Errors
    /// [`PreviewError`]; the text can be sent without a preview.
    pub async fn of(&self, text: &str) -> Result<Preview, PreviewError> {
        let (written, address) = first_address(text).ok_or(PreviewError::NoAddress)?;
        let end = Instant::now() + PATIENCE;
        let page = timeout_at(end, self.reader.read(&address, Wanted::Html, MAX_BYTES)).await;
        let page = page.map_err(|_| PreviewError::TimedOut)??;
        let about = head::read(&page.bytes).ok_or(PreviewError::Nothing)?;
        let picture = match about.picture.and_then(|reference| page.address.join(&reference)) {
            // A page without its picture is better than none.
            Some(picture) => timeout_at(end, self.picture(&picture)).await.ok().flatten(),
            None => None,
        };
        Ok(Preview { address: written.to_owned(), title: about.title, description: about.description, picture })
    }

    /// Reads a picture and makes it small, on a thread of its own: everything else here shares one.
    async fn picture(&self, address: &PageAddress) -> Option<Vec<u8>> {
        let picture = self.reader.read(address, Wanted::Picture, MAX_BYTES).await.ok()?;
        tokio::task::spawn_blocking(move || small_picture(&picture.bytes)).await.ok()?
    }
}

/// Returns the first address in a text that is read for previews, as it is written there.
fn first_address(text: &str) -> Option<(&str, PageAddress)> {
    text.match_indices("https://").find_map(|(place, _)| {
        let rest = text.get(place..)?;
        let end = rest.find(|sign: char| sign.is_whitespace() || sign.is_control() || "<>\"“”„«»`|".contains(sign));
        let written = without_end(rest.get(..end.unwrap_or(rest.len()))?);
        Some((written, PageAddress::parse(written)?))
    })
}

/// Without what ends the sentence around an address, and without a bracket that was opened before it.
fn without_end(written: &str) -> &str {
    // Counted once: whoever writes nothing but brackets costs no more than others.
    let count = |sign| written.matches(sign).count();
    let (mut round, mut square) = ((count('('), count(')')), (count('['), count(']')));
    let mut kept = written;
    while let Some(last) = kept.chars().next_back() {
        let is_end = match last {
            ')' => is_loose(&mut round),
            ']' => is_loose(&mut square),
            _ => ".,;:!?'’…*_~،؛؟。、".contains(last),
        };
        if !is_end {
            return kept;
        }
        kept = kept.strip_suffix(last).unwrap_or_default();
    }
    kept
}

/// Whether the last bracket that closes was opened before what is looked at; then it is counted no more.
fn is_loose((opened, closed): &mut (usize, usize)) -> bool {
    let is_loose = *closed > *opened;
    *closed = closed.saturating_sub(usize::from(is_loose));
    is_loose
}

#[cfg(test)]
mod tests;
