//! The person's devices: links in both ways, welcoming one, and what needs the password.
//!
//! A device that joins keeps the password that it was made or opened with until the person's secret has come and their
//! contacts are told: both need it, and nobody wants to type it three times.

use std::rc::Rc;

use kith_crypto::hash::hash_signed;
use kith_crypto::user::UserSecret;
use kith_engine::{
    Command, CommandError, CommandId, ContactId, DeviceError, DeviceState, DeviceView, HistoryWish, Reply as Done,
};
use kith_session::CardError;
use kith_vault::Password;
use kith_wire::card::{CardOffer, CardPurpose};
use kith_wire::devices::RevocationReason;
use kith_wire::id::DeviceId;
use kith_wire::link::card_to_link;

use crate::contract::{self, Failure, FailureCode, JoinStep, Link, Reply, Request};
use crate::convert;
use crate::failures::failure;
use crate::qr;
use crate::worker::cards::{last_moment, offer_in};
use crate::worker::clock::{now, rng};
use crate::worker::gate::{checked, wiped};
use crate::worker::person::Person;

impl Person {
    /// Answers what is asked about devices.
    pub(crate) async fn answer_about_devices(self: &Rc<Self>, request: Request) -> Result<Reply, Failure> {
        match request {
            Request::AskToJoin { device_name: name, expires } => {
                let seconds = u64::from(expires.max(1));
                let command = || Command::AskToJoin { name: name.clone(), expires: seconds };
                return self.link(command, expires).await;
            }
            Request::LinkDevice { device_name: name, expires } => {
                let seconds = u64::from(expires.max(1));
                let command = || Command::LinkDevice { name: name.clone(), expires: seconds };
                return self.link(command, expires).await;
            }
            Request::JoinDevice { link, device_name: name } => {
                let offer = device_link(&link)?;
                let command = || Command::JoinDevice { offer: Box::new(offer.clone()), name: name.clone() };
                self.use_link(&offer, command).await?;
            }
            Request::AnswerNewDevice { link, device_name: name } => {
                let offer = device_link(&link)?;
                let command = || Command::AnswerNewDevice { offer: Box::new(offer.clone()), name: name.clone() };
                self.use_link(&offer, command).await?;
            }
            Request::LinkInWords { device_name, expires } => return self.link_in_words(device_name, expires).await,
            Request::JoinByWords { words, server, device_name } => {
                self.join_by_words(wiped(words), server.as_deref(), device_name).await?;
            }
            Request::ConfirmCode => {
                for contact in self.open_links()? {
                    self.command(Command::ConfirmCode { contact })?;
                }
            }
            Request::WithdrawLink => {
                for contact in self.open_links()? {
                    self.command(Command::UnlinkDevice { contact })?;
                }
            }
            Request::WithdrawWords => self.forget_words()?,
            Request::WelcomeDevice { device, password, history } => {
                let user = self.user(&checked(password)?)?;
                let wish = match history {
                    contract::HistoryWish::None => HistoryWish::None,
                    contract::HistoryWish::Days { days } => HistoryWish::Days(days),
                    contract::HistoryWish::All => HistoryWish::All,
                };
                self.change_devices(|engine| engine.welcome_device(&user, ContactId(device), wish, now(), &mut rng()))?;
            }
            Request::RenameDevice { device, password, name } => {
                let (user, device) = (self.user(&checked(password)?)?, device_id(&device)?);
                self.change_devices(|engine| engine.rename_device(&user, device, name.trim(), now(), &mut rng()))?;
            }
            Request::RevokeDevice { device, password, lost } => {
                let (user, device) = (self.user(&checked(password)?)?, device_id(&device)?);
                let reason = if lost { RevocationReason::Compromised } else { RevocationReason::Retired };
                self.change_devices(|engine| engine.revoke_device(&user, device, reason, now(), &mut rng()))?;
            }
            Request::NameDevice { password } => {
                let user = self.user(&checked(password)?)?;
                self.sign_lists(&user)?;
            }
            _ => return Err(failure(FailureCode::BadRequest, "this is not about devices")),
        }
        self.tell_state();
        Ok(Reply::Done)
    }

