//! Capabilities: secrets that give a right, of which a home server stores only a one-way derivation.

use kith_wire::id::{DeleteCapability, Proof, ReadCapability, SendCapability, ServerKey, Verifier};
use kith_wire::operation::Deposit;
use rand_core::CryptoRng;

use crate::hash::hash;
use crate::label::Label;
use crate::{kdf, mac, random};

/// Draws a send capability.
pub fn new_send(rng: &mut dyn CryptoRng) -> SendCapability {
    SendCapability::new(random::bytes(rng))
}

/// Returns what the home server stores of a send capability.
pub fn send_verifier(capability: &SendCapability) -> Verifier {
    Verifier(*kdf::derive(capability.expose(), Label::SEND_VERIFIER, &[]))
}

/// Returns what the home server stores of a read capability.
pub fn read_verifier(capability: &ReadCapability) -> Verifier {
    Verifier(*kdf::derive(capability.expose(), Label::READ_VERIFIER, &[]))
}

/// Returns what the home server stores of a delete capability.
pub fn delete_verifier(capability: &DeleteCapability) -> Verifier {
    Verifier(*kdf::derive(capability.expose(), Label::DELETE_VERIFIER, &[]))
}

/// Returns whether a read capability fits what is stored, in constant time.
pub fn may_read(capability: &ReadCapability, stored: &Verifier) -> bool {
    mac::equal(&read_verifier(capability).0, &stored.0)
}

/// Returns whether a delete capability fits what is stored, in constant time.
pub fn may_delete(capability: &DeleteCapability, stored: &Verifier) -> bool {
    mac::equal(&delete_verifier(capability).0, &stored.0)
}

/// Fills in the proof of a deposit to `server`.
pub fn prove(mut deposit: Deposit, capability: &SendCapability, server: &ServerKey) -> Deposit {
    deposit.proof = proof(&deposit, &send_verifier(capability), server);
    deposit
}

/// Returns whether the proof of a deposit fits the stored verifier (KC-6); the home server's rules decide what follows.
pub fn is_proven(deposit: &Deposit, stored: &Verifier, server: &ServerKey) -> bool {
    mac::equal(&proof(deposit, stored, server).0, &deposit.proof.0)
}

/// `HMAC(verifier, label ‖ server key ‖ sender id ‖ dedup id ‖ expires (u32, big endian) ‖ H(frame))`: all sizes fixed.
fn proof(deposit: &Deposit, verifier: &Verifier, server: &ServerKey) -> Proof {
    let frame = hash(Label::DEPOSIT_PROOF, deposit.frame.as_bytes());
    let expires = deposit.expires.0.to_be_bytes();
    let parts: [&[u8]; 5] = [&server.0, &deposit.sender_id.0, &deposit.dedup.0, &expires, &frame.0];
    Proof(mac::mac(&verifier.0, Label::DEPOSIT_PROOF, &parts))
}
