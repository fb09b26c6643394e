//! pcscd with readers of this driver, and null cards to put in.
//!
//! A PC/SC client finds its daemon by an environment variable it reads once, so a test starts the daemon and then itself
//! again as a child with that variable.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cardlib_ifd::card::{Card, Manner, Slot};
use cardlib_ifd::conf::{self, Place};
use tests_stand::Stack;

const FOLDER: &str = "RHC_TEST_READERS";

/// A running daemon.
pub struct Daemon {
    daemon: tests_stand::Daemon,
    folder: PathBuf,
}

impl Daemon {
    /// Starts a daemon with `count` readers and waits until every one takes cards.
    pub fn start(count: u8) -> Self {
        let daemon = tests_stand::Daemon::start_on(Stack::Own, count.into());
        let daemon = daemon.expect("apt-get install pcscd");
        let folder = daemon.folder().to_path_buf();
        Self { daemon, folder }
    }

    /// The readers of this daemon.
    #[allow(dead_code)] // for tests that need no child of their own
    pub fn places(&self, count: u8) -> Vec<Place> {
        conf::places(&self.folder, count)
    }

    /// A client of this daemon.
    pub fn client(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let (name, socket) = self.daemon.environment();
        command.env(name, socket).env(FOLDER, &self.folder);
        command
    }
}

/// The readers, in a child started by [`Daemon::client`].
pub fn places(count: u8) -> Vec<Place> {
    let folder = std::env::var_os(FOLDER).expect("started as a client of the daemon");
    conf::places(Path::new(&folder), count)
}

/// A card that does nothing, quickly.
pub struct Null;

impl Card for Null {
    fn reset(&mut self) -> Vec<u8> {
        vec![0x3B, 0x80, 0x80, 0x01, 0x01]
    }

    fn handle(&mut self, _: &[u8]) -> Vec<u8> {
        vec![0x90, 0x00]
    }
}

/// Puts a card into a reader; the thread ends when the card is out.
pub fn insert(
    place: &Place,
    mut card: impl Card + Send + 'static,
    manner: Manner,
) -> cardlib_ifd::card::Puller {
    let slot = Slot::connect(&place.socket, Duration::from_secs(5)).expect("reader");
    let puller = slot.puller().expect("handle");
    std::thread::spawn(move || slot.serve(&mut card, manner));
    puller
}
