//! One reader: its socket, the card that is in, and waiting for cards to come and go.
//!
//! pcscd asks from several threads: one waits for events, others power the card and send commands. The door (who is in)
//! and the line (what is said) have locks of their own, so that a slow command never hides a pulled card. Everything
//! waited for stays true until it is dealt with (a hang-up, a caller at the door), so no event is lost between two calls;
//! what pcscd forgets of what it was told, the door sees to.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::Mode;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with,
};

use crate::door::Door;
pub use crate::door::Presence;
use crate::line::{Line, Trouble};

/// Cards that may wait before a reader that has one in.
const QUEUE: i32 = 4;

/// One reader.
pub struct Reader {
    path: PathBuf,
    listener: UnixListener,
    /// Ends one waiting: the running one, or the next.
    wake: OwnedFd,
    door: Mutex<Door>,
    line: Mutex<Line>,
}

impl Reader {
    /// Opens a reader whose cards connect at `path`; only this process's user may.
    ///
    /// # Errors
    /// The path is too long, its folder is missing, or another reader listens there.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            listener: listen_at(path)?,
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            door: Mutex::new(Door::new()),
            line: Mutex::default(),
        })
    }

    /// Who is in now.
    #[must_use]
    pub fn presence(&self) -> Presence {
        self.door().presence(&self.listener)
    }

    /// Waits until somebody comes or goes, the reader is closed, or the time is over (`None`: no limit).
    #[must_use]
    pub fn wait(&self, time: Option<Duration>) -> Presence {
        let (card, held) = {
            let mut door = self.door();
            if door.gone {
                return Presence::Gone;
            }
            let held = door.watch();
            (door.card.clone(), held)
        };
        let mut watched = vec![PollFd::from_borrowed_fd(self.wake.as_fd(), PollFlags::IN)];
        let mut time = time;
        match (&card, held) {
            (Some(card), None) => watched.push(PollFd::new(card, PollFlags::RDHUP)),
            (None, None) => watched.push(PollFd::new(&self.listener, PollFlags::IN)),
            // Who is at the door waits there, and so do we.
            (_, Some(held)) => time = Some(time.map_or(held, |time| time.min(held))),
        }
        let time = time.and_then(|time| Timespec::try_from(time).ok());
        // An interrupted wait is a short one: the daemon asks again.
        let _ = poll(&mut watched, time.as_ref());
        if !watched[0].revents().is_empty() {
            let _ = rustix::io::read(&self.wake, &mut [0u8; 8]);
        }
        match card {
            Some(_) => Presence::Present,
            None => Presence::Absent,
        }
    }

    /// Ends one waiting: the running one, or the next. pcscd does so when it ends a reader, and whenever a program lets a
    /// card go, to look at its power anew.
    pub fn stop_waiting(&self) {
        lock(&self.door).heard();
        self.wake();
    }

    /// The calling thread is done with what it did before.
    pub fn heard(&self) {
        drop(self.door());
    }

    fn wake(&self) {
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }

    /// Powers the card on or resets it; its answer to reset.
    ///
    /// # Errors
    /// [`Trouble`]
    pub fn power_on(&self, warm: bool) -> Result<Vec<u8>, Trouble> {
        let mut line = lock(&self.line);
        let powered = self
            .card()
            .and_then(|card| Ok((line.power_on(&card, warm)?.to_vec(), card)));
        let mut door = lock(&self.door);
        // After a failure pcscd writes down a mute card.
        door.told(true);
        let (atr, card) = powered?;
        if door
            .card
            .as_ref()
            .is_some_and(|now| Arc::ptr_eq(now, &card))
        {
            door.atr.clone_from(&atr);
        }
        Ok(atr)
    }

    /// Takes the card's power away.
    pub fn power_off(&self) {
        lock(&self.line).power_off();
        lock(&self.door).atr.clear();
    }

    /// The answer to reset of the card that is in and has power; else empty.
    #[must_use]
    pub fn atr(&self) -> Vec<u8> {
        lock(&self.door).atr.clone()
    }

    /// One command; the length of its answer in `answer`.
    ///
    /// # Errors
    /// [`Trouble`]
    pub fn transmit(&self, command: &[u8], answer: &mut [u8]) -> Result<usize, Trouble> {
        let mut line = lock(&self.line);
        let done = self.card().and_then(|_| line.transmit(command, answer));
        match done {
            Err(Trouble::NoCard) => lock(&self.door).told(false),
            Err(Trouble::Gone) => {
                *lock(&self.door) = Door::unplugged();
                self.wake();
            }
            _ => {}
        }
        done
    }

    /// The door, to a thread that is heard from.
    fn door(&self) -> MutexGuard<'_, Door> {
        let mut door = lock(&self.door);
        if door.heard() {
            self.wake();
        }
        door
    }

    fn card(&self) -> Result<Arc<UnixStream>, Trouble> {
        let door = self.door();
        if door.gone {
            return Err(Trouble::Gone);
        }
        door.card.clone().ok_or(Trouble::NoCard)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A socket of mode 0600 from its first moment: nobody can connect between `bind` and `chmod`, as it does not listen yet.
fn listen_at(path: &Path) -> io::Result<UnixListener> {
    if path.exists() {
        remove_dead(path)?;
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    rustix::fs::chmod(path, Mode::RUSR | Mode::WUSR)?;
    listen(&socket, QUEUE)?;
    Ok(UnixListener::from(socket))
}

/// Removes the socket of a daemon that is gone; a file of another kind, or a socket in use, stays.
fn remove_dead(path: &Path) -> io::Result<()> {
    match UnixStream::connect(path) {
        Err(cause) if cause.kind() == io::ErrorKind::ConnectionRefused => {
            use std::os::unix::fs::FileTypeExt;
            if std::fs::symlink_metadata(path)?.file_type().is_socket() {
                std::fs::remove_file(path)?;
            }
            Ok(())
        }
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    const FOREVER: Duration = Duration::from_secs(3600);

    /// A reader with a card in, whose watcher is this thread.
    fn watched() -> (tempfile::TempDir, Reader, UnixStream) {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("reader");
        let reader = Reader::open(&path).expect("reader");
        lock(&reader.door).patience = FOREVER;
        let card = UnixStream::connect(&path).expect("a card");
        assert_eq!(reader.wait(Some(Duration::ZERO)), Presence::Absent);
        assert_eq!(elsewhere(&reader), Presence::Absent, "not let in there");
        assert_eq!(
            reader.presence(),
            Presence::Absent,
            "not before that thread"
        );
        lock(&reader.door).patience = Duration::ZERO;
        assert_eq!(reader.presence(), Presence::Present);
        (folder, reader, card)
    }

    /// What a program's thread hears.
    fn elsewhere(reader: &Reader) -> Presence {
        let there = std::thread::scope(|scope| scope.spawn(|| reader.presence()).join());
        there.expect("a thread")
    }

    #[test]
    fn a_swap_that_another_thread_saw_is_still_told_to_the_one_that_waits() {
        let (_folder, reader, first) = watched();
        assert_eq!(elsewhere(&reader), Presence::Present);
        drop(first);
        let _second = UnixStream::connect(&reader.path).expect("the next card");
        assert_eq!(elsewhere(&reader), Presence::Absent);
        assert_eq!(elsewhere(&reader), Presence::Absent, "nor let in now");
        assert_eq!(reader.presence(), Presence::Absent);
    }

    #[test]
    fn a_card_that_left_while_its_power_changed_is_told_in_the_next_round_too() {
        let (_folder, reader, first) = watched();
        drop(first);
        let _second = UnixStream::connect(&reader.path).expect("the next card");
        // pcscd asks before it takes the power away, and forgets the answer.
        assert_eq!(reader.presence(), Presence::Absent);
        assert_eq!(reader.presence(), Presence::Absent, "its round");
        // It asks before it gives power too, and ends its round with a wait.
        let _ = reader.wait(Some(Duration::ZERO));
        assert_eq!(reader.presence(), Presence::Absent, "its round");
        let _ = reader.wait(Some(Duration::ZERO));
        assert_eq!(reader.presence(), Presence::Present);
    }

    #[test]
    fn nobody_is_let_in_while_a_program_still_writes_down_that_its_card_is_out() {
        let (_folder, reader, first) = watched();
        lock(&reader.door).patience = FOREVER;
        drop(first);
        let (done, told) = (Barrier::new(2), Barrier::new(2));
        std::thread::scope(|scope| {
            let program = scope.spawn(|| {
                let heard = reader.presence();
                told.wait();
                done.wait();
                reader.stop_waiting();
                heard
            });
            told.wait();
            let _second = UnixStream::connect(&reader.path).expect("the next card");
            let rounds = [(); 3].map(|()| {
                let heard = reader.presence();
                let _ = reader.wait(Some(Duration::ZERO));
                heard
            });
            done.wait();
            assert_eq!(program.join().expect("a thread"), Presence::Absent);
            assert_eq!(rounds, [Presence::Absent; 3]);
            assert_eq!(reader.presence(), Presence::Present);
        });
    }
}
