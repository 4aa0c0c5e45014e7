//! `kith backup --at-home`: a backup that lies at the home server, by hand or by itself.

use clap::ValueEnum;
use kith_client::{Before, Growth, HomeBackedUp, HomeBackupError, HomeStep, KeepError};
use serde_json::json;

use crate::commands::backup::Backup;
use crate::commands::backup_reach;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Out;
use crate::show;

/// How often a device makes a backup at the home server by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Every {
    /// When the last one is a day old
    Day,
    /// When the last one is a week old
    Week,
    /// Never
    Off,
}

impl Every {
    const fn hours(self) -> Option<u32> {
        match self {
            Self::Day => Some(24),
            Self::Week => Some(7 * 24),
            Self::Off => None,
        }
    }
}

/// Makes one now, or does what else was asked.
pub(crate) async fn run(args: &Backup, context: &Context) -> Result<(), Failure> {
    if args.remove {
        return remove(context).await;
    }
    if let Some(every) = args.every {
        context.client.set_home_backup(every.hours())?;
        if every == Every::Off {
            context.out.data(&json!({"every_hours": null}), || {
                "This device makes no backups at your home server by itself any more. What lies there stays for now.".into()
            });
            return Ok(());
        }
    }
    let growth = if args.anew { Growth::Anew } else { Growth::Usual };
    let made = context.client.back_up_home(&context.password()?, growth, progress(&context.out)).await?;
    tell(&made, context)
}

fn tell(made: &HomeBackedUp, context: &Context) -> Result<(), Failure> {
    let HomeBackedUp { written, sent, before } = made;
    let view = context.client.ask(|engine| engine.home_backup()).map_err(HomeBackupError::from)?;
    let server = context.client.ask(|engine| engine.status(crate::times::now()))?.server;
    let (contacts, messages) = (written.contacts, written.messages);
    let reach = backup_reach::of(&context.client).map_err(HomeBackupError::from)?;
    let object = json!({
        "server": server.as_str(), "contacts": contacts, "messages": messages, "bytes": written.bytes, "sent": sent,
        "every_hours": view.every, "lost_before": *before == Before::Lost, "missing": reach.missing,
    });
    context.out.data(&object, || {
        let news = format!("{} and {}", show::number(contacts, "contact"), show::number(messages, "message"));
        let (sent, all) = (show::size(*sent), show::size(written.bytes));
        format!("Your backup at {server} is up to date: {news} written, {sent} sent, {all} in all.")
    });
    if *before == Before::Lost {
        context.out.note(LOST_BEFORE);
    }
    if let Some(word) = backup_reach::missing(&reach) {
        context.out.note(word);
    }
    if context.client.ask(|engine| engine.backups()).map_err(HomeBackupError::from)?.phrase_checked.is_none() {
        context.out.note("You have never shown that you have your recovery phrase, and nothing else opens it: `kith recovery check`.");
    }
    context.out.note(format!(
        "It opens with your recovery phrase (`kith recovery phrase`) and with nothing else: `kith restore --at-home {server}`.\n\
         {} It stays there for about thirteen months after you were last online; keep a file too (`kith backup FILE`).",
        match view.every {
            Some(hours) => format!("This device makes the next one by itself {}.", if hours <= 24 { "in a day" } else { "in a week" }),
            None => "The next one is made when you say so, or by itself with `--every day`.".to_owned(),
        }
    ));
    Ok(())
}

async fn remove(context: &Context) -> Result<(), Failure> {
    let n_removed = context.client.remove_home_backups(&context.password()?).await?;
    context.out.data(&json!({"removed": n_removed}), || match n_removed {
        0 => "There was no backup of yours at your home server.".to_owned(),
        n => {
            format!("{} of yours at your home server removed, on all your devices' behalf.", show::number(n, "backup"))
        }
    });
    Ok(())
}

/// Makes the next one if one is due. What goes wrong is told and stands in nobody's way: it is tried again with the next round.
pub(crate) async fn keep(context: &Context) {
    match context.client.keep_home_backup().await {
        Ok(None) => {}
        Ok(Some(made)) => {
            let sent = show::size(made.sent);
            context.out.note(format!("Your backup at your home server is up to date ({sent} sent)."));
            if made.before == Before::Lost {
                context.out.note(LOST_BEFORE);
            }
        }
        Err(error) => {
            let failure = Failure::from(error);
            context.out.note(format!("No backup at your home server: {} ({})", failure.message, failure.hint));
        }
    }
}

/// Shows how far it is.
pub(crate) fn progress(out: &Out) -> impl Fn(HomeStep, u64, u64) {
    move |step, done, total| {
        let label = match step {
            HomeStep::Writing => "Messages",
            HomeStep::Moving => "Bytes",
        };
        out.progress(label, done, total);
    }
}

/// What a living device notices, and a restored one cannot.
const LOST_BEFORE: &str = "Your home server no longer had all of your last backup, or showed an older one. What was missing was sent again. If that happens \
     again, ask whoever runs it, and keep your backup elsewhere (`kith backup FILE`).";

impl From<HomeBackupError> for Failure {
    fn from(error: HomeBackupError) -> Self {
        match error {
            HomeBackupError::Backup(error) => error.into(),
            HomeBackupError::Keep(error) => error.into(),
            HomeBackupError::Query(error) => error.into(),
            other => Self::new("storage", other.to_string(), "see that the disk has room"),
        }
    }
}

impl From<KeepError> for Failure {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::Server(error) => Self::offline(error.to_string()),
            KeepError::NotRegistered => {
                Self::new("not_registered", "your home server has not taken you yet", "call `kith sync` first")
            }
            KeepError::NoRoom => Self::new(
                "no_room",
                "your home server keeps no more for you; the backup before is as good as it was",
                "ask whoever runs it for more room, or keep your backup in a file: `kith backup FILE`",
            ),
            KeepError::Nothing => Self::new(
                "no_backup",
                "there is no backup of yours at this home server, or it does not show it",
                "look at the address, and at which paper the words are on",
            ),
            KeepError::File(_) => {
                Self::new("storage", error.to_string(), "see that the disk has room, then try again: it goes on")
            }
            _ => Self::new(
                "home_backup",
                format!("{error}; the backup before is as good as it was"),
                "try again: it goes on where it stopped",
            ),
        }
    }
}
