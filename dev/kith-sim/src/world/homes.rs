//! How a home server lives: what comes is handled in batches, the disk takes one or several of them at once, and then what the rules say goes out.

use kith_home::{ExchangeOutcome, Input, Output};
use kith_wire::Timestamp;
use rand::RngExt as _;

use super::server::{Staged, Synced};
use super::{Happening, World};

/// Milliseconds that a disk takes to make something durable, at most.
const COMMIT_MS: u64 = 20;
/// Milliseconds in which what comes shares a batch, at most.
const GATHER_MS: u64 = 8;

impl World {
    pub(super) fn home_arrival(&mut self, server: usize, life: u32, input: Input) {
        let place = &mut self.servers[server];
        if place.life != life {
            return;
        }
        match &input {
            Input::Live { connection, .. } if !place.open.contains(connection) => return,
            Input::Closed { connection } => {
                place.lines.remove(connection);
                if !place.open.remove(connection) {
                    return;
                }
            }
            _ => {}
        }
        self.home(server, input);
    }

    /// Something is for the rules. What comes within some milliseconds shares a batch; the disk may still be busy with the one before.
    pub(super) fn home(&mut self, server: usize, input: Input) {
        self.history.trace(self.now, "home", kind_of_input(&input));
        let place = &mut self.servers[server];
        let Some(home) = place.home.as_mut() else { return };
        // As kithd does: what does not open never reaches the rules.
        let input = match input {
            Input::OneShot { ticket, sealed } => match home.opener().open(&sealed) {
                Ok(opened) => Input::Opened { ticket, opened },
                Err(unopened) => {
                    let published = place.descriptors.last().map(Vec::as_slice).unwrap_or_default();
                    let reply = unopened.reply(published).to_bytes();
                    return self.replied(server, ticket, reply);
                }
            },
            input => input,
        };
        place.inbox.push(input);
        if place.inbox.len() == 1 {
            let life = place.life;
            let wait = self.luck.random_range(0..GATHER_MS);
            self.schedule_in(wait, Happening::Batch { server, life });
        }
    }

    pub(super) fn batch(&mut self, server: usize, life: u32) {
        let place = &mut self.servers[server];
        if place.life != life {
            return;
        }
        let inputs = std::mem::take(&mut place.inbox);
        let ticket_of = |input: &Input| if let Input::Opened { ticket, .. } = input { Some(*ticket) } else { None };
        let tickets: Vec<_> = inputs.iter().filter_map(ticket_of).collect();
        let (pushes, ended) = self.servers[server].batch(inputs, self.now, &mut self.rng);
        let written = self.servers[server].store.written.take();
        self.history.holds("a server", &written);
        if !self.home_outputs(server, pushes) {
            return;
        }
        match ended {
            None => self.die_server(server),
            Some(Err(problem)) => self.batch_failed(server, &tickets, &problem),
            Some(Ok(())) => {
                let place = &mut self.servers[server];
                place.staged.push(Staged { tickets });
                if place.staged.len() == 1 {
                    let wait = self.luck.random_range(0..COMMIT_MS);
                    self.schedule_in(wait, Happening::Synced { server, life });
                }
            }
        }
    }

    /// The disk has taken what was staged since it was free, and more may have come meanwhile, which it takes with it.
    pub(super) fn synced(&mut self, server: usize, life: u32) {
        if self.servers[server].life != life {
            return;
        }
        let staged = std::mem::take(&mut self.servers[server].staged);
        match self.servers[server].sync(&mut self.luck) {
            Synced::Durable(outputs) => {
                if self.home_outputs(server, outputs) {
                    self.schedule_tick(server);
                }
            }
            how => {
                let tickets: Vec<_> = staged.into_iter().flat_map(|staged| staged.tickets).collect();
                self.not_durable(server, &tickets, how == Synced::Hidden);
            }
        }
    }

    /// Lets outputs out, one after the other. Returns whether the server has outlived that.
    fn home_outputs(&mut self, server: usize, outputs: Vec<Output>) -> bool {
        for output in outputs {
            match self.servers[server].fuse.as_mut() {
                Some(0) => {
                    self.die_server(server);
                    return false;
                }
                Some(left) => *left -= 1,
                None => {}
            }
            self.home_output(server, output);
        }
        true
    }

    pub(super) fn tick(&mut self, server: usize) {
        if self.servers[server].tick_at.is_some_and(|at| at <= self.now) {
            self.servers[server].tick_at = None;
            self.servers[server].measure_room(self.now);
            self.home(server, Input::Tick);
        }
    }

    /// A server's timer goes off each hour, and when a relay is due.
    pub(super) fn schedule_tick(&mut self, server: usize) {
        let due = self.servers[server].next_due().unwrap_or(Timestamp(u64::MAX));
        let at = due.max(self.now.plus_seconds(5)).min(self.now.plus_seconds(3_600));
        if self.servers[server].tick_at.is_none_or(|before| before > at || before < self.now) {
            self.servers[server].tick_at = Some(at);
            self.schedule_at(at, Happening::Tick { server });
        }
    }

    fn home_output(&mut self, server: usize, output: Output) {
        match output {
            Output::Live { connection, message } => self.live_down(server, connection, message),
            Output::Close { connection } => self.closed_by_server(server, connection),
            Output::Exchange { exchange, url, ask } => self.exchange(server, exchange, &url, ask),
            Output::Answer { ticket, answer } => {
                let reply = answer.seal(&mut self.rng);
                self.replied(server, ticket, reply.to_bytes());
            }
            Output::Reply { ticket, bytes } => self.replied(server, ticket, bytes),
            Output::Descriptor { bytes } => self.servers[server].keep_descriptor(&bytes),
        }
    }
}

fn kind_of_input(input: &Input) -> usize {
    match input {
        Input::OneShot { sealed, .. } => sealed.len(),
        Input::Live { message, .. } => message.len(),
        Input::Exchanged { outcome: ExchangeOutcome::Answered(bytes), .. } => bytes.len(),
        _ => 0,
    }
}
