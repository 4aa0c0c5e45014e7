//! Backup files: what comes back, what is passed over, and what is refused, byte by byte.

use std::fs;
use std::path::Path;

use kith_crypto::password::Params;
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tempfile::TempDir;

use super::head::HEAD_LEN;
use super::*;

const SEED: [u8; 32] = [7; 32];

fn password(text: &str) -> Password {
    Password::new(text.to_owned()).unwrap()
}

fn rng() -> StdRng {
    StdRng::seed_from_u64(1)
}

struct Shelf {
    folder: TempDir,
    rng: StdRng,
}

impl Shelf {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), rng: rng() }
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("ana.kith")
    }

    /// Writes a file with these runs; the last content of each ends it.
    fn write(&mut self, runs: &[&[&[u8]]]) {
        for (number, run) in runs.iter().enumerate() {
            let writer = if number == 0 { self.create() } else { self.append() };
            self.put(writer, run);
        }
    }

    fn create(&mut self) -> BackupWriter {
        BackupWriter::create(&self.file(), &SEED, &password("p"), Params::for_tests(), &mut self.rng).unwrap()
    }

    fn append(&self) -> BackupWriter {
        let reader = read_all(&self.file()).2;
        BackupWriter::append(&self.file(), &BackupKey::Seed(&SEED), reader.whole()).unwrap()
    }

    fn put(&mut self, mut writer: BackupWriter, run: &[&[u8]]) {
        let (last, before) = run.split_last().unwrap();
        for content in before {
            writer.put(content, &mut self.rng).unwrap();
        }
        let length = writer.finish(last, &mut self.rng).unwrap();
        assert_eq!(fs::metadata(self.file()).unwrap().len(), length);
    }
}

/// How reading a file ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Whole,
    Torn,
    Damaged(u64),
}

/// Reads a file to its end: the contents of whole runs, how it ended, and the reader.
fn read_all(path: &Path) -> (Vec<Vec<u8>>, End, BackupReader) {
    let mut reader = BackupReader::open(path, &BackupKey::Seed(&SEED)).unwrap();
    let (mut whole, mut open) = (Vec::new(), Vec::new());
    let end = loop {
        match reader.read_next() {
            Ok(Next::Segment(segment)) => {
                open.push(segment.content.to_vec());
                if segment.is_last {
                    whole.append(&mut open);
                    assert_eq!(segment.end, reader.whole().end());
                }
            }
            Ok(Next::End) => break End::Whole,
            Ok(Next::Torn) => break End::Torn,
            Err(BackupFileError::Damaged { number }) => break End::Damaged(number),
            Err(error) => panic!("{error}"),
        }
    };
    (whole, end, reader)
}

fn open(path: &Path, key: &BackupKey<'_>) -> Result<BackupReader, BackupFileError> {
    BackupReader::open(path, key)
}

#[test]
fn runs_come_back_in_their_order_with_password_and_phrase_alike() {
    let mut shelf = Shelf::new();
    shelf.write(&[&[b"one", b"two"], &[b"three"], &[b"", b"four"]]);
    let (contents, end, _) = read_all(&shelf.file());
    assert_eq!(contents, [b"one".as_slice(), b"two", b"three", b"", b"four"]);
    assert_eq!(end, End::Whole);
    let phrase = Phrase::of_seed(&SEED);
    for key in [BackupKey::Password(&password("p")), BackupKey::Phrase(&phrase), BackupKey::Seed(&SEED)] {
        assert_eq!(open(&shelf.file(), &key).unwrap().seed(), &SEED);
    }
    let reader = open(&shelf.file(), &BackupKey::Seed(&SEED)).unwrap();
    assert!(reader.is_opened_by(&password("p")).unwrap() && !reader.is_opened_by(&password("q")).unwrap());
    assert_eq!(format!("{reader:?}"), "BackupReader(…)");
}

