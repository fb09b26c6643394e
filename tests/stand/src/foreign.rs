//! A card of another product: its own answer to reset, and "no such instruction" to everything.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;

use crate::pcscd::Reader;

/// A GSM-like answer to reset that is none of ours (D6 begins `3B 6C 00 02`).
pub const ATR: &[u8] = &[
    0x3B, 0x9F, 0x95, 0x80, 0x1F, 0xC3, 0x80, 0x31, 0xE0, 0x73, 0xFE, 0x21, 0x13, 0x57, 0x86, 0x81,
    0x02, 0x86,
];
const GET_ATR: [u8; 1] = [4];

/// A card in a reader; dropped, it is pulled.
pub struct Foreign {
    stop: Arc<AtomicBool>,
}

impl Foreign {
    /// Puts a card with that answer to reset into the reader; it answers every command with `answer`.
    pub fn insert(reader: &Reader, atr: &'static [u8], answer: &'static [u8]) -> Result<Self> {
        let mut stream = TcpStream::connect(("127.0.0.1", reader.port))?;
        stream.set_read_timeout(Some(Duration::from_millis(100)))?;
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        std::thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                match answer_one(&mut stream, atr, answer) {
                    Ok(()) => {}
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    Err(_) => return,
                }
            }
        });
        Ok(Self { stop })
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn answer_one(stream: &mut TcpStream, atr: &[u8], answer: &[u8]) -> std::io::Result<()> {
    // Without this each APDU takes 44 ms (Nagle's algorithm and the delayed acknowledgement).
    rustix::net::sockopt::set_tcp_quickack(&*stream, true)?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut body = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut body)?;
    let reply = match body.as_slice() {
        command if command == GET_ATR => atr,
        [_] => return Ok(()),
        _ => answer,
    };
    let length = u16::try_from(reply.len()).map_err(std::io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), reply].concat())
}
