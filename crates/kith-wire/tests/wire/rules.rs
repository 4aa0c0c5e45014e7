//! The rules of `spec/wire.md` that are about one object each; canonical form and URLs have their own files.

use kith_wire::Wire;
use kith_wire::blob::{BlobShape, Manifest};
use kith_wire::devices::{DeviceList, next_version};
use kith_wire::ext::{Ext, Extension, Importance};
use kith_wire::frame::{
    Control, EndReason, Frame, FrameHeader, INNER_BYTES, Inner, InnerError, MAX_CONTROL_BYTES, MAX_OLM_BYTES,
    MAX_RANGES, SeqRange, SessionAck,
};
use kith_wire::id::{DeviceId, Hash};
use kith_wire::limits::{
    CHUNK_BYTES, DEVICE_LIST_BYTES, DEVICE_LIST_DAYS, MAX_ANSWER_BYTES, MAX_ATTACHMENT_BYTES, MAX_BLOB_CHUNKS,
    MAX_DEVICES, MAX_EXT_ENTRIES, MAX_PARTS, MAX_SEALED_BYTES, PART_BYTES, SEALED_BYTES, SESSION_WINDOW,
};
use kith_wire::own::{OwnDevice, OwnDevices, OwnRevocation};
use kith_wire::padding::{PaddingError, pad_to, padme, unpad};
use kith_wire::payload::Part;
use kith_wire::rotation::DeviceRotation;
use kith_wire::sealed::{ClearHeader, OneShotReply, SealedFormError, SealedParts};
use kith_wire::time::{Day, EpochId};

use crate::examples;

#[test]
fn kw_5_the_lowest_unknown_critical_extension_is_found() {
    let mut ext = examples::ext();
    assert_eq!(ext.unknown_critical(&[]), None);
    for number in [9, 8] {
        ext.insert(number, Extension { importance: Importance::Critical, value: vec![] });
    }
    assert_eq!(ext.unknown_critical(&[]), Some(8));
    assert_eq!(ext.unknown_critical(&[8]), Some(9));
    assert_eq!(ext.unknown_critical(&[8, 9]), None);
}

#[test]
fn kw_5_an_extension_map_has_at_most_sixteen_entries() {
    let mut card = examples::card();
    card.ext = Ext::new();
    for number in 0..=MAX_EXT_ENTRIES as u32 {
        let fits = u64::from(number) < MAX_EXT_ENTRIES;
        card.ext.insert(number, Extension { importance: Importance::Optional, value: vec![] });
        assert_eq!(kith_wire::card::Card::from_bytes(&card.to_bytes()).is_ok(), fits, "{number}");
    }
}

#[test]
fn kw_7_padding_is_zeros_and_the_length_fits() {
    let padded = pad_to(b"hello", 16).expect("it fits");
    assert_eq!(padded, *b"\0\0\0\x05hello\0\0\0\0\0\0\0");
    assert_eq!(unpad(&padded), Ok(&b"hello"[..]));
    for at in 9..16 {
        let mut changed = padded.clone();
        changed[at] = 1;
        assert_eq!(unpad(&changed), Err(PaddingError), "{at}");
    }
    assert_eq!(unpad(&[0, 0, 0, 13, 1, 2]), Err(PaddingError));
    assert_eq!(unpad(&[0xff; 16]), Err(PaddingError));
    assert_eq!(unpad(&[0, 0, 0]), Err(PaddingError));
    assert_eq!(pad_to(b"hello", 8), None);
    assert_eq!(pad_to(b"hello", 9).as_deref(), Some(&b"\0\0\0\x05hello"[..]));
}

#[test]
fn padme_gives_the_sizes_of_its_paper() {
    // Worked by hand from §4 of the paper: E = ⌊log₂ L⌋, S = ⌊log₂ E⌋ + 1, the low E − S bits become zero, upwards.
    let known = [(0, 0), (1, 1), (2, 2), (8, 8), (9, 10), (15, 16), (17, 18), (31, 32), (33, 36), (100, 104)];
    let known = known.iter().chain(&[(1000, 1024), (1025, 1088), (70_000, 71_680), (10_000_000, 10_223_616)]);
    for (length, padded) in known {
        assert_eq!(padme(*length), *padded, "{length}");
    }
    assert_eq!(padme(u64::MAX), u64::MAX);
}

proptest::proptest! {
    #[test]
    fn padme_holds_costs_little_and_stays(length in 1_u64..1 << 60) {
        let padded = padme(length);
        proptest::prop_assert!(padded >= length);
        proptest::prop_assert!((padded - length) as f64 <= length as f64 * 0.12);
        proptest::prop_assert_eq!(padme(padded), padded);
    }
}