#[test]
fn ke_70_what_is_no_backup_or_a_newer_one_is_told_apart() {
    let mut shelf = Shelf::new();
    shelf.write(&[&[b"one"]]);
    let whole = fs::read(shelf.file()).unwrap();
    for length in 0..HEAD_LEN {
        fs::write(shelf.file(), &whole[..length]).unwrap();
        assert!(matches!(open(&shelf.file(), &BackupKey::Seed(&SEED)), Err(BackupFileError::NotABackup)), "{length}");
    }
    let changed = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        fs::write(shelf.file(), &bytes).unwrap();
        open(&shelf.file(), &BackupKey::Seed(&SEED)).map(drop)
    };
    assert!(matches!(changed(0, b'X'), Err(BackupFileError::NotABackup)));
    assert!(matches!(changed(9, 2), Err(BackupFileError::Newer { found: 2, known: 1 })));
    assert!(matches!(changed(9, 0), Err(BackupFileError::NotABackup)));
    // Far more memory than any backup asks for.
    assert!(matches!(changed(58, 0xff), Err(BackupFileError::Unreasonable)));
}

#[test]
fn ke_71_another_key_opens_nothing() {
    let mut shelf = Shelf::new();
    shelf.write(&[&[b"one"]]);
    let other = Phrase::of_seed(&[8; 32]);
    assert!(matches!(open(&shelf.file(), &BackupKey::Phrase(&other)), Err(BackupFileError::OtherPerson)));
    let wrong = password("q");
    assert!(matches!(open(&shelf.file(), &BackupKey::Password(&wrong)), Err(BackupFileError::WrongPassword)));
}

#[test]
fn ke_71_every_changed_byte_is_found() {
    let mut shelf = Shelf::new();
    shelf.write(&[&[b"one", b"two"], &[b"three"]]);
    let whole = fs::read(shelf.file()).unwrap();
    let first_run = read_first_run_end(&shelf.file());
    for at in (0..whole.len()).filter(|at| at % 37 == 0 || *at < HEAD_LEN + 200) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(shelf.file(), &bytes).unwrap();
        if at < HEAD_LEN {
            // The password's part says so to the password, all else to everybody.
            let with_password = open(&shelf.file(), &BackupKey::Password(&password("p")));
            assert!(with_password.is_err(), "{at}");
            continue;
        }
        let (contents, end, _) = read_all(&shelf.file());
        assert!(matches!(end, End::Damaged(_)), "{at}: {end:?}");
        let before = if u64::try_from(at).unwrap() < first_run { 0 } else { 2 };
        assert_eq!(contents.len(), before, "{at}: what is whole before the damage is there");
    }
}

fn read_first_run_end(path: &Path) -> u64 {
    let mut reader = BackupReader::open(path, &BackupKey::Seed(&SEED)).unwrap();
    loop {
        match reader.read_next().unwrap() {
            Next::Segment(segment) if segment.is_last => return segment.end,
            Next::Segment(_) => {}
            Next::End | Next::Torn => panic!("there is a run"),
        }
    }
}

#[test]
fn ke_71_nothing_in_the_middle_can_be_left_out_swapped_or_brought_in_from_elsewhere() {
    let mut shelf = Shelf::new();
    shelf.write(&[&[b"one"], &[b"two"], &[b"three"]]);
    let bytes = fs::read(shelf.file()).unwrap();
    // All three have one length.
    let length = (bytes.len() - HEAD_LEN) / 3;
    let part = |number: usize| &bytes[HEAD_LEN + number * length..HEAD_LEN + (number + 1) * length];
    let head = &bytes[..HEAD_LEN];
    let tried = |parts: &[&[u8]]| {
        fs::write(shelf.file(), [&[head], parts].concat().concat()).unwrap();
        let (contents, end, _) = read_all(&shelf.file());
        (contents.len(), end)
    };
    assert_eq!(tried(&[part(0), part(1), part(2)]), (3, End::Whole));
    assert_eq!(tried(&[part(0), part(2)]), (1, End::Damaged(1)));
    assert_eq!(tried(&[part(1), part(0), part(2)]), (0, End::Damaged(0)));
    assert_eq!(tried(&[part(0), part(0), part(1)]), (1, End::Damaged(1)));
    // What nobody can see in the file itself: that its newest runs are gone. It is an older backup, and a good one.
    assert_eq!(tried(&[part(0), part(1)]), (2, End::Whole));

    let mut other = Shelf { folder: tempfile::tempdir().unwrap(), rng: StdRng::seed_from_u64(2) };
    other.write(&[&[b"one"], &[b"two"], &[b"three"]]);
    let foreign = fs::read(other.file()).unwrap();
    assert_eq!(tried(&[part(0), &foreign[HEAD_LEN + length..]]), (1, End::Damaged(1)));
}

