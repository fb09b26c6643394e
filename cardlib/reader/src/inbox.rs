//! Receiving from a thread that answers in microseconds.
//!
//! Waking a thread that sleeps can cost more than the command it waits for (tens of microseconds on a core that sleeps
//! too, as in a virtual machine). So the receiver first looks for a short while and sleeps only then. Looking that leads to
//! nothing (a real card, a busy machine) is given up for longer and longer.

use std::hint::spin_loop;
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

/// After that many vain looks in a row only every 256th wait looks.
const MOST_VAIN: u32 = 8;

/// Whether this process has one core. Asked once: the system tells it in several files.
static ALONE: LazyLock<bool> =
    LazyLock::new(|| std::thread::available_parallelism().is_ok_and(|cores| cores.get() == 1));

/// The receiving end of a channel.
pub struct Inbox<T> {
    from: Receiver<T>,
    /// How long to look: what the sender takes when it is fast. Nothing on a machine of one core, where looking keeps the
    /// sender from its work.
    look: Duration,
    vain: u32,
    /// Waits that sleep at once.
    rest: u32,
}

impl<T> Inbox<T> {
    pub fn new(from: Receiver<T>, look: Duration) -> Self {
        Self {
            from,
            look: if *ALONE { Duration::ZERO } else { look },
            vain: 0,
            rest: 0,
        }
    }

    /// The next, or None when the sender is gone.
    pub fn take(&mut self) -> Option<T> {
        match self.glance() {
            Some(found) => found.ok(),
            None => self.from.recv().ok(),
        }
    }

    /// The next, if it comes within the limit.
    ///
    /// # Errors
    /// Whether the time is over or the sender gone.
    pub fn take_within(&mut self, limit: Duration) -> Result<T, RecvTimeoutError> {
        match self.glance() {
            Some(found) => found.map_err(|()| RecvTimeoutError::Disconnected),
            None => self.from.recv_timeout(limit),
        }
    }

    /// None when nothing came while it was looked for.
    fn glance(&mut self) -> Option<Result<T, ()>> {
        if self.rest > 0 {
            self.rest -= 1;
            return None;
        }
        let begun = Instant::now();
        let found = loop {
            match self.from.try_recv() {
                Ok(found) => break Some(Ok(found)),
                Err(TryRecvError::Disconnected) => break Some(Err(())),
                Err(TryRecvError::Empty) if begun.elapsed() >= self.look => break None,
                Err(TryRecvError::Empty) => spin_loop(),
            }
        };
        self.note(found.is_some());
        found
    }

    fn note(&mut self, found: bool) {
        self.vain = if found {
            0
        } else {
            (self.vain + 1).min(MOST_VAIN)
        };
        self.rest = (1 << self.vain) - 1;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    const LOOK: Duration = Duration::from_micros(50);

    #[test]
    fn what_is_there_is_found_and_what_comes_later_is_waited_for() {
        let (sender, from) = channel();
        let mut inbox = Inbox::new(from, LOOK);
        sender.send(1).expect("sent");
        assert_eq!(inbox.take(), Some(1));
        let short = Duration::from_millis(1);
        assert_eq!(inbox.take_within(short), Err(RecvTimeoutError::Timeout));
        let later = thread::spawn(move || {
            thread::sleep(Duration::from_millis(5));
            sender.send(2)
        });
        assert_eq!(inbox.take_within(Duration::from_secs(60)), Ok(2));
        later.join().expect("ended").expect("sent");
        assert_eq!(inbox.take(), None);
        assert_eq!(
            inbox.take_within(short),
            Err(RecvTimeoutError::Disconnected)
        );
    }

    #[test]
    fn vain_looks_become_rare_and_one_find_brings_them_back() {
        let (_sender, from) = channel::<()>();
        let mut inbox = Inbox::new(from, LOOK);
        let mut looked = 0;
        for _ in 0..1000 {
            looked += u32::from(inbox.rest == 0);
            let _ = inbox.glance();
        }
        assert!(looked < 15, "{looked} looks");
        inbox.note(true);
        assert_eq!(inbox.rest, 0);
    }
}
