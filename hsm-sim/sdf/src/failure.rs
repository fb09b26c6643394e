//! Why a call failed: the standard's code, and what the extension tells beyond it.

use crate::codes::{
    SDFE_BUSY, SDFE_REFUSED, SDR_COMMFAIL, SDR_ENCDATAERR, SDR_FILEEXISTS, SDR_FILENOEXIST,
    SDR_FILEOFSERR, SDR_FILESIZEERR, SDR_HARDFAIL, SDR_INARGERR, SDR_KEYERR, SDR_KEYNOTEXIST,
    SDR_KEYTYPEERR, SDR_NOBUFFER, SDR_OUTARGERR, SDR_PARDENY, SDR_PRKRERR, SDR_RANDERR,
    SDR_STEPERR, SDR_UNKNOWERR, SDR_VERIFYERR,
};
use hsm_wire::client::ClientError;
use hsm_wire::{ErrorCode, HsmError};
use std::cell::RefCell;

/// A call that failed. No secrets in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code:08X} {name} {detail}")]
pub struct Failure {
    /// What the function returns.
    pub code: u32,
    /// Stable name of the refusal; empty where the library itself refused.
    pub name: &'static str,
    /// Step of a fill.
    pub step: Option<u32>,
    pub detail: String,
}

impl Failure {
    /// A refusal of the library.
    #[must_use]
    pub fn new(code: u32, detail: &str) -> Self {
        Self {
            code,
            name: "",
            step: None,
            detail: detail.to_owned(),
        }
    }

    /// An argument that goes in is wrong.
    #[must_use]
    pub fn input(what: &str) -> Self {
        Self::new(SDR_INARGERR, what)
    }

    /// A place for an answer is missing.
    #[must_use]
    pub fn output(what: &str) -> Self {
        Self::new(SDR_OUTARGERR, what)
    }

    /// A buffer is too small.
    #[must_use]
    pub fn room(needed: usize) -> Self {
        Self::new(SDR_NOBUFFER, &format!("{needed} bytes are needed"))
    }

    /// The HSM answered what does not belong to the question.
    #[must_use]
    pub fn unexpected() -> Self {
        Self::new(
            SDR_COMMFAIL,
            "the HSM answered something else than was asked",
        )
    }

    /// The same with another code.
    #[must_use]
    pub fn with_code(self, code: u32) -> Self {
        Self { code, ..self }
    }
}

/// The code that a refusal of the HSM becomes.
fn code(refusal: ErrorCode) -> u32 {
    match refusal {
        ErrorCode::NoSuchKey | ErrorCode::NoSuchHandle => SDR_KEYNOTEXIST,
        ErrorCode::KeyTypeMismatch => SDR_KEYTYPEERR,
        ErrorCode::NoAccessRight => SDR_PARDENY,
        ErrorCode::WrongPassword => SDR_PRKRERR,
        ErrorCode::BadPublicKey => SDR_KEYERR,
        ErrorCode::BadEnvelope => SDR_ENCDATAERR,
        ErrorCode::VerifyFailed => SDR_VERIFYERR,
        ErrorCode::OutOfStep => SDR_STEPERR,
        ErrorCode::NoSuchFile => SDR_FILENOEXIST,
        ErrorCode::FileExists => SDR_FILEEXISTS,
        ErrorCode::FileRange => SDR_FILEOFSERR,
        ErrorCode::FileSize => SDR_FILESIZEERR,
        ErrorCode::EntropyFailed => SDR_RANDERR,
        ErrorCode::AuditClosed | ErrorCode::Tampered => SDR_HARDFAIL,
        ErrorCode::Busy => SDFE_BUSY,
        ErrorCode::NotWholeBlocks
        | ErrorCode::TooLarge
        | ErrorCode::BadRequest
        | ErrorCode::BadName => SDR_INARGERR,
        ErrorCode::Internal => SDR_UNKNOWERR,
        _ => SDFE_REFUSED,
    }
}

impl From<HsmError> for Failure {
    fn from(refusal: HsmError) -> Self {
        Self {
            code: code(refusal.code),
            name: refusal.code.name(),
            step: refusal.step,
            detail: refusal.detail,
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused(refusal) => refusal.into(),
            other => Self::new(SDR_COMMFAIL, &other.to_string()),
        }
    }
}

thread_local! {
    static LAST: RefCell<Option<Failure>> = const { RefCell::new(None) };
}

/// Keeps a failure for [`last`].
pub fn remember(failure: Failure) {
    // A thread that is ending has no place for it any more.
    let _ = LAST.try_with(|last| last.replace(Some(failure)));
}

/// The last failure of this thread.
#[must_use]
pub fn last() -> Option<Failure> {
    LAST.try_with(|last| last.borrow().clone()).ok().flatten()
}
