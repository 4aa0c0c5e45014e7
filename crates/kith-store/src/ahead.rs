//! A store that goes on while the disk is busy.
//!
//! A commit of the [`Journal`] writes a record and waits for the disk. Here it only writes: what it did is seen at once, and
//! the wait is a [`Debt`] that any thread may pay, while the next transaction is made. When a debt cannot be paid, nothing that was written
//! since the last one is certain: the log is cut back to there and the journal is opened anew, exactly as after a crash.
//!
//! The journal knows nothing of this. It sees a folder in which waiting for the end of the log takes no time, and whatever is done to any
//! other file, or to names, first makes the log durable: so what follows upon a record never reaches the disk before it.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use kith_home::store::{Debt, Health, Store, StoreError};

use crate::journal::files::{Disk, Files, LogFile};
use crate::journal::{Journal, JournalError, JournalTxn};

#[cfg(test)]
mod tests;

/// A home server's store whose commits are seen at once and durable later.
pub struct Ahead<F: Files = Disk>
where
    F::File: Send + Sync,
{
    /// Nothing while it could not be opened again.
    journal: Option<Journal<Late<F>>>,
    ledger: Arc<Ledger<F::File>>,
    take: Box<Take<F>>,
}

/// Takes the folder for this process.
type Take<F> = dyn FnMut() -> Result<F, JournalError> + Send;

/// Whether commits wait for the disk themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Each commit waits, as in any store.
    Inside,
    /// [`Store::owed`] tells what waits.
    Outside,
}

impl Ahead<Disk> {
    /// Opens the store in a folder, or creates it there, and owns it until dropped. Commits wait for the disk until
    /// something else is said.
    ///
    /// # Errors
    /// As for [`Journal::open`].
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let folder = folder.to_owned();
        Self::open_with(move || Disk::own(&folder)?.ok_or(JournalError::InUse))
    }
}

impl<F: Files> Ahead<F>
where
    F::File: Send + Sync,
{
    /// Opens the store in a folder that is taken anew each time that it has to be opened again.
    ///
    /// # Errors
    /// As for [`Journal::open`].
    pub fn open_with(take: impl FnMut() -> Result<F, JournalError> + Send + 'static) -> Result<Self, StoreError> {
        let mut store = Self { journal: None, ledger: Arc::default(), take: Box::new(take) };
        store.open_again()?;
        Ok(store)
    }

    /// Says who waits for the disk from now on.
    pub fn set_waiting(&mut self, waiting: Waiting) {
        self.ledger.state().waits_inside = waiting == Waiting::Inside;
    }

    fn open_again(&mut self) -> Result<(), StoreError> {
        // The lock of the folder is given back first.
        self.journal = None;
        let files = (self.take)()?;
        self.journal =
            Some(Journal::open_in(Late { files, ledger: Arc::clone(&self.ledger), made: Mutex::default() })?);
        Ok(())
    }
}

impl<F: Files> Store for Ahead<F>
where
    F::File: Send + Sync + 'static,
{
    type Txn<'a>
        = JournalTxn<'a, Late<F>>
    where
        F: 'a;

    fn begin(&mut self) -> Result<Self::Txn<'_>, StoreError> {
        if self.ledger.state().unpaid.is_some() {
            return Err(JournalError::Disk(unpaid()).into());
        }
        self.journal.as_mut().ok_or_else(|| JournalError::Disk(unpaid()))?.begin()
    }

    fn look(&mut self) -> Result<Self::Txn<'_>, StoreError> {
        if self.ledger.state().unpaid.is_some() {
            return Err(JournalError::Disk(unpaid()).into());
        }
        self.journal.as_mut().ok_or_else(|| JournalError::Disk(unpaid()))?.look()
    }

    fn health(&self) -> Health {
        self.journal.as_ref().map(Store::health).unwrap_or_default()
    }

    fn owed(&mut self) -> Option<Debt> {
        let mut state = self.ledger.state();
        // A store that could not be opened again owes everything: whoever asks has it set back once more.
        if state.unpaid.is_some() || self.journal.is_none() {
            return Some(Box::new(|| Err(JournalError::Disk(unpaid()).into())));
        }
        let part = state.written.take()?;
        state.in_payment = Some(part.clone());
        let payment = Payment { ledger: Arc::clone(&self.ledger), part };
        Some(Box::new(move || payment.pay().map_err(|problem| JournalError::Disk(problem).into())))
    }

    fn set_back(&mut self) -> Result<(), StoreError> {
        self.ledger.cut().map_err(JournalError::Disk)?;
        self.open_again()
    }
}

fn unpaid() -> io::Error {
    io::Error::other("what was written before did not become durable")
}

/// What is written and not durable.
struct Ledger<T> {
    state: Mutex<State<T>>,
    /// A payment has ended.
    ended: Condvar,
}

struct State<T> {
    waits_inside: bool,
    /// Written; nobody waits for it yet.
    written: Option<Part<T>>,
    /// Somebody waits for it.
    in_payment: Option<Part<T>>,
    /// It did not become durable, and nothing after it will.
    unpaid: Option<Part<T>>,
}

/// The end of a log.
struct Part<T> {
    file: Arc<T>,
    /// Where it begins.
    first: u64,
}

impl<T> Clone for Part<T> {
    fn clone(&self) -> Self {
        Self { file: Arc::clone(&self.file), first: self.first }
    }
}

impl<T> Default for Ledger<T> {
    fn default() -> Self {
        let state = State { waits_inside: true, written: None, in_payment: None, unpaid: None };
        Self { state: Mutex::new(state), ended: Condvar::new() }
    }
}

