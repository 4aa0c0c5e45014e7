//! Stacks as `perf script` tells them, added up into a tree.

use std::collections::BTreeMap;

/// A function in one place of the stacks, with those that it called.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    /// Samples in it and in what it called.
    pub(super) n_samples: u64,
    /// By name.
    pub(super) calls: BTreeMap<String, Frame>,
}

impl Frame {
    fn add(&mut self, path: impl Iterator<Item = String>) {
        self.n_samples += 1;
        let mut frame = self;
        for name in path {
            frame = frame.calls.entry(name).or_default();
            frame.n_samples += 1;
        }
    }
}

/// Reads samples: a line that begins with the thread's name, then a line for each function, the innermost first, then an empty one.
pub(super) fn read(text: &str) -> Frame {
    let mut tree = Frame::default();
    let (mut thread, mut stack) = (None, Vec::new());
    for line in text.lines().chain([""]) {
        if line.trim().is_empty() {
            if let Some(thread) = thread.take() {
                tree.add([thread].into_iter().chain(stack.drain(..).rev()));
            }
        } else if line.starts_with(char::is_whitespace) && thread.is_some() {
            stack.push(function(line));
        } else {
            stack.clear();
            thread = Some(thread_name(line));
        }
    }
    tree
}

/// Returns the name before the numbers of process and time; it may hold spaces.
fn thread_name(line: &str) -> String {
    let words = line.split_whitespace();
    let name: Vec<&str> = words.take_while(|word| !word.starts_with(|sign: char| sign.is_ascii_digit())).collect();
    name.join(" ")
}

/// Returns the function in `55d0c0 kith_home::batch::Batch<T>::handle+0x10 (/usr/bin/kithd)`, short enough to be read.
fn function(line: &str) -> String {
    let after_address = line.trim().split_once(' ').map_or("", |(_, rest)| rest);
    let name = after_address.rsplit_once(" (").map_or(after_address, |(name, _)| name);
    let name = name.split_once("+0x").map_or(name, |(name, _)| name);
    let name = without_arguments(name);
    // Hashes that tell copies of one function apart.
    match name.rsplit_once("::h") {
        Some((plain, hash)) if hash.len() == 16 => plain.to_owned(),
        _ => name,
    }
}

/// Leaves out what stands in angle brackets behind a name: `Vec<u8>::push` is `Vec::push`.
fn without_arguments(name: &str) -> String {
    let (mut out, mut depth) = (String::new(), 0_usize);
    for (at, sign) in name.char_indices() {
        match sign {
            // `<T as Trait>::method` begins with one, and is told whole.
            '<' if at > 0 && !out.is_empty() && !out.starts_with('<') => depth += 1,
            '>' if depth > 0 => depth -= 1,
            _ if depth == 0 => out.push(sign),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_are_added_up_from_the_thread_inwards() {
        let text = "keeper 12 3.4: cycles:\n\t  1f kith_home::Batch<T>::handle::h0123456789abcdef+0x1 (/kithd)\n\t 2f main+0x2 (/kithd)\n\n\
                    keeper 12 3.5: cycles:\n\t  2f main+0x9 (/kithd)\n\ntokio-rt-worker 13 3.6: cycles:\n\t 9 [unknown] ([unknown])\n";
        let tree = read(text);
        assert_eq!(tree.n_samples, 3);
        assert_eq!(tree.calls["keeper"].n_samples, 2);
        let main = &tree.calls["keeper"].calls["main"];
        assert_eq!((main.n_samples, main.calls["kith_home::Batch::handle"].n_samples), (2, 1));
        assert_eq!(tree.calls["tokio-rt-worker"].calls["[unknown]"].n_samples, 1);
    }

    #[test]
    fn a_recording_of_nothing_is_an_empty_tree() {
        assert_eq!(read(""), Frame::default());
    }
}
