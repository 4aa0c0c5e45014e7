//! What was set by a clock that was ahead: the siblings believe none of it, nor what is set after it, until that day comes. It is taken for what was
//! set now, and told again (KE-135).

use kith_wire::Timestamp;
use rusqlite::params;

use crate::api::ContactId;
use crate::devices::{contact_copies, sync};
use crate::ground::database::{StorageError, all, column, run};
use crate::ground::work::Work;
use crate::people::pictures;

/// When settings of contacts were made that siblings are told. Of comparing digits more must be kept: see `bring_comparing_near`.
const TIMES: [&str; 7] = ["name_at", "blocked_at", "receipts_at", "pinned_at", "muted_at", "archived_at", "draft_at"];
/// When the person was told last of what comparing digits answers (KE-130).
const TOLD: &str = "max(restored_twice, coalesce(restored_at, 0), coalesce(refused_another, 0))";

/// Looks for such settings, once it is known that the clock was ahead or may have been.
pub(crate) fn mend(work: &mut Work<'_>) -> Result<(), StorageError> {
    let latest = contact_copies::latest(work.now);
    let sql = format!(
        "SELECT id FROM contacts WHERE kind = 0 AND (max(verified_at, {TOLD}, {}) > ?1 \
         OR id IN (SELECT contact FROM pictures WHERE at > ?1)) ORDER BY id",
        TIMES.join(", ")
    );
    for contact in all(work.db, &sql, [column(latest.0)], |row| row.get(0).map(ContactId::from_column))? {
        bring_near(work, contact, latest)?;
        sync::tell_contact(work, contact, None)?;
        pictures::tell(work, contact, None)?;
    }
    Ok(())
}

fn bring_near(work: &Work<'_>, contact: ContactId, latest: Timestamp) -> Result<(), StorageError> {
    let at = params![contact.column(), column(work.now.0), column(latest.0)];
    // A draft is told by itself.
    let draft = "UPDATE contacts SET draft_due = ?2 WHERE id = ?1 AND draft_at > ?3";
    run(work.db, draft, at)?;
    for time in TIMES {
        run(work.db, &format!("UPDATE contacts SET {time} = ?2 WHERE id = ?1 AND {time} > ?3"), at)?;
    }
    run(work.db, "UPDATE pictures SET at = ?2 WHERE contact = ?1 AND at > ?3", at)?;
    bring_comparing_near(work, contact, latest)
}

/// What comparing has answered stays answered, and what it has not does not become so.
fn bring_comparing_near(work: &Work<'_>, contact: ContactId, latest: Timestamp) -> Result<(), StorageError> {
    let sql = format!(
        "UPDATE contacts SET verified_at = iif(verified_at > ?2, ?2 + (verified_at > {TOLD}), verified_at), \
         restored_twice = min(restored_twice, ?2), restored_at = min(restored_at, ?2), \
         refused_another = min(refused_another, ?2) WHERE id = ?1 AND max(verified_at, {TOLD}) > ?3"
    );
    run(work.db, &sql, params![contact.column(), column(work.now.0), column(latest.0)])?;
    Ok(())
}
