//! Losing devices: backups, what comes back from them, and closing what was lost.

pub(crate) mod backup;
pub(crate) mod closings;
pub(crate) mod home_backup;
pub(crate) mod left_behind;
pub(crate) mod reach;
pub(crate) mod refused;
pub(crate) mod replaced;
pub(crate) mod restore;
pub(crate) mod restored;
