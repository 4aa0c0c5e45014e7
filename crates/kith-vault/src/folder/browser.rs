//! The folder in a browser: its origin's private file system, opened once for as long as a worker owns it.
//!
//! Opening takes time and is done in advance ([`Folder::open`]); everything afterwards is at once, as on a native file
//! system. The small files, the chunks and the database have a place each. Who owns the folder the browser decides: a
//! second worker cannot open its files.

mod handle;

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use js_sys::futures::JsFuture;
use rsqlite_vfs::VfsFilesManager as _;
use sqlite_wasm_rs::WasmOsCallback;
use sqlite_wasm_vfs::sahpool::{OpfsSAHError, OpfsSAHPoolCfgBuilder, OpfsSAHPoolUtil, install};
use wasm_bindgen::JsCast as _;
use web_sys::{FileSystemDirectoryHandle, FileSystemGetDirectoryOptions, WorkerGlobalScope};

use self::handle::{Handle, failure};
use crate::chunks::{CHUNKS, SEALED_LEN};
use crate::database::{COMPANIONS, DATABASE};
use crate::folder::backup_file::BackupFile;
use crate::folder::papers::Papers;
use crate::folder::shelf::Shelf;
use crate::folder::{Entry, FolderError, Point};

/// The folder inside the origin's private file system.
const ROOT: &str = "kith";
/// The file of the small files, and that of the chunks. The app looks whether there is anything in the first one, to say how things stand
/// before the engine is there (`apps/web/src/lib/worker/outside.ts`).
const PAPERS: &str = "papers";
const SHELF: &str = "shelf";
/// The file of the backup that the person keeps at the home server.
const BACKUP: &str = "backup";
/// The folder of the database's files. SQLite's journals take places too, and running out of them fails a transaction.
const POOL: &str = "kith/pool";
const POOL_PLACES: usize = 24;

/// A vault's folder that this worker owns for as long as the value lives.
pub struct Folder {
    papers: RefCell<Papers<Handle>>,
    shelf: RefCell<Shelf<Handle>>,
    backup: BackupFile,
    pool: OpfsSAHPoolUtil,
}

impl Folder {
    /// Opens the one folder of this origin, and makes it if it is not there. Needs a dedicated worker.
    ///
    /// # Errors
    /// [`FolderError`] when the browser has no such file system, or another worker owns the folder.
    pub async fn open() -> Result<Self, FolderError> {
        let failed = |source| FolderError::new("open", Path::new(ROOT), source);
        let root = root().await.map_err(failed)?;
        let papers = Papers::open(Handle::open(&root, PAPERS).await.map_err(failed)?).map_err(failed)?;
        let shelf = Shelf::open(Handle::open(&root, SHELF).await.map_err(failed)?, SEALED_LEN).map_err(failed)?;
        let backup = BackupFile::new(Handle::open(&root, BACKUP).await.map_err(failed)?);
        let config = OpfsSAHPoolCfgBuilder::new().directory(POOL).initial_capacity(POOL_PLACES).build();
        let pool = install::<WasmOsCallback>(&config, true).await.map_err(|error| failed(pool_failure(&error)))?;
        Ok(Self { papers: RefCell::new(papers), shelf: RefCell::new(shelf), backup, pool })
    }

    /// Returns whether a person was made here.
    pub fn has_vault(&self) -> bool {
        self.papers.borrow().read(crate::vault::HEAD).is_some()
    }

    /// Returns the file of the backup that the person keeps at the home server, or that was fetched from there.
    pub fn backup(&self) -> BackupFile {
        self.backup.rewound()
    }

    /// Removes everything but that backup: for a person whom no home server has taken. The database has to be closed.
    ///
    /// # Errors
    /// [`FolderError`] when the file system refuses.
    pub fn clear(&self) -> Result<(), FolderError> {
        for name in [crate::vault::HEAD, crate::vault::UNFINISHED_HEAD, crate::vault::NEXT_HEAD] {
            self.remove(name)?;
        }
        for name in COMPANIONS.into_iter().chain([DATABASE]) {
            self.remove(name)?;
        }
        let names: Vec<String> = self.shelf.borrow().names().map(str::to_owned).collect();
        names.iter().try_for_each(|name| self.remove(&format!("{CHUNKS}/{name}")))
    }

    /// Gives the database's files away, so that another worker can open them at once. The database has to be closed.
    pub fn release(&self) {
        // A database that is still open keeps them; then they go with the worker.
        let _ = self.pool.pause();
    }

