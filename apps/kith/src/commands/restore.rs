//! `kith restore`: a backup becomes a device in a new folder, in the place of all that there were.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use kith_client::{
    Backup, BackupFileError, BackupKey, Client, ClientError, Damage, LINK_WORDS, Options, PHRASE_WORDS, Password,
    Phrase, PhraseError, RestoreFailure, SyncError,
};
use kith_engine::{ContactView, QueryError, Restoring, Trouble};
use kith_wire::Timestamp;
use serde_json::json;

use crate::commands::{device, init, recovery, restore_home};
use crate::failure::{Failure, trouble_failure, with_source};
use crate::output::Out;
use crate::{secrets, show, times};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kith restore /media/stick/ana.kith\n  kith restore --at-home https://kith.example.org\n  kith recovery restore ana.kith --server https://kith.example.net"
)]
pub(crate) struct Restore {
    /// The backup
    #[arg(value_name = "FILE", required_unless_present = "at_home", conflicts_with = "at_home")]
    pub(crate) file: Option<PathBuf>,

    /// Address of the home server that has the backup: needs the recovery phrase, and nothing else
    #[arg(long, value_name = "URL")]
    pub(crate) at_home: Option<String>,

    /// Which of the backups that are found there, by its number [default: the first, which is the newest]
    #[arg(long, value_name = "NUMBER", requires = "at_home")]
    pub(crate) backup: Option<usize>,

    /// Do not ask whether what was found at the home server is what you want
    #[arg(long, requires = "at_home")]
    pub(crate) yes: bool,

    /// Address of a home server for this device [default: the one that you had]
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,

    /// Key that the server must prove, as its owner told you [default: the one that your home server had]
    #[arg(long, value_name = "KEY", requires = "server")]
    pub(crate) server_key: Option<String>,

    /// Invite code, for servers that ask for one
    #[arg(long, value_name = "CODE")]
    pub(crate) invite: Option<String>,

    /// What this device is called [default: the name of this machine]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// Take what is whole in a file that is damaged further on
    #[arg(long)]
    pub(crate) damaged: bool,
}

/// What the person has to open the backup with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum With {
    /// The phrase, or the password that the folder had.
    Either,
    /// The phrase.
    Phrase,
}

/// What opens a backup.
enum Secret {
    Phrase(Phrase),
    Password(Password),
}

pub(crate) async fn run(
    args: &Restore,
    with: With,
    folder: &Path,
    password: impl Fn() -> Result<Password, Failure>,
    (options, out): (Options, &Out),
) -> Result<(), Failure> {
    let name = device::own_name(args.name.as_deref())?;
    if init::is_taken(folder) {
        refuse_somebody(args.file.as_deref(), folder, &password()?, options)?;
    }
    let damage = if args.damaged { Damage::CutOff } else { Damage::Refused };
    if let Some(url) = &args.at_home {
        let phrase = match ask(With::Phrase, out).await? {
            Secret::Phrase(phrase) => phrase,
            Secret::Password(_) => return Err(Failure::usage("this needs the recovery phrase", "type its 24 words")),
        };
        let server = init::Init { server: url.clone(), server_key: None, invite: None, name: None };
        let fetched = restore_home::fetch(args, &server, &phrase, folder, (damage, options, out)).await?;
        let client = take_in(args, (&fetched.backup, fetched.every), (folder, &name), password, (options, out)).await?;
        // It is of no use any more, and in nobody's way when it stays.
        let _ = std::fs::remove_file(&fetched.file);
        return finish(client, out).await;
    }
    let Some(file) = &args.file else {
        return Err(Failure::usage("there is no backup to restore", "name a file, or --at-home URL"));
    };
    let file = std::env::current_dir().unwrap_or_default().join(file);
    look_at(&file)?;
    let secret = ask(with, out).await?;
    let key = match &secret {
        Secret::Phrase(phrase) => BackupKey::Phrase(phrase),
        Secret::Password(password) => BackupKey::Password(password),
    };
    let backup = Backup::open(&file, &key, damage, |done, total| out.progress("Looking at the backup", done, total));
    let backup = backup.map_err(|error| refused(error, &secret))?;
    let client = take_in(args, (&backup, None), (folder, &name), password, (options, out)).await?;
    finish(client, out).await
}

