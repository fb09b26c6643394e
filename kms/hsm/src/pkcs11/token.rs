//! The token: pooled sessions, objects by label, and the operations that scripts, orders and packages are made of.
//!
//! A call that fails for a reason that passes (lost session, device error, logged out) forgets every session, waits a
//! little and is done again from its beginning: nothing leaves this module before a whole call has succeeded.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use kms_core::port::HsmError;

use super::{refused, unavailable};

mod work;

/// One block of AES.
pub(super) type Block = [u8; 16];
/// Tries of one call, and what lies between them, doubled each time.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(20);
/// Idle sessions kept.
const POOL: usize = 4;
/// prime256v1 as CKA_EC_PARAMS wants it.
const P256: [u8; 10] = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];

/// What a key made in the token may be used for; everything else is refused by the token itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Derives others; what goes onto a chip too, which may open a session there.
    Parent,
    /// Encrypts.
    Encrypt,
    /// Makes CMACs.
    Mac,
    /// Wraps one key as one block (K_DEK).
    Wrap,
    /// Wraps and unwraps keys of a package.
    Envelope,
}

impl Role {
    /// `leaves`: it may be wrapped, for a chip or another HSM.
    fn attributes(self, leaves: bool) -> Vec<Attribute> {
        let mut list = vec![
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(leaves),
            Attribute::Derive(self == Self::Parent),
            Attribute::Encrypt(self == Self::Encrypt),
            Attribute::Decrypt(false),
            Attribute::Sign(self == Self::Mac),
            Attribute::Verify(false),
        ];
        list.push(Attribute::Wrap(matches!(self, Self::Wrap | Self::Envelope)));
        list.push(Attribute::Unwrap(self == Self::Envelope));
        list
    }
}

/// What a lasting key is for, and whether it may be wrapped.
#[derive(Clone, Copy)]
pub(super) struct Lasting {
    pub role: Role,
    pub leaves: bool,
}

impl Lasting {
    fn attributes(self) -> Vec<Attribute> {
        self.role.attributes(self.leaves)
    }
}

/// What can go wrong inside a call.
#[derive(Debug)]
pub(super) enum Fault {
    Token(Error),
    Port(HsmError),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Token(error)
    }
}

impl From<HsmError> for Fault {
    fn from(error: HsmError) -> Self {
        Self::Port(error)
    }
}

impl Fault {
    /// Whether the same call may succeed on a new session.
    fn passes(&self) -> bool {
        let Self::Token(Error::Pkcs11(code, _)) = self else {
            return false;
        };
        matches!(
            code,
            RvError::CryptokiNotInitialized
                | RvError::DeviceError
                | RvError::DeviceMemory
                | RvError::DeviceRemoved
                | RvError::FunctionFailed
                | RvError::FunctionCanceled
                | RvError::GeneralError
                | RvError::KeyHandleInvalid
                | RvError::ObjectHandleInvalid
                | RvError::SessionClosed
                | RvError::SessionHandleInvalid
                | RvError::TokenNotPresent
                | RvError::UserNotLoggedIn
        )
    }

    fn into_port(self) -> HsmError {
        match self {
            Self::Port(error) => error,
            Self::Token(error) => unavailable(format!("the token: {error}")),
        }
    }
}

/// A token of one library.
pub(super) struct Token {
    context: Pkcs11,
    label: String,
    pin: AuthPin,
    idle: Mutex<Vec<Session>>,
    /// Handles of lasting objects by label.
    known: Mutex<HashMap<String, ObjectHandle>>,
}

impl Token {
    pub(super) fn load(library: &Path, label: &str, pin_file: &Path) -> Result<Self, HsmError> {
        let pin = hsm_wire::secret::read_secret_file(pin_file)
            .map_err(|e| unavailable(format!("the token's PIN: {e}")))?;
        let pin = std::str::from_utf8(&pin)
            .map_err(|_| unavailable("the token's PIN file is not text"))?;
        let failed = |e: Error| unavailable(format!("{}: {e}", library.display()));
        let context = Pkcs11::new(library).map_err(failed)?;
        initialize(&context).map_err(failed)?;
        Ok(Self {
            context,
            label: label.to_owned(),
            pin: AuthPin::new(pin.trim().to_owned().into_boxed_str()),
            idle: Mutex::new(Vec::new()),
            known: Mutex::new(HashMap::new()),
        })
    }

    /// Whether the token answers and takes the PIN.
    pub(super) fn is_there(&self) -> Result<(), HsmError> {
        self.with(|work| {
            work.session.get_session_info()?;
            Ok(())
        })
    }

    /// Whether the token is software, by its maker's own name.
    pub(super) fn is_software(&self) -> Result<bool, HsmError> {
        self.with(|work| {
            let slot = work.session.get_session_info()?.slot_id();
            let info = self.context.get_token_info(slot)?;
            Ok(info.manufacturer_id().contains("SoftHSM"))
        })
    }

    /// Runs one call, again on a new session when the reason of its failure passes.
    pub(super) fn with<T>(
        &self,
        call: impl Fn(&Work<'_>) -> Result<T, Fault>,
    ) -> Result<T, HsmError> {
        let mut pause = PAUSE;
        for left in (0..TRIES).rev() {
            match self.once(&call) {
                Err(fault) if fault.passes() && left > 0 => {
                    tracing::warn!(?fault, "the token failed, trying again");
                    lock(&self.idle).clear();
                    lock(&self.known).clear();
                    std::thread::sleep(pause);
                    pause *= 2;
                }
                done => return done.map_err(Fault::into_port),
            }
        }
        Err(unavailable("the token fails again and again"))
    }

    fn once<T>(&self, call: impl Fn(&Work<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let pooled = lock(&self.idle).pop();
        let session = pooled.map_or_else(|| self.session(), Ok)?;
        let done = call(&Work {
            session: &session,
            token: self,
        });
        let mut idle = lock(&self.idle);
        if idle.len() < POOL && !matches!(done, Err(Fault::Token(_))) {
            idle.push(session);
        }
        done
    }

    fn session(&self) -> Result<Session, Fault> {
        initialize(&self.context)?;
        let mut found = None;
        for slot in self.context.get_slots_with_initialized_token()? {
            if self.context.get_token_info(slot)?.label().trim() == self.label {
                found = Some(slot);
            }
        }
        let slot =
            found.ok_or_else(|| unavailable(format!("no token with label {}", self.label)))?;
        let session = self.context.open_rw_session(slot)?;
        match session.login(UserType::User, Some(&self.pin)) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
            Err(Error::Pkcs11(RvError::PinIncorrect, _)) => {
                Err(refused("WrongCredential", "the token does not take the PIN").into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Once for every library of a process; after it was ended behind our back, again.
fn initialize(context: &Pkcs11) -> Result<(), Error> {
    match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        done => done,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A session at work.
pub(super) struct Work<'a> {
    session: &'a Session,
    token: &'a Token,
}

/// An object of this session, destroyed when dropped.
pub(super) struct Passing<'a> {
    session: &'a Session,
    handle: ObjectHandle,
}

impl Drop for Passing<'_> {
    fn drop(&mut self) {
        // It would end with its session anyway.
        let _ = self.session.destroy_object(self.handle);
    }
}

/// A key in the token.
pub(super) trait Key {
    fn handle(&self) -> ObjectHandle;
}

impl Key for Passing<'_> {
    fn handle(&self) -> ObjectHandle {
        self.handle
    }
}

impl Key for ObjectHandle {
    fn handle(&self) -> ObjectHandle {
        *self
    }
}
