//! Nothing secret and nothing that people say can be printed by accident.

use kith_wire::Wire;
use kith_wire::content::{Body, KnownBody};
use kith_wire::id::*;

use crate::examples;

#[test]
fn secrets_print_their_name_only() {
    let printed = [
        format!("{:?}", SendCapability::new([1; 32])),
        format!("{:?}", ReplySecret::new([1; 32])),
        format!("{:?}", ReadCapability::new([1; 32])),
        format!("{:?}", DeleteCapability::new([1; 32])),
        format!("{:?}", AttachmentKey::new([1; 32])),
        format!("{:?}", InviteCode::new([1; 16])),
        format!("{:?}", ConfirmNonce::new([1; 32])),
    ];
    insta::assert_snapshot!(printed.join("\n"), @r"
    SendCapability(…)
    ReplySecret(…)
    ReadCapability(…)
    DeleteCapability(…)
    AttachmentKey(…)
    InviteCode(…)
    ConfirmNonce(…)
    ");
}

#[test]
fn what_people_say_is_not_printed() {
    let text = KnownBody::Text {
        text: "meet at noon".into(),
        reply_to: None,
        attachment: Some(examples::manifest()),
        preview: Some(examples::preview(true)),
    };
    let content = examples::content(Body::Known(text));
    let printed = [
        format!("{content:?}"),
        format!("{:?}", examples::content(Body::Unknown(vec![0x82, 0x18, 99, 0x63, b'b', b'y', b'e']))),
        format!("{:?}", examples::manifest()),
        format!("{:?}", examples::part()),
        format!("{:?}", examples::preview(true)),
    ]
    .join("\n");
    for secret in ["noon", "picture", "cake", "255, 216", "165", "a5", "bye", "98, 121"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}

#[test]
fn a_card_prints_without_its_secrets() {
    let card = examples::card();
    let printed = format!("{card:?}");
    assert!(printed.contains("ReplySecret(…)") && printed.contains("SendCapability(…)"));
    // A reader that knows the bytes finds no run of them, in no base that `Debug` uses.
    assert!(!printed.contains("7, 8, 9") && !printed.contains("64, 65, 66"));
    assert!(card.to_bytes().windows(3).any(|window| window == [7, 8, 9]));
}

#[test]
fn what_is_said_prints_as_its_kind() {
    let all = examples::bodies().into_iter().map(|(_, body)| format!("{body:?}"));
    let mut kinds: Vec<String> = all.collect();
    kinds.dedup();
    insta::assert_snapshot!(kinds.join("\n"), @r"
    Text(…)
    Reaction(…)
    Edit(…)
    Delete(…)
    Receipt(…)
    QueueMove(…)
    QueueMoved(…)
    Disappearing(…)
    Nothing
    DeviceCard(…)
    Sync(…)
    Rotation(…)
    SpareCard(…)
    RefusedAnother
    Unknown(7 bytes)
    ");
}

#[test]
fn objects_around_secrets_print_what_helps_to_find_them() {
    let printed = [
        format!("{:?}", examples::manifest()),
        format!("{:?}", examples::confirm()),
        format!("{:?}", examples::part()),
        format!("{:?}", examples::kem_key()),
        format!("{:?}", examples::card().contact_key),
    ];
    insta::assert_snapshot!(printed.join("\n"), @r"
    Manifest(BlobId(fivsyljo…), …)
    Confirm(Signed(1536 bytes, unverified), …)
    Part(MessageId(gm2dknrx…), 0 of 1)
    KemKey([u8; 1216])
    ContactKey(aibqibig…)
    ");
}
