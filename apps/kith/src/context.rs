//! What every command works with: the client, where it speaks, and where relative paths start.

use std::path::{Path, PathBuf};

use kith_client::{Client, Password};
use kith_engine::{Command, CommandError, CommandId, ContactId, ContactView, Reply, Whom};
use kith_wire::id::MessageId;

use crate::failure::Failure;
use crate::output::{Out, Voice};
use crate::secrets::Passwords;

/// What a command works with.
pub(crate) struct Context {
    /// The person's folder, open.
    pub(crate) client: Client,
    /// Where the command speaks.
    pub(crate) out: Out,
    /// The folder in which the command was called, perhaps in another process.
    pub(crate) directory: PathBuf,
    /// What stood on standard input, when the command reads it.
    pub(crate) stdin: Option<String>,
    /// Whether somebody is there who can be asked.
    pub(crate) at_terminal: bool,
    /// The name under which the command is done once, however often it is handed over.
    pub(crate) id: Option<CommandId>,
    /// The folder's password, when the command needs it.
    pub(crate) passwords: Option<Passwords>,
}

impl Context {
    /// Does the one thing that this command is about, unless it was done already.
    pub(crate) fn once(&self, command: Command) -> Result<Reply, CommandError> {
        self.client.command(match self.id {
            Some(id) => Command::Once { id, command: Box::new(command) },
            None => command,
        })
    }

    /// Finds a contact by id or by unique name.
    pub(crate) fn contact(&self, text: &str) -> Result<ContactView, Failure> {
        let all = self.client.ask(|engine| engine.contacts())?;
        find_contact(all, text)
    }

    /// Says whom a card is for: the one contact of that name when it needs a new card, else somebody new.
    pub(crate) fn whom(&self, name: Option<&str>) -> Result<Whom, Failure> {
        if name.is_some_and(crate::show::is_blank) {
            return Err(CommandError::BadName.into());
        }
        let all = self.client.ask(|engine| engine.contacts())?;
        match find_whom(&all, name) {
            Whom::New(Some(name)) if is_id(&name) => Err(Failure::usage(
                format!("{name} is how contacts are numbered, and no name"),
                "choose a name; `kith contacts` shows whom you know, and who needs a new card",
            )),
            whom => Ok(whom),
        }
    }

    /// Returns whoever has a name already, when a card under it would make a second contact of that name.
    pub(crate) fn namesake(&self, name: Option<&str>) -> Result<Option<ContactView>, Failure> {
        let all = self.client.ask(|engine| engine.contacts())?;
        let is_new = matches!(find_whom(&all, name), Whom::New(Some(_)));
        Ok(all.into_iter().filter(|_| is_new).find(|contact| Some(contact.name.as_str()) == name))
    }

    /// Asks a question that yes or no answers. Where only a program is there, nobody is asked.
    pub(crate) async fn consent(&self, question: &str) -> Consent {
        if !self.at_terminal || self.out.voice() == Voice::Json {
            return Consent::Nobody;
        }
        match self.out.ask(&format!("{question} [y/N]")).await {
            Some(answer) if matches!(answer.to_lowercase().as_str(), "y" | "yes") => Consent::Given,
            Some(_) => Consent::Refused,
            None => Consent::Nobody,
        }
    }

    /// Returns the folder's password, for a command that needs it.
    pub(crate) fn password(&self) -> Result<Password, Failure> {
        let Some(passwords) = &self.passwords else {
            return Err(Failure::usage("there is no password", "set KITH_PASSWORD, or use --password-file FILE"));
        };
        passwords.current.password()
    }

    /// Returns the text that was given, or standard input for `-`.
    pub(crate) fn text(&self, given: &str) -> Result<String, Failure> {
        if given != "-" {
            return Ok(given.to_owned());
        }
        let text = self.stdin.clone().ok_or_else(|| {
            Failure::usage(
                "there is nothing on standard input",
                "pipe a text into the command, or write it in place of -",
            )
        })?;
        // The line break that every tool puts at the end is not part of what was meant.
        Ok(text.strip_suffix('\n').map(str::to_owned).unwrap_or(text))
    }

    /// Returns a path as the caller meant it.
    pub(crate) fn path(&self, given: &Path) -> PathBuf {
        self.directory.join(given)
    }
}

/// What a person says to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    /// Yes.
    Given,
    /// Anything else.
    Refused,
    /// Nobody is there to be asked.
    Nobody,
}

/// Writes a contact's id for programs and for the command line.
pub(crate) fn contact_id(id: ContactId) -> String {
    format!("c{}", id.0)
}

/// Reads a message id.
pub(crate) fn message_id(text: &str) -> Result<MessageId, Failure> {
    MessageId::parse(text).ok_or_else(|| {
        Failure::new(
            "unknown_message",
            "this is not the id of a message",
            "`kith log CONTACT --ids` shows the messages with their ids",
        )
    })
}

