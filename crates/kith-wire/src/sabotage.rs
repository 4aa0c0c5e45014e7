//! The switch for deliberate bugs, with which the simulated world shows that its checker bites. It stands here because the crates that have
//! such bugs share no higher floor; there is no bug in this one.

/// Makes a crate's deliberate bugs: the type `Bug`, `is_on` for the places where they would strike, `choose` for the
/// simulated world.
///
/// Without the crate's feature `sabotage` nothing of it is left: whether a bug is built in is the constant `false`. With it everything is as it should
/// be until a bug is chosen for the thread. A release with the feature does not compile.
#[macro_export]
macro_rules! deliberate_bugs {
    ($($(#[$doc:meta])+ $bug:ident),+ $(,)?) => {
        #[cfg(all(feature = "sabotage", not(debug_assertions)))]
        compile_error!("deliberate bugs are for the simulated world: `sabotage` cannot be built into a release");

        /// A deliberate bug.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Bug {
            $($(#[$doc])+ $bug,)+
        }

        #[cfg(feature = "sabotage")]
        std::thread_local! {
            static BUG: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
        }

        /// Builds a bug into all that this thread does from now on, or takes it out.
        #[cfg(feature = "sabotage")]
        pub fn choose(bug: Option<Bug>) {
            BUG.set(bug);
        }

        /// Returns whether a bug is built in.
        #[cfg(feature = "sabotage")]
        pub(crate) fn is_on(bug: Bug) -> bool {
            BUG.get() == Some(bug)
        }

        /// Returns whether a bug is built in: never.
        #[cfg(not(feature = "sabotage"))]
        pub(crate) const fn is_on(_: Bug) -> bool {
            false
        }
    };
}
