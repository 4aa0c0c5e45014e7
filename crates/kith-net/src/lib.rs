//! Carriers: how bytes move. It never looks inside them.
