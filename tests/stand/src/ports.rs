//! Free TCP ports. vpcd listens on a port and the one after it, so a reader needs a free pair.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Result, bail};

/// Below Linux's range for outgoing connections (32768 and up), so that no client takes a port of ours in between.
const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port that is free now, together with the one after it; never the same pair twice in one process.
pub fn free_pair() -> Result<u16> {
    let start = u16::try_from(std::process::id() % 5_500).unwrap_or(0) * 2;
    for _ in 0..(LAST - FIRST) / 2 {
        let step = NEXT.fetch_add(2, Ordering::Relaxed);
        let port = FIRST + (start.wrapping_add(step)) % (LAST - FIRST);
        if is_free(port) && is_free(port + 1) {
            return Ok(port);
        }
    }
    bail!("no two neighbouring ports between {FIRST} and {LAST} are free")
}

/// One port that is free now.
pub fn free() -> Result<u16> {
    free_pair()
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("0.0.0.0", port)).is_ok()
}
