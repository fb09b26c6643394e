//! pcscd with readers of this driver, in a mount namespace of its own, and null cards to put in.
//!
//! A PC/SC client finds its daemon by an environment variable it reads once, so a test starts the daemon and then itself
//! again as a child with that variable.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use cardlib_ifd::card::{Card, Manner, Slot};
use cardlib_ifd::conf::{self, Place};
use tempfile::TempDir;
use tests_stand::Service;

const FOLDER: &str = "RHC_TEST_READERS";

/// A running daemon; field order matters: the process ends before its folder goes.
pub struct Daemon {
    _service: Service,
    folder: TempDir,
}

impl Daemon {
    /// Starts a daemon with `count` readers and waits until every one takes cards.
    pub fn start(count: u8) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("rhc-ifd-")
            .tempdir()
            .expect("folder");
        let [conf, run] = ["conf", "run"].map(|name| {
            let path = folder.path().join(name);
            std::fs::create_dir(&path).expect("folder");
            path
        });
        let text = conf::reader_conf(&library(), folder.path(), count);
        std::fs::write(conf.join("readers"), text).expect("reader.conf");
        let log = folder.path().join("pcscd.log");
        let mut service =
            Service::start("pcscd", command(&run, &conf), &log).expect("apt-get install pcscd");
        let deadline = Instant::now() + Duration::from_secs(10);
        let ready = || {
            let sockets = conf::places(folder.path(), count);
            run.join("pcscd.comm").exists() && sockets.iter().all(|it| it.socket.exists())
        };
        while !ready() {
            assert!(
                service.is_running() && Instant::now() < deadline,
                "pcscd did not get ready:\n{}",
                service.log_tail(20)
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        Self {
            _service: service,
            folder,
        }
    }

    /// The readers of this daemon.
    #[allow(dead_code)] // for tests that need no child of their own
    pub fn places(&self, count: u8) -> Vec<Place> {
        conf::places(self.folder.path(), count)
    }

    /// A client of this daemon.
    pub fn client(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env(
                "PCSCLITE_CSOCK_NAME",
                self.folder.path().join("run/pcscd.comm"),
            )
            .env(FOLDER, self.folder.path());
        command
    }
}

/// The readers, in a child started by [`Daemon::client`].
pub fn places(count: u8) -> Vec<Place> {
    let folder = std::env::var_os(FOLDER).expect("started as a client of the daemon");
    conf::places(Path::new(&folder), count)
}

/// The driver that cargo built beside this program.
fn library() -> PathBuf {
    let own = std::env::current_exe().expect("this program");
    let found = own
        .ancestors()
        .skip(1)
        .take(3)
        .flat_map(|folder| {
            ["libcardlib_ifd.so", "deps/libcardlib_ifd.so"].map(|it| folder.join(it))
        })
        .find(|path| path.is_file());
    found.expect("libcardlib_ifd.so: cargo build -p cardlib-ifd")
}

fn command(run: &Path, conf: &Path) -> Command {
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    let script = "mount -t tmpfs tmpfs /run && mkdir /run/pcscd && mount --bind \"$1\" /run/pcscd \
                  && exec pcscd --foreground --config \"$2\"";
    command
        .args(["--mount", "--propagation", "private", "sh", "-c", script])
        .arg("sh")
        .args([run, conf]);
    command.env(
        "PATH",
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    );
    command
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