    /// Opens the person's secret, as slowly as opening the storage does.
    pub(crate) fn user(&self, password: &Password) -> Result<UserSecret, Failure> {
        let seed = self.keeper.borrow().user_seed(password)?;
        Ok(UserSecret::from_seed(*seed))
    }

    /// Signs what only the password can sign: the lists that name this device to the contacts.
    pub(crate) fn sign_lists(self: &Rc<Self>, user: &UserSecret) -> Result<(), Failure> {
        let signed = self.engine.borrow_mut().refresh_device_lists(user, now(), &mut rng());
        signed.map_err(|error| failure(FailureCode::Storage, crate::failures::chain(&error)))?;
        self.turn();
        Ok(())
    }

    /// Returns how far this device is with becoming another one of a person; nothing when it is not about to. A person who
    /// was begun here has a name.
    pub(crate) fn joining(&self) -> Result<Option<JoinStep>, Failure> {
        let status = self.ask(|engine| engine.status(now()))?;
        if status.name.is_some() || status.contacts > 0 {
            return Ok(None);
        }
        let devices = self.ask(|engine| engine.devices())?;
        if devices.iter().any(|device| device.is_this && device.since.is_some()) {
            return Ok(None);
        }
        let step = devices.into_iter().find(is_open).map_or(JoinStep::Idle, |device| match device.state {
            DeviceState::Compare { code, asks } => JoinStep::Compare { code, asks },
            DeviceState::Looking => JoinStep::Looking,
            _ => JoinStep::Waiting,
        });
        Ok(Some(step))
    }

    /// Goes on with joining when something was heard of devices: takes over the person's secret, and when all contacts are
    /// told names this device to them. Then the password is forgotten.
    pub(crate) fn go_on_joining(self: &Rc<Self>) {
        let Some(password) = self.password.take() else { return };
        match self.try_joining(&password) {
            Ok(true) => {}
            Ok(false) => *self.password.borrow_mut() = Some(password),
            Err(failure) => {
                *self.password.borrow_mut() = Some(password);
                self.teller.tell(&contract::Notice::StorageTrouble { detail: failure.detail });
            }
        }
    }

    /// Returns whether the password is not needed any more.
    pub(crate) fn try_joining(self: &Rc<Self>, password: &Password) -> Result<bool, Failure> {
        self.adopt(password)?;
        if self.joining()?.is_some() {
            return Ok(false);
        }
        let devices = self.ask(|engine| engine.devices())?;
        if devices.iter().filter_map(|device| device.contacts).any(|(told, total)| told < total) {
            return Ok(false);
        }
        let user = self.user(password)?;
        self.sign_lists(&user)?;
        Ok(true)
    }

    /// Makes the person's secret that came with a welcome the storage's own.
    fn adopt(self: &Rc<Self>, password: &Password) -> Result<(), Failure> {
        let storage = |error: &dyn std::error::Error| failure(FailureCode::Storage, crate::failures::chain(error));
        if !self.ask(|engine| engine.has_user_seed_to_adopt()).map_err(|error| storage(&error))? {
            return Ok(());
        }
        let own = self.user(password)?;
        // One that does not open, or is not that of the person who signed the list of devices, makes nobody of this device.
        let seed = self.ask(|engine| engine.user_seed_to_adopt(&own)).map_err(|error| storage(&error))?;
        let Some(seed) = seed else { return Ok(()) };
        // The engine forgets it when the storage has it, and not before: after a crash between the two it is adopted again.
        let adopted = self.keeper.borrow_mut().adopt_user_seed(password, seed.expose(), &mut rng());
        adopted.map_err(|error| storage(&error))?;
        let user = UserSecret::from_seed(*seed.expose());
        let told = self.engine.borrow_mut().user_adopted(&user, now(), &mut rng());
        told.map_err(|error| storage(&error))?;
        self.turn();
        Ok(())
    }

