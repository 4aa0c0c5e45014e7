//! Whether there is a person here, and whether they are open: making, unlocking, locking.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use kith_engine::{Command, Connection};
use kith_keep::KeepError;
use kith_vault::{Folder, FolderError, Password};
use kith_wire::Wire as _;
use kith_wire::address::{Scheme, ServerUrl};
use kith_wire::descriptor::Descriptor;
use kith_wire::id::{InviteCode, ServerKey};
use kith_wire::signed::Signed;
use web_sys::Blob;
use zeroize::Zeroizing;

use crate::contract::{self, Failure, FailureCode, Notice, Reply, Request, State, Trouble};
use crate::failures::failure;
use crate::worker::clock::{now, pause};
use crate::worker::home_restoring::Finding;
use crate::worker::person::Person;
use crate::worker::restoring::Backup;
use crate::worker::{Answer, Slot, Teller, net};

/// The storage and the person, as far as they are open.
pub(crate) struct Gate {
    teller: Teller,
    folder: Slot<Arc<Folder>>,
    person: Slot<Rc<Person>>,
    /// Whether the person is just being made, opened or closed: the database is opened once only.
    is_moving: Cell<bool>,
    /// What was found at a home server for somebody who is not here yet, and what was fetched of it.
    finding: Slot<Finding>,
    fetched: Slot<Backup>,
}

impl Gate {
    pub(crate) fn new(teller: Teller) -> Self {
        Self {
            teller,
            folder: Slot::new(None),
            person: Slot::new(None),
            is_moving: Cell::new(false),
            finding: Slot::new(None),
            fetched: Slot::new(None),
        }
    }

    /// Answers one request.
    pub(crate) async fn answer(&self, request: Request, file: Option<Blob>) -> Result<Answer, Failure> {
        match request {
            Request::State | Request::TakeOver => {}
            Request::Create { name, password, server, invite } => {
                let _moving = self.begin()?;
                self.create(name, password, server.as_deref(), invite.as_deref()).await?;
            }
            Request::LookAtBackup { with } => {
                self.forget_found();
                return Ok(Reply::Backup { backup: Backup::open(chosen(file)?, with)?.shown() }.into());
            }
            Request::Restore { with, password, server, invite, device_name } => {
                let _moving = self.begin()?;
                let is_fetched = matches!(with, contract::BackupKey::Fetched);
                let backup = if is_fetched {
                    self.fetched.take().ok_or_else(not_fetched)?
                } else {
                    Backup::open(chosen(file)?, with)?
                };
                let at = (server.as_deref(), invite.as_deref());
                let restored = self.restore(&backup, password, at, &device_name).await;
                if is_fetched && restored.is_err() {
                    *self.fetched.borrow_mut() = Some(backup);
                }
                restored?;
            }
            Request::FindAtHome { words, server } => {
                let _moving = self.begin()?;
                self.fresh_folder().await?;
                let finding = Finding::begin(address(server.as_deref())?, words).await?;
                let found = finding.shown();
                *self.finding.borrow_mut() = Some(finding);
                return Ok(Reply::FoundAtHome { found }.into());
            }
            Request::FetchFromHome { number } => {
                let _moving = self.begin()?;
                let file = self.fresh_folder().await?.backup();
                drop(self.fetched.take());
                let mut finding = self.finding.take().ok_or_else(not_fetched)?;
                let fetched = finding.fetch(number, file, &self.teller).await;
                *self.finding.borrow_mut() = Some(finding);
                let backup = fetched?;
                let shown = backup.shown();
                *self.fetched.borrow_mut() = Some(backup);
                return Ok(Reply::Backup { backup: shown }.into());
            }
            Request::Erase => {
                let _moving = self.begin()?;
                self.erase().await?;
            }
            Request::Unlock { password } => {
                let _moving = self.begin()?;
                self.unlock(password).await?;
            }
            Request::Lock => {
                let _moving = self.begin()?;
                self.lock();
                return Ok(Reply::State { state: State::Locked }.into());
            }
            other => {
                let person = self.person.borrow().clone();
                let person = person.ok_or_else(|| failure(FailureCode::Locked, "nobody is open here"))?;
                return person.answer(other, file).await;
            }
        }
        Ok(Reply::State { state: self.state().await? }.into())
    }

