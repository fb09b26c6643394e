//! Cards in readers of the PC/SC daemon: finding readers, waiting for cards, connecting.

mod fault;
mod worker;

use std::ffi::{CStr, CString};
use std::time::{Duration, Instant};

use pcsc::{Context, Scope, ShareMode, State};
use zeroize::Zeroizing;

use crate::card::Card;
use crate::error::ReaderError;
use crate::watchdog::{DEFAULT_LIMIT, Order, Watchdog};
use fault::Place;

/// Whether other programs may use the card between our transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    Exclusive,
    Shared,
}

/// One reader and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderInfo {
    pub name: String,
    pub card: Presence,
    /// Empty without card.
    pub atr: Vec<u8>,
}

/// What a reader says about its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Empty,
    Present,
    /// A card that does not answer to reset.
    Mute,
}

/// The PC/SC daemon.
pub struct Readers {
    context: Context,
    limit: Duration,
}

impl Readers {
    /// Reaches the daemon.
    ///
    /// # Errors
    /// [`ReaderError::DaemonGone`] when it does not run.
    pub fn open() -> Result<Self, ReaderError> {
        let context =
            Context::establish(Scope::User).map_err(|cause| fault::of(cause, &Place::daemon()))?;
        Ok(Self {
            context,
            limit: DEFAULT_LIMIT,
        })
    }

    /// Sets how long a card may take for one command.
    #[must_use]
    pub fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Names of all readers, in the daemon's order.
    ///
    /// # Errors
    /// [`ReaderError`] when the daemon is gone.
    pub fn names(&self) -> Result<Vec<String>, ReaderError> {
        match self.context.list_readers_owned() {
            Ok(names) => Ok(names
                .iter()
                .map(|name| name.to_string_lossy().into_owned())
                .collect()),
            Err(pcsc::Error::NoReadersAvailable) => Ok(Vec::new()),
            Err(cause) => Err(fault::of(cause, &Place::daemon())),
        }
    }

    /// All readers with what is in them.
    ///
    /// # Errors
    /// [`ReaderError`] when the daemon is gone.
    pub fn list(&self) -> Result<Vec<ReaderInfo>, ReaderError> {
        self.names()?
            .into_iter()
            .map(|name| self.look(&name))
            .collect()
    }

    /// The reader of this name, or the only one whose name contains it.
    ///
    /// # Errors
    /// [`ReaderError::NoReader`], [`ReaderError::ManyReaders`].
    pub fn find(&self, wanted: &str) -> Result<String, ReaderError> {
        let there = self.names()?;
        if there.iter().any(|name| name == wanted) {
            return Ok(wanted.to_owned());
        }
        let fit: Vec<String> = there
            .iter()
            .filter(|name| name.contains(wanted))
            .cloned()
            .collect();
        match <[String; 1]>::try_from(fit) {
            Ok([name]) => Ok(name),
            Err(fit) if fit.is_empty() => Err(ReaderError::NoReader {
                wanted: wanted.to_owned(),
                there,
            }),
            Err(fit) => Err(ReaderError::ManyReaders {
                wanted: wanted.to_owned(),
                fit,
            }),
        }
    }

    /// What a reader (by its whole name) holds now.
    ///
    /// # Errors
    /// [`ReaderError`] when reader or daemon are gone.
    pub fn look(&self, name: &str) -> Result<ReaderInfo, ReaderError> {
        look(&self.context, name)
    }

    /// Waits until the reader holds a card, or none; false when the time is over.
    ///
    /// # Errors
    /// [`ReaderError`] when reader or daemon are gone.
    pub fn wait(
        &self,
        wanted: &str,
        presence: Presence,
        time: Duration,
    ) -> Result<bool, ReaderError> {
        let name = self.find(wanted)?;
        let place = Place::reader(&name);
        let mut states = [pcsc::ReaderState::new(c_name(&name)?, State::UNAWARE)];
        let deadline = Instant::now() + time;
        loop {
            if self.look(&name)?.card == presence {
                return Ok(true);
            }
            states[0].sync_current_state();
            match self.context.get_status_change(
                deadline.saturating_duration_since(Instant::now()),
                &mut states,
            ) {
                Ok(()) => {}
                Err(pcsc::Error::Timeout) => return Ok(self.look(&name)?.card == presence),
                Err(cause) => return Err(fault::of(cause, &place)),
            }
        }
    }

    /// Connects to the card in a reader ([`Readers::find`]).
    ///
    /// # Errors
    /// [`ReaderError`]: no such reader, no card, a mute card, another program.
    pub fn connect(&self, wanted: &str, sharing: Sharing) -> Result<PcscCard, ReaderError> {
        let name = self.find(wanted)?;
        let place = Place::reader(&name);
        let mode = match sharing {
            Sharing::Exclusive => ShareMode::Exclusive,
            Sharing::Shared => ShareMode::Shared,
        };
        let (watchdog, atr) = Watchdog::start(worker::Worker { place, mode }, self.limit)?;
        Ok(PcscCard {
            watchdog,
            reader: name,
            atr,
        })
    }
}

fn look(context: &Context, name: &str) -> Result<ReaderInfo, ReaderError> {
    let mut states = [pcsc::ReaderState::new(c_name(name)?, State::UNAWARE)];
    let place = Place::reader(name);
    context
        .get_status_change(Duration::ZERO, &mut states)
        .map_err(|cause| fault::of(cause, &place))?;
    let card = presence(states[0].event_state());
    Ok(ReaderInfo {
        name: name.to_owned(),
        card,
        atr: states[0].atr().to_vec(),
    })
}

fn c_name(name: &str) -> Result<CString, ReaderError> {
    CString::new(name).map_err(|_| ReaderError::NoReader {
        wanted: name.to_owned(),
        there: Vec::new(),
    })
}

/// The daemon looks at its readers every 400 ms: a card that has just gone counts as present until then.
const POLL: Duration = Duration::from_millis(600);

/// What the reader holds after a failed command; waits for the daemon to notice that the card is gone.
fn presence_after_fault(context: &Context, name: &CStr) -> Option<Presence> {
    let mut states = [pcsc::ReaderState::new(name, State::UNAWARE)];
    context
        .get_status_change(Duration::ZERO, &mut states)
        .ok()?;
    if presence(states[0].event_state()) == Presence::Present {
        states[0].sync_current_state();
        match context.get_status_change(POLL, &mut states) {
            Ok(()) => {}
            Err(pcsc::Error::Timeout) => return Some(Presence::Present),
            Err(_) => return None,
        }
    }
    Some(presence(states[0].event_state()))
}

fn presence(state: State) -> Presence {
    if state.contains(State::MUTE) {
        Presence::Mute
    } else if state.contains(State::PRESENT) {
        Presence::Present
    } else {
        Presence::Empty
    }
}

/// A card in a PC/SC reader, behind the watchdog.
pub struct PcscCard {
    watchdog: Watchdog,
    reader: String,
    atr: Vec<u8>,
}

impl PcscCard {
    /// Whole name of the reader.
    #[must_use]
    pub fn reader(&self) -> &str {
        &self.reader
    }
}

impl Card for PcscCard {
    fn atr(&self) -> &[u8] {
        &self.atr
    }

    fn begin(&mut self) -> Result<(), ReaderError> {
        self.atr = self.watchdog.order(Order::Begin)?;
        Ok(())
    }

    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, ReaderError> {
        self.watchdog
            .order(Order::Transmit(Zeroizing::new(command.to_vec())))
    }

    fn end(&mut self) -> Result<(), ReaderError> {
        self.watchdog.order(Order::End).map(drop)
    }
}
