//! Attacks from inside the seal: anybody can seal anything to a server, and say anything on a live connection.

use kith_wire::operation::{Answer, Operation, Refusal};
use kith_wire::sealed::OneShotReply;

use crate::siege::Siege;

/// Contents that promise more than they hold, or nest without end.
fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let lengths = |major: u8| {
        [98_304_u64, 1 << 31, 1 << 32, 1 << 62, u64::MAX]
            .map(|length| [&[major << 5 | 27][..], &length.to_be_bytes(), &[0; 64]].concat())
    };
    let mut bombs = vec![
        ("arrays in arrays", vec![0x81; 90_000]),
        ("arrays without a length in one another", vec![0x9f; 90_000]),
        ("maps in maps", [0xa1, 0x00].repeat(45_000)),
        ("maps as keys", vec![0xa1; 90_000]),
        ("tags on tags", vec![0xc1; 90_000]),
        ("strings of bytes in pieces", [&[0x5f][..], &[0x41, 0].repeat(40_000)].concat()),
        ("an array of nothing", [&[0x99, 0xff, 0xff][..], &[0xf6; 65_535]].concat()),
        ("numbers that say nothing", vec![0; 90_000]),
        ("no value at all", vec![0xff; 100]),
        ("nothing", Vec::new()),
    ];
    for major in 2..=6 {
        bombs.extend(lengths(major).map(|bytes| ("a length beyond everything", bytes)));
        // The same one level down, where an operation would be.
        bombs.extend(lengths(major).map(|bytes| ("a length beyond everything inside", [&[0x82][..], &bytes].concat())));
    }
    bombs
}

#[tokio::test]
async fn cbor_of_any_depth_and_length_is_refused_and_costs_nothing() {
    let siege = Siege::lay(|command| command).await;
    let home = &siege.home;
    let kib = siege.server.resident_kib();
    for (name, bytes) in bombs() {
        let (sealed, pending) = home.seal_bytes(&bytes);
        let reply = home.carrier.one_shot(&home.address.url, sealed.into()).await.unwrap();
        let Some(OneShotReply::Sealed(answer)) = OneShotReply::from_bytes(&reply) else { unreachable!("{name}") };
        let answer = <Answer as kith_wire::Wire>::from_bytes(&pending.open(&answer).unwrap()).unwrap();
        assert_eq!(answer, Answer::Refused { reason: Refusal::Invalid }, "{name}");
    }
    let after = siege.server.resident_kib();
    assert!(after < kib + 4096, "{kib} KiB before, {after} KiB after");
}

#[tokio::test]
async fn cbor_of_any_depth_and_length_ends_a_live_connection_and_no_other() {
    let siege = Siege::lay(|command| command).await;
    let home = &siege.home;
    let mut bystander = home.line().await;
    let kib = siege.server.resident_kib();
    for (name, bytes) in bombs() {
        let mut line = home.line().await;
        line.say_bytes(&bytes).await;
        assert_eq!(line.end().await, kith_net::LiveEnd::Closed, "{name}");
    }
    assert!(matches!(bystander.ask(Operation::Clock).await, Answer::Clock { .. }));
    let after = siege.server.resident_kib();
    assert!(after < kib + 4096, "{kib} KiB before, {after} KiB after");
}

#[tokio::test]
async fn a_flood_of_sealed_bombs_leaves_honest_clients_alone() {
    let mut siege = Siege::lay(|command| command).await;
    let bodies = bombs().into_iter().map(|(_, bytes)| siege.home.seal_bytes(&bytes).0).collect();
    let toll = siege.endure(200, move |target| crate::floods::post(target, bodies, 16)).await;
    toll.is_bearable(20, 16 * 1024);
}
