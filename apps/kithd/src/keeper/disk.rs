//! The thread that waits for the disk, so that the keeper need not.

use std::sync::mpsc::{Receiver, Sender, channel};

use kith_home::store::{Debt, StoreError};
use tokio::sync::mpsc::WeakSender;

use super::Message;

/// The way to the thread. It ends when this is dropped.
pub(super) struct DiskThread {
    debts: Sender<Debt>,
    landings: Receiver<Result<(), StoreError>>,
}

impl DiskThread {
    /// Starts the thread. It leaves word at the keeper's when it is done with something.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub(super) fn start(inbox: WeakSender<Message>) -> std::io::Result<Self> {
        let (debts, owed) = channel::<Debt>();
        let (lands, landings) = channel();
        std::thread::Builder::new().name("disk".to_owned()).spawn(move || {
            while let Ok(debt) = owed.recv() {
                if lands.send(debt()).is_err() {
                    return;
                }
                // A full inbox wakes the keeper as well.
                if let Some(inbox) = inbox.upgrade() {
                    let _ = inbox.try_send(Message::Landed);
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

    /// Returns how a payment ended, if one has.
    pub(super) fn landed(&self) -> Option<Result<(), StoreError>> {
        self.landings.try_recv().ok()
    }

    /// Waits for the end of a payment; nothing when there is nobody to wait for.
    pub(super) fn wait(&self) -> Option<Result<(), StoreError>> {
        self.landings.recv().ok()
    }
}
