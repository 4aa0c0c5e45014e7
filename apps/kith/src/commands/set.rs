//! `kith set`: settings of a contact.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use kith_client::small_picture;
use kith_engine::{Command, Receipts, Shown};
use serde_json::json;

use crate::context::{Context, contact_id};
use crate::duration::Span;
use crate::failure::Failure;
use crate::show;

#[derive(Debug, Args)]
pub(crate) struct Set {
    /// Id or name of the contact
    #[arg(value_name = "CONTACT")]
    pub(crate) contact: String,

    /// disappear=7d or disappear=off (how long messages live, on both sides), receipts=on or receipts=off (whether they see
    /// what you have read), pin=on or pin=off (above all others), mute=on or
    /// mute=off (notifies nobody), archive=on or archive=off (put away), name=NEW,
    /// picture=FILE or picture=off (what your apps show beside the name, for you only)
    #[arg(value_name = "SETTING", required = true)]
    pub(crate) settings: Vec<Setting>,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Setting {
    /// How long messages live.
    Disappear(Option<u32>),
    /// Whether they see what was read.
    Receipts(Receipts),
    /// How the conversation stands in the list.
    Shown(Shown, bool),
    /// What they are called.
    Name(String),
    /// The picture that the person's apps show for them, or none any more.
    Picture(Option<PathBuf>),
}

impl Setting {
    /// Says what is different from now on.
    fn effect(&self, name: &str) -> String {
        match self {
            Self::Disappear(Some(seconds)) => {
                let span = Span(Duration::from_secs((*seconds).into()));
                format!(
                    "What you and {name} write from now on disappears: {span} after sending with whoever wrote it, {span} after reading with the other."
                )
            }
            Self::Disappear(None) => format!("What you and {name} write from now on stays."),
            Self::Receipts(Receipts::Sent) => format!("{name} sees what you have read."),
            Self::Receipts(Receipts::Withheld) => format!("{name} no longer sees what you have read."),
            Self::Shown(Shown::Pinned, true) => format!("{name} stands above all others in your list."),
            Self::Shown(Shown::Pinned, false) => format!("{name} stands in your list by the newest message."),
            Self::Shown(Shown::Muted, true) => format!("What {name} writes notifies you no more."),
            Self::Shown(Shown::Muted, false) => format!("What {name} writes notifies you."),
            Self::Shown(Shown::Archived, true) => format!("The conversation with {name} is put away."),
            Self::Shown(Shown::Archived, false) => format!("The conversation with {name} is in your list again."),
            Self::Picture(Some(_)) => {
                format!("The app shows this picture for {name}, on all your devices and for you only.")
            }
            Self::Picture(None) => format!("The app shows no picture for {name}."),
            Self::Name(_) => format!("The contact is called {name} now, here and for you only."),
        }
    }
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').ok_or("a setting is a name, =, and a value")?;
        match (key, value) {
            ("disappear", "off") => Ok(Self::Disappear(None)),
            ("disappear", span) => {
                let span: Span = span.parse().map_err(|_| "disappear is off or a duration like 12h or 7d")?;
                match u32::try_from(span.seconds()) {
                    Ok(seconds) if seconds > 0 => Ok(Self::Disappear(Some(seconds))),
                    _ => Err("this duration is too short or too long".into()),
                }
            }
            ("receipts", "on") => Ok(Self::Receipts(Receipts::Sent)),
            ("receipts", "off") => Ok(Self::Receipts(Receipts::Withheld)),
            ("receipts", _) => Err("receipts is on or off".into()),
            ("pin" | "mute" | "archive", "on" | "off") => {
                let shown = match key {
                    "pin" => Shown::Pinned,
                    "mute" => Shown::Muted,
                    _ => Shown::Archived,
                };
                Ok(Self::Shown(shown, value == "on"))
            }
            ("pin" | "mute" | "archive", _) => Err(format!("{key} is on or off")),
            ("name", name) if show::is_blank(name) => Err("a name has letters that can be seen".into()),
            ("name", name) => Ok(Self::Name(name.to_owned())),
            ("picture", "") => Err("picture is a file or off".into()),
            ("picture", "off") => Ok(Self::Picture(None)),
            ("picture", file) => Ok(Self::Picture(Some(file.into()))),
            _ => Err("the settings are disappear, receipts, pin, mute, archive, name and picture".into()),
        }
    }
}

pub(crate) fn run(args: &Set, context: &Context) -> Result<(), Failure> {
    let contact = context.contact(&args.contact)?.id;
    for setting in &args.settings {
        let command = match setting.clone() {
            Setting::Disappear(seconds) => Command::SetDisappearing { contact, seconds },
            Setting::Receipts(receipts) => Command::SetReadReceipts { contact, receipts },
            Setting::Shown(shown, on) => Command::SetShown { contact, shown, on },
            Setting::Name(name) => Command::Rename { contact, name },
            Setting::Picture(file) => {
                Command::SetPicture { contact, picture: file.as_deref().map(read_picture).transpose()? }
            }
        };
        context.client.command(command)?;
    }
    context.out.data(&json!({"contact": contact_id(contact)}), || {
        let name = show::name(&context.client, contact);
        let lines: Vec<String> = args.settings.iter().map(|setting| setting.effect(&name)).collect();
        lines.join("\n")
    });
    Ok(())
}

/// Reads a picture and makes it small.
fn read_picture(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|file| file.take(MAX_PICTURE_FILE).read_to_end(&mut bytes))
        .map_err(|error| Failure::file("read", file, &error))?;
    small_picture(&bytes).ok_or_else(|| {
        let message = format!("{} is no picture that can be shown", file.display());
        Failure::new("unknown_picture", message, "take a JPEG, PNG or WebP of at most 12 million pixels")
    })
}

/// Bytes of a picture's file that are read: a large one of a good camera.
const MAX_PICTURE_FILE: u64 = 32 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_by_name_and_value() {
        assert_eq!("disappear=7d".parse(), Ok(Setting::Disappear(Some(604_800))));
        assert_eq!("disappear=off".parse(), Ok(Setting::Disappear(None)));
        assert_eq!("receipts=off".parse(), Ok(Setting::Receipts(Receipts::Withheld)));
        assert_eq!("pin=on".parse(), Ok(Setting::Shown(Shown::Pinned, true)));
        assert_eq!("archive=off".parse(), Ok(Setting::Shown(Shown::Archived, false)));
        assert_eq!("picture=off".parse(), Ok(Setting::Picture(None)));
        assert_eq!("picture=bela.jpg".parse(), Ok(Setting::Picture(Some("bela.jpg".into()))));
        assert_eq!("name=Bela = B".parse(), Ok(Setting::Name("Bela = B".into())));
    }

    #[test]
    fn other_settings_are_refused() {
        for text in [
            "",
            "disappear",
            "disappear=0s",
            "disappear=200w ago",
            "receipts=yes",
            "mute=for a while",
            "colour=red",
            "name=",
            "picture=",
            "name=\u{200b}",
        ] {
            assert!(text.parse::<Setting>().is_err(), "{text}");
        }
    }
}
