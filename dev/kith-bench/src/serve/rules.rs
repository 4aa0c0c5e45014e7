//! The home server's rules and store in this process, on requests that are opened already: what a deposit costs when the
//! cryptography of its seal, the network and the processes are taken away. No build of `kithd` can be switched to that, and
//! none should be.
//!
//! Beside it the yardstick's file work in this process: the same bytes, appended in the same batches, with one `fdatasync` each.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use kith_crypto::capability::{new_send, send_verifier};
use kith_crypto::request::{RequestStamp, sign_as_account, sign_as_reader};
use kith_crypto::sealed::{PendingAnswer, seal};
use kith_crypto::sign::{AccountSecret, LookupSecret};
use kith_home::store::Store;
use kith_home::{Config, Home as Rules, Input, OpenedRequest, Output, Ticket};
use kith_store::Journal;
use kith_wire::Wire;
use kith_wire::address::ServerUrl;
use kith_wire::id::{Nonce, SendCapability, SenderId};
use kith_wire::operation::{Answer, Operation, Request, RequestSignature};
use kith_wire::sealed::SealKind;
use rand::rngs::SysRng;
use rand_core::{Rng as _, UnwrapErr};

use super::Plan;
use super::accept::{QUEUES, RATE};
use super::kithd::{Home, answer_in, now};
use super::pool::Recipe;
use super::report::Report;
use crate::Failure;

/// Deposits in one commit: as many as there are senders elsewhere in this run.
const BATCH: usize = 128;

/// Runs all rounds.
pub(crate) fn run(plan: &Plan, folder: &Path, report: &mut Report) -> Result<(), Failure> {
    let journal = folder.join("journal");
    std::fs::create_dir(&journal)?;
    let mut journal = Server::new(Journal::open(&journal)?)?;
    let mut log = File::options().create_new(true).append(true).open(folder.join("log"))?;
    for round in 0..plan.size.rounds {
        // Sealing them takes longer than what is measured.
        let n = plan.size.deposits / 2;
        let first = (round * n) as u64;
        report.add("rules", "rules and log", RATE, journal.take(n, first)?);
        report.add("rules", "yardstick's file work", RATE, append(&mut log, n)?);
    }
    Ok(())
}

/// Appends as many bytes as so many deposits have, in the same batches; returns deposits a second.
fn append(log: &mut File, n: usize) -> Result<f64, Failure> {
    let mut batch = vec![0; BATCH * kith_wire::limits::SEALED_BYTES];
    UnwrapErr(SysRng).fill_bytes(&mut batch);
    let started = Instant::now();
    for _ in 0..n.div_ceil(BATCH) {
        log.write_all(&batch)?;
        log.sync_data()?;
    }
    Ok((n.div_ceil(BATCH) * BATCH) as f64 / started.elapsed().as_secs_f64())
}

/// Rules and a store.
struct Server<S> {
    rules: Rules,
    store: S,
    home: Home,
    send: SendCapability,
    queues: Vec<SenderId>,
    next: u64,
}

impl<S: Store> Server<S> {
    fn new(mut store: S) -> Result<Self, Failure> {
        let mut rng = UnwrapErr(SysRng);
        let mut config = Config::new(vec![ServerUrl::parse("http://127.0.0.1:1").map_err(|_| "a bad URL")?]);
        config.quotas.queue_frames = u32::MAX;
        let rules = Rules::open(&mut store, config, now(), &mut rng)?;
        let home = Home::of(([127, 0, 0, 1], 1).into(), rules.server_key(), rules.descriptor())?;
        let mut server = Self { rules, store, home, send: new_send(&mut rng), queues: Vec::new(), next: 0 };
        let account = AccountSecret::generate(&mut rng);
        let open = Operation::AccountOpen { invite: None };
        let signatures = vec![sign_as_account(&account, &open, &server.stamp())];
        server.ask(open, signatures)?;
        for _ in 0..QUEUES {
            let lookup = LookupSecret::generate(&mut rng);
            let create = Operation::QueueCreate { lookup_key: lookup.public(), verifier: send_verifier(&server.send) };
            let signatures = vec![
                sign_as_account(&account, &create, &server.stamp()),
                sign_as_reader(&lookup, &create, &server.stamp()),
            ];
            match server.ask(create, signatures)? {
                Answer::Queue { sender_id, .. } => server.queues.push(sender_id),
                other => return Err(format!("no queue: {other:?}").into()),
            }
        }
        Ok(server)
    }

    fn stamp(&self) -> RequestStamp {
        let mut nonce = Nonce([0; Nonce::SIZE]);
        UnwrapErr(SysRng).fill_bytes(&mut nonce.0);
        RequestStamp { server: self.home.key, nonce, time: now().seconds() }
    }

    fn ask(&mut self, operation: Operation, signatures: Vec<RequestSignature>) -> Result<Answer, Failure> {
        let content = Request { operation, signatures }.to_bytes();
        let sealed = seal(&self.home.key, &self.home.epoch, SealKind::OneShot, &content, &mut UnwrapErr(SysRng))?;
        let opened = self.open(&sealed.bytes)?;
        let outputs = self.commit(vec![opened])?;
        let output = outputs.into_iter().next().ok_or("no answer")?;
        answer_of(output, &sealed.pending)
    }

    fn open(&self, sealed: &[u8]) -> Result<OpenedRequest, Failure> {
        self.rules.opener().open(sealed).map_err(|_| "a request does not open".into())
    }

    /// One batch: decided, written, durable.
    fn commit(&mut self, requests: Vec<OpenedRequest>) -> Result<Vec<Output>, Failure> {
        let mut rng = UnwrapErr(SysRng);
        let mut batch = self.rules.begin(&mut self.store, now(), &mut rng)?;
        for opened in requests {
            self.next += 1;
            batch = batch.handle(Input::Opened { ticket: Ticket(self.next), opened })?;
        }
        Ok(batch.commit()?)
    }

    /// Takes `n` deposits that were sealed and opened before the clock starts; returns how many a second.
    fn take(&mut self, n: usize, first: u64) -> Result<f64, Failure> {
        let recipe = Recipe { home: &self.home, queues: &self.queues, send: &self.send, first };
        let pool = recipe.prepare(n)?;
        let mut batches = Vec::new();
        for part in pool.deposits.chunks(BATCH) {
            batches.push(part.iter().map(|deposit| self.open(deposit.sealed())).collect::<Result<Vec<_>, Failure>>()?);
        }
        let mut outputs = Vec::with_capacity(n);
        let started = Instant::now();
        for batch in batches {
            outputs.extend(self.commit(batch)?);
        }
        let took = started.elapsed();
        // The first answers of all: the rest went the same way, and each costs a seal to look at.
        for (output, deposit) in outputs.into_iter().zip(&pool.deposits).take(BATCH) {
            match answer_of(output, &deposit.pending)? {
                Answer::Accepted => {}
                other => return Err(format!("a deposit was answered with {other:?}").into()),
            }
        }
        Ok(n as f64 / took.as_secs_f64())
    }
}

fn answer_of(output: Output, pending: &PendingAnswer) -> Result<Answer, Failure> {
    match output {
        Output::Answer { answer, .. } => answer_in(&answer.seal(&mut UnwrapErr(SysRng)).to_bytes(), pending),
        other => Err(format!("no answer: {other:?}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Server::new(Journal::open(folder.path()).unwrap()).unwrap();
        assert!(journal.take(BATCH + 1, 0).unwrap() > 0.0);
    }
}
