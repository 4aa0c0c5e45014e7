//! `kith save`: the file that came with a message.

use std::path::{Path, PathBuf};

use clap::Args;
use kith_client::Overwrite;
use serde_json::json;

use crate::context::{Context, message_id};
use crate::failure::Failure;
use crate::{files, show};

#[derive(Debug, Args)]
pub(crate) struct Save {
    /// Id or name of the contact
    #[arg(value_name = "CONTACT")]
    pub(crate) contact: String,

    /// The message that carries the file
    #[arg(value_name = "MESSAGE_ID")]
    pub(crate) message: String,

    /// Where to put it: a file, or a folder for its own name; without this, here
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// Replace a file that is there already
    #[arg(long)]
    pub(crate) force: bool,
}

pub(crate) async fn run(args: &Save, context: &Context) -> Result<(), Failure> {
    let contact = context.contact(&args.contact)?.id;
    let message = message_id(&args.message)?;
    let attachment = context.client.attachment_of(contact, message)?;
    let target = match &args.out {
        Some(path) if context.path(path).is_dir() => context.path(path).join(own_name(&attachment.name)),
        Some(path) => context.path(path),
        None => context.path(Path::new(&own_name(&attachment.name))),
    };
    let overwrite = if args.force { Overwrite::Allowed } else { Overwrite::Refused };
    // Nothing is fetched for a place where it cannot be put.
    files::refuse_no_folder(&target)?;
    if overwrite == Overwrite::Refused {
        files::refuse_early(&target).map_err(|failure| Failure { hint: EXISTS_HINT.into(), ..failure })?;
    }
    let name = show::one_line(&attachment.name);
    context.client.fetch(attachment.id, |done, total| context.out.progress(&name, done, total)).await?;
    context.out.progress(&name, 1, 1);
    let writing = |done, total| context.out.progress("Decrypting", done, total);
    context.client.save(attachment.id, &target, overwrite, writing).await?;
    let shown = target.display().to_string();
    context.out.data(&json!({"file": shown}), || shown.clone());
    Ok(())
}

/// Returns the name that the sender gave, made harmless: no hidden file, no option of another program.
fn own_name(name: &str) -> String {
    let plain: String = name.chars().filter(|letter| !letter.is_control() && !matches!(letter, '/' | '\\')).collect();
    let plain = show::one_line(&plain);
    let trimmed = plain.trim().trim_start_matches(['.', '-']);
    if trimmed.is_empty() { "attachment".to_owned() } else { trimmed.to_owned() }
}

/// What to do about a file that is there already; [`SaveError`](kith_client::SaveError) has the same.
const EXISTS_HINT: &str = "choose another name with --out FILE, or overwrite it with --force";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_senders_are_made_harmless() {
        for (given, saved) in [
            ("photo.jpg", "photo.jpg"),
            ("../../.bashrc", "bashrc"),
            ("--help", "help"),
            ("..", "attachment"),
            ("annex\u{202e}gpj.exe", "annexgpj.exe"),
            ("two\u{2028}lines", "two lines"),
            ("\u{200b}", "attachment"),
        ] {
            assert_eq!(own_name(given), saved, "{given:?}");
        }
    }
}