#[test]
fn ke_72_a_file_that_was_cut_off_anywhere_gives_every_whole_run_and_goes_on() {
    let mut shelf = Shelf::new();
    shelf.write(&[&[b"one", b"two"], &[b"three", b"four"]]);
    let whole = fs::read(shelf.file()).unwrap();
    let first_run = usize::try_from(read_first_run_end(&shelf.file())).unwrap();
    for length in (HEAD_LEN..whole.len()).filter(|at| at % 61 == 0 || at.abs_diff(first_run) < 80) {
        fs::write(shelf.file(), &whole[..length]).unwrap();
        let (contents, end, _) = read_all(&shelf.file());
        let n_whole = if length < first_run { 0 } else { 2 };
        assert_eq!(contents.len(), n_whole, "{length}");
        let is_between = length == first_run || length == HEAD_LEN;
        assert_eq!(end, if is_between { End::Whole } else { End::Torn }, "{length}");
        let writer = shelf.append();
        shelf.put(writer, &[b"five"]);
        let (contents, end, _) = read_all(&shelf.file());
        assert_eq!(
            (contents.len(), contents.last().map(Vec::as_slice), end),
            (n_whole + 1, Some(b"five".as_slice()), End::Whole)
        );
    }
}

#[test]
fn a_run_that_is_given_up_leaves_what_was_there() {
    let mut shelf = Shelf::new();
    shelf.write(&[&[b"one"]]);
    let mut writer = shelf.append();
    writer.put(b"half", &mut rng()).unwrap();
    drop(writer);
    assert_eq!(read_all(&shelf.file()).0, [b"one"]);
    let mut writer = shelf.create();
    writer.put(b"half", &mut rng()).unwrap();
    drop(writer);
    assert_eq!(read_all(&shelf.file()).0, [b"one"]);
    assert_eq!(fs::read_dir(shelf.folder.path()).unwrap().count(), 1, "nothing is left beside it");
    let writer = shelf.create();
    shelf.put(writer, &[b"anew"]);
    assert_eq!(read_all(&shelf.file()).0, [b"anew"]);
}

#[test]
fn what_a_killed_writer_left_goes_with_the_next_backup_and_nothing_is_written_through_a_link() {
    let mut shelf = Shelf::new();
    let left = shelf.folder.path().join("ana.kith.0123abcd.part");
    fs::write(&left, b"half a file").unwrap();
    let other = shelf.folder.path().join("ana.kith.old.part");
    fs::write(&other, b"somebody else's").unwrap();
    let dear = shelf.folder.path().join("dear");
    fs::write(&dear, b"a letter").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&dear, shelf.folder.path().join("ana.kith.part")).unwrap();
    shelf.write(&[&[b"one"]]);
    assert!(!left.exists() && other.exists());
    assert_eq!(fs::read(&dear).unwrap(), b"a letter");
    assert_eq!(read_all(&shelf.file()).0, [b"one"]);
}

#[test]
fn two_writers_do_not_write_one_file() {
    let mut shelf = Shelf::new();
    shelf.write(&[&[b"one"]]);
    let first = shelf.append();
    let place = read_all(&shelf.file()).2.whole();
    let second = BackupWriter::append(&shelf.file(), &BackupKey::Seed(&SEED), place);
    assert!(matches!(second, Err(BackupFileError::InUse)));
    drop(first);
    drop(shelf.append());
}

