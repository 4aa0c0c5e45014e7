//! Restoring a backup: looked at whole first, then taken into the storage, where nobody may be yet.

use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use kith_crypto::user::UserSecret;
use kith_engine::{BackupFrom, Engine, RestoreError};
use kith_vault::{BackupFile, BackupKey, BackupReader, Folder, Next, Params, Password, Phrase, PhraseError, Vault};
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
    source: Source,
    /// The root secret of the person.
    seed: Zeroizing<[u8; 32]>,
    /// What opens the file.
    file_seed: Zeroizing<[u8; 32]>,
    /// After how many hours the device before made the next one at the home server by itself.
    pub(crate) every: Option<u32>,
    /// Where the last whole run ends.
    end: u64,
    pub(crate) name: Option<String>,
    pub(crate) server: ServerAddress,
    made: Timestamp,
    contacts: u64,
    messages: u64,
    is_torn: bool,
}

/// Where a backup is.
enum Source {
    /// In a file that the person has chosen.
    Chosen(Blob),
    /// In the file beside the vault: it came from a home server.
    Fetched(BackupFile),
}

impl Source {
    fn open(&self, key: &BackupKey<'_>) -> Result<BackupReader, Failure> {
        match self {
            Self::Chosen(file) => backups::open(file, key),
            Self::Fetched(file) => Ok(BackupReader::of(Path::new("the backup"), file.rewound(), key)?),
        }
    }
}

impl Backup {
    /// Opens a backup and reads it to its end; nothing is kept of it but what it is about.
    pub(crate) fn open(file: Blob, with: contract::BackupKey) -> Result<Self, Failure> {
        let source = Source::Chosen(file);
        let reader = match with {
            contract::BackupKey::Phrase { words } => source.open(&BackupKey::Phrase(&phrase_of(words)?))?,
            contract::BackupKey::Password { password } => source.open(&BackupKey::Password(&checked(password)?))?,
            contract::BackupKey::Fetched => return Err(failure(FailureCode::NoHomeBackup, "nothing was fetched")),
        };
        let seed = Zeroizing::new(*reader.seed());
        Self::read(source, reader, (seed.clone(), seed), None)
    }

    /// Opens a file that came from a home server: what opens it is not the person's own secret.
    pub(crate) fn of_home(
        file: BackupFile,
        (secret, seed): (&UserSecret, &Zeroizing<[u8; 32]>),
        every: Option<u32>,
    ) -> Result<Self, Failure> {
        let source = Source::Fetched(file);
        let reader = source.open(&BackupKey::Seed(secret.expose()))?;
        Self::read(source, reader, (seed.clone(), Zeroizing::new(*secret.expose())), every)
    }

    fn read(
        source: Source,
        mut reader: BackupReader,
        (seed, file_seed): (Zeroizing<[u8; 32]>, Zeroizing<[u8; 32]>),
        every: Option<u32>,
    ) -> Result<Self, Failure> {
        let newer = |_| failure(FailureCode::NewerVersion, "something in this backup is not known here");
        let (mut person, mut whole, mut messages, mut end) = (None, None, 0_u64, 0);
        let mut people = BTreeSet::new();
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
                    BackupItem::Contact(copy) => drop(people.insert(copy.contact)),
                    BackupItem::Unmet { contact, .. } => drop(people.insert(contact)),
                    BackupItem::Forgotten { contact } => drop(people.remove(&contact)),
                    _ => {}
                }
            }
            if segment.is_last {
                let made = end_of(&segment.content).map(|(_, made)| made);
                let contacts = u64::try_from(people.len()).unwrap_or(u64::MAX);
                whole = person.clone().zip(made).map(|(person, made)| (person, made, contacts, messages));
                end = segment.end;
            }
        };
        let nothing = || failure(FailureCode::BackupDamaged, "there is no whole backup in this file");
        let ((name, server), made, contacts, messages) = whole.ok_or_else(nothing)?;
        Ok(Self { source, seed, file_seed, every, end, name, server, made, contacts, messages, is_torn })
    }

    /// Says what it is about.
    pub(crate) fn shown(&self) -> contract::Backup {
        contract::Backup {
            name: self.name.clone(),
            server: self.server.url.to_string(),
            made: self.made.0,
            contacts: self.contacts,
            messages: self.messages,
            torn: self.is_torn,
        }
    }

    fn user(&self) -> UserSecret {
        UserSecret::from_seed(*self.seed)
    }

    /// KE-106: what came from a home server may be somebody else's making.
    fn from(&self) -> BackupFrom {
        match self.source {
            Source::Chosen(_) => BackupFrom::File,
            Source::Fetched(_) => BackupFrom::HomeServer,
        }
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
            Ok(engine.begin_restore(device, backup.from(), now(), &mut rng())?)
        };
        let backup_file = folder.backup();
        let made = Vault::create_for(folder, (password, &backup.seed), Params::PHONE, &mut rng(), &mut prepare);
        let (person, _) = Self::start(made?, backup_file, teller)?;
        let mut reader = backup.source.open(&BackupKey::Seed(&backup.file_seed))?;
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

    /// Goes on making backups at the home server, if the device before did so. What was fetched from there is of no use any more.
    pub(crate) fn go_on_at_home(self: &Rc<Self>, backup: &Backup) -> Result<(), Failure> {
        if let Source::Fetched(file) = &backup.source {
            file.rewound().cut_at(0).map_err(kith_keep::KeepError::File)?;
        }
        if backup.every.is_some() {
            self.unlock_home(&backup.user())?;
            self.set_home_backup(backup.every)?;
        }
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

/// Reads the words of a recovery phrase, and forgets how they were typed.
pub(crate) fn phrase_of(words: String) -> Result<Phrase, Failure> {
    let words = Zeroizing::new(words);
    Phrase::parse(&words).map_err(|error| phrase_failure(&error))
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
