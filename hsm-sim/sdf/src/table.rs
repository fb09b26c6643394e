//! Handles. A handle is a number that nobody can guess; it is looked up here and never followed, so that null, closed,
//! foreign and random ones are told from good ones. A child after `fork` starts with an empty table: its parent's
//! handles name nothing there.

use crate::codes::SDR_INARGERR;
use crate::device::{Device, Engines};
use crate::failure::Failure;
use crate::session::Session;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// A handle's value; never 0.
pub type Token = usize;

/// What the process has open.
#[derive(Default)]
pub struct Table {
    devices: RwLock<HashMap<Token, Arc<Device>>>,
    sessions: RwLock<HashMap<Token, Arc<Session>>>,
    /// Engines in this process, one for each store.
    pub engines: Engines,
    draw: RandomState,
    drawn: AtomicU64,
}

static CURRENT: AtomicPtr<Table> = AtomicPtr::new(ptr::null_mut());

/// Forgets every handle without looking at any: locks may have been held by threads that are no more.
pub fn forget() {
    CURRENT.store(ptr::null_mut(), Ordering::Release);
}

/// This process's table. It lives as long as the process.
pub fn table() -> &'static Table {
    // A table that was published is never freed: `forget` leaves it where it is.
    if let Some(found) = published() {
        return found;
    }
    let fresh: &'static mut Table = Box::leak(Box::default());
    let fresh: *mut Table = fresh;
    // Whoever comes second finds the first one's; his own stays unused.
    let _ = CURRENT.compare_exchange(ptr::null_mut(), fresh, Ordering::AcqRel, Ordering::Acquire);
    published().unwrap_or_else(table)
}

#[allow(unsafe_code)]
fn published() -> Option<&'static Table> {
    let current = CURRENT.load(Ordering::Acquire);
    // SAFETY: `CURRENT` is null or came from `Box::leak` above, whose table is never freed, moved or borrowed mutably
    // again; the acquire load sees it initialised.
    unsafe { current.as_ref() }
}

impl Table {
    /// A value that was not given out before.
    pub fn token(&self) -> Token {
        loop {
            let number = self.drawn.fetch_add(1, Ordering::Relaxed);
            #[allow(clippy::cast_possible_truncation)] // a handle has the size of a pointer
            let token = self.draw.hash_one(number) as Token;
            if token != 0 && !self.knows(token) {
                return token;
            }
        }
    }

    fn knows(&self, token: Token) -> bool {
        self.device(token).is_ok() || self.session(token).is_ok()
    }

    pub fn device(&self, token: Token) -> Result<Arc<Device>, Failure> {
        let devices = self.devices.read().unwrap_or_else(PoisonError::into_inner);
        devices.get(&token).cloned().ok_or_else(unknown)
    }

    pub fn session(&self, token: Token) -> Result<Arc<Session>, Failure> {
        let sessions = self.sessions.read().unwrap_or_else(PoisonError::into_inner);
        sessions.get(&token).cloned().ok_or_else(unknown)
    }

    pub fn add_device(&self, device: Device) -> Token {
        let token = self.token();
        let mut devices = self.devices.write().unwrap_or_else(PoisonError::into_inner);
        devices.insert(token, Arc::new(device));
        token
    }

    pub fn add_session(&self, session: Session) -> Token {
        let token = self.token();
        let mut sessions = self
            .sessions
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        sessions.insert(token, Arc::new(session));
        token
    }

    /// Closes a device and what is open on it.
    pub fn close_device(&self, token: Token) -> Result<(), Failure> {
        let mut devices = self.devices.write().unwrap_or_else(PoisonError::into_inner);
        let closed = devices.remove(&token).ok_or_else(unknown)?;
        drop(devices);
        let mut sessions = self
            .sessions
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let (gone, kept) = std::mem::take(&mut *sessions)
            .into_iter()
            .partition(|(_, session)| session.device == token);
        *sessions = kept;
        drop(sessions);
        // What they hold ends outside the locks.
        let gone: HashMap<Token, Arc<Session>> = gone;
        drop(gone);
        drop(closed);
        Ok(())
    }

    pub fn close_session(&self, token: Token) -> Result<(), Failure> {
        let mut sessions = self
            .sessions
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let closed = sessions.remove(&token).ok_or_else(unknown)?;
        drop(sessions);
        drop(closed);
        Ok(())
    }
}

fn unknown() -> Failure {
    Failure::new(SDR_INARGERR, "no open handle of this kind")
}
