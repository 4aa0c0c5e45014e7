//! `spec/limits.md` and `kith_wire::limits` say the same.

use std::collections::BTreeMap;

use kith_wire::limits;

const SPEC: &str = include_str!("../../../../spec/limits.md");
const SOURCE: &str = include_str!("../../src/limits.rs");

macro_rules! values {
    ($($name:ident)*) => { [$((stringify!($name), u64::try_from(limits::$name).expect("it is not negative"))),*] };
}

/// Reads the rows ``| `NAME` | 1,234 | …``.
fn rows() -> BTreeMap<&'static str, u64> {
    let rows = SPEC.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    rows.map(|(name, rest)| {
        let digits: String = rest.split('|').next().unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
        (name, digits.parse().unwrap_or_else(|_| panic!("{name} has no number")))
    })
    .collect()
}

#[test]
fn every_limit_has_the_value_that_the_specification_says() {
    let values = values!(
        VERSION SUITE_XWING FRAME_BYTES SEALED_BYTES MAX_SEALED_BYTES MAX_ANSWER_BYTES ANSWER_BYTES CHUNK_BYTES
        SEALED_CHUNK_BYTES MAX_ATTACHMENT_BYTES MAX_BLOB_CHUNKS MAX_KEPT_AT_ONCE MAX_BACKUP_PIECES MAX_URL_BYTES MAX_EXT_ENTRIES MAX_DEVICES MAX_DEVICE_NAME_BYTES DEVICE_LIST_BYTES
        DEVICE_LIST_DAYS PART_BYTES MAX_PARTS MAX_CONTENT_BYTES MAX_SAID_BYTES MAX_PICTURE_BYTES
        SESSION_WINDOW CONTENT_WINDOW
        SIGNATURE_WINDOW_SECONDS MAX_DEPOSIT_HOURS EPOCH_GRACE_SECONDS EPOCH_SLACK_SECONDS RELAY_EXPIRY_SECONDS
        MESSAGE_EXPIRY_SECONDS MAX_READS MAX_ACKS MAX_FETCH
    );
    let expected: BTreeMap<&str, u64> = values.into_iter().collect();
    let in_source = SOURCE.lines().filter(|line| line.starts_with("pub const ")).count();
    assert_eq!(expected.len(), in_source, "a limit is missing in this test");
    assert_eq!(rows(), expected);
}
