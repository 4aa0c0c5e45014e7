//! What the person calls their devices: as it is seen, and no two the same (KE-138).

use std::collections::BTreeSet;

use kith_wire::limits::MAX_DEVICE_NAME_BYTES;
use kith_wire::preview::is_seen;

/// What a device is called of whose name nothing is seen.
const NAMELESS: &str = "device";

/// Returns what is seen of a name. Signs without a width, and those that only turn a line round, would make two names look the same.
pub(crate) fn seen(name: &str) -> String {
    let signs = name.chars().filter(|sign| sign.is_whitespace() || is_seen(*sign));
    signs.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns whether one of these names looks like this one.
pub(crate) fn is_taken<'a>(name: &str, mut taken: impl Iterator<Item = &'a str>) -> bool {
    let wanted = folded(name);
    taken.any(|other| folded(other) == wanted)
}

/// Returns a name for one more device: the wanted one as it is seen, or where another one is called so that with a number behind it.
pub(crate) fn free<'a>(wanted: &str, taken: impl Iterator<Item = &'a str>) -> String {
    let taken: BTreeSet<String> = taken.map(folded).collect();
    let wanted = Some(seen(wanted)).filter(|name| !name.is_empty()).unwrap_or_else(|| NAMELESS.to_owned());
    let mut name = wanted.clone();
    let mut number = 1_u32;
    while taken.contains(&folded(&name)) {
        number = number.saturating_add(1);
        let behind = format!(" {number}");
        name = format!("{}{behind}", beginning(&wanted, MAX_DEVICE_NAME_BYTES.saturating_sub(behind.len())));
    }
    name
}

/// Names that differ only in the case of their letters are told apart by nobody.
fn folded(name: &str) -> String {
    seen(name).to_lowercase()
}

/// Returns as many whole signs of a name as there is room for.
fn beginning(name: &str, room: usize) -> &str {
    let ends = name.char_indices().map(|(at, sign)| at + sign.len_utf8());
    let end = ends.take_while(|end| *end <= room).last().unwrap_or_default();
    name.get(..end).unwrap_or_default().trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ke_138_names_that_look_alike_are_one() {
        for name in ["laptop", "LapTop", "lap\u{200b}top", "\u{202e}laptop", " laptop\u{a0}", "laptop\u{fe0f}"] {
            assert!(is_taken(name, ["phone", "Laptop"].into_iter()), "{name:?}");
            assert_eq!(folded(&free(name, ["Laptop"].into_iter())), "laptop 2");
        }
        assert!(!is_taken("laptop 2", ["laptop"].into_iter()));
        assert_eq!(free("lap\u{200b}top", std::iter::empty()), "laptop");
        assert_eq!(free("\u{200b}", ["device"].into_iter()), "device 2");
        assert_eq!(free("a  b", ["A B", "a b 2"].into_iter()), "a b 3");
    }

    #[test]
    fn ke_138_a_number_finds_room_behind_the_longest_name() {
        let long = "é".repeat(MAX_DEVICE_NAME_BYTES / 2);
        let free = free(&long, [long.as_str()].into_iter());
        assert!(free.ends_with("é 2") && free.len() <= MAX_DEVICE_NAME_BYTES, "{free}");
    }
}
