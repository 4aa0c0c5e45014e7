//! One walk over untrusted CBOR before anything is decoded: depth, shortest forms, order of map keys.
//!
//! The walk neither recurses nor allocates, and every step consumes at least one byte: its time is bounded by the
//! length of the input, whatever lengths the input claims. What the items *mean* is the decoders' business.

use crate::codec::MAX_DEPTH;

/// What is wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep,
    /// CBOR, but not the one encoding that Kith allows.
    NotCanonical,
    /// Not CBOR, or cut short.
    Malformed,
}

/// An array or map of which items are still to come.
#[derive(Clone, Copy)]
struct Level<'b> {
    left: u64,
    keys: Keys<'b>,
}

/// What the next item of a level is.
#[derive(Clone, Copy)]
enum Keys<'b> {
    /// An element of an array.
    None,
    /// A key of a map, to be compared with the one before.
    Key(Option<&'b [u8]>),
    /// The value for this key.
    Value(&'b [u8]),
}

/// The head of an item.
struct Head {
    major: u8,
    argument: u64,
    bytes: usize,
}

/// Checks that `bytes` are exactly one item in Kith's deterministic profile of CBOR (`spec/wire.md`, KW-2 and KW-3).
pub(crate) fn scan(bytes: &[u8]) -> Result<(), Flaw> {
    let mut open = [Level { left: 0, keys: Keys::None }; MAX_DEPTH];
    let mut depth = 0_usize;
    let mut rest = bytes;
    loop {
        let head = read_head(rest)?;
        let children = match head.major {
            4 => head.argument,
            5 => head.argument.checked_mul(2).ok_or(Flaw::Malformed)?,
            _ => 0,
        };
        let (item, after) = rest.split_at_checked(item_bytes(&head, rest)?).ok_or(Flaw::Malformed)?;
        rest = after;
        if let Some(parent) = depth.checked_sub(1) {
            let level = open.get_mut(parent).ok_or(Flaw::TooDeep)?;
            level.left = level.left.checked_sub(1).ok_or(Flaw::Malformed)?;
            level.keys = next_keys(level.keys, head.major, item)?;
        }
        if matches!(head.major, 4 | 5) {
            let keys = if head.major == 5 { Keys::Key(None) } else { Keys::None };
            *open.get_mut(depth).ok_or(Flaw::TooDeep)? = Level { left: children, keys };
            depth += 1;
        }
        while let Some(level) = depth.checked_sub(1) {
            if open.get(level).is_some_and(|level| level.left > 0) {
                break;
            }
            depth = level;
        }
        if depth == 0 {
            return if rest.is_empty() { Ok(()) } else { Err(Flaw::NotCanonical) };
        }
    }
}

/// Moves a level on by one item. Keys are integers or strings, ascending in the order of their encodings.
fn next_keys<'b>(keys: Keys<'b>, major: u8, item: &'b [u8]) -> Result<Keys<'b>, Flaw> {
    match keys {
        Keys::None => Ok(Keys::None),
        Keys::Value(key) => Ok(Keys::Key(Some(key))),
        Keys::Key(before) if major <= 3 && before.is_none_or(|before| before < item) => Ok(Keys::Value(item)),
        Keys::Key(_) => Err(Flaw::NotCanonical),
    }
}

/// Returns the bytes of an item; of an array or map, those of its head.
fn item_bytes(head: &Head, rest: &[u8]) -> Result<usize, Flaw> {
    if !matches!(head.major, 2 | 3) {
        return Ok(head.bytes);
    }
    let length = usize::try_from(head.argument).map_err(|_| Flaw::Malformed)?;
    let end = head.bytes.checked_add(length).ok_or(Flaw::Malformed)?;
    let content = rest.get(head.bytes..end).ok_or(Flaw::Malformed)?;
    if head.major == 3 && std::str::from_utf8(content).is_err() {
        return Err(Flaw::Malformed);
    }
    Ok(end)
}

fn read_head(bytes: &[u8]) -> Result<Head, Flaw> {
    let (first, rest) = bytes.split_first().ok_or(Flaw::Malformed)?;
    let (major, info) = (first >> 5, first & 0x1f);
    if major == 6 {
        return Err(Flaw::NotCanonical);
    }
    if major == 7 {
        // false, true and null; neither undefined, nor other simple values, nor floating point, nor a break.
        return if matches!(info, 20..=22) {
            Ok(Head { major, argument: 0, bytes: 1 })
        } else {
            Err(Flaw::NotCanonical)
        };
    }
    let (size, least) = match info {
        0..=23 => return Ok(Head { major, argument: u64::from(info), bytes: 1 }),
        24 => (1_usize, 24_u64),
        25 => (2, 1 << 8),
        26 => (4, 1 << 16),
        27 => (8, 1 << 32),
        31 if major >= 2 => return Err(Flaw::NotCanonical),
        _ => return Err(Flaw::Malformed),
    };
    let digits = rest.get(..size).ok_or(Flaw::Malformed)?;
    let argument = digits.iter().fold(0_u64, |argument, byte| (argument << 8) | u64::from(*byte));
    if argument < least {
        return Err(Flaw::NotCanonical);
    }
    Ok(Head { major, argument, bytes: 1 + size })
}
