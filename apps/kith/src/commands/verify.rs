//! `kith verify`: the digits that two people compare.

use clap::Args;
use kith_engine::Command;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::{qr, show};

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Id or name of the contact
    #[arg(value_name = "CONTACT")]
    pub(crate) contact: String,

    /// The digits are the same on both sides: remember that
    #[arg(long)]
    pub(crate) confirm: bool,

    /// Show them as a QR code, too, for the contact's camera
    #[arg(long)]
    pub(crate) qr: bool,

    /// Compare them with what the contact's code says, and remember it if they are the same
    #[arg(long, value_name = "CODE", conflicts_with = "confirm")]
    pub(crate) read: Option<String>,
}

pub(crate) fn run(args: &Verify, context: &Context) -> Result<(), Failure> {
    let contact = context.contact(&args.contact)?;
    let digits = context.client.ask(|engine| engine.digits(contact.id))?;
    let digits: Vec<char> = digits.chars().filter(char::is_ascii_digit).collect();
    if args.confirm {
        context.client.command(Command::ConfirmVerified { contact: contact.id })?;
    }
    if let Some(read) = &args.read {
        context.client.command(Command::CompareDigits { contact: contact.id, read: read.clone() })?;
    }
    let verified = contact.verified || args.confirm || args.read.is_some();
    let mut object = json!({"code": String::from_iter(&digits), "verified": verified});
    if args.qr {
        let says = context.client.ask(|engine| engine.digits_code(contact.id))?;
        if let Some((drawing, _)) = qr::draw(&says, context.out.colour()) {
            context.out.note(drawing);
        }
        if let Some(object) = object.as_object_mut() {
            object.insert("qr".into(), json!(says));
        }
    }
    context.out.data(&object, || table(&digits));
    let name = show::one_line(&contact.name);
    context.out.note(if verified {
        format!("{name} is verified.")
    } else {
        format!(
            "Read this to {name} face to face or on the phone. If they see the same: `kith verify {name} --confirm`."
        )
    });
    Ok(())
}

/// Twelve groups of five in three rows.
fn table(digits: &[char]) -> String {
    let groups: Vec<String> = digits.chunks(5).map(String::from_iter).collect();
    groups.chunks(4).map(|row| row.join(" ")).collect::<Vec<_>>().join("\n")
}
