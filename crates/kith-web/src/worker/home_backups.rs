//! The backup that a device keeps at its home server: a file beside the vault, made as other backups are, and sent in sealed pieces
//! (spec/backup.md). How it is sent is in `kith-keep`; when one is due, the engine knows.

use std::cell::{Cell, RefCell};
use std::io::Write as _;
use std::path::Path;
use std::rc::Rc;

use js_sys::futures::spawn_local;
use kith_crypto::home_backup::HomeBackupSecret;
use kith_crypto::random;
use kith_crypto::user::UserSecret;
use kith_engine::{HomeBackupView, LinkState};
use kith_keep::{HomeServer, KeepError, Sending, free_place, remove_all, send};
use kith_vault::{BackupKey, BackupReader, Params};
use kith_wire::Timestamp;
use kith_wire::id::BackupMark;

use crate::contract::{self, Failure, FailureCode, Notice, Reply, Request};
use crate::failures::{chain, failure};
use crate::worker::backups::Alone;
use crate::worker::clock::{now, rng};
use crate::worker::gate::checked;
use crate::worker::person::Person;
use crate::worker::way::{HomeFile, OwnWay};

/// What is known of the backup at the home server while the person is open.
#[derive(Default)]
pub(crate) struct HomeKeeping {
    /// What backups there are made with, from the password entry on: in memory only (KC-12).
    secret: RefCell<Option<Rc<HomeBackupSecret>>>,
    /// When it is looked next whether one is due, and until when nothing is tried after a failure; in milliseconds since 1970.
    next_look: Cell<u64>,
    rests_until: Cell<u64>,
    is_running: Cell<bool>,
    is_lost: Cell<bool>,
    trouble: Cell<Option<FailureCode>>,
}

/// The file beside the vault, with a run that the engine has not remembered yet.
struct Written {
    mark: BackupMark,
    label: [u8; 16],
    contacts: u64,
    messages: u64,
    bytes: u64,
}

impl Person {
    /// Returns how the backup at the home server stands.
    pub(crate) fn home_backup(&self) -> Result<contract::HomeBackup, Failure> {
        let HomeBackupView { every, made, bytes, .. } = self.ask(|engine| engine.home_backup())?;
        let (running, lost) = (self.home.is_running.get(), self.home.is_lost.get());
        let (made, trouble) = (made.map(|at| at.0), self.home.trouble.get());
        Ok(contract::HomeBackup { every, made, bytes, running, lost, trouble })
    }

    /// Answers what is asked about backups at the home server.
    pub(crate) async fn answer_about_home(self: &Rc<Self>, request: Request) -> Result<Reply, Failure> {
        match request {
            Request::SetHomeBackup { password, hours } => {
                self.unlock_home(&self.user(&checked(password)?)?)?;
                self.set_home_backup(hours)?;
                Ok(Reply::Done)
            }
            Request::BackUpHome { password } => {
                self.unlock_home(&self.user(&checked(password)?)?)?;
                let alone = self.alone()?;
                self.make_and_tell(alone).await
            }
            Request::RemoveHomeBackups { password } => {
                let user = self.user(&checked(password)?)?;
                let _alone = self.alone()?;
                Ok(Reply::Removed { count: self.remove_home_backups(&user).await? })
            }
            _ => Err(failure(FailureCode::BadRequest, "this is not about backups at the home server")),
        }
    }

    /// Takes what backups at the home server are made with out of the person's secret, for as long as they are open.
    pub(crate) fn unlock_home(&self, user: &UserSecret) -> Result<(), Failure> {
        let key = self.ask(|engine| engine.status(now()))?.server_key;
        *self.home.secret.borrow_mut() = Some(Rc::new(HomeBackupSecret::new(user, &key)));
        Ok(())
    }

    /// Whoever makes backups by hand types the password each time: nothing of it stays in memory.
    fn forget_home_unless_kept(&self, is_kept: bool) {
        if !is_kept {
            drop(self.home.secret.take());
        }
    }

