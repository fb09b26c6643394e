//! Cards in readers of the PC/SC daemon: finding readers, waiting for cards, connecting.

mod fault;
mod worker;

use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::card::Card;
use crate::error::ReaderError;
use crate::row::{Answered, Asked, Row};
use crate::watchdog::{DEFAULT_LIMIT, Order, Watchdog};
use fault::Place;
use pcsc::{Context, Scope, ShareMode, State};

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
    /// Counts cards that came and went, as far as the daemon noticed: another number, another card.
    pub events: u32,
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
    /// Cards that are reached take one along, and give it back: the daemon keeps a thread for each context, and each costs a
    /// tenth of a millisecond to make. None is given up while cards are in use: libpcsclite walks the cards of all contexts at
    /// every call, and may not find one gone that it has just seen.
    spare: Arc<Spare>,
    limit: Duration,
}

/// Contexts that nobody uses.
#[derive(Default)]
struct Spare(Mutex<Vec<Context>>);

impl Spare {
    fn place(&self) -> MutexGuard<'_, Vec<Context>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For a call that may wait: it locks its context for everybody.
    fn take(&self) -> Option<Context> {
        self.place().pop()
    }

    fn keep(&self, context: Context) {
        self.place().push(context);
    }
}

impl Readers {
    /// Reaches the daemon.
    ///
    /// # Errors
    /// [`ReaderError::DaemonGone`] when it does not run.
    pub fn open() -> Result<Self, ReaderError> {
        let readers = Self {
            spare: Arc::default(),
            limit: DEFAULT_LIMIT,
        };
        readers.ask(|_| ())?;
        Ok(readers)
    }

