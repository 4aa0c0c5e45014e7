//! The canonical form: what RFC 8949 §4.2 leaves out is refused, by the walk or by the second encoding.

use kith_wire::DecodeError;
use kith_wire::card::Card;
use kith_wire::codec::{MAX_DEPTH, Wire};
use kith_wire::content::Content;
use kith_wire::descriptor::ServerLimits;
use kith_wire::operation::Operation;

use crate::examples::{self, card, content};

/// Returns the encoding of a content whose body is these bytes, so that they are kept undecoded.
fn with_body(body: &[u8]) -> Vec<u8> {
    content(kith_wire::content::Body::Unknown(body.to_vec())).to_bytes()
}

#[track_caller]
fn refused_body(body: &[u8]) {
    let found = Content::from_bytes(&with_body(body)).map(|_| ());
    assert_eq!(found, Err(DecodeError::NotCanonical { object: "content" }), "{body:02x?}");
}

#[test]
fn every_example_decodes_to_itself() {
    for example in examples::all() {
        let again = (example.again)(&example.bytes);
        assert_eq!(again.as_ref(), Ok(&example.bytes), "{} {}", example.rule, example.note);
        assert!(example.bytes.len() <= example.max_bytes, "{} {}", example.rule, example.note);
    }
}

#[test]
fn an_object_has_the_bytes_that_the_specification_shows() {
    // 82: array of two; 03: blob-get … here the shortest: clock, alone in its array.
    assert_eq!(Operation::Clock.to_bytes(), [0x81, 0x10]);
    // 83: three fields; 19 01f8: 504 hours; 1a 08000000: 128 MiB; f4: false.
    let limits = ServerLimits { retention_hours: 504, max_blob_bytes: 1 << 27, invite_only: false };
    let bytes = minicbor::to_vec(&limits).expect("it encodes");
    assert_eq!(bytes, [0x83, 0x19, 0x01, 0xf8, 0x1a, 0x08, 0x00, 0x00, 0x00, 0xf4]);
    // 83 82: a range; 01: entry; absent options at the end of an array are left out, inside they are null (f6).
    assert_eq!(Operation::AccountOpen { invite: None }.to_bytes(), [0x81, 0x03]);
}

#[test]
fn kw_3_long_integers_are_refused() {
    // clock is 81 10; here its number takes two, three, five and nine bytes.
    for number in [&[0x18, 0x10][..], &[0x19, 0, 0x10], &[0x1a, 0, 0, 0, 0x10], &[0x1b, 0, 0, 0, 0, 0, 0, 0, 0x10]] {
        let bytes = [&[0x81], number].concat();
        let expected = Err(DecodeError::NotCanonical { object: "operation" });
        assert_eq!(Operation::from_bytes(&bytes).map(|_| ()), expected, "{bytes:02x?}");
    }
}

#[test]
fn kw_3_long_array_and_string_heads_are_refused() {
    let expected = Err(DecodeError::NotCanonical { object: "operation" });
    assert_eq!(Operation::from_bytes(&[0x98, 0x01, 0x10]).map(|_| ()), expected);
    // blob-status [13, bytes .size 24] with the length of the byte string in two bytes.
    let bytes = [&[0x82, 0x0d, 0x59, 0x00, 0x18][..], &[0; 24]].concat();
    assert_eq!(Operation::from_bytes(&bytes).map(|_| ()), expected);
}

#[test]
fn kw_3_indefinite_lengths_are_refused() {
    let expected = Err(DecodeError::NotCanonical { object: "operation" });
    assert_eq!(Operation::from_bytes(&[0x9f, 0x10, 0xff]).map(|_| ()), expected);
    let chunked = [&[0x82, 0x0d, 0x5f, 0x58, 0x18][..], &[0; 24], &[0xff]].concat();
    assert_eq!(Operation::from_bytes(&chunked).map(|_| ()), expected);
}

#[test]
fn kw_3_trailing_bytes_are_refused() {
    for example in examples::all() {
        let longer = [example.bytes.as_slice(), &[0]].concat();
        assert!((example.again)(&longer).is_err(), "{} {}", example.rule, example.note);
    }
    let expected = Err(DecodeError::NotCanonical { object: "operation" });
    assert_eq!(Operation::from_bytes(&[0x81, 0x10, 0x00]).map(|_| ()), expected);
}

#[test]
fn kw_3_additional_items_are_refused() {
    let expected = Err(DecodeError::NotCanonical { object: "operation" });
    assert_eq!(Operation::from_bytes(&[0x82, 0x10, 0x00]).map(|_| ()), expected);
    // A card with a fourteenth field.
    let mut bytes = card().to_bytes();
    assert_eq!(bytes[0], 0x8d);
    bytes[0] = 0x8e;
    bytes.push(0);
    assert_eq!(Card::from_bytes(&bytes).map(|_| ()), Err(DecodeError::NotCanonical { object: "card" }));
}

#[test]
fn kw_3_an_absent_last_field_is_left_out_not_spelled_null() {
    let expected = Err(DecodeError::NotCanonical { object: "operation" });
    assert_eq!(Operation::from_bytes(&[0x82, 0x03, 0xf6]).map(|_| ()), expected);
    assert!(Operation::from_bytes(&[0x81, 0x03]).is_ok());
}

/// Returns a card whose extension map is `map`.
fn card_with_map(map: &[u8]) -> Vec<u8> {
    let mut bytes = card().to_bytes();
    assert_eq!(bytes.pop(), Some(0xa0));
    bytes.extend_from_slice(map);
    bytes
}

