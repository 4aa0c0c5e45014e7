//! The layer of `KITHD_…` environment variables.
//!
//! Each variable stands for one key of the file; they are gathered into a table and read the way the file is.

use std::path::PathBuf;

use toml::{Table, Value};

use crate::config::nearest::nearest;
use crate::config::{ConfigError, Layer};

/// What the environment says.
#[derive(Debug)]
pub(super) struct FromEnvironment {
    pub(super) layer: Layer,
    pub(super) config_file: Option<PathBuf>,
}

/// Gathers the variables that begin with `KITHD_`.
///
/// # Errors
/// A variable that no key stands for, or a value that does not fit it.
pub(super) fn layer(environment: impl IntoIterator<Item = (String, String)>) -> Result<FromEnvironment, ConfigError> {
    let mut table = Table::new();
    let mut config_file = None;
    for (name, value) in environment {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        if rest == CONFIG {
            config_file = Some(PathBuf::from(value));
            continue;
        }
        let Some(known) = KNOWN.iter().find(|known| known.name == rest) else {
            let meant = nearest(rest, KNOWN.iter().map(|known| known.name).chain([CONFIG]));
            return Err(ConfigError::UnknownVariable { nearest: meant.map(|meant| format!("{PREFIX}{meant}")), name });
        };
        let value =
            known.kind.value(&value).map_err(|reason| ConfigError::WrongVariable { name: name.clone(), reason })?;
        // One variable at a time, so that a value of the wrong form is told by the name of its variable.
        let single = known.table(value.clone());
        if let Err(error) = single.clone().try_into::<Layer>() {
            return Err(ConfigError::WrongVariable { name, reason: error.message().to_owned() });
        }
        merge(&mut table, single);
    }
    let layer = table.try_into().map_err(|error| ConfigError::WrongVariable {
        name: format!("{PREFIX}…"),
        reason: error.message().to_owned(),
    })?;
    Ok(FromEnvironment { layer, config_file })
}

/// A key of the file and its variable.
pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) section: Option<&'static str>,
    pub(super) key: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    Flag,
}

impl Known {
    /// Returns the key as people write it in a sentence.
    fn dotted(&self) -> String {
        self.section.map_or_else(|| self.key.to_owned(), |section| format!("{section}.{}", self.key))
    }

    fn table(&self, value: Value) -> Table {
        let inner = Table::from_iter([(self.key.to_owned(), value)]);
        match self.section {
            Some(section) => Table::from_iter([(section.to_owned(), Value::Table(inner))]),
            None => inner,
        }
    }
}

impl Kind {
    fn value(self, text: &str) -> Result<Value, String> {
        match self {
            Self::Text => Ok(Value::String(text.to_owned())),
            Self::Number => text.trim().parse().map(Value::Integer).map_err(|_| "it must be a whole number".to_owned()),
            Self::Flag => match text.trim() {
                "true" | "1" | "yes" => Ok(Value::Boolean(true)),
                "false" | "0" | "no" | "" => Ok(Value::Boolean(false)),
                _ => Err("it must be true or false".to_owned()),
            },
        }
    }
}

const fn known(name: &'static str, section: Option<&'static str>, key: &'static str, kind: Kind) -> Known {
    Known { name, section, key, kind }
}

