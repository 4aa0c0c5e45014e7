//! Whole conversations between engines, over real home server rules and virtual time.

#![cfg(test)]

mod attachments;
mod backup;
mod catching_up;
mod clocks;
mod closings;
mod conversations;
mod crashes;
mod delivery;
mod devices;
mod endings;
mod faults;
mod held;
mod hostile;
mod left_behind;
mod lending;
mod linking;
mod lost;
mod meeting;
mod other_way;
mod pictures;
mod previews;
mod privacy;
mod put_off;
mod reach;
mod refused;
mod rotation;
mod siblings;
mod storage;
mod unhelpful;
mod untrusted;
mod windows;
mod world;
