//! Validates bytes against one rule of `spec/kith.cddl`.

use kith_spec::file::spec_path;

/// Returns why `bytes` do not match `rule`.
pub(crate) fn validate(rule: &str, bytes: &[u8]) -> Result<(), String> {
    let text = std::fs::read_to_string(spec_path("kith.cddl")).expect("the file is there");
    // The validator starts at the first rule of the text.
    let text = format!("the-root = {rule}\n{text}");
    cddl::validate_cbor_from_slice(&text, bytes, None).map_err(|problem| problem.to_string())
}
