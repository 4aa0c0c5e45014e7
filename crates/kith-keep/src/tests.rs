//! Sending and fetching against a server that fails at every step, keeps too little, or lies. What is sent here is no backup: nobody looks inside.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::path::Path;

use kith_crypto::capability::{may_delete, may_read, read_verifier};
use kith_crypto::home_backup::{HomeBackupSecret, Side};
use kith_crypto::user::UserSecret;
use kith_wire::Timestamp;
use kith_wire::id::{BlobId, ServerKey, Verifier};
use kith_wire::operation::{Answer, Operation, Refusal};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use crate::place::{PLACES, heads};

/// A blob at the server that stands for one here.
#[derive(Clone)]
struct Kept {
    read: Verifier,
    delete: Verifier,
    chunks: Vec<Option<Vec<u8>>>,
    is_kept: bool,
    account: u8,
}

/// What stands for a home server: rules KH-22 to KH-25, KH-44 and KH-45, as far as they matter here.
#[derive(Clone, Default)]
struct Fake {
    blobs: BTreeMap<BlobId, Kept>,
    /// Answers that are left before the connection breaks.
    left: Option<u32>,
    /// Whether the next answer to a wish to keep blobs is lost; those after it are heard.
    is_deaf: bool,
    /// Chunks that were put.
    n_put: u64,
    /// Blobs that it keeps at most.
    room: Option<usize>,
    /// Whose device asks.
    account: u8,
}

/// When somebody restores.
const NOW: Timestamp = Timestamp(1_000);
const REFUSED: Answer = Answer::Refused { reason: Refusal::NotFound };

impl Fake {
    fn answer(&mut self, operation: Operation) -> Answer {
        match operation {
            Operation::BlobCreate { blob, chunks, read, delete, .. } => {
                let chunks = vec![None; chunks as usize];
                let account = self.account;
                let is_there = self.blobs.entry(blob).or_insert(Kept { read, delete, chunks, is_kept: false, account });
                if is_there.account == account {
                    Answer::Accepted
                } else {
                    Answer::Refused { reason: Refusal::Invalid }
                }
            }
            Operation::BlobStatus { blob } => {
                let Some(blob) = self.blobs.get(&blob).filter(|blob| blob.account == self.account) else {
                    return REFUSED;
                };
                let mut present = vec![0; blob.chunks.len().div_ceil(8)];
                for (at, _) in blob.chunks.iter().enumerate().filter(|(_, chunk)| chunk.is_some()) {
                    present[at / 8] |= 1 << (at % 8);
                }
                Answer::BlobStatus { present }
            }
            Operation::BlobPut { blob, index, chunk } => {
                self.n_put += 1;
                self.blobs.get_mut(&blob).unwrap().chunks[index as usize] = Some(chunk);
                Answer::Accepted
            }
            Operation::BlobGet { blob, index, capability } => {
                let blob = self.blobs.get(&blob).filter(|blob| may_read(&capability, &blob.read));
                let chunk = blob.and_then(|blob| blob.chunks.get(index as usize)?.clone());
                chunk.map_or(REFUSED, |chunk| Answer::BlobChunk { chunk })
            }
            Operation::BlobDelete { blob, capability } => {
                if self.blobs.get(&blob).is_some_and(|blob| may_delete(&capability, &blob.delete)) {
                    self.blobs.remove(&blob);
                }
                Answer::Accepted
            }
            Operation::BlobKeep { blobs } => self.keep(&blobs),
            _ => unreachable!("nothing else is asked"),
        }
    }

    fn keep(&mut self, blobs: &[BlobId]) -> Answer {
        let is_own = |blob: &&Kept| blob.account == self.account;
        let is_whole =
            |id: &BlobId| self.blobs.get(id).filter(is_own).is_some_and(|blob| blob.chunks.iter().all(Option::is_some));
        if !blobs.iter().all(is_whole) {
            return REFUSED;
        }
        let n_new = blobs.iter().filter(|id| !self.blobs[id].is_kept).count();
        let n_kept = self.blobs.values().filter(|blob| blob.is_kept).count();
        if n_new > 0 && self.room.is_some_and(|room| n_kept + n_new > room) {
            return Answer::Refused { reason: Refusal::QuotaExceeded };
        }
        for id in blobs {
            self.blobs.get_mut(id).unwrap().is_kept = true;
        }
        Answer::Accepted
    }
}

