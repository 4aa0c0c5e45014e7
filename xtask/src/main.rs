//! Developer commands: `cargo xtask test`, `cargo xtask up`, `cargo xtask tidy`.

fn main() {}