/// Sees that nobody is in the folder but who is being restored there.
fn refuse_somebody(file: Option<&Path>, folder: &Path, password: &Password, options: Options) -> Result<(), Failure> {
    let client = match Client::open(folder, password, options) {
        Ok(client) => client,
        Err(ClientError::Restoring) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    match client.ask(|engine| engine.status(times::now())) {
        Ok(status) if status.registered => {
            let taken = init::taken(folder, &status);
            let phrase = client.phrase(password)?;
            // Who was interrupted after the last word has said it all, and must not become a second one elsewhere.
            Err(match file {
                Some(file) if !Backup::is_of(file, &phrase) => taken,
                Some(_) => Failure { hint: RESTORED_HINT.to_owned(), ..taken },
                None => Failure { hint: PERHAPS_RESTORED_HINT.to_owned(), ..taken },
            })
        }
        // An attempt that was interrupted goes on.
        Ok(_) | Err(QueryError::NotInitialised) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Sees that a backup is there: nobody types what opens it for a file that is none.
fn look_at(file: &Path) -> Result<(), Failure> {
    if file.is_dir() {
        let hint = match Backup::newest_in(file) {
            Some(newest) => format!("name the file in it: kith restore '{}'", newest.display()),
            None => "name the file that `kith backup` has made; in this folder is none".to_owned(),
        };
        return Err(Failure::new("file", format!("{} is a folder", file.display()), hint));
    }
    match std::fs::File::open(file) {
        Err(error) => Err(Failure::file("read", file, &error)),
        Ok(_) => Backup::look(file).map_err(of_file),
    }
}

/// A device that was restored and is not online yet.
struct Restored {
    client: Client,
    password: Password,
    url: kith_wire::address::ServerUrl,
    /// When the backup was made.
    made: Timestamp,
}

/// Takes the backup in, at the home server that was chosen. `every` says after how many hours the next one is made there by itself.
async fn take_in(
    args: &Restore,
    (backup, every): (&Backup, Option<u32>),
    (folder, name): (&Path, &str),
    password: impl Fn() -> Result<Password, Failure>,
    (options, out): (Options, &Out),
) -> Result<Restored, Failure> {
    if backup.is_torn {
        let until = times::local(backup.made, times::now());
        out.note(format!(
            "The file ends in the middle of something. What was whole in it is taken: all until {until}."
        ));
    }
    if backup.unknown > 0 {
        let what = show::number(backup.unknown, "thing");
        out.note(format!("A newer version of Kith has written {what} that this one does not know, and leaves out."));
    }
    let wanted = args.home_server(backup)?.check()?;
    let (descriptor, server) = init::find_server(&wanted, options).await?;
    let progress = |done, total| out.progress("Taking it in", done, total);
    let password = password()?;
    let client = Client::restore(folder, &password, options, (backup, name), progress).await.map_err(taken)?;
    let url = wanted.url().clone();
    let (invite, own) = (wanted.into_invite(), backup.name.clone());
    client.command(kith_engine::Command::Init {
        url: url.clone(),
        descriptor,
        expect: Some(server),
        invite,
        name: own,
    })?;
    // Whoever is whole goes on as before: so this comes first, wherever the program is killed.
    client.set_home_backup(every)?;
    client.finish_restore(backup).map_err(taken)?;
    Ok(Restored { client, password, url, made: backup.made })
}

/// Goes online, and says what has happened.
async fn finish(restored: Restored, out: &Out) -> Result<(), Failure> {
    let settled = go_online(&restored.client, &restored.password).await;
    let told = tell(&restored, out);
    restored.client.close().await;
    match settled {
        // A server that was there a moment ago is there again soon; what is left then happens by itself.
        Ok(()) | Err(SyncError::TimedOut | SyncError::Unreachable(_)) => told,
        Err(SyncError::Trouble(Trouble::InviteNeeded)) => told.and(Err(trouble_failure(Trouble::InviteNeeded))),
        Err(error) => told.and(Err(error.into())),
    }
}

impl Restore {
    /// Returns the home server that the restored device will have.
    fn home_server(&self, backup: &Backup) -> Result<init::Init, Failure> {
        let (server, server_key) = match &self.server {
            Some(server) => (server.clone(), self.server_key.clone()),
            None => (backup.server.url.to_string(), Some(backup.server.key.to_string())),
        };
        Ok(init::Init { server, server_key, invite: self.invite.clone(), name: None })
    }
}

/// Registers, and begins to tell the contacts: their cards are answered with queues that the home server has made by then.
async fn go_online(client: &Client, password: &Password) -> Result<(), SyncError> {
    client.sync(REGISTER_PATIENCE).await?;
    if client.sign_lists(password).is_ok() {
        return client.sync(REGISTER_PATIENCE).await;
    }
    // What could not be signed now is signed when the folder is opened next.
    Ok(())
}

/// Says what has happened, and what happens now.
fn tell(Restored { client, url, made, .. }: &Restored, out: &Out) -> Result<(), Failure> {
    let name = client.ask(|engine| engine.own_name())?;
    let contacts = client.ask(|engine| engine.contacts())?;
    let messages = client.ask(|engine| engine.n_messages())?;
    let is_lost = |one: &&ContactView| one.needs_card || one.restoring == Some(Restoring::NeedsCard);
    let lost: Vec<&str> = contacts.iter().filter(is_lost).map(|one| one.name.as_str()).collect();
    let object = json!({
        "home": client.folder().display().to_string(), "server": url.as_str(), "device": name, "contacts": contacts.len(),
        "messages": messages, "need_card": lost,
    });
    out.data(&object, || {
        let (contacts, messages) = (show::number(contacts.len(), "contact"), show::number(messages, "message"));
        let until = times::local(*made, times::now());
        format!("Restored, with {contacts} and {messages} of until {until}, in {}.", client.folder().display())
    });
    let is_from_home = contacts.iter().any(|one| one.from_home.is_some());
    out.note(
        "This is a new device of yours, and now the only one: all others are revoked, and your people are told, within six hours,\n\
         or at once when you write to them. They see that you went on from a backup, and may want to compare digits (`kith verify`).\n\
         Stay online for a while: `kith listen`. What was said after the backup was made is on no device of yours any more.",
    );
    if contacts.len() > lost.len() {
        out.note(
            "You are back with each of them when they have answered; `kith contacts` says who has not yet. If you took a device out as lost or stolen after \
             this backup was made (`kith device revoke --lost`), nobody answers: then give each a new card (`kith card new --name NAME --instead`), which they accept with --instead, too.",
        );
    }
    if is_from_home {
        out.note(
            "Compare digits with each of them again (`kith verify`), also with those with whom you had: what lies at a home server can be made up by \
             whoever once got into a device of yours while it was open.",
        );
    }
    if !lost.is_empty() {
        let names: Vec<String> = contacts.iter().filter(is_lost).map(|one| show::name_among(one, &contacts)).collect();
        out.note(format!(
            "No card of them was in the backup, so they cannot be told: {}. Give each a new one with `kith card new --name NAME`; \
             the conversation goes on with it.",
            names.join(", ")
        ));
    }
    Ok(())
}

/// Asks for what opens the backup.
async fn ask(with: With, out: &Out) -> Result<Secret, Failure> {
    if let Some(text) = secrets::of_variable("KITH_PHRASE")? {
        return phrase(&text).map(Secret::Phrase);
    }
    match with {
        With::Phrase => typed_phrase(out).await.map(Secret::Phrase),
        With::Either => {
            let typed = secrets::of_backup()?;
            match Phrase::parse(typed.text()) {
                Ok(phrase) => Ok(Secret::Phrase(phrase)),
                // So many words are no password.
                Err(error) if typed.text().split_whitespace().count() == PHRASE_WORDS => Err(bad_phrase(error)),
                Err(error) => {
                    if matches!(error, PhraseError::WrongCount { found: LINK_WORDS }) {
                        out.note(format!(
                            "These are {LINK_WORDS} words, and a recovery phrase has {PHRASE_WORDS}: they are tried as the password. {WORDS_OF_A_LINK}"
                        ));
                    }
                    typed.password().map(Secret::Password)
                }
            }
        }
    }
}

/// Takes the words as they come, in as many lines as somebody likes.
async fn typed_phrase(out: &Out) -> Result<Phrase, Failure> {
    let mut text = zeroize::Zeroizing::new(String::new());
    let mut question = format!("Your recovery phrase, {PHRASE_WORDS} words:");
    loop {
        let Some(line) = out.ask(&question).await else {
            return Err(Failure::usage("nobody is there to type the phrase", "type it, or set KITH_PHRASE"));
        };
        let line = zeroize::Zeroizing::new(line);
        match Phrase::parse(&format!("{} {}", *text, *line)) {
            Ok(phrase) => return Ok(phrase),
            Err(PhraseError::WrongCount { found }) if found < PHRASE_WORDS => {
                if found == LINK_WORDS {
                    out.note(format!(
                        "These are {LINK_WORDS} words, and a recovery phrase has {PHRASE_WORDS}. {WORDS_OF_A_LINK}"
                    ));
                }
                text.push(' ');
                text.push_str(&line);
                question = format!("Word {}:", found + 1);
            }
            Err(PhraseError::UnknownWord { nearest, .. }) => out.note(recovery::misspelt(nearest)),
            Err(error) => return Err(bad_phrase(error)),
        }
    }
}

fn phrase(text: &str) -> Result<Phrase, Failure> {
    Phrase::parse(text).map_err(bad_phrase)
}

fn bad_phrase(error: PhraseError) -> Failure {
    let hint = match error {
        PhraseError::UnknownWord { nearest: Some(word), .. } => format!("is it {word}?"),
        PhraseError::WrongCount { found: LINK_WORDS } => WORDS_OF_A_LINK.to_owned(),
        _ => "look at the paper, word by word; the first four letters of each are enough".to_owned(),
    };
    Failure::new("bad_phrase", error.to_string(), hint)
}

/// The backup itself cannot be used with what was given to open it.
fn refused(error: RestoreFailure, secret: &Secret) -> Failure {
    let RestoreFailure::File(error) = error else { return taken(error) };
    if matches!((&error, secret), (BackupFileError::OtherPerson, Secret::Phrase(_))) {
        let hint = "this phrase opens other backups; look at which paper belongs to this file";
        return Failure::new("wrong_phrase", error.to_string(), hint);
    }
    of_file(error)
}

/// The backup itself cannot be used.
fn of_file(error: BackupFileError) -> Failure {
    use BackupFileError as E;
    let (code, hint) = match &error {
        E::NotABackup => ("not_a_backup", "choose a file that `kith backup` has made"),
        E::Newer { .. } => ("newer_version", "install the newer release of Kith, then try again"),
        E::WrongPassword => return Failure { hint: PASSWORD_HINT.into(), ..Failure::password_of("this backup") },
        E::OtherPerson => ("backup_damaged", "the beginning of the file was changed; use another copy of it"),
        E::Damaged { .. } => {
            ("backup_damaged", "use another copy of the file, or take what is whole in this one with --damaged")
        }
        _ => ("file", "check the path and its permissions"),
    };
    Failure::new(code, with_source(&error), hint)
}

/// The folder did not take it.
pub(crate) fn taken(error: RestoreFailure) -> Failure {
    match error {
        RestoreFailure::Client(error) => error.into(),
        RestoreFailure::Nothing => Failure::new(
            "backup_damaged",
            "there is not one whole backup in this file",
            "use another copy of it: this one was cut off, or never finished",
        ),
        RestoreFailure::Unknown => Failure::new(
            "newer_version",
            "something in this backup is not known here",
            "install the newer release of Kith, then try again",
        ),
        RestoreFailure::Engine(kith_engine::RestoreError::NotFresh) => kith_client::ClientError::AlreadyExists.into(),
        other => Failure::new(
            "storage",
            other.to_string(),
            "see that the disk has room, then give the same command again: it goes on",
        ),
    }
}

/// What is said of words that somebody takes for a recovery phrase.
const WORDS_OF_A_LINK: &str =
    "Twelve words belong to a link to a new device: `kith device join --words` asks for them.";
/// What to do in a folder whose person the backup is of.
const RESTORED_HINT: &str = "this backup is of the same person: if you restored it here, all of it is here, so go on with `kith sync` or `kith listen`, and \
                             restore it nowhere else";
const PERHAPS_RESTORED_HINT: &str = "if you restored your backup here, all of it is here, so go on with `kith sync` or `kith listen`, and restore it nowhere \
                                     else; for somebody else choose another folder with --home DIR";
const PASSWORD_HINT: &str = "type the password that your folder had when the backup was made, or the recovery phrase";
/// How long registration and the first words may take before they are left to the next command.
const REGISTER_PATIENCE: Duration = Duration::from_secs(15);
