//! `kith sync`: one round.

use clap::Args;
use kith_client::{Notice, SyncError};

use crate::commands::home_backup;
use crate::context::Context;
use crate::duration::Span;
use crate::failure::Failure;
use crate::show;

#[derive(Debug, Args)]
pub(crate) struct Sync {
    /// How long it may take at most: 10s, 5m
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    pub(crate) timeout: Span,
}

pub(crate) async fn run(args: &Sync, context: &Context) -> Result<(), Failure> {
    let mut events = context.client.events();
    let show_it = |notice: &Notice| match notice {
        // Reaching the home server at the second attempt is no news.
        Notice::Unreachable(_) | Notice::Event(kith_engine::Event::Link(_)) => {}
        other => show::notice(&context.out, &context.client, other),
    };
    let synced = {
        let round = context.client.sync(args.timeout.0);
        tokio::pin!(round);
        loop {
            tokio::select! {
                outcome = &mut round => break outcome,
                Some(notice) = events.next() => show_it(&notice),
            }
        }
    };
    while let Some(notice) = events.try_next() {
        show_it(&notice);
    }
    show::banner(&context.out, &context.client);
    if let Some(progress) = show::Progress::of(&context.client).filter(|progress| !progress.is_whole()) {
        context.out.note(format!("Your other device is still telling this one what was before: {}.", progress.words()));
    }
    if synced.is_ok() {
        home_backup::keep(context).await;
    }
    match synced {
        Ok(()) => {
            context.out.note(match status(context) {
                Some(status) if status.waiting > 0 => STILL_WAITING,
                _ => "Up to date.",
            });
            Ok(())
        }
        Err(SyncError::TimedOut) if !is_online(context) => {
            Err(Failure::offline("your home server did not answer in time. What you wrote waits here"))
        }
        Err(error) => Err(error.into()),
    }
}

fn is_online(context: &Context) -> bool {
    status(context).is_some_and(|status| status.link == kith_engine::LinkState::Up)
}

fn status(context: &Context) -> Option<kith_engine::Status> {
    context.client.ask(|engine| engine.status(crate::times::now())).ok()
}

/// What a round cannot change: it takes somebody else.
const STILL_WAITING: &str =
    "Up to date. Something still waits here: for a contact to come online, or for a home server that does not answer.";