impl Asked for Fake {
    async fn ask(&mut self, operation: Operation) -> Result<Answer, AskError> {
        match &mut self.left {
            Some(0) => return Err(closed()),
            Some(left) => *left -= 1,
            None => {}
        }
        let is_lost = self.is_deaf && matches!(&operation, Operation::BlobKeep { blobs } if blobs.len() > 2);
        let answer = self.answer(operation);
        if is_lost {
            self.is_deaf = false;
            return Err(closed());
        }
        Ok(answer)
    }

    async fn breathe(&mut self) {}
}

fn closed() -> AskError {
    NotCarried::new("the connection was closed", true).into()
}

fn now_do<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn secret(person: u8) -> HomeBackupSecret {
    HomeBackupSecret::new(&UserSecret::from_seed([person; 32]), &ServerKey([9; 32]))
}

/// Bytes of which no two parts are alike.
fn content(length: usize, seed: u8) -> Vec<u8> {
    (0..length)
        .map(|at| at.to_le_bytes()[0] ^ at.to_le_bytes()[1].rotate_left(3) ^ at.to_le_bytes()[2] ^ seed)
        .collect()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Puts a file at the server, of which this is the label.
    fn send(&self, server: &mut Fake, place: u8, bytes: &[u8], (label, made): (u8, u64)) -> Result<u64, KeepError> {
        let path = self.0.path().join("sent");
        std::fs::write(&path, bytes).unwrap();
        let (device, made, length) = (format!("device {place}"), Timestamp(made), bytes.len() as u64);
        let sending = Sending { label: [label; 16], length, device, made, every: Some(24) };
        let (mut file, mut rng) = (File::open(&path).unwrap(), StdRng::seed_from_u64(made.0));
        let sent = now_do(send(server, (&secret(1), place), &mut file, sending, &mut rng, &|_, _| {}));
        sent.map(|sent| sent.bytes)
    }

    /// Fetches what a restoring person finds first.
    fn fetch(&self, server: &mut Fake, holes: Holes) -> Result<(u64, Vec<u8>), KeepError> {
        let found = newest(server).ok_or(KeepError::Nothing)?;
        let path = self.0.path().join("fetched");
        now_do(fetch(server, &secret(1), &found, &mut open(&path), holes, |_, _| {}))?;
        Ok((found.made.0, std::fs::read(&path).unwrap()))
    }

    fn fetched(&self) -> std::path::PathBuf {
        let fetched: &Path = &self.0.path().join("fetched");
        fetched.to_owned()
    }
}

fn open(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).unwrap()
}

fn newest(server: &mut Fake) -> Option<FoundAtHome> {
    now_do(find_all(server, &secret(1), NOW)).unwrap().into_iter().next()
}

/// What one run after another has made of a file.
fn grown() -> [Vec<u8>; 2] {
    let second = content(900_000, 1);
    [second[..600_000].to_vec(), second]
}

#[test]
fn ke_100_only_what_is_new_travels() {
    let (folder, mut server, [first, second]) = (Folder::new(), Fake::default(), grown());
    assert_eq!(folder.send(&mut server, 0, &first, (1, 10)).unwrap(), 600_000);
    assert_eq!(folder.send(&mut server, 0, &second, (1, 20)).unwrap(), 300_000);
    assert_eq!(folder.send(&mut server, 0, &second, (1, 30)).unwrap(), 0, "a date only");
    assert_eq!(server.blobs.len(), 3, "two pieces and a head");
    assert!(server.blobs.values().all(|blob| blob.is_kept));
    assert_eq!(folder.fetch(&mut server, Holes::Refused).unwrap(), (30, second.clone()));
    // Written anew it has another label: all of it travels, and nothing of before is left.
    let third = content(400_000, 3);
    assert_eq!(folder.send(&mut server, 0, &third, (2, 40)).unwrap(), 400_000);
    assert_eq!(folder.fetch(&mut server, Holes::Refused).unwrap(), (40, third));
    assert_eq!(server.blobs.len(), 2);
}

