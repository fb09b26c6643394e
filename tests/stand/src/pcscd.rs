//! The real PC/SC daemon with virtual readers, one per value, isolated from any other daemon.
//!
//! It runs in a mount namespace of its own whose `/run/pcscd` is our folder; clients find it by `PCSCLITE_CSOCK_NAME`.
//! Without root the same is done in a user namespace.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tempfile::TempDir;

use crate::process::{Service, Tool};
use crate::stack::{Reader, Stack, configure, is_listening};

/// Long enough for a machine that does many other things: a daemon that died is told at once.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How often pcscd asks a reader of vpcd whether its card is still there.
const LOOKS_EVERY: Duration = Duration::from_millis(400);

/// A running daemon. Field order matters: the process ends before its folder goes.
pub struct Daemon {
    service: Service,
    readers: Vec<Reader>,
    stack: Stack,
    folder: TempDir,
}

impl Daemon {
    /// Starts a daemon with `count` readers of vpcd (at most 16) and waits until each takes cards.
    pub fn start(count: usize) -> Result<Self> {
        Self::start_on(Stack::Vpcd, count)
    }

    /// The same with readers of that stack.
    pub fn start_on(stack: Stack, count: usize) -> Result<Self> {
        if count > 16 {
            bail!("one pcscd carries at most 16 readers, {count} were asked for");
        }
        let folder = tempfile::Builder::new().prefix("rhc-pcscd-").tempdir()?;
        let configuration = folder.path().join("conf");
        let run = folder.path().join("run");
        fs::create_dir(&configuration)?;
        fs::create_dir(&run)?;
        let readers = configure(stack, folder.path(), count)?;
        let service = Service::start(
            "pcscd",
            command(&run, &configuration),
            &folder.path().join("pcscd.log"),
        )?;
        let mut daemon = Self {
            service,
            readers,
            stack,
            folder,
        };
        daemon.wait_ready()?;
        Ok(daemon)
    }

    /// The readers in order.
    pub fn readers(&self) -> &[Reader] {
        &self.readers
    }

    /// Where its configuration, its log and our driver's sockets lie.
    pub fn folder(&self) -> &Path {
        self.folder.path()
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
    /// At readers of vpcd the daemon looks every 400 ms, but a client's failed reset marks a reader empty before the daemon
    /// itself has looked; a card put in within that time would never be noticed. So after a removal one more look is waited
    /// for. Our own driver tells of every card that comes or goes.
    pub fn wait_card(&self, reader: &Reader, present: bool) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        while self.has_card(reader)? != present {
            if Instant::now() > deadline {
                let what = if present { "appear in" } else { "leave" };
                bail!("no card did {what} {} within {READY_WITHIN:?}", reader.name);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        if !present && self.stack == Stack::Vpcd {
            std::thread::sleep(LOOKS_EVERY + LOOKS_EVERY / 4);
        }
        Ok(())
    }

    pub fn stack(&self) -> Stack {
        self.stack
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
            || !self
                .readers
                .iter()
                .all(|reader| is_listening(&reader.place))
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