    /// Sets how often this device makes one by itself. The first follows at once.
    pub(crate) fn set_home_backup(self: &Rc<Self>, hours: Option<u32>) -> Result<(), Failure> {
        let set = self.engine.borrow_mut().set_home_backup(hours, now(), &mut rng());
        set.map_err(|error| storage(&error))?;
        self.forget_home_unless_kept(hours.is_some());
        self.home.trouble.set(None);
        self.home.rests_until.set(0);
        self.home.next_look.set(0);
        self.turn();
        self.teller.tell(&Notice::HomeBackup);
        Ok(())
    }

    /// Makes the next one if one is due and the home server is there. Asked after every turn, it looks once a minute, or when something has
    /// changed.
    pub(crate) fn keep_home_backup(self: &Rc<Self>, is_changed: bool) {
        let at = now();
        // A clock that was set back must not put it off for longer.
        let is_ahead = |until: &Cell<u64>, longest: u64| (1..=longest).contains(&until.get().saturating_sub(at.0));
        if self.home.secret.borrow().is_none()
            || self.is_backing_up.get()
            || is_ahead(&self.home.rests_until, REST_AFTER_FAILURE)
            || (!is_changed && is_ahead(&self.home.next_look, LOOK))
        {
            return;
        }
        self.home.next_look.set(at.0.saturating_add(LOOK));
        // What cannot be read now is read with the next look.
        if self.is_home_backup_due(at).unwrap_or(false) {
            let weak = Rc::downgrade(self);
            spawn_local(async move {
                let Some(person) = weak.upgrade() else { return };
                let Ok(alone) = person.alone() else { return };
                // Why it was not made is told with how it stands.
                let _ = person.make_and_tell(alone).await;
            });
        }
    }

    fn is_home_backup_due(&self, at: Timestamp) -> Result<bool, Failure> {
        if !self.ask(|engine| engine.home_backup())?.is_due(at) {
            return Ok(false);
        }
        let status = self.ask(|engine| engine.status(at))?;
        Ok(status.link == LinkState::Up && status.registered && !status.revoked)
    }

    async fn make_and_tell(self: &Rc<Self>, _alone: Alone<'_>) -> Result<Reply, Failure> {
        self.home.is_running.set(true);
        self.teller.tell(&Notice::HomeBackup);
        let made = self.make_home_backup().await;
        // What cannot be read is taken for no wish.
        self.forget_home_unless_kept(self.ask(|engine| engine.home_backup()).is_ok_and(|view| view.every.is_some()));
        self.home.is_running.set(false);
        self.home.trouble.set(made.as_ref().err().map(|failure| failure.code));
        if made.is_err() {
            self.home.rests_until.set(now().0.saturating_add(REST_AFTER_FAILURE));
        }
        self.teller.tell(&Notice::HomeBackup);
        made
    }

    async fn make_home_backup(self: &Rc<Self>) -> Result<Reply, Failure> {
        let secret = self.home.secret.borrow().clone().ok_or_else(|| failure(FailureCode::Locked, "nobody is open"))?;
        let mut server = self.home_server().await?;
        let view = self.ask(|engine| engine.home_backup())?;
        let place = match view.place {
            Some((key, place)) if key == server.key() => place,
            _ => {
                let place = free_place(&mut server, &secret).await?;
                self.remember_place(Some((server.key(), place)))?;
                place
            }
        };
        let written = self.write_home_file(&secret).await?;
        let device = self.ask(|engine| engine.own_name())?.unwrap_or_default();
        let made = now();
        let sending = Sending { label: written.label, length: written.bytes, device, made, every: view.every };
        let moving = |done, total| self.teller.tell(&Notice::Moving { done, total });
        let mut file = HomeFile(self.backup_file.rewound());
        let sent = match send(&mut server, (&secret, place), &mut file, sending, &mut rng(), &moving).await {
            Err(KeepError::Taken) => {
                // Another device of the person has the place since: another one is looked for next time.
                self.remember_place(None)?;
                return Err(KeepError::Taken.into());
            }
            Err(KeepError::NoRoom) => {
                let refused = self.engine.borrow_mut().home_backup_refused(now(), &mut rng());
                refused.map_err(|error| storage(&error))?;
                return Err(KeepError::NoRoom.into());
            }
            other => other?,
        };
        self.remember_backup(made, &written)?;
        let is_whole = sent.before.is_some_and(|there| view.made.is_none_or(|made| there >= made));
        self.home.is_lost.set(view.made.is_some() && !is_whole);
        let Written { contacts, messages, .. } = written;
        Ok(Reply::BackedUpHome { contacts, messages, sent: sent.bytes })
    }

