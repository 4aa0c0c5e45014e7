//! A person, open: the engine on their database, the chunks, and what they are doing.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use kith_crypto::user::UserSecret;
use kith_engine::{Arrival, AttachmentId, Command, CommandError, Connection, Engine, LinkId, QueryError};
use kith_vault::{ChunkStore, Folder, Keeper, Params, Password, Vault};

use crate::contract::{Failure, FailureCode, Notice, State, Trouble};
use crate::convert;
use crate::failures::{chain, failure};
use crate::worker::Teller;
use crate::worker::clock::{Bell, Timer, now, rng};
use crate::worker::files::Reading;
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
}

impl Person {
    /// Makes a fresh person, who has no home server yet.
    pub(crate) fn create(folder: Arc<Folder>, password: &Password, teller: Teller) -> Result<Rc<Self>, Failure> {
        let vault = Vault::create(folder, password, Params::PHONE, &mut rng())?;
        let (person, user) = Self::start(vault, teller)?;
        let kept = person.engine.borrow_mut().set_user_key(&user.public());
        kept.map_err(|error| failure(FailureCode::Storage, chain(&error)))?;
        Ok(person)
    }

    /// Opens the person. This is a password entry: device lists that have grown old are signed anew.
    pub(crate) fn open(folder: Arc<Folder>, password: &Password, teller: Teller) -> Result<Rc<Self>, Failure> {
        let vault = Vault::open(folder, password)?;
        let (person, user) = Self::start(vault, teller)?;
        if person.is_blank()? {
            return Ok(person);
        }
        {
            let storage = |error: &dyn std::error::Error| failure(FailureCode::Storage, chain(error));
            let mut engine = person.engine.borrow_mut();
            engine.refresh_device_lists(&user, now(), &mut rng()).map_err(|error| storage(&error))?;
            // What became due while the person was closed comes first: nobody is shown a message whose time is over.
            engine.wake(now(), &mut rng()).map_err(|error| storage(&error))?;
            engine.drop_unused_attachments(now(), &mut rng()).map_err(|error| storage(&error))?;
        }
        person.sweep_chunks();
        person.turn();
        Ok(person)
    }

    fn start(mut vault: Vault, teller: Teller) -> Result<(Rc<Self>, UserSecret), Failure> {
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
        });
        person.watch_timer();
        Ok((person, UserSecret::from_seed(*seed)))
    }

    /// Returns whether making this person ended before it had a home server.
    pub(crate) fn is_blank(&self) -> Result<bool, Failure> {
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
        Ok(convert::state(self.ask(|engine| engine.status(now()))?))
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
