//! What an open person is asked, one question after the other. Each is a call of the engine and its words for the app.

use std::rc::Rc;

use data_encoding::BASE64;
use kith_engine::{
    AttachmentId, Command, Connection, ContactId, LogQuery, MessageView, QueryError, Receipts, Shown, Window, WindowAt,
};
use kith_wire::id::MessageId;
use web_sys::Blob;

use crate::contract::{self, Failure, FailureCode, MessageChange, Notice, Page, PageAt, Reply, Request};
use crate::convert;
use crate::failures::failure;
use crate::qr;
use crate::worker::Answer;
use crate::worker::clock::rng;
use crate::worker::devices;
use crate::worker::gate::{checked, wiped};
use crate::worker::person::Person;

impl Person {
    /// Answers one request.
    pub(crate) async fn answer(self: &Rc<Self>, request: Request, file: Option<Blob>) -> Result<Answer, Failure> {
        Ok(match request {
            Request::NewCard { name, again, expires } => self.new_card(name, again, expires).await?.into(),
            Request::AcceptCard { link, name, again } => self.accept_card(&wiped(link), name, again).await?.into(),
            Request::Attach { name, media_type, metadata } => {
                let file =
                    file.ok_or_else(|| failure(FailureCode::BadRequest, "there is no file beside the request"))?;
                self.attach(name, media_type, metadata, &file).await?.into()
            }
            Request::AttachmentChunk { attachment, index } => self.chunk(AttachmentId(attachment), index)?,
            Request::BackUp { password } => self.back_up(password, file).await?,
            request @ (Request::SetHomeBackup { .. }
            | Request::BackUpHome { .. }
            | Request::RemoveHomeBackups { .. }) => self.answer_about_home(request).await?.into(),
            request @ (Request::AskToJoin { .. }
            | Request::LinkDevice { .. }
            | Request::JoinDevice { .. }
            | Request::JoinByWords { .. }
            | Request::LinkInWords { .. }
            | Request::AnswerNewDevice { .. }
            | Request::ConfirmCode
            | Request::WithdrawLink
            | Request::WithdrawWords
            | Request::WelcomeDevice { .. }
            | Request::RenameDevice { .. }
            | Request::RevokeDevice { .. }
            | Request::NameDevice { .. }) => self.answer_about_devices(request).await?.into(),
            other => self.answer_at_once(other)?.into(),
        })
    }

    fn answer_at_once(self: &Rc<Self>, request: Request) -> Result<Reply, Failure> {
        match request {
            Request::Contacts => self.contacts(),
            Request::Contact { contact } => Ok(Reply::Contact { contact: self.contact(ContactId(contact))? }),
            Request::Picture { contact } => {
                let picture = self.ask(|engine| engine.picture(ContactId(contact)))?;
                Ok(Reply::Picture { picture: picture.map(|bytes| BASE64.encode(&bytes)) })
            }
            Request::Digits { contact } => self.digits(ContactId(contact)),
            Request::Page { contact, at, count } => self.page(ContactId(contact), &at, count),
            Request::Files { contact, position, count } => self.files(ContactId(contact), position, count),
            Request::Message { contact, message } => self.message(ContactId(contact), message_id(&message)?),
            Request::Search { contact, words, count } => self.search(contact.map(ContactId), words, count),
            Request::Devices => Ok(devices::shown(self.ask(|engine| engine.devices())?)),
            Request::Backups => self.backups(),
            Request::Phrase { password } => self.phrase(password),
            Request::PhraseChecked => self.phrase_checked(),
            Request::BackupKept => self.backup_kept(),
            Request::CheckPassword { password } => {
                self.keeper.borrow().prove(&checked(password)?)?;
                Ok(Reply::Done)
            }
            Request::ChangePassword { old, new } => self.change_password(old, new),
            Request::Send { contact, text, reply_to, attachment } => {
                let (contact, attachment) = (ContactId(contact), attachment.map(AttachmentId));
                let reply_to = reply_to.as_deref().map(message_id).transpose()?;
                self.write(contact, Command::Send { contact, text, reply_to, attachment }, MessageChange::Written)
            }
            Request::Edit { contact, message, text } => {
                let (contact, message) = (ContactId(contact), message_id(&message)?);
                self.change(contact, message, Command::Edit { contact, message, text }, MessageChange::Edited)
            }
            Request::Delete { contact, message } => {
                let (contact, message) = (ContactId(contact), message_id(&message)?);
                self.change(contact, message, Command::Delete { contact, message }, MessageChange::Deleted)
            }
            Request::React { contact, message, emoji } => {
                let (contact, message) = (ContactId(contact), message_id(&message)?);
                self.change(contact, message, Command::React { contact, message, emoji }, MessageChange::Reacted)
            }
            other => self.settle(other),
        }
    }