    async fn remove_home_backups(self: &Rc<Self>, user: &UserSecret) -> Result<u64, Failure> {
        let mut server = self.home_server().await?;
        let secret = HomeBackupSecret::new(user, &server.key());
        self.set_home_backup(None)?;
        let count = remove_all(&mut server, &secret).await?;
        self.remember_place(None)?;
        // The next one begins with everything.
        self.backup_file.rewound().cut_at(0).map_err(KeepError::File)?;
        self.teller.tell(&Notice::HomeBackup);
        Ok(count)
    }

    async fn home_server(self: &Rc<Self>) -> Result<HomeServer<OwnWay>, Failure> {
        let status = self.ask(|engine| engine.status(now()))?;
        if !status.registered {
            return Err(KeepError::NotRegistered.into());
        }
        let found = HomeServer::find(OwnWay::of(self), status.server, Some(status.server_key)).await;
        Ok(found.map_err(KeepError::from)?)
    }

    fn remember_place(self: &Rc<Self>, place: Option<(kith_wire::id::ServerKey, u8)>) -> Result<(), Failure> {
        let set = self.engine.borrow_mut().set_home_place(place, now(), &mut rng());
        set.map_err(|error| storage(&error))?;
        self.turn();
        Ok(())
    }

    fn remember_backup(self: &Rc<Self>, made: Timestamp, written: &Written) -> Result<(), Failure> {
        {
            let mut engine = self.engine.borrow_mut();
            let done = engine.home_backup_done((made, written.bytes), now(), &mut rng());
            done.map_err(|error| storage(&error))?;
            engine.backup_done(written.mark, now(), &mut rng()).map_err(|error| storage(&error))?;
        }
        self.turn();
        Ok(())
    }

    /// Writes what is new to the file beside the vault, or all of it anew. No password opens it: one is drawn for its head and forgotten.
    async fn write_home_file(&self, secret: &HomeBackupSecret) -> Result<Written, Failure> {
        let user = secret.file_secret();
        let drawn: [u8; 32] = random::bytes(&mut rng());
        let unknown = checked(drawn.iter().map(|byte| format!("{byte:02x}")).collect())?;
        let lying = self.lying_at_home(&user);
        let (sealer, start, head) = self.begin(lying, user.expose(), (&unknown, unasked()?))?;
        let (contacts, mark, label) = (start.contacts, start.run.mark(), *sealer.label());
        let mut file = self.backup_file.rewound();
        file.cut_at(if head.is_empty() { sealer.end() } else { 0 }).map_err(KeepError::File)?;
        file.write_all(&head).map_err(KeepError::File)?;
        let put = |sealed: &[u8]| Ok(file.write_all(sealed).map_err(KeepError::File)?);
        let messages = self.seal_run(start, sealer, put).await?;
        file.keep().map_err(KeepError::File)?;
        let bytes = file.length().map_err(KeepError::File)?;
        Ok(Written { mark, label, contacts, messages, bytes })
    }

    /// Returns the last run of the file, if it is whole and this device's. Anything else is written anew: what counts lies at the home server.
    fn lying_at_home(&self, user: &UserSecret) -> Option<(BackupReader, BackupMark)> {
        let file = self.backup_file.rewound();
        let reader = BackupReader::of(Path::new("the backup"), file, &BackupKey::Seed(user.expose())).ok()?;
        self.last_run(reader).ok().flatten()
    }
}

/// Returns how much work a password is that nobody knows: little.
fn unasked() -> Result<Params, Failure> {
    Params::new(19 * 1024, 2, 1).map_err(|error| failure(FailureCode::Internal, error))
}

fn storage(error: &dyn std::error::Error) -> Failure {
    failure(FailureCode::Storage, chain(error))
}

/// How often it is looked whether one is due, in milliseconds as the next.
const LOOK: u64 = 60_000;
/// How long nothing is tried by itself after a failure.
const REST_AFTER_FAILURE: u64 = 10 * 60_000;
