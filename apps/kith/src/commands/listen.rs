//! `kith listen`: stay online and show what happens.

use clap::Args;
use kith_engine::{Command, Connection, LinkState};

use crate::context::Context;
use crate::failure::Failure;
use crate::show;

#[derive(Debug, Args)]
pub(crate) struct Listen {}

/// Ends when nobody reads any more; otherwise whoever called it ends it.
pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    let mut events = context.client.events();
    context.client.command(Command::Connect(Connection::Wanted))?;
    let is_online = context.client.ask(|engine| engine.status(crate::times::now()))?.link == LinkState::Up;
    context.out.note(if is_online { "you are online" } else { "connecting…" });
    while let Some(notice) = events.next().await {
        show::notice(&context.out, &context.client, &notice);
        if context.out.is_closed() {
            break;
        }
    }
    Ok(())
}