impl<T: LogFile> Ledger<T> {
    /// A panic while the lock was held cannot leave an entry half there.
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for whoever pays.
    fn idle(&self) -> MutexGuard<'_, State<T>> {
        let state = self.state();
        self.ended.wait_while(state, |state| state.in_payment.is_some()).unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when all that was written is durable.
    fn settle(&self) -> io::Result<()> {
        let mut state = self.idle();
        if state.unpaid.is_some() {
            return Err(unpaid());
        }
        let Some(part) = state.written.take() else { return Ok(()) };
        let outcome = part.file.sync();
        if outcome.is_err() {
            state.unpaid = Some(part);
        }
        outcome
    }

    /// Notes that something is written.
    fn writes(&self, file: &Arc<T>, offset: u64) -> io::Result<()> {
        let mut state = self.state();
        if state.unpaid.is_some() {
            return Err(unpaid());
        }
        let first = state.written.as_ref().map_or(offset, |part| part.first.min(offset));
        state.written = Some(Part { file: Arc::clone(file), first });
        Ok(())
    }

    /// Cuts off what did not become durable.
    fn cut(&self) -> io::Result<()> {
        let mut state = self.idle();
        let Some(part) = &state.unpaid else { return Ok(()) };
        // What was written after it lies behind it in the same file: before anything happens to another one, this one is durable.
        let first = state.written.as_ref().map_or(part.first, |later| later.first.min(part.first));
        part.file.set_length(first)?;
        part.file.sync()?;
        (state.unpaid, state.written) = (None, None);
        Ok(())
    }
}

/// Waits for the disk, once. Given up, it counts as failed.
struct Payment<T: LogFile> {
    ledger: Arc<Ledger<T>>,
    part: Part<T>,
}

impl<T: LogFile> Payment<T> {
    fn pay(self) -> io::Result<()> {
        let outcome = self.part.file.sync();
        if outcome.is_ok() {
            self.ledger.state().in_payment = None;
        }
        outcome
    }
}

impl<T: LogFile> Drop for Payment<T> {
    fn drop(&mut self) {
        let mut state = self.ledger.state();
        if let Some(part) = state.in_payment.take() {
            state.unpaid = Some(part);
        }
        drop(state);
        self.ledger.ended.notify_all();
    }
}

/// A folder in which the log is durable later, and everything else after the log.
pub struct Late<F: Files> {
    files: F,
    ledger: Arc<Ledger<F::File>>,
    /// The file that was made last, by its name: it may become a log.
    made: Mutex<Option<(String, Arc<AtomicBool>)>>,
}

/// A file in it.
pub struct LateFile<T> {
    file: Arc<T>,
    ledger: Arc<Ledger<T>>,
    is_log: Arc<AtomicBool>,
    /// The length was set, and the disk has not been waited for since.
    is_cut: AtomicBool,
}

impl<F: Files> Late<F> {
    fn file(&self, file: F::File, is_log: &Arc<AtomicBool>) -> LateFile<F::File> {
        let (file, ledger) = (Arc::new(file), Arc::clone(&self.ledger));
        LateFile { file, ledger, is_log: Arc::clone(is_log), is_cut: AtomicBool::new(false) }
    }

    fn made(&self) -> MutexGuard<'_, Option<(String, Arc<AtomicBool>)>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_log(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "log")
}

impl<F: Files> Files for Late<F> {
    type File = LateFile<F::File>;

    fn list(&self) -> io::Result<Vec<String>> {
        self.files.list()
    }

    fn open(&self, name: &str) -> io::Result<Self::File> {
        Ok(self.file(self.files.open(name)?, &Arc::new(AtomicBool::new(is_log(name)))))
    }

    fn create(&self, name: &str) -> io::Result<Self::File> {
        self.ledger.settle()?;
        let (file, is_log) = (self.files.create(name)?, Arc::new(AtomicBool::new(is_log(name))));
        *self.made() = Some((name.to_owned(), Arc::clone(&is_log)));
        Ok(self.file(file, &is_log))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.ledger.settle()?;
        self.files.rename(from, to)?;
        if let Some((_, flag)) = self.made().take_if(|(name, _)| name == from) {
            flag.store(is_log(to), Ordering::Relaxed);
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.ledger.settle()?;
        self.files.remove(name)
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.ledger.settle()?;
        self.files.sync_folder()
    }
}

impl<T: LogFile> LogFile for LateFile<T> {
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_at(bytes, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if self.is_log.load(Ordering::Relaxed) {
            self.ledger.writes(&self.file, offset)?;
        } else {
            self.ledger.settle()?;
        }
        self.file.write_at(bytes, offset)
    }

    fn certain(&self, committed: u64) -> u64 {
        let state = self.ledger.state();
        let parts = [&state.unpaid, &state.in_payment, &state.written].into_iter().flatten();
        let ours = parts.filter(|part| Arc::ptr_eq(&part.file, &self.file));
        ours.map(|part| part.first).fold(committed, u64::min)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.ledger.settle()?;
        self.is_cut.store(true, Ordering::Relaxed);
        self.file.set_length(length)
    }

    fn sync(&self) -> io::Result<()> {
        let is_log = self.is_log.load(Ordering::Relaxed);
        if is_log && !self.is_cut.load(Ordering::Relaxed) && !self.ledger.state().waits_inside {
            return Ok(());
        }
        self.ledger.settle()?;
        self.file.sync()?;
        self.is_cut.store(false, Ordering::Relaxed);
        Ok(())
    }
}
