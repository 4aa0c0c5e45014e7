//! How a conversation stands in the person's list: pinned, muted, archived. It is the person's own business: their devices are told,
//! and nobody else (KE-96). What a program makes of it, which one stands where and who is notified, is not decided here.

use crate::api::{ContactId, Shown};
use crate::errors::CommandError;
use crate::ground::work::Work;
use crate::people::contacts;

/// What version 5 adds: the three, when each was set, and that a backup says so.
pub(crate) const TABLES_5: &str = "
ALTER TABLE contacts ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN pinned_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN muted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN muted_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN archived_at INTEGER NOT NULL DEFAULT 0;
CREATE TRIGGER backup_contact_shown AFTER UPDATE OF pinned, muted, archived ON contacts
WHEN new.changed <> (SELECT number FROM backup_runs) BEGIN
    UPDATE contacts SET changed = (SELECT number FROM backup_runs) WHERE id = new.id;
END;
";

/// Sets one of the three, and tells the siblings.
pub(crate) fn set(work: &mut Work<'_>, id: ContactId, shown: Shown, on: bool) -> Result<(), CommandError> {
    let sql = match shown {
        Shown::Pinned => "UPDATE contacts SET pinned = ?2, pinned_at = max(?3, pinned_at + 1) WHERE id = ?1",
        Shown::Muted => "UPDATE contacts SET muted = ?2, muted_at = max(?3, muted_at + 1) WHERE id = ?1",
        Shown::Archived => "UPDATE contacts SET archived = ?2, archived_at = max(?3, archived_at + 1) WHERE id = ?1",
    };
    contacts::set(work, id, sql, on)
}
