//! Validates bytes against one rule of `spec/kith.cddl`, and every file of vectors that way.

use data_encoding::HEXLOWER;
use kith_spec::file::spec_path;
use serde_json::Value;

/// Returns why `bytes` do not match `rule`.
pub(crate) fn validate(rule: &str, bytes: &[u8]) -> Result<(), String> {
    let text = std::fs::read_to_string(spec_path("kith.cddl")).expect("the file is there");
    // The validator starts at the first rule of the text.
    let text = format!("the-root = {rule}\n{text}");
    cddl::validate_cbor_from_slice(&text, bytes, None).map_err(|problem| problem.to_string())
}

/// Finds all maps with `object` and `cbor`, at any depth.
fn objects(value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| objects(item, found)),
        Value::Object(map) => {
            if let (Some(Value::String(rule)), Some(Value::String(bytes))) = (map.get("object"), map.get("cbor")) {
                found.push((rule.clone(), bytes.clone()));
            }
            map.values().for_each(|item| objects(item, found));
        }
        _ => {}
    }
}

#[test]
fn every_object_in_every_file_of_vectors_matches_its_rule() {
    let folder = std::fs::read_dir(spec_path("vectors")).expect("the folder is there");
    let mut found = Vec::new();
    for entry in folder {
        let path = entry.expect("it can be listed").path();
        let text = std::fs::read_to_string(&path).expect("it can be read");
        let file: Value = serde_json::from_str(&text).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()));
        objects(&file, &mut found);
    }
    assert!(found.len() > 90, "{}", found.len());
    for (rule, bytes) in found {
        let bytes = HEXLOWER.decode(bytes.as_bytes()).expect("it is hexadecimal");
        if let Err(problem) = validate(&rule, &bytes) {
            panic!("{rule}: {problem}");
        }
    }
}
