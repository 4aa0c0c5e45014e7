//! `kith card`: contact cards, given and answered.

use clap::Subcommand;

use crate::commands::accept::AcceptCard;
use crate::commands::new_card::NewCard;

#[derive(Debug, Subcommand)]
pub(crate) enum Card {
    /// Make a contact card for one person
    New(NewCard),
    /// Answer the contact card that somebody gave you
    Accept(AcceptCard),
}
