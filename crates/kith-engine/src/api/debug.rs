//! What logs may show of commands and messages: which kind they are, and never what somebody wrote.

use std::fmt;

use super::{Command, MessageBody};

impl Command {
    /// Returns the name of the variant.
    const fn kind(&self) -> &'static str {
        match self {
            Self::Init { .. } => "Init",
            Self::CardNew { .. } => "CardNew",
            Self::CardAccept { .. } => "CardAccept",
            Self::CardPublish { .. } => "CardPublish",
            Self::Rename { .. } => "Rename",
            Self::ConfirmVerified { .. } => "ConfirmVerified",
            Self::CompareDigits { .. } => "CompareDigits",
            Self::Send { .. } => "Send",
            Self::SendPreviewed { .. } => "SendPreviewed",
            Self::React { .. } => "React",
            Self::Edit { .. } => "Edit",
            Self::Delete { .. } => "Delete",
            Self::MarkRead { .. } => "MarkRead",
            Self::SaveDraft { .. } => "SaveDraft",
            Self::Rotate { .. } => "Rotate",
            Self::Block { .. } => "Block",
            Self::Unblock { .. } => "Unblock",
            Self::EndSessions { .. } => "EndSessions",
            Self::Forget { .. } => "Forget",
            Self::SetDisappearing { .. } => "SetDisappearing",
            Self::SetReadReceipts { .. } => "SetReadReceipts",
            Self::SetShown { .. } => "SetShown",
            Self::SetPicture { .. } => "SetPicture",
            Self::SetKeyRotation { .. } => "SetKeyRotation",
            Self::FetchAttachment { .. } => "FetchAttachment",
            Self::PauseAttachment { .. } => "PauseAttachment",
            Self::AttachmentDamaged { .. } => "AttachmentDamaged",
            Self::Once { .. } => "Once",
            Self::LinkDevice { .. } => "LinkDevice",
            Self::JoinDevice { .. } => "JoinDevice",
            Self::AskToJoin { .. } => "AskToJoin",
            Self::AnswerNewDevice { .. } => "AnswerNewDevice",
            Self::LinkWords { .. } => "LinkWords",
            Self::JoinByWords { .. } => "JoinByWords",
            Self::ConfirmCode { .. } => "ConfirmCode",
            Self::UnlinkDevice { .. } => "UnlinkDevice",
            Self::Connect(..) => "Connect",
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(self.kind()).finish_non_exhaustive()
    }
}

impl fmt::Debug for MessageBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Deleted => f.write_str("Deleted"),
            Self::NewerVersion => f.write_str("NewerVersion"),
        }
    }
}

#[cfg(test)]
mod tests {
    use kith_wire::id::MessageId;

    use super::*;
    use crate::api::ContactId;

    #[test]
    fn what_somebody_wrote_is_not_shown() {
        let (contact, message, text) = (ContactId(1), MessageId([0; 16]), "hush".to_owned());
        let shown = [
            format!("{:?}", Command::Send { contact, text: text.clone(), reply_to: None, attachment: None }),
            format!("{:?}", Command::Edit { contact, message, text: text.clone() }),
            format!("{:?}", Command::SaveDraft { contact, text: text.clone() }),
            format!("{:?}", MessageBody::Text(text)),
        ];
        assert_eq!(shown, ["Send { .. }", "Edit { .. }", "SaveDraft { .. }", "Text(4 bytes)"]);
    }
}
