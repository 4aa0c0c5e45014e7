//! `kith forget`: a contact and everything that was said, deleted here.

use clap::Args;
use kith_engine::Command;
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
        confirm(&name, context).await?;
    }
    context.client.command(Command::Forget { contact: contact.id })?;
    context.out.data(&json!({"contact": contact_id(contact.id)}), || {
        format!("{name} and everything that was said is deleted here.")
    });
    Ok(())
}

/// What is forgotten does not come back, so somebody has to mean it.
async fn confirm(name: &str, context: &Context) -> Result<(), Failure> {
    context.out.note(format!(
        "{name} and the whole conversation are deleted on all your devices, with the files in it, and nothing brings them back. {name} is not told, \
         keeps what they have, and can reach you again only by a new card. (`kith block` deletes nothing.)"
    ));
    let refused = Failure::new("not_confirmed", "nothing was deleted", "say --yes if you mean it");
    match context.consent(&format!("Forget {name}?")).await {
        Consent::Given => Ok(()),
        Consent::Refused => Err(refused),
        Consent::Nobody => {
            let message = "nothing was deleted: nobody is there to be asked";
            Err(Failure { message: message.to_owned(), exit: Exit::Usage, ..refused })
        }
    }
}
