//! What the other rooms stand on: the database, one call's work, the person of this folder.

pub(crate) mod clocks;
pub(crate) mod database;
pub(crate) mod once;
pub(crate) mod person;
pub(crate) mod schema;
pub(crate) mod work;
