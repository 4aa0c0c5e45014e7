//! A person's folder, open: commands go in, answers come out, events follow.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use kith_crypto::home_backup::HomeBackupSecret;
use kith_crypto::user::UserSecret;
use kith_engine::{Arrival, Command, CommandError, Connection, Engine, LinkId, Reply};
use kith_net::{AddressPolicy, Carrier, CarrierError};
use kith_vault::{ChunkStore, Keeper, Params, Password, ProofKey, Vault};
use kith_wire::Timestamp;
use kith_wire::address::ServerUrl;
use rand::rngs::SysRng;
use rand_core::{CryptoRng, UnwrapErr};
use thiserror::Error;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;

use crate::drive::{Events, Notice};

/// One person's folder, open. Clones stand for the same one; when the last is dropped, the folder is locked.
#[derive(Clone)]
pub struct Client {
    pub(crate) inner: Rc<Inner>,
}

/// How a folder is opened.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// What a new password costs to try.
    pub params: Params,
    /// Which addresses the person's own home server may have.
    pub policy: AddressPolicy,
}

impl Default for Options {
    /// A desktop's password costs, and home servers in one's own network too: the person chose it.
    fn default() -> Self {
        Self { params: Params::DESKTOP, policy: AddressPolicy::AllowPrivate }
    }
}

pub(crate) struct Inner {
    // The engine holds the database and goes before the keeper, which gives the folder away.
    pub(crate) engine: RefCell<Engine>,
    pub(crate) chunks: ChunkStore,
    pub(crate) keeper: RefCell<Keeper>,
    pub(crate) carrier: Carrier,
    /// The way out of each live connection that the engine has asked for and not closed.
    pub(crate) links: RefCell<BTreeMap<LinkId, UnboundedSender<Bytes>>>,
    /// What came in while the engine was busy.
    pub(crate) arrivals: RefCell<VecDeque<Arrival>>,
    pub(crate) listeners: RefCell<Vec<UnboundedSender<Notice>>>,
    /// Rung when the engine's next timer may have changed.
    pub(crate) timer: Rc<Notify>,
    /// Rung when a live connection has ended.
    pub(crate) link_ended: Rc<Notify>,
    pub(crate) n_link_tasks: Cell<usize>,
    pub(crate) is_quiet: Cell<bool>,
    /// Whether something happened since the last password entry that may want one.
    pub(crate) is_entry_due: Cell<bool>,
    pub(crate) is_turning: Cell<bool>,
    /// Whether a backup is being made.
    pub(crate) is_backing_up: Cell<bool>,
    /// What backups at the home server are made with, since the last password entry, if this device makes them.
    pub(crate) home_secret: RefCell<Option<Rc<HomeBackupSecret>>>,
    pub(crate) folder: PathBuf,
    /// What a new password costs to try.
    pub(crate) params: Params,
}

impl Client {
    /// Makes a folder with a fresh person in it, who has no home server yet: [`Command::Init`] comes next.
    ///
    /// # Errors
    /// [`ClientError`]; the folder must be absent or empty.
    pub fn create(folder: &Path, password: &Password, options: Options) -> Result<Self, ClientError> {
        let mut vault = Vault::create(folder, password, options.params, &mut rng()).map_err(ClientError::create)?;
        let seed = vault.take_user_seed().ok_or(ClientError::Incomplete)?;
        let client = Self::start(folder, vault, options)?;
        let user = UserSecret::from_seed(*seed);
        client.inner.engine.borrow_mut().set_user_key(&user.public()).map_err(ClientError::engine)?;
        Ok(client)
    }

    /// Opens a folder. This is a password entry: device lists that have grown old are signed anew, and a device that was
    /// linked takes over the person's secret.
    ///
    /// # Errors
    /// [`ClientError`]; nothing in the folder has changed then.
    pub fn open(folder: &Path, password: &Password, options: Options) -> Result<Self, ClientError> {
        let mut vault = Vault::open(folder, password).map_err(ClientError::open)?;
        let seed = vault.take_user_seed().ok_or(ClientError::Incomplete)?;
        let client = Self::start(folder, vault, options)?;
        if client.ask(|engine| engine.is_restoring()).map_err(ClientError::engine)? {
            return Err(ClientError::Restoring);
        }
        // The secret of the person whose device this one has become, if a crash came between the two.
        let is_adopted = client.finish_joining(password).map_err(ClientError::engine)?;
        {
            let mut engine = client.inner.engine.borrow_mut();
            if !is_adopted {
                let user = UserSecret::from_seed(*seed);
                engine.refresh_device_lists(&user, now(), &mut rng()).map_err(ClientError::engine)?;
            }
            // What became due while the folder was closed comes first: nobody is shown a message whose time is over.
            engine.wake(now(), &mut rng()).map_err(ClientError::engine)?;
            engine.drop_unused_attachments(now(), &mut rng()).map_err(ClientError::engine)?;
        }
        if client.ask(|engine| engine.home_backup()).map_err(ClientError::engine)?.every.is_some() {
            // A device that was linked has the person's secret only now.
            let seed = if is_adopted { client.seed(password).map_err(ClientError::engine)? } else { seed };
            client.unlock_home(&seed).map_err(ClientError::engine)?;
        }
        client.sweep_chunks();
        client.turn();
        Ok(client)
    }

    /// Fetches what a home server says about itself; nothing about it is verified.
    ///
    /// # Errors
    /// [`CarrierError`] when it cannot be reached.
    pub async fn descriptor(url: &ServerUrl, options: Options) -> Result<Vec<u8>, CarrierError> {
        let carrier = Carrier::builder(options.policy).build().map_err(|_| CarrierError::Handshake)?;
        Ok(carrier.descriptor(url).await?.to_vec())
    }

