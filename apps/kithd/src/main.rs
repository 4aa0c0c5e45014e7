//! The Kith home server.

fn main() {}
