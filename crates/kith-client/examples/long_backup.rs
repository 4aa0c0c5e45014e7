//! Makes a long backup of a short one: `long_backup FROM TO MESSAGES`, the password in `KITH_PASSWORD`.
//!
//! For measuring how the app is with a long conversation (`cargo xtask web --measure`). What is in the backup stays as it is; behind it
//! come messages of both people, in the first conversation in which each of the two has said something. Nothing of this is in
//! any program.

use std::error::Error;
use std::path::Path;

use kith_vault::{BackupKey, BackupReader, BackupWriter, Next, Params, Password};
use kith_wire::Timestamp;
use kith_wire::backup::{BackupItem, pack, unpack};
use kith_wire::content::{Body, KnownBody};
use kith_wire::id::{ConversationId, MessageId};
use kith_wire::sync::PastMessage;
use rand::RngExt as _;

type Failure = Box<dyn Error>;

fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.as_slice() {
        [from, to, messages] => lengthen(Path::new(from), Path::new(to), messages),
        _ => Err("usage: long_backup FROM TO MESSAGES".into()),
    }
}

fn lengthen(from: &Path, to: &Path, messages: &str) -> Result<(), Failure> {
    let messages: u64 = messages.parse()?;
    let password = Password::new(std::env::var("KITH_PASSWORD")?)?;
    let mut reader = BackupReader::open(from, &BackupKey::Password(&password))?;
    let mut rng = rand::rng();
    let mut writer = BackupWriter::create(to, reader.seed(), &password, Params::PHONE, &mut rng)?;
    let mut items = Vec::new();
    while let Next::Segment(segment) = reader.read_next()? {
        items.extend(unpack(&segment.content)?.items);
    }
    let end = items.pop().ok_or("the backup is empty")?;
    let pair = Pair::of(&items).ok_or("nobody has talked with anybody in this backup")?;
    for item in &items {
        writer.put(&packed(item)?, &mut rng)?;
    }
    for first in (0..messages).step_by(PER_ITEM) {
        let last = messages.min(first.saturating_add(u64::try_from(PER_ITEM)?));
        let said = (first..last).map(|n| pair.said(n, messages, rng.random()));
        let item = BackupItem::Messages { contact: pair.contact, messages: said.collect::<Result<_, Failure>>()? };
        writer.put(&packed(&item)?, &mut rng)?;
    }
    writer.finish(&packed(&end)?, &mut rng)?;
    Ok(())
}

fn packed(item: &BackupItem) -> Result<Vec<u8>, Failure> {
    let mut content = Vec::new();
    pack(&mut content, item)?;
    Ok(content)
}

/// A message of each of two people, after which the others are made.
struct Pair {
    contact: ConversationId,
    own: PastMessage,
    theirs: PastMessage,
}

impl Pair {
    fn of(items: &[BackupItem]) -> Option<Self> {
        items.iter().find_map(|item| {
            let BackupItem::Messages { contact, messages } = item else { return None };
            let of = |is_own| messages.iter().find(|message| message.is_own == is_own).cloned();
            Some(Self { contact: *contact, own: of(true)?, theirs: of(false)? })
        })
    }

    /// Makes message `n` of so many. They lie five minutes apart, and are as long as what people write.
    fn said(&self, n: u64, of: u64, id: [u8; 16]) -> Result<PastMessage, Failure> {
        let mut message = if n.is_multiple_of(3) { self.own.clone() } else { self.theirs.clone() };
        let sentences = usize::try_from(n % 7)?.saturating_add(1);
        let text = format!("{n}: {}", "The plums are ripe, come over when you like. ".repeat(sentences).trim_end());
        let body = Body::Known(KnownBody::Text { text, reply_to: None, attachment: None, preview: None });
        message.message = MessageId(id);
        message.lamport = FIRST_LAMPORT.saturating_add(n);
        message.sent = Timestamp(message.sent.0.saturating_sub(of.saturating_sub(n).saturating_mul(APART_MS)));
        message.body = Some(minicbor::to_vec(body)?);
        message.state = if message.is_own { READ } else { message.state };
        Ok(message)
    }
}

/// Messages in one item: each is well below a kilobyte, and an item holds 64 of them.
const PER_ITEM: usize = 64;
/// Behind whatever was said when the two met.
const FIRST_LAMPORT: u64 = 1_000;
/// Milliseconds between two messages.
const APART_MS: u64 = 5 * 60 * 1000;
/// The state of a message that was read.
const READ: u8 = 3;
