//! One reader: its socket, the card that is in, and waiting for cards to come and go.
//!
//! pcscd asks from several threads: one waits for events, others power the card and send commands. The door (who is in)
//! and the line (what is said) have locks of their own, so that a slow command never hides a pulled card. Everything
//! waited for stays true until it is dealt with (a hang-up, a caller at the door), so no event is lost between two calls.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{ThreadId, current};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::Mode;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with,
};

use crate::line::{Line, Trouble, hung_up};

/// Cards that may wait before a reader that has one in.
const QUEUE: i32 = 4;

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

#[derive(Default)]
struct Door {
    card: Option<Arc<UnixStream>>,
    atr: Vec<u8>,
    gone: bool,
    /// The thread that waits for events. pcscd asks from others too (before each reset, for instance): what they hear must
    /// not be kept from this one.
    watcher: Option<ThreadId>,
}

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
            door: Mutex::default(),
            line: Mutex::default(),
        })
    }

    /// Who is in now.
    #[must_use]
    pub fn presence(&self) -> Presence {
        let mut door = lock(&self.door);
        if door.gone {
            return Presence::Gone;
        }
        let watches = door.watcher.is_none_or(|it| it == current().id());
        if let Some(card) = &door.card {
            if !hung_up(card, Duration::ZERO) {
                return Presence::Present;
            }
            if watches {
                door.card = None;
                door.atr.clear();
            }
            return Presence::Absent;
        }
        if !watches {
            return Presence::Absent;
        }
        match self.listener.accept() {
            Ok((card, _)) => {
                door.card = Some(Arc::new(card));
                Presence::Present
            }
            Err(_) => Presence::Absent,
        }
    }

    /// Waits until somebody comes or goes, the reader is closed, or the time is over (`None`: no limit).
    #[must_use]
    pub fn wait(&self, time: Option<Duration>) -> Presence {
        let (card, gone) = {
            let mut door = lock(&self.door);
            door.watcher = Some(current().id());
            (door.card.clone(), door.gone)
        };
        if gone {
            return Presence::Gone;
        }
        let watched = match &card {
            Some(card) => PollFd::new(card, PollFlags::RDHUP),
            None => PollFd::new(&self.listener, PollFlags::IN),
        };
        let mut watched = [
            PollFd::from_borrowed_fd(self.wake.as_fd(), PollFlags::IN),
            watched,
        ];
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
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }

    /// Powers the card on or resets it; its answer to reset.
    ///
    /// # Errors
    /// [`Trouble`]
    pub fn power_on(&self, warm: bool) -> Result<Vec<u8>, Trouble> {
        let mut line = lock(&self.line);
        let card = self.card()?;
        let atr = line.power_on(&card, warm)?.to_vec();
        let mut door = lock(&self.door);
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
        self.card()?;
        let done = line.transmit(command, answer);
        if done == Err(Trouble::Gone) {
            *lock(&self.door) = Door {
                gone: true,
                ..Door::default()
            };
            self.stop_waiting();
        }
        done
    }

    fn card(&self) -> Result<Arc<UnixStream>, Trouble> {
        let door = lock(&self.door);
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
    use super::*;

    #[test]
    fn a_swap_that_another_thread_saw_is_still_told_to_the_one_that_waits() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("reader");
        let reader = Reader::open(&path).expect("reader");
        let elsewhere = || std::thread::scope(|scope| scope.spawn(|| reader.presence()).join());
        let first = UnixStream::connect(&path).expect("a card");
        assert_eq!(reader.wait(Some(Duration::ZERO)), Presence::Absent);
        assert_eq!(elsewhere().ok(), Some(Presence::Absent), "not let in yet");
        assert_eq!(reader.presence(), Presence::Present);
        assert_eq!(elsewhere().ok(), Some(Presence::Present));
        drop(first);
        let _second = UnixStream::connect(&path).expect("the next card");
        assert_eq!(elsewhere().ok(), Some(Presence::Absent));
        assert_eq!(elsewhere().ok(), Some(Presence::Absent), "nor let in now");
        assert_eq!(reader.presence(), Presence::Absent);
        assert_eq!(reader.presence(), Presence::Present);
    }
}
