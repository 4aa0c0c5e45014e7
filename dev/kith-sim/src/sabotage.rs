//! Deliberate bugs, to show that the checker bites. Most spoil a device's database or its promises from outside, and nothing
//! in the product knows of them. Those inside stand behind the feature `sabotage` of their crates.

use clap::ValueEnum;
use kith_engine::sabotage::Bug as EngineBug;
use kith_home::sabotage::Bug as HomeBug;
use kith_session::sabotage::Bug as SessionBug;
use rusqlite::Connection;

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
            Self::ReplaysOpen | Self::LateKeysAreLost | Self::EpochsEndEarly => "operators",
            Self::NothingIsDeduplicated => "commute",
            Self::AnswersBeforeCommit => "newcomers",
            Self::ClosesAreForgotten => "disks",
            Self::ExpiryIsSilent => "departures",
            Self::NothingDisappears => "fleeting",
            _ => "calm",
        }
    }

    /// Builds a bug into the product as far as this thread carries it out.
    pub(crate) fn build_in(self) -> Inside {
        kith_session::sabotage::choose(match self {
            Self::ReplaysOpen | Self::NothingIsDeduplicated => Some(SessionBug::ReplaysOpen),
            Self::LateKeysAreLost => Some(SessionBug::LateKeysAreLost),
            Self::EpochsEndEarly => Some(SessionBug::EpochsEndEarly),
            Self::AcksNameTooMuch => Some(SessionBug::AcksNameTooMuch),
            _ => None,
        });
        kith_engine::sabotage::choose(match self {
            Self::AcksBeforeCommit => Some(EngineBug::AcksBeforeCommit),
            Self::SendsBeforeCommit => Some(EngineBug::SendsBeforeCommit),
            _ => None,
        });
        kith_home::sabotage::choose(match self {
            Self::NothingIsDeduplicated => Some(HomeBug::DepositsComeTwice),
            Self::AnswersBeforeCommit => Some(HomeBug::AnswersBeforeCommit),
            Self::ClosesAreForgotten => Some(HomeBug::ClosesAreForgotten),
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
            // These two are carried out by the world.
            Self::CommitsAreLost | Self::NamesLeak => return None,
            Self::ReplaysOpen | Self::LateKeysAreLost | Self::EpochsEndEarly | Self::AcksNameTooMuch => return None,
            Self::AcksBeforeCommit | Self::SendsBeforeCommit => return None,
            Self::NothingIsDeduplicated | Self::AnswersBeforeCommit | Self::ClosesAreForgotten => return None,
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
        })
    }
}
