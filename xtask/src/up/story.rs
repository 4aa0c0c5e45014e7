//! The journey of one message, told from what really passed and from what the servers really keep.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    failure::Failure,
    screen::Screen,
    up::tap::{Connection, find},
};

/// What was recorded while one message travelled.
pub(crate) struct Story<'a> {
    /// The message.
    pub(crate) text: &'a str,
    /// Sender and receiver. Five letters stand by chance in two megabytes of random bytes once in half a million times;
    /// three would stand there every tenth time.
    pub(crate) names: [&'a str; 2],
    /// What passed in front of the sender's and the receiver's server.
    pub(crate) passed: &'a [Vec<Connection>; 2],
    /// The two servers' data folders.
    pub(crate) data: [&'a Path; 2],
}

impl Story<'_> {
    /// Tells the journey step by step. Fails when anybody saw what they must not see.
    pub(crate) fn tell(&self, screen: &Screen) -> Result<(), Failure> {
        let [sender, receiver] = self.names;
        let [near_first, near_second] = self.passed;
        screen.begin("journey", &format!("of \"{}\", as it was recorded just now", self.text));
        screen.say(&format!(
            "1. {sender}'s device turned {} bytes of text into a frame of 4,096 bytes:",
            self.text.len()
        ));
        screen.say("   double ratchet inside, a post-quantum layer around it; nothing shows how long the text is.");
        screen.say("   It stored that before anything left, and sealed the frame to the second server: 5,376 bytes.");

        let to_first = sizes(near_first.iter().flat_map(|connection| connection.up.messages()));
        screen.say(&format!("2. {sender} → first server, on the live connection: {to_first}."));
        screen.say("   One of them carries the message; receipts and acknowledgements look the same from outside.");
        screen.say(
            "   The first server could see: one of its accounts has something for the second server. Not for whom.",
        );

        let posted = near_second.iter().flat_map(|connection| connection.up.requests()).collect::<Vec<_>>();
        let body = posted.first().ok_or_else(|| Failure::new("no sealed request passed between the two servers"))?;
        screen.say(&format!(
            "3. first server → second server: {} of {} bytes.",
            counted(posted.len(), "sealed request"),
            grouped(body.len())
        ));
        let epoch = body.get(2..6).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes);
        screen.say(&format!(
            "   The network could see: version {}, week {epoch}, and this: {}…",
            body.first().unwrap_or(&0),
            hex(body, 6)
        ));
        screen.say(
            "   The second server opened the seal with its key of the week and could see: a frame, a queue, a proof.",
        );

        let to_receiver = sizes(near_second.iter().flat_map(|connection| connection.down.messages()));
        screen.say(&format!("4. second server → {receiver}: {to_receiver}."));
        screen.say(&format!("   {receiver}'s device opened it, stored it, showed it, and only then acknowledged it."));

        self.search(screen)
    }

    /// Looks for the text and the names in everything that passed and everything that the servers keep.
    fn search(&self, screen: &Screen) -> Result<(), Failure> {
        let mut looked_at = 0;
        for connection in self.passed.iter().flatten() {
            for stream in [&connection.up, &connection.down] {
                looked_at += stream.news().len();
                self.must_not_tell(stream.news(), "the network")?;
                self.must_not_tell(&stream.messages().concat(), "the network")?;
            }
        }
        screen.say(&format!(
            "5. Searched {} bytes that passed the wire for the text and both names: not there.",
            grouped(looked_at)
        ));
        let mut kept = 0;
        for folder in self.data {
            for file in files_below(folder)? {
                let bytes = fs::read(&file).map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
                kept += bytes.len();
                self.must_not_tell(&bytes, &file.display().to_string())?;
            }
        }
        screen.say(&format!(
            "6. Searched {} bytes in both servers' data folders for the same: not there.",
            grouped(kept)
        ));
        Ok(())
    }

    fn must_not_tell(&self, bytes: &[u8], place: &str) -> Result<(), Failure> {
        let secrets = [self.text, self.names[0], self.names[1]];
        match secrets.iter().find(|secret| find(bytes, secret.as_bytes()).is_some()) {
            Some(secret) => Err(Failure::new(format!("{place} holds \"{secret}\" in the clear"))),
            None => Ok(()),
        }
    }
}

/// Says how many messages there were of each size.
fn sizes(messages: impl Iterator<Item = Vec<u8>>) -> String {
    let mut counts = std::collections::BTreeMap::<usize, usize>::new();
    for message in messages {
        *counts.entry(message.len()).or_default() += 1;
    }
    if counts.is_empty() {
        return "nothing".to_owned();
    }
    let parts = counts.iter().map(|(size, count)| format!("{} of {} bytes", counted(*count, "record"), grouped(*size)));
    parts.collect::<Vec<_>>().join(", ")
}

/// Counts things.
fn counted(number: usize, thing: &str) -> String {
    match number {
        1 => format!("one {thing}"),
        _ => format!("{number} {thing}s"),
    }
}

/// Writes a number with its thousands apart.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let places = digits.len();
    digits.chars().enumerate().fold(String::new(), |mut out, (place, digit)| {
        if place > 0 && (places - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
        out
    })
}

fn hex(bytes: &[u8], from: usize) -> String {
    bytes.iter().skip(from).take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let trouble = |error| Failure::new(format!("{} cannot be read: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(trouble)? {
        let path = entry.map_err(trouble)?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else if path.is_file() {
            files.push(path);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_in_the_clear_is_found() {
        let none = [Vec::new(), Vec::new()];
        let here = Path::new(".");
        let story = Story { text: "is the kettle on?", names: ["Amina", "Bruno"], passed: &none, data: [here, here] };
        assert!(story.must_not_tell(b"....is the kettle on?....", "a file").is_err());
        assert!(story.must_not_tell(b"\x65Amina", "a file").is_err());
        assert!(story.must_not_tell(b"amino acids and Brunhilde", "a file").is_ok());
    }

    #[test]
    fn sizes_are_counted() {
        assert_eq!(
            sizes([vec![0; 2], vec![1; 2], vec![0; 5000]].into_iter()),
            "2 records of 2 bytes, one record of 5,000 bytes"
        );
    }
}