#[test]
fn ke_100_whenever_it_is_interrupted_there_is_a_whole_backup_and_the_next_attempt_goes_on() {
    let (folder, mut before, [first, second]) = (Folder::new(), Fake::default(), grown());
    let anew = content(700_000, 7);
    folder.send(&mut before, 0, &first, (1, 10)).unwrap();
    for (bytes, label) in [(&second, 1), (&anew, 2)] {
        let mut whole = Fake { n_put: 0, ..before.clone() };
        folder.send(&mut whole, 0, bytes, (label, 20)).unwrap();
        for left in 0.. {
            let mut server = Fake { left: Some(left), n_put: 0, ..before.clone() };
            let interrupted = folder.send(&mut server, 0, bytes, (label, 20));
            server.left = None;
            let found = folder.fetch(&mut server, Holes::Refused).unwrap();
            assert!(found == (10, first.clone()) || found == (20, bytes.clone()), "after {left} answers");
            folder.send(&mut server, 0, bytes, (label, 30)).unwrap();
            assert_eq!(folder.fetch(&mut server, Holes::Refused).unwrap(), (30, bytes.clone()));
            // Nothing is left over, and no chunk of a piece was sent twice.
            let n_blobs = newest(&mut server).unwrap().head.pieces.len() + 1;
            assert_eq!(server.blobs.len(), n_blobs, "after {left} answers");
            assert!(server.n_put <= whole.n_put + 2, "but for the heads");
            if interrupted.is_ok() {
                break;
            }
        }
    }
}

#[test]
fn ke_100_what_a_server_has_no_room_for_takes_nothing_away() {
    let (folder, mut server, [first, second]) = (Folder::new(), Fake::default(), grown());
    folder.send(&mut server, 0, &first, (1, 10)).unwrap();
    server.room = Some(2);
    let refused = folder.send(&mut server, 0, &second, (1, 20));
    assert!(matches!(refused, Err(KeepError::NoRoom)));
    assert_eq!(folder.fetch(&mut server, Holes::Refused).unwrap(), (10, first));
    assert_eq!(server.blobs.values().filter(|blob| blob.is_kept).count(), 2);
    server.room = None;
    folder.send(&mut server, 0, &second, (1, 30)).unwrap();
    assert_eq!(folder.fetch(&mut server, Holes::Refused).unwrap(), (30, second));
}

#[test]
fn ke_100_what_the_server_has_lost_is_sent_again() {
    let (folder, mut server, [first, second]) = (Folder::new(), Fake::default(), grown());
    folder.send(&mut server, 0, &first, (1, 10)).unwrap();
    let heads: Vec<BlobId> = [Side::Even, Side::Odd].map(|side| secret(1).place(0, side).id).to_vec();
    server.blobs.retain(|id, _| heads.contains(id));
    assert!(matches!(folder.fetch(&mut server, Holes::Refused), Err(KeepError::Lost)));
    assert_eq!(folder.send(&mut server, 0, &second, (1, 20)).unwrap(), 900_000);
    assert_eq!(folder.fetch(&mut server, Holes::Refused).unwrap(), (20, second));
}

/// A server with a backup of two pieces, of which it has lost a chunk of the second one.
fn with_a_hole(folder: &Folder) -> Fake {
    let (mut server, [first, second]) = (Fake::default(), grown());
    folder.send(&mut server, 0, &first, (1, 10)).unwrap();
    folder.send(&mut server, 0, &second, (1, 20)).unwrap();
    let piece = newest(&mut server).unwrap().head.pieces[1];
    let id = secret(1).piece(&[1; 16], piece.bytes, &piece.hash).id;
    server.blobs.get_mut(&id).unwrap().chunks[2] = None;
    server
}

