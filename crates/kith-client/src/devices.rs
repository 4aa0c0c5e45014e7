//! The person's devices: what needs the password, and taking over the person's secret on a device that was linked.
//!
//! Linking begins with [`Command::LinkDevice`](kith_engine::Command) on a device that is there and
//! [`Command::JoinDevice`](kith_engine::Command) on the new one. The engine decides what may follow; here it is given the
//! secret that only the password opens.

use kith_crypto::user::UserSecret;
use kith_engine::{ContactId, DeviceError, DeviceView, HistoryWish, QueryError, RevokedDevice};
use kith_vault::{AdoptError, Password, ProveError};
use kith_wire::devices::RevocationReason;
use kith_wire::id::DeviceId;
use thiserror::Error;

use crate::client::{Client, now, rng};

/// Why something that needs the password was not done with the person's devices.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeviceActionError {
    /// The password does not open the folder.
    #[error("the password does not open this folder")]
    WrongPassword,
    /// The engine refuses.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The password could not be tried.
    #[error(transparent)]
    Prove(ProveError),
    /// The folder did not take the person's secret.
    #[error(transparent)]
    Adopt(AdoptError),
    /// The folder's database could not be used.
    #[error("the folder's database cannot be used: {0}")]
    Engine(Box<dyn std::error::Error>),
}

impl Client {
    /// Returns the person's devices; none when there was never another one than this.
    ///
    /// # Errors
    /// [`QueryError`] when storage fails.
    pub fn devices(&self) -> Result<Vec<DeviceView>, QueryError> {
        self.ask(|engine| engine.devices())
    }

    /// Returns the devices that were taken out, the last one first.
    ///
    /// # Errors
    /// [`QueryError`] when storage fails.
    pub fn revoked_devices(&self) -> Result<Vec<RevokedDevice>, QueryError> {
        self.ask(|engine| engine.revoked_devices())
    }

    /// Makes a device that has answered a link one of the person's: the person has said that both show the same code.
    ///
    /// # Errors
    /// [`DeviceActionError`]; nothing has changed then.
    pub fn welcome_device(
        &self,
        password: &Password,
        device: ContactId,
        history: HistoryWish,
    ) -> Result<(), DeviceActionError> {
        let user = self.user(password)?;
        self.inner.engine.borrow_mut().welcome_device(&user, device, history, now(), &mut rng())?;
        self.turn();
        Ok(())
    }

    /// Takes a device out for good, everywhere.
    ///
    /// # Errors
    /// [`DeviceActionError`]; nothing has changed then.
    pub fn revoke_device(
        &self,
        password: &Password,
        device: DeviceId,
        reason: RevocationReason,
    ) -> Result<(), DeviceActionError> {
        let user = self.user(password)?;
        self.inner.engine.borrow_mut().revoke_device(&user, device, reason, now(), &mut rng())?;
        self.turn();
        Ok(())
    }

    /// Gives a device another name, everywhere.
    ///
    /// # Errors
    /// [`DeviceActionError`]; nothing has changed then.
    pub fn rename_device(&self, password: &Password, device: DeviceId, name: &str) -> Result<(), DeviceActionError> {
        let user = self.user(password)?;
        self.inner.engine.borrow_mut().rename_device(&user, device, name, now(), &mut rng())?;
        self.turn();
        Ok(())
    }

    /// Makes the person's secret that came with a welcome the folder's own, and says whether one had come. To be called
    /// when [`Event::Devices`](kith_engine::Event::Devices) was told to a device that joins; opening the folder does it too.
    ///
    /// # Errors
    /// [`DeviceActionError`]; it is done at the next call or opening then.
    pub fn finish_joining(&self, password: &Password) -> Result<bool, DeviceActionError> {
        let failed = |error: kith_engine::StorageError| DeviceActionError::Engine(Box::new(error));
        if !self.ask(|engine| engine.has_user_seed_to_adopt()).map_err(failed)? {
            return Ok(false);
        }
        let own = self.user(password)?;
        // One that does not open, or is not that of the person who signed the list of devices, makes nobody of this device.
        let seed = self.ask(|engine| engine.user_seed_to_adopt(&own)).map_err(failed)?;
        let Some(seed) = seed else { return Ok(false) };
        // The engine forgets it when the folder has it, and not before: after a crash between the two it is adopted again.
        let adopted = self.inner.keeper.borrow_mut().adopt_user_seed(password, seed.expose(), &mut rng());
        adopted.map_err(DeviceActionError::Adopt)?;
        let user = UserSecret::from_seed(*seed.expose());
        let told = self.inner.engine.borrow_mut().user_adopted(&user, now(), &mut rng());
        told.map_err(|error| DeviceActionError::Engine(Box::new(error)))?;
        self.turn();
        Ok(true)
    }

    /// Says whether a password entry is worth asking for: another device of the person has perhaps made a contact known here,
    /// to whom this device is not named before its list is signed. See [`Client::sign_lists`].
    pub fn wants_password(&self) -> bool {
        self.inner.is_entry_due.get() && self.devices().is_ok_and(|all| all.len() > 1)
    }

    /// Signs what only the password can sign, as opening the folder does: after a device has heard of the person's contacts,
    /// the lists that name it for them.
    ///
    /// # Errors
    /// [`DeviceActionError`]; it is done at the next call or opening then.
    pub fn sign_lists(&self, password: &Password) -> Result<(), DeviceActionError> {
        let user = self.user(password)?;
        let signed = self.inner.engine.borrow_mut().refresh_device_lists(&user, now(), &mut rng());
        signed.map_err(|error| DeviceActionError::Engine(Box::new(error)))?;
        self.turn();
        // What was signed is told as a change, too.
        self.inner.is_entry_due.set(false);
        Ok(())
    }

    /// Opens the person's secret, as slowly as opening the folder does.
    fn user(&self, password: &Password) -> Result<UserSecret, DeviceActionError> {
        let seed = self.inner.keeper.borrow().user_seed(password).map_err(|error| match error {
            ProveError::WrongPassword => DeviceActionError::WrongPassword,
            other => DeviceActionError::Prove(other),
        })?;
        Ok(UserSecret::from_seed(*seed))
    }
}
