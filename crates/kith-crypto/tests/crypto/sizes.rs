//! Encoded sizes that other parts of the design rest on.

use kith_crypto::sealed::{EpochSecret, seal};
use kith_crypto::sign::{ContactSecret, ServerSecret};
use kith_wire::Wire;
use kith_wire::address::{QueueAddress, ServerAddress, ServerUrl};
use kith_wire::card::{Card, CardOffer};
use kith_wire::ext::Ext;
use kith_wire::frame::Frame;
use kith_wire::id::*;
use kith_wire::link::card_to_link;
use kith_wire::operation::{Deposit, Operation, Request};
use kith_wire::sealed::SealKind;
use kith_wire::time::{EpochId, Hour};

use crate::rng;

#[test]
fn a_sealed_deposit_has_5376_bytes_however_long_its_numbers() {
    let mut rng = rng();
    let server = ServerSecret::generate(&mut rng).public();
    let epoch = EpochSecret::generate(EpochId(2900), &mut rng).public();
    for expires in [0, u32::MAX] {
        let deposit = Deposit {
            sender_id: SenderId([0; 24]),
            proof: Proof([0; 32]),
            dedup: DedupId([0; 16]),
            expires: Hour(expires),
            frame: Frame::new([0; 4096]),
        };
        let request = Request { operation: Operation::Deposit(deposit), signatures: vec![] }.to_bytes();
        assert!(request.len() <= 4186);
        let sealed = seal(&server, &epoch, SealKind::OneShot, &request, &mut rng).unwrap();
        assert_eq!(sealed.bytes.len(), 5376, "a request of {} bytes", request.len());
    }
}

/// Returns the offer of a card whose queue is at `url`.
fn offer(url: &str, kem: Option<KemKey>) -> CardOffer {
    let secret = ContactSecret::generate(&mut rng());
    let server = ServerAddress { url: ServerUrl::parse(url).unwrap(), key: ServerKey([1; 32]) };
    let card = Card {
        version: 1,
        suite: 1,
        card_id: CardId([2; 16]),
        not_after: Hour(500_000),
        contact_key: secret.public(),
        olm_identity: OlmIdentity([3; 32]),
        olm_one_time: OlmOneTimeKey([4; 32]),
        dh: DhKey([5; 32]),
        kem_hash: Hash([6; 32]),
        queue: QueueAddress { server, sender_id: SenderId([7; 24]), capability: SendCapability::new([8; 32]) },
        reply_secret: ReplySecret::new([9; 32]),
        commitment: Hash([10; 32]),
        ext: Ext::new(),
    };
    CardOffer { card: secret.sign(&card), kem }
}

#[test]
fn a_card_fits_a_qr_code_that_phones_read() {
    // 520 bytes make 704 characters of a link: QR version 17 with low error correction, 85 modules a side.
    assert_eq!(offer("https://home.example.org", None).to_bytes().len(), 457);
    assert_eq!(offer("https://chat.a-rather-long-family-name.example:5484", None).to_bytes().len(), 484);
    let longest = format!("https://{}.example", ["a"; 92].join("."));
    assert_eq!(longest.len(), 199);
    assert!(offer(&longest, None).to_bytes().len() <= 660);
}

#[test]
fn a_card_with_its_x_wing_key_is_a_link_that_can_be_pasted() {
    let link = card_to_link(&offer("https://home.example.org", Some(KemKey::new([0; 1216]))));
    assert!(link.len() < 2300, "{}", link.len());
}
