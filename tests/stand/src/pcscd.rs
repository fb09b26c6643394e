//! The real PC/SC daemon with virtual readers (vpcd), one per value, isolated from any other daemon.
//!
//! It runs in a mount namespace of its own whose `/run/pcscd` is our folder; clients find it by `PCSCLITE_CSOCK_NAME`.
//! Without root the same is done in a user namespace. vpcd needs a copy of its library per entry, as entries that share
//! one library share its state.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::ports;
use crate::process::{Service, Tool};

const LIBRARIES: [&str; 2] = [
    "/usr/lib/pcsc/drivers/serial/libifdvpcd.so",
    "/usr/lib/pcsc/drivers/libifdvpcd.so",
];
const READY_WITHIN: Duration = Duration::from_secs(10);
/// How often pcscd asks a reader whether its card is still there.
const LOOKS_EVERY: Duration = Duration::from_millis(400);

/// A virtual reader: its PC/SC name, and where its card connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    pub name: String,
    pub port: u16,
}

impl Reader {
    /// What `rhc-card virtual --vpcd` takes.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// A running daemon. Field order matters: the process ends before its folder goes.
pub struct Daemon {
    service: Service,
    readers: Vec<Reader>,
    folder: TempDir,
}

impl Daemon {
    /// Starts a daemon with `count` readers (at most 16) and waits until each listens.
    pub fn start(count: usize) -> Result<Self> {
        if count > 16 {
            bail!("one pcscd carries at most 16 readers, {count} were asked for");
        }
        let folder = tempfile::Builder::new().prefix("rhc-pcscd-").tempdir()?;
        let configuration = folder.path().join("conf");
        let run = folder.path().join("run");
        fs::create_dir(&configuration)?;
        fs::create_dir(&run)?;
        let readers = write_configuration(&configuration, count)?;
        let service = Service::start(
            "pcscd",
            command(&run, &configuration),
            &folder.path().join("pcscd.log"),
        )?;
        let mut daemon = Self {
            service,
            readers,
            folder,
        };
        daemon.wait_ready()?;
        Ok(daemon)
    }

    /// The readers in order: two per vpcd entry.
    pub fn readers(&self) -> &[Reader] {
        &self.readers
    }

    /// Path of the daemon's socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("run/pcscd.comm")
    }

    /// The environment variable that leads a PC/SC client here.
    pub fn environment(&self) -> (&'static str, OsString) {
        ("PCSCLITE_CSOCK_NAME", self.socket().into_os_string())
    }

    /// Whether a card is in a reader, as a foreign client sees it.
    pub fn has_card(&self, reader: &Reader) -> Result<bool> {
        let listed = Tool::foreign("opensc-tool")
            .words("-l")
            .env(self.environment())
            .run()?;
        let line = listed
            .out
            .lines()
            .find(|line| line.trim_end().ends_with(&reader.name));
        Ok(line.is_some_and(|line| line.split_whitespace().nth(1) == Some("Yes")))
    }

    /// Waits until the daemon has noticed a card that was put in or pulled.
    ///
    /// The daemon looks every 400 ms, but a client's failed reset marks a reader empty before the daemon itself has
    /// looked; a card put in within that time would never be noticed. So after a removal one more look is waited for.
    pub fn wait_card(&self, reader: &Reader, present: bool) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        while self.has_card(reader)? != present {
            if Instant::now() > deadline {
                let what = if present { "appear in" } else { "leave" };
                bail!("no card did {what} {} within {READY_WITHIN:?}", reader.name);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        if !present {
            std::thread::sleep(LOOKS_EVERY + LOOKS_EVERY / 4);
        }
        Ok(())
    }

    pub fn pid(&self) -> u32 {
        self.service.pid()
    }

    /// Lets it run on, with its folder, when this program ends.
    pub fn leave(self) {
        let _ = self.folder.keep();
        self.service.leave();
    }

    /// Stops the daemon while the value lives on, for tests of a daemon that is gone.
    pub fn stop(&mut self) {
        self.service.stop();
    }

    fn wait_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        while !self.socket().exists()
            || !self.readers.iter().all(|reader| is_listening(reader.port))
        {
            if !self.service.is_running() || Instant::now() > deadline {
                bail!(
                    "pcscd did not get ready; its log says:\n{}",
                    self.service.log_tail(15)
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

/// One reader.conf per entry; an entry is two slots on two neighbouring ports.
fn write_configuration(folder: &Path, count: usize) -> Result<Vec<Reader>> {
    let library = LIBRARIES
        .iter()
        .map(Path::new)
        .find(|path| path.is_file())
        .context("the virtual reader driver is missing: install the package vsmartcard-vpcd")?;
    let store = folder.with_file_name("drivers");
    fs::create_dir(&store)?;
    let mut readers = Vec::with_capacity(count + 1);
    for entry in 0..count.div_ceil(2) {
        let port = ports::free_pair()?;
        let copy = store.join(format!("libifdvpcd{entry}.so"));
        fs::copy(library, &copy)?;
        let text = format!(
            "FRIENDLYNAME \"Virtual PCD {entry}\"\nDEVICENAME /dev/null:{port}\nLIBPATH {}\nCHANNELID 0x{port:X}\n",
            copy.display()
        );
        fs::write(folder.join(format!("reader{entry:02}")), text)?;
        for slot in 0..2_u16 {
            let name = format!("Virtual PCD {entry} 00 {slot:02X}");
            readers.push(Reader {
                name,
                port: port + slot,
            });
        }
    }
    readers.truncate(count);
    Ok(readers)
}

/// `unshare` execs, so the process id it starts with is the daemon's.
fn command(run: &Path, configuration: &Path) -> Command {
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    let script = "mount -t tmpfs tmpfs /run && mkdir /run/pcscd && mount --bind \"$1\" /run/pcscd \
                  && exec pcscd --foreground --config \"$2\"";
    command.args([
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        script,
        "sh",
    ]);
    command.arg(run).arg(configuration);
    command.env(
        "PATH",
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    );
    command
}

/// Looks in the kernel's table instead of connecting: a connection would be a card put in.
fn is_listening(port: u16) -> bool {
    let wanted = format!(":{port:04X} ");
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().any(|table| {
        fs::read_to_string(table).is_ok_and(|text| {
            text.lines().skip(1).any(|line| {
                let mut fields = line.split_whitespace().skip(1);
                let local = fields.next().unwrap_or_default();
                let state = fields.nth(1).unwrap_or_default();
                format!("{local} ").ends_with(&wanted) && state == "0A"
            })
        })
    })
}
