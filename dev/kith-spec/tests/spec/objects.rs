//! `spec/vectors/objects.json`: one or more encodings of every object of `kith.cddl`. That they match their rules is
//! shown where all files of vectors are.

use kith_spec::file::{check, hex};
use serde_json::{Value, json};

use crate::{cddl_check, examples};

#[test]
fn the_examples_of_objects_are_those_in_the_file() {
    let objects: Vec<Value> = examples::all()
        .iter()
        .map(|example| json!({ "object": example.rule, "note": example.note, "cbor": hex(&example.bytes) }))
        .collect();
    let file = json!({
        "about": "Encodings of every object of kith.cddl. Keys and signatures in here are patterns, not valid ones.",
        "objects": objects,
    });
    check("objects.json", &file).unwrap_or_else(|problem| panic!("{problem}"));
}

#[test]
fn every_example_decodes_to_itself() {
    for example in examples::all() {
        assert!(example.bytes.len() <= example.max_bytes);
        assert_eq!((example.again)(&example.bytes).as_ref(), Ok(&example.bytes), "{}", example.note);
    }
}

#[test]
fn every_object_of_the_cddl_has_an_example() {
    let text = std::fs::read_to_string(kith_spec::file::spec_path("kith.cddl")).expect("the file is there");
    let start = text.find("kith-object = ").expect("the list of objects is there") + "kith-object = ".len();
    let list = text[start..].split("\n\n").next().expect("it ends");
    let rules = examples::all().iter().map(|example| example.rule).collect::<Vec<_>>();
    for object in list.split('/').map(str::trim) {
        assert!(rules.contains(&object), "{object} has no example");
    }
}

#[test]
fn the_cddl_refuses_what_is_something_else() {
    // Were the validation a formality, these would pass.
    for (rule, example) in [("card", "answer-card"), ("operation", "answer-proof"), ("request", "content")] {
        let other = examples::all().into_iter().find(|found| found.rule == example).expect("there is one");
        assert!(cddl_check::validate(rule, &other.bytes).is_err(), "{example} passes as {rule}");
    }
    let short_key = [0x82, 0x0d, 0x41, 0x00];
    assert!(cddl_check::validate("operation", &short_key).is_err());
}
