//! Bytes of strangers: answered or ignored, never a panic, never an error, never a change.

use proptest::prelude::*;

use super::*;

/// Handles an input and checks that the store did not change.
fn changes_nothing(world: &mut World, input: Input) -> Vec<Output> {
    let before = world.counts();
    let outputs = world.input(input);
    assert_eq!(world.counts(), before);
    outputs
}

fn busy_world() -> (World, Device, Vec<u8>) {
    let mut world = World::new();
    let device = world.device();
    world.send(&device, 1);
    let deposit = Operation::Deposit(world.deposit_to(&device, 2));
    let (sealed, _) = world.seal(&Request { operation: deposit, signatures: Vec::new() });
    (world, device, sealed)
}

#[test]
fn a_deposit_with_any_flipped_bit_is_not_stored() {
    let (mut world, device, sealed) = busy_world();
    for at in (0..sealed.len()).step_by(37).chain([0, 1, 2, 5, 6, 5375]) {
        let mut damaged = sealed.clone();
        damaged[at] ^= 0x10;
        let outputs = changes_nothing(&mut world, Input::OneShot { ticket: Ticket(1), sealed: damaged });
        let reply = reply_in(&outputs, Ticket(1)).unwrap();
        assert!(matches!(reply, OneShotReply::Refused | OneShotReply::Descriptor(_)), "{at}: {reply:?}");
    }
    assert!(matches!(world.post(sealed), OneShotReply::Sealed(_)));
    assert_eq!(world.fetch(&device).0, [(1, 1), (2, 2)]);
}

#[test]
fn a_request_that_opens_to_nonsense_is_answered_as_invalid() {
    let mut world = World::new();
    let (key, epoch) = (world.key(), world.epoch());
    for content in [&b""[..], b"\xff", b"\x82\x00", &[0x81; 64], &[0x9f; 9]] {
        let sealed = seal(&key, &epoch, SealKind::OneShot, content, &mut world.rng).unwrap();
        let reply = world.post(sealed.bytes);
        assert_eq!(answer_in(reply, &sealed.pending), refused(Refusal::Invalid));
    }
}

#[test]
fn a_deposit_is_no_live_opening() {
    let (mut world, _, sealed) = busy_world();
    let id = ConnectionId(world.fresh());
    let outputs = changes_nothing(&mut world, Input::Live { connection: id, message: sealed });
    assert_eq!(outputs.last(), Some(&Output::Close { connection: id }));
}

#[test]
fn one_bad_input_does_not_spoil_its_batch() {
    let (mut world, device, sealed) = busy_world();
    let rubbish = || Input::OneShot { ticket: Ticket(1), sealed: vec![7; 5376] };
    let good = Input::OneShot { ticket: Ticket(2), sealed };
    let late = ended(ExchangeId(77), ExchangeOutcome::Answered(vec![0; 9]));
    let gone = Input::Closed { connection: ConnectionId(99) };
    let outputs = world.batch([rubbish(), late, good, gone, rubbish()]);
    assert!(matches!(reply_in(&outputs, Ticket(2)), Some(OneShotReply::Sealed(_))));
    assert_eq!(world.fetch(&device).0.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_change_nothing(bytes in prop::collection::vec(any::<u8>(), 0..6000), header in any::<bool>()) {
        let (mut world, _, sealed) = busy_world();
        let mut bytes = bytes;
        if header {
            // Far enough in to reach the decryption.
            bytes.resize(5376, 0);
            bytes[..6].copy_from_slice(&sealed[..6]);
        }
        let (ticket, id) = (Ticket(1), ConnectionId(77));
        changes_nothing(&mut world, Input::OneShot { ticket, sealed: bytes.clone() });
        changes_nothing(&mut world, Input::Live { connection: id, message: bytes.clone() });
        let line = world.connect();
        let outputs = changes_nothing(&mut world, Input::Live { connection: line.id, message: bytes });
        prop_assert_eq!(outputs, [Output::Close { connection: line.id }]);
    }

    #[test]
    fn random_requests_never_fail_the_store(content in prop::collection::vec(any::<u8>(), 0..400), number in 0_u8..20) {
        let mut world = World::new();
        let (key, epoch) = (world.key(), world.epoch());
        // The beginning of a request with an operation of this number.
        let mut bytes = vec![0x82, 0x82, number];
        bytes.extend(content);
        let sealed = seal(&key, &epoch, SealKind::OneShot, &bytes, &mut world.rng).unwrap();
        prop_assert!(matches!(world.post(sealed.bytes), OneShotReply::Sealed(_)));
    }
}
