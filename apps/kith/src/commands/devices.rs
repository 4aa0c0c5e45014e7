//! `kith device list`: the person's devices.

use clap::Args;

use crate::commands::device;
use crate::context::Context;
use crate::failure::Failure;
use crate::show;

#[derive(Debug, Args)]
pub(crate) struct Devices {}

pub(crate) fn run(context: &Context) -> Result<(), Failure> {
    let all = device::all(&context.client)?;
    for one in &all {
        context.out.data(&show::device_object(one), || show::device_line(one, context.out.colour()));
    }
    show::banner(&context.out, &context.client);
    if all.len() < 2 {
        context.out.note("You have only this device. `kith device link` links another one.");
    }
    Ok(())
}
