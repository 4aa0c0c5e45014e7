//! Random histories with crashes: what was answered is there, once, in order; what was not answered may be repeated.

use proptest::prelude::*;

use super::*;

/// One step of a history.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A sender deposits something new, or what it got no answer for.
    Deposit,
    /// The reader fetches and acknowledges the first `n` frames that it has stored.
    Read { n: usize },
    /// The next batch is lost before its commit.
    CrashNext,
    /// The process ends and starts again.
    Restart,
    /// An hour passes.
    Hour,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Deposit),
        3 => (0_usize..6).prop_map(|n| Step::Read { n }),
        2 => Just(Step::CrashNext),
        1 => Just(Step::Restart),
        1 => Just(Step::Hour),
    ];
    prop::collection::vec(step, 1..40)
}

/// A sender and a reader with what each knows durably.
struct Pair {
    device: Device,
    unanswered: Option<Deposit>,
    n_sent: u8,
    received: Vec<u8>,
    crash_next: bool,
}

impl Pair {
    fn deposit(&mut self, world: &mut World) {
        let deposit = self.unanswered.take().unwrap_or_else(|| {
            self.n_sent += 1;
            world.deposit_to(&self.device, self.n_sent)
        });
        let operation = Operation::Deposit(deposit.clone());
        let (sealed, pending) = world.seal(&Request { operation, signatures: Vec::new() });
        let input = Input::OneShot { ticket: Ticket(1), sealed };
        if std::mem::take(&mut self.crash_next) {
            let batch = world.home.begin(&mut world.store, world.now, &mut world.rng).unwrap();
            drop(batch.handle(input).unwrap());
            self.unanswered = Some(deposit);
            return;
        }
        let outputs = world.input(input);
        assert_eq!(answer_in(reply_in(&outputs, Ticket(1)).unwrap(), &pending), Answer::Accepted);
    }

    fn read(&mut self, world: &mut World, n: usize) {
        let (entries, overflowed) = world.fetch(&self.device);
        assert!(!overflowed);
        let taken: Vec<(u64, u8)> = entries.into_iter().take(n).collect();
        self.received.extend(taken.iter().map(|(_, byte)| *byte));
        let numbers: Vec<u64> = taken.iter().map(|(entry, _)| *entry).collect();
        assert_eq!(world.ack(&self.device, &numbers), Answer::Accepted);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_was_accepted_is_read_once_and_in_order(history in steps()) {
        let mut world = World::new();
        let device = world.device();
        let mut pair = Pair { device, unanswered: None, n_sent: 0, received: Vec::new(), crash_next: false };
        for step in history {
            match step {
                Step::Deposit => pair.deposit(&mut world),
                Step::Read { n } => pair.read(&mut world, n),
                Step::CrashNext => pair.crash_next = true,
                Step::Restart => world = world.restarted(),
                Step::Hour => {
                    world.pass(3600);
                    world.tick();
                }
            }
        }
        pair.crash_next = false;
        if pair.unanswered.is_some() {
            pair.deposit(&mut world);
        }
        for _ in 0..4 {
            pair.read(&mut world, 16);
        }
        prop_assert_eq!(pair.received, (1..=pair.n_sent).collect::<Vec<_>>());
    }
}
