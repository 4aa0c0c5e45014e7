//! Running the server: from the configuration to the first request, and from the signal to the last answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kith_home::{Home, Room};
use kith_net::acme::Challenges;
use kith_net::{AddressPolicy, Carrier, Listener, ListenerLimits, Pages, ServerIdentity};
use kith_site::App;
use kith_store::Waiting;
use kith_wire::address::ServerUrl;
use rand::rngs::SysRng;
use rand_core::UnwrapErr;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::announce::{Announcement, Voice};
use crate::certificates::{self, Certificates, Expiry};
use crate::clock::now;
use crate::config::{Config, Registration, Tls};
use crate::control::{Control, Facts};
use crate::data_dir::{self, DataDir};
use crate::error::AppError;
use crate::keeper::Keeper;
use crate::metrics::Metrics;
use crate::operator::{Question, Told};
use crate::outbox::Total;
use crate::relay;
use crate::room::Disk;
use crate::sandbox::{Needs, Sandbox};
use crate::site::Site;
use crate::store;

/// Runs the server until it is told to stop.
///
/// # Errors
/// Whatever keeps it from starting, and a store that fails for good.
pub(crate) fn run(config: Config, voice: Voice) -> Result<(), AppError> {
    let folder = DataDir::take(&config.data)?;
    if rustix::process::geteuid().is_root() && !config.allow_root {
        voice.note(
            "kithd runs as root and never needs to: give it a user of its own (--allow-root if there is a reason)",
        );
    }
    allow_descriptors(config.limits.connections);
    // What the sandbox leaves has to be there before it: folders, and the one socket with a name.
    store::make_folder(&folder)?;
    if let Some(Tls::Acme(_)) = config.tls {
        data_dir::make(&certificates::folder_in(folder.path()))?;
    }
    // Some disks know no sockets; a server without commands beside it serves as well.
    let control = Control::bind(folder.path())
        .inspect_err(
            |error| tracing::warn!(%error, "there is no control socket: status, invite and backup do not work"),
        )
        .ok();
    // The folder of the web app is none of the server's business afterwards.
    let app = app(config.web.as_deref())?;
    // Before the first thread: what is given up is given up by this one and by those that it starts.
    let sandbox = Arc::new(Sandbox::enter(config.sandbox, &Needs::of(&config))?);
    tracing::info!("in the sandbox: {sandbox}");
    // The keeper decides, alone; opening, sealing and TLS are most of the work and take every core there is.
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(cores.max(MIN_WORKERS)).enable_all().build()?;
    let outcome = runtime.block_on(serve(config, voice, &folder, sandbox, control, app));
    // Name lookups may hang in threads of their own; nobody waits for them.
    runtime.shutdown_background();
    outcome
}

/// Reads the web app: from the folder that is named, or the one that a package has brought. An empty name means none.
fn app(folder: Option<&Path>) -> Result<App, AppError> {
    let app = match folder {
        Some(folder) if folder.as_os_str().is_empty() => return Ok(App::default()),
        Some(folder) => App::read(folder)?,
        None => match App::packaged()? {
            Some(app) => app,
            None => return Ok(App::default()),
        },
    };
    tracing::info!("the web app is served: build {}", app.build().as_deref().unwrap_or("unknown"));
    Ok(app)
}

/// Lets the process have as many open files as it may. A shell often allows a quarter of the connections that are taken in, and a
/// crowd must not take those that the store needs.
fn allow_descriptors(connections: usize) {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
    let needed = connections.saturating_add(SPARE_DESCRIPTORS);
    if getrlimit(Resource::Nofile).current.is_some_and(|allowed| allowed < needed as u64) {
        tracing::warn!(
            needed,
            "this user may not have so many open files: lower limits.connections, or raise `ulimit -n`"
        );
    }
}

/// Threads that carry tasks at least: while the keeper, which is one of them, writes to the disk, others go on.
const MIN_WORKERS: usize = 2;
/// Open files besides connections: the store, requests to other servers, and a few.
const SPARE_DESCRIPTORS: usize = 700;

