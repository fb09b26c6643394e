//! How much memory a process keeps resident.

use std::fs;

use anyhow::{Context, Result};

/// Resident set of a process in MiB.
pub fn mib(pid: u32) -> Result<f64> {
    of(pid, "VmRSS:")
}

/// The largest that it ever was, in MiB.
pub fn peak_mib(pid: u32) -> Result<f64> {
    of(pid, "VmHWM:")
}

fn of(pid: u32, name: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("process {pid} is gone"))?;
    let line = status
        .lines()
        .find(|line| line.starts_with(name))
        .with_context(|| format!("no {name}"))?;
    let kib: f64 = line
        .split_whitespace()
        .nth(1)
        .with_context(|| format!("no number in {name}"))?
        .parse()?;
    Ok(kib / 1024.0)
}
