//! The async SDK for native programs: engine, vault and carriers in one.
