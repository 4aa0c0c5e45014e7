//! What must be erasable: the server's seed, the epoch keys' seeds, and what belongs to them.
//!
//! Secrets never enter the log. They lie in two small files that take turns: generation 7 in `keys-1`, generation 8 in `keys-0`. A transaction that changes them
//!
//! 1. writes the next generation into the file that does not count, and waits for the disk;
//! 2. says "generation 8 counts" in its record of the log, and waits for the disk: this is the commit;
//! 3. overwrites the file that does not count any more with zeros, in place, and waits for the disk.
//!
//! After a crash the log says which file counts, and recovery overwrites the other one. A crash before 2 loses the
//! transaction as a whole, one after 2 none of it. (What a flash disk keeps below a file is out of reach; the threat model says so.)

use std::collections::BTreeMap;

use crc32c::crc32c;
use kith_home::store::{MetaKey, SCHEMA_VERSION, Secret, StoreError};
use kith_wire::time::EpochId;
use zeroize::Zeroizing;

use super::bytes::{Reader, length};
use super::error::JournalError;
use super::files::{Files, LogFile};
use super::print::PrintKey;

const MAGIC: [u8; 8] = *b"kith-key";
/// Files grow in steps of a page, so that overwriting one reaches all that it ever held.
const PAGE: usize = 4096;
/// The two files.
pub(crate) const NAMES: [&str; 2] = ["keys-0", "keys-1"];

/// One generation.
#[derive(Clone)]
pub(crate) struct Secrets {
    pub(crate) generation: u64,
    pub(crate) print_key: PrintKey,
    pub(crate) meta: BTreeMap<MetaKey, Secret>,
    pub(crate) epochs: BTreeMap<EpochId, Secret>,
}

impl Secrets {
    /// Returns the first generation, which holds nothing yet.
    pub(crate) fn new(print_key: PrintKey) -> Self {
        Self { generation: 0, print_key, meta: BTreeMap::new(), epochs: BTreeMap::new() }
    }

    /// Returns the name of the file for a generation.
    pub(crate) fn name(generation: u64) -> &'static str {
        let [even, odd] = NAMES;
        if generation.is_multiple_of(2) { even } else { odd }
    }

    /// Encodes: magic 8, schema 4, length of the rest 4, its crc 4, the rest.
    pub(crate) fn encode(&self, schema: u32) -> Zeroizing<Vec<u8>> {
        let mut body = Zeroizing::new(Vec::with_capacity(PAGE));
        body.extend_from_slice(&self.generation.to_le_bytes());
        body.extend_from_slice(&self.print_key.0);
        for (tag, key) in (0_u32..).zip(MetaKey::ALL) {
            if let Some(value) = self.meta.get(&key) {
                put(&mut body, 0, tag, value);
            }
        }
        for (epoch, seed) in &self.epochs {
            put(&mut body, 1, epoch.0, seed);
        }
        let mut out = Zeroizing::new(Vec::with_capacity(body.len() + PAGE));
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&schema.to_le_bytes());
        out.extend_from_slice(&length(&body).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(&crc32c(&body).to_le_bytes());
        out.extend_from_slice(&body);
        out
    }

    /// Decodes; `Ok(None)` for anything that is not a whole generation.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] when a newer release wrote it.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Option<Self>, StoreError> {
        let mut from = Reader::new(bytes);
        if from.array() != Some(MAGIC) {
            return Ok(None);
        }
        let Some(found) = from.u32() else { return Ok(None) };
        if found > SCHEMA_VERSION {
            return Err(StoreError::NewerSchema { found, known: SCHEMA_VERSION });
        }
        Ok(decode_body(&mut from))
    }
}

fn put(body: &mut Vec<u8>, kind: u8, name: u32, value: &Secret) {
    body.push(kind);
    body.extend_from_slice(&name.to_le_bytes());
    body.extend_from_slice(&length(value.expose()).unwrap_or(u32::MAX).to_le_bytes());
    body.extend_from_slice(value.expose());
}

fn decode_body(from: &mut Reader<'_>) -> Option<Secrets> {
    let (length, crc) = (usize::try_from(from.u32()?).ok()?, from.u32()?);
    let body = from.take(length).filter(|body| crc32c(body) == crc)?;
    let mut from = Reader::new(body);
    let generation = from.u64()?;
    let mut secrets = Secrets { generation, ..Secrets::new(PrintKey(from.array()?)) };
    while !from.is_empty() {
        let (kind, name, length) = (from.u8()?, from.u32()?, usize::try_from(from.u32()?).ok()?);
        let value = Secret::new(from.take(length)?);
        match kind {
            0 => drop(secrets.meta.insert(*MetaKey::ALL.get(usize::try_from(name).ok()?)?, value)),
            1 => drop(secrets.epochs.insert(EpochId(name), value)),
            _ => return None,
        }
    }
    Some(secrets)
}

/// Writes a generation into its file. Durable when it returns.
pub(crate) fn write<F: Files>(files: &F, secrets: &Secrets) -> Result<(), JournalError> {
    let file = files.open(Secrets::name(secrets.generation))?;
    put_over(&file, &secrets.encode(SCHEMA_VERSION))
}

/// Overwrites the file for a generation with zeros. Durable when it returns.
pub(crate) fn wipe<F: Files>(files: &F, generation: u64) -> Result<(), JournalError> {
    put_over(&files.open(Secrets::name(generation))?, &[])
}

/// Makes both files anew: the second empty, the first with a generation 0.
pub(crate) fn create<F: Files>(files: &F, secrets: &Secrets) -> Result<(), JournalError> {
    let [even, odd] = NAMES;
    put_over(&files.create(odd)?, &[])?;
    put_over(&files.create(even)?, &secrets.encode(SCHEMA_VERSION))?;
    Ok(files.sync_folder()?)
}

/// Reads a file as a whole.
pub(crate) fn load<F: Files>(files: &F, name: &str) -> Result<Zeroizing<Vec<u8>>, JournalError> {
    let file = files.open(name)?;
    let length = usize::try_from(file.length()?).ok().filter(|length| *length <= MAX_BYTES);
    let damaged = || JournalError::Damaged { file: name.to_owned(), offset: 0 };
    let mut bytes = Zeroizing::new(vec![0; length.ok_or_else(damaged)?]);
    file.read_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// Writes bytes from the start on and zeros after them, over all that the file ever held.
fn put_over(file: &impl LogFile, bytes: &[u8]) -> Result<(), JournalError> {
    let before = usize::try_from(file.length()?).unwrap_or(MAX_BYTES).min(MAX_BYTES);
    let mut whole = Zeroizing::new(vec![0; bytes.len().max(before).max(1).next_multiple_of(PAGE)]);
    if let Some(start) = whole.get_mut(..bytes.len()) {
        start.copy_from_slice(bytes);
    }
    file.write_at(&whole, 0)?;
    Ok(file.sync()?)
}

/// Bytes of a file at most; a descriptor and a hundred epochs are 10 KiB. What is longer is not ours.
const MAX_BYTES: usize = 1 << 20;
