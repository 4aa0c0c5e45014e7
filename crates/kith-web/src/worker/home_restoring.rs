//! Coming back from a home server with nothing but the recovery phrase: what lies there is found, and one of it is fetched and looked at.

use kith_crypto::home_backup::HomeBackupSecret;
use kith_crypto::user::UserSecret;
use kith_keep::{FoundAtHome, Holes, HomeServer, KeepError, fetch, find_all};
use kith_vault::{BackupFile, Phrase};
use kith_wire::address::ServerUrl;
use zeroize::Zeroizing;

use crate::contract::{self, Failure, FailureCode, Notice};
use crate::failures::failure;
use crate::worker::Teller;
use crate::worker::clock::now;
use crate::worker::restoring::{Backup, phrase_of};
use crate::worker::way::{HomeFile, OwnWay};

/// A person's backups at a home server.
pub(crate) struct Finding {
    server: HomeServer<OwnWay>,
    secret: HomeBackupSecret,
    seed: Zeroizing<[u8; 32]>,
    found: Vec<FoundAtHome>,
}

impl Finding {
    /// Looks for backups of the person with this phrase.
    pub(crate) async fn begin(url: ServerUrl, words: String) -> Result<Self, Failure> {
        let phrase: Phrase = phrase_of(words)?;
        let mut server = HomeServer::find(OwnWay::Stranger, url, None).await.map_err(KeepError::from)?;
        let seed = Zeroizing::new(*phrase.seed());
        let secret = HomeBackupSecret::new(&UserSecret::from_seed(*seed), &server.key());
        let found = find_all(&mut server, &secret, now()).await?;
        if found.is_empty() {
            return Err(KeepError::Nothing.into());
        }
        Ok(Self { server, secret, seed, found })
    }

    /// Says what was found, in the order in which it is offered.
    pub(crate) fn shown(&self) -> Vec<contract::FoundAtHome> {
        let shown = |one: &FoundAtHome| contract::FoundAtHome {
            device: one.device.clone(),
            made: one.made.0,
            bytes: one.bytes,
            ahead: one.is_ahead,
        };
        self.found.iter().map(shown).collect()
    }

    /// Fetches one of them into a file, or goes on with what an interruption has left there (KE-103), and looks through it.
    pub(crate) async fn fetch(&mut self, number: u32, file: BackupFile, teller: &Teller) -> Result<Backup, Failure> {
        let which = usize::try_from(number).ok().and_then(|number| self.found.get(number));
        let which = which.ok_or_else(|| failure(FailureCode::BadRequest, "there is no backup with this number"))?;
        let moving = |done, total| teller.tell(&Notice::Moving { done, total });
        let mut into = HomeFile(file.rewound());
        fetch(&mut self.server, &self.secret, which, &mut into, Holes::Refused, moving).await?;
        Backup::of_home(file, (&self.secret.file_secret(), &self.seed), which.every)
    }
}
