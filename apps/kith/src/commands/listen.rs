//! `kith listen`: stay online and show what happens.

use clap::Args;
use kith_client::Notice;
use kith_engine::{Command, Connection, Event, LinkState};

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
    let mut silence = Silence::default();
    while let Some(notice) = events.next().await {
        if silence.is_news(&notice) {
            show::notice(&context.out, &context.client, &notice);
        }
        if context.out.is_closed() {
            break;
        }
    }
    Ok(())
}

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
