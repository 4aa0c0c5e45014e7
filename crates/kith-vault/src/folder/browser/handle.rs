//! An open file of the private file system: a synchronous access handle, closed when it is dropped.

use std::io;

use js_sys::Reflect;
use js_sys::futures::JsFuture;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{
    FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetFileOptions, FileSystemReadWriteOptions,
    FileSystemSyncAccessHandle,
};

use crate::folder::disk::Disk;

/// The handle. While it is open, nobody else can open the file.
pub(super) struct Handle(FileSystemSyncAccessHandle);

impl Handle {
    /// Opens a file of a folder, and makes it if it is not there.
    pub(super) async fn open(folder: &FileSystemDirectoryHandle, name: &str) -> io::Result<Self> {
        let options = FileSystemGetFileOptions::new();
        options.set_create(true);
        let file = JsFuture::from(folder.get_file_handle_with_options(name, &options)).await;
        let file: FileSystemFileHandle = file.map_err(|error| failure(&error))?.unchecked_into();
        let handle = JsFuture::from(file.create_sync_access_handle()).await;
        Ok(Self(handle.map_err(|error| failure(&error))?.unchecked_into()))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Disk for Handle {
    fn len(&self) -> io::Result<u64> {
        whole(self.0.get_size().map_err(|error| failure(&error))?)
    }

    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read_with_u8_array_and_options(bytes, &options(at)).map_err(|error| failure(&error))?;
        usize::try_from(whole(read)?).map_err(|_| io::ErrorKind::InvalidData.into())
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let written = self.0.write_with_u8_array_and_options(bytes, &options(at)).map_err(|error| failure(&error))?;
        if whole(written)? == bytes.len() as u64 { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.truncate_with_f64(float(len)).map_err(|error| failure(&error))
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush().map_err(|error| failure(&error))
    }
}

fn options(at: u64) -> FileSystemReadWriteOptions {
    let options = FileSystemReadWriteOptions::new();
    options.set_at(float(at));
    options
}

/// Turns a place in a file into JavaScript's only kind of number; no file comes near the end of what that can count.
#[expect(clippy::cast_precision_loss, reason = "places stay far below 2^53")]
fn float(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked on the line before")]
fn whole(number: f64) -> io::Result<u64> {
    let is_whole = number.is_finite() && number >= 0.0 && number.fract() == 0.0 && number < 9_007_199_254_740_992.0;
    if is_whole { Ok(number as u64) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Turns what the browser throws into an error with a kind that somebody can act on.
pub(super) fn failure(thrown: &JsValue) -> io::Error {
    let word = |name: &str| Reflect::get(thrown, &name.into()).ok().and_then(|value| value.as_string());
    let (name, message) = (word("name").unwrap_or_default(), word("message").unwrap_or_default());
    let kind = match name.as_str() {
        "QuotaExceededError" => io::ErrorKind::StorageFull,
        "NotFoundError" => io::ErrorKind::NotFound,
        // Another worker has the file open.
        "NoModificationAllowedError" => io::ErrorKind::ResourceBusy,
        "SecurityError" | "NotAllowedError" => io::ErrorKind::PermissionDenied,
        "TypeError" => io::ErrorKind::Unsupported,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, format!("{name}: {message}"))
}