    /// Does what needs no other answer than that it is done.
    fn settle(self: &Rc<Self>, request: Request) -> Result<Reply, Failure> {
        let (contact, command) = match request {
            Request::CompareDigits { contact, read } => {
                (Some(contact), Command::CompareDigits { contact: ContactId(contact), read })
            }
            Request::ConfirmVerified { contact } => {
                (Some(contact), Command::ConfirmVerified { contact: ContactId(contact) })
            }
            Request::Rename { contact, name } => {
                (Some(contact), Command::Rename { contact: ContactId(contact), name: name.trim().to_owned() })
            }
            Request::Block { contact, blocked: true } => {
                (Some(contact), Command::Block { contact: ContactId(contact) })
            }
            Request::Block { contact, .. } => (Some(contact), Command::Unblock { contact: ContactId(contact) }),
            Request::Forget { contact } => (Some(contact), Command::Forget { contact: ContactId(contact) }),
            Request::SetDisappearing { contact, seconds } => {
                (Some(contact), Command::SetDisappearing { contact: ContactId(contact), seconds })
            }
            Request::SetReceipts { contact, sent } => {
                let receipts = if sent { Receipts::Sent } else { Receipts::Withheld };
                (Some(contact), Command::SetReadReceipts { contact: ContactId(contact), receipts })
            }
            Request::SetShown { contact, shown, on } => {
                let shown = match shown {
                    contract::Shown::Pinned => Shown::Pinned,
                    contract::Shown::Muted => Shown::Muted,
                    contract::Shown::Archived => Shown::Archived,
                };
                (Some(contact), Command::SetShown { contact: ContactId(contact), shown, on })
            }
            Request::SetPicture { contact, picture } => {
                let picture = picture.as_deref().map(decoded).transpose()?;
                (Some(contact), Command::SetPicture { contact: ContactId(contact), picture })
            }
            Request::Rotate { contact } => (Some(contact), Command::Rotate { contact: ContactId(contact) }),
            Request::MarkRead { contact } => (Some(contact), Command::MarkRead { contact: ContactId(contact) }),
            Request::SaveDraft { contact, text } => (None, Command::SaveDraft { contact: ContactId(contact), text }),
            Request::FetchAttachment { attachment } => {
                (None, Command::FetchAttachment { attachment: AttachmentId(attachment) })
            }
            Request::PauseAttachment { attachment } => {
                (None, Command::PauseAttachment { attachment: AttachmentId(attachment) })
            }
            Request::SetKeyRotation { hours } => (None, Command::SetKeyRotation { hours }),
            Request::Connect { wanted: true } => (None, Command::Connect(Connection::Wanted)),
            Request::Connect { .. } => (None, Command::Connect(Connection::Unwanted)),
            _ => return Err(failure(FailureCode::BadRequest, "this is asked of nobody who is open")),
        };
        self.command(command)?;
        if let Some(contact) = contact {
            self.teller.tell(&Notice::Contact { contact });
        }
        self.tell_state();
        Ok(Reply::Done)
    }

    fn contacts(&self) -> Result<Reply, Failure> {
        let views = self.ask(|engine| engine.contacts())?;
        let mut contacts: Vec<contract::Contact> =
            views.into_iter().map(|view| self.with_newest(view)).collect::<Result<_, Failure>>()?;
        // Those without a message come first: somebody has just been met.
        contacts.sort_by_key(|contact| std::cmp::Reverse(contact.last.as_ref().map_or(u64::MAX, |last| last.sent)));
        Ok(Reply::Contacts { contacts })
    }

    fn contact(&self, contact: ContactId) -> Result<contract::Contact, Failure> {
        self.with_newest(self.ask(|engine| engine.contact(contact))?)
    }

    fn with_newest(&self, view: kith_engine::ContactView) -> Result<contract::Contact, Failure> {
        // What waits to be read is told first, also when the person wrote at the same time.
        let newest = self.ask(|engine| match engine.newest_unseen(view.id)?.or(engine.newest(view.id)?) {
            Some(message) => engine.message(view.id, message).map(Some),
            None => Ok(None),
        })?;
        Ok(convert::contact(view, newest.as_ref()))
    }

