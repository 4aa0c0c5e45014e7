//! `kith forget`: a contact and everything that was said, deleted here.

use clap::Args;
use kith_engine::{Command, ContactState, ContactView};
use serde_json::json;

use crate::context::{Consent, Context, contact_id};
use crate::failure::{Exit, Failure};
use crate::show;

#[derive(Debug, Args)]
pub(crate) struct Forget {
    /// Id or name of the contact
    #[arg(value_name = "CONTACT")]
    pub(crate) contact: String,

    /// Do not ask: nothing of it comes back
    #[arg(long)]
    pub(crate) yes: bool,
}

pub(crate) async fn run(args: &Forget, context: &Context) -> Result<(), Failure> {
    let contact = context.contact(&args.contact)?;
    let name = show::one_line(&contact.name);
    if !args.yes {
        confirm(&contact, &name, context).await?;
    }
    context.client.command(Command::Forget { contact: contact.id })?;
    context.out.data(&json!({"contact": contact_id(contact.id)}), || {
        format!("{name} and everything that was said is deleted here.")
    });
    Ok(())
}

/// What is forgotten does not come back, so somebody has to mean it.
async fn confirm(contact: &ContactView, name: &str, context: &Context) -> Result<(), Failure> {
    context.out.note(match contact.state {
        ContactState::Invited => format!(
            "The card that you made for {name} cannot be answered any more then, and what was said is deleted on all your devices. (Is the card lost? \
             `kith card new --name NAME --instead` makes another one in its place, and deletes nothing.)"
        ),
        _ => format!(
        "{name} and the whole conversation are deleted on all your devices, with the files in it, and nothing brings them back. {name} is not told, \
         keeps what they have, and can reach you again only by a new card."
        ),
    });
    let refused = Failure::new(
        "not_confirmed",
        "nothing was deleted",
        "to hear no more from somebody, and to delete nothing: `kith block`",
    );
    match context.consent(&format!("Forget {name}?")).await {
        Consent::Given => Ok(()),
        Consent::Refused => Err(refused),
        Consent::Nobody => {
            let message = "nothing was deleted: nobody is there to be asked".to_owned();
            Err(Failure { message, hint: "say --yes if you mean it".to_owned(), exit: Exit::Usage, ..refused })
        }
    }
}
