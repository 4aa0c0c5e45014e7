//! Opening what the last process left, whatever happened to it.
//!
//! The newest segment begins with a roster: which older ones are needed, how long they are, which secrets count. Older segments
//! are whole or the store is damaged. The newest may end in records that were on their way to the disk when the power
//! failed: they were never answered, and the first that did not arrive is cut off with all that follows. Records say what was durable
//! when they were written: what cannot be read of that is damage. Frames and the like are not looked at, except those of
//! records that may have been on their way: these are whole only with them.

use std::collections::{BTreeMap, VecDeque};
use std::io;

use kith_home::store::StoreError;

use super::damage::{Damage, is_loss};
use super::error::JournalError;
use super::files::{Files, LogFile};
use super::names::{self, Name};
use super::op::{Op, Roster};
use super::print::PrintKey;
use super::record::{FORMAT, Kind, SegmentHead};
use super::scan::{Loaded, Record, Scan, Source, Stop, read_head, read_other_format};
use super::secrets::{self, Secrets};
use super::shelf::Shelf;
use super::tables::Tables;
use super::{Head, Journal, Owed, Pending, SEGMENT_BYTES, Upkeep, random};

mod apply;

/// What the newest segment says of the log.
#[derive(Default)]
struct Standing {
    sealed: BTreeMap<u32, u32>,
    secrets: u64,
    cleaning: u32,
}

impl<F: Files> Journal<F> {
    /// Opens the store in a folder to read it; see [`open_to_read`](Journal::open_to_read).
    ///
    /// # Errors
    /// As there.
    pub fn read_in(files: F) -> Result<Self, StoreError> {
        let names = files.list().map_err(JournalError::Disk)?;
        refuse_newer(&files, &names)?;
        let newest = newest(&names).ok_or_else(|| JournalError::Missing { file: names::segment(1) })?;
        let mut journal = Self::recover(files, newest, SEGMENT_BYTES)?;
        journal.is_read_only = true;
        Ok(journal)
    }

    /// Opens the store in a folder, or creates it there; segments are sealed at a length.
    ///
    /// # Errors
    /// As for [`open`](Journal::open).
    pub fn open_with(files: F, segment_bytes: u64) -> Result<Self, StoreError> {
        let names = files.list().map_err(JournalError::Disk)?;
        refuse_newer(&files, &names)?;
        let mut journal = match newest(&names) {
            None => Self::create(files, &names, segment_bytes)?,
            Some(newest) => Self::recover(files, newest, segment_bytes)?,
        };
        journal.remove_strangers(&names);
        if journal.owed.roll {
            journal.rewrite()?;
            journal.head.file.sync().map_err(JournalError::Disk)?;
            (journal.owed.cut, journal.owed.rewrite) = (false, None);
        }
        journal.settle()?;
        Ok(journal)
    }

    /// Makes an empty store.
    fn create(files: F, names: &[String], segment_bytes: u64) -> Result<Self, StoreError> {
        for name in secrets::NAMES.iter().filter(|name| names.iter().any(|other| other == *name)) {
            // A generation counts only with a record in the log: something was, and its log is gone.
            if Secrets::decode(&secrets::load(&files, name)?)?.is_some_and(|secrets| secrets.generation > 0) {
                return Err(JournalError::Missing { file: names::segment(1) }.into());
            }
        }
        let [low, high] = [random().to_le_bytes(), random().to_le_bytes()];
        let mut key = [0; 16];
        for (to, from) in key.iter_mut().zip(low.iter().chain(&high)) {
            *to = *from;
        }
        let secrets = Secrets::new(PrintKey(key));
        secrets::create(&files, &secrets)?;
        let head = Head::begin(&files, 1, 1, Roster::default())?;
        Ok(Self::assemble(files, head, secrets, segment_bytes))
    }

    fn assemble(files: F, head: Head<F::File>, secrets: Secrets, segment_bytes: u64) -> Self {
        Self {
            files,
            tables: Tables::default(),
            secrets,
            head,
            sealed: BTreeMap::new(),
            shelf: Shelf::new(),
            pending: Pending::default(),
            owed: Owed::default(),
            cleaning: None,
            upkeep: Upkeep { segment_bytes, ..Upkeep::default() },
            damage: Damage::default(),
            is_read_only: false,
        }
    }

