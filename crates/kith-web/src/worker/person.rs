//! A person, open: the engine on their database, the chunks, and what they are doing.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use kith_crypto::user::UserSecret;
use kith_engine::{Arrival, AttachmentId, Command, CommandError, Connection, Engine, LinkId, QueryError};
use kith_vault::{BackupFile, ChunkStore, Folder, Keeper, Params, Password, Vault};
use kith_wire::id::BackupMark;

use crate::contract::{Failure, FailureCode, Notice, State, Trouble};
use crate::convert;
use crate::failures::{chain, failure};
use crate::worker::Teller;
use crate::worker::clock::{Bell, Timer, now, rng};
use crate::worker::files::Reading;
use crate::worker::home_backups::HomeKeeping;
use crate::worker::links::Link;

/// One person. What the browser calls back holds it weakly: when the gate lets go of it, it is closed.
pub(crate) struct Person {
    // The engine holds the database and goes before the keeper, which holds the folder.
    pub(crate) engine: RefCell<Engine>,
    pub(crate) chunks: ChunkStore,
    pub(crate) keeper: RefCell<Keeper>,
    /// Each live connection that the engine has asked for and not closed.
    pub(crate) links: RefCell<BTreeMap<LinkId, Link>>,
    /// What came in while the engine was busy.
    pub(crate) arrivals: RefCell<VecDeque<Arrival>>,
    pub(crate) is_turning: Cell<bool>,
    pub(crate) timer: Timer,
    /// Rung after every turn.
    pub(crate) bell: Bell,
    pub(crate) teller: Teller,
    /// What the home server refused last.
    pub(crate) trouble: Cell<Option<Trouble>>,
    /// What was told last of how things stand.
    pub(crate) told: RefCell<Option<State>>,
    /// Attachments that are being read, piece by piece.
    pub(crate) readings: RefCell<BTreeMap<AttachmentId, Reading>>,
    /// The password, for as long as this device becomes another one of a person; see `devices.rs`.
    pub(crate) password: RefCell<Option<Password>>,
    /// Whether something was heard of devices that joining may go on with.
    pub(crate) is_joining_due: Cell<bool>,
    /// Whether a backup is being made, and with what the last one ends that was not kept yet.
    pub(crate) is_backing_up: Cell<bool>,
    pub(crate) backup_made: Cell<Option<BackupMark>>,
    /// The backup at the home server, and the file beside the vault that it is sent from.
    pub(crate) home: HomeKeeping,
    pub(crate) backup_file: BackupFile,
}

impl Person {
    /// Makes a fresh person, who has no home server yet.
    pub(crate) fn create(folder: Arc<Folder>, password: &Password, teller: Teller) -> Result<Rc<Self>, Failure> {
        let mut backup_file = folder.backup();
        let vault = Vault::create(folder, password, Params::PHONE, &mut rng())?;
        // What somebody fetched here who then began anew is nobody's any more.
        backup_file.cut_at(0).map_err(kith_keep::KeepError::File)?;
        let (person, user) = Self::start(vault, backup_file, teller)?;
        let kept = person.engine.borrow_mut().set_user_key(&user.public());
        kept.map_err(|error| failure(FailureCode::Storage, chain(&error)))?;
        Ok(person)
    }