#[test]
fn ke_100_a_backup_with_a_hole_stays_until_the_next_one_is_whole() {
    let (folder, third) = (Folder::new(), content(700_000, 7));
    let (before, [first, second]) = (with_a_hole(&folder), grown());
    // The same file again, and one that was written anew.
    for (bytes, label) in [(&second, 1), (&third, 2)] {
        for left in 0.. {
            let mut server = Fake { left: Some(left), ..before.clone() };
            let interrupted = folder.send(&mut server, 0, bytes, (label, 30));
            server.left = None;
            let _ = std::fs::remove_file(folder.fetched());
            let (_, saved) = folder.fetch(&mut server, Holes::CutOff).unwrap();
            assert!(saved == first || saved == *bytes, "after {left} answers");
            folder.send(&mut server, 0, bytes, (label, 40)).unwrap();
            assert_eq!(folder.fetch(&mut server, Holes::Refused).unwrap(), (40, bytes.clone()));
            assert_eq!(server.blobs.len(), newest(&mut server).unwrap().head.pieces.len() + 1, "after {left} answers");
            if interrupted.is_ok() {
                break;
            }
        }
    }
}

#[test]
fn ke_100_a_backup_with_a_hole_stays_where_there_is_no_room_for_another() {
    let folder = Folder::new();
    let (mut server, [first, _]) = (with_a_hole(&folder), grown());
    server.room = Some(3);
    let anew = content(700_000, 7);
    assert!(matches!(folder.send(&mut server, 0, &anew, (2, 30)), Err(KeepError::NoRoom)));
    assert_eq!(folder.fetch(&mut server, Holes::CutOff).unwrap(), (20, first));
}

#[test]
fn ke_100_whether_a_backup_is_kept_is_asked_again_when_the_answer_was_not_heard() {
    let (folder, mut server, [first, second]) = (Folder::new(), Fake::default(), grown());
    folder.send(&mut server, 0, &first, (1, 10)).unwrap();
    server.is_deaf = true;
    assert!(matches!(folder.send(&mut server, 0, &second, (1, 20)), Err(KeepError::Server(_))));
    assert_eq!(folder.fetch(&mut server, Holes::Refused).unwrap(), (20, second.clone()), "what was sent stays");
    assert_eq!(folder.send(&mut server, 0, &second, (1, 30)).unwrap(), 0, "and is not sent again");
}

#[test]
fn ke_101_each_device_has_a_place_of_its_own_and_the_ninth_takes_that_of_the_oldest() {
    let (folder, mut server) = (Folder::new(), Fake::default());
    for n in 0..PLACES {
        assert_eq!(now_do(free_place(&mut server, &secret(1))).unwrap(), n);
        let made = if n == 3 { 5 } else { 10 + u64::from(n) };
        folder.send(&mut server, n, &content(5_000, n), (n, made)).unwrap();
    }
    let found = now_do(find_all(&mut server, &secret(1), NOW)).unwrap();
    assert_eq!(found.iter().map(|one| one.made.0).collect::<Vec<_>>(), [17, 16, 15, 14, 12, 11, 10, 5]);
    assert_eq!(now_do(free_place(&mut server, &secret(1))).unwrap(), 3);
    assert_eq!(now_do(find_all(&mut server, &secret(1), NOW)).unwrap().len(), 7);
    assert_eq!(server.blobs.len(), 14, "its pieces are gone too");
    assert_eq!(folder.fetch(&mut server, Holes::Refused).unwrap(), (17, content(5_000, 7)));
}

