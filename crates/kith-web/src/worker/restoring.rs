//! Restoring a backup: looked at whole first, then taken into the storage, where nobody may be yet.

use std::rc::Rc;
use std::sync::Arc;

use kith_crypto::user::UserSecret;
use kith_engine::{BackupFrom, Engine, RestoreError};
use kith_vault::{BackupKey, BackupReader, Folder, Next, Params, Password, Phrase, PhraseError, Vault};
use kith_wire::Timestamp;
use kith_wire::address::ServerAddress;
use kith_wire::backup::{BackupItem, end_of, unpack};
use web_sys::Blob;
use zeroize::Zeroizing;

use crate::contract::{self, Failure, FailureCode, Notice};
use crate::failures::{chain, failure};
use crate::worker::clock::{now, pause, rng};
use crate::worker::gate::checked;
use crate::worker::person::Person;
use crate::worker::{Teller, backups};

/// A backup that was read to its end: all of it opens.
pub(crate) struct Backup {
    file: Blob,
    seed: Zeroizing<[u8; 32]>,
    /// Where the last whole run ends.
    end: u64,
    pub(crate) name: Option<String>,
    pub(crate) server: ServerAddress,
    made: Timestamp,
    messages: u64,
    is_torn: bool,
}

impl Backup {
    /// Opens a backup and reads it to its end; nothing is kept of it but what it is about.
    pub(crate) fn open(file: Blob, with: contract::BackupKey) -> Result<Self, Failure> {
        let mut reader = match with {
            contract::BackupKey::Phrase { words } => {
                let words = Zeroizing::new(words);
                let phrase = Phrase::parse(&words).map_err(|error| phrase_failure(&error))?;
                backups::open(&file, &BackupKey::Phrase(&phrase))?
            }
            contract::BackupKey::Password { password } => {
                let password = checked(password)?;
                backups::open(&file, &BackupKey::Password(&password))?
            }
        };
        let seed = Zeroizing::new(*reader.seed());
        let newer = |_| failure(FailureCode::NewerVersion, "something in this backup is not known here");
        let (mut person, mut whole, mut messages, mut end) = (None, None, 0_u64, 0);
        let is_torn = loop {
            let segment = match reader.read_next()? {
                Next::Segment(segment) => segment,
                Next::End => break false,
                Next::Torn => break true,
            };
            for item in unpack(&segment.content).map_err(newer)?.items {
                match item {
                    BackupItem::Person { name, server, .. } => person = Some((name, server)),
                    BackupItem::Messages { messages: some, .. } => {
                        messages = messages.saturating_add(u64::try_from(some.len()).unwrap_or(0));
                    }
                    _ => {}
                }
            }
            if segment.is_last {
                let made = end_of(&segment.content).map(|(_, made)| made);
                whole = person.clone().zip(made).map(|(person, made)| (person, made, messages));
                end = segment.end;
            }
        };
        let nothing = || failure(FailureCode::BackupDamaged, "there is no whole backup in this file");
        let ((name, server), made, messages) = whole.ok_or_else(nothing)?;
        Ok(Self { file, seed, end, name, server, made, messages, is_torn })
    }

    /// Says what it is about.
    pub(crate) fn shown(&self) -> contract::Backup {
        contract::Backup {
            name: self.name.clone(),
            server: self.server.url.to_string(),
            made: self.made.0,
            messages: self.messages,
            torn: self.is_torn,
        }
    }

    fn user(&self) -> UserSecret {
        UserSecret::from_seed(*self.seed)
    }
}

impl Person {
    /// Takes a backup into a new storage. The person has no home server yet; until [`finish_restore`](Self::finish_restore) was done
    /// the storage opens for nothing else.
    pub(crate) async fn restore(
        folder: Arc<Folder>,
        password: &Password,
        backup: &Backup,
        device: &str,
        teller: Teller,
    ) -> Result<Rc<Self>, Failure> {
        let user = backup.user();
        // From its first moment on the storage says that not all is there.
        let mut prepare = |connection| {
            let mut engine = Engine::open(connection, now())?;
            engine.set_user_key(&user.public())?;
            Ok(engine.begin_restore(device, BackupFrom::File, now(), &mut rng())?)
        };
        let made = Vault::create_for(folder, (password, &backup.seed), Params::PHONE, &mut rng(), &mut prepare);
        let (person, _) = Self::start(made?, teller)?;
        let mut reader: BackupReader = backups::open(&backup.file, &BackupKey::Seed(&backup.seed))?;
        loop {
            let Next::Segment(segment) = reader.read_next()? else { break };
            let newer = |_| failure(FailureCode::NewerVersion, "something in this backup is not known here");
            let items = unpack(&segment.content).map_err(newer)?.items;
            let taken = person.engine.borrow_mut().restore(&user, items, now(), &mut rng());
            taken.map_err(|error| restore_failure(&error))?;
            person.turn();
            person.teller.tell(&Notice::Restoring { done: segment.end, total: backup.end });
            if segment.end >= backup.end {
                break;
            }
            pause(0).await;
        }
        if reader.whole().end() < backup.end {
            return Err(failure(FailureCode::FileUnreadable, "the file changed while it was read"));
        }
        Ok(person)
    }

    /// All of the backup is here, and there is a home server: this is the person's device from now on, in the place of all
    /// others.
    pub(crate) fn finish_restore(self: &Rc<Self>, backup: &Backup) -> Result<(), Failure> {
        let finished = self.engine.borrow_mut().finish_restore(&backup.user(), now(), &mut rng());
        finished.map_err(|error| restore_failure(&error))?;
        self.turn();
        Ok(())
    }

    /// Tells the contacts as far as that can be done now: their cards are answered with queues that the home server has made.
    pub(crate) async fn tell_restored(self: &Rc<Self>, backup: &Backup) -> Result<(), Failure> {
        for _ in 0..PATIENCE {
            if self.ask(|engine| engine.status(now()))?.spare_queues > 0 {
                break;
            }
            self.changed(300).await;
        }
        self.sign_lists(&backup.user())
    }
}

fn phrase_failure(error: &PhraseError) -> Failure {
    let detail = match error {
        PhraseError::UnknownWord { place, nearest: Some(word) } => format!("{place}: {word}?"),
        PhraseError::UnknownWord { place, nearest: None } => place.to_string(),
        other => other.to_string(),
    };
    failure(FailureCode::BadPhrase, detail)
}

fn restore_failure(error: &RestoreError) -> Failure {
    let code = match error {
        RestoreError::NotFresh => FailureCode::AlreadyHere,
        RestoreError::BadName => FailureCode::BadDeviceName,
        RestoreError::Storage(_) => FailureCode::Storage,
        _ => FailureCode::Internal,
    };
    failure(code, chain(error))
}

/// How often a queue is looked for; without one, the next password entry does the rest.
const PATIENCE: u32 = 30;
