//! How much memory a process keeps resident.

use std::fs;

use anyhow::{Context, Result};

/// Resident set of a process in MiB.
pub fn mib(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("process {pid} is gone"))?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .context("no VmRSS")?;
    let kib: f64 = line
        .split_whitespace()
        .nth(1)
        .context("no number in VmRSS")?
        .parse()?;
    Ok(kib / 1024.0)
}
