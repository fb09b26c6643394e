//! Syncs the journal's file beside the station's other work: a line written while the card is busy with the end of one phase
//! is on the disk when the next phase is to begin, and nobody waited for it.

use std::fs::File;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

/// A thread with the file. It ends before this is gone: as long as it has the file, the file's lock is held.
#[derive(Debug)]
pub(super) struct Syncer {
    orders: Option<Sender<()>>,
    done: Receiver<io::Result<()>>,
    thread: Option<JoinHandle<()>>,
    pending: bool,
}

impl Syncer {
    /// Starts the thread.
    pub(super) fn start(file: &File) -> io::Result<Self> {
        let file = file.try_clone()?;
        let (orders, to_do) = channel();
        let (told, done) = channel();
        let work = move || while to_do.recv().is_ok() && told.send(file.sync_data()).is_ok() {};
        let thread = thread::Builder::new().name("journal".into()).spawn(work)?;
        Ok(Self {
            orders: Some(orders),
            done,
            thread: Some(thread),
            pending: false,
        })
    }

    /// Begins a sync of what was written; one at a time.
    pub(super) fn begin(&mut self) -> io::Result<()> {
        self.finish()?;
        let orders = self.orders.as_ref().ok_or_else(gone)?;
        orders.send(()).map_err(|_| gone())?;
        self.pending = true;
        Ok(())
    }

    /// Waits for the sync that was begun, if one was.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if !self.pending {
            return Ok(());
        }
        self.pending = false;
        self.done.recv().map_err(|_| gone())?
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing to say any more: its last result was taken, or is of no use now.
            let _ = thread.join();
        }
    }
}

fn gone() -> io::Error {
    io::Error::other("the thread that syncs the journal ended")
}
