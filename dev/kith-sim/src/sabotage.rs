//! Deliberate bugs, to show that the checker bites. Most spoil a device's database or its promises from outside, and nothing
//! in the product knows of them. Those inside stand behind the feature `sabotage` of their crates.

use clap::ValueEnum;
use kith_engine::sabotage::Bug as EngineBug;
use kith_home::sabotage::Bug as HomeBug;
use kith_session::sabotage::Bug as SessionBug;
use rusqlite::Connection;

use crate::promise::Promise;

/// A deliberate bug, on every device of a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Sabotage {
    /// What was committed is gone after a crash, though it was sent and acknowledged.
    CommitsAreLost,
    /// The state of a session is not stored.
    SessionsAreNotStored,
    /// A message is added twice.
    MessagesComeTwice,
    /// A message is not added now and then.
    MessagesVanish,
    /// A text is another one than was written.
    TextsChange,
    /// An early frame is not kept.
    EarlyFramesAreLost,
    /// A later part of a long message is not kept.
    PartsAreLost,
    /// A frame is deposited once and never again.
    NothingIsTriedAgain,
    /// An edit is not carried out by who receives it.
    EditsAreLost,
    /// A deletion is not carried out by who receives it.
    DeletionsAreLost,
    /// A reaction is not carried out by who receives it.
    ReactionsAreLost,
    /// Messages are not shown in order.
    OrderIsLost,
    /// Messages that expired are not reported.
    ExpiryIsSilent,
    /// Messages that should disappear stay.
    NothingDisappears,
    /// A name is sent over the network.
    NamesLeak,
    /// Inside sessions: the newest frame opens a second time.
    ReplaysOpen,
    /// Inside sessions: the key of the last frame that was overtaken is not kept.
    LateKeysAreLost,
    /// Inside sessions: the keys of an epoch are erased although frames of it are missing.
    EpochsEndEarly,
    /// Inside sessions: an acknowledgement names one frame more than came.
    AcksNameTooMuch,
    /// Inside the engine: what came is acknowledged before it is committed.
    AcksBeforeCommit,
    /// Inside the engine: what is to be sent goes out before the state that it came from is committed.
    SendsBeforeCommit,
    /// Inside servers and sessions: a deposit is stored as often as it comes, and a frame opens again.
    NothingIsDeduplicated,
    /// Inside servers: what a batch answers leaves although its commit failed.
    AnswersBeforeCommit,
    /// Inside servers: connections whose end was to be told with a batch that was lost are never closed.
    ClosesAreForgotten,
    /// All queues of a person have one capability.
    CapabilitiesAreShared,
    /// What a server accepted counts as delivered.
    TicksComeEarly,
    /// What was delivered does not count as such.
    TicksAreLost,
    /// Messages are given up a day after they were written.
    GivesUpEarly,
    /// Inside sessions: the keys of frames that were opened are kept.
    UsedKeysStay,
    /// Inside sessions: frames that only acknowledge are acknowledged.
    AcksAreAcked,
    /// Inside sessions: a frame that comes a second time is thought impossible.
    CopiesPanic,
    /// Inside sessions: a frame that only acknowledges and is lost is neither sent again nor asked for.
    LostAcksStayLost,
    /// Inside the engine: nobody is told that what a contact sends does not open.
    NothingIsSaid,
    /// Inside servers: strangers go on getting the descriptor that the server started with.
    NothingIsAnnounced,
    /// Inside servers: now and then a batch fails, though the disk works.
    BatchesFail,
    /// What a person changes on one device is not changed on the others.
    SiblingsKeepOldTexts,
    /// Inside the engine: a device is welcomed with any password.
    AnyPasswordWelcomes,
    /// Inside the engine: contacts are not told that a device was taken out.
    RevocationsStayAtHome,
    /// Inside the engine: nobody is told that a contact goes on from a backup (KE-67).
    ReturnsAreSilent,
    /// Inside the engine: nobody is told by contacts that somebody else went on from the same backup (KE-124).
    RefusalsAreSilent,
    /// Inside the engine: who comes second ends what goes on with the first (KE-68).
    SecondsEndFirsts,
    /// Inside the engine: what a device has not heard is not passed on to it by its siblings (KE-55).
    NothingIsPassedOn,
    /// Inside the engine: a device does not know a contact again who starts anew with another one (KE-129).
    AnewIsAnother,
}

/// A bug that is built into this thread's part of the product, until it is dropped.
pub(crate) struct Inside;

impl Drop for Inside {
    fn drop(&mut self) {
        kith_session::sabotage::choose(None);
        kith_engine::sabotage::choose(None);
        kith_home::sabotage::choose(None);
    }
}

