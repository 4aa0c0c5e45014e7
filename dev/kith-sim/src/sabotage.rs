//! Deliberate bugs, to show that the checker bites. They spoil a device's database or its promises from outside; nothing
//! in the product knows of them.

use clap::ValueEnum;
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
            Self::NothingIsTriedAgain => "operators",
            Self::EarlyFramesAreLost => "operators",
            Self::ExpiryIsSilent => "departures",
            Self::NothingDisappears => "fleeting",
            _ => "calm",
        }
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
