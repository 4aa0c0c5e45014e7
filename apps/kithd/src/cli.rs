//! The command line: what may be said, and nothing of what it does.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand};

use crate::duration::{Span, SpanError};
use crate::sandbox;

/// The Kith home server: stores and forwards what it cannot read.
///
/// Without arguments it listens on port 5484 of every address of this machine and keeps its data in
/// $XDG_DATA_HOME/kithd or ~/.local/share/kithd. What is said here wins over KITHD_… environment variables, those over the
/// configuration file, and that over the defaults.
///
/// Everything that has no flag (who may register, quotas, retention, limits and timeouts, TLS, metrics) is a key of the
/// configuration file and a variable: limits.proof is KITHD_LIMITS_PROOF. `kithd config` prints a file with every key.
#[derive(Debug, Parser)]
#[command(name = "kithd", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,

    #[command(flatten)]
    pub(crate) serve: Serve,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What every command understands.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Folder of the server's keys and data; one process owns it
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) data: Option<PathBuf>,

    /// Configuration file (TOML); without it, config.toml in the data folder if there is one
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,

    /// Write one JSON object a line to standard output, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What the server itself understands.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,

    /// How others reach this server, as it stands in their cards: https://kith.example.org
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,

    /// Also deliver to servers on this machine and in private networks
    #[arg(long)]
    pub(crate) allow_private_peers: bool,

    /// Whether to give up files and system calls that the server does not need
    #[arg(long, value_name = "MODE", value_enum)]
    pub(crate) sandbox: Option<sandbox::Mode>,

    /// Run as root without complaint
    #[arg(long)]
    pub(crate) allow_root: bool,

    /// Folder of the web app, which is then served at /; "" serves none [default: /usr/share/kith/web, if it is there]
    #[arg(long, value_name = "DIR", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub(crate) web: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an invite code that lets people register here
    Invite(Invite),

    /// See which accounts there are, and remove one
    ///
    /// An account is a key of one device. Whose it is, the server does not know, and this does not tell either.
    #[command(subcommand)]
    Account(Account),

    /// Tell how the server is: what runs, how full it is, what needs attention
    ///
    /// The exit code is 0 when all is well; 4 when the server runs and something needs attention, which is said at the end; 3 when none
    /// runs; 2 when the command or the configuration is wrong; 1 for anything else. So for a program that watches the server, 4 is a
    /// warning and 3 an alarm.
    Status,

    /// Write everything that the server must keep into one file, also while it runs
    Backup(Backup),

    /// Make a data folder from a backup
    Restore(Restore),

    /// Verify the data folder of a server that does not run, or a backup
    Check(Check),

    /// Print a configuration file with every key, its meaning and its default, or check what is configured
    Config(Configuration),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Account {
    /// List all accounts: the key, the day of registration, and what each has here
    List,

    /// Remove an account with its queues, what waits in them, its files and its backups, for good
    ///
    /// The device cannot use it any more, nor register the same key again. What was sent to it from then on is lost, as if it were away; its
    /// contacts are not told.
    Remove {
        /// The key, as `kithd account list` shows it
        #[arg(value_name = "ACCOUNT")]
        key: String,

        /// Do not ask: nothing of it comes back
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Configuration {
    /// Read the configuration as a start does, print every setting with where it comes from, and tell what is wrong (exit code 2, or 1
    /// for a file of certificates). Changes nothing, also beside a running server; variables count that are set here
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// File that is written, or a folder in which one is made; - writes to standard output
    #[arg(value_name = "FILE|FOLDER")]
    pub(crate) to: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// Backup that is read; - reads from standard input
    #[arg(value_name = "BACKUP")]
    pub(crate) from: PathBuf,

    /// Data folder that is made; it must be empty or not be there
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Data folder or backup; without it, the configured data folder
    #[arg(value_name = "FOLDER|BACKUP")]
    pub(crate) what: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Invite {
    /// How many devices may register with it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) uses: u32,

    /// How long it is good for: 12h, 7d, 4w
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = lifetime)]
    pub(crate) expires: Span,
}

/// Reads how long a code is good for: long enough to reach somebody, and not for ever.
fn lifetime(text: &str) -> Result<Span, String> {
    let span: Span = text.parse().map_err(|error: SpanError| error.to_string())?;
    if (SHORTEST_INVITE..=LONGEST_INVITE).contains(&span) { Ok(span) } else { Err("from 1m to 366d".to_owned()) }
}

const SHORTEST_INVITE: Span = Span(Duration::from_secs(60));
const LONGEST_INVITE: Span = Span::days(366);
