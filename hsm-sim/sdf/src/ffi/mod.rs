//! The C functions. Each turns pointers into values, calls safe code, and writes what came out: nothing is written
//! before everything has succeeded, and no place that was not checked for null before the work began.
//!
//! The contract of `sdf.h` and `hsm_sim_ext.h`, which every `unsafe` block here rests on: **a pointer that is not null is
//! valid, for the whole call, for the bytes that its type or the length beside it says, for reading where data go in
//! and for writing where they come out**; nobody writes what goes in meanwhile. Nothing more is taken for granted:
//! pointers may be null or unaligned, buffers may overlap, lengths are held against limits before memory is touched,
//! and handles are numbers that are looked up (`table`), never followed.
//!
//! A panic stops here and becomes `SDR_UNKNOWERR`.
#![allow(unsafe_code)] // the boundary itself; `raw.rs` holds the operations, the others call them
#![allow(non_snake_case)] // names of the standard
#![allow(clippy::missing_safety_doc)] // one contract for all, above

mod agreement;
mod asymmetric;
mod device;
mod extension;
mod files;
mod fork;
mod keys;
mod officers;
mod raw;
mod rsa;
mod symmetric;

pub use agreement::*;
pub use asymmetric::*;
pub use device::*;
pub use extension::*;
pub use files::*;
pub use keys::*;
pub use officers::*;
pub use rsa::*;
pub use symmetric::*;

use crate::codes::{SDR_OK, SDR_UNKNOWERR};
use crate::device::Device;
use crate::failure::{self, Failure};
use crate::session::Open;
use crate::table::{Token, table};
use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// `void *` that names a device, session, key or agreement.
pub type Handle = *mut c_void;

/// A handle for C; it points nowhere.
fn handle(token: Token) -> Handle {
    std::ptr::without_provenance_mut(token)
}

/// Runs a call and gives its code; why it failed is kept for `SDFE_GetLastError`.
fn guarded(call: impl FnOnce() -> Result<(), Failure>) -> c_int {
    let code = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => SDR_OK,
        Ok(Err(failure)) => {
            let code = failure.code;
            failure::remember(failure);
            code
        }
        Err(_) => {
            failure::remember(Failure::new(
                SDR_UNKNOWERR,
                "the library contradicts itself",
            ));
            SDR_UNKNOWERR
        }
    };
    c_int::try_from(code).unwrap_or(c_int::MAX)
}

/// Takes the session's turn.
fn on_session(
    session: Handle,
    work: impl FnOnce(&mut Open) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let session = table().session(session.addr())?;
    work(&mut *session.lock()?)
}

fn device_of(device: Handle) -> Result<Arc<Device>, Failure> {
    table().device(device.addr())
}