    fn recover(files: F, newest: u32, segment_bytes: u64) -> Result<Self, StoreError> {
        let file = files.open(&names::segment(newest)).map_err(JournalError::Disk)?;
        let (head, standing, Ended { end, certain, .. }) = read_newest(file, newest)?;
        let (secrets, other) = read_secrets(&files, standing.secrets)?;
        let mut journal = Self::assemble(files, head, secrets, segment_bytes);
        // What was torn must not be taken for a record some day; zeros that were written ahead go with it. And what was read need
        // not be durable, when it was only the process that ended, or a disk that failed it: the next record will say that it is.
        (journal.owed.cut, journal.owed.rewrite) = (true, Some(certain));
        // Without what lies behind it, the next start would take a record that was durable for one that is torn. In a
        // segment that is sealed nobody asks.
        journal.owed.roll = end == End::Witnessed;
        journal.owed.wipe = Some(other);
        journal.sealed = standing.sealed;
        let sealed: Vec<(u32, u32)> = journal.sealed.iter().map(|(segment, length)| (*segment, *length)).collect();
        for (segment, length) in sealed {
            journal.read_sealed(segment, length)?;
        }
        let Head { segment, salt, length, .. } = journal.head;
        let mut scan = Scan::new(&journal.head.file, Kind::Segment, salt, length);
        read_all(&mut scan, segment, &mut journal.tables).map_err(|stop| stopped(stop, names::segment(segment)))?;
        if !journal.tables.queues.drop_nameless(&mut journal.tables.live) {
            return Err(StoreError::Damaged { table: "queues" });
        }
        if standing.cleaning != 0 {
            journal.cleaning = journal.cursor(standing.cleaning);
            // Nothing else may be emptied before it.
            journal.upkeep.is_off = journal.cleaning.is_none();
        }
        Ok(journal)
    }

    /// Reads what a sealed segment says, from its summary if that is there and whole.
    fn read_sealed(&mut self, segment: u32, length: u32) -> Result<(), StoreError> {
        if self.read_summary(segment, length).is_some() {
            return Ok(());
        }
        let (name, length) = (names::segment(segment), u64::from(length));
        let file = open_existing(&self.files, &name)?;
        let salt = read_head_of(&file, segment)?.salt;
        let there = file.length().map_err(JournalError::Disk)?;
        if there < length {
            return Err(JournalError::Damaged { file: name, offset: there }.into());
        }
        let mut scan = Scan::new(&file, Kind::Segment, salt, length);
        read_all(&mut scan, segment, &mut self.tables).map_err(|stop| stopped(stop, name))?;
        Ok(())
    }

    /// Reads a summary; `None` when the segment itself must be read. What was read of a damaged one does no harm: the segment says
    /// it all again.
    fn read_summary(&mut self, segment: u32, length: u32) -> Option<()> {
        let file = self.files.open(&names::summary(segment)).ok()?;
        // The segment must be there and as long as it was, whether it is read now or not.
        let there = self.files.open(&names::segment(segment)).and_then(|file| file.length()).ok()?;
        let mut bytes = vec![0; usize::try_from(file.length().ok().filter(|bytes| *bytes <= there)?).ok()?];
        file.read_at(&mut bytes, 0).ok()?;
        let (source, end) = (Loaded(bytes), file.length().ok()?);
        let head = read_head(&source, Kind::Summary).filter(|head| head.segment == segment)?;
        let mut scan = Scan::new(&source, Kind::Summary, head.salt, end);
        read_all(&mut scan, segment, &mut self.tables).ok()?;
        (scan.origin() == u64::from(length) && there >= u64::from(length)).then_some(())
    }

    /// Removes files of ours that do not count: what was being made, what is not needed any more.
    fn remove_strangers(&mut self, names: &[String]) {
        for name in names {
            let is_stranger = match Name::parse(name) {
                None => false,
                Some(Name::Unfinished) => true,
                Some(Name::Segment(segment)) => segment != self.head.segment && !self.sealed.contains_key(&segment),
                Some(Name::Summary(segment)) => !self.sealed.contains_key(&segment),
            };
            if is_stranger {
                // Those that stay cost room, nothing else.
                let _ = self.files.remove(name);
            }
        }
    }
}

/// How the log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// What is cut off tells nothing.
    Plain,
    /// What lies behind the end tells that a record before it was durable, though the disk has lost some of its contents.
    Witnessed,
}

/// Returns the number of the newest segment.
fn newest(names: &[String]) -> Option<u32> {
    names.iter().filter_map(|name| Name::parse(name).and_then(Name::segment)).max()
}

/// Reads the head of a segment.
fn read_head_of(file: &impl LogFile, segment: u32) -> Result<SegmentHead, JournalError> {
    let name = names::segment(segment);
    if let Some(found) = read_other_format(file) {
        return Err(JournalError::Format { file: name, found, known: FORMAT });
    }
    let head = read_head(file, Kind::Segment).filter(|head| head.segment == segment);
    head.ok_or(JournalError::Damaged { file: name, offset: 0 })
}

/// Reads the newest segment as far as it is whole, and what it says of the log.
fn read_newest<T: LogFile>(file: T, segment: u32) -> Result<(Head<T>, Standing, Ended), StoreError> {
    let damaged = |offset| JournalError::Damaged { file: names::segment(segment), offset };
    let head = read_head_of(&file, segment)?;
    let end = file.length().map_err(JournalError::Disk)?;
    let mut scan = Scan::new(&file, Kind::Segment, head.salt, end);
    let mut ending = Ending::default();
    let behind = loop {
        match scan.next() {
            Ok(Some(record)) => ending.add(record),
            Ok(None) => break 0,
            Err(Stop::Damaged(_)) => break scan.search_behind().map_err(JournalError::Disk)?.certain,
            Err(Stop::Io(problem)) => return Err(JournalError::Disk(problem).into()),
        }
    };
    if behind > scan.origin() {
        return Err(damaged(scan.origin()).into());
    }
    let number = scan.next_number().unwrap_or_default();
    let mut ended = ending.end(&file, behind).map_err(JournalError::Disk)?;
    let (length, number) = ended.cut.unwrap_or((scan.origin(), number));
    // A segment counts only once it has its roster.
    let standing = ended.standing.take().ok_or_else(|| damaged(length))?;
    Ok((Head { segment, salt: head.salt, file, length, number, zeroed: 0 }, standing, ended))
}

