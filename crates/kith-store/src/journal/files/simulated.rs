//! Files in memory that forget what was not synced, tear what was being written, and fail when told to. For tests, also of
//! programs that use the store.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "nothing of it is in a program, and a test that misuses it fails"
)]

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Files, LogFile};

/// What happened to a file since its last sync.
#[derive(Clone)]
enum Change {
    Write(u64, Vec<u8>),
    SetLength(u64),
}

#[derive(Clone, Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

/// What happened to the folder since its last sync.
#[derive(Clone)]
enum Naming {
    Set(String, usize),
    Remove(String),
}

#[derive(Clone, Default)]
struct State {
    contents: Vec<Content>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    unsynced: Vec<Naming>,
    n_calls: u64,
    trouble: Option<Trouble>,
    /// Syncs of files that fail from now on.
    n_failing_syncs: u32,
}

/// What goes wrong, and from which call on.
#[derive(Debug, Clone, Copy)]
pub struct Trouble {
    /// The first call that fails.
    pub first: u64,
    /// Calls that fail from there; afterwards all is well again.
    pub n_calls: u64,
    /// How it fails.
    pub kind: io::ErrorKind,
    /// Whether a write that fails has written half, and a sync that fails has forgotten what it should keep.
    pub leaves_half: bool,
}

/// A folder. Clones are the same folder.
#[derive(Clone, Default)]
pub struct Simulated(Arc<Mutex<State>>);

/// An open file.
pub struct SimulatedFile {
    folder: Simulated,
    content: usize,
}

impl Simulated {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Returns how many calls were made so far.
    pub fn n_calls(&self) -> u64 {
        self.state().n_calls
    }

    /// Says what goes wrong from now on.
    pub fn set_trouble(&self, trouble: Option<Trouble>) {
        self.state().trouble = trouble;
    }

    /// Lets the next syncs of files fail, as badly as a kernel can: it says so once, and keeps in memory what is not on the disk.
    pub fn fail_syncs(&self, n_syncs: u32) {
        self.state().n_failing_syncs = n_syncs;
    }

    /// Returns what a power cut leaves that takes all that was not synced.
    pub fn after_worst_power_cut(&self) -> Self {
        let state = self.state();
        let kept = |content: &Content| Content {
            now: content.durable.clone(),
            durable: content.durable.clone(),
            unsynced: Vec::new(),
        };
        let names = state.durable_names.clone();
        Self::left(state.contents.iter().map(kept).collect(), names)
    }

    /// Returns what a power cut leaves. Of what was not synced, `luck` decides how much is there: of each file the first
    /// few changes, the last of them torn at some byte; or any of them, in any order, with holes.
    pub fn after_power_cut(&self, mut luck: u64) -> Self {
        let mut draw = |limit: usize| {
            luck = luck.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(luck >> 33).unwrap() % (limit + 1)
        };
        let state = self.state();
        let mut names = state.durable_names.clone();
        for naming in state.unsynced.iter().take(draw(state.unsynced.len())) {
            name(&mut names, naming);
        }
        let contents = state.contents.iter().map(|content| {
            let mut left = content.durable.clone();
            if draw(1) == 1 {
                content.unsynced.iter().for_each(|change| apply_in_part(&mut left, change, &mut draw));
                return Content { now: left.clone(), durable: left, unsynced: Vec::new() };
            }
            let kept = draw(content.unsynced.len());
            content.unsynced.iter().take(kept).for_each(|change| apply(&mut left, change));
            if let Some(Change::Write(at, bytes)) = content.unsynced.get(kept) {
                apply(&mut left, &Change::Write(*at, bytes[..draw(bytes.len())].to_vec()));
            }
            Content { now: left.clone(), durable: left, unsynced: Vec::new() }
        });
        Self::left(contents.collect(), names)
    }

    fn left(contents: Vec<Content>, names: BTreeMap<String, usize>) -> Self {
        let durable_names = names.clone();
        Self(Arc::new(Mutex::new(State { contents, names, durable_names, ..State::default() })))
    }

