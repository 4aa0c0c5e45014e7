//! Devices by number. A person's first device has the person's number; the others follow it at a distance that no world reaches, so
//! that a step says whose device it is about, and a person and their only device are one number.

/// The distance between two devices of one person.
const STRIDE: usize = 10_000;
/// Devices that a person has at most.
pub const MOST: usize = 8;
/// Which device of a person is the one of somebody who wants to be taken for them.
const STRANGER: usize = MOST;

/// Which device of a person is the one that goes on from a backup. After it comes the one of somebody who goes on from the same backup, then
/// the one with which the person goes on when everything was lost once more.
const RESTORED: usize = MOST + 1;

/// Returns the number of the device with which a person goes on from a backup, when everything was lost so often before.
pub const fn restored(person: usize, n_before: usize) -> usize {
    of_person(person, RESTORED + 2 * n_before)
}

/// Returns the number of the device of somebody who goes on from the same backup as one that was restored.
pub const fn rival(restored: usize) -> usize {
    restored + STRIDE
}

/// Returns whether it is the device of somebody who goes on from a backup from which the person went on.
pub const fn is_rival(device: usize) -> bool {
    nth(device) > RESTORED && (nth(device) - RESTORED) % 2 == 1
}

/// Returns the number of a person's device; the first is 0.
pub const fn of_person(person: usize, nth: usize) -> usize {
    person + STRIDE * nth
}

/// Returns the number of the device of somebody who wants to be taken for a person.
pub const fn stranger(person: usize) -> usize {
    of_person(person, STRANGER)
}

/// Returns whose device it is.
pub const fn owner(device: usize) -> usize {
    device % STRIDE
}

/// Returns which of the person's devices it is.
pub const fn nth(device: usize) -> usize {
    device / STRIDE
}

/// Returns whether it is the device of somebody who wants to be taken for a person.
pub const fn is_strange(device: usize) -> bool {
    nth(device) == STRANGER || is_rival(device)
}
