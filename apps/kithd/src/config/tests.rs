//! Precedence, defaults, and what is refused.

use clap::Parser as _;

use super::*;

fn load(arguments: &[&str], environment: &[(&str, &str)], file: Option<&str>) -> Result<Config, ConfigError> {
    load_with_sources(arguments, environment, file).map(|(config, _)| config)
}

fn load_with_sources(
    arguments: &[&str],
    environment: &[(&str, &str)],
    file: Option<&str>,
) -> Result<(Config, Sources), ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    if let Some(text) = file {
        std::fs::write(folder.path().join(CONFIG_FILE), text).unwrap();
    }
    let home = Home { xdg_data: None, home: None };
    let mut arguments: Vec<&str> = [&["kithd"], arguments].concat();
    let path = folder.path().to_str().unwrap().to_owned();
    arguments.extend(["--data", &path]);
    let cli = Cli::try_parse_from(arguments).unwrap();
    Config::load(&cli, environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())), &home)
}

#[test]
fn without_anything_said_the_defaults_hold() {
    let config = load(&[], &[("PATH", "/bin")], None).unwrap();
    assert_eq!(config.listen, "0.0.0.0:5484".parse().unwrap());
    assert_eq!(config.registration, Registration::Open);
    assert_eq!(config.metrics, None);
    assert_eq!(config.public_url, None);
    assert!(!config.allow_private_peers);
    assert_eq!(config.retention, Retention { frames: Span::days(21), blobs: Span::days(21), kept: Span::days(400) });
}

#[test]
fn less_is_kept_for_accounts_that_nobody_invited_unless_the_operator_says_otherwise() {
    let kept = |file: &str| load(&[], &[], Some(file)).unwrap().quotas.kept_bytes;
    assert_eq!(kept("registration = 'open'"), 64 << 20);
    assert_eq!(kept("registration = 'invite'"), 256 << 20);
    assert_eq!(kept("registration = 'open'\n[quotas]\nkept_bytes = 5"), 5);
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let file = "listen = '127.0.0.1:1'\npublic_url = 'http://file'\nregistration = 'invite'\n[quotas]\nqueues = 7";
    let environment = [("KITHD_LISTEN", "127.0.0.1:2"), ("KITHD_PUBLIC_URL", "http://environment")];
    let config = load(&["--listen", "127.0.0.1:3"], &environment, Some(file)).unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.public_url.unwrap().as_str(), "http://environment");
    assert_eq!(config.registration, Registration::Invite);
    assert_eq!(config.quotas.queues, 7);
}

