//! The commands beside the server. Each works with a running server, through its control socket, and those that can do
//! without one open the store themselves when none runs.

mod account;
mod archive;
mod status;

use kith_home::create_invite;
use kith_wire::id::InviteCode;
use rand::TryRng as _;
use rand::rngs::SysRng;

use crate::announce::Voice;
use crate::certificates;
use crate::cli::Invite;
use crate::clock::now;
use crate::config::{Config, Sources};
use crate::control::Client;
use crate::data_dir::{DataDir, refuse_a_foreign_one, refuse_an_unused_one};
use crate::error::AppError;
use crate::store;
use crate::time::rfc_3339;

pub(crate) use account::account;
pub(crate) use archive::{backup, check, restore};
pub(crate) use status::status;

/// Who has the data folder.
enum Owner {
    /// A server that runs.
    Server(Client),
    /// This process, from now on.
    Us(DataDir),
}

impl Owner {
    /// Takes the folder, or connects to whoever has it. No command begins a server.
    fn find(config: &Config) -> Result<Self, AppError> {
        refuse_a_foreign_one(&config.data)?;
        refuse_an_unused_one(&config.data)?;
        Self::of(config, DataDir::take(&config.data))
    }

    /// The same, for those who change nothing.
    fn find_to_read(config: &Config) -> Result<Self, AppError> {
        refuse_an_unused_one(&config.data)?;
        Self::of(config, DataDir::take_to_read(&config.data))
    }

    fn of(config: &Config, taken: Result<DataDir, AppError>) -> Result<Self, AppError> {
        match taken {
            Ok(folder) => Ok(Self::Us(folder)),
            Err(AppError::InUse { .. }) => Client::connect(&config.data).map(Self::Server),
            Err(error) => Err(error),
        }
    }
}

/// Makes an invite code and tells it.
///
/// # Errors
/// The server that runs refuses, or the data folder or the store cannot be used.
pub(crate) fn invite(config: &Config, invite: &Invite, voice: Voice) -> Result<(), AppError> {
    let expires = now().plus_seconds(invite.expires.seconds());
    match Owner::find(config)? {
        Owner::Server(server) => {
            let code = server.invite(invite.uses, expires.seconds())?;
            voice.invite(&code, invite.uses, &rfc_3339(expires.seconds()), config.public_url.as_ref());
        }
        Owner::Us(folder) => {
            let mut store = store::open(&folder)?;
            let mut code = [0; InviteCode::SIZE];
            SysRng.try_fill_bytes(&mut code).map_err(|_| AppError::NoRandomness)?;
            let code = InviteCode::new(code);
            create_invite(&mut store, &code, invite.uses, expires)?;
            voice.invite(&code.to_text(), invite.uses, &rfc_3339(expires.seconds()), config.public_url.as_ref());
        }
    }
    Ok(())
}

/// Tells what the configuration comes to, and sees that it can be used.
///
/// # Errors
/// A file that it names cannot be used, or the data folder is somebody else's.
pub(crate) fn settings(config: &Config, sources: &Sources, voice: Voice) -> Result<(), AppError> {
    voice.settings(&sources.path, &sources.settings(config));
    if let Some(tls) = &config.tls {
        certificates::check(tls)?;
    }
    refuse_a_foreign_one(&config.data)
}