    /// Asks the daemon something that it answers at once.
    fn ask<T>(&self, question: impl FnOnce(&Context) -> T) -> Result<T, ReaderError> {
        let context = match self.spare.take() {
            Some(context) => context,
            None => establish()?,
        };
        let answer = question(&context);
        self.spare.keep(context);
        Ok(answer)
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
        let mut room = [0; NAMES];
        match self.ask(|context| context.list_readers(&mut room))? {
            Ok(names) => Ok(names
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
        self.ask(|context| look(context, name))?
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
        self.wait_until(wanted, time, |info| info.card == presence)
    }

    /// Waits until the card that was in when the reader had counted `events` is out, whether or not another is in already;
    /// false when the time is over.
    ///
    /// # Errors
    /// [`ReaderError`] when reader or daemon are gone.
    pub fn wait_out(&self, wanted: &str, events: u32, time: Duration) -> Result<bool, ReaderError> {
        self.wait_until(wanted, time, |info| {
            info.card == Presence::Empty || info.events != events
        })
    }

    fn wait_until(
        &self,
        wanted: &str,
        time: Duration,
        reached: impl Fn(&ReaderInfo) -> bool,
    ) -> Result<bool, ReaderError> {
        let name = self.find(wanted)?;
        let context = match self.spare.take() {
            Some(context) => context,
            None => establish()?,
        };
        let outcome = wait_in(&context, &name, Instant::now() + time, reached)?;
        self.spare.keep(context);
        Ok(outcome)
    }

    /// Connects to the card in a reader ([`Readers::find`]).
    ///
    /// # Errors
    /// [`ReaderError`]: no such reader, no card, a mute card, another program.
    pub fn connect(&self, wanted: &str, sharing: Sharing) -> Result<PcscCard, ReaderError> {
        let mode = match sharing {
            Sharing::Exclusive => ShareMode::Exclusive,
            Sharing::Shared => ShareMode::Shared,
        };
        // A whole name needs no list of all readers.
        match self.reach(wanted.to_owned(), mode) {
            Err(ReaderError::NoReader { .. }) => self.reach(self.find(wanted)?, mode),
            reached => reached,
        }
    }

    /// Connects in the reader of this whole name. A card that is swapped right then is found out when it is to be used.
    fn reach(&self, reader: String, mode: ShareMode) -> Result<PcscCard, ReaderError> {
        let events = Arc::new(AtomicU32::new(0));
        let worker = worker::Worker {
            spare: Arc::clone(&self.spare),
            place: Place::reader(&reader),
            mode,
            events: Arc::clone(&events),
        };
        let (watchdog, atr) = Watchdog::start(worker, self.limit)?;
        Ok(PcscCard {
            watchdog,
            reader,
            atr,
            events: events.load(Ordering::Acquire),
        })
    }
}

/// Room for the names of all readers that PC/SC Lite can have: 16 of 128 bytes, and the zeros that end them.
const NAMES: usize = 16 * 129 + 1;

fn establish() -> Result<Context, ReaderError> {
    Context::establish(Scope::User).map_err(|cause| fault::of(cause, &Place::daemon()))
}

fn look(context: &Context, name: &str) -> Result<ReaderInfo, ReaderError> {
    let mut states = [pcsc::ReaderState::new(c_name(name)?, State::UNAWARE)];
    let place = Place::reader(name);
    context
        .get_status_change(Duration::ZERO, &mut states)
        .map_err(|cause| fault::of(cause, &place))?;
    Ok(info(name, &states[0]))
}

fn info(name: &str, state: &pcsc::ReaderState) -> ReaderInfo {
    ReaderInfo {
        name: name.to_owned(),
        card: presence(state.event_state()),
        atr: state.atr().to_vec(),
        events: state.event_count(),
    }
}

/// Waits in a context of its own until the deadline; whether the state was reached.
fn wait_in(
    context: &Context,
    name: &str,
    deadline: Instant,
    reached: impl Fn(&ReaderInfo) -> bool,
) -> Result<bool, ReaderError> {
    let place = Place::reader(name);
    let mut states = [pcsc::ReaderState::new(c_name(name)?, State::UNAWARE)];
    loop {
        // What is compared is also what the next change is counted from: none is lost in between.
        context
            .get_status_change(Duration::ZERO, &mut states)
            .or_else(timeout_is_none)
            .map_err(|cause| fault::of(cause, &place))?;
        if reached(&info(name, &states[0])) {
            return Ok(true);
        }
        states[0].sync_current_state();
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        context
            .get_status_change(left, &mut states)
            .or_else(timeout_is_none)
            .map_err(|cause| fault::of(cause, &place))?;
    }
}

/// That nothing changed in time is an answer too.
fn timeout_is_none(cause: pcsc::Error) -> Result<(), pcsc::Error> {
    match cause {
        pcsc::Error::Timeout => Ok(()),
        cause => Err(cause),
    }
}

fn c_name(name: &str) -> Result<CString, ReaderError> {
    CString::new(name).map_err(|_| ReaderError::NoReader {
        wanted: name.to_owned(),
        there: Vec::new(),
    })
}

/// The daemon looks at many readers every 400 ms only, and later than that on a busy machine: a card that has just gone
/// counts as present until then. So long a reader that failed with its card still in keeps its caller waiting.
const NOTICED_WITHIN: Duration = Duration::from_secs(2);

/// What the reader holds after a failed command of a card that was in when the reader had counted `events`; waits for the
/// daemon to notice that the card is gone. A card that came since is not that one.
fn presence_after_fault(context: &Context, name: &CStr, events: u32) -> Option<Presence> {
    let mut states = [pcsc::ReaderState::new(name, State::UNAWARE)];
    let now = |states: &[pcsc::ReaderState; 1]| {
        if states[0].event_count() == events {
            presence(states[0].event_state())
        } else {
            Presence::Empty
        }
    };
    context
        .get_status_change(Duration::ZERO, &mut states)
        .ok()?;
    if now(&states) == Presence::Present {
        states[0].sync_current_state();
        context
            .get_status_change(NOTICED_WITHIN, &mut states)
            .or_else(timeout_is_none)
            .ok()?;
    }
    Some(now(&states))
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
    events: u32,
}

impl PcscCard {
    /// Whole name of the reader.
    #[must_use]
    pub fn reader(&self) -> &str {
        &self.reader
    }

    /// What the reader had counted when the card was reached, for [`Readers::wait_out`].
    #[must_use]
    pub fn events(&self) -> u32 {
        self.events
    }

    /// Sends a row inside a transaction: the answers that came, and why no more did.
    pub fn row(
        &mut self,
        asked: Vec<Asked>,
        until: Instant,
    ) -> (Vec<Answered>, Result<(), ReaderError>) {
        self.watchdog.transmit(Row::exactly(asked, Some(until)))
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
        let (command, wanted) = (command.to_vec(), [0x90, 0x00]);
        let one = Row::exactly(vec![Asked { command, wanted }], None);
        let (mut answers, done) = self.watchdog.transmit(one);
        done?;
        let mut answer = answers.pop().ok_or(ReaderError::CardLost)?;
        Ok(std::mem::take(&mut *answer.answer))
    }

    fn series(&mut self, commands: &[Vec<u8>]) -> (Vec<Answered>, Result<(), ReaderError>) {
        self.watchdog.transmit(Row::series(commands))
    }

    fn end(&mut self) -> Result<(), ReaderError> {
        self.watchdog.order(Order::End).map(drop)
    }
}