#[test]
fn every_key_of_the_file_has_its_variable() {
    let environment = [
        ("KITHD_REGISTRATION", "invite"),
        ("KITHD_ALLOW_PRIVATE_PEERS", "true"),
        ("KITHD_METRICS", "127.0.0.1:9"),
        ("KITHD_LOG", "debug"),
        ("KITHD_LIMITS_CONNECTIONS", "10"),
        ("KITHD_LIMITS_RESERVED", "9"),
        ("KITHD_LIMITS_CONNECTIONS_PER_NETWORK", "11"),
        ("KITHD_LIMITS_COUNT_LOOPBACK", "true"),
        ("KITHD_LIMITS_UNPROVEN", "12"),
        ("KITHD_LIMITS_PROOF", "13s"),
        ("KITHD_LIMITS_DISK_RESERVE", "7"),
        ("KITHD_LIMITS_STORE_BYTES", "8"),
        ("KITHD_LIMITS_TLS_HANDSHAKE", "14s"),
        ("KITHD_LIMITS_REQUEST_HEAD", "15s"),
        ("KITHD_LIMITS_REQUEST_BODY", "16s"),
        ("KITHD_LIMITS_ANSWER", "17s"),
        ("KITHD_LIMITS_CONNECTION_AGE", "18s"),
        ("KITHD_LIMITS_PING", "19s"),
        ("KITHD_LIMITS_SILENCE", "20s"),
        ("KITHD_LIMITS_WRITE", "21s"),
        ("KITHD_LIMITS_PEER", "6s"),
        ("KITHD_LIMITS_DRAIN", "23s"),
        ("KITHD_TLS_CERT", "/c"),
        ("KITHD_TLS_KEY", "/k"),
        ("KITHD_QUOTAS_QUEUES", "1"),
        ("KITHD_QUOTAS_QUEUE_FRAMES", "2"),
        ("KITHD_QUOTAS_BLOB_BYTES", "3"),
        ("KITHD_QUOTAS_KEPT_BYTES", "8"),
        ("KITHD_QUOTAS_OUTGOING", "4"),
        ("KITHD_QUOTAS_EXCHANGES", "5"),
        ("KITHD_QUOTAS_CONNECTIONS", "6"),
        ("KITHD_LIMITS_EXCHANGES", "100"),
        ("KITHD_LIMITS_EXCHANGES_PER_SERVER", "99"),
        ("KITHD_LIMITS_MESSAGES", "24"),
        ("KITHD_LIMITS_MESSAGE", "25s"),
        ("KITHD_LIMITS_PINGS", "26"),
        ("KITHD_LIMITS_CLOSE", "3s"),
        ("KITHD_LIMITS_CONNECT", "5s"),
        ("KITHD_LIMITS_CONNECTS_PER_NETWORK", "27"),
        ("KITHD_LIMITS_REQUESTS_PER_NETWORK", "28"),
        ("KITHD_RETENTION_FRAMES", "2d"),
        ("KITHD_RETENTION_BLOBS", "3d"),
        ("KITHD_RETENTION_KEPT", "90d"),
    ];
    let config = load(&[], &environment, None).unwrap();
    assert_eq!(config.registration, Registration::Invite);
    assert!(config.allow_private_peers);
    assert_eq!(config.metrics, Some("127.0.0.1:9".parse().unwrap()));
    assert_eq!(config.log, LogLevel::Debug);
    let (limits, listener) = (config.limits, config.limits.listener());
    assert_eq!([listener.max_connections, listener.max_per_network, limits.unproven], [10, 11, 12]);
    assert_eq!(listener.reserved, 9);
    assert_eq!(listener.loopback, kith_net::LoopbackPeers::Counted);
    assert_eq!([limits.disk_reserve, limits.store_bytes], [7, 8]);
    let times = [limits.proof.0, listener.tls_handshake, listener.request_head, listener.request_body, listener.answer];
    assert_eq!(times.map(|time| time.as_secs()), [13, 14, 15, 16, 17]);
    let times = [listener.connection_age, listener.live.ping_every, listener.live.idle, listener.live.write];
    assert_eq!(times.map(|time| time.as_secs()), [18, 19, 20, 21]);
    assert_eq!(
        [limits.carrier().exchange, limits.carrier().connect, listener.drain].map(|time| time.as_secs()),
        [6, 5, 23]
    );
    assert_eq!(config.tls, Some(Tls::Files { cert: "/c".into(), key: "/k".into() }));
    let quotas =
        Quotas { queues: 1, queue_frames: 2, blob_bytes: 3, kept_bytes: 8, outgoing: 4, exchanges: 5, connections: 6 };
    assert_eq!(config.quotas, quotas);
    assert_eq!([limits.exchanges, limits.exchanges_per_server, listener.live.window], [100, 99, 24]);
    assert_eq!([listener.live.message, listener.live.close].map(|time| time.as_secs()), [25, 3]);
    assert_eq!(listener.live.pings, 26);
    assert_eq!([listener.connects_per_network, listener.requests_per_network], [27, 28]);
    assert_eq!(config.retention, Retention { frames: Span::days(2), blobs: Span::days(3), kept: Span::days(90) });
}

