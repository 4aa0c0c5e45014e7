//! What is there after a power cut or a failed wait, when commits run ahead of the disk.

use std::collections::BTreeMap;

use kith_home::store::{Account, Txn};
use kith_wire::id::AccountKey;
use kith_wire::time::Day;
use proptest::prelude::*;

use super::*;

/// What happened to a file since it was synced.
#[derive(Clone)]
enum Change {
    Write(u64, Vec<u8>),
    Length(u64),
}

#[derive(Clone, Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    changes: Vec<Change>,
}

#[derive(Clone, Default)]
struct Contents {
    files: Vec<Content>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Waits that fail from now on.
    n_failing: u32,
}

/// A folder in memory that forgets what nobody waited for.
#[derive(Clone, Default)]
struct Folder(Arc<Mutex<Contents>>);

struct Opened(Folder, usize);

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(at, new) => {
            let at = usize::try_from(*at).unwrap();
            bytes.resize(bytes.len().max(at + new.len()), 0);
            bytes[at..at + new.len()].copy_from_slice(new);
        }
        Change::Length(length) => bytes.resize(usize::try_from(*length).unwrap(), 0),
    }
}

impl Folder {
    fn all(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap()
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        self.all().names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Returns what a power cut leaves: of what nobody waited for, the first few changes of each file, or any of
    /// them, or none without luck.
    fn after_power_cut(&self, mut luck: u64) -> Self {
        let is_unlucky = luck == 0;
        let mut left = self.all().clone();
        for file in &mut left.files {
            luck = luck.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let n_kept = if is_unlucky { 0 } else { usize::try_from(luck >> 33).unwrap() % (file.changes.len() + 1) };
            file.now = file.durable.clone();
            // A disk writes in whatever order it likes.
            let (is_in_order, coins) = (luck & 1 << 40 == 0, luck >> 11);
            for (n, change) in file.changes.drain(..).enumerate() {
                let is_kept = if is_in_order { n < n_kept } else { !is_unlucky && coins >> (n % 29) & 1 == 1 };
                if is_kept {
                    apply(&mut file.now, &change);
                }
            }
            file.durable = file.now.clone();
        }
        // Names are kept or forgotten together: nobody here renames twice without waiting.
        let names = if luck.is_multiple_of(2) { left.names.clone() } else { left.durable_names.clone() };
        (left.names, left.durable_names) = (names.clone(), names);
        Self(Arc::new(Mutex::new(left)))
    }
}

impl Files for Folder {
    type File = Opened;

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.all().names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<Opened> {
        Ok(Opened(self.clone(), self.find(name)?))
    }

    fn create(&self, name: &str) -> io::Result<Opened> {
        let mut all = self.all();
        let idx = all.files.len();
        all.files.push(Content::default());
        all.names.insert(name.to_owned(), idx);
        Ok(Opened(self.clone(), idx))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let idx = self.find(from)?;
        let mut all = self.all();
        all.names.remove(from);
        all.names.insert(to.to_owned(), idx);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.find(name)?;
        self.all().names.remove(name);
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut all = self.all();
        all.durable_names = all.names.clone();
        Ok(())
    }
}

impl LogFile for Opened {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.all().files[self.1].now.len() as u64)
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let (all, at) = (self.0.all(), usize::try_from(offset).unwrap());
        let part = all.files[self.1].now.get(at..at + bytes.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        bytes.copy_from_slice(part);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let change = Change::Write(offset, bytes.to_vec());
        let file = &mut self.0.all().files[self.1];
        apply(&mut file.now, &change);
        file.changes.push(change);
        Ok(())
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        let file = &mut self.0.all().files[self.1];
        apply(&mut file.now, &Change::Length(length));
        file.changes.push(Change::Length(length));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut all = self.0.all();
        let fails = all.n_failing > 0;
        all.n_failing = all.n_failing.saturating_sub(1);
        let file = &mut all.files[self.1];
        file.changes.clear();
        if fails {
            // The worst that a kernel does: it says so once, and keeps in memory what is not on the disk.
            return Err(io::ErrorKind::Other.into());
        }
        file.durable = file.now.clone();
        Ok(())
    }
}

fn open(folder: &Folder) -> Ahead<Folder> {
    let taken = folder.clone();
    let mut store = Ahead::open_with(move || Ok(taken.clone())).unwrap();
    store.set_waiting(Waiting::Outside);
    store
}

fn key(number: u32) -> AccountKey {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    AccountKey(bytes)
}

fn account() -> Account {
    Account { created: Day(7), n_queues: 0, blob_bytes: 0, n_outgoing: 0 }
}

/// Commits an account with this number, and a secret too when asked.
fn commit(store: &mut Ahead<Folder>, number: u32, with_secret: bool) -> Result<(), StoreError> {
    let mut txn = store.begin()?;
    txn.put_account(&key(number), &account())?;
    if with_secret {
        let secret = kith_home::store::Secret::new(&number.to_be_bytes());
        txn.set_meta(kith_home::store::MetaKey::Generation, &secret)?;
    }
    txn.commit()
}