    fn digits(&self, contact: ContactId) -> Result<Reply, Failure> {
        let digits: String = self.ask(|engine| engine.digits(contact))?.chars().filter(char::is_ascii_digit).collect();
        let groups = digits.as_bytes().chunks(5).map(|group| String::from_utf8_lossy(group).into_owned()).collect();
        let qr = qr::of_text(self.ask(|engine| engine.digits_code(contact))?);
        let qr = qr.ok_or_else(|| failure(FailureCode::Internal, "the digits do not fit into a code"))?;
        Ok(Reply::Digits { groups, qr, verified: self.ask(|engine| engine.contact(contact))?.verified })
    }

    fn page(&self, contact: ContactId, at: &PageAt, count: u32) -> Result<Reply, Failure> {
        let at = match at {
            PageAt::Newest => WindowAt::Newest,
            PageAt::Position { position } => WindowAt::Position(u64::from(*position)),
            PageAt::Around { message } => WindowAt::Around(message_id(message)?),
            PageAt::Unseen => WindowAt::Unseen,
        };
        let window = self.ask(|engine| engine.window(contact, at, count))?;
        Ok(self.page_of(contact, window))
    }

    fn files(&self, contact: ContactId, position: u32, count: u32) -> Result<Reply, Failure> {
        let window = self.ask(|engine| engine.files(contact, u64::from(position), count))?;
        Ok(self.page_of(contact, window))
    }

    fn page_of(&self, contact: ContactId, window: Window) -> Reply {
        let page = Page {
            total: u32::try_from(window.total).unwrap_or(u32::MAX),
            position: u32::try_from(window.position).unwrap_or(u32::MAX),
            messages: window.messages.into_iter().map(|view| self.shown(contact, view)).collect(),
        };
        Reply::Page { page }
    }

    pub(crate) fn message(&self, contact: ContactId, message: MessageId) -> Result<Reply, Failure> {
        let view = self.ask(|engine| engine.message(contact, message))?;
        Ok(Reply::Message { message: self.shown(contact, view) })
    }

    fn shown(&self, contact: ContactId, view: MessageView) -> contract::Message {
        let answered = view.reply_to.and_then(|id| self.ask(|engine| engine.message(contact, id)).ok());
        convert::message(view, answered.as_ref())
    }

    fn search(&self, contact: Option<ContactId>, words: String, count: u32) -> Result<Reply, Failure> {
        let count = count.clamp(1, kith_engine::MAX_WINDOW);
        let views: Vec<(ContactId, MessageView)> = match contact {
            Some(contact) => {
                let query = LogQuery { limit: Some(count), search: Some(words), before: None };
                let found = self.ask(|engine| engine.log(contact, &query))?;
                found.into_iter().rev().map(|view| (contact, view)).collect()
            }
            None => self.ask(|engine| {
                let found = engine.search(&words, count)?.into_iter();
                found
                    .map(|(contact, id)| Ok((contact, engine.message(contact, id)?)))
                    .collect::<Result<_, QueryError>>()
            })?,
        };
        let found = views
            .into_iter()
            .map(|(contact, view)| contract::Found { contact: contact.0, message: self.shown(contact, view) });
        Ok(Reply::Found { found: found.collect() })
    }

    fn change_password(&self, old: String, new: String) -> Result<Reply, Failure> {
        let (old, new) = (checked(old)?, checked(new)?);
        self.keeper.borrow_mut().change_password(&old, &new, &mut rng())?;
        Ok(Reply::Done)
    }

    /// Writes a message, and shows it as it was stored.
    fn write(self: &Rc<Self>, contact: ContactId, command: Command, change: MessageChange) -> Result<Reply, Failure> {
        match self.command(command)? {
            kith_engine::Reply::Message(message) => self.changed_message(contact, message, change),
            _ => Err(failure(FailureCode::Internal, "the message was not stored")),
        }
    }

    /// Changes a message, and shows it as it is then.
    fn change(
        self: &Rc<Self>,
        contact: ContactId,
        message: MessageId,
        command: Command,
        change: MessageChange,
    ) -> Result<Reply, Failure> {
        self.command(command)?;
        self.changed_message(contact, message, change)
    }

    fn changed_message(&self, contact: ContactId, message: MessageId, change: MessageChange) -> Result<Reply, Failure> {
        self.teller.tell(&Notice::Message { contact: contact.0, message: message.to_string(), change });
        self.message(contact, message)
    }
}

/// The bytes of a picture that came in base64.
fn decoded(picture: &str) -> Result<Vec<u8>, Failure> {
    BASE64.decode(picture.as_bytes()).map_err(|_| failure(FailureCode::BadPicture, "this is no base64"))
}

fn message_id(text: &str) -> Result<MessageId, Failure> {
    MessageId::parse(text).ok_or_else(|| failure(FailureCode::UnknownMessage, "this is not the name of a message"))
}