#[test]
fn the_file_that_ships_holds_every_key_and_the_defaults() {
    let shipped = include_str!("../../contrib/kithd.toml");
    let uncommented: String = shipped
        .lines()
        .map(|line| line.strip_prefix("#: ").unwrap_or(line))
        .filter(|line| !["data =", "cert =", "key =", "acme_"].iter().any(|key| line.starts_with(key)))
        .fold(String::new(), |all, line| all + line + "\n");
    let mut config = load(&[], &[], Some(&uncommented)).unwrap();
    let mut default = load(&[], &[], None).unwrap();
    assert!(config.metrics.take().is_some() && config.public_url.take().is_some() && config.web.take().is_some());
    config.data.clone_from(&default.data);
    default.log = config.log;
    assert_eq!(config, default);
}

#[test]
fn a_name_is_enough_for_a_certificate_from_an_authority() {
    let config = load(&[], &[("KITHD_TLS_ACME_NAME", "kith.example")], None).unwrap();
    let Some(Tls::Acme(acme)) = config.tls else { unreachable!("{:?}", config.tls) };
    assert_eq!(acme.name, "kith.example");
    assert_eq!(acme.listen.port(), 80);
    assert!(acme.directory.starts_with("https://"));
}

#[test]
fn two_sources_of_certificates_are_refused() {
    let files = [("KITHD_TLS_CERT", "/c"), ("KITHD_TLS_KEY", "/k")];
    for other in [("KITHD_TLS_ACME_NAME", "kith.example"), ("KITHD_TLS_ACME_CONTACT", "mailto:x@kith.example")] {
        let both = [&files[..], &[other]].concat();
        assert!(matches!(load(&[], &both, None), Err(ConfigError::UnclearTls)));
    }
    assert!(matches!(load(&[], &[("KITHD_TLS_ACME_CONTACT", "x")], None), Err(ConfigError::UnclearTls)));
}

#[test]
fn unknown_keys_are_refused_with_their_place() {
    let error = load(&[], &[], Some("listn = '127.0.0.1:1'")).unwrap_err();
    assert!(matches!(&error, ConfigError::Wrong { reason, .. } if reason.contains("listn")), "{error}");
    let error = load(&[], &[], Some("[quotas]\nqueue = 1")).unwrap_err();
    assert!(matches!(&error, ConfigError::Wrong { reason, .. } if reason.contains("queue_frames")), "{error}");
    for (file, meant) in [
        ("log = 'warn'\nregistraton = 'invite'", "did you mean registration?"),
        ("[quotas]\nqueue = 1", "did you mean quotas.queues?"),
        ("[limits]\nblob_bytes = 1", "did you mean quotas.blob_bytes?"),
        ("acme_name = 'kith.example'", "did you mean tls.acme_name?"),
        ("[limit]\nproof = '1s'", "did you mean limits.proof?"),
        ("colour = 'red'", "`kithd config` shows every key"),
        ("listen = 7", "`kithd config` shows every key"),
    ] {
        let error = load(&[], &[], Some(file)).unwrap_err();
        assert!(error.hint().starts_with(meant), "{file}: {}", error.hint());
    }
}

#[test]
fn unknown_variables_are_refused_with_the_nearest_known_one() {
    let error = load(&[], &[("KITHD_LISTN", "x")], None).unwrap_err();
    assert_eq!(error.hint(), "did you mean KITHD_LISTEN?");
    let error = load(&[], &[("KITHD_XYZ", "x")], None).unwrap_err();
    assert!(error.hint().starts_with("unset it"), "{}", error.hint());
}

