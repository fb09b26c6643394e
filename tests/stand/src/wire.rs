//! A man in the middle of the wire between a reader's driver and a virtual card: he records every APDU, adds working time,
//! and on order pulls the card, cuts an answer short, or falls silent. So tests need no misbehaving card programs, and the
//! benchmark can replay what a station sent.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use tempfile::TempDir;

use crate::frames::{Line, Said};
use crate::stack::{Place, Reader};

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

/// A wire to one reader; the card connects to [`Wire::place`].
#[derive(Clone)]
pub struct Wire {
    place: Place,
    state: Arc<Mutex<State>>,
    /// Where the socket of a wire to our own driver lies.
    _folder: Option<Arc<TempDir>>,
}

impl Wire {
    /// Lays a wire to `reader`; each card that connects is passed on, one after another.
    pub fn to(reader: &Reader) -> Result<Self> {
        let state: Arc<Mutex<State>> = Arc::default();
        let (place, folder) = match &reader.place {
            Place::Port(_) => {
                let listener = TcpListener::bind(("127.0.0.1", 0))?;
                let place = Place::Port(listener.local_addr()?.port());
                carry_each(reader, &state, move || {
                    listener
                        .accept()
                        .map_err(Into::into)
                        .and_then(|(card, _)| Line::tcp(card))
                });
                (place, None)
            }
            Place::Socket(_) => {
                let folder = tempfile::Builder::new().prefix("rhc-wire-").tempdir()?;
                let path = folder.path().join("card");
                let listener = UnixListener::bind(&path)?;
                carry_each(reader, &state, move || {
                    Ok(listener.accept().map(|(card, _)| Line::Unix(card))?)
                });
                (Place::Socket(path), Some(Arc::new(folder)))
            }
        };
        Ok(Self {
            place,
            state,
            _folder: folder,
        })
    }

    /// Where the card connects.
    pub fn place(&self) -> Place {
        self.place.clone()
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

fn carry_each(
    reader: &Reader,
    state: &Arc<Mutex<State>>,
    accept: impl Fn() -> Result<Line> + Send + 'static,
) {
    let (state, target) = (Arc::clone(state), reader.place.clone());
    std::thread::spawn(move || {
        while let Ok(card) = accept() {
            // An ended connection is a pulled card: nothing to report.
            let _ = carry(card, &target, &state);
        }
    });
}

fn carry(mut card: Line, target: &Place, state: &Mutex<State>) -> Result<()> {
    let mut driver = Line::connect(target)?;
    // Our driver says nothing to a card at rest: that it left must be seen here.
    while driver.speaks_before_end_of(&card)? {
        let said = driver.hear()?;
        card.say(&said)?;
        if let Said::Command(command) = &said {
            exchange(&mut driver, &mut card, &said, command, state)?;
            continue;
        }
        if said.is_answered(driver.stack()) {
            driver.answer(&said, &card.reply()?)?;
        }
        if said != Said::AskAtr {
            let command = said.control().into_iter().collect();
            note(state, Instant::now(), command, Vec::new());
        }
    }
    Ok(())
}

fn exchange(
    driver: &mut Line,
    card: &mut Line,
    said: &Said,
    command: &[u8],
    state: &Mutex<State>,
) -> Result<()> {
    let at = Instant::now();
    let answer = card.reply()?;
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
            driver.answer_in_part(said, &answer, length)?;
            anyhow::bail!("pulled in the answer");
        }
        Some(Fault::Silent) => {
            card.wait_end()?;
            anyhow::bail!("pulled at last");
        }
    }
    driver.answer(said, &answer)?;
    note(state, at, command.to_vec(), answer);
    Ok(())
}

fn note(state: &Mutex<State>, at: Instant, command: Vec<u8>, answer: Vec<u8>) {
    let mut state = lock(state);
    if state.recording {
        state.exchanges.push(Exchange {
            at,
            command,
            answer,
        });
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
