//! The two ways to a virtual reader: vpcd, the public driver, and this project's own. Tests of cards run over both, so that
//! neither the driver nor a habit of one of them decides what they find.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{binaries, ports};

const VPCD: [&str; 2] = [
    "/usr/lib/pcsc/drivers/serial/libifdvpcd.so",
    "/usr/lib/pcsc/drivers/libifdvpcd.so",
];

/// Which driver the daemon loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    /// vpcd of the vsmartcard project: the independent one.
    Vpcd,
    /// cardlib/ifd.
    Own,
}

/// Where a reader's card connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// vpcd listens on a TCP port.
    Port(u16),
    /// Our driver listens on a Unix socket.
    Socket(PathBuf),
}

impl Place {
    /// As `rhc-card virtual` takes it.
    pub fn words(&self) -> [OsString; 2] {
        match self {
            Self::Port(_) => ["--vpcd".into(), self.address().into()],
            Self::Socket(path) => ["--ifd".into(), path.into()],
        }
    }

    /// As people read it.
    pub fn address(&self) -> String {
        match self {
            Self::Port(port) => format!("127.0.0.1:{port}"),
            Self::Socket(path) => path.display().to_string(),
        }
    }

    pub fn stack(&self) -> Stack {
        match self {
            Self::Port(_) => Stack::Vpcd,
            Self::Socket(_) => Stack::Own,
        }
    }
}

/// A virtual reader: its PC/SC name, and where its card connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    pub name: String,
    pub place: Place,
}

/// Writes the daemon's configuration for `count` readers to `folder`/conf.
pub(crate) fn configure(stack: Stack, folder: &Path, count: usize) -> Result<Vec<Reader>> {
    match stack {
        Stack::Vpcd => vpcd(folder, count),
        Stack::Own => own(folder, count),
    }
}

/// One reader.conf per entry; an entry is two slots on two neighbouring ports. Entries that share one library share its
/// state, so each gets a copy.
fn vpcd(folder: &Path, count: usize) -> Result<Vec<Reader>> {
    let library = VPCD
        .iter()
        .map(Path::new)
        .find(|path| path.is_file())
        .context("the virtual reader driver is missing: install the package vsmartcard-vpcd")?;
    let store = folder.join("drivers");
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
        fs::write(folder.join(format!("conf/reader{entry:02}")), text)?;
        for slot in 0..2_u16 {
            readers.push(Reader {
                name: format!("Virtual PCD {entry} 00 {slot:02X}"),
                place: Place::Port(port + slot),
            });
        }
    }
    readers.truncate(count);
    Ok(readers)
}

/// All readers from one library and one file; their sockets lie in `folder`.
fn own(folder: &Path, count: usize) -> Result<Vec<Reader>> {
    let library = binaries::library("cardlib_ifd")?;
    let count = u8::try_from(count)?;
    let text = cardlib_ifd::conf::reader_conf(&library, folder, count);
    fs::write(folder.join("conf/readers"), text)?;
    let places = cardlib_ifd::conf::places(folder, count);
    Ok(places
        .into_iter()
        .map(|place| Reader {
            name: place.name,
            place: Place::Socket(place.socket),
        })
        .collect())
}

/// Whether the daemon's driver waits for a card there. Looks instead of connecting: a connection would be a card put in.
pub(crate) fn is_listening(place: &Place) -> bool {
    match place {
        Place::Port(port) => port_is_listening(*port),
        Place::Socket(path) => path.exists(),
    }
}

/// Looks in the kernel's table.
fn port_is_listening(port: u16) -> bool {
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