    /// Begins what must not overlap; it ends when the answer is dropped.
    fn begin(&self) -> Result<Moving<'_>, Failure> {
        if self.is_moving.replace(true) {
            return Err(failure(FailureCode::BadRequest, "the person is just being made, opened or closed"));
        }
        Ok(Moving { is_moving: &self.is_moving })
    }

    async fn state(&self) -> Result<State, Failure> {
        let person = self.person.borrow().clone();
        if let Some(person) = person {
            return person.state();
        }
        let folder = self.folder().await?;
        Ok(if folder.has_vault() { State::Locked } else { State::Nobody })
    }

    async fn unlock(&self, password: String) -> Result<(), Failure> {
        let password = checked(password)?;
        if self.person.borrow().is_some() {
            return Ok(());
        }
        let folder = self.folder().await?;
        let person = Person::open(Arc::clone(&folder), password, self.teller.clone())?;
        if person.is_half_made()? {
            // Making ended before there was anybody, or restoring before all was there: nobody can miss what is here.
            drop(person);
            folder.clear()?;
            return Err(failure(FailureCode::RestoreUnfinished, "the person was not made to the end"));
        }
        // A device that was taken out shows nobody a link any more, and takes no commands.
        if !matches!(person.state()?, State::Open { revoked: true, .. }) {
            person.forget_words()?;
            person.command(Command::Connect(Connection::Wanted))?;
        }
        *self.person.borrow_mut() = Some(person);
        Ok(())
    }

    /// Removes everything, of a person who is joining or a device that was taken out: of nobody else can that be asked.
    async fn erase(&self) -> Result<(), Failure> {
        let person = self.person.borrow().clone();
        let person = person.ok_or_else(|| failure(FailureCode::Locked, "nobody is open here"))?;
        if !matches!(person.state()?, State::Joining { .. } | State::Open { revoked: true, .. }) {
            return Err(failure(FailureCode::BadRequest, "the person of this device is not removed"));
        }
        person.close();
        drop(person);
        drop(self.person.take());
        // What the browser calls back late may hold the person for a moment.
        pause(50).await;
        let folder = self.folder().await?;
        folder.backup().cut_at(0).map_err(KeepError::File)?;
        Ok(folder.clear()?)
    }

    async fn create(
        &self,
        name: Option<String>,
        password: String,
        server: Option<&str>,
        invite: Option<&str>,
    ) -> Result<(), Failure> {
        let password = checked(password)?;
        self.forget_found();
        let url = address(server)?;
        let invite = invited(invite)?;
        let (descriptor, key) = described(&url).await?;
        let folder = self.fresh_folder().await?;
        let person = Person::create(Arc::clone(&folder), &password, self.teller.clone())?;
        let name = name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        let made = match person.command(Command::Init { url, descriptor, expect: Some(key), invite, name }) {
            Ok(_) => register(&person).await,
            Err(error) => Err(error.into()),
        };
        self.settle(folder, Rc::clone(&person), made)?;
        if person.joining()?.is_some() {
            *person.password.borrow_mut() = Some(password);
        }
        Ok(())
    }

    /// Takes a backup in: its person is open here afterwards, on a device in the place of all others.
    async fn restore(
        &self,
        backup: &Backup,
        password: String,
        (server, invite): (Option<&str>, Option<&str>),
        device: &str,
    ) -> Result<(), Failure> {
        let password = checked(password)?;
        let url = if server.is_some() { address(server)? } else { backup.server.url.clone() };
        let invite = invited(invite)?;
        let (descriptor, key) = described(&url).await?;
        if server.is_none() && key != backup.server.key {
            return Err(failure(FailureCode::NotAHomeServer, "another home server is at the address of the old one"));
        }
        let folder = self.fresh_folder().await?;
        let restored = Person::restore(Arc::clone(&folder), &password, backup, device, self.teller.clone()).await;
        let person = match restored {
            Ok(person) => person,
            Err(failure) => {
                folder.clear()?;
                return Err(failure);
            }
        };
        let name = backup.name.clone();
        let init = Command::Init { url, descriptor, expect: Some(key), invite, name };
        let begun = person.command(init).map_err(Failure::from).and_then(|_| person.finish_restore(backup));
        let made = match begun {
            Ok(()) => register(&person).await,
            Err(failure) => Err(failure),
        };
        self.settle(folder, Rc::clone(&person), made)?;
        self.forget_found();
        person.go_on_at_home(backup)?;
        person.tell_restored(backup).await
    }

    /// Forgets what was found at a home server with somebody's recovery phrase: they do something else.
    fn forget_found(&self) {
        drop(self.finding.take());
        drop(self.fetched.take());
    }

    /// Returns the storage, if nobody is in it.
    async fn fresh_folder(&self) -> Result<Arc<Folder>, Failure> {
        let folder = self.folder().await?;
        if folder.has_vault() {
            return Err(failure(FailureCode::AlreadyHere, "there is a person here already"));
        }
        Ok(folder)
    }

    /// Keeps a person who was made, or removes what is left of one who was not.
    fn settle(&self, folder: Arc<Folder>, person: Rc<Person>, made: Result<(), Failure>) -> Result<(), Failure> {
        if let Err(failure) = made {
            person.close();
            drop(person);
            // Without a home server this is worth nothing, and it would stand in the way of the next attempt.
            folder.clear()?;
            return Err(failure);
        }
        *self.person.borrow_mut() = Some(person);
        Ok(())
    }

    /// Closes the person and the storage. The page ends the worker afterwards, and with it all its memory.
    fn lock(&self) {
        if let Some(person) = self.person.take() {
            person.close();
        }
        if let Some(folder) = self.folder.take() {
            folder.release();
        }
        self.teller.tell(&Notice::State { state: State::Locked });
    }

    /// Returns the storage, opened. A worker that has just ended may hold it for a moment yet.
    async fn folder(&self) -> Result<Arc<Folder>, Failure> {
        for _ in 0..PATIENCE {
            if let Some(folder) = self.folder.borrow().as_ref() {
                return Ok(Arc::clone(folder));
            }
            match Folder::open().await {
                Ok(folder) => {
                    #[expect(
                        clippy::arc_with_non_send_sync,
                        reason = "elsewhere than in a browser the vault is sent about"
                    )]
                    let folder = Arc::new(folder);
                    *self.folder.borrow_mut() = Some(Arc::clone(&folder));
                    return Ok(folder);
                }
                Err(error) if is_busy(&error) => pause(100).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(failure(FailureCode::Elsewhere, "another worker has the storage open"))
    }
}

