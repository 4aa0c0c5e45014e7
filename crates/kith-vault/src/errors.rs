//! Why a vault was not made, opened, proved, given a new password or user seed, or checked: one type for each.

use kith_crypto::password::PasswordError;
use thiserror::Error;

use crate::database::DatabaseError;
use crate::folder::FolderError;
#[cfg(not(target_family = "wasm"))]
use crate::folder::OwnError;
use crate::head::HeadError;
use crate::vault::{ReadHeadError, UnlockError};

/// Why a vault was not made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CreateError {
    /// The folder is a vault already.
    #[error("there is a vault in this folder already")]
    AlreadyExists,
    /// The folder holds files that belong to no vault.
    #[error("this folder holds other files; a vault wants a folder of its own")]
    NotEmpty,
    /// The folder holds a vault's database or chunks but no head. Without the head they cannot be opened, but perhaps
    /// somebody still finds it, so they are not touched.
    #[error("this folder holds the remains of a vault whose vault.head is missing")]
    HeadLost,
    /// Another process is making a vault there right now.
    #[error("the folder is in use")]
    InUse,
    /// The password could not be turned into a key.
    #[error(transparent)]
    Derive(#[from] PasswordError),
    /// The database could not be made.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// What should be in it from the beginning could not be written.
    #[error("the new database could not be prepared: {0}")]
    Prepare(Box<dyn std::error::Error>),
    /// The file system refused.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// Why a vault was not opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder is no vault.
    #[error("there is no vault in this folder")]
    Missing,
    /// Another process has the vault open.
    #[error("the vault is in use by another program")]
    InUse,
    /// The password does not open it. A head of which bytes were changed looks the same.
    #[error("the password does not open this vault")]
    WrongPassword,
    /// The head cannot be tried against any password.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The password could not be turned into a key.
    #[error(transparent)]
    Derive(#[from] PasswordError),
    /// The password is right, and the database cannot be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The file system refused.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// Why a password was not proved.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProveError {
    /// It does not open the vault.
    #[error("the password does not open this vault")]
    WrongPassword,
    /// The head was damaged while the vault was open.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The password could not be turned into a key.
    #[error(transparent)]
    Derive(#[from] PasswordError),
    /// The file system refused.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// Why the password was not changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ChangePasswordError {
    /// The old password does not open the vault.
    #[error("the old password does not open this vault")]
    WrongPassword,
    /// The head was damaged while the vault was open.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// A password could not be turned into a key.
    #[error(transparent)]
    Derive(#[from] PasswordError),
    /// The file system refused. When it did so in the very last step, the new password may be in force already:
    /// [`crate::Keeper::prove`] says which one is.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// Why the vault did not take another user seed as its own.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AdoptError {
    /// The password does not open the vault.
    #[error("the password does not open this vault")]
    WrongPassword,
    /// The head was damaged while the vault was open.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The password could not be turned into a key.
    #[error(transparent)]
    Derive(#[from] PasswordError),
    /// The file system refused. When it did so in the very last step, the new seed may be in force already:
    /// [`crate::Keeper::user_seed`] says which one is.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// Why a vault could not be checked to the end.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The database could not be read.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The file system refused.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// Writes the conversions of shared inner failures into the errors of the operations they happen in.
macro_rules! conversions {
    ($($inner:ident { $($variant:ident),* } => $outer:ident;)*) => {$(
        impl From<$inner> for $outer {
            fn from(error: $inner) -> Self {
                match error { $($inner::$variant(error) => error.into()),* }
            }
        }
    )*};
}

conversions! {
    ReadHeadError { Head, Folder } => OpenError;
    ReadHeadError { Head, Folder } => ProveError;
    ReadHeadError { Head, Folder } => ChangePasswordError;
    ReadHeadError { Head, Folder } => AdoptError;
    UnlockError { Database, Folder } => OpenError;
    UnlockError { Database, Folder } => CreateError;
}

#[cfg(not(target_family = "wasm"))]
impl From<OwnError> for CreateError {
    fn from(error: OwnError) -> Self {
        match error {
            OwnError::InUse => Self::InUse,
            OwnError::Folder(error) => Self::Folder(error),
        }
    }
}

#[cfg(not(target_family = "wasm"))]
impl From<OwnError> for OpenError {
    fn from(error: OwnError) -> Self {
        match error {
            OwnError::InUse => Self::InUse,
            OwnError::Folder(error) => Self::Folder(error),
        }
    }
}