fn find_whom(all: &[ContactView], name: Option<&str>) -> Whom {
    let Some(name) = name else { return Whom::New(None) };
    let is_meant = |contact: &&ContactView| contact.name == name || contact_id(contact.id) == name;
    let mut meant = all.iter().filter(is_meant);
    match (meant.next(), meant.next()) {
        (Some(contact), None) if contact.needs_card => Whom::Again(contact.id),
        _ => Whom::New(Some(name.to_owned())),
    }
}

/// Whether a name looks like the id of a contact: nobody could tell the two apart.
fn is_id(name: &str) -> bool {
    name.strip_prefix('c')
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}

fn find_contact(all: Vec<ContactView>, text: &str) -> Result<ContactView, Failure> {
    let number = text.strip_prefix('c').and_then(|digits| digits.parse().ok()).map(ContactId);
    if let Some(contact) = all.iter().find(|contact| Some(contact.id) == number) {
        return Ok(contact.clone());
    }
    let exact: Vec<&ContactView> = all.iter().filter(|contact| contact.name == text).collect();
    let wanted = text.to_lowercase();
    let similar = || all.iter().filter(|contact| contact.name.to_lowercase() == wanted).collect();
    let found = if exact.is_empty() { similar() } else { exact };
    match found.as_slice() {
        [contact] => Ok((*contact).clone()),
        [] => Err(Failure::new(
            "unknown_contact",
            format!("you know nobody called {text}"),
            "`kith contacts` shows whom you know",
        )),
        several => {
            let ids: Vec<String> = several.iter().map(|contact| contact_id(contact.id)).collect();
            let message = format!("{} of your contacts are called {text}", ids.len());
            Err(Failure::new("ambiguous_contact", message, format!("say which one: {}", ids.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use kith_engine::{ContactState, Receipts};

    use super::*;

    fn contact(number: u64, name: &str) -> ContactView {
        ContactView {
            id: ContactId(number),
            name: name.into(),
            state: ContactState::Established,
            verified: false,
            pq_since: None,
            unread: 0,
            draft: String::new(),
            disappearing: None,
            receipts: Receipts::Sent,
            picture: None,
            pinned: false,
            muted: false,
            archived: false,
            server: None,
            needs_card: false,
            waiting: 0,
            new_keys: None,
            from_home: None,
            held: None,
            restored: None,
            refused_another: None,
            restoring: None,
        }
    }

    fn found(text: &str) -> Result<u64, String> {
        let all = vec![contact(1, "Bela"), contact(2, "Tom"), contact(3, "Tom"), contact(4, "bela"), contact(5, "c2")];
        find_contact(all, text).map(|contact| contact.id.0).map_err(|failure| failure.code)
    }

    #[test]
    fn contacts_are_found_by_id_and_by_unique_name() {
        assert_eq!(found("c3"), Ok(3));
        assert_eq!(found("Bela"), Ok(1));
        assert_eq!(found("bela"), Ok(4));
        assert_eq!(found("c2"), Ok(2), "an id wins over a name");
    }

    #[test]
    fn a_card_is_for_somebody_new_unless_the_one_of_that_name_needs_it() {
        let ended = |number, name| ContactView { needs_card: true, ..contact(number, name) };
        let all = [ended(1, "Bela"), contact(2, "Tom"), ended(3, "Zoe"), contact(4, "Zoe")];
        let new = |name: &str| Whom::New(Some(name.into()));
        assert_eq!(find_whom(&all, Some("Bela")), Whom::Again(ContactId(1)));
        assert_eq!(find_whom(&all, Some("c1")), Whom::Again(ContactId(1)));
        assert_eq!(find_whom(&all, Some("Tom")), new("Tom"), "the conversation with Tom goes on");
        assert_eq!(find_whom(&all, Some("Zoe")), new("Zoe"), "which one is meant is not clear");
        assert_eq!(find_whom(&all, None), Whom::New(None));
    }

    #[test]
    fn two_of_one_name_are_shown_with_their_ids() {
        let all = [contact(1, "Bela"), contact(2, "Tom"), contact(3, "Tom")];
        let shown = all.each_ref().map(|one| crate::show::name_among(one, &all));
        assert_eq!(shown, ["Bela", "Tom (c2)", "Tom (c3)"]);
    }

    #[test]
    fn names_that_fit_several_or_nobody_are_refused() {
        assert_eq!(found("Tom"), Err("ambiguous_contact".into()));
        assert_eq!(found("BELA"), Err("ambiguous_contact".into()));
        assert_eq!(found("Ana"), Err("unknown_contact".into()));
        assert_eq!(found(""), Err("unknown_contact".into()));
    }

    #[test]
    fn what_looks_like_the_id_of_a_contact_is_no_name() {
        for (name, is_one) in
            [("c1", true), ("c42", true), ("c", false), ("c1a", false), ("Clara", false), ("1", false)]
        {
            assert_eq!(is_id(name), is_one, "{name}");
        }
    }
}
