//! The command line: what may be said, and nothing of what it does.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    backup, block, card, completions, contacts, delete, device, edit, export, forget, init, listen, log, man, password,
    react, recovery, restore, rotate, save, send, set, status, sync, unblock, verify, web,
};

/// Talk to your people, without anybody in the middle.
///
/// A folder holds one person: you. Start with `kith init --server URL`, then make a contact card with `kith card new` and
/// give it to somebody, or answer theirs with `kith card accept`.
///
/// The password of your folder is asked for, or taken from KITH_PASSWORD or --password-file; a new one for `kith password`
/// from KITH_NEW_PASSWORD; for `kith restore`, the backup's from KITH_BACKUP_PASSWORD or the phrase from KITH_PHRASE. Times you see are local, times programs get are UTC.
///
/// Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 wrong password, 4 the network was needed and not reachable,
/// 5 what `kith send --wait` waited for has not happened yet, and goes on by itself.
#[derive(Debug, Parser)]
#[command(name = "kith", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "For every command")]
pub(crate) struct Common {
    /// Your folder; one folder is one person [default: ~/.local/share/kith]
    #[arg(long, value_name = "DIR", env = "KITH_HOME", hide_env_values = true, global = true)]
    pub(crate) home: Option<PathBuf>,

    /// Write one JSON object a line to standard output, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Read the password from the first line of a file, instead of asking for it
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) password_file: Option<PathBuf>,
}

/// Everything that `kith` does.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start: choose a home server and a password
    Init(init::Init),
    /// Make a contact card, or answer one
    #[command(subcommand)]
    Card(card::Card),
    /// See, link, name and revoke your devices
    #[command(subcommand)]
    Device(device::Device),
    /// Show your people
    Contacts(contacts::Contacts),
    /// Compare digits with a contact, so that you know who it is
    Verify(verify::Verify),
    /// Write a message
    Send(send::Send),
    /// React to a message with one emoji; an empty one takes it back
    React(react::React),
    /// Give one of your messages a new text
    Edit(edit::Edit),
    /// Take one of your messages back, on both sides
    Delete(delete::Delete),
    /// Go online for one round: send what waits, fetch what is there
    Sync(sync::Sync),
    /// Stay online and show what happens
    Listen(listen::Listen),
    /// Show a conversation; this counts as having read it
    Log(log::Log),
    /// Fetch a file that came with a message
    Save(save::Save),
    /// Move a contact to a fresh mailbox at your home server
    Rotate(rotate::Rotate),
    /// Stop hearing from a contact; they cannot tell
    Block(block::Block),
    /// Hear from a blocked contact again
    Unblock(unblock::Unblock),
    /// Delete a contact with everything that was said
    Forget(forget::Forget),
    /// Change settings of a contact
    Set(set::Set),
    /// Write a backup of everything into a sealed file, or bring it up to date.
    ///
    /// The file holds your people, your settings and what was said, sealed so that only your password or your recovery phrase opens
    /// it. Given again, the command adds what is new or has changed. It never holds the keys of your conversations: whoever restores it
    /// gets a new device, and your people are told.
    #[command(override_usage = "kith backup [OPTIONS] <FILE>\n       kith backup [OPTIONS] --at-home")]
    Backup(backup::Backup),
    /// Restore a backup in a new folder: a new device of yours, in the place of all others.
    ///
    /// You are asked for what opens the backup, the password that your folder had or your recovery phrase, and for a password for the new
    /// folder. All your other devices are revoked, and your people are told. Given again after an interruption, the command goes on.
    #[command(override_usage = "kith restore [OPTIONS] <FILE>\n       kith restore [OPTIONS] --at-home <URL>")]
    Restore(restore::Restore),
    /// Be prepared for losing every device: words on paper
    #[command(subcommand)]
    Recovery(recovery::Recovery),
    /// Choose another password
    Password(password::ChangePassword),
    /// Show how you are connected and what waits
    Status(status::Status),
    /// Write everything you have into a readable file
    Export(export::Export),
    /// Serve the app to a browser on this machine.
    ///
    /// For those who trust only their own machine: the app comes from a folder here and from nobody else's server. It is a person of its own,
    /// who lives in the browser; `kith device link` makes it one of your devices.
    Web(web::Web),
    /// Print completions for a shell
    Completions(completions::Completions),
    /// Print the manual page, or write one for each command
    Man(man::Man),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_may_follow_the_command() {
        let cli = Cli::try_parse_from(["kith", "contacts", "--json", "--home", "/x"]).unwrap();
        assert!(cli.common.json);
        assert_eq!(cli.common.home.as_deref(), Some(std::path::Path::new("/x")));
    }
}
