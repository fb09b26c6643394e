//! A man in the middle of the wire between vpcd and a virtual card: he records every APDU, adds working time, and on
//! order pulls the card, cuts an answer short, or falls silent. So tests need no misbehaving card programs, and the
//! benchmark can replay what a station sent.
//!
//! Frames both ways: 16-bit big-endian length, body; a one-byte body is a control byte of the driver.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::pcscd::Reader;

const GET_ATR: u8 = 4;

/// What goes wrong at the APDU it is armed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The card is pulled before it answers.
    Pull,
    /// The card is pulled when this many bytes of its answer are through.
    Cut(usize),
    /// The card takes the command and never answers.
    Silent,
}

/// One command and its answer; or a control byte of the driver (0 power off, 1 power on, 2 reset), which has none.
#[derive(Clone)]
pub struct Exchange {
    pub at: Instant,
    pub command: Vec<u8>,
    pub answer: Vec<u8>,
}

#[derive(Default)]
struct State {
    exchanges: Vec<Exchange>,
    fault: Option<(usize, Fault)>,
    work: Duration,
    recording: bool,
}

/// A wire to one reader; the card connects to [`Wire::address`].
#[derive(Clone)]
pub struct Wire {
    port: u16,
    state: Arc<Mutex<State>>,
}

impl Wire {
    /// Lays a wire to `reader`; each card that connects is passed on, one after another.
    pub fn to(reader: &Reader) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let wire = Self {
            port: listener.local_addr()?.port(),
            state: Arc::default(),
        };
        let (state, target) = (Arc::clone(&wire.state), reader.port);
        std::thread::spawn(move || {
            for card in listener.incoming().flatten() {
                // An ended connection is a pulled card: nothing to report.
                let _ = carry(card, target, &state);
            }
        });
        Ok(wire)
    }

    /// What `rhc-card virtual --vpcd` takes.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The card works this long on every command.
    pub fn work(&self, time: Duration) {
        lock(&self.state).work = time;
    }

    /// `fault` happens after `more` further APDUs went well.
    pub fn arm(&self, fault: Fault, more: usize) {
        lock(&self.state).fault = Some((more, fault));
    }

    /// Starts to record anew.
    pub fn record(&self) {
        let mut state = lock(&self.state);
        state.exchanges.clear();
        state.recording = true;
    }

    /// What was recorded so far; recording ends.
    pub fn take(&self) -> Vec<Exchange> {
        let mut state = lock(&self.state);
        state.recording = false;
        std::mem::take(&mut state.exchanges)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn carry(mut card: TcpStream, target: u16, state: &Mutex<State>) -> Result<()> {
    let mut driver = TcpStream::connect(("127.0.0.1", target))?;
    card.set_nodelay(true)?;
    driver.set_nodelay(true)?;
    loop {
        let command = receive(&mut driver)?;
        send(&mut card, &command)?;
        match command.as_slice() {
            [GET_ATR] => send(&mut driver, &receive(&mut card)?)?,
            [_] => note(
                state,
                Exchange {
                    at: Instant::now(),
                    command,
                    answer: Vec::new(),
                },
            ),
            _ => exchange(&mut driver, &mut card, command, state)?,
        }
    }
}

fn exchange(
    driver: &mut TcpStream,
    card: &mut TcpStream,
    command: Vec<u8>,
    state: &Mutex<State>,
) -> Result<()> {
    let at = Instant::now();
    let answer = receive(card)?;
    let (work, fault) = {
        let mut state = lock(state);
        (state.work, due(&mut state.fault))
    };
    if !work.is_zero() {
        std::thread::sleep(work.saturating_sub(at.elapsed()));
    }
    match fault {
        None => {}
        Some(Fault::Pull) => anyhow::bail!("pulled"),
        Some(Fault::Cut(length)) => {
            let short = &answer[..length.min(answer.len())];
            send(driver, short)?;
            anyhow::bail!("pulled in the answer");
        }
        Some(Fault::Silent) => loop {
            std::thread::sleep(Duration::from_secs(3600));
        },
    }
    send(driver, &answer)?;
    note(
        state,
        Exchange {
            at,
            command,
            answer,
        },
    );
    Ok(())
}

fn note(state: &Mutex<State>, exchange: Exchange) {
    let mut state = lock(state);
    if state.recording {
        state.exchanges.push(exchange);
    }
}

/// Counts down; the fault that is due now is taken out.
fn due(armed: &mut Option<(usize, Fault)>) -> Option<Fault> {
    match armed {
        Some((0, fault)) => {
            let fault = *fault;
            *armed = None;
            Some(fault)
        }
        Some((more, _)) => {
            *more -= 1;
            None
        }
        None => None,
    }
}

fn receive(stream: &mut TcpStream) -> Result<Vec<u8>> {
    // Without this every APDU waits 44 ms for an acknowledgement (Nagle's algorithm on the driver's side).
    rustix::net::sockopt::set_tcp_quickack(&*stream, true)?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    rustix::net::sockopt::set_tcp_quickack(&*stream, true)?;
    let mut body = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut body)?;
    Ok(body)
}

fn send(stream: &mut TcpStream, body: &[u8]) -> Result<()> {
    let length = u16::try_from(body.len())?;
    stream.write_all(&[&length.to_be_bytes(), body].concat())?;
    Ok(())
}
