//! The library under test in its child process: started, called within a time limit, closed or killed.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use super::case::Call;
use super::child::{Ordered, Returned};
use super::drive::Target;

/// A child that is killed when it is no longer needed.
pub(super) struct Loaded {
    child: Child,
    answers: Receiver<String>,
}

impl Loaded {
    pub(super) fn start(target: &Target) -> Result<Self, String> {
        let mut command = Command::new(&target.program);
        command
            .arg("terminal-calls")
            .arg("--library")
            .arg(&target.library);
        if let Some(config) = &target.config {
            command.arg("--library-config").arg(config);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| format!("{}: {e}", target.program.display()))?;
        let out = child.stdout.take().ok_or("the child has no output")?;
        let (send, answers) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, answers })
    }

    pub(super) fn answer(&self, limit: Duration) -> Result<Returned, String> {
        match self.answers.recv_timeout(limit) {
            Ok(line) => serde_json::from_str(&line).map_err(|e| e.to_string()),
            Err(RecvTimeoutError::Timeout) => {
                Err(format!("no answer within {} s", limit.as_secs()))
            }
            Err(RecvTimeoutError::Disconnected) => Err("the library ended its process".into()),
        }
    }

    pub(super) fn call(&mut self, call: &Call, limit: Duration) -> Result<Returned, String> {
        let ordered = Ordered {
            function: call.function.clone(),
            arguments: call.arguments.clone(),
        };
        let line = serde_json::to_string(&ordered).map_err(|e| e.to_string())?;
        let input = self.child.stdin.as_mut().ok_or("the child has no input")?;
        // Where the child has died the answer, which does not come, says so.
        let _ = writeln!(input, "{line}").and_then(|()| input.flush());
        self.answer(limit)
    }

    /// Lets the library close; the child ends by itself.
    pub(super) fn close(&mut self, limit: Duration) {
        drop(self.child.stdin.take());
        if let Err(RecvTimeoutError::Timeout) = self.answers.recv_timeout(limit) {
            let _ = self.child.kill();
        }
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
