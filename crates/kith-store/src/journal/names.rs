//! What the files of a journal are called.

/// A segment that counts.
pub(crate) fn segment(number: u32) -> String {
    format!("{number:010}.log")
}

/// A segment that is being made.
pub(crate) fn unfinished(number: u32) -> String {
    format!("{number:010}.new")
}

/// What a sealed segment holds, without frames.
pub(crate) fn summary(number: u32) -> String {
    format!("{number:010}.sum")
}

/// What a file of ours is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Segment(u32),
    Unfinished,
    Summary(u32),
}

impl Name {
    /// Returns the number of a segment that counts.
    pub(crate) fn segment(self) -> Option<u32> {
        if let Self::Segment(number) = self { Some(number) } else { None }
    }

    /// Reads a name; `None` for those of others.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (number, kind) = name.split_once('.')?;
        let is_ours = number.len() == 10 && number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse().ok().filter(|_| is_ours)?;
        match kind {
            "log" => Some(Self::Segment(number)),
            "new" => Some(Self::Unfinished),
            "sum" => Some(Self::Summary(number)),
            _ => None,
        }
    }
}
