//! Readers of our own driver with test chips in them, and `rhc-card` as a client of their daemon.
#![allow(dead_code)] // each test file uses its part

#[path = "../../../ifd/tests/common/mod.rs"]
pub mod readers;
#[path = "../../../terminal/tests/support/mod.rs"]
pub mod support;

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use cardlib_ifd::card::{Card, Manner, Puller, Slot};
use cardlib_sim::VirtualCard;
use readers::Daemon;

pub const CARD: &str = env!("CARGO_BIN_EXE_rhc-card");
pub const USER: &str = "RHC Reader 00 00";
pub const SAM: &str = "RHC Reader 01 00";

struct Plugged<C>(C);

impl<C: VirtualCard> Card for Plugged<C> {
    fn reset(&mut self) -> Vec<u8> {
        self.0.reset()
    }

    fn handle(&mut self, command: &[u8]) -> Vec<u8> {
        self.0.handle(command)
    }
}

/// A house of three readers: a card in the first, a SAM in the second.
pub struct Bench {
    pub daemon: Daemon,
    pub folder: tempfile::TempDir,
}

impl Bench {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pin = folder.path().join("pin");
        std::fs::write(&pin, "123456\n").unwrap();
        std::fs::set_permissions(&pin, PermissionsExt::from_mode(0o600)).unwrap();
        Self {
            daemon: Daemon::start(4),
            folder,
        }
    }

    pub fn insert(&self, reader: usize, chip: impl VirtualCard + Send + 'static) -> Puller {
        let place = self.daemon.places(4).swap_remove(reader);
        let slot = Slot::connect(&place.socket, Duration::from_secs(5)).unwrap();
        let puller = slot.puller().unwrap();
        std::thread::spawn(move || slot.serve(&mut Plugged(chip), Manner::default()));
        puller
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = self.daemon.client(CARD);
        command.args(words).current_dir(self.folder.path());
        command.env_remove("RHC_LANG");
        command
    }

    pub fn run(&self, words: &[&str]) -> (Option<i32>, String, String) {
        told(&self.command(words).output().unwrap())
    }

    /// Until a card is seen.
    pub fn wait(&self, reader: &str) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.run(&["info", "--reader", reader]).0 == Some(4) {
            assert!(Instant::now() < deadline, "no card in {reader}");
        }
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.folder.path().join(name), bytes).unwrap();
    }
}

pub fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}
