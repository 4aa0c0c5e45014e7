//! What the configuration comes to: every setting with its value and with who said it.

use std::path::PathBuf;

use toml::{Table, Value};

use crate::config::environment::{KNOWN, PREFIX};
use crate::config::layer::{QuotaLayer, RetentionLayer, TlsLayer};
use crate::config::{Config, Layer, Tls};

/// What each source said.
pub(crate) struct Sources {
    pub(super) flags: Layer,
    pub(super) environment: Layer,
    pub(super) file: Layer,
    /// Where the file is, or would be.
    pub(crate) path: PathBuf,
}

/// A setting.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting {
    /// The section that it stands in, where it stands in one.
    pub(crate) section: Option<&'static str>,
    pub(crate) key: &'static str,
    /// `None` where nothing was said and there is no default.
    pub(crate) value: Option<Value>,
    /// Who said it: an option, a variable, `file` or `default`.
    pub(crate) source: String,
}

impl Sources {
    /// Returns every setting, in the order of the file that ships.
    pub(crate) fn settings(&self, config: &Config) -> Vec<Setting> {
        let [flags, environment, file] = [&self.flags, &self.environment, &self.file].map(table);
        let effective = table(&Layer::of_config(config));
        let setting = |known: &crate::config::environment::Known| {
            let (section, key) = (known.section, known.key);
            let source = if find(&flags, section, key).is_some() {
                format!("--{}", key.replace('_', "-"))
            } else if find(&environment, section, key).is_some() {
                format!("{PREFIX}{}", known.name)
            } else if find(&file, section, key).is_some() {
                "file".to_owned()
            } else {
                "default".to_owned()
            };
            Setting { section, key, value: find(&effective, section, key).cloned(), source }
        };
        KNOWN.iter().map(setting).collect()
    }
}

impl Layer {
    /// Returns the layer that says all that holds.
    fn of_config(config: &Config) -> Self {
        let (quotas, retention) = (config.quotas, config.retention);
        Self {
            data: Some(config.data.clone()),
            listen: Some(config.listen.to_string()),
            public_url: config.public_url.as_ref().map(ToString::to_string),
            registration: Some(config.registration),
            allow_private_peers: Some(config.allow_private_peers),
            metrics: config.metrics.map(|address| address.to_string()),
            log: Some(config.log),
            sandbox: Some(config.sandbox),
            allow_root: Some(config.allow_root),
            web: config.web.clone(),
            tls: TlsLayer::of(config.tls.as_ref()),
            limits: config.limits.layer(),
            quotas: QuotaLayer {
                queues: Some(quotas.queues),
                queue_frames: Some(quotas.queue_frames),
                blob_bytes: Some(quotas.blob_bytes),
                kept_bytes: Some(quotas.kept_bytes),
                outgoing: Some(quotas.outgoing),
                connections: Some(quotas.connections),
                exchanges: Some(quotas.exchanges),
            },
            retention: RetentionLayer {
                frames: Some(retention.frames),
                blobs: Some(retention.blobs),
                kept: Some(retention.kept),
            },
        }
    }
}

impl TlsLayer {
    fn of(tls: Option<&Tls>) -> Self {
        match tls {
            None => Self::default(),
            Some(Tls::Files { cert, key }) => {
                Self { cert: Some(cert.clone()), key: Some(key.clone()), ..Self::default() }
            }
            Some(Tls::Acme(acme)) => Self {
                acme_name: Some(acme.name.clone()),
                acme_contact: acme.contact.clone(),
                acme_directory: Some(acme.directory.clone()),
                acme_ca: acme.ca.clone(),
                acme_listen: Some(acme.listen.to_string()),
                ..Self::default()
            },
        }
    }
}

/// Returns what a layer says as the file would say it. The one path that need not be text, because an option can say it, is made text
/// as people are shown it; all the rest is, so there is always a table.
fn table(layer: &Layer) -> Table {
    let data = layer.data.as_ref().map(|path| path.to_string_lossy().into_owned().into());
    Table::try_from(Layer { data, ..layer.clone() }).unwrap_or_default()
}

fn find<'a>(table: &'a Table, section: Option<&str>, key: &str) -> Option<&'a Value> {
    match section {
        Some(section) => table.get(section)?.get(key),
        None => table.get(key),
    }
}

/// Writes settings as a configuration file, with a remark on each line who said it.
pub(crate) fn as_file(settings: &[Setting]) -> String {
    let (mut text, mut section) = (String::new(), None);
    for setting in settings {
        if setting.section != section {
            section = setting.section;
            text += &format!("\n[{}]\n", section.unwrap_or_default());
        }
        let line = match &setting.value {
            Some(value) => format!("{} = {value}", setting.key),
            None => format!("# {} is not set", setting.key),
        };
        text += match &setting.value {
            Some(_) => format!("{line:<48}  # {}\n", setting.source),
            None => line + "\n",
        }
        .as_str();
    }
    text
}
