//! The home server's rules: queues, capabilities, forwarding, quotas; synchronous over a store trait.

pub mod store;
