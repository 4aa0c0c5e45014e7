//! Links in words: for a new device without a camera and a clipboard, on which the person types twelve words (KE-84).

use std::rc::Rc;

use kith_engine::{Command, ContactId, DeviceState, LinkInWords, Reply as Done};
use kith_vault::{LinkWordsError, link_words, read_link_words};
use kith_wire::address::ServerUrl;
use kith_wire::id::LinkSecret;
use zeroize::Zeroizing;

use crate::contract::{Failure, FailureCode, LinkWords, Reply};
use crate::failures::failure;
use crate::worker::cards::last_moment;
use crate::worker::clock::now;
use crate::worker::devices::of_link;
use crate::worker::gate::{address, described};
use crate::worker::person::Person;

impl Person {
    /// Makes a link, puts it where words lead to, and returns these when it is there (KE-137).
    pub(crate) async fn link_in_words(self: &Rc<Self>, name: String, expires: u32) -> Result<Reply, Failure> {
        let seconds = u64::from(expires.max(1));
        let command = || Command::LinkDevice { name: name.clone(), expires: seconds };
        let Done::Card { contact, offer, .. } = self.with_queue(command).await.map_err(of_link)? else {
            return Err(failure(FailureCode::Internal, "the link was not made"));
        };
        let Done::Words(secret) = self.command(Command::LinkWords { contact, offer })? else {
            return Err(failure(FailureCode::Internal, "the words were not made"));
        };
        self.tell_state();
        self.is_uploaded(contact).await?;
        let words = link_words(secret.expose()).into_iter().map(str::to_owned).collect();
        let server = self.own_server()?.to_string();
        Ok(Reply::LinkWords { link: LinkWords { words, server, expires: last_moment(expires) } })
    }

    /// Waits until the home server has what the words of a link lead to; a link that does not get there in time is taken back.
    async fn is_uploaded(self: &Rc<Self>, contact: ContactId) -> Result<(), Failure> {
        let end = now().plus_seconds(PATIENCE_TO_SHOW_SECONDS);
        while now() < end {
            let links = self.ask(|engine| engine.links_in_words())?;
            match links.into_iter().find(|link| link.contact == contact) {
                Some(LinkInWords { is_there: true, .. }) => return Ok(()),
                Some(_) => self.changed(500).await,
                None => return Err(failure(FailureCode::LinkUsed, "the link was taken back meanwhile")),
            }
        }
        self.command(Command::UnlinkDevice { contact })?;
        self.tell_state();
        Err(failure(FailureCode::Offline, "the home server has not taken the link in time"))
    }

    /// Takes back words that nobody sees any more: their page was left, its tab closed, or this device locked. Before it goes online nobody
    /// can have been met by them.
    pub(crate) fn forget_words(self: &Rc<Self>) -> Result<(), Failure> {
        for link in self.ask(|engine| engine.links_in_words())? {
            self.command(Command::UnlinkDevice { contact: link.contact })?;
        }
        Ok(())
    }

    /// Looks for the link that words stand for, and uses it.
    pub(crate) async fn join_by_words(
        self: &Rc<Self>,
        words: Zeroizing<String>,
        server: Option<&str>,
        name: String,
    ) -> Result<(), Failure> {
        let secret = LinkSecret::new(*read_link_words(&words).map_err(words_failure)?);
        let url = if server.is_some() { address(server)? } else { self.own_server()? };
        let (descriptor, _) = described(&url).await?;
        let command = Command::JoinByWords { url, descriptor, secret, name };
        let Done::Contact(contact) = self.command(command).map_err(of_link)? else {
            return Err(failure(FailureCode::Internal, "nothing is looked for"));
        };
        self.tell_state();
        self.is_found(contact).await
    }

    /// Waits until the home server has answered for the link, but not for ever.
    async fn is_found(self: &Rc<Self>, contact: ContactId) -> Result<(), Failure> {
        let end = now().plus_seconds(PATIENCE_TO_FIND_SECONDS);
        while now() < end {
            let devices = self.ask(|engine| engine.devices())?;
            match devices.into_iter().find(|device| device.contact == Some(contact)).map(|device| device.state) {
                Some(DeviceState::Looking) => self.changed(500).await,
                Some(_) => return Ok(()),
                // The home server has nothing there, or the person has given up meanwhile.
                None => return Err(failure(FailureCode::NoSuchLink, "there is no link under these words")),
            }
        }
        drop(self.command(Command::UnlinkDevice { contact }));
        self.tell_state();
        Err(failure(FailureCode::ServerUnreachable, "the home server of the link has not answered in time"))
    }

    fn own_server(&self) -> Result<ServerUrl, Failure> {
        Ok(self.ask(|engine| engine.status(now()))?.server)
    }
}

fn words_failure(error: LinkWordsError) -> Failure {
    match error {
        LinkWordsError::UnknownWord { typed } => failure(FailureCode::UnknownLinkWord, typed),
        LinkWordsError::WrongCount { found } => failure(FailureCode::LinkWordsCount, found),
        other => failure(FailureCode::BadLinkWords, other),
    }
}

/// How long the home server may take to take a link.
const PATIENCE_TO_SHOW_SECONDS: u64 = 30;
/// How long the home server of the other device may take to say whether there is a link under the words.
const PATIENCE_TO_FIND_SECONDS: u64 = 60;
