//! `kith device revoke` and `kith device rename`: changes of the list of devices, which need the password.

use std::time::Duration;

use clap::Args;
use kith_engine::{DeviceError, DeviceState, DeviceView, RevokedDevice};
use kith_wire::devices::RevocationReason;
use kith_wire::id::DeviceId;
use serde_json::json;

use crate::commands::device;
use crate::context::Context;
use crate::failure::Failure;
use crate::{show, times};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kith device revoke phone --lost\n  kith device revoke \"old laptop\"")]
pub(crate) struct Revoke {
    /// Name or id of the device
    #[arg(value_name = "DEVICE")]
    pub(crate) device: String,

    /// It was lost or stolen, or somebody else has got at it; your people are told so
    #[arg(long)]
    pub(crate) lost: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kith device rename computer \"kitchen laptop\"")]
pub(crate) struct Rename {
    /// Name or id of the device
    #[arg(value_name = "DEVICE")]
    pub(crate) device: String,

    /// What it is called from now on
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

pub(crate) async fn revoke(args: &Revoke, context: &Context) -> Result<(), Failure> {
    let device = match device::find(&device::all(&context.client)?, &args.device) {
        Err(failure) if failure.code == "unknown_device" => {
            return Err(out_already(&args.device, context)?.unwrap_or(failure));
        }
        found => found?,
    };
    let id = listed(&device)?;
    if device.is_this {
        return Err(DeviceError::ThisDevice.into());
    }
    let reason = if args.lost { RevocationReason::Compromised } else { RevocationReason::Retired };
    context.client.revoke_device(&context.password()?, id, reason)?;
    let name = show::one_line(&device.name);
    context.out.data(&json!({"device": id.to_string(), "name": device.name, "state": "revoked"}), || {
        format!("{name} is none of your devices any more. Your people are told, and stop talking to it.")
    });
    if args.lost {
        context.out.note(
            "What is on it stays there, under its password. If somebody may know that password, tell your people what they could read.\n\
             Backups of before this bring you back to nobody, and a new one brings you back only to people who have heard of it and given you new cards,\n\
             which happens by itself when they are online. `kith status` says whether anybody is missing: make a backup when nobody is.",
        );
    }
    tell_now(context, "Nobody knows yet").await;
    Ok(())
}

pub(crate) async fn rename(args: &Rename, context: &Context) -> Result<(), Failure> {
    device::check_name(&args.name)?;
    let all = device::all(&context.client)?;
    let device = device::find(&all, &args.device)?;
    let id = listed(&device)?;
    context.client.rename_device(&context.password()?, id, &args.name)?;
    context.out.data(&json!({"device": id.to_string(), "name": args.name}), || {
        format!("{} is called {} from now on.", show::one_line(&device.name), show::one_line(&args.name))
    });
    tell_now(context, "Your other devices do not know yet").await;
    Ok(())
}

/// Says of a device that was taken out before that it was; nothing when there never was one of that name or id.
fn out_already(text: &str, context: &Context) -> Result<Option<Failure>, Failure> {
    let wanted = text.to_lowercase();
    let is_meant = |one: &&RevokedDevice| one.name.to_lowercase() == wanted || one.id.to_string() == wanted;
    let revoked = context.client.revoked_devices()?;
    Ok(revoked.iter().find(is_meant).map(|one| {
        let name = if one.name.is_empty() { "this device".to_owned() } else { show::one_line(&one.name) };
        let message = format!("{name} was taken out on {}: it gets nothing any more", times::date(one.since.start()));
        Failure::new("not_linked", message, "`kith device list` shows your devices, and those that you took out")
    }))
}

/// A device that is not on the list cannot be changed.
fn listed(device: &DeviceView) -> Result<DeviceId, Failure> {
    match (device.id, &device.state) {
        (Some(id), DeviceState::Linked) => Ok(id),
        _ => Err(Failure::new(
            "not_linked",
            "this is none of your devices: it was not linked, or was revoked",
            "`kith device list` shows your devices",
        )),
    }
}

/// What was changed is told at once where that is possible.
async fn tell_now(context: &Context, otherwise: &str) {
    if let Err(error) = context.client.sync(TELL_PATIENCE).await {
        let reason = Failure::from(error).message;
        context.out.note(format!("{otherwise} ({reason}). It goes out with the next `kith sync` or `kith listen`."));
    }
}

/// How long the home server may take to take what everybody is told.
const TELL_PATIENCE: Duration = Duration::from_secs(20);