async fn serve(
    config: Config,
    voice: Voice,
    folder: &DataDir,
    sandbox: Arc<Sandbox>,
    control: Option<Control>,
    app: App,
) -> Result<(), AppError> {
    let started = now().seconds();
    let certificates = config.tls.clone().map(|tls| Certificates::load(tls, folder.path())).transpose()?;
    let limits = config.limits.listener();
    let identity = certificates.as_ref().map(|certificates| certificates.identity.clone());
    let listener = bind("listen", config.listen, identity, limits).await?;
    let listen = listener.local_address();
    let url = match &config.public_url {
        Some(url) => url.clone(),
        None => guess_url(&config, listen)?,
    };

    let mut store = store::open_for_server(folder)?;
    let home = Home::open(&mut store, rules(&config, &url), now(), &mut UnwrapErr(SysRng))?;
    let server_key = home.server_key();
    let metrics = Arc::new(Metrics::default());
    // From here on the keeper knows when something is durable.
    store.set_waiting(Waiting::Outside);
    let (keeper, mut task, dials) = Keeper::start(home, store, Arc::clone(&metrics), config.limits.unproven)?;

    let policy = if config.allow_private_peers { AddressPolicy::AllowPrivate } else { AddressPolicy::PublicOnly };
    let carrier = Carrier::builder(policy).limits(config.limits.carrier()).build()?;
    tokio::spawn(relay::run(dials, carrier, keeper.clone(), Arc::clone(&metrics), config.limits.exchanges));
    let disk = Disk::new(folder.path(), config.limits.disk_reserve, config.limits.store_bytes);
    tokio::spawn(tick(keeper.clone(), disk.clone()));
    let expiry = certificates.as_ref().map(|certificates| certificates.expiry.clone());
    if config.metrics.is_some() {
        tokio::spawn(take_stock(keeper.clone(), Arc::clone(&metrics), disk.clone(), expiry.clone()));
    }
    let (stop, stopping) = watch::channel(false);
    let metrics_address = serve_metrics(&config, &metrics, stopping.clone()).await?;
    if let Some(certificates) = certificates {
        keep_certificates(&config, certificates, stopping.clone()).await?;
    }

    let announcement = Announcement { config: &config, url: &url, server_key, listen, metrics: metrics_address };
    let well_known = announcement.well_known();
    let web_build = app.build();
    let facts = Facts {
        started,
        url: url.to_string(),
        server_key: server_key.to_string(),
        listen,
        metrics_listen: metrics_address,
        metrics: Arc::clone(&metrics),
        expiry,
        sandbox,
        disk,
        web_build,
    };
    let control = control.map(|control| tokio::spawn(control.serve(keeper.clone(), facts)));
    let (waiting, proof) = (Total::default(), config.limits.proof.0);
    let site = Arc::new(Site { keeper, metrics, well_known, waiting, proof, app });
    let serving = tokio::spawn(listener.serve(site, stopped(stopping)));
    // Before anybody is told that the server is ready: whoever is told may want to stop it.
    let stop_signals = StopSignals::listen()?;
    voice.ready(&announcement);

    let outcome = tokio::select! {
        () = stop_signals.first() => Ok(()),
        () = task.ended() => Err(AppError::KeeperEnded),
    };
    tracing::info!("stopping");
    if let Some(control) = control {
        control.abort();
    }
    stop.send_replace(true);
    // The listener first: what it still brings, the keeper still answers.
    let _ = serving.await;
    task.stop().await;
    outcome
}

/// Returns the rules' part of the configuration.
fn rules(config: &Config, url: &ServerUrl) -> kith_home::Config {
    let hours = |span: crate::duration::Span| u32::try_from(span.seconds() / 3600).unwrap_or(u32::MAX);
    kith_home::Config {
        urls: vec![url.clone()],
        registration: match config.registration {
            Registration::Open => kith_home::Registration::Open,
            Registration::Invite => kith_home::Registration::Invite,
        },
        quotas: kith_home::Quotas {
            queues: config.quotas.queues,
            queue_frames: config.quotas.queue_frames,
            blob_bytes: config.quotas.blob_bytes,
            kept_bytes: config.quotas.kept_bytes,
            outgoing: config.quotas.outgoing,
            connections: config.quotas.connections,
            exchanges: config.quotas.exchanges,
            exchanges_with_a_server: config.limits.exchanges_per_server,
            exchanges_of_all: config.limits.exchanges,
        },
        retention: kith_home::Retention {
            frame_hours: hours(config.retention.frames),
            blob_hours: hours(config.retention.blobs),
            kept_hours: hours(config.retention.kept),
        },
    }
}

