//! Kith on the command line.

fn main() {}