    /// Returns a copy of the folder as it is now.
    pub fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.state().clone())))
    }

    /// Changes the bytes of a file, durably, as a bad disk does.
    pub fn damage(&self, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let idx = state.names[file];
        let content = &mut state.contents[idx];
        change(&mut content.now);
        content.durable = content.now.clone();
    }

    /// Puts a file there, durably, in place of any that has the name.
    pub fn put(&self, file: &str, bytes: &[u8]) {
        let mut state = self.state();
        let content = state.contents.len();
        state.contents.push(Content { now: bytes.to_vec(), durable: bytes.to_vec(), unsynced: Vec::new() });
        state.names.insert(file.to_owned(), content);
        state.durable_names.insert(file.to_owned(), content);
    }

    /// Returns all files with their bytes.
    pub fn all(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        state.names.iter().map(|(name, idx)| (name.clone(), state.contents[*idx].now.clone())).collect()
    }

    /// Returns the files and their lengths.
    pub fn lengths(&self) -> BTreeMap<String, usize> {
        let state = self.state();
        state.names.iter().map(|(name, idx)| (name.clone(), state.contents[*idx].now.len())).collect()
    }

    /// Returns whether any file holds the bytes.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        let state = self.state();
        state.names.values().any(|idx| state.contents[*idx].now.windows(bytes.len()).any(|window| window == bytes))
    }

    /// Returns the bytes of all files.
    pub fn total(&self) -> u64 {
        let state = self.state();
        state.names.values().map(|idx| state.contents[*idx].now.len() as u64).sum()
    }

    /// Counts a call and returns what goes wrong with it.
    fn call(&self) -> Result<(), (io::Error, bool)> {
        let mut state = self.state();
        let call = state.n_calls;
        state.n_calls += 1;
        match state.trouble {
            Some(trouble) if (trouble.first..trouble.first.saturating_add(trouble.n_calls)).contains(&call) => {
                Err((trouble.kind.into(), trouble.leaves_half))
            }
            _ => Ok(()),
        }
    }

    fn simple_call(&self) -> io::Result<()> {
        self.call().map_err(|(problem, _)| problem)
    }

    fn rename_now(&self, naming: Naming) {
        let mut state = self.state();
        name(&mut state.names, &naming);
        state.unsynced.push(naming);
    }

    fn find(&self, file: &str) -> io::Result<usize> {
        self.state().names.get(file).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn name(names: &mut BTreeMap<String, usize>, naming: &Naming) {
    match naming {
        Naming::Set(file, content) => drop(names.insert(file.clone(), *content)),
        Naming::Remove(file) => drop(names.remove(file)),
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(at, new) => {
            let start = usize::try_from(*at).unwrap();
            bytes.resize(bytes.len().max(start + new.len()), 0);
            bytes[start..start + new.len()].copy_from_slice(new);
        }
        Change::SetLength(length) => bytes.resize(usize::try_from(*length).unwrap(), 0),
    }
}

/// Bytes that a disk writes or does not.
const SECTOR: usize = 64;

/// Does some of a change, or nothing of it, or all.
fn apply_in_part(bytes: &mut Vec<u8>, change: &Change, draw: &mut impl FnMut(usize) -> usize) {
    match (draw(2), change) {
        (0, _) => {}
        (1, Change::Write(at, new)) => {
            for (n, sector) in new.chunks(SECTOR).enumerate().filter(|_| draw(1) == 1) {
                apply(bytes, &Change::Write(at + (n * SECTOR) as u64, sector.to_vec()));
            }
        }
        _ => apply(bytes, change),
    }
}

impl Files for Simulated {
    type File = SimulatedFile;

    fn list(&self) -> io::Result<Vec<String>> {
        self.simple_call()?;
        Ok(self.state().names.keys().cloned().collect())
    }

    fn open(&self, file: &str) -> io::Result<SimulatedFile> {
        self.simple_call()?;
        Ok(SimulatedFile { folder: self.clone(), content: self.find(file)? })
    }

    fn create(&self, file: &str) -> io::Result<SimulatedFile> {
        self.simple_call()?;
        let content = self.state().contents.len();
        self.state().contents.push(Content::default());
        self.rename_now(Naming::Set(file.to_owned(), content));
        Ok(SimulatedFile { folder: self.clone(), content })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.simple_call()?;
        let content = self.find(from)?;
        // A power cut may leave both names here; real file systems are kinder.
        self.rename_now(Naming::Set(to.to_owned(), content));
        self.rename_now(Naming::Remove(from.to_owned()));
        Ok(())
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        self.simple_call()?;
        self.find(file)?;
        self.rename_now(Naming::Remove(file.to_owned()));
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.simple_call()?;
        let mut state = self.state();
        state.durable_names = state.names.clone();
        state.unsynced.clear();
        Ok(())
    }
}

impl SimulatedFile {
    fn change(&self, change: Change) {
        let mut state = self.folder.state();
        let content = &mut state.contents[self.content];
        apply(&mut content.now, &change);
        content.unsynced.push(change);
    }
}

impl LogFile for SimulatedFile {
    fn length(&self) -> io::Result<u64> {
        self.folder.simple_call()?;
        Ok(self.folder.state().contents[self.content].now.len() as u64)
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.folder.simple_call()?;
        let state = self.folder.state();
        let now = &state.contents[self.content].now;
        let start = usize::try_from(offset).unwrap();
        let found = now.get(start..start + bytes.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        bytes.copy_from_slice(found);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Err((problem, leaves_half)) = self.folder.call() {
            if leaves_half {
                self.change(Change::Write(offset, bytes[..bytes.len() / 2].to_vec()));
            }
            return Err(problem);
        }
        self.change(Change::Write(offset, bytes.to_vec()));
        Ok(())
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.folder.simple_call()?;
        self.change(Change::SetLength(length));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        if let Err((problem, leaves_half)) = self.folder.call() {
            if leaves_half {
                // What Linux does: pages that could not be written count as clean, and the next sync succeeds.
                let mut state = self.folder.state();
                let content = &mut state.contents[self.content];
                let n_kept = content.unsynced.len() / 2;
                let kept: Vec<Change> = content.unsynced.drain(..).take(n_kept).collect();
                kept.iter().for_each(|change| apply(&mut content.durable, change));
            }
            return Err(problem);
        }
        let mut state = self.folder.state();
        if state.n_failing_syncs > 0 {
            state.n_failing_syncs -= 1;
            state.contents[self.content].unsynced.clear();
            return Err(io::ErrorKind::Other.into());
        }
        let content = &mut state.contents[self.content];
        let changes: Vec<Change> = content.unsynced.drain(..).collect();
        changes.iter().for_each(|change| apply(&mut content.durable, change));
        Ok(())
    }
}