/// Returns the URL under which at least this machine reaches the server.
fn guess_url(config: &Config, bound: SocketAddr) -> Result<ServerUrl, AppError> {
    let host = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let text = match &config.tls {
        Some(Tls::Acme(acme)) => format!("https://{}:{}", acme.name.to_ascii_lowercase(), bound.port()),
        Some(Tls::Files { .. }) => format!("https://{}", SocketAddr::new(host, bound.port())),
        None => format!("http://{}", SocketAddr::new(host, bound.port())),
    };
    ServerUrl::parse(&text).map_err(|reason| crate::config::ConfigError::PublicUrl { reason }.into())
}

async fn serve_metrics(
    config: &Config,
    metrics: &Arc<Metrics>,
    stopping: watch::Receiver<bool>,
) -> Result<Option<SocketAddr>, AppError> {
    let Some(address) = config.metrics else { return Ok(None) };
    let limits = ListenerLimits { max_connections: MAX_SCRAPERS, ..ListenerLimits::default() };
    let listener = bind("metrics", address, None, limits).await?;
    let bound = listener.local_address();
    let metrics = Arc::clone(metrics);
    let pages = Pages::new("text/plain; version=0.0.4", move |path| (path == "/metrics").then(|| metrics.render()));
    tokio::spawn(listener.serve_pages(pages, stopped(stopping)));
    Ok(Some(bound))
}

/// Listens at an address, or tells which setting says it.
async fn bind(
    setting: &'static str,
    address: SocketAddr,
    identity: Option<ServerIdentity>,
    limits: ListenerLimits,
) -> Result<Listener, AppError> {
    let bound = Listener::bind(address, identity, limits).await;
    bound.map_err(|error| AppError::Bind { setting, address, reason: error.reason })
}

async fn keep_certificates(
    config: &Config,
    certificates: Certificates,
    stopping: watch::Receiver<bool>,
) -> Result<(), AppError> {
    // The authority is the operator's choice, and may be one inside the house.
    let carrier = Carrier::builder(AddressPolicy::AllowPrivate).trust(certificates.anchors.clone()).build()?;
    let challenges = Challenges::default();
    if let Some(Tls::Acme(acme)) = &config.tls {
        let limits = ListenerLimits { max_connections: MAX_SCRAPERS, ..ListenerLimits::default() };
        let listener = bind("tls.acme_listen", acme.listen, None, limits).await?;
        let shown = challenges.clone();
        let pages = Pages::new("text/plain", move |path| shown.page(path));
        tokio::spawn(listener.serve_pages(pages, stopped(stopping)));
    }
    tokio::spawn(certificates.keep_fresh(carrier, challenges));
    Ok(())
}

async fn tick(keeper: Keeper, disk: Disk) {
    let mut last = Room::Ample;
    let mut clock = interval(Duration::from_secs(1));
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        let room = disk.room();
        match (last, room) {
            (Room::Ample, Room::Scarce) => {
                tracing::warn!("the disk is nearly full: nothing new is taken in until there is room again");
            }
            (Room::Scarce, Room::Ample) => tracing::info!("there is room on the disk again"),
            _ => {}
        }
        last = room;
        keeper.tick(room);
    }
}

/// Counts what there is, now and then, for whoever looks at the metrics.
async fn take_stock(keeper: Keeper, metrics: Arc<Metrics>, disk: Disk, expiry: Option<Expiry>) {
    let mut clock = interval(STOCK_PERIOD);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        if let Ok(Ok(Told::Census(census))) = keeper.ask(Question::Census).await {
            metrics.stock.note_census(&census, now().seconds());
        }
        metrics.stock.note_disk(disk.used(), disk.free());
        if let Some(expiry) = &expiry {
            metrics.stock.note_certificate(expiry.seconds());
        }
    }
}

/// SIGINT and SIGTERM. SIGHUP, which makes a server with certificate files of its own read them again, stops none of the others either.
struct StopSignals {
    interrupted: Signal,
    terminated: Signal,
}

impl StopSignals {
    fn listen() -> Result<Self, AppError> {
        let (interrupted, terminated) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        // Once it is listened to, it never again ends the process, also when nobody listens any more.
        drop(signal(SignalKind::hangup())?);
        Ok(Self { interrupted, terminated })
    }

    /// Returns at the first signal. A second one ends the process at once: nothing that was answered is lost.
    async fn first(mut self) {
        self.next().await;
        tokio::spawn(async move {
            self.next().await;
            std::process::exit(1);
        });
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupted.recv() => {}
            _ = self.terminated.recv() => {}
        }
    }
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
}

/// How old the numbers about the store may be.
const STOCK_PERIOD: Duration = Duration::from_secs(60);
/// Connections to listeners that only a few have business with.
const MAX_SCRAPERS: usize = 64;
