//! Why the engine refuses: one error for each kind of call. A refused call has changed nothing (KE-8).

use kith_session::{AnswerCardError, CardError, NewCardError};
use thiserror::Error;

use crate::ground::database::StorageError;
use crate::mail::servers::DescriptorError;

/// Why a command is refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The device's storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// There is no person in this folder yet.
    #[error("there is no person here yet")]
    NotInitialised,
    /// KE-2: the folder has a person already.
    #[error("there is a person here already")]
    AlreadyInitialised,
    /// The user key was not set: a contact's key could not be kept.
    #[error("the person has no user key yet")]
    NoUserKey,
    /// The home server's descriptor is not believed.
    #[error(transparent)]
    Descriptor(#[from] DescriptorError),
    /// All spare queues are used up; the home server must be reached to make more.
    #[error("the home server must be reached first, to make a queue for the contact")]
    NoSpareQueue,
    /// There is no such contact.
    #[error("there is no such contact")]
    UnknownContact,
    /// There is no such message in this conversation.
    #[error("there is no such message")]
    UnknownMessage,
    /// There is no such attachment, or it is not in a state for this.
    #[error("there is no such attachment")]
    UnknownAttachment,
    /// KE-9: only the author edits and takes back.
    #[error("the message was written by somebody else")]
    NotTheAuthor,
    /// Neither text nor attachment.
    #[error("there is nothing to send")]
    Empty,
    /// KE-10: longer than sixteen parts.
    #[error("the text is too long: at most {limit} bytes fit")]
    TooLong {
        /// Bytes that fit.
        limit: usize,
    },
    /// Something else than one emoji (KE-97).
    #[error("a reaction is one emoji")]
    BadReaction,
    /// KE-116: a code that was read says something else than digits.
    #[error("this is no code with digits to compare")]
    NotDigits,
    /// KE-116: a code that was read says other digits.
    #[error("the digits are not the same: somebody may sit between you")]
    DigitsDiffer,
    /// A name is empty, too long, or has control characters.
    #[error("this is not a usable name")]
    BadName,
    /// KE-140: no JPEG, or not a small one.
    #[error("a picture for a contact is a JPEG of at most 16 KiB and 512 pixels a side")]
    BadPicture,
    /// Device keys rotate from once an hour to once in 31 days.
    #[error("device keys can be replaced every 1 to {} hours", crate::devices::device_keys::MAX_HOURS)]
    BadPace,
    /// The name, media type or size of a file is out of bounds.
    #[error("a file with this name, type or size cannot be sent")]
    BadAttachment,
    /// The contact is blocked.
    #[error("the contact is blocked")]
    Blocked,
    /// The contact is not established: this needs keys confirmed by both sides.
    #[error("the contact has not confirmed yet")]
    NotEstablished,
    /// The session with the contact cannot go on.
    #[error("the session with this contact cannot go on: a new card is needed")]
    SessionUnusable,
    /// The session with the contact goes on, or its answer is under way: a new card would end that.
    #[error("the conversation with this contact goes on and needs no new card")]
    NothingToRenew,
    /// The card is refused.
    #[error(transparent)]
    Card(#[from] CardError),
    /// The card could not be made.
    #[error(transparent)]
    NewCard(#[from] NewCardError),
    /// The card could not be answered.
    #[error(transparent)]
    AnswerCard(#[from] AnswerCardError),
    /// KE-11: the card is the person's own.
    #[error("this is your own card: give it to somebody else")]
    OwnCard,
    /// KE-11: the card was answered here before.
    #[error("this card was answered here already")]
    AlreadyAnswered,
    /// Only a device without contacts becomes another device of a person.
    #[error("this device has contacts of its own: only a new one can be linked")]
    NotFresh,
    /// The device is being linked to a person: only what that person has is there afterwards.
    #[error("this device is being linked: wait until that is done")]
    Joining,
    /// KE-54: the person has revoked this device.
    #[error("this device was revoked")]
    Revoked,
    /// KE-75: a backup is being taken in, and not all of it is there.
    #[error("the backup has not been taken in to its end")]
    Restoring,
}

/// Why nothing can be backed up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The device's storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// There is no person in this folder yet.
    #[error("there is no person here yet")]
    NotInitialised,
    /// The run behind which this one should begin is none of this device's, or was forgotten.
    #[error("this device does not know where that backup ends")]
    UnknownMark,
    /// KE-75: a backup is being taken in, and not all of it is there.
    #[error("the backup has not been taken in to its end")]
    Restoring,
}

/// Why a backup is not taken in. What was taken in before is still there.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The device's storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// There is a person in this folder.
    #[error("there is a person here already")]
    NotFresh,
    /// Nothing was begun, or it has come to its end.
    #[error("no backup is being taken in")]
    NotBegun,
    /// The device has no home server yet.
    #[error("the device has no home server yet")]
    NoHomeServer,
    /// The name of the device is empty, too long, or has control characters.
    #[error("this is not a usable name for a device")]
    BadName,
    /// The lists that name this device alone could not be signed.
    #[error(transparent)]
    Replace(#[from] DeviceError),
}

/// Why the person's devices do not change.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The device's storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// There is no such device.
    #[error("there is no such device")]
    UnknownDevice,
    /// The new device has not said who it is: the codes cannot have been compared yet.
    #[error("the new device is not there yet")]
    NotThereYet,
    /// The user key is not this person's.
    #[error("the user key is not this person's")]
    WrongUserKey,
    /// A person has at most eight devices.
    #[error("there are eight devices already: revoke one first")]
    TooMany,
    /// The name is empty, too long, or has control characters.
    #[error("this is not a usable name for a device")]
    BadName,
    /// KE-138: another device of the person is called so, or looks as if it were.
    #[error("another device of yours is called so already; nothing was changed")]
    NameTaken,
    /// A device does not revoke itself.
    #[error("a device cannot revoke itself: use another one")]
    ThisDevice,
    /// KE-54: the person has revoked this device.
    #[error("this device was revoked")]
    Revoked,
    /// A list could not be signed.
    #[error(transparent)]
    Refresh(#[from] RefreshError),
}

/// Why something that arrived could not be taken in. Hostile bytes are no error: they are dropped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The device's storage failed; what arrived comes again.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why a timer's work could not be done. It is tried again.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WakeError {
    /// The device's storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why device lists could not be refreshed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// The device's storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A contact key does not open with this user key.
    #[error("the user key does not open the contact keys")]
    WrongUserKey,
    /// A list could not be made.
    #[error(transparent)]
    List(#[from] kith_session::ListError),
}

/// Why a question has no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The device's storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// There is no person in this folder yet.
    #[error("there is no person here yet")]
    NotInitialised,
    /// There is no such contact.
    #[error("there is no such contact")]
    UnknownContact,
    /// There is no such message.
    #[error("there is no such message")]
    UnknownMessage,
    /// There is no such attachment.
    #[error("there is no such attachment")]
    UnknownAttachment,
    /// The digits exist only after both sides have answered.
    #[error("the contact has not answered yet")]
    NoDigits,
}
