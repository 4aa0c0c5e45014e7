//! The way to a home server over the browser's `fetch`: for the person's account, and for somebody who has no account yet.

use std::error::Error;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::rc::{Rc, Weak};

use kith_crypto::request::RequestStamp;
use kith_keep::{NotCarried, Stored, Way};
use kith_vault::BackupFile;
use kith_wire::Timestamp;
use kith_wire::address::ServerUrl;
use kith_wire::operation::{Operation, RequestSignature};
use rand_core::CryptoRng;

use crate::worker::clock::{now, pause, rng};
use crate::worker::net::{self, FetchError};
use crate::worker::person::Person;

/// The way of whoever asks.
pub(crate) enum OwnWay {
    /// Of a person who is here: what needs their account is signed.
    Account(Weak<Person>),
    /// Of somebody who has nothing but an address.
    Stranger,
}

impl OwnWay {
    pub(crate) fn of(person: &Rc<Person>) -> Self {
        Self::Account(Rc::downgrade(person))
    }
}

impl Way for OwnWay {
    async fn descriptor(&self, url: &ServerUrl) -> Result<Vec<u8>, NotCarried> {
        net::descriptor(url).await.map_err(not_carried)
    }

    async fn one_shot(&self, url: &ServerUrl, sealed: Vec<u8>) -> Result<Vec<u8>, NotCarried> {
        net::one_shot(url, &sealed).await.map_err(not_carried)
    }

    fn sign(&self, operation: &Operation, stamp: &RequestStamp) -> Result<Option<RequestSignature>, Box<dyn Error>> {
        let Self::Account(person) = self else { return Ok(None) };
        let person = person.upgrade().ok_or("the person was locked")?;
        Ok(Some(person.ask(|engine| engine.sign_request(operation, stamp))?))
    }

    async fn rest(&self, seconds: u64) {
        pause(i32::try_from(seconds.saturating_mul(1_000)).unwrap_or(i32::MAX)).await;
    }

    fn now(&self) -> Timestamp {
        now()
    }

    fn rng(&self) -> impl CryptoRng {
        rng()
    }
}

fn not_carried(error: FetchError) -> NotCarried {
    NotCarried::new(error, matches!(error, FetchError::Unreachable))
}

/// The file beside the vault, as backups are sent from it and fetched into it.
pub(crate) struct HomeFile(pub(crate) BackupFile);

impl Stored for HomeFile {
    fn cut_at(&mut self, length: u64) -> io::Result<()> {
        self.0.cut_at(length)
    }

    fn keep(&mut self) -> io::Result<()> {
        self.0.keep()
    }
}

impl Read for HomeFile {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

impl Write for HomeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Seek for HomeFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}
