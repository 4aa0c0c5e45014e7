//! `kith device list`: the person's devices.

use clap::Args;

use crate::commands::device;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Voice;
use crate::show;

#[derive(Debug, Args)]
pub(crate) struct Devices {}

pub(crate) fn run(context: &Context) -> Result<(), Failure> {
    let all = device::all(&context.client)?;
    for one in &all {
        context.out.data(&show::device_object(one), || show::device_line(one, context.out.colour()));
    }
    if all.is_empty() && context.out.voice() == Voice::Json {
        context.out.data(&show::only_device_object(&device::own_name(None)?), String::new);
    }
    for one in context.client.revoked_devices()? {
        context.out.data(&show::revoked_object(&one), || show::revoked_line(&one, context.out.colour()));
    }
    show::banner(&context.out, &context.client);
    if all.len() < 2 {
        let is_fresh = context.client.ask(|engine| engine.contacts())?.is_empty();
        context.out.note(if is_fresh { NOTHING_YET } else { ONLY_THIS });
    }
    Ok(())
}

const ONLY_THIS: &str = "You have only this device. `kith device link` links another one.";
/// Perhaps the folder was made for a device that was not linked in the end.
const NOTHING_YET: &str = "You have only this device, and it knows nobody yet. `kith device join` makes it a device of yours beside one that you have; \
                           `kith device link` links another one to it.";