/// Returns the bytes of a sealed request with this version and suite.
fn sealed(version: u8, suite: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![0x5a; length];
    bytes[..6].copy_from_slice(&ClearHeader { version, suite, epoch: EpochId(0x0102_0304) }.to_bytes());
    bytes
}

#[test]
fn kw_8_a_sealed_request_has_a_bounded_length() {
    for (length, fits) in
        [(SEALED_BYTES - 1, false), (SEALED_BYTES, true), (MAX_SEALED_BYTES, true), (MAX_SEALED_BYTES + 1, false)]
    {
        let bytes = sealed(1, 1, length);
        let found = SealedParts::split(&bytes).map(|_| ());
        assert_eq!(found, if fits { Ok(()) } else { Err(SealedFormError::BadLength) }, "{length}");
    }
    assert!(SealedParts::split(&[]).is_err());
}

#[test]
fn kw_9_only_version_1_and_suite_1_are_spoken() {
    let bytes = sealed(1, 1, SEALED_BYTES);
    let parts = SealedParts::split(&bytes).expect("it is well formed");
    assert_eq!((parts.header.epoch, parts.enc.as_bytes()[0]), (EpochId(0x0102_0304), 0x5a));
    assert_eq!(parts.ciphertext.len(), SEALED_BYTES - 6 - 1120);
    for other in [0, 2, 255] {
        let found = SealedParts::split(&sealed(other, 1, SEALED_BYTES)).map(|_| ());
        assert_eq!(found, Err(SealedFormError::UnknownVersion(other)));
        let found = SealedParts::split(&sealed(1, other, SEALED_BYTES)).map(|_| ());
        assert_eq!(found, Err(SealedFormError::UnknownSuite(other)));
    }
}

#[test]
fn kw_10_a_one_shot_reply_has_one_of_four_forms() {
    let forms: [(&[u8], OneShotReply); 4] = [
        (&[0, 7], OneShotReply::Sealed(vec![7])),
        (&[1, 7], OneShotReply::Descriptor(vec![7])),
        (&[2, 1, 0], OneShotReply::Busy(256)),
        (&[3], OneShotReply::Refused),
    ];
    for (bytes, reply) in forms {
        assert_eq!(reply.to_bytes(), bytes);
        assert_eq!(OneShotReply::from_bytes(bytes), Some(reply));
    }
    for bytes in [&[][..], &[0], &[1], &[2], &[2, 1], &[2, 1, 0, 0], &[3, 0], &[4], &[255, 1]] {
        assert_eq!(OneShotReply::from_bytes(bytes), None, "{bytes:02x?}");
    }
    assert_eq!(OneShotReply::from_bytes(&vec![0; MAX_SEALED_BYTES + 1]), None);
    let longest = OneShotReply::Sealed(vec![7; MAX_ANSWER_BYTES]);
    assert_eq!(OneShotReply::from_bytes(&longest.to_bytes()), Some(longest));
}

fn range(first: u32, last: u32) -> SeqRange {
    SeqRange { first, last }
}

#[test]
fn kw_11_ack_ranges_ascend_do_not_touch_and_lie_above_next() {
    let check = |next, ranges: &[SeqRange], fine: bool| {
        let control = Control { ack: SessionAck { next, ranges: ranges.to_vec() }, skips: vec![], end: None };
        assert_eq!(control.is_well_formed(), fine, "{next} {ranges:?}");
        // The inner text carries the same check.
        let inner = Inner { olm: vec![], control }.to_bytes().expect("it fits");
        assert_eq!(Inner::from_bytes(&inner).is_ok(), fine, "{next} {ranges:?}");
    };
    check(5, &[], true);
    check(5, &[range(6, 6), range(8, 20)], true);
    check(5, &[range(5, 6)], false);
    check(5, &[range(4, 6)], false);
    check(5, &[range(7, 8), range(9, 9)], false);
    check(5, &[range(9, 9), range(7, 7)], false);
    check(5, &[range(8, 7)], false);
    check(5, &[range(6, 6 + SESSION_WINDOW)], false);
    check(5, &[range(6, 5 + SESSION_WINDOW)], true);
    check(0, &[range(u32::MAX, u32::MAX)], false);
    let many = |count: u32| (0..count).map(|at| range(10 + 2 * at, 10 + 2 * at)).collect::<Vec<_>>();
    check(5, &many(MAX_RANGES as u32), true);
    check(5, &many(MAX_RANGES as u32 + 1), false);
}

