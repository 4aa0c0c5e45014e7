//! `kith backup`: what is needed to be somebody again, in one sealed file.

use std::path::PathBuf;

use clap::Args;
use kith_client::{BackUpError, BackedUp, BackupKind, Growth, Overwrite};
use serde_json::json;

use crate::commands::backup_reach;
use crate::commands::home_backup::{self, Every};
use crate::context::Context;
use crate::failure::{Failure, with_source};
use crate::{files, show};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kith backup /media/stick\n  kith backup ana.kith --anew\n  kith backup --at-home --every day"
)]
pub(crate) struct Backup {
    /// The file, or a folder in which it gets a name of its own
    #[arg(value_name = "FILE", required_unless_present = "at_home", conflicts_with = "at_home")]
    pub(crate) file: Option<PathBuf>,

    /// Keep it at your home server, which can neither read it nor tell whom you know; only the recovery phrase opens it
    #[arg(long)]
    pub(crate) at_home: bool,

    /// Let this device do so by itself from now on, when it is online
    #[arg(long, value_name = "HOW_OFTEN", requires = "at_home", conflicts_with = "file")]
    pub(crate) every: Option<Every>,

    /// Remove all your backups at your home server, those of your other devices too
    #[arg(long, requires = "at_home", conflicts_with_all = ["every", "anew", "file"])]
    pub(crate) remove: bool,

    /// Write everything anew: what was edited or taken back is in the file no more
    #[arg(long)]
    pub(crate) anew: bool,

    /// Replace what lies there, even if another device or another person wrote it
    #[arg(long, conflicts_with = "at_home")]
    pub(crate) force: bool,
}

pub(crate) async fn run(args: &Backup, context: &Context) -> Result<(), Failure> {
    let Some(file) = &args.file else { return home_backup::run(args, context).await };
    let target = context.path(file);
    files::refuse_no_folder(&target)?;
    let overwrite = if args.force { Overwrite::Allowed } else { Overwrite::Refused };
    let growth = if args.anew { Growth::Anew } else { Growth::Usual };
    let progress = |done, total| context.out.progress("Messages", done, total);
    let made = context.client.back_up(&context.password()?, &target, (overwrite, growth), progress).await?;
    let BackedUp { file, contacts, messages, bytes, kind } = made;
    let shown = file.display().to_string();
    let reach = backup_reach::of(&context.client).map_err(BackUpError::from)?;
    let object = json!({
        "file": shown, "contacts": contacts, "messages": messages, "bytes": bytes, "kind": name(kind), "missing": reach.missing,
    });
    context.out.data(&object, || {
        let news = format!("{} and {}", show::number(contacts, "contact"), show::number(messages, "message"));
        let what = if kind == BackupKind::Grown { " that were new or changed" } else { "" };
        format!("{shown} is up to date: {news}{what} written, {} in all.", show::size(bytes))
    });
    for word in explained(kind).map(str::to_owned).into_iter().chain(backup_reach::missing(&reach)) {
        context.out.note(word);
    }
    context.out.note(
        "It opens with your password and with your recovery phrase (`kith recovery phrase`), and with nothing else.\n\
         Not in it: the contents of files, messages that disappear, and cards that nobody has answered yet.",
    );
    Ok(())
}

/// For programs.
const fn name(kind: BackupKind) -> &'static str {
    match kind {
        BackupKind::New => "new",
        BackupKind::Grown => "grown",
        BackupKind::Anew => "anew",
        BackupKind::Mended => "mended",
        BackupKind::NewPassword => "new_password",
        BackupKind::Replaced => "replaced",
    }
}

const fn explained(kind: BackupKind) -> Option<&'static str> {
    match kind {
        BackupKind::New | BackupKind::Grown | BackupKind::Anew | BackupKind::Replaced => None,
        BackupKind::Mended => Some("What lay there was damaged; it was written anew, whole. Look after that disk."),
        BackupKind::NewPassword => {
            Some("It had an older password; it was written anew under the one that you have now.")
        }
    }
}

impl From<BackUpError> for Failure {
    fn from(error: BackUpError) -> Self {
        match error {
            BackUpError::WrongPassword => Self::password(),
            BackUpError::Joining => Self::new(
                "not_linked",
                "this device is not linked yet: it has neither your recovery phrase nor anything to back up",
                "finish with `kith device join`, or look on a device that you have",
            ),
            BackUpError::Foreign { path, why } => Self::new(
                "exists",
                format!("{} is there already, and cannot go on as your backup: {why}", path.display()),
                "choose another name, or replace it with --force",
            ),
            BackUpError::OtherDevice(path) => Self::new(
                "other_device",
                format!(
                    "{} is a backup that another device of yours made, or this one before it was restored",
                    path.display()
                ),
                "choose another file for this device, or replace that one with --force: what only it has is lost then",
            ),
            BackUpError::NotAFile(_) => Self::new(
                "not_a_file",
                error.to_string(),
                "name a file, or a folder in which it gets a name of its own",
            ),
            BackUpError::File(kith_client::BackupFileError::InUse) => {
                Self::new("in_use", "another program is writing this backup", "wait until it is done, then try again")
            }
            BackUpError::Busy => Self::new(
                "in_use",
                "another backup of your folder is being made",
                "wait until it is done, then try again",
            ),
            BackUpError::File(error) => {
                let hint = "check that the folder is there, its permissions, and that the disk has room; a backup that lay there is as good as before";
                Self::new("file", with_source(&error), hint)
            }
            other => Self::new(
                "storage",
                other.to_string(),
                "see that the disk has room and that nobody else changes the folder",
            ),
        }
    }
}
