//! The person's other devices: linking them, their keys, and what they tell each other.

pub(crate) mod catching_up;
pub(crate) mod contact_copies;
pub(crate) mod device_keys;
pub(crate) mod device_names;
pub(crate) mod history;
pub(crate) mod link_words;
pub(crate) mod linking;
pub(crate) mod own_devices;
pub(crate) mod sibling_meetings;
pub(crate) mod siblings;
pub(crate) mod sync;
pub(crate) mod wrong_times;