#[test]
fn sizes_of_little_content_are_alike_and_too_much_is_refused() {
    let mut shelf = Shelf::new();
    let mut writer = shelf.create();
    assert!(matches!(writer.put(&vec![0; MAX_SEGMENT_CONTENT + 1], &mut rng()), Err(BackupFileError::TooLong { .. })));
    writer.put(&vec![1; MAX_SEGMENT_CONTENT], &mut rng()).unwrap();
    let long = writer.finish(b"", &mut rng()).unwrap();
    assert_eq!(read_all(&shelf.file()).0[0].len(), MAX_SEGMENT_CONTENT);
    shelf.write(&[&[b"a"], &[b"a few words more"]]);
    let short = fs::metadata(shelf.file()).unwrap().len();
    assert_eq!((short - u64::try_from(HEAD_LEN).unwrap()) % 2, 0);
    assert!(short < long);
}

#[test]
#[cfg(unix)]
fn nobody_else_reads_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut shelf = Shelf::new();
    shelf.write(&[&[b"one"]]);
    assert_eq!(fs::metadata(shelf.file()).unwrap().permissions().mode() & 0o777, 0o600);
    let bytes = fs::read(shelf.file()).unwrap();
    assert!(!bytes.windows(32).any(|window| window == SEED), "the root secret stands nowhere in clear");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_behind_a_head_are_refused_or_passed_over(tail in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut shelf = Shelf::new();
        shelf.write(&[&[b"one"]]);
        let mut bytes = fs::read(shelf.file()).unwrap();
        bytes.extend_from_slice(&tail);
        fs::write(shelf.file(), &bytes).unwrap();
        prop_assert_eq!(read_all(&shelf.file()).0, [b"one"]);
    }

    #[test]
    fn contents_of_any_length_come_back(lengths in proptest::collection::vec(0_usize..20_000, 1..8)) {
        let mut shelf = Shelf::new();
        let contents: Vec<Vec<u8>> = lengths.iter().map(|length| vec![9; *length]).collect();
        let run: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
        shelf.write(&[&run]);
        prop_assert_eq!(read_all(&shelf.file()).0, contents);
    }
}

#[test]
fn a_backup_that_somebody_else_keeps_is_read_as_a_file_is_and_goes_on_behind_its_last_whole_run() {
    let key = BackupKey::Seed(&SEED);
    let read = |bytes: Vec<u8>| {
        let mut reader = BackupReader::of(Path::new("kept"), std::io::Cursor::new(bytes), &key).unwrap();
        let mut contents = Vec::new();
        while let Next::Segment(segment) = reader.read_next().unwrap() {
            contents.push(segment.content.to_vec());
        }
        (contents, reader)
    };
    let mut rng = rng();
    let (mut sealer, mut kept) = BackupSealer::begin(&SEED, &password("p"), Params::for_tests(), &mut rng).unwrap();
    kept.extend(sealer.put(b"one", &mut rng).unwrap());
    kept.extend(sealer.finish(b"two", &mut rng).unwrap());
    assert_eq!(sealer.end(), u64::try_from(kept.len()).unwrap());
    let unfinished = sealer.put(b"never finished", &mut rng).unwrap();

    let (contents, reader) = read([kept.clone(), unfinished].concat());
    assert_eq!(contents, [b"one".as_slice(), b"two", b"never finished"]);
    assert_eq!(reader.whole().end(), u64::try_from(kept.len()).unwrap());
    let mut grown = BackupSealer::behind(&reader);
    assert_eq!(grown.label(), reader.label());
    kept.extend(grown.finish(b"three", &mut rng).unwrap());
    let (contents, reader) = read(kept);
    assert_eq!(contents, [b"one".as_slice(), b"two", b"three"]);
    assert_eq!(reader.whole().end(), grown.end());
    assert_eq!(format!("{grown:?}"), "BackupSealer(…)");
}
