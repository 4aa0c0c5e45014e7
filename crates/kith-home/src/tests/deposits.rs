//! Deposits, as a stranger sees them.

use kith_wire::limits::SEALED_BYTES;

use super::*;
use crate::Quotas;

#[test]
fn kh_18_a_deposit_comes_only_as_a_one_shot_request_of_one_size() {
    let mut world = World::new();
    let device = world.device();
    let deposit = Operation::Deposit(world.deposit_to(&device, 1));
    let (sealed, _) = world.seal(&Request { operation: deposit.clone(), signatures: Vec::new() });
    assert_eq!(sealed.len(), SEALED_BYTES);
    let stamp = world.stamp();
    let signature = sign_as_account(&device.account, &deposit, &stamp);
    let large = world.ask(deposit.clone(), vec![signature; 8]);
    assert_eq!(large, refused(Refusal::Invalid));
    let (mut line, _) = world.listen(&device, 4);
    assert_eq!(answers(&world.say(&mut line, deposit)), [refused(Refusal::Invalid)]);
    assert_eq!(world.fetch(&device).0, []);
}

#[test]
fn kh_19_a_deposit_expires_within_eight_days() {
    let mut world = World::new();
    let device = world.device();
    let hour = world.now.hour().0;
    for (expires, fine) in [(hour - 1, false), (hour + 193, false), (hour, true), (hour + 192, true), (u32::MAX, false)]
    {
        let deposit = Deposit { expires: Hour(expires), ..world.deposit_to(&device, 1) };
        let deposit = prove(deposit, &device.send, &world.key());
        let expected = if fine { Answer::Accepted } else { refused(Refusal::Invalid) };
        assert_eq!(world.deposit(deposit), expected, "{expires}");
    }
    assert_eq!(world.fetch(&device).0.len(), 2);
}

#[test]
fn kh_20_unknown_unproven_blocked_full_repeated_and_stored_look_alike() {
    let mut world = World::with(Config { quotas: Quotas { queue_frames: 1, ..Quotas::default() }, ..config() });
    let (device, full, blocked) = (world.device(), world.device(), world.device());
    world.send(&full, 1);
    let delete = Operation::QueueDelete { reader_id: blocked.reader };
    assert_eq!(world.ask_as_reader(&blocked.lookup, delete), Answer::Accepted);
    let good = world.deposit_to(&device, 1);
    let unproven = Deposit { proof: Proof([1; 32]), ..world.deposit_to(&device, 2) };
    let mut unknown = world.deposit_to(&device, 3);
    unknown.sender_id = SenderId([9; 24]);
    let cases = [good.clone(), good, unproven, unknown, world.deposit_to(&full, 4), world.deposit_to(&blocked, 5)];
    let mut sizes = Vec::new();
    for deposit in cases {
        let (sealed, pending) = world.seal(&Request { operation: Operation::Deposit(deposit), signatures: Vec::new() });
        let touches = world.store.n_touches();
        let outputs = world.input(Input::OneShot { ticket: Ticket(0), sealed });
        assert_eq!(outputs.len(), 1);
        assert_eq!(world.store.n_touches(), touches + 1, "all wait for the disk, also when nothing is stored");
        let Some(OneShotReply::Sealed(answer)) = reply_in(&outputs, Ticket(0)) else { panic!("{outputs:?}") };
        assert_eq!(*pending.open(&answer).unwrap(), Answer::Accepted.to_bytes());
        sizes.push(answer.len());
    }
    assert!(sizes.iter().all(|size| *size == sizes[0]));
    assert_eq!(world.fetch(&device).0, [(1, 1)]);
}

#[test]
fn kh_20_a_proof_is_bound_to_everything_in_the_deposit() {
    let mut world = World::new();
    let (device, other) = (world.device(), world.device());
    let good = world.deposit_to(&device, 1);
    let elsewhere = prove(good.clone(), &device.send, &ServerKey([1; 32]));
    let forged = [
        Deposit { frame: frame(2), ..good.clone() },
        Deposit { dedup: DedupId([2; 16]), ..good.clone() },
        Deposit { expires: Hour(good.expires.0 + 1), ..good.clone() },
        Deposit { sender_id: other.sender, ..good.clone() },
        elsewhere,
    ];
    for deposit in forged {
        assert_eq!(world.deposit(deposit), Answer::Accepted);
    }
    assert_eq!(world.counts().entries, 0);
    assert_eq!(world.deposit(good), Answer::Accepted);
    assert_eq!(world.counts().entries, 1);
}

#[test]
fn kh_21_a_deposit_is_stored_once_also_after_its_ack_and_a_restart() {
    let mut world = World::new();
    let device = world.device();
    let deposit = world.deposit_to(&device, 1);
    for _ in 0..2 {
        assert_eq!(world.deposit(deposit.clone()), Answer::Accepted);
    }
    assert_eq!(world.fetch(&device).0, [(1, 1)]);
    assert_eq!(world.ack(&device, &[1]), Answer::Accepted);
    assert_eq!(world.deposit(deposit.clone()), Answer::Accepted);
    let mut world = world.restarted();
    world.now = deposit.expires.start().plus_seconds(3599);
    world.tick();
    assert_eq!(world.deposit(deposit.clone()), Answer::Accepted);
    assert_eq!(world.fetch(&device).0, []);
    world.pass(60);
    world.tick();
    assert_eq!(world.counts().dedup, 0);
    assert_eq!(world.deposit(deposit), refused(Refusal::Invalid));
}
