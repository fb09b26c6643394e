//! A counter: pcscd with readers of our own driver, chips put in and pulled, a folder with library, configuration and PIN.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cardlib_ifd::card::{Card, Fault, Manner, Puller, Slot};
use cardlib_ifd::wire::Order;
use cardlib_sim::VirtualCard;
use tests_stand::{Daemon, Place, Stack};

/// A simulated chip as a card of the driver.
struct Plugged<C>(C);

impl<C: VirtualCard> Card for Plugged<C> {
    fn reset(&mut self) -> Vec<u8> {
        self.0.reset()
    }

    fn handle(&mut self, command: &[u8]) -> Vec<u8> {
        self.0.handle(command)
    }
}

pub struct Counter {
    pub daemon: Daemon,
    folder: tempfile::TempDir,
}

impl Counter {
    /// A counter with this many readers: card and SAM of device 1, of device 2, …
    pub fn new(readers: usize) -> Self {
        let daemon = Daemon::start_on(Stack::Own, readers).expect("apt-get install pcscd");
        let folder = tempfile::tempdir().expect("folder");
        let counter = Self { daemon, folder };
        counter.secret("pin", "123456\n");
        counter.configure(&|_| "pin_file = \"pin\"\n".into());
        counter
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes the configuration beside the library; `more` adds lines to each device's table.
    pub fn configure(&self, more: &dyn Fn(usize) -> String) {
        let readers = self.daemon.readers();
        let devices = readers.chunks_exact(2).enumerate().map(|(n, pair)| {
            let (card, sam, more) = (&pair[0].name, &pair[1].name, more(n));
            format!(
                "[[device]]\ncard = \"{card}\"\nsam = \"{sam}\"\nserial = \"窗口 {}\"\n{more}\n",
                n + 1
            )
        });
        self.secret("rhc_reader.toml", &devices.collect::<String>());
    }

    /// A file of mode 0600.
    pub fn secret(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder().join(name);
        std::fs::write(&path, text).expect("write");
        mode(&path, 0o600);
        path
    }

    /// Puts a chip into a reader and waits until the daemon has seen it.
    pub fn insert(&self, reader: usize, chip: impl VirtualCard + Send + 'static) -> Inserted<'_> {
        self.insert_faulty(reader, chip, None)
    }

    /// The same with a fault at a command, counted from 1.
    pub fn insert_faulty(
        &self,
        reader: usize,
        chip: impl VirtualCard + Send + 'static,
        fault: Option<(u64, Fault)>,
    ) -> Inserted<'_> {
        let Place::Socket(socket) = &self.daemon.readers()[reader].place else {
            panic!("our own driver listens on sockets");
        };
        let mut slot = Slot::connect(socket, Duration::from_secs(5)).expect("reader");
        // So that a silent card does not hold up the next test: the reader gives up after the library did.
        let order = Order::Limit(Duration::from_secs(2));
        slot.order(order).expect("reader");
        let puller = Some(slot.puller().expect("handle"));
        let manner = Manner {
            fault,
            ..Manner::default()
        };
        std::thread::spawn(move || slot.serve(&mut Plugged(chip), manner));
        let inserted = Inserted {
            counter: self,
            reader,
            puller,
        };
        inserted.wait(true);
        inserted
    }

    /// A program as a client of this daemon.
    pub fn client(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let (name, socket) = self.daemon.environment();
        command.env(name, socket);
        // cargo's own search path would lead to another copy of the library than the one beside the program.
        for variable in ["RHC_LANG", "LD_LIBRARY_PATH"] {
            command.env_remove(variable);
        }
        command
    }
}

pub fn mode(path: &Path, mode: u32) {
    let mode = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, mode).expect("mode");
}

/// A chip in a reader; dropped, it is pulled.
pub struct Inserted<'c> {
    counter: &'c Counter,
    reader: usize,
    puller: Option<Puller>,
}

impl Inserted<'_> {
    fn wait(&self, present: bool) {
        let daemon = &self.counter.daemon;
        let reader = &daemon.readers()[self.reader];
        daemon.wait_card(reader, present).expect("seen");
    }
}

impl Drop for Inserted<'_> {
    fn drop(&mut self) {
        if let Some(puller) = self.puller.take() {
            puller.pull();
            if !std::thread::panicking() {
                self.wait(false);
            }
        }
    }
}
