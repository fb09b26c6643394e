//! Reads the memory of a running process through `/proc`, as a core dump would show it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result, bail};

use crate::search::Search;

const PIECE: usize = 4 << 20;

/// Labels of the secrets in a process's readable memory, and how many bytes were read.
pub fn search(pid: u32, search: &Search) -> Result<(BTreeSet<String>, u64)> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).with_context(|| {
        format!("process {pid} is gone or not ours to read: run the tests as root")
    })?;
    let memory = File::open(format!("/proc/{pid}/mem"))
        .context("memory cannot be read: run the tests as root")?;
    let mut findings = BTreeSet::new();
    let mut total = 0;
    for (start, end) in maps.lines().filter_map(readable) {
        total += region(&memory, start, end, search, &mut findings);
    }
    if total == 0 {
        bail!("not one byte of process {pid} could be read");
    }
    Ok((findings, total))
}

fn region(
    memory: &File,
    start: u64,
    end: u64,
    search: &Search,
    findings: &mut BTreeSet<String>,
) -> u64 {
    let mut buffer = vec![0; PIECE + search.overlap()];
    let mut at = start;
    let mut total = 0;
    while at < end {
        let length = usize::try_from(end - at).map_or(buffer.len(), |left| left.min(buffer.len()));
        // A page may vanish while we read: what is left of the region is then not memory any more.
        let Ok(read) = memory.read_at(&mut buffer[..length], at) else {
            break;
        };
        if read == 0 {
            break;
        }
        findings.extend(search.bytes(&buffer[..read]));
        total += read as u64;
        at += read.saturating_sub(search.overlap()).clamp(1, PIECE) as u64;
        if read == length && length < buffer.len() {
            break;
        }
    }
    total
}

/// Start and end of a readable mapping that is memory, not a device.
fn readable(line: &str) -> Option<(u64, u64)> {
    let mut fields = line.split_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    if !fields.next()?.starts_with('r') || line.ends_with("[vvar]") || line.ends_with("[vsyscall]")
    {
        return None;
    }
    Some((
        u64::from_str_radix(start, 16).ok()?,
        u64::from_str_radix(end, 16).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_key_planted_in_a_process_is_found() {
        let key = *b"\x51\xA2\x03\xF4\x55\xB6\x07\xC8\x59\xDA\x0B\xEC\x5D\xFE\x0F\x10";
        let planted = Search::for_secrets(&[("planted".into(), key.to_vec())]).unwrap();
        let other =
            Search::for_secrets(&[("other".into(), key.iter().map(|byte| byte ^ 0x5A).collect())])
                .unwrap();
        let mut child = Command::new("sleep")
            .arg("60")
            .env("LEAK", hex::encode(key))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(200));
        let found = super::search(child.id(), &planted);
        let none = super::search(child.id(), &other);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found.unwrap().0.len(), 1);
        let (none, bytes) = none.unwrap();
        assert!(
            none.is_empty() && bytes > 100_000,
            "{none:?} in {bytes} bytes"
        );
    }
}