#[test]
fn ke_101_what_another_device_has_put_in_a_place_is_left_alone() {
    let (folder, mut server, [first, second]) = (Folder::new(), Fake::default(), grown());
    folder.send(&mut server, 0, &first, (1, 10)).unwrap();
    // Another device, with an account of its own, takes the same place for its own: it remembers it, or looked before anything lay there.
    server.account = 2;
    let before = server.blobs.keys().copied().collect::<Vec<_>>();
    assert!(matches!(folder.send(&mut server, 0, &second, (2, 20)), Err(KeepError::Taken)));
    assert_eq!(server.blobs.keys().copied().collect::<Vec<_>>(), before);
    assert_eq!(folder.fetch(&mut server, Holes::Refused).unwrap(), (10, first.clone()));
    assert_eq!(now_do(free_place(&mut server, &secret(1))).unwrap(), 1, "it goes elsewhere");
    folder.send(&mut server, 1, &second, (2, 20)).unwrap();
    // Both go on, each in its place.
    server.account = 0;
    folder.send(&mut server, 0, &second, (1, 30)).unwrap();
    assert_eq!(now_do(find_all(&mut server, &secret(1), NOW)).unwrap().len(), 2);
}

#[test]
fn ke_102_nobody_else_finds_opens_or_deletes_anything() {
    let (folder, mut server, [first, _]) = (Folder::new(), Fake::default(), grown());
    folder.send(&mut server, 0, &first, (1, 10)).unwrap();
    assert!(now_do(find_all(&mut server, &secret(2), NOW)).unwrap().is_empty());
    let elsewhere = HomeBackupSecret::new(&UserSecret::from_seed([1; 32]), &ServerKey([8; 32]));
    assert!(
        now_do(find_all(&mut server, &elsewhere, NOW)).unwrap().is_empty(),
        "another server's key names other places"
    );
    // A server that shows everybody's things to everybody: they do not open.
    let (own, other) = (secret(1).place(0, Side::Odd).id, secret(2).place(0, Side::Odd));
    let moved = Kept { read: read_verifier(&other.read), ..server.blobs[&own].clone() };
    server.blobs.insert(other.id, moved);
    let found = now_do(heads(&mut server, &secret(2), 0)).unwrap();
    assert!(found.newest.is_none() && found.is_damaged);
}

#[test]
fn ke_102_a_server_that_swaps_shortens_or_mixes_is_found_out() {
    let (folder, mut server, [first, second]) = (Folder::new(), Fake::default(), grown());
    folder.send(&mut server, 0, &first, (1, 10)).unwrap();
    let old = server.clone();
    folder.send(&mut server, 0, &second, (1, 20)).unwrap();
    let head = newest(&mut server).unwrap().head;
    let pieces: Vec<BlobId> =
        head.pieces.iter().map(|piece| secret(1).piece(&[1; 16], piece.bytes, &piece.hash).id).collect();
    let is_lost = |mut server: Fake| {
        let _ = std::fs::remove_file(folder.fetched());
        matches!(folder.fetch(&mut server, Holes::Refused), Err(KeepError::Lost))
    };
    // One piece for another, a chunk for another, a chunk less, the new head with the old pieces.
    let mut swapped = server.clone();
    swapped.blobs.get_mut(&pieces[0]).unwrap().chunks = server.blobs[&pieces[1]].chunks.clone();
    assert!(is_lost(swapped));
    let mut mixed = server.clone();
    mixed.blobs.get_mut(&pieces[0]).unwrap().chunks.swap(0, 1);
    assert!(is_lost(mixed));
    let mut shortened = server.clone();
    shortened.blobs.get_mut(&pieces[1]).unwrap().chunks.pop();
    assert!(is_lost(shortened.clone()));
    let mut blended = old.clone();
    let side = secret(1).place(0, Side::of(head.number)).id;
    blended.blobs.insert(side, server.blobs[&side].clone());
    assert!(is_lost(blended));
    // The person may take what is whole before that: the first run.
    let _ = std::fs::remove_file(folder.fetched());
    assert_eq!(folder.fetch(&mut shortened, Holes::CutOff).unwrap(), (20, first.clone()));
    // A head in another place, or on the other side, is none.
    let mut moved = server.clone();
    let there = secret(1).place(1, Side::Even);
    moved.blobs.insert(there.id, Kept { read: read_verifier(&there.read), ..server.blobs[&side].clone() });
    assert_eq!(now_do(find_all(&mut moved, &secret(1), NOW)).unwrap().len(), 1);
    // What it gave once it can always give again: an older backup, which says when it was made.
    let mut lying = old;
    let _ = std::fs::remove_file(folder.fetched());
    assert_eq!(folder.fetch(&mut lying, Holes::Refused).unwrap(), (10, first));
}

