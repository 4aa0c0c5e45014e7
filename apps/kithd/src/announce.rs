//! What the server says about itself: to a person, to a program that started it, and on `/.well-known/kith`.

use std::net::{IpAddr, SocketAddr};

use kith_wire::address::{DEFAULT_PORT, Scheme, ServerUrl};
use kith_wire::id::ServerKey;
use serde::Serialize;
use serde_json::json;

use crate::config::{CONFIG_FILE, Config, Registration};
use crate::error::AppError;

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

    /// Tells an invite code.
    pub(crate) fn invite(self, code: &str, uses: u32, expires: &str) {
        let person = format!("{code}\n");
        self.say(&person, &json!({"invite": code, "uses": uses, "expires": expires}));
        if self == Self::Human {
            let times = if uses == 1 { "once".to_owned() } else { format!("{uses} times") };
            eprintln!("Good {times}, until {expires}: kith init --server … --invite CODE");
        }
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

/// A configuration file with every key and its default.
const CONFIG: &str = include_str!("../contrib/kithd.toml");

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
