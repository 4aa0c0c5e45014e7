//! `spec/vectors/backup.json`: a recovery phrase, and a small backup file, made again and compared.

use kith_crypto::password::Params;
use kith_spec::file::{check, hex};
use kith_spec::stream::SeededStream;
use serde_json::json;

use super::head::{HEAD_LEN, Head};
use super::segment::{Kind, Place};
use crate::{Password, Phrase};

#[test]
fn the_phrase_and_the_file_are_those_of_the_vectors() {
    let seed = [1; 32];
    let mut stream = SeededStream::new("kith/vectors/backup");
    let params = Params::new(19 * 1024, 2, 1).unwrap();
    let password = Password::new("correct horse".to_owned()).unwrap();
    let (head, opened) = Head::seal(&seed, &password, params, &mut stream).unwrap();
    let mut place = Place::FIRST;
    let mut segment = |content: &[u8], kind| place.seal(&opened.secret, content, kind, &mut stream).unwrap();
    let (first, last) = (segment(b"first", Kind::Middle), segment(b"last", Kind::Last));
    let file = json!({
        "about": "Byte strings are in hexadecimal. Keys are patterns such as 32 bytes of 01: nobody uses them. What is in the two \
                  segments is no backup-item, so that everybody sees what it is.",
        "phrase": { "user_key": hex(seed), "words": Phrase::of_seed(&seed).words().join(" ") },
        "file": {
            "user_key": hex(seed), "password": "correct horse", "stream": "kith/vectors/backup",
            "memory_kib": 19 * 1024, "passes": 2, "lanes": 1, "head_bytes": HEAD_LEN,
            "head": hex(head.encode()),
            "segments": [
                { "content": hex(b"first"), "kind": 0, "bytes": hex(first) },
                { "content": hex(b"last"), "kind": 1, "bytes": hex(last) },
            ],
        },
    });
    check("backup.json", &file).unwrap_or_else(|problem| panic!("{problem}"));
}