/// Returns how many accounts there are, which must be the first ones.
fn n_accounts(store: &mut impl Store) -> u32 {
    let txn = store.begin().unwrap();
    let n = (0..).take_while(|number| txn.account(&key(*number)).unwrap().is_some()).count();
    assert_eq!(txn.counts().unwrap().accounts, n as u64);
    u32::try_from(n).unwrap()
}

#[test]
fn a_commit_is_seen_at_once_and_durable_when_its_debt_is_paid() {
    let folder = Folder::default();
    let mut store = open(&folder);
    commit(&mut store, 0, false).unwrap();
    assert_eq!(n_accounts(&mut store), 1);
    // No change of a file that nobody waited for is left.
    let left = |luck| n_accounts(&mut Journal::open_in(folder.after_power_cut(luck)).unwrap());
    assert_eq!(left(0), 0);
    store.owed().unwrap()().unwrap();
    assert_eq!((left(0), left(1)), (1, 1));
    assert!(store.owed().is_none());
}

#[test]
fn a_debt_that_is_not_paid_takes_back_all_that_came_after_the_last_one() {
    let folder = Folder::default();
    let mut store = open(&folder);
    commit(&mut store, 0, false).unwrap();
    store.owed().unwrap()().unwrap();
    commit(&mut store, 1, false).unwrap();
    let debt = store.owed().unwrap();
    // One more stands on it before it turns out to have failed.
    commit(&mut store, 2, false).unwrap();
    folder.all().n_failing = 1;
    assert!(debt().is_err());
    assert!(store.begin().is_err() && store.owed().unwrap()().is_err());
    store.set_back().unwrap();
    assert_eq!(n_accounts(&mut store), 1);
    commit(&mut store, 1, false).unwrap();
    store.owed().unwrap()().unwrap();
    assert_eq!(n_accounts(&mut Journal::open_in(folder.after_power_cut(3)).unwrap()), 2);
}

#[test]
fn a_debt_that_nobody_pays_counts_as_failed() {
    let mut store = open(&Folder::default());
    commit(&mut store, 0, false).unwrap();
    drop(store.owed());
    assert!(store.begin().is_err());
    store.set_back().unwrap();
    assert_eq!(n_accounts(&mut store), 0);
}

#[test]
fn a_disk_that_goes_on_failing_is_asked_again_until_it_works() {
    let folder = Folder::default();
    let mut store = open(&folder);
    commit(&mut store, 0, false).unwrap();
    folder.all().n_failing = 3;
    assert!(store.owed().unwrap()().is_err());
    assert!(store.set_back().is_err() && store.set_back().is_err() && store.begin().is_err());
    store.set_back().unwrap();
    assert_eq!(n_accounts(&mut store), 0);
}

#[test]
fn a_store_that_could_not_be_opened_again_is_tried_again_until_it_can() {
    let folder = Folder::default();
    let (taken, refuses) = (folder.clone(), Arc::new(AtomicBool::new(false)));
    let is_refused = Arc::clone(&refuses);
    let take = move || if is_refused.load(Ordering::Relaxed) { Err(JournalError::InUse) } else { Ok(taken.clone()) };
    let mut store = Ahead::open_with(take).unwrap();
    commit(&mut store, 0, false).unwrap();
    refuses.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        assert!(store.set_back().is_err());
        // Whoever asks what is owed hears that it is not paid, and so knows what to do.
        assert!(store.begin().is_err() && store.owed().unwrap()().is_err());
    }
    refuses.store(false, Ordering::Relaxed);
    store.set_back().unwrap();
    assert_eq!(n_accounts(&mut store), 1);
    commit(&mut store, 1, false).unwrap();
    assert_eq!(n_accounts(&mut store), 2);
}

#[test]
fn secrets_never_reach_the_disk_before_the_log_that_they_stand_on() {
    let folder = Folder::default();
    let mut store = open(&folder);
    commit(&mut store, 0, false).unwrap();
    folder.all().n_failing = 1;
    // The log is made durable before a file of secrets is touched, and that fails.
    assert!(commit(&mut store, 1, true).is_err());
    assert!(store.owed().unwrap()().is_err());
    store.set_back().unwrap();
    assert_eq!(n_accounts(&mut store), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn after_a_power_cut_all_that_was_paid_for_is_there_and_only_a_beginning_of_the_rest(
        steps in proptest::collection::vec((any::<bool>(), any::<bool>(), any::<bool>()), 1..8), luck in any::<u64>(),
    ) {
        let folder = Folder::default();
        let mut store = open(&folder);
        let mut n_paid = 0;
        for (number, (pays, late, with_secret)) in (0..).zip(&steps) {
            commit(&mut store, number, *with_secret && *pays).unwrap();
            if *pays && let Some(debt) = store.owed() {
                if *late {
                    // Paid while the next transaction is open.
                    let txn = store.begin().unwrap();
                    debt().unwrap();
                    drop(txn);
                } else {
                    debt().unwrap();
                }
            }
            if *pays {
                n_paid = number + 1;
            }
            let left = n_accounts(&mut Journal::open_in(folder.after_power_cut(luck.rotate_left(number))).unwrap());
            prop_assert!(n_paid <= left && left <= number + 1, "{n_paid} {left} {number}");
        }
    }
}