#[test]
fn values_out_of_form_are_refused() {
    for (name, value) in [
        ("KITHD_LISTEN", "everywhere"),
        ("KITHD_PUBLIC_URL", "ftp://x"),
        ("KITHD_REGISTRATION", "maybe"),
        ("KITHD_LIMITS_CONNECTIONS", "0"),
        ("KITHD_LIMITS_CONNECTIONS", "many"),
        ("KITHD_LIMITS_CONNECTIONS", "-1"),
        ("KITHD_LIMITS_CONNECTIONS_PER_NETWORK", "0"),
        ("KITHD_LIMITS_UNPROVEN", "0"),
        ("KITHD_LIMITS_PROOF", "0s"),
        ("KITHD_LIMITS_WRITE", "2h"),
        ("KITHD_LIMITS_SILENCE", "30s"),
        ("KITHD_LIMITS_ANSWER", "20s"),
        ("KITHD_LIMITS_CONNECTIONS", "1000001"),
        ("KITHD_LIMITS_PINGS", "0"),
        ("KITHD_LIMITS_RESERVED", "4096"),
        ("KITHD_LIMITS_MESSAGES", "0"),
        ("KITHD_LIMITS_MESSAGES", "257"),
        ("KITHD_LIMITS_EXCHANGES_PER_SERVER", "513"),
        ("KITHD_LIMITS_CLOSE", "0s"),
        ("KITHD_LIMITS_CONNECT", "2h"),
        ("KITHD_TLS_CERT", "/only/half"),
        ("KITHD_QUOTAS_QUEUES", "0"),
        ("KITHD_QUOTAS_CONNECTIONS", "1"),
        ("KITHD_RETENTION_FRAMES", "1s"),
        ("KITHD_RETENTION_FRAMES", "forever"),
        ("KITHD_ALLOW_PRIVATE_PEERS", "perhaps"),
    ] {
        assert!(load(&[], &[(name, value)], None).is_err(), "{name}={value}");
    }
}

#[test]
fn settings_that_cannot_work_together_are_refused_and_named() {
    let name = ("KITHD_TLS_ACME_NAME", "kith.example");
    let files = [("KITHD_TLS_CERT", "/c"), ("KITHD_TLS_KEY", "/k")];
    for (environment, named) in [
        (&[("KITHD_TLS_ACME_NAME", "192.0.2.1")][..], "tls.acme_name"),
        (&[name, ("KITHD_TLS_ACME_DIRECTORY", "foo")], "tls.acme_directory"),
        (&[name, ("KITHD_TLS_ACME_CONTACT", "you@example.org")], "tls.acme_contact"),
        (&[name, ("KITHD_PUBLIC_URL", "https://other.example")], "tls.acme_name and public_url"),
        (&[name, ("KITHD_PUBLIC_URL", "http://kith.example")], "public_url and [tls]"),
        (&[files[0], files[1], ("KITHD_PUBLIC_URL", "http://kith.example")], "public_url and [tls]"),
        (&[("KITHD_PUBLIC_URL", "https://0.0.0.0")], "public_url"),
        (&[("KITHD_LISTEN", "0.0.0.0:9484"), ("KITHD_METRICS", "127.0.0.1:9484")], "listen and metrics"),
        (&[name, ("KITHD_LISTEN", "0.0.0.0:80")], "listen and tls.acme_listen"),
    ] {
        let error = load(&[], environment, None).unwrap_err();
        assert!(error.to_string().starts_with(named), "{error}");
        assert!(error.hint().contains("kithd config"), "{}", error.hint());
    }
    assert!(load(&[], &[name, ("KITHD_PUBLIC_URL", "https://KITH.example:443")], None).is_ok());
    assert!(load(&[], &[("KITHD_TLS_ACME_CA", "/ca.pem")], None).is_err(), "of which authority?");
}

