//! Who is in a reader, and when the next card may come in.
//!
//! pcscd writes down what its threads hear, and what is written last is believed. Two things would have it write down an
//! empty reader, or the old card, for as long as the next card is in:
//!
//! - Its watching thread asks who is in before it changes a card's power too, and forgets the answer. A card that left is
//!   noticed only if the thread hears so in its round, between two waits. So nobody is let in before a whole round has
//!   found the place empty.
//! - A program's thread that hears that its card is out writes so a moment later, perhaps after the watching thread has
//!   seen the next card; one that has reset its card writes that it is in, perhaps after it was seen leaving. So nobody is
//!   let in, or seen leaving, before that thread was heard from again, which ends what it did before; a thread that has no
//!   more to say is waited for a while ([`DOUBT`]).

use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::thread::{ThreadId, current};
use std::time::{Duration, Instant};

use crate::line::hung_up;

/// How long a thread may take to write down what it heard: it does nothing else meanwhile.
const DOUBT: Duration = Duration::from_millis(500);

/// Who is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// A card.
    Present,
    /// Nobody. After every card the thread that waits for events hears so before the next card is let in: no swap is missed.
    Absent,
    /// The reader itself was unplugged.
    Gone,
}

/// A thread that was told something.
struct Doubt {
    thread: ThreadId,
    since: Instant,
    /// That its card is in.
    inside: bool,
}

/// The place where a card is.
#[derive(Default)]
pub struct Door {
    pub card: Option<Arc<UnixStream>>,
    pub atr: Vec<u8>,
    pub gone: bool,
    /// The thread that waits for events. pcscd asks from others too (before each reset, for instance): what they hear must
    /// not be kept from this one.
    watcher: Option<ThreadId>,
    /// Nobody is let in: the watcher may not have noticed yet that the last card left.
    shut: bool,
    /// Nobody was in when the watcher's round began, nor since.
    empty_round: bool,
    /// Threads of programs that may still write down what they heard.
    doubts: Vec<Doubt>,
    /// The watcher waits for them.
    held_up: bool,
    /// How long such a thread is waited for.
    pub patience: Duration,
}

impl Door {
    /// Nobody is in.
    pub fn new() -> Self {
        Self {
            patience: DOUBT,
            ..Self::default()
        }
    }

    /// That of a reader that is gone.
    pub fn unplugged() -> Self {
        Self {
            gone: true,
            ..Self::default()
        }
    }

    /// Who is in now; to the watcher also who comes in now.
    pub fn presence(&mut self, listener: &UnixListener) -> Presence {
        if self.gone {
            return Presence::Gone;
        }
        let watches = self.watcher.is_none_or(|it| it == current().id());
        let inside = self
            .card
            .as_ref()
            .is_some_and(|card| !hung_up(card, Duration::ZERO));
        if !watches {
            self.told(inside);
        } else if self.card.is_some() && !inside && self.held().is_none() {
            self.vacate();
            return Presence::Absent;
        }
        if inside || (watches && self.card.is_some()) {
            return Presence::Present;
        }
        if !watches {
            return Presence::Absent;
        }
        if self.shut || self.held().is_some() {
            return Presence::Absent;
        }
        match listener.accept() {
            Ok((card, _)) => {
                self.card = Some(Arc::new(card));
                Presence::Present
            }
            Err(_) => Presence::Absent,
        }
    }

    /// The calling thread begins to wait for events: it has noticed what it was told before. For how long nobody is let in
    /// yet, or seen leaving.
    pub fn watch(&mut self) -> Option<Duration> {
        self.watcher = Some(current().id());
        let empty = self.card.is_none();
        if empty && self.empty_round {
            self.shut = false;
        }
        self.empty_round = empty;
        let held = self.held();
        self.held_up = held.is_some();
        held
    }

    /// The calling thread was told whether its card is in.
    pub fn told(&mut self, inside: bool) {
        let thread = current().id();
        if self.watcher.is_some_and(|it| it != thread) {
            self.doubts.retain(|doubt| doubt.thread != thread);
            self.doubts.push(Doubt {
                thread,
                since: Instant::now(),
                inside,
            });
        }
    }

    /// The calling thread is heard from; whether the watcher waits for such threads. It is not woken for less: pcscd takes
    /// the power of an unused card away after a wait.
    pub fn heard(&mut self) -> bool {
        let before = self.doubts.len();
        let own = current().id();
        self.doubts.retain(|doubt| doubt.thread != own);
        self.held_up && before > self.doubts.len()
    }

    fn held(&mut self) -> Option<Duration> {
        let patience = self.patience;
        let left = |doubt: &Doubt| patience.saturating_sub(doubt.since.elapsed());
        self.doubts.retain(|doubt| !left(doubt).is_zero());
        let leaving = self.card.is_some();
        let held = self.doubts.iter().filter(|doubt| doubt.inside || !leaving);
        held.map(left).max()
    }

    fn vacate(&mut self) {
        self.card = None;
        self.atr.clear();
        self.shut = self.watcher.is_some();
        self.empty_round = false;
    }
}
