//! `kith init`: a new person in a new folder, with a home server.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use kith_client::{CarrierError, Client, ClientError, Options, Password, SyncError};
use kith_crypto::sign;
use kith_engine::{QueryError, Status, Trouble};
use kith_wire::Wire as _;
use kith_wire::address::{Scheme, ServerUrl};
use kith_wire::descriptor::Descriptor;
use kith_wire::id::{InviteCode, ServerKey};
use kith_wire::signed::Signed;
use serde_json::json;

use crate::failure::{Failure, trouble_failure};
use crate::output::Out;
use crate::{show, times};

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Address of your home server: https://kith.example.org
    #[arg(long, value_name = "URL")]
    pub(crate) server: String,

    /// Key that the server must prove, as its owner told you; without it, the key that is found is shown and kept
    #[arg(long, value_name = "KEY")]
    pub(crate) server_key: Option<String>,

    /// Invite code, for servers that ask for one
    #[arg(long, value_name = "CODE")]
    pub(crate) invite: Option<String>,

    /// Your own name, for your own eyes
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// Everything that can be wrong with the arguments is found before a password is asked for.
pub(crate) struct Checked {
    url: ServerUrl,
    expect: Option<ServerKey>,
    invite: Option<InviteCode>,
    name: Option<String>,
}

impl Init {
    pub(crate) fn check(&self) -> Result<Checked, Failure> {
        let url = server_url(&self.server)?;
        let expect = self.server_key.as_deref().map(|text| {
            ServerKey::parse(text.trim())
                .ok_or_else(|| Failure::usage("this is not a server key", "a server key is 52 letters and digits long"))
        });
        let invite = self.invite.as_deref().map(|text| {
            InviteCode::parse(text)
                .ok_or_else(|| Failure::usage("this is not an invite code", "a code is 26 letters and digits long"))
        });
        Ok(Checked { url, expect: expect.transpose()?, invite: invite.transpose()?, name: self.name.clone() })
    }
}

impl Checked {
    /// Returns the address of the server.
    pub(crate) const fn url(&self) -> &ServerUrl {
        &self.url
    }

    /// Returns the invite code.
    pub(crate) fn into_invite(self) -> Option<InviteCode> {
        self.invite
    }
}

/// Reads the address of a home server as somebody typed it.
pub(crate) fn server_url(text: &str) -> Result<ServerUrl, Failure> {
    let url = ServerUrl::parse_lenient(text)
        .map_err(|error| Failure::usage(error.to_string(), "an address looks like https://kith.example.org"))?;
    if url.scheme() == Scheme::Http && !is_this_machine(url.host()) {
        let message = "over plain http, everybody on the way could see when you talk";
        let secure = url.as_str().replacen("http", "https", 1);
        let hint = format!("write {secure} in its place; http:// is only for a server on this machine");
        return Err(Failure::new("plain_http", message, hint));
    }
    Ok(url)
}

/// Says that a server does not answer, or is none.
pub(crate) fn no_server(url: &ServerUrl, error: &CarrierError) -> Failure {
    let offline = |hint: String| Failure { hint, ..Failure::offline(format!("{url} does not answer: {error}")) };
    match error {
        CarrierError::Certificate => {
            let hint = "whoever runs it needs a certificate from an authority that browsers trust too; if it had one until now, somebody may sit between";
            let message = format!("{url} answers, and {error}");
            Failure { hint: hint.to_owned(), ..Failure::offline(message) }
        }
        CarrierError::Handshake if is_this_machine(url.host()) => {
            let plain = url.as_str().replacen("https", "http", 1);
            offline(format!("a server on this machine that has no certificate is at {plain}"))
        }
        error if error.may_pass() => offline(
            "check the address (without a port it means port 5484) and your connection, then try again".to_owned(),
        ),
        error if url.scheme() == Scheme::Http => {
            let secure = url.as_str().replacen("http", "https", 1);
            Failure { hint: format!("if it has a certificate, it is at {secure}"), ..not_a_server(url, error) }
        }
        error => not_a_server(url, error),
    }
}

