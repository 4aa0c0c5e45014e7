//! The commands, one file each: what they are called with, and what they do.

pub(crate) mod accept;
pub(crate) mod backup;
pub(crate) mod backup_reach;
pub(crate) mod block;
pub(crate) mod card;
pub(crate) mod change_device;
pub(crate) mod compare_codes;
pub(crate) mod completions;
pub(crate) mod contacts;
pub(crate) mod delete;
pub(crate) mod device;
pub(crate) mod devices;
pub(crate) mod edit;
pub(crate) mod export;
pub(crate) mod forget;
pub(crate) mod home_backup;
pub(crate) mod init;
pub(crate) mod join_device;
pub(crate) mod link_device;
pub(crate) mod links;
pub(crate) mod listen;
pub(crate) mod log;
pub(crate) mod man;
pub(crate) mod namesake;
pub(crate) mod new_card;
pub(crate) mod pace;
pub(crate) mod password;
pub(crate) mod react;
pub(crate) mod recovery;
pub(crate) mod restore;
pub(crate) mod restore_home;
pub(crate) mod rotate;
pub(crate) mod save;
pub(crate) mod send;
pub(crate) mod set;
pub(crate) mod status;
pub(crate) mod sync;
pub(crate) mod unblock;
pub(crate) mod verify;
pub(crate) mod web;

use crate::cli::Command;
use crate::commands::card::Card;
use crate::commands::device::Device;
use crate::commands::recovery::Recovery;
use crate::context::Context;
use crate::failure::Failure;

/// Does a command that works with an open folder. A device that was taken out is told which way.
pub(crate) async fn run(command: &Command, context: &Context) -> Result<(), Failure> {
    let failure = match run_unlocked(command, context).await {
        Err(failure) if failure.code == "revoked" => failure,
        outcome => return outcome,
    };
    let status = context.client.ask(|engine| engine.status(crate::times::now()))?;
    Err(if status.left_behind { crate::failure::left_behind() } else { failure })
}

async fn run_unlocked(command: &Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Card(Card::New(args)) => new_card::run(args, context).await,
        Command::Card(Card::Accept(args)) => accept::run(args, context).await,
        Command::Device(Device::List(_)) => devices::run(context),
        Command::Device(Device::Link(args)) => link_device::run(args, context).await,
        Command::Device(Device::Join(args)) => join_device::run(args, context).await,
        Command::Device(Device::Revoke(args)) => change_device::revoke(args, context).await,
        Command::Device(Device::Rename(args)) => change_device::rename(args, context).await,
        Command::Device(Device::Rotation(args)) => pace::run(args, context),
        Command::Contacts(_) => contacts::run(context),
        Command::Verify(args) => verify::run(args, context),
        Command::Send(args) => send::run(args, context).await,
        Command::React(args) => react::run(args, context),
        Command::Edit(args) => edit::run(args, context),
        Command::Delete(args) => delete::run(args, context),
        Command::Sync(args) => sync::run(args, context).await,
        Command::Listen(_) => listen::run(context).await,
        Command::Log(args) => log::run(args, context),
        Command::Save(args) => save::run(args, context).await,
        Command::Rotate(args) => rotate::run(args, context),
        Command::Block(args) => block::run(args, context),
        Command::Unblock(args) => unblock::run(args, context),
        Command::Forget(args) => forget::run(args, context).await,
        Command::Set(args) => set::run(args, context),
        Command::Status(_) => status::run(context),
        Command::Export(args) => export::run(args, context),
        Command::Password(_) => password::run(context),
        Command::Backup(args) => backup::run(args, context).await,
        Command::Recovery(Recovery::Phrase(_)) => recovery::show(context),
        Command::Recovery(Recovery::Check(_)) => recovery::check(context).await,
        Command::Init(_)
        | Command::Restore(_)
        | Command::Recovery(Recovery::Restore(_))
        | Command::Web(_)
        | Command::Completions(_)
        | Command::Man(_) => Err(Failure::usage("this command has no folder to work with", "see `kith --help`")),
    }
}

/// Returns whether a command may be handed over again when an owner died without an answer: it asks only, or does one
/// thing under a name. A card is told once; a forgotten or renamed contact is not found again; what shows what happens
/// has shown it.
pub(crate) fn may_be_said_again(command: &Command) -> bool {
    match command {
        Command::Card(Card::New(_))
        | Command::Device(Device::Link(_) | Device::Join(_) | Device::Revoke(_) | Device::Rename(_))
        | Command::Sync(_)
        | Command::Listen(_)
        | Command::Forget(_)
        | Command::Set(_)
        | Command::Export(_)
        | Command::Save(_)
        | Command::Init(_)
        | Command::Backup(_)
        | Command::Restore(_)
        | Command::Recovery(_)
        | Command::Password(_)
        | Command::Web(_)
        | Command::Completions(_)
        | Command::Man(_) => false,
        Command::Card(Card::Accept(_))
        | Command::Send(_)
        | Command::React(_)
        | Command::Edit(_)
        | Command::Delete(_)
        | Command::Block(_)
        | Command::Unblock(_)
        | Command::Rotate(_)
        | Command::Device(Device::List(_) | Device::Rotation(_))
        | Command::Contacts(_)
        | Command::Verify(_)
        | Command::Log(_)
        | Command::Status(_) => true,
    }
}

/// Returns whether a command needs the folder's password for more than opening it.
pub(crate) fn needs_password(command: &Command) -> bool {
    matches!(
        command,
        Command::Password(_)
            | Command::Backup(_)
            | Command::Recovery(_)
            | Command::Device(Device::Link(_) | Device::Join(_) | Device::Revoke(_) | Device::Rename(_))
    )
}

/// Returns the text argument of a command, when it may be `-`: standard input.
pub(crate) fn text_argument(command: &Command) -> Option<&str> {
    match command {
        Command::Send(args) => Some(&args.text),
        Command::Edit(args) => Some(&args.text),
        _ => None,
    }
}
