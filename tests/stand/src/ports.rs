//! Free TCP ports. vpcd listens on a port and the one after it, so a reader needs a free pair.
//!
//! Between finding a port free and its service's listening, another test could find the same: many programs start on this
//! machine at once. So every pair handed out is claimed by a name that the kernel gives to one process only and takes back
//! when that process ends.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};

/// Below Linux's range for outgoing connections (32768 and up), so that no client takes a port of ours in between.
const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;

/// The claims of this process, kept until it ends.
static CLAIMS: Mutex<Vec<UnixDatagram>> = Mutex::new(Vec::new());

/// A port that is free now, together with the one after it; no other test gets it while this process lives.
pub fn free_pair() -> Result<u16> {
    let mut claims = CLAIMS.lock().unwrap_or_else(PoisonError::into_inner);
    let pairs = (LAST - FIRST) / 2;
    // Tests that run at the same time begin at different places, so that few of them ask for the same.
    let begin = u16::try_from(std::process::id() % u32::from(pairs)).unwrap_or(0);
    for step in 0..pairs {
        let port = FIRST + (begin + step) % pairs * 2;
        let Some(claim) = claim(port) else { continue };
        if is_free(port) && is_free(port + 1) {
            claims.push(claim);
            return Ok(port);
        }
    }
    bail!("no two neighbouring ports between {FIRST} and {LAST} are free")
}

/// One port that is free now.
pub fn free() -> Result<u16> {
    free_pair()
}

fn claim(port: u16) -> Option<UnixDatagram> {
    let name = SocketAddr::from_abstract_name(format!("rhc-test-port-{port}")).ok()?;
    UnixDatagram::bind_addr(&name).ok()
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("0.0.0.0", port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once() {
        let ports: std::collections::BTreeSet<u16> =
            (0..50).map(|_| free_pair().expect("a pair")).collect();
        assert_eq!(ports.len(), 50);
        assert!(
            ports
                .iter()
                .all(|port| port % 2 == 0 && claim(*port).is_none())
        );
    }
}
