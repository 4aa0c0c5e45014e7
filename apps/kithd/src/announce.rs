//! What the server says about itself: to a person, to a program that started it, and on `/.well-known/kith`.

use std::io::IsTerminal as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use kith_wire::address::{DEFAULT_PORT, Scheme, ServerUrl};
use kith_wire::id::{AccountKey, ServerKey};
use serde::Serialize;
use serde_json::json;

use crate::backup::Totals;
use crate::config::{CONFIG_FILE, Config, Registration, Setting, as_file};
use crate::control::{AccountLine, ClosedBy, RemovedAccount};
use crate::error::AppError;
use crate::time::{bytes, rfc_3339};

/// Whom the program talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    /// A person at a terminal.
    Human,
    /// A program: one JSON object a line.
    Json,
}

/// What there is to tell once the server is ready.
pub(crate) struct Announcement<'a> {
    pub(crate) config: &'a Config,
    pub(crate) url: &'a ServerUrl,
    pub(crate) server_key: ServerKey,
    pub(crate) listen: SocketAddr,
    pub(crate) metrics: Option<SocketAddr>,
}

impl Announcement<'_> {
    /// Returns the JSON of `/.well-known/kith`.
    pub(crate) fn well_known(&self) -> String {
        let key = self.server_key.to_string();
        json!({"version": kith_wire::limits::VERSION, "url": self.url.as_str(), "server_key": key}).to_string()
    }

    fn for_people(&self) -> String {
        let Self { config, url, server_key, .. } = self;
        let mut text = format!(
            "kithd {} is ready.\n\n  address     {url}\n  server key  {server_key}\n  listens on  {}\n  data        {}\n",
            env!("CARGO_PKG_VERSION"),
            self.listen,
            config.data.display(),
        );
        if let Some(address) = self.metrics {
            text += &format!("  metrics     http://{address}/metrics\n");
        }
        let data = config.data.display();
        let settings = config.data.join(CONFIG_FILE);
        let settings = settings.display();
        text += &format!("\nPeople start with\n  kith init --server {url} --server-key {server_key}\n");
        match config.registration {
            Registration::Open => {
                text += &format!(
                    "Everybody who reaches it may register. For people with a code only, put registration = \"invite\"\n\
                     into {settings} and make codes with `kithd invite --data {data}`.\n"
                );
            }
            Registration::Invite => {
                text += &format!("They need a code for that: `kithd invite --data {data}` makes one.\n");
            }
        }
        text + &self.about_reach() + self.about_peers()
    }

    /// Says why another server beside this one gets nothing.
    fn about_peers(&self) -> &'static str {
        if is_this_machine(self.url.host()) && !self.config.allow_private_peers {
            "Two servers on one machine or in a private network deliver to each other with --allow-private-peers only.\n"
        } else {
            ""
        }
    }

    /// Says what is missing before others reach the server, as far as it can be told from here.
    fn about_reach(&self) -> String {
        let Self { config, url, .. } = self;
        let (host, port) = (url.host(), url.port());
        match (&config.public_url, &config.tls, url.scheme()) {
            (None, None, _) => {
                "\nNobody said how others reach this server, so that address is good on this machine only.\n\
                                Start it with --public-url https://YOUR.NAME once a name leads here.\n"
                    .to_owned()
            }
            (Some(_), None, Scheme::Https) => format!(
                "\nThat address is https and no certificate is configured: a proxy with TLS must stand before this server,\n\
                 at port {port} of {host}. (An address without a port means port {DEFAULT_PORT}.)\n"
            ),
            (Some(_), None, Scheme::Http) if !is_this_machine(host) => {
                "\nThat address is plain http, which people's programs refuse beyond their own machine: use https.\n"
                    .to_owned()
            }
            (Some(_), Some(_), Scheme::Https) if port != self.listen.port() => format!(
                "\nThat address means port {port} and this server listens on {}: something must lead from there to here, a router or a\n\
                 firewall, or one of public_url and listen is wrong. (An address without a port means port {DEFAULT_PORT}.)\n",
                self.listen.port()
            ),
            _ => String::new(),
        }
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Voice {
    /// Tells that the server is ready.
    pub(crate) fn ready(self, announcement: &Announcement<'_>) {
        let ready = Ready {
            ready: true,
            url: announcement.url.as_str(),
            server_key: announcement.server_key.to_string(),
            listen: announcement.listen,
            metrics: announcement.metrics.map(|address| format!("http://{address}/metrics")),
        };
        self.say(&announcement.for_people(), &ready);
    }

    /// Shows a configuration file with every key.
    pub(crate) fn config_file(self) {
        self.say(CONFIG, &json!({"config": CONFIG}));
    }

    /// Tells every setting and who said it; for a person as a configuration file that says the same.
    pub(crate) fn settings(self, file: &Path, settings: &[Setting]) {
        let is_there = if file.exists() { "" } else { ", which is not there" };
        let person = format!("# Configuration file: {}{is_there}\n\n{}", file.display(), as_file(settings));
        let each = settings.iter().map(|Setting { section, key, value, source }| {
            let key = section.map_or_else(|| (*key).to_owned(), |section| format!("{section}.{key}"));
            json!({"key": key, "value": value, "source": source})
        });
        self.say(&person, &json!({"file": file, "settings": each.collect::<Vec<_>>()}));
    }

    /// Tells an invite code, and with which address it is used, where that was configured.
    pub(crate) fn invite(self, code: &str, uses: u32, expires: &str, url: Option<&ServerUrl>) {
        let person = format!("{code}\n");
        self.say(&person, &json!({"invite": code, "uses": uses, "expires": expires}));
        if self == Self::Human {
            let times = if uses == 1 { "once".to_owned() } else { format!("{uses} times") };
            let url = url.map_or("URL", ServerUrl::as_str);
            eprintln!("Good {times}, until {expires}: kith init --server {url} --invite CODE");
        }
    }

    /// Tells an account; before the first one a person sees what the columns are.
    pub(crate) fn account(self, line: &AccountLine, is_first: bool) {
        let AccountLine { account, created, queues, blob_bytes, kept_bytes, outgoing, closed_by } = line;
        let since = rfc_3339(*created);
        let since = since.split('T').next().unwrap_or_default();
        let state = match closed_by {
            Some(ClosedBy::Owner) => "closed by its owner",
            Some(ClosedBy::Operator) => "removed",
            None => "",
        };
        let head = if is_first { ACCOUNTS } else { "" };
        let (blobs, kept) = (bytes(*blob_bytes), bytes(*kept_bytes));
        let person = format!("{head}{account}  {since}  {queues:>6}  {blobs:>8}  {kept:>8}  {outgoing:>7}  {state}");
        self.say(&format!("{}\n", person.trim_end()), &json!(line));
    }

    /// Ends the list of accounts; a program sees that nothing follows.
    pub(crate) fn accounts_end(self, n_accounts: u64) {
        if self == Self::Human && n_accounts == 0 {
            eprintln!("Nobody has registered here.");
        }
    }

    /// Tells what went with an account.
    pub(crate) fn account_removed(self, account: &AccountKey, removed: &RemovedAccount) {
        let RemovedAccount { queues, blobs, outgoing } = removed;
        let person = format!(
            "Removed, with {queues} queues and what waited in them, {blobs} blobs, and {outgoing} deposits for other servers.\n"
        );
        self.say(
            &person,
            &json!({"removed": account.to_string(), "queues": queues, "blobs": blobs, "outgoing": outgoing}),
        );
    }

    /// Tells how the server is.
    pub(crate) fn status(self, person: &str, report: &impl Serialize) {
        self.say(person, report);
    }

    /// Returns what shows how far something is. A program is told at the end only.
    pub(crate) fn progress(self) -> Progress {
        let is_shown = self == Self::Human && std::io::stderr().is_terminal();
        Progress { is_shown, last: None }
    }

    /// Tells that a backup was made; on standard output, which may be the backup itself, only where it has a path.
    pub(crate) fn backed_up(self, path: Option<&Path>, totals: &Totals) {
        let Some(path) = path else { return };
        let person = format!(
            "{} is complete: {}.\nIt holds the keys of the server: keep it where nobody else can read it.\n",
            path.display(),
            in_words(totals)
        );
        self.say(&person, &json!({"backup": path, "rows": totals}));
    }

    /// Tells what a restored server is.
    pub(crate) fn restored(self, folder: &Path, totals: &Totals) {
        let folder_text = folder.display();
        let person = format!(
            "{folder_text} is restored: {}.\n\n\
             The server goes on from the moment of the backup. Frames that were fetched since come again, and people's\n\
             programs drop them. Messages that came since come again when their senders repeat them; accounts, queues and\n\
             files that came since are gone, and so are changes since.\n\
             It is the same server, with the same key: make sure that the old one never runs again.\n\n\
             Start it with\n  kithd --data {folder_text}\n",
            in_words(totals)
        );
        self.say(&person, &json!({"restored": folder, "rows": totals}));
    }

    /// Tells what was found in a data folder or a backup.
    pub(crate) fn checked(self, path: &Path, totals: &Totals, findings: &[(&'static str, u64)]) {
        let mut person = format!("{}: {}.\n", path.display(), in_words(totals));
        for (what, n) in findings {
            person += &format!("  - {what} ({n})\n");
        }
        if findings.is_empty() {
            person += "Everything can be read and fits together.\n";
        }
        let found: Vec<_> = findings.iter().map(|(what, n)| json!({"what": what, "times": n})).collect();
        self.say(&person, &json!({"checked": path, "rows": totals, "findings": found}));
    }

    /// Tells a person something that no program needs.
    pub(crate) fn note(self, text: &str) {
        eprintln!("note: {text}");
    }

    /// Tells what went wrong and what to do about it.
    pub(crate) fn error(self, error: &AppError) {
        let (code, hint) = (error.code(), error.hint());
        eprintln!("kithd: {error}\nhint: {hint}");
        if self == Self::Json {
            println!("{}", json!({"error": {"code": code, "hint": hint}}));
        }
    }

    /// Output that nobody reads any more is no reason to stop.
    fn say(self, person: &str, program: &impl Serialize) {
        use std::io::Write as _;
        let mut out = std::io::stdout().lock();
        let _ = match self {
            Self::Human => write!(out, "{person}"),
            Self::Json => writeln!(out, "{}", serde_json::to_string(program).unwrap_or_default()),
        };
        let _ = out.flush();
    }
}

/// Shows how far something is, on one line of a terminal, a few times a second.
pub(crate) struct Progress {
    is_shown: bool,
    last: Option<Instant>,
}

impl Progress {
    /// Shows what was done so far, if the last time was long enough ago.
    pub(crate) fn show(&mut self, totals: &Totals) {
        if self.is_shown && self.last.is_none_or(|last| last.elapsed() > Duration::from_millis(200)) {
            self.last = Some(Instant::now());
            eprint!("\r\x1b[K{}", in_words(totals));
        }
    }

    /// Clears the line.
    pub(crate) fn end(&mut self) {
        if self.last.take().is_some() {
            eprint!("\r\x1b[K");
        }
    }
}

fn in_words(totals: &Totals) -> String {
    let named = ["accounts", "queues", "frames", "blobs", "outgoing"];
    let shown = named.into_iter().filter_map(|name| totals.each().into_iter().find(|(known, _)| *known == name));
    let lost = (totals.damaged > 0).then(|| format!("{} damaged rows", totals.damaged));
    shown.map(|(name, n)| format!("{n} {name}")).chain(lost).collect::<Vec<_>>().join(", ")
}

/// A configuration file with every key and its default.
const CONFIG: &str = include_str!("../contrib/kithd.toml");

/// What the columns of a list of accounts are.
const ACCOUNTS: &str =
    "account                                               since       queues     files   backups  waiting\n";

/// The first line for a program.
#[derive(Serialize)]
struct Ready<'a> {
    ready: bool,
    url: &'a str,
    server_key: String,
    listen: SocketAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<String>,
}
