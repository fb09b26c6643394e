//! A session handle: a conversation, and the keys and agreements that were made in it.

use crate::codes::{SDR_KEYNOTEXIST, SDR_UNKNOWERR};
use crate::failure::Failure;
use crate::link::Link;
use crate::table::{Token, table};
use hsm_wire::device::{DeviceAnswer, DeviceRequest, Handle};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

/// An open session. Calls on one session take turns; sessions do not wait for each other.
pub struct Session {
    /// Handle of its device.
    pub device: Token,
    open: Mutex<Open>,
}

/// A session in one call's hands.
pub struct Open {
    pub link: Link,
    /// Key and agreement handles of the C side, and what they are inside.
    handles: HashMap<Token, Handle>,
}

impl Session {
    #[must_use]
    pub fn new(device: Token, link: Link) -> Self {
        Self {
            device,
            open: Mutex::new(Open {
                link,
                handles: HashMap::new(),
            }),
        }
    }

    /// Waits for its turn.
    ///
    /// # Errors
    /// A call on this session ended in a panic: nothing is certain any more.
    pub fn lock(&self) -> Result<MutexGuard<'_, Open>, Failure> {
        self.open
            .lock()
            .map_err(|_| Failure::new(SDR_UNKNOWERR, "an earlier call on this session broke off"))
    }
}

impl Open {
    /// What a key or agreement handle means in this session.
    ///
    /// # Errors
    /// Null, of another session, destroyed, or never given out.
    pub fn handle(&self, token: Token) -> Result<Handle, Failure> {
        self.handles.get(&token).copied().ok_or_else(|| {
            Failure::new(
                SDR_KEYNOTEXIST,
                "no key or agreement of this handle in this session",
            )
        })
    }

    /// A C handle for something made inside.
    pub fn name(&mut self, handle: Handle) -> Token {
        let token = table().token();
        self.handles.insert(token, handle);
        token
    }

    /// The handle's object is gone.
    pub fn forget(&mut self, token: Token) {
        self.handles.remove(&token);
    }

    /// A request whose answer is nothing but done.
    ///
    /// # Errors
    /// See [`Link::call`].
    pub fn done(&mut self, request: DeviceRequest) -> Result<(), Failure> {
        match self.link.device(request)? {
            DeviceAnswer::Done => Ok(()),
            _ => Err(Failure::unexpected()),
        }
    }
}
