//! `kith contacts`: whom the person knows.

use clap::Args;
use kith_engine::ContactView;

use crate::context::Context;
use crate::failure::Failure;
use crate::{show, times};

#[derive(Debug, Args)]
pub(crate) struct Contacts {}

pub(crate) fn run(context: &Context) -> Result<(), Failure> {
    let mut all = context.client.ask(|engine| engine.contacts())?;
    // What the person has pinned comes first, what they have put away last.
    if context.client.ask(|engine| engine.status(times::now()))?.revoked {
        // What would help is for a device that still sends.
        all.iter_mut().for_each(without_advice);
    }
    all.sort_by_key(|contact| (contact.archived, !contact.pinned));
    for contact in &all {
        context
            .out
            .data(&show::contact_object(contact, times::now()), || show::contact_line(contact, context.out.colour()));
    }
    if all.is_empty() {
        context.out.note("You know nobody here yet. `kith card new --name NAME` makes a card for somebody.");
    }
    Ok(())
}

/// Takes away what somebody would have to do.
fn without_advice(contact: &mut ContactView) {
    contact.needs_card = false;
    contact.held = None;
    contact.restoring = None;
}