#[test]
fn every_setting_is_told_with_who_said_it_and_means_the_same_when_it_is_read_again() {
    let environment = [("KITHD_METRICS", "127.0.0.1:9"), ("KITHD_LIMITS_PROOF", "120s")];
    let said = "registration = 'invite'\nlisten = '127.0.0.1:1'\n[tls]\nacme_name = 'kith.example'";
    let (config, sources) = load_with_sources(&["--listen", "127.0.0.1:3"], &environment, Some(said)).unwrap();
    let settings = sources.settings(&config);
    let told = |section, key| {
        let setting = settings.iter().find(|setting| (setting.section, setting.key) == (section, key)).unwrap();
        (setting.value.as_ref().map(ToString::to_string).unwrap_or_default(), setting.source.as_str())
    };
    assert_eq!(told(None, "listen"), ("\"127.0.0.1:3\"".to_owned(), "--listen"));
    assert_eq!(told(None, "registration"), ("\"invite\"".to_owned(), "file"));
    assert_eq!(told(None, "metrics"), ("\"127.0.0.1:9\"".to_owned(), "KITHD_METRICS"));
    assert_eq!(told(Some("limits"), "proof"), ("\"2m\"".to_owned(), "KITHD_LIMITS_PROOF"));
    assert_eq!(told(Some("limits"), "connections"), ("4096".to_owned(), "default"));
    assert_eq!(told(None, "public_url"), (String::new(), "default"));
    assert_eq!(settings.len(), environment::KNOWN.len());

    let written = as_file(&settings);
    let mut again = load(&[], &[], Some(&written)).unwrap();
    again.data.clone_from(&config.data);
    assert_eq!(again, config, "{written}");
    assert!(written.lines().any(|line| line == "# public_url is not set"), "{written}");
}

#[test]
fn every_key_that_ships_is_a_variable_too() {
    let shipped = include_str!("../../contrib/kithd.toml");
    let mut section = "";
    let mut n_keys = 0;
    for line in shipped.lines().filter_map(|line| line.strip_prefix("#: ")) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some((key, value)) = line.split_once(" = ") {
            let name =
                ["KITHD", section, key].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_");
            let read = environment::layer([(name.to_uppercase(), value.trim_matches('"').to_owned())]);
            assert!(read.is_ok(), "{name}: {read:?}");
            n_keys += 1;
        }
    }
    assert!(n_keys > 40, "{n_keys}");
}

#[test]
fn a_configuration_that_the_server_could_write_is_refused() {
    let data = tempfile::tempdir().unwrap();
    for folder in [store::folder_in(data.path()), certificates::folder_in(data.path())] {
        std::fs::create_dir(&folder).unwrap();
        let file = folder.join("kithd.toml");
        std::fs::write(&file, "sandbox = 'off'").unwrap();
        let link = data.path().join(CONFIG_FILE);
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for named in [Some(&file), Some(&link), None] {
            let named = named.map(|path| ["--config", path.to_str().unwrap()]);
            let arguments = ["kithd", "--data", data.path().to_str().unwrap()].into_iter();
            let cli = Cli::try_parse_from(arguments.chain(named.into_iter().flatten())).unwrap();
            let error = Config::load(&cli, [], &Home::default()).map(drop).unwrap_err();
            assert!(matches!(error, ConfigError::InOwnFolder { .. }), "{error}");
        }
        std::fs::remove_file(&link).unwrap();
    }
}

#[test]
fn a_named_file_has_to_be_there() {
    let error = load(&["--config", "/nowhere/kithd.toml"], &[], None).unwrap_err();
    assert!(matches!(error, ConfigError::Unreadable { .. }), "{error}");
}

#[test]
fn who_may_not_read_the_file_is_told_who_may() {
    let reason = std::io::ErrorKind::PermissionDenied.into();
    let error = ConfigError::Unreadable { path: "/var/lib/kithd/config.toml".into(), reason };
    assert!(error.hint().contains("as root (sudo)"), "{}", error.hint());
}

#[test]
fn the_data_folder_follows_the_desktop_standard() {
    let home = Home { xdg_data: Some("/x".into()), home: Some("/h".into()) };
    assert_eq!(home.data_folder(), Some("/x/kithd".into()));
    let home = Home { xdg_data: None, home: Some("/h".into()) };
    assert_eq!(home.data_folder(), Some("/h/.local/share/kithd".into()));
    assert_eq!(Home::default().data_folder(), None);
}