/// Where somebody is at home.
pub(crate) struct Settled {
    url: ServerUrl,
    key: ServerKey,
}

pub(crate) async fn run(
    args: Checked,
    folder: &Path,
    password: impl Fn() -> Result<Password, Failure>,
    options: Options,
    out: &Out,
) -> Result<(), Failure> {
    let Settled { url, key } = settle(args, folder, password, options, out).await?;
    let object = json!({"home": folder.display().to_string(), "server": url.as_str(), "server_key": key.to_string()});
    out.data(&object, || {
        format!(
            "You are at home at {url}, in {}.\nNext: `kith card new --name NAME` makes a card for somebody, `kith card accept` answers theirs.",
            folder.display()
        )
    });
    Ok(())
}

/// Makes the person, and registers at the home server. Nobody chooses a password for a server that is not there.
pub(crate) async fn settle(
    args: Checked,
    folder: &Path,
    password: impl Fn() -> Result<Password, Failure>,
    options: Options,
    out: &Out,
) -> Result<Settled, Failure> {
    let unfinished = if is_taken(folder) { Some(reopen(folder, &password()?, options)?) } else { None };
    let (descriptor, key) = find_server(&args, options).await?;
    if args.expect.is_none() {
        out.note(format!(
            "The home server at {} proves the key\n  {key}\nIt is kept from now on. Compare it with what the server's owner says.",
            args.url
        ));
    }
    let is_fresh = unfinished.is_none();
    let client = match unfinished {
        Some(client) => client,
        None => create(folder, &password()?, options)?,
    };
    let made = make(&client, args, descriptor, key).await;
    client.close().await;
    if let Err(failure) = &made
        && is_fresh
        && failure.code != "offline"
    {
        // Without a home server the folder is worth nothing, and it would stand in the way of the next attempt.
        remove_unused(folder);
    }
    Ok(Settled { url: made?, key })
}

/// Returns whether somebody is in the folder, perhaps without a home server that has taken them.
pub(crate) fn is_taken(folder: &Path) -> bool {
    folder.join(HEAD).exists()
}

fn create(folder: &Path, password: &Password, options: Options) -> Result<Client, Failure> {
    if let Some(above) = folder.parent() {
        std::fs::create_dir_all(above).map_err(|error| Failure::file("made", above, &error))?;
    }
    Ok(Client::create(folder, password, options)?)
}

/// Opens the folder of somebody whom no home server has taken yet, for another attempt.
fn reopen(folder: &Path, password: &Password, options: Options) -> Result<Client, Failure> {
    let client = Client::open(folder, password, options)?;
    match client.ask(|engine| engine.status(times::now())) {
        Ok(status) if status.registered => Err(taken(folder, &status)),
        // Also when an earlier attempt ended before there was a person.
        Ok(_) | Err(QueryError::NotInitialised) => Ok(client),
        Err(error) => Err(error.into()),
    }
}

/// Says who is in a folder in which somebody new was to be.
pub(crate) fn taken(folder: &Path, status: &Status) -> Failure {
    let name = status.name.as_deref().map_or_else(|| "somebody without a name".to_owned(), show::one_line);
    let message = format!("in {} is {name} already, at home at {}", folder.display(), status.server);
    let hint = "to go on there, nothing is to be made: see `kith status`; one folder is one person, so for somebody else choose another with --home DIR";
    Failure { message, hint: hint.to_owned(), ..ClientError::AlreadyExists.into() }
}

