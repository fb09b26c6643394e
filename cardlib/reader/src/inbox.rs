//! Handing over to a thread that answers in microseconds, and receiving from it.
//!
//! Waking a thread that sleeps can cost more than the command it waits for (tens of microseconds on a core that sleeps
//! too, as in a virtual machine). So the receiver first looks for a short while and sleeps only then. Looking that leads to
//! nothing (a real card, a busy machine) is given up for longer and longer.
//!
//! The sender wakes the receiver when it holds nothing any more: on one core the receiver goes on in the sender's stead at
//! once, and would have to wait for what the sender holds (the channels of the standard library make it wait).

use std::collections::VecDeque;
use std::hint::spin_loop;
use std::sync::mpsc::{RecvTimeoutError, SendError};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::{Thread, current, park, park_timeout};
use std::time::{Duration, Instant};

use rustix::thread::sched_getaffinity;

/// After that many vain looks in a row only every 256th wait looks.
const MOST_VAIN: u32 = 8;

/// Whether this process has one core. The standard library reads several files for its answer, which takes longer than many
/// commands to a card.
static ALONE: LazyLock<bool> =
    LazyLock::new(|| sched_getaffinity(None).is_ok_and(|cores| cores.count() == 1));

/// What lies between the two ends.
struct Post<T> {
    items: VecDeque<T>,
    /// Who sleeps until something comes.
    waiting: Option<Thread>,
    /// One of the ends is gone.
    closed: bool,
}

struct Shared<T>(Mutex<Post<T>>);

impl<T> Shared<T> {
    fn post(&self) -> MutexGuard<'_, Post<T>> {
        // Whole after any panic elsewhere.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        let waiting = {
            let mut post = self.post();
            post.closed = true;
            post.waiting.take()
        };
        waiting.iter().for_each(Thread::unpark);
    }
}

/// Both ends. The receiver looks for `look`: what the sender takes when it is fast; nothing on a machine of one core, where
/// looking keeps the sender from its work.
pub fn channel<T>(look: Duration) -> (Outbox<T>, Inbox<T>) {
    let post = Post {
        items: VecDeque::new(),
        waiting: None,
        closed: false,
    };
    let shared = Arc::new(Shared(Mutex::new(post)));
    let inbox = Inbox {
        from: Arc::clone(&shared),
        look: if *ALONE { Duration::ZERO } else { look },
        vain: 0,
        rest: 0,
    };
    (Outbox(shared), inbox)
}

/// The sending end of a channel.
pub struct Outbox<T>(Arc<Shared<T>>);

impl<T> Outbox<T> {
    /// Hands over.
    ///
    /// # Errors
    /// What was to be sent, when the receiver is gone.
    pub fn send(&self, item: T) -> Result<(), SendError<T>> {
        let waiting = {
            let mut post = self.0.post();
            if post.closed {
                return Err(SendError(item));
            }
            post.items.push_back(item);
            post.waiting.take()
        };
        waiting.iter().for_each(Thread::unpark);
        Ok(())
    }
}

impl<T> Drop for Outbox<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The receiving end of a channel.
pub struct Inbox<T> {
    from: Arc<Shared<T>>,
    look: Duration,
    vain: u32,
    /// Waits that sleep at once.
    rest: u32,
}

impl<T> Inbox<T> {
    /// The next, or None when the sender is gone.
    pub fn take(&mut self) -> Option<T> {
        self.glance();
        loop {
            match self.poll() {
                Ok(found) => return found,
                Err(Nothing) => park(),
            }
        }
    }

    /// The next, if it comes within the limit.
    ///
    /// # Errors
    /// Whether the time is over or the sender gone.
    pub fn take_within(&mut self, limit: Duration) -> Result<T, RecvTimeoutError> {
        let begun = Instant::now();
        self.glance();
        loop {
            match self.poll() {
                Ok(found) => return found.ok_or(RecvTimeoutError::Disconnected),
                Err(Nothing) => {
                    let left = limit.saturating_sub(begun.elapsed());
                    if left.is_zero() {
                        return Err(RecvTimeoutError::Timeout);
                    }
                    park_timeout(left);
                }
            }
        }
    }

    /// What is there; else the calling thread will be woken when something comes.
    fn poll(&self) -> Result<Option<T>, Nothing> {
        let mut post = self.from.post();
        match post.items.pop_front() {
            Some(item) => Ok(Some(item)),
            None if post.closed => Ok(None),
            None => {
                post.waiting = Some(current());
                Err(Nothing)
            }
        }
    }

    /// Looks until something is there or nothing came for long enough.
    fn glance(&mut self) {
        if self.rest > 0 {
            self.rest -= 1;
            return;
        }
        let begun = Instant::now();
        let found = loop {
            let post = self.from.post();
            let there = !post.items.is_empty() || post.closed;
            drop(post);
            if there || begun.elapsed() >= self.look {
                break there;
            }
            spin_loop();
        };
        self.note(found);
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

impl<T> Drop for Inbox<T> {
    fn drop(&mut self) {
        self.from.close();
    }
}

/// Nothing has come yet.
struct Nothing;

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const LOOK: Duration = Duration::from_micros(50);

    #[test]
    fn what_is_there_is_found_and_what_comes_later_is_waited_for() {
        let (sender, mut inbox) = channel(LOOK);
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
    fn nothing_is_lost_or_swapped_between_two_threads_and_each_end_hears_of_the_others() {
        let (sender, mut inbox) = channel(LOOK);
        let (back, mut answers) = channel(LOOK);
        let echo = thread::spawn(move || {
            while let Some(item) = inbox.take() {
                assert!(back.send(item).is_ok());
            }
        });
        for round in 0..2_000 {
            sender.send(round).expect("sent");
            sender.send(round + 1).expect("sent");
            assert_eq!(answers.take_within(Duration::from_secs(60)), Ok(round));
            assert_eq!(answers.take(), Some(round + 1));
        }
        drop(sender);
        echo.join().expect("ended");
        assert_eq!(answers.take(), None);
        let (sender, inbox) = channel::<()>(LOOK);
        drop(inbox);
        assert!(sender.send(()).is_err());
    }

    #[test]
    fn vain_looks_become_rare_and_one_find_brings_them_back() {
        let (_sender, mut inbox) = channel::<()>(LOOK);
        let mut looked = 0;
        for _ in 0..1000 {
            looked += u32::from(inbox.rest == 0);
            inbox.glance();
        }
        assert!(looked < 15, "{looked} looks");
        inbox.note(true);
        assert_eq!(inbox.rest, 0);
    }
}
