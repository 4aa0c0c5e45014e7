//! The contract as the app reads it is the contract as it is written here.

use std::path::Path;

use ts_rs::{Config, TS};

use super::*;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../apps/web/src/lib/worker/contract.ts");
const HEAD: &str = "// Made from crates/kith-web/src/contract by its tests; KITH_WRITE_CONTRACT=1 writes it anew. Not to be edited.\n// Times are milliseconds since 1970.\n";

fn typescript() -> String {
    let config = Config::default();
    let declarations = [
        Request::decl(&config),
        PageAt::decl(&config),
        Reply::decl(&config),
        Failure::decl(&config),
        FailureCode::decl(&config),
        Notice::decl(&config),
        MessageChange::decl(&config),
        ContactTrouble::decl(&config),
        Trouble::decl(&config),
        State::decl(&config),
        Contact::decl(&config),
        ContactState::decl(&config),
        Held::decl(&config),
        LastMessage::decl(&config),
        Card::decl(&config),
        QrCode::decl(&config),
        Page::decl(&config),
        Message::decl(&config),
        MessageState::decl(&config),
        MessageBody::decl(&config),
        Quote::decl(&config),
        Reaction::decl(&config),
        Found::decl(&config),
        Preview::decl(&config),
        Attachment::decl(&config),
        AttachmentState::decl(&config),
        Device::decl(&config),
        DeviceState::decl(&config),
        Progress::decl(&config),
        JoinStep::decl(&config),
        Link::decl(&config),
        LinkWords::decl(&config),
        HistoryWish::decl(&config),
        Shown::decl(&config),
        Metadata::decl(&config),
        Written::decl(&config),
        Restored::decl(&config),
        Restoring::decl(&config),
        Backups::decl(&config),
        HomeBackup::decl(&config),
        FoundAtHome::decl(&config),
        BackupKey::decl(&config),
        Backup::decl(&config),
    ];
    let mut text = HEAD.to_owned();
    for declaration in declarations {
        text.push_str(&format!("\nexport {declaration}\n"));
    }
    // Numbers stay below 2^53, and JSON knows no others.
    text.replace("bigint", "number")
}

#[test]
fn the_app_reads_the_contract_as_it_is() {
    let text = typescript();
    if std::env::var_os("KITH_WRITE_CONTRACT").is_some() {
        std::fs::create_dir_all(Path::new(FILE).parent().unwrap()).unwrap();
        std::fs::write(FILE, &text).unwrap();
    }
    assert!(std::fs::read_to_string(FILE).unwrap() == text, "write it anew with KITH_WRITE_CONTRACT=1");
}

#[test]
fn requests_are_read_as_the_app_writes_them() {
    let text = r#"{"kind":"send","contact":3,"text":"Tea?","replyTo":null,"attachment":null}"#;
    let Ok(Request::Send { contact: 3, text, reply_to: None, attachment: None }) = serde_json::from_str(text) else {
        panic!("not understood");
    };
    assert_eq!(text, "Tea?");
    let text = r#"{"kind":"page","contact":3,"at":{"kind":"newest"},"count":50}"#;
    assert!(matches!(serde_json::from_str(text), Ok(Request::Page { at: PageAt::Newest, .. })));
}

#[test]
fn replies_are_written_as_the_app_reads_them() {
    let qr = QrCode { size: 1, modules: "1".into() };
    let reply = Reply::Digits { groups: vec!["01234".into()], qr, verified: false };
    let written = r#"{"kind":"digits","groups":["01234"],"qr":{"size":1,"modules":"1"},"verified":false}"#;
    assert_eq!(serde_json::to_string(&reply).unwrap(), written);
    assert_eq!(
        serde_json::to_string(&Reply::State { state: State::Locked }).unwrap(),
        r#"{"kind":"state","state":{"kind":"locked"}}"#
    );
}
