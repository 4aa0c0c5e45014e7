//! The promises that are checked, by name. Where each is looked at stands in [`checker`](crate::checker), and in
//! [`history`](crate::history) and [`world`](crate::world) where it can be seen at once.

use std::fmt;

use clap::ValueEnum;

/// A promise. Each is broken by a deliberate bug, too: see [`Sabotage::breaks`](crate::sabotage::Sabotage::breaks).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Promise {
    /// Each message that a device stored is shown, or there is a reason why not.
    Arrives,
    /// Nothing is announced twice.
    Once,
    /// What one person wrote stands, and is announced, as it was written.
    InOrder,
    /// Nothing is shown that its writer did not write for this reader.
    OnlyWhatWasWritten,
    /// Both see the same conversation.
    Agreement,
    /// What counts as delivered was shown.
    DeliveredWasShown,
    /// What was shown counts as delivered.
    ShownIsDelivered,
    /// No message is still on its way after all time limits.
    NothingStaysOpen,
    /// What was reported as expired was not shown.
    ExpiredWasNotShown,
    /// Messages whose time is over are there no more.
    DisappearedIsGone,
    /// Where messages are lost because somebody went on from a copy, somebody is told why.
    NoSilence,
    /// No session ends where nobody copied a device.
    SessionsGoOn,
    /// No two frames of one session have one number and different bytes.
    NumbersAreUsedOnce,
    /// Nobody but the two reads names and texts, or gets contact keys.
    OnlyCiphertext,
    /// What two contacts of a person have of them has nothing in common.
    Unlinkable,
    /// A copy of a device opens nothing that was shown.
    CopiesOpenNothing,
    /// On a disk that works no batch of a server fails.
    ServersDoNotFail,
    /// The descriptor that strangers get is the one that the server goes by.
    DescriptorsAreHandedOut,
    /// Devices of one person show the same in the end.
    SiblingsAgree,
    /// A device counts only when its person has linked it with the password.
    NobodyAddsADevice,
    /// A device that was taken out shows nothing that was said after that was heard, and says that it was taken out.
    RevokedIsSilent,
    /// Whoever lost every device and goes on from a backup is another device, and contacts who can be reached are told.
    ReturnsAreTold,
    /// Whoever a contact has heard of first stays, when somebody else goes on from the same backup.
    FirstStays,
    /// Whoever starts anew stays one contact, on every device of whoever takes them for who they were.
    OneContact,
    /// The world does not do the same for ever.
    Rest,
    /// Nothing panics.
    NothingPanics,
}

impl Promise {
    /// All of them.
    pub fn all() -> &'static [Self] {
        Self::value_variants()
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Arrives => "everything arrives",
            Self::Once => "everything once",
            Self::InOrder => "everything in order",
            Self::OnlyWhatWasWritten => "only what was written is shown",
            Self::Agreement => "both sides agree",
            Self::DeliveredWasShown => "what was delivered was shown",
            Self::ShownIsDelivered => "what was shown counts as delivered",
            Self::NothingStaysOpen => "nothing stays open",
            Self::ExpiredWasNotShown => "what expired was not shown",
            Self::DisappearedIsGone => "what disappears is gone",
            Self::NoSilence => "nobody is left in silence",
            Self::SessionsGoOn => "sessions go on",
            Self::NumbersAreUsedOnce => "a number is used once",
            Self::OnlyCiphertext => "servers see only ciphertext",
            Self::Unlinkable => "contacts are unlinkable",
            Self::CopiesOpenNothing => "a copy opens nothing",
            Self::ServersDoNotFail => "servers do not fail",
            Self::DescriptorsAreHandedOut => "servers hand out what they go by",
            Self::SiblingsAgree => "devices of one person agree",
            Self::NobodyAddsADevice => "nobody adds a device",
            Self::RevokedIsSilent => "a revoked device is silent",
            Self::ReturnsAreTold => "a return is told",
            Self::FirstStays => "who returned first stays",
            Self::OneContact => "nobody is two contacts",
            Self::Rest => "everything comes to rest",
            Self::NothingPanics => "nothing panics",
        })
    }
}