    /// Opens the person. This is a password entry: device lists that have grown old are signed anew, and a device that was
    /// linked takes over the person's secret.
    pub(crate) fn open(folder: Arc<Folder>, password: Password, teller: Teller) -> Result<Rc<Self>, Failure> {
        let backup_file = folder.backup();
        let vault = Vault::open(folder, &password)?;
        let (person, user) = Self::start(vault, backup_file, teller)?;
        if person.is_half_made()? {
            return Ok(person);
        }
        // After this the lists are signed with the right secret, if a crash came between a welcome and taking it over.
        let is_adopting = person.ask(|engine| engine.has_user_seed_to_adopt());
        let is_adopting = is_adopting.map_err(|error| failure(FailureCode::Storage, chain(&error)))?;
        {
            let storage = |error: &dyn std::error::Error| failure(FailureCode::Storage, chain(error));
            let mut engine = person.engine.borrow_mut();
            if !is_adopting {
                engine.refresh_device_lists(&user, now(), &mut rng()).map_err(|error| storage(&error))?;
            }
            // What became due while the person was closed comes first: nobody is shown a message whose time is over.
            engine.wake(now(), &mut rng()).map_err(|error| storage(&error))?;
            engine.drop_unused_attachments(now(), &mut rng()).map_err(|error| storage(&error))?;
        }
        if !is_adopting && person.ask(|engine| engine.home_backup())?.every.is_some() {
            person.unlock_home(&user)?;
        }
        person.sweep_chunks();
        person.turn();
        if !person.try_joining(&password)? {
            *person.password.borrow_mut() = Some(password);
        }
        Ok(person)
    }

    pub(crate) fn start(
        mut vault: Vault,
        backup_file: BackupFile,
        teller: Teller,
    ) -> Result<(Rc<Self>, UserSecret), Failure> {
        let seed = vault.take_user_seed().ok_or_else(|| failure(FailureCode::Internal, "the vault has no user key"))?;
        let (connection, chunks, keeper) = vault.into_parts();
        let engine = Engine::open(connection, now())?;
        let person = Rc::new(Self {
            engine: RefCell::new(engine),
            chunks,
            keeper: RefCell::new(keeper),
            links: RefCell::default(),
            arrivals: RefCell::default(),
            is_turning: Cell::new(false),
            timer: Timer::new(),
            bell: Bell::default(),
            teller,
            trouble: Cell::new(None),
            told: RefCell::default(),
            readings: RefCell::default(),
            password: RefCell::default(),
            is_joining_due: Cell::new(false),
            is_backing_up: Cell::new(false),
            backup_made: Cell::new(None),
            home: HomeKeeping::default(),
            backup_file,
        });
        person.watch_timer();
        Ok((person, UserSecret::from_seed(*seed)))
    }

    /// Returns whether making this person ended before it had a home server, or restoring it before all was there.
    pub(crate) fn is_half_made(&self) -> Result<bool, Failure> {
        let is_restoring = self.ask(|engine| engine.is_restoring());
        if is_restoring.map_err(|error| failure(FailureCode::Storage, chain(&error)))? {
            return Ok(true);
        }
        match self.engine.borrow().status(now()) {
            Ok(_) => Ok(false),
            Err(QueryError::NotInitialised) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Does what the person wants.
    pub(crate) fn command(self: &Rc<Self>, command: Command) -> Result<kith_engine::Reply, CommandError> {
        let reply = self.engine.borrow_mut().command(now(), &mut rng(), command)?;
        self.turn();
        Ok(reply)
    }

    /// Asks the engine something.
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&Engine) -> T) -> T {
        question(&self.engine.borrow())
    }

    /// Returns how things stand.
    pub(crate) fn state(&self) -> Result<State, Failure> {
        let status = self.ask(|engine| engine.status(now()))?;
        Ok(match self.joining()? {
            Some(step) if !status.revoked => convert::joining(&status, step),
            _ => convert::state(status),
        })
    }

    /// Returns what the home server refused last.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.trouble.get()
    }

    /// Waits until something happens, but no longer than some milliseconds.
    pub(crate) async fn changed(&self, milliseconds: i32) {
        self.bell.wait(milliseconds).await;
    }

    /// Goes offline; what runs late finds nobody.
    pub(crate) fn close(self: &Rc<Self>) {
        // Only storage can refuse this, and then there is nothing to close.
        let _ = self.command(Command::Connect(Connection::Unwanted));
        self.links.borrow_mut().clear();
        self.timer.stop();
    }

    /// Tells how things stand, if that is otherwise than before.
    pub(crate) fn tell_state(&self) {
        let Ok(state) = self.state() else { return };
        if self.told.borrow().as_ref() != Some(&state) {
            *self.told.borrow_mut() = Some(state.clone());
            self.teller.tell(&Notice::State { state });
        }
    }
}
