//! Signatures on requests: single ones on one-shot requests, one per connection and role on live ones.

use kith_wire::Wire;
use kith_wire::id::{AccountKey, LookupKey, Nonce, ReaderId, ServerKey, Signature};
use kith_wire::operation::{LiveReader, Operation, RequestSignature, SignerRole};

use crate::hash::hash;
use crate::label::Label;
use crate::live::LiveBinding;
use crate::sign::{AccountSecret, LookupSecret, verify_bytes};

/// What a one-shot signature covers besides the key.
#[derive(Debug, Clone, Copy)]
pub struct RequestStamp {
    /// The server that the request is for.
    pub server: ServerKey,
    /// Used once within the window.
    pub nonce: Nonce,
    /// Seconds since 1970, by the server's clock as far as the client knows it.
    pub time: u64,
}

/// Signs a one-shot request as an account.
pub fn sign_as_account(secret: &AccountSecret, operation: &Operation, stamp: &RequestStamp) -> RequestSignature {
    let role = SignerRole::Account;
    let signature = secret.sign_bytes(Label::REQUEST, &signed_string(operation, role, stamp));
    RequestSignature { role, key: secret.public().0, nonce: stamp.nonce, time: stamp.time, signature }
}

/// Signs a one-shot request as the reader of a queue.
pub fn sign_as_reader(secret: &LookupSecret, operation: &Operation, stamp: &RequestStamp) -> RequestSignature {
    let role = SignerRole::Reader;
    let signature = secret.sign_bytes(Label::REQUEST, &signed_string(operation, role, stamp));
    RequestSignature { role, key: secret.public().0, nonce: stamp.nonce, time: stamp.time, signature }
}

/// Returns whether a one-shot signature is over this operation for this server (KC-5). Time and nonce are the caller's.
pub fn verify(signature: &RequestSignature, operation: &Operation, server: &ServerKey) -> bool {
    let stamp = RequestStamp { server: *server, nonce: signature.nonce, time: signature.time };
    let message = signed_string(operation, signature.role, &stamp);
    verify_bytes(&signature.key, Label::REQUEST, &message, &signature.signature)
}

fn signed_string(operation: &Operation, role: SignerRole, stamp: &RequestStamp) -> Vec<u8> {
    let mut message = Vec::with_capacity(128);
    message.extend_from_slice(&stamp.server.0);
    message.push(role_byte(role));
    message.extend_from_slice(&hash(Label::REQUEST, &operation.to_bytes()).0);
    message.extend_from_slice(&stamp.nonce.0);
    message.extend_from_slice(&stamp.time.to_be_bytes());
    message
}

const fn role_byte(role: SignerRole) -> u8 {
    match role {
        SignerRole::Account => 0,
        SignerRole::Reader => 1,
    }
}

/// Proves an account on a live connection.
pub fn live_account(secret: &AccountSecret, binding: &LiveBinding) -> Operation {
    let signature = secret.sign_bytes(Label::LIVE_ACCOUNT, binding.expose());
    Operation::LiveAccount { account: secret.public(), signature }
}

/// Returns whether the account's signature fits this connection (KC-5).
pub fn verify_live_account(account: &AccountKey, signature: &Signature, binding: &LiveBinding) -> bool {
    verify_bytes(&account.0, Label::LIVE_ACCOUNT, binding.expose(), signature)
}

/// Proves the reader of a queue on a live connection.
pub fn live_reader(secret: &LookupSecret, reader_id: ReaderId, binding: &LiveBinding) -> LiveReader {
    LiveReader { reader_id, signature: secret.sign_bytes(Label::LIVE_READER, &reader_string(reader_id, binding)) }
}

/// Returns whether the reader's signature fits this connection and queue (KC-5).
pub fn verify_live_reader(lookup: &LookupKey, reader: &LiveReader, binding: &LiveBinding) -> bool {
    verify_bytes(&lookup.0, Label::LIVE_READER, &reader_string(reader.reader_id, binding), &reader.signature)
}

/// Signs the statement that closes an account at one server for good. It is made when it is not needed, and left with those who may need it.
pub fn closing_statement(secret: &AccountSecret, server: &ServerKey) -> Signature {
    secret.sign_bytes(Label::ACCOUNT_CLOSE, &closing_string(&secret.public(), server))
}

/// Returns whether a statement closes this account at this server (KC-5).
pub fn verify_closing(account: &AccountKey, server: &ServerKey, signature: &Signature) -> bool {
    verify_bytes(&account.0, Label::ACCOUNT_CLOSE, &closing_string(account, server), signature)
}

fn closing_string(account: &AccountKey, server: &ServerKey) -> Vec<u8> {
    [server.0.as_slice(), &account.0].concat()
}

fn reader_string(reader_id: ReaderId, binding: &LiveBinding) -> Vec<u8> {
    [binding.expose().as_slice(), &reader_id.0].concat()
}