    /// Returns under which name the database library finds a file.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(name)
    }

    /// Says whether a file is there.
    pub(crate) fn has(&self, name: &str) -> Result<bool, FolderError> {
        match place(name) {
            Place::Papers => Ok(self.papers.borrow().read(name).is_some()),
            Place::Shelf(chunk) => Ok(self.shelf.borrow().has(chunk)),
            Place::Pool => self.pool.contains(name).map_err(|error| refused("look at", name, &error)),
        }
    }

    /// Nobody else can enter.
    pub(crate) fn tighten(&self) {}

    /// The chunks have their place already.
    pub(crate) fn make_folder(&self, _name: &str) -> Result<(), FolderError> {
        Ok(())
    }

    /// The database library makes its file when it opens it.
    pub(crate) fn make_file(&self, _name: &str) -> Result<(), FolderError> {
        Ok(())
    }

    /// Reads a file, however long; `None` means that there is no such file.
    pub(crate) fn read(&self, name: &str, _limit: usize) -> Result<Option<Vec<u8>>, FolderError> {
        match place(name) {
            Place::Shelf(chunk) => {
                self.shelf.borrow().read(chunk).map_err(|source| FolderError::new("read", Path::new(name), source))
            }
            _ => Ok(self.papers.borrow().read(name).map(<[u8]>::to_vec)),
        }
    }

    /// Replaces a file as one step; it needs no other name for that.
    pub(crate) fn replace(
        &self,
        name: &str,
        _temporary: &str,
        bytes: &[u8],
        reached: &mut dyn FnMut(Point),
    ) -> Result<(), FolderError> {
        self.write(name, bytes, reached)
    }

    /// Writes a file, flushed to the disk; a file of that name is replaced.
    pub(crate) fn write(&self, name: &str, bytes: &[u8], reached: &mut dyn FnMut(Point)) -> Result<(), FolderError> {
        let written = match place(name) {
            Place::Shelf(chunk) => self.shelf.borrow_mut().put(chunk, bytes),
            _ => self.papers.borrow_mut().write(name, bytes),
        };
        written.map_err(|source| FolderError::new("write", Path::new(name), source))?;
        reached(Point::Flushed);
        Ok(())
    }

    /// Gives a small file another name, durably.
    pub(crate) fn rename(&self, from: &str, to: &str, reached: &mut dyn FnMut(Point)) -> Result<(), FolderError> {
        let renamed = self.papers.borrow_mut().rename(from, to);
        renamed.map_err(|source| FolderError::new("replace", Path::new(to), source))?;
        reached(Point::FolderFlushed);
        Ok(())
    }

    /// Names are durable as soon as they are there.
    pub(crate) fn flush(&self) -> Result<(), FolderError> {
        Ok(())
    }

    /// Removes a file; that it is not there is as good.
    pub(crate) fn remove(&self, name: &str) -> Result<(), FolderError> {
        let failed = |source| FolderError::new("remove", Path::new(name), source);
        match place(name) {
            Place::Papers => self.papers.borrow_mut().remove(name).map_err(failed),
            Place::Shelf(chunk) => self.shelf.borrow_mut().remove(chunk).map_err(failed),
            Place::Pool => self.pool.remove(name).map(drop).map_err(|error| refused("remove", name, &error)),
        }
    }

    /// Lists the chunks: the name of each and its length in bytes.
    pub(crate) fn list(&self, _name: &str) -> Result<impl Iterator<Item = Result<Entry, FolderError>>, FolderError> {
        let names: Vec<String> = self.shelf.borrow().names().map(str::to_owned).collect();
        Ok(names.into_iter().map(|name| Ok(Entry { name, length: SEALED_LEN as u64 })))
    }
}

impl fmt::Debug for Folder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Folder(…)")
    }
}

/// Where a file is kept.
enum Place<'a> {
    Papers,
    Shelf(&'a str),
    Pool,
}

fn place(name: &str) -> Place<'_> {
    match name.strip_prefix(CHUNKS).and_then(|rest| rest.strip_prefix('/')) {
        Some(chunk) => Place::Shelf(chunk),
        None if name == DATABASE || COMPANIONS.contains(&name) => Place::Pool,
        None => Place::Papers,
    }
}

/// Returns our folder in the origin's private file system.
async fn root() -> io::Result<FileSystemDirectoryHandle> {
    let scope: WorkerGlobalScope = js_sys::global().dyn_into().map_err(|_| io::ErrorKind::Unsupported)?;
    let storage = scope.navigator().storage();
    let origin = JsFuture::from(storage.get_directory()).await.map_err(|error| failure(&error))?;
    let options = FileSystemGetDirectoryOptions::new();
    options.set_create(true);
    let origin: FileSystemDirectoryHandle = origin.unchecked_into();
    let folder = JsFuture::from(origin.get_directory_handle_with_options(ROOT, &options)).await;
    Ok(folder.map_err(|error| failure(&error))?.unchecked_into())
}

fn refused(action: &'static str, name: &str, error: &OpfsSAHError) -> FolderError {
    FolderError::new(action, Path::new(name), pool_failure(error))
}

fn pool_failure(error: &OpfsSAHError) -> io::Error {
    match error {
        OpfsSAHError::Opfs { value, .. } => failure(value),
        other => io::Error::other(other.to_string()),
    }
}