#[test]
fn ke_102_the_backup_of_before_is_offered_too_while_it_lies_there() {
    let (folder, mut server, [first, second]) = (Folder::new(), Fake::default(), grown());
    folder.send(&mut server, 0, &first, (1, 10)).unwrap();
    server.is_deaf = true;
    folder.send(&mut server, 0, &second, (1, 20)).unwrap_err();
    let found = now_do(find_all(&mut server, &secret(1), NOW)).unwrap();
    assert_eq!(found.iter().map(|one| one.made.0).collect::<Vec<_>>(), [20, 10]);
    // The newest is damaged: the person gets the other one whole.
    let piece = found[0].head.pieces[1];
    server.blobs.remove(&secret(1).piece(&[1; 16], piece.bytes, &piece.hash).id);
    let fetch = |server: &mut Fake, which: &FoundAtHome| {
        now_do(fetch(server, &secret(1), which, &mut open(&folder.fetched()), Holes::Refused, |_, _| {}))
    };
    assert!(matches!(fetch(&mut server, &found[0]), Err(KeepError::Lost)));
    fetch(&mut server, &found[1]).unwrap();
    assert_eq!(std::fs::read(folder.fetched()).unwrap(), first);
}

#[test]
fn ke_102_what_is_dated_more_than_a_day_ahead_is_offered_last_and_said() {
    let (folder, mut server, [first, second]) = (Folder::new(), Fake::default(), grown());
    folder.send(&mut server, 0, &first, (1, 900)).unwrap();
    let tomorrow = NOW.plus_seconds(24 * 3600);
    folder.send(&mut server, 1, &second, (2, tomorrow.0)).unwrap();
    folder.send(&mut server, 2, &second, (3, tomorrow.0 + 1)).unwrap();
    let found = now_do(find_all(&mut server, &secret(1), NOW)).unwrap();
    let dates: Vec<_> = found.iter().map(|one| (one.made.0, one.is_ahead)).collect();
    assert_eq!(dates, [(tomorrow.0, false), (900, false), (tomorrow.0 + 1, true)]);
}

#[test]
fn ke_103_a_download_that_was_interrupted_goes_on_and_what_lies_there_is_looked_at() {
    let (folder, mut server) = (Folder::new(), Fake::default());
    let [first, second] = grown();
    folder.send(&mut server, 0, &first, (1, 10)).unwrap();
    folder.send(&mut server, 0, &second, (1, 20)).unwrap();
    for left in 16..60 {
        let _ = std::fs::remove_file(folder.fetched());
        server.left = Some(left);
        let interrupted = now_do(async {
            let found = find_all(&mut server, &secret(1), NOW).await.ok()?.into_iter().next()?;
            fetch(&mut server, &secret(1), &found, &mut open(&folder.fetched()), Holes::Refused, |_, _| {}).await.ok()
        });
        server.left = None;
        assert_eq!(folder.fetch(&mut server, Holes::Refused).unwrap(), (20, second.clone()));
        if interrupted.is_some() {
            break;
        }
    }
    // Whatever lay there.
    for lying in [content(2_000_000, 5), [&second[..700_000], &[0; 9]].concat(), second.clone()] {
        std::fs::write(folder.fetched(), lying).unwrap();
        assert_eq!(folder.fetch(&mut server, Holes::Refused).unwrap(), (20, second.clone()));
    }
}
