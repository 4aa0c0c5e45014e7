//! The layout of an answer to a card: `ephemeral 32 ‖ ciphertext 1,120 ‖ box 2,912 ‖ mac 32`.

use kith_wire::card::{AnswerInside, AnswerParts};
use kith_wire::codec::Wire;
use kith_wire::frame::Frame;
use kith_wire::id::{DhKey, KemCiphertext};

fn parts() -> AnswerParts {
    AnswerParts {
        ephemeral: DhKey([1; 32]),
        ciphertext: KemCiphertext::new([2; 1120]),
        sealed: vec![3; AnswerParts::BOX_BYTES],
        mac: [4; 32],
    }
}

/// What the parts look like on the wire.
fn layout() -> Vec<u8> {
    [&[1; 32][..], &[2; 1120], &[3; 2912], &[4; 32]].concat()
}

#[test]
fn the_box_of_an_answer_fills_the_frame() {
    assert_eq!(AnswerParts::BOX_BYTES, 2912);
    // The box has 16 bytes of tag and 4 of length around the inside.
    assert_eq!(AnswerInside::MAX_BYTES, 2892);
}

#[test]
fn an_answer_is_its_parts_one_after_the_other() {
    let frame = parts().to_frame().expect("the box has the right size");
    assert_eq!(frame.as_bytes().as_slice(), layout());
    assert_eq!(AnswerParts::from_frame(&frame), Some(parts()));
}

#[test]
fn the_mac_of_an_answer_covers_everything_before_it() {
    assert_eq!(parts().authenticated_bytes(), layout()[..Frame::SIZE - 32]);
}

#[test]
fn an_answer_whose_box_has_another_size_is_no_frame() {
    for size in [0, AnswerParts::BOX_BYTES - 1, AnswerParts::BOX_BYTES + 1] {
        assert_eq!(AnswerParts { sealed: vec![3; size], ..parts() }.to_frame(), None, "{size}");
    }
}
