//! Random histories in which commits run ahead of the disk: what was answered is there, numbers stand for one frame each, and records
//! of a connection are numbered as they leave.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// What comes in.
#[derive(Debug, Clone, Copy)]
enum What {
    Deposit,
    /// The reader acknowledges all that it was pushed.
    Ack,
    /// The reader asks something.
    Ask,
}

/// A batch, and whether the one before it becomes durable while it is open.
type Step = (Vec<What>, bool);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let what = prop_oneof![3 => Just(What::Deposit), 2 => Just(What::Ack), 1 => Just(What::Ask)];
    prop::collection::vec((prop::collection::vec(what, 0..5), prop::bool::weighted(0.8)), 1..14)
}

/// A program around the rules, as a home server is one, with a reader and those who send to it.
struct Program {
    world: World,
    device: Device,
    line: Option<Line>,
    /// What waits for the disk.
    flight: Option<Flight>,
    n_sent: u8,
    answered: BTreeSet<u8>,
    /// What the reader has, by number.
    received: BTreeMap<u64, u8>,
    unacked: Vec<EntryId>,
    /// What the open batch acknowledges, and what was acknowledged for good.
    acking: Vec<EntryId>,
    acked: BTreeSet<u8>,
}

/// A batch that waits for the disk.
struct Flight {
    /// The store as it is when the disk fails.
    before: Memory,
    /// What it acknowledges.
    acking: Vec<EntryId>,
}

impl Program {
    fn new() -> Self {
        let mut world = World::new();
        let device = world.device();
        Self {
            world,
            device,
            line: None,
            flight: None,
            n_sent: 0,
            answered: BTreeSet::new(),
            received: BTreeMap::new(),
            unacked: Vec::new(),
            acking: Vec::new(),
            acked: BTreeSet::new(),
        }
    }

    fn step(&mut self, (whats, lands): &Step) {
        if self.line.is_none() {
            // Ends what was told and is not sure.
            self.world.tick();
            let (line, events) = self.world.listen(&self.device, 8);
            self.line = Some(line);
            self.unacked.clear();
            self.note(&events);
        }
        let inputs: Vec<Input> = whats.iter().filter_map(|what| self.input(*what)).collect();
        let before = self.world.store.clone();
        let World { home, store, rng, now, .. } = &mut self.world;
        let mut batch = home.begin(store, *now, rng).unwrap();
        let mut early = Vec::new();
        for input in inputs {
            batch = batch.handle(input).unwrap();
            early.extend(batch.pushes().unwrap());
        }
        let (mut late, mut staged) = (Vec::new(), None);
        match self.flight.take() {
            Some(Flight { before, .. }) if !lands => {
                drop(batch);
                *store = before;
                self.acking.clear();
                home.lost();
            }
            flight => {
                if let Some(Flight { acking, .. }) = flight {
                    late = batch.durable();
                    self.acked.extend(acking.iter().filter_map(|entry| self.received.get(&entry.0)));
                }
                let pushes = batch.pushes().unwrap();
                batch.stage().unwrap();
                staged = Some((before, pushes));
            }
        }
        self.out(&early);
        self.out(&late);
        match staged {
            None => self.line = None,
            Some((before, pushes)) => {
                self.out(&pushes);
                self.flight = Some(Flight { before, acking: std::mem::take(&mut self.acking) });
            }
        }
    }

    fn input(&mut self, what: What) -> Option<Input> {
        let line = self.line.as_mut()?;
        let operation = match what {
            What::Deposit => {
                self.n_sent += 1;
                let deposit = self.world.deposit_to(&self.device, self.n_sent);
                let request = Request { operation: Operation::Deposit(deposit), signatures: Vec::new() };
                let (sealed, _) = self.world.seal(&request);
                return Some(Input::OneShot { ticket: Ticket(self.n_sent.into()), sealed });
            }
            What::Ack => {
                self.acking.extend(&self.unacked);
                Operation::Ack { reader_id: self.device.reader, entries: std::mem::take(&mut self.unacked) }
            }
            What::Ask => Operation::Clock,
        };
        Some(Input::Live { connection: line.id, message: line.record(operation) })
    }

    /// Something leaves. Records open in their order only.
    fn out(&mut self, outputs: &[Output]) {
        for output in outputs {
            if let Output::Reply { ticket, .. } = output {
                self.answered.insert(u8::try_from(ticket.0).unwrap());
            }
        }
        let events = self.line.as_mut().map(|line| line.events(outputs)).unwrap_or_default();
        self.note(&events);
    }

    fn note(&mut self, events: &[LiveEvent]) {
        for event in events {
            if let LiveEvent::Push { entry, frame, .. } = event {
                let byte = frame.as_bytes()[0];
                assert_eq!(*self.received.entry(entry.0).or_insert(byte), byte, "a number stands for one frame");
                self.unacked.push(*entry);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn kh_4_whatever_is_lost_with_the_disk_what_was_answered_is_there(steps in steps()) {
        let mut program = Program::new();
        for step in &steps {
            program.step(step);
        }
        // The last batch does not become durable.
        if let Some(Flight { before, .. }) = program.flight.take() {
            program.world.store = before;
            program.world.home.lost();
        }
        // A reader that comes back is given all that it has not acknowledged.
        let mut waiting = BTreeSet::new();
        program.world.tick();
        let (_line, events) = program.world.listen(&program.device, 256);
        for event in &events {
            if let LiveEvent::Push { entry, frame, .. } = event {
                let byte = frame.as_bytes()[0];
                prop_assert!(waiting.insert(byte), "{byte} is there twice");
                prop_assert!(*program.received.entry(entry.0).or_insert(byte) == byte);
            }
        }
        // What the reader was only pushed does not count: it may be lost with the reader.
        let safe: BTreeSet<u8> = waiting.union(&program.acked).copied().collect();
        prop_assert!(program.answered.is_subset(&safe), "{:?} {safe:?}", program.answered);
    }
}
