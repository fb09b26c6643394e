//! A passphrase from a descriptor or from the terminal with its echo off: never from arguments, never from the environment.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Longer than any passphrase.
const MAX_BYTES: usize = 1024;

/// A passphrase, wiped when dropped.
pub type Passphrase = Zeroizing<Vec<u8>>;

/// Reads it from an open descriptor to its end or first newline; without one asks at the terminal.
///
/// # Errors
/// The descriptor is not open, or there is no terminal to ask at.
pub fn read(fd: Option<u32>, prompt: &str) -> io::Result<Passphrase> {
    match fd {
        Some(fd) => from(File::open(format!("/dev/fd/{fd}"))?),
        None => ask(prompt),
    }
}

fn ask(prompt: &str) -> io::Result<Passphrase> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let before = tcgetattr(&terminal)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    terminal.write_all(prompt.as_bytes())?;
    tcsetattr(&terminal, OptionalActions::Flush, &silent)?;
    let answer = line(&terminal);
    tcsetattr(&terminal, OptionalActions::Now, &before)?;
    terminal.write_all(b"\n")?;
    answer
}

/// One line, read byte by byte so that no buffer keeps a copy.
fn line(terminal: &File) -> io::Result<Passphrase> {
    let mut reader = BufReader::with_capacity(1, terminal);
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES));
    loop {
        let next = reader.fill_buf()?.first().copied();
        reader.consume(1);
        match next {
            None | Some(b'\n') => return Ok(bytes),
            Some(byte) if bytes.len() < MAX_BYTES => bytes.push(byte),
            Some(_) => return Err(io::Error::other("longer than any passphrase")),
        }
    }
}

fn from(file: File) -> io::Result<Passphrase> {
    // Room at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    file.take(MAX_BYTES as u64).read_to_end(&mut bytes)?;
    if let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
        bytes.truncate(end);
    }
    Ok(bytes)
}
