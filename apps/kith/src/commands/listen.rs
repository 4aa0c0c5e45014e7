//! `kith listen`: stay online and show what happens.

use std::time::Duration;

use clap::Args;
use kith_client::Notice;
use kith_engine::{Command, Connection, DeviceView, Event, LinkState};

use crate::commands::home_backup;
use crate::context::Context;
use crate::failure::{Failure, revoked};
use crate::show;

#[derive(Debug, Args)]
pub(crate) struct Listen {}

/// Ends when nobody reads any more, or when the device is revoked; otherwise whoever called it ends it.
pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    let mut events = context.client.events();
    context.client.command(Command::Connect(Connection::Wanted))?;
    if show::is_revoked(&context.client) {
        return Err(revoked());
    }
    let is_online = context.client.ask(|engine| engine.status(crate::times::now()))?.link == LinkState::Up;
    context.out.note(if is_online { "you are online" } else { "connecting…" });
    show::banner(&context.out, &context.client);
    let mut silence = Silence::default();
    let mut devices = Devices(context.client.devices().ok());
    // A backup at the home server that is due is made while all else goes on.
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut keeping = None;
    loop {
        let notice = tokio::select! {
            notice = events.next() => notice,
            _ = look.tick(), if keeping.is_none() => {
                keeping = Some(Box::pin(home_backup::keep(context)));
                continue;
            }
            () = async { if let Some(keeping) = &mut keeping { keeping.await } }, if keeping.is_some() => {
                keeping = None;
                continue;
            }
        };
        let Some(notice) = notice else { break };
        if silence.is_news(&notice) && devices.is_news(&notice, || context.client.devices().ok()) {
            show::notice(&context.out, &context.client, &notice);
        }
        if notice == Notice::Event(Event::Devices) && show::is_revoked(&context.client) {
            return Err(revoked());
        }
        if context.out.is_closed() {
            break;
        }
    }
    Ok(())
}

/// How often is looked whether a backup at the home server is due.
const LOOK_EVERY: Duration = Duration::from_secs(3600);

/// What was last said about a home server that does not answer: each attempt in vain says it again.
#[derive(Default)]
struct Silence(Option<String>);

impl Silence {
    fn is_news(&mut self, notice: &Notice) -> bool {
        match notice {
            Notice::Unreachable(error) => {
                let reason = Some(error.to_string());
                std::mem::replace(&mut self.0, reason.clone()) != reason
            }
            Notice::Event(Event::Link(LinkState::Up)) => {
                self.0 = None;
                true
            }
            _ => true,
        }
    }
}

/// The devices that were last shown: while one is linked, much happens that changes nothing to be seen.
struct Devices(Option<Vec<DeviceView>>);

impl Devices {
    fn is_news(&mut self, notice: &Notice, now: impl Fn() -> Option<Vec<DeviceView>>) -> bool {
        if *notice != Notice::Event(Event::Devices) {
            return true;
        }
        let now = now();
        std::mem::replace(&mut self.0, now.clone()) != now
    }
}

#[cfg(test)]
mod tests {
    use kith_client::CarrierError;

    use super::*;

    #[test]
    fn a_server_that_stays_away_is_told_once() {
        let (away, other) = (Notice::Unreachable(CarrierError::Closed), Notice::Unreachable(CarrierError::Certificate));
        let (up, down) = (Notice::Event(Event::Link(LinkState::Up)), Notice::Event(Event::Link(LinkState::Down)));
        let mut silence = Silence::default();
        let news = [&down, &away, &away, &other, &other, &up, &down, &away].map(|notice| silence.is_news(notice));
        assert_eq!(news, [true, true, false, true, false, true, true, true]);
    }
}
