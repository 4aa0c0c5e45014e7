//! Why something was not done, as codes by which the app chooses its words. The library's own words go along for the curious.

use std::io;

use kith_engine::{BackupError, CommandError, DeviceError, QueryError};
use kith_keep::{AskError, KeepError};
use kith_session::{AnswerCardError, CardError};
use kith_vault::{
    BackupFileError, ChangePasswordError, CreateError, DatabaseError, FolderError, OpenError, ProveError,
};

use crate::contract::{Failure, FailureCode};

/// Makes a failure of a code and what the library said.
pub(crate) fn failure(code: FailureCode, detail: impl ToString) -> Failure {
    Failure { code, detail: detail.to_string() }
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        use FailureCode as Code;
        let code = match &error {
            CommandError::Storage(_) => Code::Storage,
            CommandError::NotInitialised | CommandError::NoUserKey => Code::NobodyHere,
            CommandError::AlreadyInitialised => Code::AlreadyHere,
            CommandError::Descriptor(_) => Code::NotAHomeServer,
            CommandError::NoSpareQueue => Code::Offline,
            CommandError::UnknownContact => Code::UnknownContact,
            CommandError::UnknownMessage => Code::UnknownMessage,
            CommandError::UnknownAttachment => Code::UnknownAttachment,
            CommandError::NotTheAuthor => Code::NotTheAuthor,
            CommandError::Empty => Code::NothingToSend,
            CommandError::TooLong { .. } => Code::TooLong,
            CommandError::BadReaction => Code::BadReaction,
            CommandError::NotDigits => Code::NotDigits,
            CommandError::DigitsDiffer => Code::DigitsDiffer,
            CommandError::BadName => Code::BadName,
            CommandError::BadPicture => Code::BadPicture,
            CommandError::BadAttachment => Code::BadFile,
            CommandError::Blocked => Code::Blocked,
            CommandError::NotEstablished => Code::NotAnsweredYet,
            CommandError::SessionUnusable => Code::NeedsCard,
            CommandError::NothingToRenew => Code::NeedsNoCard,
            CommandError::Card(card) => card_code(card),
            CommandError::AnswerCard(AnswerCardError::NeedsKem) => Code::Offline,
            CommandError::AnswerCard(_) => Code::BadCard,
            CommandError::OwnCard => Code::OwnCard,
            CommandError::AlreadyAnswered => Code::CardUsed,
            CommandError::Revoked => Code::Revoked,
            CommandError::NotFresh | CommandError::Joining => Code::NotFresh,
            _ => Code::Internal,
        };
        failure(code, error)
    }
}

impl From<DeviceError> for Failure {
    fn from(error: DeviceError) -> Self {
        use FailureCode as Code;
        let code = match &error {
            DeviceError::Storage(_) | DeviceError::Refresh(_) => Code::Storage,
            DeviceError::UnknownDevice => Code::UnknownDevice,
            DeviceError::NotThereYet => Code::NotComparedThere,
            DeviceError::TooMany => Code::TooManyDevices,
            DeviceError::BadName => Code::BadDeviceName,
            DeviceError::NameTaken => Code::DeviceNameTaken,
            DeviceError::ThisDevice => Code::ThisDevice,
            DeviceError::Revoked => Code::Revoked,
            _ => Code::Internal,
        };
        failure(code, error)
    }
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        let code = match &error {
            BackupError::Storage(_) => FailureCode::Storage,
            BackupError::NotInitialised => FailureCode::NobodyHere,
            _ => FailureCode::Internal,
        };
        failure(code, error)
    }
}

impl From<BackupFileError> for Failure {
    fn from(error: BackupFileError) -> Self {
        use FailureCode as Code;
        let code = match &error {
            BackupFileError::NotABackup | BackupFileError::Unreasonable => Code::NotABackup,
            BackupFileError::Newer { .. } => Code::NewerVersion,
            BackupFileError::WrongPassword => Code::WrongBackupPassword,
            BackupFileError::OtherPerson => Code::WrongPhrase,
            BackupFileError::Damaged { .. } => Code::BackupDamaged,
            BackupFileError::Folder(_) => Code::FileUnreadable,
            _ => Code::Internal,
        };
        failure(code, chain(&error))
    }
}

impl From<KeepError> for Failure {
    fn from(error: KeepError) -> Self {
        use FailureCode as Code;
        let code = match &error {
            KeepError::File(source) if source.kind() == io::ErrorKind::StorageFull => Code::StorageFull,
            KeepError::File(_) | KeepError::Server(AskError::Unsigned(_)) => Code::Storage,
            KeepError::Server(AskError::Unreachable(why)) if why.may_pass() => Code::ServerUnreachable,
            KeepError::Server(AskError::Unreachable(_) | AskError::NotAHomeServer | AskError::OtherServer) => {
                Code::NotAHomeServer
            }
            KeepError::Server(AskError::Busy) => Code::ServerUnreachable,
            KeepError::Server(_) => Code::ServerRefuses,
            KeepError::NotRegistered => Code::Offline,
            KeepError::NoRoom => Code::NoRoom,
            KeepError::Nothing => Code::NoHomeBackup,
            KeepError::Lost => Code::HomeBackupLost,
            _ => Code::HomeBackupAgain,
        };
        failure(code, chain(&error))
    }
}

