//! Cards, answers, confirmations, sessions and device lists as pure state machines.
