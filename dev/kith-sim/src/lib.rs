//! Many persons and home servers in one process, in virtual time, on a network that misbehaves, from one seed.
//!
//! A [`Scenario`](scenario::Scenario) says who lives in the world, what they do and what goes wrong; with a seed it gives a
//! [`Plan`](plan::Plan), which a [`World`](world::World) carries out with the real engine and the real rules of home
//! servers. Then everything is mended, time passes until all is quiet, and the [`checker`] reads what happened. A run that breaks
//! a promise is [shrunk](shrink) and told as a story.
//!
//! Nothing in here opens a socket, reads the clock or draws randomness of its own, except for what Olm draws inside
//! vodozemac: that changes bytes and never sizes, times or order, which [`run::Outcome::trace`] shows.

mod bite;
pub mod checker;
pub mod device;
pub mod history;
pub mod kept;
pub mod names;
pub mod plan;
pub mod promise;
pub mod run;
pub mod sabotage;
mod say;
pub mod scenario;
pub mod scenarios;
pub mod shrink;
pub mod step;
pub mod tool;
pub mod world;
