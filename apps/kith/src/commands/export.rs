//! `kith export`: everything in a readable file.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::context::{Context, contact_id};
use crate::failure::Failure;
use crate::{files, show, times};

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The file; it must not exist. It holds one JSON object a line: contacts, each followed by its messages
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Yes, without encryption: everybody who gets the file can read it
    #[arg(long, required = true)]
    pub(crate) plain: bool,
}

pub(crate) fn run(args: &Export, context: &Context) -> Result<(), Failure> {
    let path = context.path(&args.file);
    files::refuse_early(&path)?;
    let mut bytes = Vec::new();
    let mut n_messages: u64 = 0;
    let mut put = |object: &Value| writeln!(bytes, "{object}");
    let failed = |error: std::io::Error| Failure::file("written", &path, &error);
    for conversation in context.client.ask(|engine| engine.export())? {
        let contact = &conversation.contact;
        put(&show::contact_object(contact, times::now())).map_err(failed)?;
        for message in &conversation.messages {
            let mut object = show::message_object(message);
            object.insert("contact".into(), json!(contact_id(contact.id)));
            put(&Value::Object(object)).map_err(failed)?;
            n_messages = n_messages.saturating_add(1);
        }
    }
    files::write_new(&path, &bytes)?;
    let shown = path.display().to_string();
    context.out.data(&json!({"file": shown, "messages": n_messages}), || {
        format!("{shown} has {n_messages} messages in it, readable by everybody who gets it.")
    });
    Ok(())
}
