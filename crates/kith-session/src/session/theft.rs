//! What a copy of a session is worth to somebody who heeds no rule: for the simulated world, which takes copies.

use kith_wire::frame::Frame;

use super::Session;
use crate::ranges::Settled;

impl Session {
    /// Returns whether a key that is kept here takes the outer layer off a frame, whether or not its number was received.
    pub fn holds_key_of(&self, frame: &Frame) -> bool {
        let binding = self.binding(self.core.epochs.role().other());
        let Some(located) = self.core.epochs.locate(&binding, frame) else { return false };
        let staged = self.core.epochs.stage(&located, &Settled::default());
        staged.is_some_and(|staged| binding.open_inner(&staged.message, located.header, frame).is_some())
    }
}
