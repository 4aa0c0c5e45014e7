//! Comparing digits with a contact by a code that one shows and the other reads, instead of by eye (KE-116). How the code is drawn and
//! read is not decided here.

use kith_crypto::mac::equal;

use crate::api::ContactId;
use crate::errors::CommandError;
use crate::ground::database::first;
use crate::ground::work::Work;
use crate::people::contacts;

/// How the code begins.
const START: &str = "KITH:DIGITS:";
/// How many digits follow.
const N_DIGITS: usize = 60;

/// KE-116: what the code says that shows these digits, given in groups.
pub(crate) fn code(digits: &str) -> String {
    START.chars().chain(digits.chars().filter(char::is_ascii_digit)).collect()
}

/// KE-116: compares what a code said with the digits of a contact, and remembers that they were compared when they are the same.
pub(crate) fn compare(work: &mut Work<'_>, id: ContactId, read: &str) -> Result<(), CommandError> {
    let shown = read.trim().strip_prefix(START).and_then(packed).ok_or(CommandError::NotDigits)?;
    let sql = "SELECT digits FROM contacts WHERE id = ?1";
    let row = first(work.db, sql, [id.column()], |row| row.get::<_, Option<String>>(0))?;
    let digits = row.ok_or(CommandError::UnknownContact)?.ok_or(CommandError::NotEstablished)?;
    let own = packed(&digits.replace(' ', "")).ok_or(CommandError::NotEstablished)?;
    if !equal(&own, &shown) {
        return Err(CommandError::DigitsDiffer);
    }
    contacts::confirm_verified(work, id)
}

/// Two digits in a byte: sixty of them, and nothing else, fit.
fn packed(digits: &str) -> Option<[u8; 32]> {
    let digits = digits.as_bytes();
    if digits.len() != N_DIGITS || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut packed = [0; 32];
    for (slot, pair) in packed.iter_mut().zip(digits.chunks_exact(2)) {
        // The lower half of an ASCII digit is its value.
        *slot = pair.iter().fold(0, |byte, digit| (byte << 4) | (digit & 0x0f));
    }
    Some(packed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sixty_digits_fit_and_each_counts() {
        let digits = "0123456789".repeat(6);
        let whole = packed(&digits).unwrap();
        for at in 0..N_DIGITS {
            let mut other = digits.clone().into_bytes();
            other[at] = if other[at] == b'9' { b'0' } else { other[at] + 1 };
            assert_ne!(packed(std::str::from_utf8(&other).unwrap()), Some(whole), "digit {at}");
        }
        for text in
            ["", "12", &digits[1..], &format!("{digits}0"), &digits.replace('3', "x"), &digits.replace('3', "٣")]
        {
            assert_eq!(packed(text), None);
        }
    }
}
