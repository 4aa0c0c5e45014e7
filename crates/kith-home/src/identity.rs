//! Who the server is: its key, its weekly epoch keys, and the descriptor that says so.

use std::collections::BTreeMap;

use kith_crypto::sealed::EpochSecret;
use kith_crypto::sign::ServerSecret;
use kith_wire::descriptor::{Descriptor, EpochKeys, ServerLimits, VersionRange};
use kith_wire::ext::Ext;
use kith_wire::id::ServerKey;
use kith_wire::limits::{EPOCH_GRACE_SECONDS, EPOCH_SLACK_SECONDS, MAX_BLOB_CHUNKS, SEALED_CHUNK_BYTES};
use kith_wire::signed::Signed;
use kith_wire::time::{EpochId, Timestamp};
use kith_wire::{Timestamp as Time, Wire};
use rand_core::CryptoRng;

use crate::config::{Config, Registration};
use crate::opener::{Keys, Opener};
use crate::store::{MetaKey, Secret, StoreError, Txn};

/// The keys of this server, as they are in the store.
pub(crate) struct Identity {
    secret: ServerSecret,
    /// The epoch keys.
    opener: Opener,
    /// The signed descriptor.
    descriptor: Vec<u8>,
    /// The weeks for which all this was brought up to date.
    kept_up: Option<[EpochId; 2]>,
}

impl Identity {
    /// Reads the keys, or makes them in an empty store; brings them up to date.
    pub(crate) fn open<T: Txn>(
        txn: &mut T,
        config: &Config,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, StoreError> {
        let secret = match txn.meta(MetaKey::ServerSeed)? {
            Some(seed) => {
                let seed = seed.expose().try_into().map_err(|_| StoreError::Damaged { table: "meta" })?;
                ServerSecret::from_seed(seed)
            }
            None => {
                let secret = ServerSecret::generate(rng);
                txn.set_meta(MetaKey::ServerSeed, &Secret::new(secret.expose()))?;
                secret
            }
        };
        let mut epochs = BTreeMap::new();
        for (epoch, seed) in txn.epoch_keys()? {
            let seed = seed.expose().try_into().map_err(|_| StoreError::Damaged { table: "epoch keys" })?;
            epochs.insert(epoch, EpochSecret::from_bytes(epoch, seed));
        }
        let descriptor = txn.meta(MetaKey::Descriptor)?.map_or_else(Vec::new, |stored| stored.expose().to_vec());
        let opener = Opener::new(Keys { server: secret.public(), epochs });
        let mut identity = Self { secret, opener, descriptor, kept_up: None };
        identity.keep_up(txn, config, now, rng)?;
        Ok(identity)
    }

    /// Returns the server key.
    pub(crate) fn key(&self) -> ServerKey {
        self.opener.keys().server
    }

    /// Returns the signed descriptor.
    pub(crate) fn descriptor(&self) -> &[u8] {
        &self.descriptor
    }

    /// Returns the secrets of an epoch, while the server has them.
    pub(crate) fn epoch(&self, id: EpochId) -> Option<&EpochSecret> {
        self.opener.keys().epochs.get(&id)
    }

    /// Returns what opens requests now.
    pub(crate) fn opener(&self) -> &Opener {
        &self.opener
    }

    /// Makes the keys that are needed now, erases those whose time is over (KH-3), and signs a new descriptor when
    /// anything in it has changed (KH-2). Returns whether it has.
    pub(crate) fn keep_up<T: Txn>(
        &mut self,
        txn: &mut T,
        config: &Config,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<bool, StoreError> {
        let over = |epoch: &EpochId| epoch.end().plus_seconds(EPOCH_GRACE_SECONDS) < now;
        let needed = [now.epoch(), now.plus_seconds(EPOCH_SLACK_SECONDS).epoch()];
        if self.kept_up == Some(needed) && !self.epochs().any(|(epoch, _)| over(epoch)) {
            return Ok(false);
        }
        for epoch in needed {
            if self.epoch(epoch).is_none() {
                let secret = EpochSecret::generate(epoch, rng);
                txn.insert_epoch_key(epoch, &Secret::new(secret.expose().as_slice()))?;
                self.opener.keys_mut().epochs.insert(epoch, secret);
            }
        }
        let erased: Vec<EpochId> = self.epochs().map(|(epoch, _)| *epoch).filter(over).collect();
        for epoch in erased {
            txn.erase_epoch_key(epoch)?;
            self.opener.keys_mut().epochs.remove(&epoch);
        }
        self.kept_up = Some(needed);
        self.sign(txn, config, now)
    }

    fn epochs(&self) -> impl Iterator<Item = (&EpochId, &EpochSecret)> {
        self.opener.keys().epochs.iter()
    }

    fn sign<T: Txn>(&mut self, txn: &mut T, config: &Config, now: Timestamp) -> Result<bool, StoreError> {
        let before = Signed::<Descriptor>::from_bytes(self.descriptor()).and_then(|signed| signed.decode_unverified());
        let serial = before.as_ref().map_or(0, |before| before.serial);
        let mut wanted = self.describe(config, now, serial);
        if before.is_ok_and(|before| before == wanted) {
            return Ok(false);
        }
        // The stored serial alone counts: a descriptor that was lost must not be followed by a lower one.
        let last = match txn.meta(MetaKey::DescriptorSerial)? {
            Some(bytes) => {
                u64::from_be_bytes(bytes.expose().try_into().map_err(|_| StoreError::Damaged { table: "meta" })?)
            }
            None => 0,
        };
        wanted.serial = last.max(serial).saturating_add(1);
        self.descriptor = self.secret.sign(&wanted).to_bytes();
        txn.set_meta(MetaKey::DescriptorSerial, &Secret::new(&wanted.serial.to_be_bytes()))?;
        txn.set_meta(MetaKey::Descriptor, &Secret::new(self.descriptor()))?;
        Ok(true)
    }

    fn describe(&self, config: &Config, now: Time, serial: u64) -> Descriptor {
        // Not simply all that are there: a clock that was ahead leaves keys of weeks far away.
        let last = now.plus_seconds(EPOCH_SLACK_SECONDS).epoch();
        let valid = self.opener.keys().epochs.range(now.epoch()..=last);
        let epochs: Vec<EpochKeys> = valid.map(|(_, secret)| secret.public()).collect();
        Descriptor {
            versions: VersionRange::OURS,
            server_key: self.key(),
            serial,
            urls: config.urls.clone(),
            epochs,
            limits: ServerLimits {
                retention_hours: config.retention.frame_hours,
                max_blob_bytes: max_blob_bytes(config),
                invite_only: config.registration == Registration::Invite,
            },
            successor: None,
            ext: Ext::new(),
        }
    }
}

/// Returns the size of the largest blob: the most chunks a blob can have, or all that an account may use.
fn max_blob_bytes(config: &Config) -> u64 {
    config.quotas.blob_bytes.min(u64::from(MAX_BLOB_CHUNKS) * SEALED_CHUNK_BYTES as u64)
}