impl Sabotage {
    /// All of them.
    pub fn all() -> &'static [Self] {
        Self::value_variants()
    }

    /// Returns the scenario in which it shows soonest.
    pub fn shows_in(self) -> &'static str {
        match self {
            Self::CommitsAreLost | Self::SessionsAreNotStored => "crashes",
            Self::AcksBeforeCommit | Self::SendsBeforeCommit => "crashes",
            Self::NothingIsTriedAgain | Self::EarlyFramesAreLost => "operators",
            Self::ReplaysOpen | Self::LateKeysAreLost | Self::EpochsEndEarly | Self::LostAcksStayLost => "operators",
            Self::NothingIsDeduplicated => "commute",
            Self::AnswersBeforeCommit => "newcomers",
            Self::ClosesAreForgotten => "disks",
            Self::ExpiryIsSilent | Self::TicksComeEarly => "departures",
            Self::GivesUpEarly => "absence",
            Self::CopiesPanic => "commute",
            Self::NothingIsSaid => "copies",
            Self::NothingDisappears => "fleeting",
            Self::SiblingsKeepOldTexts => "devices",
            Self::AnyPasswordWelcomes | Self::RevocationsStayAtHome => "lost",
            Self::ReturnsAreSilent => "fires",
            Self::RefusalsAreSilent | Self::SecondsEndFirsts => "ashes",
            Self::NothingIsPassedOn => "households",
            Self::AnewIsAnother => "blank",
            _ => "calm",
        }
    }

    /// Returns the kept plan in which it shows, when it shows too seldom in worlds that are drawn.
    pub fn shows_in_plan(self) -> Option<&'static str> {
        match self {
            Self::ClosesAreForgotten => Some(include_str!("../tests/plans/connections-that-were-forgotten.plan")),
            Self::NothingIsPassedOn => Some(include_str!("../tests/plans/devices-that-never-met.plan")),
            _ => None,
        }
    }

    /// Returns the promises that it breaks: first the one for which it is here, then those that it breaks besides.
    pub fn breaks(self) -> &'static [Promise] {
        match self {
            Self::CommitsAreLost | Self::SessionsAreNotStored => {
                &[Promise::NumbersAreUsedOnce, Promise::SessionsGoOn, Promise::Agreement]
            }
            Self::MessagesComeTwice => &[Promise::OnlyWhatWasWritten],
            Self::TextsChange => &[Promise::OnlyWhatWasWritten, Promise::Agreement],
            Self::MessagesVanish | Self::PartsAreLost => &[Promise::Arrives, Promise::DeliveredWasShown],
            Self::EarlyFramesAreLost => &[Promise::Arrives, Promise::ShownIsDelivered, Promise::Rest],
            Self::NothingIsTriedAgain => &[Promise::Arrives, Promise::Agreement, Promise::DeliveredWasShown],
            Self::EditsAreLost | Self::DeletionsAreLost | Self::ReactionsAreLost => &[Promise::Agreement],
            Self::OrderIsLost => &[Promise::InOrder, Promise::Agreement],
            Self::ExpiryIsSilent => &[Promise::NothingStaysOpen],
            Self::NothingDisappears => &[Promise::DisappearedIsGone, Promise::Rest],
            Self::NamesLeak => &[Promise::OnlyCiphertext],
            Self::ReplaysOpen => &[
                Promise::Arrives,
                Promise::Agreement,
                Promise::ShownIsDelivered,
                Promise::SessionsGoOn,
                Promise::CopiesOpenNothing,
            ],
            Self::LateKeysAreLost | Self::EpochsEndEarly => {
                &[Promise::Arrives, Promise::Agreement, Promise::DeliveredWasShown]
            }
            Self::AcksNameTooMuch => &[Promise::SessionsGoOn],
            Self::AcksBeforeCommit => &[Promise::Once, Promise::InOrder],
            Self::SendsBeforeCommit => &[Promise::SessionsGoOn, Promise::Agreement],
            Self::NothingIsDeduplicated => {
                &[Promise::Arrives, Promise::Agreement, Promise::ShownIsDelivered, Promise::SessionsGoOn]
            }
            Self::AnswersBeforeCommit => &[Promise::ShownIsDelivered, Promise::Arrives],
            Self::ClosesAreForgotten => &[Promise::Agreement],
            Self::CapabilitiesAreShared => &[Promise::Unlinkable],
            Self::TicksComeEarly => &[Promise::DeliveredWasShown],
            Self::TicksAreLost => &[Promise::ShownIsDelivered],
            Self::GivesUpEarly => &[Promise::ExpiredWasNotShown, Promise::Arrives, Promise::ShownIsDelivered],
            Self::UsedKeysStay => &[Promise::CopiesOpenNothing],
            Self::AcksAreAcked => &[Promise::Rest],
            Self::CopiesPanic => &[Promise::NothingPanics],
            Self::LostAcksStayLost => &[Promise::Agreement, Promise::Arrives, Promise::DeliveredWasShown],
            Self::NothingIsSaid => &[Promise::NoSilence],
            Self::NothingIsAnnounced => &[Promise::DescriptorsAreHandedOut],
            Self::BatchesFail => &[Promise::ServersDoNotFail],
            Self::SiblingsKeepOldTexts => &[Promise::SiblingsAgree, Promise::Agreement],
            Self::AnyPasswordWelcomes => &[Promise::NobodyAddsADevice],
            Self::RevocationsStayAtHome => &[Promise::RevokedIsSilent],
            Self::ReturnsAreSilent => &[Promise::ReturnsAreTold, Promise::Agreement],
            Self::RefusalsAreSilent => &[Promise::ReturnsAreTold],
            Self::SecondsEndFirsts => {
                &[Promise::FirstStays, Promise::SessionsGoOn, Promise::ReturnsAreTold, Promise::Arrives]
            }
            Self::NothingIsPassedOn => &[Promise::Arrives, Promise::SiblingsAgree, Promise::Agreement],
            Self::AnewIsAnother => &[Promise::OneContact, Promise::SiblingsAgree, Promise::Arrives],
        }
    }

    /// Returns the promise for which it is here.
    pub fn promise(self) -> Promise {
        self.breaks().first().copied().unwrap_or(Promise::NothingPanics)
    }

    /// Builds a bug into the product as far as this thread carries it out.
    pub(crate) fn build_in(self) -> Inside {
        kith_session::sabotage::choose(match self {
            Self::ReplaysOpen | Self::NothingIsDeduplicated => Some(SessionBug::ReplaysOpen),
            Self::LateKeysAreLost => Some(SessionBug::LateKeysAreLost),
            Self::EpochsEndEarly => Some(SessionBug::EpochsEndEarly),
            Self::AcksNameTooMuch => Some(SessionBug::AcksNameTooMuch),
            Self::UsedKeysStay => Some(SessionBug::UsedKeysStay),
            Self::AcksAreAcked => Some(SessionBug::AcksAreAcked),
            Self::CopiesPanic => Some(SessionBug::CopiesPanic),
            Self::LostAcksStayLost => Some(SessionBug::LostAcksStayLost),
            _ => None,
        });
        kith_engine::sabotage::choose(match self {
            Self::AcksBeforeCommit => Some(EngineBug::AcksBeforeCommit),
            Self::SendsBeforeCommit => Some(EngineBug::SendsBeforeCommit),
            Self::NothingIsSaid => Some(EngineBug::NothingIsSaid),
            Self::AnyPasswordWelcomes => Some(EngineBug::AnyPasswordWelcomes),
            Self::RevocationsStayAtHome => Some(EngineBug::RevocationsStayAtHome),
            Self::ReturnsAreSilent => Some(EngineBug::ReturnsAreSilent),
            Self::RefusalsAreSilent => Some(EngineBug::RefusalsAreSilent),
            Self::SecondsEndFirsts => Some(EngineBug::SecondsEndFirsts),
            Self::NothingIsPassedOn => Some(EngineBug::NothingIsPassedOn),
            Self::AnewIsAnother => Some(EngineBug::AnewIsAnother),
            _ => None,
        });
        kith_home::sabotage::choose(match self {
            Self::NothingIsDeduplicated => Some(HomeBug::DepositsComeTwice),
            Self::AnswersBeforeCommit => Some(HomeBug::AnswersBeforeCommit),
            Self::ClosesAreForgotten => Some(HomeBug::ClosesAreForgotten),
            Self::NothingIsAnnounced => Some(HomeBug::NothingIsAnnounced),
            Self::BatchesFail => Some(HomeBug::BatchesFail),
            _ => None,
        });
        Inside
    }

    /// Spoils a device's database.
    pub(crate) fn spoil(self, db: &Connection) {
        if let Some(trigger) = self.trigger() {
            let made = db.execute_batch(&format!("CREATE TRIGGER sabotage {trigger} END"));
            debug_assert!(made.is_ok(), "{made:?}");
        }
    }

    fn trigger(self) -> Option<&'static str> {
        Some(match self {
            Self::SessionsAreNotStored => {
                "BEFORE UPDATE OF core ON peers WHEN old.core IS NOT NULL \
                 AND (SELECT coalesce(max(id), 0) FROM frames) % 7 = 6 BEGIN SELECT raise(IGNORE);"
            }
            Self::MessagesComeTwice => {
                "AFTER INSERT ON messages WHEN new.direction = 0 AND new.id % 10 = 9 BEGIN \
                 INSERT INTO messages (contact, message, direction, device, lamport, sent, kind, text, state) \
                 VALUES (new.contact, randomblob(16), 0, new.device, new.lamport, new.sent, new.kind, \
                 new.text, new.state);"
            }
            Self::MessagesVanish => {
                "BEFORE INSERT ON messages WHEN new.direction = 0 AND (SELECT count(*) FROM messages) % 10 = 9 \
                 BEGIN SELECT raise(IGNORE);"
            }
            Self::TextsChange => {
                "AFTER INSERT ON messages WHEN new.direction = 0 AND new.id % 10 = 9 BEGIN \
                 UPDATE messages SET text = text || '!' WHERE id = new.id;"
            }
            Self::EarlyFramesAreLost => "BEFORE INSERT ON early BEGIN SELECT raise(IGNORE);",
            Self::PartsAreLost => "BEFORE INSERT ON parts WHEN new.number > 0 BEGIN SELECT raise(IGNORE);",
            Self::NothingIsTriedAgain => {
                "AFTER UPDATE OF due ON frames WHEN new.deposited IS NOT NULL AND new.due IS NOT NULL BEGIN \
                 UPDATE frames SET due = NULL WHERE id = new.id;"
            }
            Self::EditsAreLost => {
                "BEFORE UPDATE OF edit_lamport ON messages WHEN old.direction = 0 BEGIN SELECT raise(IGNORE);"
            }
            Self::SiblingsKeepOldTexts => {
                "BEFORE UPDATE OF edit_lamport ON messages WHEN old.direction = 1 \
                 AND old.device <> (SELECT device FROM contacts WHERE id = old.contact) BEGIN SELECT raise(IGNORE);"
            }
            Self::DeletionsAreLost => {
                "BEFORE UPDATE OF kind ON messages WHEN old.direction = 0 BEGIN SELECT raise(IGNORE);"
            }
            Self::ReactionsAreLost => "BEFORE INSERT ON reactions WHEN new.direction = 0 BEGIN SELECT raise(IGNORE);",
            Self::OrderIsLost => {
                "AFTER INSERT ON messages WHEN new.direction = 0 AND new.id % 5 = 4 BEGIN \
                 UPDATE messages SET lamport = 0 WHERE id = new.id;"
            }
            Self::ExpiryIsSilent => "BEFORE UPDATE OF state ON messages WHEN new.state = 4 BEGIN SELECT raise(IGNORE);",
            Self::NothingDisappears => "BEFORE DELETE ON messages BEGIN SELECT raise(IGNORE);",
            Self::CapabilitiesAreShared => {
                "AFTER INSERT ON queues BEGIN \
                 UPDATE queues SET capability = (SELECT capability FROM queues ORDER BY id LIMIT 1) WHERE id = new.id;"
            }
            Self::TicksComeEarly => {
                "AFTER UPDATE OF state ON messages WHEN new.direction = 1 AND new.state = 1 BEGIN \
                 UPDATE messages SET state = 2 WHERE id = new.id;"
            }
            Self::TicksAreLost => {
                "BEFORE UPDATE OF state ON messages WHEN new.direction = 1 AND new.state = 2 BEGIN SELECT raise(IGNORE);"
            }
            Self::GivesUpEarly => {
                "AFTER INSERT ON frames BEGIN UPDATE frames SET expires = expires - 59 * 86400000 WHERE id = new.id;"
            }
            // The others are carried out by the world, or stand inside the product.
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_promise_has_a_bug_that_is_there_for_it() {
        for promise in Promise::all() {
            assert!(Sabotage::all().iter().any(|bug| bug.promise() == *promise), "nothing breaks {promise}");
        }
    }

    #[test]
    fn a_bug_names_each_promise_once_and_shows_in_a_scenario_that_there_is() {
        for bug in Sabotage::all() {
            let mut breaks = bug.breaks().to_vec();
            breaks.sort();
            breaks.dedup();
            assert_eq!(breaks.len(), bug.breaks().len(), "{bug:?}");
            assert!(crate::scenarios::named(bug.shows_in()).is_some(), "{bug:?}");
        }
    }
}