#[test]
fn kw_3_map_keys_ascend_and_occur_once() {
    let entry = |key: u8| [key, 0x82, 0xf4, 0x41, 0x01];
    let ascending = card_with_map(&[&[0xa2][..], &entry(1), &entry(2)].concat());
    assert!(Card::from_bytes(&ascending).is_ok());
    for (first, second) in [(2, 1), (1, 1)] {
        let bytes = card_with_map(&[&[0xa2][..], &entry(first), &entry(second)].concat());
        let expected = Err(DecodeError::NotCanonical { object: "card" });
        assert_eq!(Card::from_bytes(&bytes).map(|_| ()), expected, "{first} {second}");
    }
}

#[test]
fn kw_3_holds_inside_bodies_that_are_kept_undecoded() {
    assert!(Content::from_bytes(&with_body(&[0x82, 0x18, 99, 0xa2, 0x01, 0x00, 0x61, b'a', 0x20])).is_ok());
    refused_body(&[0x82, 0x18, 99, 0x18, 0x05]);
    refused_body(&[0x82, 0x19, 0x00, 99, 0x05]);
    // 255 in two bytes, 65,535 in four, 2³² − 1 in eight; one more is the shortest form each time.
    refused_body(&[0x82, 0x18, 99, 0x19, 0, 0xff]);
    refused_body(&[0x82, 0x18, 99, 0x1a, 0, 0, 0xff, 0xff]);
    refused_body(&[0x82, 0x18, 99, 0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    for fine in [&[0x19, 1, 0][..], &[0x1a, 0, 1, 0, 0], &[0x1b, 0, 0, 0, 1, 0, 0, 0, 0]] {
        assert!(Content::from_bytes(&with_body(&[&[0x82, 0x18, 99], fine].concat())).is_ok(), "{fine:02x?}");
    }
    refused_body(&[0x82, 0x18, 99, 0x9f, 0xff]);
    refused_body(&[0x82, 0x18, 99, 0xa2, 0x02, 0x00, 0x01, 0x00]);
    refused_body(&[0x82, 0x18, 99, 0xa2, 0x01, 0x00, 0x01, 0x00]);
    // Keys that are arrays; tags; NaN, half, single and double floats; undefined; simple values.
    refused_body(&[0x82, 0x18, 99, 0xa1, 0x80, 0x00]);
    refused_body(&[0x82, 0x18, 99, 0xc0, 0x00]);
    refused_body(&[0x82, 0x18, 99, 0xf9, 0x7e, 0x00]);
    refused_body(&[0x82, 0x18, 99, 0xf9, 0x3c, 0x00]);
    refused_body(&[0x82, 0x18, 99, 0xfa, 0x7f, 0xc0, 0x00, 0x00]);
    refused_body(&[0x82, 0x18, 99, 0xfb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0]);
    refused_body(&[0x82, 0x18, 99, 0xf7]);
    refused_body(&[0x82, 0x18, 99, 0xf8, 0x20]);
}

#[test]
fn kw_2_nesting_is_bounded() {
    // The content's own array and the body are two levels.
    let nested = |levels: usize| {
        let inner = MAX_DEPTH - 2 - levels;
        assert_eq!(inner, 0);
        [&[0x82, 0x18, 99][..], &vec![0x81; levels], &[0x00]].concat()
    };
    assert!(Content::from_bytes(&with_body(&nested(MAX_DEPTH - 2))).is_ok());
    let deeper = [&[0x82, 0x18, 99][..], &[0x81; MAX_DEPTH - 1], &[0x00]].concat();
    let expected = Err(DecodeError::TooDeep { object: "content" });
    assert_eq!(Content::from_bytes(&with_body(&deeper)).map(|_| ()), expected);
    let map = [&[0x82, 0x18, 99][..], &[0xa1, 0x00].repeat(MAX_DEPTH - 1), &[0x00]].concat();
    assert_eq!(Content::from_bytes(&with_body(&map)).map(|_| ()), expected);
}

#[test]
fn kw_4_what_is_not_cbor_or_another_shape_is_malformed() {
    let expected = Err(DecodeError::Malformed { object: "operation" });
    // Nothing; reserved heads; a cut head; a cut string; more items claimed than bytes there are; another shape.
    let cases: [&[u8]; 11] = [
        &[],
        &[0x1c],
        &[0x1f],
        &[0x3f],
        &[0x5e],
        &[0x19, 0x01],
        &[0x82, 0x0d, 0x58, 0x18, 0x00],
        &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0x10],
        &[0x81, 0x18, 0x63],
    ];
    for bytes in cases {
        assert_eq!(Operation::from_bytes(bytes).map(|_| ()), expected, "{bytes:02x?}");
    }
    // Text that is not UTF-8, also where it is kept undecoded.
    let expected = Err(DecodeError::Malformed { object: "content" });
    assert_eq!(Content::from_bytes(&with_body(&[0x82, 0x18, 99, 0x61, 0xff])).map(|_| ()), expected);
}

#[test]
fn kw_4_a_body_without_a_number_does_not_borrow_the_next_item() {
    // 80: an empty array; 18 63: what follows it would be the number of a body that nobody knows.
    let found = minicbor::decode::<kith_wire::content::Body>(&[0x80, 0x18, 0x63]);
    assert!(found.is_err());
}

#[test]
fn kw_1_an_object_longer_than_its_type_allows_is_refused() {
    for example in examples::all() {
        let bytes = vec![0; example.max_bytes + 1];
        let found = (example.again)(&bytes);
        assert!(matches!(found, Err(DecodeError::TooLong { .. })), "{} {found:?}", example.rule);
    }
}
