//! Cards, answers, confirmations, sessions and device lists as pure state machines.
//!
//! Two people meet by a card: [`new_card`](card::new_card), [`check_card`](card::check_card),
//! [`answer`](answerer::answer), [`Giver::accept`](giver::Giver::accept),
//! [`Answerer::confirm`](answerer::Answerer::confirm). From then on each pair of devices has a
//! [`Session`](session::Session): vodozemac's Olm inside an outer layer with post-quantum epochs, hidden headers and
//! frames of one size.
//!
//! There is no storage, no clock and no IO in here; randomness is an argument, except for what Olm draws itself. A
//! step that fails leaves every state as it was. The rules (`KS-n`) are in `spec/meeting.md` and `spec/session.md`.

pub mod answerer;
#[cfg(test)]
mod attacks;
pub mod card;
mod chain;
pub mod devices;
mod epoch;
#[cfg(test)]
mod forge;
pub mod giver;
mod olm;
mod own_device;
#[cfg(test)]
mod pair;
mod peer_keys;
mod ranges;
pub mod sabotage;
mod seal;
mod secret;
mod seen;
mod self_test;
pub mod session;
mod spare_card;
mod state;
mod transcript;
#[cfg(test)]
mod vectors;

use kith_wire::address::QueueAddress;
use kith_wire::id::ContactKey;

pub use answerer::{
    AnswerCardError, Answered, AnsweredDevice, Answerer, ConfirmError, Confirmed, answer, answer_device,
};
pub use card::{
    CardBlob, CardError, CheckedCard, DeviceCard, NewCard, NewCardError, check_card, device_card, new_card,
};
pub use devices::{ListChange, ListError, ListRefusal, ListedDevice, check_list, list_state, next_list};
pub use giver::{AnswerError, AnsweredCard, Giver, LateAnswer, Met};
pub use own_device::OwnDevice;
pub use peer_keys::{KeyChange, PeerKeys, RotationRefusal};
pub use self_test::{SelfTestError, self_test};
pub use session::{Alarm, FrameError, Opened, SealError, Sealed, Session, Urgency};
pub use spare_card::{answer_spare, spare_card};
pub use state::StateError;

/// A contact, as the meeting tells: who, and where to write.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The contact's identity towards this person.
    pub contact_key: ContactKey,
    /// The queue of the contact's device.
    pub queue: QueueAddress,
}
