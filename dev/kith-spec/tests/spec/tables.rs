//! Tables in the prose against the code: longest encodings, labels.

use std::collections::{BTreeMap, BTreeSet};

use kith_crypto::label::Label;
use kith_spec::file::spec_path;
use kith_wire::card::{AnswerCard, Card};
use kith_wire::descriptor::Descriptor;
use kith_wire::devices::DeviceList;
use kith_wire::own::OwnDevices;
use kith_wire::rotation::DeviceRotation;
use kith_wire::signed::Signable;

use crate::examples;

/// Returns first and second column of all rows of which the first is code.
fn rows(file: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(spec_path(file)).expect("the file is there");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    rows.map(|(first, rest)| {
        let second = rest.split(" |").next().unwrap_or_default();
        (first.to_owned(), second.to_owned())
    })
    .collect()
}

#[test]
fn the_longest_encodings_are_those_of_the_table() {
    let expected: BTreeMap<String, usize> =
        examples::all().iter().map(|example| (example.rule.to_owned(), example.max_bytes)).collect();
    let stated: BTreeMap<String, usize> = rows("wire.md")
        .into_iter()
        .map(|(object, bytes)| (object, bytes.replace(',', "").parse().expect("it is a number")))
        .collect();
    assert_eq!(stated, expected);
}

#[test]
fn every_label_is_in_the_table_once() {
    let of_objects = [
        Card::LABEL,
        AnswerCard::LABEL,
        Descriptor::LABEL,
        DeviceList::LABEL,
        OwnDevices::LABEL,
        DeviceRotation::LABEL,
    ];
    let expected: BTreeSet<&str> = Label::REGISTERED.iter().map(|label| label.as_str()).chain(of_objects).collect();
    let rows = rows("crypto.md");
    let stated: Vec<&str> =
        rows.iter().map(|(label, _)| label.as_str()).filter(|label| label.starts_with("kith/")).collect();
    assert_eq!(stated.iter().copied().collect::<BTreeSet<_>>(), expected);
    assert_eq!(stated.len(), expected.len());
}
