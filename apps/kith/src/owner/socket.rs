//! Where the socket lies: in the folder, for its user only.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// The socket's name in the folder.
pub(super) const NAME: &str = "owner.sock";

/// Listens. Whoever calls this owns the folder, so a socket that lies there is a dead owner's.
pub(super) fn listen(folder: &Path) -> io::Result<UnixListener> {
    let path = folder.join(NAME);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // The folder itself is closed to others, so nobody slips in before the socket is.
    let (_handle, short) = short_path(folder)?;
    let listener = UnixListener::bind(short)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Connects to the folder's owner.
pub(super) async fn connect(folder: &Path) -> io::Result<UnixStream> {
    let (_handle, path) = short_path(folder)?;
    UnixStream::connect(path).await
}

/// Returns the socket's path in a form that fits, and what must live as long as it is used: sockets have names of about
/// a hundred bytes at most, folders have not.
fn short_path(folder: &Path) -> io::Result<(Option<File>, PathBuf)> {
    let path = folder.join(NAME);
    if path.as_os_str().len() <= LONGEST_NAME {
        return Ok((None, path));
    }
    let handle = File::open(folder)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{NAME}", handle.as_raw_fd()));
    Ok((Some(handle), path))
}

const LONGEST_NAME: usize = 100;
