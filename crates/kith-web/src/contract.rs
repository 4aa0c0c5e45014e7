//! What the app and its worker say to each other: requests, replies, notices; all plain data.
//!
//! The app sends a [`Request`] under a number and gets one [`Reply`] or [`Failure`] under the same number. [`Notice`]s come
//! by themselves, in order. `apps/web/src/lib/worker/contract.ts` is made from these types; a test holds the two together
//! (`KITH_WRITE_CONTRACT=1` writes the file anew).
//!
//! Ids are those of the engine and mean nothing outside of this device: numbers that stay far below 2^53 for contacts and
//! attachments, 26 letters and digits for messages. Times are milliseconds since 1970.

mod devices;
mod notices;
mod replies;
mod requests;
mod views;

pub use devices::{
    Backup, BackupKey, Backups, Device, DeviceState, FoundAtHome, HistoryWish, HomeBackup, JoinStep, Link, LinkWords,
    Progress,
};
pub use notices::{ContactTrouble, MessageChange, Notice, Trouble};
pub use replies::{Failure, FailureCode, Reply};
pub use requests::{PageAt, Request};
pub use views::{
    Attachment, AttachmentState, Card, Contact, ContactState, Found, Held, LastMessage, Message, MessageBody,
    MessageState, Metadata, Page, Preview, QrCode, Quote, Reaction, Restored, Restoring, Shown, State, Written,
};

#[cfg(test)]
mod tests;