/// The records of the newest segment, the last of which may have been on their way to the disk.
#[derive(Default)]
struct Ending {
    /// Those that may have been.
    open: VecDeque<Record>,
    /// Up to here all was durable.
    certain: u64,
    standing: Option<Standing>,
}

/// What came of them.
struct Ended {
    /// Where the first one begins that did not arrive, and its number.
    cut: Option<(u64, u64)>,
    standing: Option<Standing>,
    end: End,
    /// Up to here all was durable when the last record was written.
    certain: u64,
}

impl Ending {
    fn add(&mut self, record: Record) {
        self.certain = self.certain.max(record.head.certain.into());
        self.open.push_back(record);
        while let Some(durable) = self.open.pop_front_if(|record| record.origin < self.certain) {
            durable.ops.iter().for_each(|op| stand(&mut self.standing, op));
        }
    }

    /// Looks at the contents of the last ones; `behind` is what the records behind them say.
    fn end(mut self, file: &impl LogFile, behind: u64) -> io::Result<Ended> {
        let mut end = End::Plain;
        for record in self.open {
            let is_whole = match record.payload_is_whole(file) {
                Err(problem) if !is_loss(&problem) => return Err(problem),
                checked => checked.unwrap_or(false),
            };
            if !is_whole && record.origin >= behind {
                let cut = Some((record.origin, record.head.number));
                return Ok(Ended { cut, standing: self.standing, end, certain: self.certain });
            }
            if !is_whole {
                end = End::Witnessed;
            }
            record.ops.iter().for_each(|op| stand(&mut self.standing, op));
        }
        Ok(Ended { cut: None, standing: self.standing, end, certain: self.certain })
    }
}

/// Follows what an operation says of the log itself.
fn stand(standing: &mut Option<Standing>, op: &Op) {
    match (op, standing.as_mut()) {
        (Op::Roster(roster), None) => {
            let sealed = roster.sealed.iter().map(|sealed| (sealed.segment, sealed.length)).collect();
            *standing = Some(Standing { sealed, secrets: roster.secrets, cleaning: roster.cleaning });
        }
        (Op::Secrets { generation }, Some(standing)) => standing.secrets = *generation,
        (Op::Cleaning { segment }, Some(standing)) => standing.cleaning = *segment,
        (Op::SegmentGone { segment }, Some(standing)) => {
            standing.sealed.remove(segment);
            standing.cleaning = 0;
        }
        _ => {}
    }
}

/// Reads records to the end into the tables.
fn read_all<S: Source>(scan: &mut Scan<'_, S>, segment: u32, tables: &mut Tables) -> Result<(), Stop> {
    while let Some(record) = scan.next()? {
        for (op, offset) in record.placed() {
            tables.apply(op, segment, offset);
        }
    }
    Ok(())
}

fn stopped(stop: Stop, file: String) -> JournalError {
    match stop {
        Stop::Damaged(offset) => JournalError::Damaged { file, offset },
        Stop::Io(problem) => JournalError::Disk(problem),
    }
}

/// Opens a file that must be there.
fn open_existing<F: Files>(files: &F, name: &str) -> Result<F::File, JournalError> {
    files.open(name).map_err(|problem| match problem.kind() {
        std::io::ErrorKind::NotFound => JournalError::Missing { file: name.to_owned() },
        _ => JournalError::Disk(problem),
    })
}

/// Refuses a store of a newer release before anything of it is touched.
fn refuse_newer<F: Files>(files: &F, names: &[String]) -> Result<(), StoreError> {
    for name in secrets::NAMES.iter().filter(|name| names.iter().any(|other| other == *name)) {
        Secrets::decode(&secrets::load(files, name)?)?;
    }
    Ok(())
}

/// Reads the secrets that count, and the generation to which the other file would belong if it must be wiped.
fn read_secrets<F: Files>(files: &F, generation: u64) -> Result<(Secrets, u64), StoreError> {
    let name = Secrets::name(generation);
    open_existing(files, name)?;
    let found = Secrets::decode(&secrets::load(files, name)?)?.filter(|secrets| secrets.generation == generation);
    let secrets = found.ok_or_else(|| JournalError::Damaged { file: name.to_owned(), offset: 0 })?;
    let other = generation.saturating_add(1);
    open_existing(files, Secrets::name(other))?;
    Ok((secrets, other))
}
