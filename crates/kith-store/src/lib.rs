//! The home server's storage behind the store trait of kith-home.
