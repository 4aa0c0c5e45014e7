//! What the log says was forgotten: "everything before this hour".

/// One saying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Floor<V> {
    pub(crate) before: V,
    /// The segment in which it was said first: what it makes void lies there or in older ones.
    pub(crate) since: u32,
    /// The segment in which it stands now.
    pub(crate) segment: u32,
}

/// Those that may be needed. Mostly one; a clock that was ahead leaves another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Floors<V>(Vec<Floor<V>>);

impl<V> Default for Floors<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V: Ord + Copy> Floors<V> {
    /// Adds one; those that say no more than it are dropped.
    pub(crate) fn add(&mut self, floor: Floor<V>) {
        self.0.retain(|other| other.before > floor.before || other.since > floor.since);
        self.0.push(floor);
    }

    pub(crate) fn has(&self, floor: &Floor<V>) -> bool {
        self.0.contains(floor)
    }

    pub(crate) fn remove(&mut self, floor: &Floor<V>) {
        self.0.retain(|other| other != floor);
    }
}