#[test]
fn kw_11_skips_ascend_and_do_not_touch() {
    let check = |skips: &[SeqRange], fine: bool| {
        let control = Control { ack: SessionAck { next: 0, ranges: vec![] }, skips: skips.to_vec(), end: None };
        assert_eq!(control.is_well_formed(), fine, "{skips:?}");
    };
    check(&[range(0, 0), range(2, 9)], true);
    check(&[range(0, 0), range(1, 9)], false);
    check(&[range(3, 2)], false);
}

#[test]
fn the_longest_control_fields_fit() {
    let ranges: Vec<SeqRange> =
        (0..MAX_RANGES as u32).map(|at| range(u32::MAX - 500 + 10 * at, u32::MAX - 495 + 10 * at)).collect();
    let control = Control {
        ack: SessionAck { next: u32::MAX - 600, ranges: ranges.clone() },
        skips: ranges,
        end: Some(EndReason(u8::MAX)),
    };
    assert!(control.is_well_formed());
    assert_eq!(control.to_bytes().len(), 451);
    assert!(control.to_bytes().len() <= MAX_CONTROL_BYTES);
}

#[test]
fn kw_12_the_inner_text_of_a_frame_is_lengths_parts_and_zeros() {
    let inner = Inner { olm: vec![7; MAX_OLM_BYTES], control: examples::control() };
    let bytes = inner.to_bytes().expect("it fits");
    assert_eq!((bytes.len(), Inner::from_bytes(&bytes)), (INNER_BYTES, Ok(inner)));
    assert_eq!(Inner { olm: vec![7; MAX_OLM_BYTES + 1], control: examples::control() }.to_bytes(), None);

    let inner = Inner { olm: vec![7; 3], control: examples::control() };
    let bytes = inner.to_bytes().expect("it fits");
    let change = |at: usize, byte: u8| {
        let mut changed = bytes.clone();
        changed[at] = byte;
        Inner::from_bytes(&changed)
    };
    // A zero at the very end and right after the control fields; each length; more than an Olm message may have.
    let end = 2 + 3 + 2 + examples::control().to_bytes().len();
    for (at, byte) in [(INNER_BYTES - 1, 1), (end, 1), (1, 4), (0, 0xff), (6, 1), (5, 0xff), (0, 0x0e)] {
        assert_eq!(change(at, byte), Err(InnerError), "{at}");
    }
    assert_eq!(Inner::from_bytes(&bytes[1..]), Err(InnerError));
    assert_eq!(Inner::from_bytes(&[bytes.as_slice(), &[0]].concat()), Err(InnerError));
}

#[test]
fn kw_12_control_fields_have_their_room_and_no_more() {
    // The first numbers are one byte wide, so that the length rises by single bytes around the limit.
    let control = |skips: u32, last: u32| {
        let mut skips: Vec<SeqRange> = (0..skips).map(|at| range(70_000 + 2 * at, 70_000 + 2 * at)).collect();
        skips.push(range(last, last));
        Control { ack: SessionAck { next: 0, ranges: vec![] }, skips, end: None }
    };
    let mut lengths = Vec::new();
    for skips in 40..50 {
        for last in [0, 24, 256, 65_536] {
            let control = control(skips, last);
            let length = control.to_bytes().len();
            lengths.push(length);
            let fits = length <= MAX_CONTROL_BYTES;
            assert_eq!(Inner { olm: vec![], control }.to_bytes().is_some(), fits, "{length} bytes");
        }
    }
    assert!(lengths.contains(&MAX_CONTROL_BYTES) && lengths.iter().any(|length| *length > MAX_CONTROL_BYTES + 9));
    assert_eq!((MAX_CONTROL_BYTES, MAX_OLM_BYTES, INNER_BYTES), (512, 3524, 2 + 3524 + 2 + 512));
}

#[test]
fn a_frame_splits_into_nonce_header_and_inner_text() {
    let bytes: [u8; 4096] = std::array::from_fn(|at| if at < 12 { 1 } else { 2 + u8::from(at >= 40) });
    let frame = Frame::new(bytes);
    assert_eq!(frame.split(), Some((&[1; 12], &[2; 28], &[3; 4056][..])));
}

