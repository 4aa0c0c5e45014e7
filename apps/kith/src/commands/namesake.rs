//! A card under the name that a contact has already: two contacts of one name are seldom meant, so a person is asked, and a program must say it.

use kith_engine::ContactView;

use crate::context::{Consent, Context, contact_id};
use crate::failure::{Exit, Failure};
use crate::show;

/// Asks whether a card that would make a second contact of one name is for somebody else. `advice` says what is done for the one who is there.
pub(crate) async fn make_sure_it_is_another_one(
    there: &ContactView,
    advice: &str,
    context: &Context,
) -> Result<(), Failure> {
    let (id, name) = (contact_id(there.id), show::one_line(&there.name));
    context.out.note(format!("You have a contact called {name} already, {id}: this card makes a second one. {advice}"));
    let hint = format!("choose another --name for somebody else, or say with --yes that there are two called {name}");
    let refused =
        Failure::new("name_taken", format!("there is a contact called {name} already; nothing was done"), hint);
    match context.consent(&format!("Is it somebody else, also called {name}?")).await {
        Consent::Given => Ok(()),
        Consent::Refused => Err(refused),
        Consent::Nobody => Err(Failure { exit: Exit::Usage, ..refused }),
    }
}
