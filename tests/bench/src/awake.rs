//! Cores that stay awake while something is measured.
//!
//! A card's command is a chain of hand-overs between processes, each of a few microseconds. On a virtual machine a core that
//! has nothing to do is given back to the host and takes tens of microseconds to come back, more on some days than on others:
//! what is measured then is the host. So one loop a core runs at idle priority (SCHED_IDLE: it yields to everything), under
//! the product and under its floor alike.

use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// Ends by itself when the benchmark is gone.
const LOOP: &str = "while kill -0 $0 2>/dev/null; do :; done";

/// Loops that end with this value.
pub struct Awake(Vec<Child>);

impl Awake {
    /// Starts one loop a core.
    ///
    /// # Errors
    /// `chrt` or `sh` is missing.
    pub fn start() -> Result<Self> {
        let cores = std::thread::available_parallelism()?.get();
        let one = || {
            Command::new("chrt")
                .args(["--idle", "0", "sh", "-c", LOOP])
                .arg(std::process::id().to_string())
                .stdout(Stdio::null())
                .spawn()
                .context("chrt is missing: apt-get install util-linux")
        };
        let mut loops = Self(Vec::new());
        for _ in 0..cores {
            loops.0.push(one()?);
        }
        Ok(loops)
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        for each in &mut self.0 {
            // One that cannot be ended ends by itself.
            let _ = each.kill();
            let _ = each.wait();
        }
    }
}