/// Held while the person is being made, opened or closed.
struct Moving<'a> {
    is_moving: &'a Cell<bool>,
}

impl Drop for Moving<'_> {
    fn drop(&mut self) {
        self.is_moving.set(false);
    }
}

/// Makes the person known to the home server; one that was there a moment ago and does not answer now does it later.
async fn register(person: &Rc<Person>) -> Result<(), Failure> {
    person.command(Command::Connect(Connection::Wanted))?;
    for _ in 0..PATIENCE {
        match person.trouble() {
            Some(Trouble::InviteNeeded) => {
                return Err(failure(FailureCode::InviteNeeded, "the home server wants an invite"));
            }
            // A wrong clock is worth a warning and no reason to stop.
            Some(Trouble::ClockOff) | None => {}
            Some(_) => return Err(failure(FailureCode::ServerRefuses, "the home server refuses")),
        }
        if person.ask(|engine| engine.status(now()))?.registered {
            return Ok(());
        }
        person.changed(300).await;
    }
    Err(failure(FailureCode::ServerUnreachable, "the home server did not answer in time"))
}

/// Fetches what a home server says about itself, and the key that it signs it with: nobody chooses a password for a server that is
/// not there.
pub(crate) async fn described(url: &ServerUrl) -> Result<(Vec<u8>, ServerKey), Failure> {
    let descriptor = net::descriptor(url).await.map_err(|error| failure(error.code(), error))?;
    let not_one = |detail: String| failure(FailureCode::NotAHomeServer, detail);
    let signed = Signed::<Descriptor>::from_bytes(&descriptor).map_err(|error| not_one(error.to_string()))?;
    let key = kith_crypto::sign::open(signed).map_err(|error| not_one(error.to_string()))?.get().server_key;
    Ok((descriptor, key))
}

fn invited(code: Option<&str>) -> Result<Option<InviteCode>, Failure> {
    let bad = || failure(FailureCode::InviteNeeded, "this is not an invite code");
    code.map(|text| InviteCode::parse(text).ok_or_else(bad)).transpose()
}

fn not_fetched() -> Failure {
    failure(FailureCode::NoHomeBackup, "nothing was fetched from a home server")
}

/// The file that must come beside a request.
fn chosen(file: Option<Blob>) -> Result<Blob, Failure> {
    file.ok_or_else(|| failure(FailureCode::BadRequest, "there is no file beside the request"))
}

/// Takes a password as it was typed.
pub(crate) fn checked(password: String) -> Result<Password, Failure> {
    Password::new(password).map_err(|error| failure(FailureCode::EmptyPassword, error))
}

/// Reads the address of a home server; none means the one that this app comes from.
pub(crate) fn address(server: Option<&str>) -> Result<ServerUrl, Failure> {
    let bad = |detail: String| failure(FailureCode::BadAddress, detail);
    let typed = server.map(str::trim).filter(|text| !text.is_empty());
    let url = match typed {
        Some(text) => ServerUrl::parse_lenient(text),
        None => ServerUrl::parse(&net::origin().ok_or_else(|| bad("this page has no address".to_owned()))?),
    };
    let url = url.map_err(|error| bad(error.to_string()))?;
    if url.scheme() == Scheme::Http && !is_this_machine(url.host()) {
        return Err(bad("over plain http, everybody on the way could see when you talk".to_owned()));
    }
    Ok(url)
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_busy(error: &FolderError) -> bool {
    error.kind() == std::io::ErrorKind::ResourceBusy
}

/// How often something is asked again before it counts as lost.
const PATIENCE: u32 = 50;

/// Keeps what a person typed from staying in memory.
pub(crate) fn wiped(text: String) -> Zeroizing<String> {
    Zeroizing::new(text)
}