#[test]
fn a_frame_header_is_three_big_endian_numbers() {
    let header = FrameHeader { epoch: 1, seq: 0x0203_0405, base: 0x0607_0809 };
    assert_eq!(header.to_bytes(), [0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(FrameHeader::from_bytes(&header.to_bytes()), header);
}

#[test]
fn kw_13_device_lists_of_all_sizes_have_one_size() {
    for n_devices in 1..=MAX_DEVICES as u8 {
        for n_revoked in 0..=MAX_DEVICES as u8 {
            let mut list = examples::device_list(n_devices, n_revoked);
            for version in [2, 24, 256, 70_000] {
                list.version = version;
                let padded = list.clone().padded().expect("there is room");
                assert_eq!(padded.to_bytes().len(), DEVICE_LIST_BYTES);
                assert!(padded.padding.len() > 257, "{n_devices} {n_revoked}");
                assert!(padded.is_well_formed());
            }
        }
    }
}

#[test]
fn padding_fills_every_gap_that_a_byte_string_can_fill() {
    let mut list = examples::device_list(1, 0);
    let without = {
        list.padding.clear();
        list.to_bytes().len()
    };
    let mut unfilled = Vec::new();
    for value in 1150..DEVICE_LIST_BYTES - without + 40 {
        let mut longer = list.clone();
        longer.ext.insert(1, Extension { importance: Importance::Optional, value: vec![1; value] });
        let missing = DEVICE_LIST_BYTES.checked_sub(longer.to_bytes().len());
        match (missing, longer.padded()) {
            (None, padded) => assert_eq!(padded, None),
            (Some(_), Some(padded)) => assert_eq!(padded.to_bytes().len(), DEVICE_LIST_BYTES),
            (Some(missing), None) => unfilled.push(missing),
        }
    }
    assert!(unfilled.iter().all(|missing| [24, 257].contains(missing)), "{unfilled:?}");
    assert!(!unfilled.is_empty());
}

#[test]
fn kw_17_own_devices_that_contradict_themselves_are_refused() {
    type Change = fn(&mut OwnDevices);
    let changes: [(&str, Change); 8] = [
        ("no device", |list| list.devices.clear()),
        ("nine devices", |list| {
            let device = list.devices[0].clone();
            list.devices = (0..9).map(|at| OwnDevice { id: DeviceId([at; 16]), ..device.clone() }).collect();
        }),
        ("33 revocations", |list| {
            let revocation = list.revoked[0].clone();
            list.revoked = (0..33).map(|at| OwnRevocation { id: DeviceId([at; 16]), ..revocation.clone() }).collect();
        }),
        ("version 0", |list| list.version = 0),
        ("one device twice", |list| list.devices[1].id = list.devices[0].id),
        ("a device that is revoked", |list| list.revoked[0].id = list.devices[0].id),
        ("a name of blanks", |list| list.devices[0].name = "  ".to_owned()),
        ("a name in two lines", |list| list.devices[0].name = "one\ntwo".to_owned()),
    ];
    let list = examples::own_devices(2, 1);
    assert!(list.is_well_formed() && examples::own_devices(8, 32).is_well_formed());
    for (what, change) in changes {
        let mut list = list.clone();
        change(&mut list);
        assert!(!list.is_well_formed(), "{what}");
    }
}

#[test]
fn kw_18_a_rotation_that_contradicts_itself_is_refused() {
    type Change = fn(&mut DeviceRotation);
    let changes: [(&str, Change); 4] = [
        ("number 0", |rotation| rotation.number = 0),
        ("the first one after another", |rotation| rotation.number = 1),
        ("a later one after none", |rotation| rotation.previous = Hash([0; 32])),
        ("the key that was", |rotation| rotation.new = rotation.old),
    ];
    let rotation = examples::device_rotation();
    let first = DeviceRotation { number: 1, previous: Hash([0; 32]), ..rotation.clone() };
    assert!(rotation.is_well_formed() && first.is_well_formed());
    for (what, change) in changes {
        let mut rotation = rotation.clone();
        change(&mut rotation);
        assert!(!rotation.is_well_formed(), "{what}");
    }
}

#[test]
fn two_devices_never_make_lists_of_one_version() {
    for version in [1, 2, 65_535, 65_536, 65_537, 1_000_000] {
        for maker in [0, 1, 2, 0x1234, 0xffff] {
            let next = next_version(version, maker).unwrap();
            assert!((version + 1..=version + 65_536).contains(&next), "{version} {maker}: {next}");
            assert_eq!(next % 65_536, u32::from(maker));
        }
    }
    assert_eq!(next_version(u32::MAX - 1, 0), None);
}

#[test]
fn kw_13_a_device_list_that_contradicts_itself_is_refused() {
    type Change = fn(&mut DeviceList);
    let changes: [(&str, Change); 12] = [
        ("no device", |list| list.devices.clear()),
        ("nine devices", |list| list.devices = (0..9).map(|at| examples::device(at * 20)).collect()),
        ("nine revocations", |list| {
            let revocation = list.revoked[0].clone();
            list.revoked = (0..9)
                .map(|at| kith_wire::devices::Revocation { id: DeviceId([at; 16]), ..revocation.clone() })
                .collect();
        }),
        ("version 0", |list| list.version = 0),
        ("version 1 with a predecessor", |list| list.version = 1),
        ("version 2 without one", |list| list.previous = Hash([0; 32])),
        ("valid for too long", |list| list.not_after = Day(list.issued.0 + DEVICE_LIST_DAYS + 1)),
        ("expired before issued", |list| list.not_after = Day(list.issued.0 - 1)),
        ("added in the future", |list| list.devices[0].added_in = 3),
        ("added in version 0", |list| list.devices[0].added_in = 0),
        ("one device twice", |list| list.devices[1].id = list.devices[0].id),
        ("a device that is revoked", |list| list.revoked[0].id = list.devices[0].id),
    ];
    let list = examples::device_list(2, 1);
    assert!(list.is_well_formed());
    for (what, change) in changes {
        let mut changed = list.clone();
        change(&mut changed);
        assert!(!changed.padded().expect("there is room").is_well_formed(), "{what}");
    }
    let mut changed = list.clone();
    changed.padding[3] = 1;
    assert!(!changed.is_well_formed(), "padding that is not zero");
    let mut changed = list;
    changed.padding.pop();
    assert!(!changed.is_well_formed(), "another size");
}

#[test]
fn kw_14_parts_are_full_but_the_last() {
    let check = |index, count, length: usize, fine: bool| {
        let part = Part { index, count, bytes: vec![1; length], ..examples::part() };
        assert_eq!(part.is_well_formed(), fine, "{index} of {count}, {length} bytes");
    };
    check(0, 1, 1, true);
    check(0, 1, PART_BYTES, true);
    check(0, 2, PART_BYTES, true);
    check(15, MAX_PARTS, 1, true);
    check(0, 1, 0, false);
    check(0, 1, PART_BYTES + 1, false);
    check(0, 2, PART_BYTES - 1, false);
    check(1, 1, 1, false);
    check(1, 1, PART_BYTES, false);
    check(3, 2, PART_BYTES, false);
    check(0, 0, 1, false);
    check(0, MAX_PARTS + 1, PART_BYTES, false);
}

#[test]
fn regression_a_part_with_the_highest_index_does_not_overflow() {
    let part = Part { index: 255, count: 0, bytes: vec![1], ..examples::part() };
    assert!(!part.is_well_formed());
}

#[test]
fn kw_15_a_manifest_names_a_plain_file_of_bounded_size() {
    let check = |change: fn(&mut Manifest), fine: bool| {
        let mut manifest = examples::manifest();
        change(&mut manifest);
        assert_eq!(manifest.is_well_formed(), fine, "{:?} {:?}", manifest.name, manifest.media_type);
    };
    check(|_| (), true);
    check(|manifest| manifest.name = "ä".repeat(127), true);
    check(|manifest| manifest.name = "a".repeat(256), false);
    for name in ["", ".", "..", "../x", "a/b", "a\\b", "a\0b", "a\nb"] {
        let manifest = Manifest { name: name.to_owned(), ..examples::manifest() };
        assert!(!manifest.is_well_formed(), "{name:?}");
    }
    check(|manifest| manifest.media_type = "a".repeat(128), false);
    check(|manifest| manifest.media_type = "a\u{7f}".to_owned(), false);
    check(|manifest| manifest.size = MAX_ATTACHMENT_BYTES, true);
    check(|manifest| manifest.size = MAX_ATTACHMENT_BYTES + 1, false);
}

#[test]
fn kw_15_a_blob_has_the_shape_of_its_padded_size() {
    let shape = |size| BlobShape::of(size).expect("the size is allowed");
    assert_eq!((shape(0).padded_bytes, shape(0).chunks), (1, 1));
    let of_70_000 = shape(70_000);
    assert_eq!((of_70_000.padded_bytes, of_70_000.chunks), (71_680, 2));
    assert_eq!((of_70_000.chunk_bytes(0), of_70_000.chunk_bytes(1)), (Some(CHUNK_BYTES), Some(71_680 - CHUNK_BYTES)));
    assert_eq!((of_70_000.chunk_bytes(2), of_70_000.sealed_bytes()), (None, 71_680 + 32));
    assert!(shape(MAX_ATTACHMENT_BYTES).chunks <= MAX_BLOB_CHUNKS);
    assert_eq!(BlobShape::of(MAX_ATTACHMENT_BYTES + 1), None);
}