    /// Makes a link, and puts what has no room in its code at the home server.
    async fn link(self: &Rc<Self>, command: impl Fn() -> Command, expires: u32) -> Result<Reply, Failure> {
        let Done::Card { contact, offer, .. } = self.with_queue(command).await.map_err(of_link)? else {
            return Err(failure(FailureCode::Internal, "the link was not made"));
        };
        self.command(Command::CardPublish { contact })?;
        let qr = qr::of_card(&offer).ok_or_else(|| failure(FailureCode::Internal, "the link fits into no code"))?;
        self.tell_state();
        Ok(Reply::Link { link: Link { link: card_to_link(&offer), qr, expires: last_moment(expires) } })
    }

    /// Uses a link, once: said again after a reload, it goes on with what was begun.
    async fn use_link(self: &Rc<Self>, offer: &CardOffer, command: impl Fn() -> Command) -> Result<(), Failure> {
        let id = CommandId(*hash_signed(&offer.card).0.first_chunk().unwrap_or(&[0; 16]));
        let once = || Command::Once { id, command: Box::new(command()) };
        let used = match self.with_queue(once).await.map_err(of_link)? {
            Done::Contact(contact) => Some(contact),
            _ => None,
        };
        let devices = self.ask(|engine| engine.devices())?;
        if devices.iter().any(|device| used.is_some() && device.contact == used) {
            return Ok(());
        }
        Err(failure(FailureCode::LinkUsed, "this link was used before, and taken back"))
    }

    /// Returns the links by which nobody was welcomed yet.
    fn open_links(&self) -> Result<Vec<ContactId>, Failure> {
        let devices = self.ask(|engine| engine.devices())?;
        Ok(devices.into_iter().filter(is_open).filter_map(|device| device.contact).collect())
    }

    fn change_devices(
        self: &Rc<Self>,
        change: impl FnOnce(&mut kith_engine::Engine) -> Result<(), DeviceError>,
    ) -> Result<(), Failure> {
        change(&mut self.engine.borrow_mut())?;
        self.turn();
        Ok(())
    }
}

/// Returns the person's devices in the words of the contract.
pub(crate) fn shown(devices: Vec<DeviceView>) -> Reply {
    Reply::Devices { devices: devices.into_iter().map(convert::device).collect() }
}

fn is_open(device: &DeviceView) -> bool {
    matches!(device.state, DeviceState::Waiting | DeviceState::Looking | DeviceState::Compare { .. })
}

fn device_id(text: &str) -> Result<DeviceId, Failure> {
    DeviceId::parse(text).ok_or_else(|| failure(FailureCode::UnknownDevice, "this is not the name of a device"))
}

fn device_link(text: &str) -> Result<CardOffer, Failure> {
    let text = wiped(text.to_owned());
    offer_in(&text).map_err(|detail| failure(FailureCode::BadLink, detail))
}

/// What is said of a card that is to link a device, in the words of links.
pub(crate) fn of_link(error: CommandError) -> Failure {
    let code = match &error {
        CommandError::Card(CardError::OtherPurpose(Some(CardPurpose::Link))) | CommandError::OwnCard => {
            FailureCode::LinkForNew
        }
        CommandError::Card(CardError::OtherPurpose(Some(CardPurpose::Join))) => FailureCode::LinkForOld,
        CommandError::Card(CardError::OtherPurpose(Some(CardPurpose::Contact))) => FailureCode::LinkIsCard,
        CommandError::Card(CardError::Expired { .. }) => FailureCode::LinkExpired,
        CommandError::Card(CardError::Unsupported { .. } | CardError::UnknownExtension(_)) => FailureCode::NewerVersion,
        CommandError::Card(_) => FailureCode::BadLink,
        CommandError::AlreadyAnswered => FailureCode::LinkUsed,
        CommandError::BadName => FailureCode::BadDeviceName,
        _ => return error.into(),
    };
    failure(code, error)
}