pub(super) const PREFIX: &str = "KITHD_";
const CONFIG: &str = "CONFIG";
/// Every key there is, in the order in which people are told of them.
pub(super) const KNOWN: &[Known] = &[
    known("DATA", None, "data", Kind::Text),
    known("LISTEN", None, "listen", Kind::Text),
    known("PUBLIC_URL", None, "public_url", Kind::Text),
    known("REGISTRATION", None, "registration", Kind::Text),
    known("ALLOW_PRIVATE_PEERS", None, "allow_private_peers", Kind::Flag),
    known("METRICS", None, "metrics", Kind::Text),
    known("LOG", None, "log", Kind::Text),
    known("SANDBOX", None, "sandbox", Kind::Text),
    known("ALLOW_ROOT", None, "allow_root", Kind::Flag),
    known("WEB", None, "web", Kind::Text),
    known("TLS_CERT", Some("tls"), "cert", Kind::Text),
    known("TLS_KEY", Some("tls"), "key", Kind::Text),
    known("TLS_ACME_NAME", Some("tls"), "acme_name", Kind::Text),
    known("TLS_ACME_CONTACT", Some("tls"), "acme_contact", Kind::Text),
    known("TLS_ACME_DIRECTORY", Some("tls"), "acme_directory", Kind::Text),
    known("TLS_ACME_CA", Some("tls"), "acme_ca", Kind::Text),
    known("TLS_ACME_LISTEN", Some("tls"), "acme_listen", Kind::Text),
    known("LIMITS_CONNECTIONS", Some("limits"), "connections", Kind::Number),
    known("LIMITS_RESERVED", Some("limits"), "reserved", Kind::Number),
    known("LIMITS_CONNECTIONS_PER_NETWORK", Some("limits"), "connections_per_network", Kind::Number),
    known("LIMITS_CONNECTS_PER_NETWORK", Some("limits"), "connects_per_network", Kind::Number),
    known("LIMITS_REQUESTS_PER_NETWORK", Some("limits"), "requests_per_network", Kind::Number),
    known("LIMITS_UNPROVEN", Some("limits"), "unproven", Kind::Number),
    known("LIMITS_DISK_RESERVE", Some("limits"), "disk_reserve", Kind::Number),
    known("LIMITS_STORE_BYTES", Some("limits"), "store_bytes", Kind::Number),
    known("LIMITS_COUNT_LOOPBACK", Some("limits"), "count_loopback", Kind::Flag),
    known("LIMITS_PROOF", Some("limits"), "proof", Kind::Text),
    known("LIMITS_TLS_HANDSHAKE", Some("limits"), "tls_handshake", Kind::Text),
    known("LIMITS_REQUEST_HEAD", Some("limits"), "request_head", Kind::Text),
    known("LIMITS_REQUEST_BODY", Some("limits"), "request_body", Kind::Text),
    known("LIMITS_ANSWER", Some("limits"), "answer", Kind::Text),
    known("LIMITS_CONNECTION_AGE", Some("limits"), "connection_age", Kind::Text),
    known("LIMITS_PING", Some("limits"), "ping", Kind::Text),
    known("LIMITS_SILENCE", Some("limits"), "silence", Kind::Text),
    known("LIMITS_PINGS", Some("limits"), "pings", Kind::Number),
    known("LIMITS_MESSAGE", Some("limits"), "message", Kind::Text),
    known("LIMITS_WRITE", Some("limits"), "write", Kind::Text),
    known("LIMITS_CLOSE", Some("limits"), "close", Kind::Text),
    known("LIMITS_MESSAGES", Some("limits"), "messages", Kind::Number),
    known("LIMITS_EXCHANGES", Some("limits"), "exchanges", Kind::Number),
    known("LIMITS_EXCHANGES_PER_SERVER", Some("limits"), "exchanges_per_server", Kind::Number),
    known("LIMITS_CONNECT", Some("limits"), "connect", Kind::Text),
    known("LIMITS_PEER", Some("limits"), "peer", Kind::Text),
    known("LIMITS_DRAIN", Some("limits"), "drain", Kind::Text),
    known("QUOTAS_QUEUES", Some("quotas"), "queues", Kind::Number),
    known("QUOTAS_QUEUE_FRAMES", Some("quotas"), "queue_frames", Kind::Number),
    known("QUOTAS_BLOB_BYTES", Some("quotas"), "blob_bytes", Kind::Number),
    known("QUOTAS_KEPT_BYTES", Some("quotas"), "kept_bytes", Kind::Number),
    known("QUOTAS_OUTGOING", Some("quotas"), "outgoing", Kind::Number),
    known("QUOTAS_CONNECTIONS", Some("quotas"), "connections", Kind::Number),
    known("QUOTAS_EXCHANGES", Some("quotas"), "exchanges", Kind::Number),
    known("RETENTION_FRAMES", Some("retention"), "frames", Kind::Text),
    known("RETENTION_BLOBS", Some("retention"), "blobs", Kind::Text),
    known("RETENTION_KEPT", Some("retention"), "kept", Kind::Text),
];

fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(existing)), Value::Table(more)) => merge(existing, more),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// Returns the key that may have been meant by the first one in a file that is not known: one of that name in another section, or one that
/// differs little.
pub(super) fn meant_in_file(text: &str) -> Option<String> {
    let known: Vec<String> = KNOWN.iter().map(Known::dotted).collect();
    let written = dotted_keys(&text.parse::<Table>().ok()?);
    let unknown = written.iter().find(|key| !known.contains(key))?;
    let name = unknown.rsplit('.').next().unwrap_or_default();
    let elsewhere = KNOWN.iter().find(|known| known.key == name).map(Known::dotted);
    elsewhere.or_else(|| nearest(unknown, known.iter().map(String::as_str)).map(str::to_owned))
}

/// Returns every key of a table, with those of its sections.
fn dotted_keys(table: &Table) -> Vec<String> {
    let mut keys = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(section) => keys.extend(section.keys().map(|inner| format!("{key}.{inner}"))),
            _ => keys.push(key.clone()),
        }
    }
    keys
}
