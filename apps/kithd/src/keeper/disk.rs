//! The thread that waits for the disk, so that the keeper need not.

use std::io;
use std::sync::mpsc::{Sender, channel};

use kith_home::store::{Debt, StoreError};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The way to the thread. It ends when this is dropped.
pub(super) struct DiskThread {
    debts: Sender<Debt>,
    landings: UnboundedReceiver<Result<(), StoreError>>,
}

impl DiskThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub(super) fn start() -> io::Result<Self> {
        let (debts, owed) = channel::<Debt>();
        let (lands, landings) = unbounded_channel();
        std::thread::Builder::new().name("disk".to_owned()).spawn(move || {
            while let Ok(debt) = owed.recv() {
                if lands.send(debt()).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { debts, landings })
    }

    /// Has a debt paid. One at a time.
    pub(super) fn pay(&self, debt: Debt) {
        // A thread that is gone drops it, and that counts as failed.
        let _ = self.debts.send(debt);
    }

    /// Waits for the end of a payment. When it is given up, nothing is lost.
    pub(super) async fn landed(&mut self) -> Result<(), StoreError> {
        let gone = || StoreError::Backend(Box::new(io::Error::other("nobody waits for the disk any more")));
        self.landings.recv().await.unwrap_or_else(|| Err(gone()))
    }
}