/// Fetches the server's papers and checks who signed them.
pub(crate) async fn find_server(args: &Checked, options: Options) -> Result<(Vec<u8>, ServerKey), Failure> {
    let bytes = Client::descriptor(&args.url, options).await.map_err(|error| no_server(&args.url, &error))?;
    let signed = Signed::<Descriptor>::from_bytes(&bytes).map_err(|error| not_a_server(&args.url, &error))?;
    let opened = sign::open(signed).map_err(|error| not_a_server(&args.url, &error))?;
    let key = opened.get().server_key;
    match args.expect {
        Some(expected) if expected != key => {
            let message = format!("{} proves another key than the one you gave: {key}", args.url);
            let hint = "ask whoever runs it for its key; do not go on if they say that yours is right";
            Err(Failure::new("server_key_mismatch", message, hint))
        }
        _ => Ok((bytes, key)),
    }
}

async fn make(client: &Client, args: Checked, descriptor: Vec<u8>, key: ServerKey) -> Result<ServerUrl, Failure> {
    let (url, invite, name) = (args.url.clone(), args.invite, args.name);
    client.command(kith_engine::Command::Init { url: args.url, descriptor, expect: Some(key), invite, name })?;
    match client.sync(REGISTER_PATIENCE).await {
        // A server that was there a moment ago is there again soon; registration then happens by itself.
        Ok(()) | Err(SyncError::TimedOut | SyncError::Unreachable(_)) => Ok(url),
        Err(SyncError::Trouble(Trouble::InviteNeeded)) => Err(trouble_failure(Trouble::InviteNeeded)),
        Err(error) => Err(error.into()),
    }
}

/// Removes what this process made a moment ago; nothing else is touched, and the folder goes only if it is empty then.
fn remove_unused(folder: &Path) {
    for name in [HEAD, "kith.db", "kith.db-wal", "kith.db-shm", "kith.db-journal", "lock"] {
        let _ = std::fs::remove_file(folder.join(name));
    }
    let _ = std::fs::remove_dir(folder.join("chunks"));
    let _ = std::fs::remove_dir(folder);
}

fn not_a_server(url: &ServerUrl, reason: &dyn std::error::Error) -> Failure {
    let message = format!("what answers at {url} is not a home server");
    let hint = "check the address (without a port it means port 5484); a home server's owner knows it";
    Failure::new("not_a_home_server", message, hint).with_detail(reason)
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The file by which one knows that a folder has somebody in it.
const HEAD: &str = "vault.head";
/// How long registration may take before it is left to the next command.
const REGISTER_PATIENCE: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(server: &str) -> Result<String, String> {
        let init = Init { server: server.into(), server_key: None, invite: None, name: None };
        init.check().map(|checked| checked.url.to_string()).map_err(|failure| failure.code)
    }

    #[test]
    fn plain_http_is_refused_beyond_this_machine() {
        for server in
            ["http://kith.example.org", "http://192.168.1.4:5484", "http://[fe80::1]:5484", "http://127.evil.org"]
        {
            assert_eq!(checked(server), Err("plain_http".into()), "{server}");
        }
        let told = server_url("http://kith.example.org:443").unwrap_err();
        assert!(told.hint.contains("write https://kith.example.org:443 in its place"), "{}", told.hint);
        for server in ["http://127.0.0.1:5484", "http://localhost:1", "http://[::1]:5484", "https://kith.example.org"] {
            assert_eq!(checked(server), Ok(server.into()));
        }
    }

    #[test]
    fn addresses_without_scheme_are_https() {
        assert_eq!(checked("Kith.Example.org/"), Ok("https://kith.example.org".into()));
        assert_eq!(checked("ftp://kith.example.org"), Err("usage".into()));
    }

    #[test]
    fn keys_and_codes_are_checked_before_anything_happens() {
        let init = |key: Option<&str>, invite: Option<&str>| Init {
            server: "localhost".into(),
            server_key: key.map(Into::into),
            invite: invite.map(Into::into),
            name: None,
        };
        assert!(init(Some("short"), None).check().is_err());
        assert!(init(None, Some("short")).check().is_err());
        let (key, code) = (ServerKey([3; 32]).to_string(), InviteCode::new([3; 16]).to_text());
        assert!(init(Some(&key), Some(&code)).check().is_ok());
    }
}
