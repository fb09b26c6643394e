//! Child processes: long-running services with a log file, and tools that run once.
//!
//! Each is ended by its own process id; nothing is ever killed by name.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

const STOP_WITHIN: Duration = Duration::from_secs(5);

/// A running service; dropped, it is told to end and, if it does not, killed.
pub struct Service {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Service {
    /// Starts `command` with both outputs going to `log`.
    pub fn start(name: &str, command: Command, log: &Path) -> Result<Self> {
        Self::start_with(name, command, log, None)
    }

    /// Starts `command` and hands it `input` on descriptor 0, which is then closed.
    pub fn start_with(
        name: &str,
        mut command: Command,
        log: &Path,
        input: Option<&[u8]>,
    ) -> Result<Self> {
        let file = File::options().create(true).append(true).open(log)?;
        command.stdin(if input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        });
        command.stdout(file.try_clone()?).stderr(file);
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        if let (Some(input), Some(mut pipe)) = (input, child.stdin.take()) {
            // A child that died already says why in its log; the broken pipe says nothing more.
            let _ = pipe.write_all(input);
        }
        Ok(Self {
            name: name.to_owned(),
            child,
            log: log.to_path_buf(),
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn log(&self) -> &Path {
        &self.log
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The last lines of the log, for error messages.
    pub fn log_tail(&self, lines: usize) -> String {
        tail(&fs::read_to_string(&self.log).unwrap_or_default(), lines)
    }

    /// Waits until `ready` says so; an error with the log's end when the service dies first or takes too long.
    pub fn wait_until(&mut self, within: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let deadline = Instant::now() + within;
        while !ready() {
            if !self.is_running() {
                bail!(
                    "{} ended at once; its log says:\n{}",
                    self.name,
                    self.log_tail(15)
                );
            }
            if Instant::now() > deadline {
                bail!(
                    "{} was not ready within {within:?}; its log says:\n{}",
                    self.name,
                    self.log_tail(15)
                );
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Waits until the service accepts connections on a local port.
    pub fn wait_port(&mut self, port: u16, within: Duration) -> Result<()> {
        self.wait_until(within, || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        })
    }

    /// SIGTERM, then SIGKILL after five seconds.
    pub fn stop(&mut self) {
        self.signal(rustix::process::Signal::TERM);
        let deadline = Instant::now() + STOP_WITHIN;
        while self.is_running() {
            if Instant::now() > deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// SIGKILL: a crash.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Lets it run on when this program ends.
    pub fn leave(self) {
        std::mem::forget(self);
    }

    /// Waits for the end and says how it came.
    pub fn wait_status(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait()?)
    }

    pub fn signal(&mut self, signal: rustix::process::Signal) {
        if self.is_running()
            && let Some(pid) = i32::try_from(self.child.id())
                .ok()
                .and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What a tool that ran once left behind.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub code: i32,
    pub out: String,
    pub err: String,
    pub took: Duration,
}

impl Outcome {
    /// Standard output as JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_str(&self.out)
            .with_context(|| format!("not JSON: {}\n{}", self.out, tail(&self.err, 10)))
    }

    /// Everything printed, for searching.
    pub fn text(&self) -> String {
        format!("{}{}", self.out, self.err)
    }
}

/// A tool of this project (or another program) to be run once.
pub struct Tool {
    command: Command,
    shown: String,
}

impl Tool {
    /// A program of this workspace.
    pub fn new(program: &str) -> Result<Self> {
        Ok(Self {
            command: Command::new(crate::binaries::program(program)?),
            shown: program.to_owned(),
        })
    }

    /// A program found on the path.
    pub fn foreign(program: &str) -> Self {
        Self {
            command: Command::new(program),
            shown: program.to_owned(),
        }
    }

    pub fn arg(mut self, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.shown.push(' ');
        self.shown.push_str(&value.as_ref().to_string_lossy());
        self.command.arg(value);
        self
    }

    /// Several arguments, split at white space: for literal command lines only.
    pub fn words(mut self, words: &str) -> Self {
        for word in words.split_whitespace() {
            self = self.arg(word);
        }
        self
    }

    pub fn env(mut self, (name, value): (&str, impl AsRef<std::ffi::OsStr>)) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn directory(mut self, path: &Path) -> Self {
        self.command.current_dir(path);
        self
    }

    /// Runs it to its end, whatever its exit code.
    pub fn run(mut self) -> Result<Outcome> {
        let started = Instant::now();
        let output = self
            .command
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot run {}", self.shown))?;
        Ok(Outcome {
            code: exit_code(output.status),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            took: started.elapsed(),
        })
    }

    /// Runs it and insists on exit code 0.
    pub fn ok(self) -> Result<Outcome> {
        let shown = self.shown.clone();
        let outcome = self.run()?;
        if outcome.code != 0 {
            bail!(
                "`{shown}` ended with {}:\n{}{}",
                outcome.code,
                tail(&outcome.out, 20),
                tail(&outcome.err, 20)
            );
        }
        Ok(outcome)
    }

    /// The same tool with one argument replaced.
    pub fn replace(self, argument: &str, by: &str) -> Self {
        let mut command = Command::new(self.command.get_program());
        command.args(
            self.command
                .get_args()
                .map(|own| if own == argument { by.as_ref() } else { own }),
        );
        for (name, value) in self.command.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        Self {
            command,
            shown: self.shown.replace(argument, by),
        }
    }

    /// The command itself, to be started as a service.
    pub fn into_command(self) -> Command {
        self.command
    }
}

/// As a shell counts: 128 + signal for a process that a signal ended.
fn exit_code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