    /// Fetches what another home server says about itself, as [`descriptor`](Self::descriptor) does.
    ///
    /// # Errors
    /// [`CarrierError`] when it cannot be reached.
    pub async fn descriptor_of(&self, url: &ServerUrl) -> Result<Vec<u8>, CarrierError> {
        let carrier = self.inner.carrier.clone();
        Ok(carrier.descriptor(url).await?.to_vec())
    }

    /// Does what a person wants.
    ///
    /// # Errors
    /// [`CommandError`]; nothing has changed then.
    pub fn command(&self, command: Command) -> Result<Reply, CommandError> {
        let reply = self.inner.engine.borrow_mut().command(now(), &mut rng(), command)?;
        self.turn();
        Ok(reply)
    }

    /// Asks the engine something.
    pub fn ask<T>(&self, question: impl FnOnce(&Engine) -> T) -> T {
        question(&self.inner.engine.borrow())
    }

    /// Starts telling what happens from now on.
    pub fn events(&self) -> Events {
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        self.inner.listeners.borrow_mut().push(sender);
        Events::new(receiver)
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.inner.folder
    }

    /// Asks a question of what another process proves its password with.
    pub fn with_proof_key<T>(&self, question: impl FnOnce(&ProofKey) -> T) -> T {
        question(self.inner.keeper.borrow().proof_key())
    }

    /// Makes another password the one that opens the folder.
    ///
    /// # Errors
    /// [`kith_vault::ChangePasswordError`]; exactly one of the two passwords opens the folder then.
    pub fn change_password(&self, old: &Password, new: &Password) -> Result<(), kith_vault::ChangePasswordError> {
        self.inner.keeper.borrow_mut().change_password(old, new, &mut rng())
    }

    /// Goes offline and waits a moment until what was said has left.
    pub async fn close(self) {
        // Only storage can refuse this, and then there is nothing to close.
        let _ = self.command(Command::Connect(Connection::Unwanted));
        self.inner.links.borrow_mut().clear();
        let all_ended = async {
            while self.inner.n_link_tasks.get() > 0 {
                self.inner.link_ended.notified().await;
            }
        };
        let _ = tokio::time::timeout(CLOSE_PATIENCE, all_ended).await;
    }

    pub(crate) fn start(folder: &Path, vault: Vault, options: Options) -> Result<Self, ClientError> {
        let (connection, chunks, keeper) = vault.into_parts();
        let engine = Engine::open(connection, now()).map_err(ClientError::engine)?;
        let carrier = Carrier::builder(options.policy).build().map_err(|_| ClientError::NoTls)?;
        let inner = Inner {
            engine: RefCell::new(engine),
            chunks,
            keeper: RefCell::new(keeper),
            carrier,
            links: RefCell::default(),
            arrivals: RefCell::default(),
            listeners: RefCell::default(),
            timer: Rc::default(),
            link_ended: Rc::default(),
            n_link_tasks: Cell::new(0),
            is_quiet: Cell::new(false),
            is_entry_due: Cell::new(false),
            is_turning: Cell::new(false),
            is_backing_up: Cell::new(false),
            home_secret: RefCell::default(),
            folder: folder.to_owned(),
            params: options.params,
        };
        let client = Self { inner: Rc::new(inner) };
        client.watch_timer();
        Ok(client)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client(…)")
    }
}

/// Why a folder was not made or opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The password does not open the folder.
    #[error("the password does not open this folder")]
    WrongPassword,
    /// There is nobody in the folder.
    #[error("there is nobody in this folder yet")]
    Missing,
    /// There is somebody in the folder.
    #[error("there is somebody in this folder already")]
    AlreadyExists,
    /// KE-75: a backup was being taken in, and not all of it is there.
    #[error("the backup that is being restored in this folder is not all there")]
    Restoring,
    /// Another process owns the folder.
    #[error("another program is using this folder")]
    InUse,
    /// The vault gave no user key.
    #[error("the folder has no user key")]
    Incomplete,
    /// This build cannot speak TLS.
    #[error("this build cannot make secure connections")]
    NoTls,
    /// The vault could not be made.
    #[error(transparent)]
    Create(kith_vault::CreateError),
    /// The vault could not be opened.
    #[error(transparent)]
    Open(kith_vault::OpenError),
    /// The engine could not start on it.
    #[error("the folder's database cannot be used: {0}")]
    Engine(Box<dyn std::error::Error>),
}

impl ClientError {
    pub(crate) fn create(error: kith_vault::CreateError) -> Self {
        use kith_vault::CreateError as E;
        match error {
            E::AlreadyExists => Self::AlreadyExists,
            E::InUse => Self::InUse,
            other => Self::Create(other),
        }
    }

    pub(crate) fn open(error: kith_vault::OpenError) -> Self {
        use kith_vault::OpenError as E;
        match error {
            E::Missing => Self::Missing,
            E::InUse => Self::InUse,
            E::WrongPassword => Self::WrongPassword,
            other => Self::Open(other),
        }
    }

    pub(crate) fn engine(error: impl std::error::Error + 'static) -> Self {
        Self::Engine(Box::new(error))
    }
}

/// Tries the password of a folder that another process owns; see [`Vault::proof_key`].
///
/// # Errors
/// [`ClientError`] as for opening.
pub fn proof_key(folder: &Path, password: &Password) -> Result<ProofKey, ClientError> {
    Vault::proof_key(folder, password).map_err(ClientError::open)
}

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
}

/// The system's randomness. A system without it cannot run this program at all.
pub(crate) fn rng() -> impl CryptoRng {
    UnwrapErr(SysRng)
}

/// How long a goodbye may take.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);
