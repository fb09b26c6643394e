//! Reading from a socket whose other end answers in microseconds.
//!
//! Putting a thread to sleep and waking it costs more than a simulated card takes for a command, and a command has two such
//! sleeps: the reader waits for the card, the card for the reader. So each first looks a short while ([`LOOK`]) and sleeps
//! only then. Looking that leads to nothing (a slow card, a busy machine) is given up for longer and longer.
//!
//! Where more than [`FEW`] readers are at work nobody looks: a core always has something better to do, and never sleeps.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

/// How long to look: a round trip between two programs on this machine.
const LOOK: Duration = Duration::from_micros(40);
/// After that many vain looks in a row only every 256th read looks.
const MOST_VAIN: u32 = 8;

/// A card and a SAM, by turns.
const FEW: usize = 2;

/// Which [`FEW`] waited last, the latest in the low half. A hint: what two threads write at once may be lost.
#[derive(Debug)]
struct Lately(AtomicU64);

/// In this process.
static HERE: Lately = Lately(AtomicU64::new(0));
static NAMES: AtomicU32 = AtomicU32::new(1);

impl Lately {
    /// The latest first.
    fn names(&self) -> [u32; FEW] {
        let both = self.0.load(Ordering::Relaxed).to_le_bytes();
        let (four, _) = both.as_chunks();
        std::array::from_fn(|at| u32::from_le_bytes(four[at]))
    }

    fn has(&self, name: u32) -> bool {
        self.names().contains(&name)
    }

    /// Who comes is the latest; whether it was one of the few before.
    fn comes(&self, name: u32) -> bool {
        let [latest, before] = self.names();
        if latest == name {
            return true;
        }
        let both = u64::from(latest) << u32::BITS | u64::from(name);
        self.0.store(both, Ordering::Relaxed);
        before == name
    }
}

/// Whether looking pays at present.
#[derive(Debug)]
pub struct Habit {
    /// Whose waiting it is.
    name: u32,
    vain: u32,
    /// Reads that sleep at once.
    rest: u32,
}

impl Default for Habit {
    fn default() -> Self {
        Self {
            name: NAMES.fetch_add(1, Ordering::Relaxed),
            vain: 0,
            rest: 0,
        }
    }
}

impl Habit {
    /// Reads of `stream` that look first.
    pub fn on<'a>(&'a mut self, stream: &'a UnixStream) -> Eager<'a> {
        Eager {
            stream,
            habit: self,
        }
    }

    fn looks(&mut self) -> bool {
        let looks = self.rest == 0;
        self.rest = self.rest.saturating_sub(1);
        looks
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

/// A stream that is read eagerly; its read time-out counts once it sleeps.
pub struct Eager<'a> {
    stream: &'a UnixStream,
    habit: &'a mut Habit,
}

impl Read for Eager<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if HERE.comes(self.habit.name) && self.habit.looks() {
            let begun = Instant::now();
            loop {
                match recv(self.stream, &mut *buffer, RecvFlags::DONTWAIT) {
                    Err(Errno::AGAIN | Errno::INTR) => {}
                    Err(cause) => return Err(cause.into()),
                    Ok((read, _)) => {
                        self.habit.note(true);
                        return Ok(read);
                    }
                }
                if !HERE.has(self.habit.name) {
                    break;
                }
                if begun.elapsed() > LOOK {
                    self.habit.note(false);
                    break;
                }
            }
        }
        self.stream.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_is_there_is_found_and_what_comes_later_is_waited_for() {
        let (mut far, near) = UnixStream::pair().expect("a pair");
        near.set_read_timeout(Some(Duration::from_millis(20)))
            .expect("a limit");
        let mut habit = Habit::default();
        let mut room = [0; 8];
        far.write_all(b"now").expect("written");
        assert_eq!(habit.on(&near).read(&mut room).expect("read"), 3);
        let late = habit.on(&near).read(&mut room);
        assert_eq!(late.expect_err("nothing").kind(), io::ErrorKind::WouldBlock);
        let later = std::thread::spawn(move || {
            far.write_all(b"later").expect("written");
            far
        });
        near.set_read_timeout(None).expect("no limit");
        assert_eq!(habit.on(&near).read(&mut room).expect("read"), 5);
        drop(later.join());
        assert_eq!(habit.on(&near).read(&mut room).expect("end"), 0);
    }

    #[test]
    fn a_card_and_a_sam_look_by_turns_and_three_do_not() {
        let lately = Lately(AtomicU64::new(0));
        let [card, sam, other] = [1, 2, 3];
        lately.comes(card);
        lately.comes(sam);
        for _ in 0..3 {
            assert!(lately.comes(card) && lately.comes(sam));
        }
        for _ in 0..3 {
            assert!(!lately.comes(other) && !lately.comes(card));
            assert!(!lately.has(sam) && !lately.comes(sam));
        }
        assert!(lately.comes(sam), "alone again");
    }

    #[test]
    fn vain_looks_become_rare_and_one_find_brings_them_back() {
        let mut habit = Habit::default();
        let mut looked = 0;
        for _ in 0..1000 {
            if habit.looks() {
                looked += 1;
                habit.note(false);
            }
        }
        assert!(looked < 15, "{looked} looks");
        while !habit.looks() {}
        habit.note(true);
        assert!(habit.looks());
    }
}
