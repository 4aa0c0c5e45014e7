//! Who is there: contacts, how one meets them and their devices, and what they are told of the person's devices.

pub(crate) mod card_keys;
pub(crate) mod cards;
pub(crate) mod comparing;
pub(crate) mod contacts;
pub(crate) mod held;
pub(crate) mod introductions;
pub(crate) mod named;
pub(crate) mod own_lists;
pub(crate) mod peer_list;
pub(crate) mod pictures;
pub(crate) mod renewal;
pub(crate) mod spare_cards;
pub(crate) mod unopened;