impl From<ProveError> for Failure {
    fn from(error: ProveError) -> Self {
        match error {
            ProveError::WrongPassword => failure(FailureCode::WrongPassword, error),
            ProveError::Folder(inner) => inner.into(),
            other => failure(FailureCode::Storage, other),
        }
    }
}

fn card_code(error: &CardError) -> FailureCode {
    match error {
        CardError::Expired { .. } => FailureCode::CardExpired,
        CardError::OtherPurpose(_) => FailureCode::CardOtherPurpose,
        CardError::Unsupported { .. } | CardError::UnknownExtension(_) => FailureCode::NewerVersion,
        _ => FailureCode::BadCard,
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        use FailureCode as Code;
        let code = match &error {
            QueryError::Storage(_) => Code::Storage,
            QueryError::NotInitialised => Code::NobodyHere,
            QueryError::UnknownContact => Code::UnknownContact,
            QueryError::UnknownMessage => Code::UnknownMessage,
            QueryError::UnknownAttachment => Code::UnknownAttachment,
            QueryError::NoDigits => Code::NotAnsweredYet,
            _ => Code::Internal,
        };
        failure(code, error)
    }
}

impl From<CreateError> for Failure {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::AlreadyExists => failure(FailureCode::AlreadyHere, error),
            CreateError::Folder(inner) => inner.into(),
            CreateError::Database(inner) => inner.into(),
            other => failure(FailureCode::Storage, other),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::WrongPassword => failure(FailureCode::WrongPassword, error),
            OpenError::Missing => failure(FailureCode::NobodyHere, error),
            OpenError::Head(kith_vault::HeadError::Newer { .. }) => failure(FailureCode::NewerVersion, error),
            OpenError::Folder(inner) => inner.into(),
            OpenError::Database(inner) => inner.into(),
            other => failure(FailureCode::Storage, other),
        }
    }
}

impl From<ChangePasswordError> for Failure {
    fn from(error: ChangePasswordError) -> Self {
        match error {
            ChangePasswordError::WrongPassword => failure(FailureCode::WrongPassword, error),
            ChangePasswordError::Folder(inner) => inner.into(),
            other => failure(FailureCode::Storage, other),
        }
    }
}

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Self {
        failure(FailureCode::Storage, chain(&error))
    }
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Self {
        let code = match error.kind() {
            io::ErrorKind::StorageFull => FailureCode::StorageFull,
            io::ErrorKind::ResourceBusy => FailureCode::Elsewhere,
            io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied => FailureCode::Unsupported,
            _ => FailureCode::Storage,
        };
        failure(code, chain(&error))
    }
}

impl From<kith_engine::OpenError> for Failure {
    fn from(error: kith_engine::OpenError) -> Self {
        let code = match error {
            kith_engine::OpenError::NewerSchema { .. } => FailureCode::NewerVersion,
            _ => FailureCode::Storage,
        };
        failure(code, chain(&error))
    }
}

/// What an error says, and what those behind it say.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use kith_keep::NotCarried;

    use super::*;

    #[test]
    fn what_a_person_can_act_on_has_a_code_of_its_own() {
        let code = |error: CommandError| Failure::from(error).code;
        assert_eq!(code(CommandError::NoSpareQueue), FailureCode::Offline);
        assert_eq!(code(CommandError::OwnCard), FailureCode::OwnCard);
        assert_eq!(code(CommandError::Card(CardError::OtherPurpose(None))), FailureCode::CardOtherPurpose);
        assert_eq!(code(CommandError::Card(CardError::Signature)), FailureCode::BadCard);
        assert_eq!(Failure::from(OpenError::WrongPassword).code, FailureCode::WrongPassword);
        assert_eq!(Failure::from(QueryError::NoDigits).code, FailureCode::NotAnsweredYet);
        assert_eq!(Failure::from(DeviceError::NotThereYet).code, FailureCode::NotComparedThere);
        assert_eq!(Failure::from(BackupFileError::OtherPerson).code, FailureCode::WrongPhrase);
        assert_eq!(Failure::from(ProveError::WrongPassword).code, FailureCode::WrongPassword);
        let away = |may_pass| KeepError::from(AskError::from(NotCarried::new("nobody answers", may_pass)));
        assert_eq!(Failure::from(away(true)).code, FailureCode::ServerUnreachable);
        assert_eq!(Failure::from(away(false)).code, FailureCode::NotAHomeServer);
        assert_eq!(Failure::from(KeepError::Nothing).code, FailureCode::NoHomeBackup);
        assert_eq!(Failure::from(KeepError::NoRoom).code, FailureCode::NoRoom);
    }
}
