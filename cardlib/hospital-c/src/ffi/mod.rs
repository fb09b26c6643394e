//! The C functions of `include/rhc_reader.h`: the only unsafe code of this crate.
//!
//! What every `unsafe` block rests on is the contract of the header: a pointer that is not null points to memory of the size
//! that the header documents (or that comes with it), which nobody else uses during the call, and a string ends in a zero
//! byte. Null pointers, numbers out of range, strings without end within the longest that is allowed, and handles that are
//! not open are answered before anything is sent to a card. Handles are numbers and never followed. A panic stops at this
//! boundary and becomes code 5.
//!
//! | module | functions |
//! |---|---|
//! | [`device`] | ports, power, raw commands, SAM, PIN, digest and signature |
//! | [`files`] | the files of DDF1, DF01, DF02 |
//! | [`visits`] | DF03: flags, pieces, whole records |
//! | [`items`] | elements by number |
#![allow(unsafe_code)] // the C boundary
#![allow(non_snake_case)] // names of the interface

pub mod device;
pub mod files;
pub mod items;
mod pointer;
pub mod visits;

use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use encoding_rs::GB18030;

use crate::code::{Code, Fault};
use crate::device::Device;
use crate::registry::DEVICES;
use pointer::Out;

/// A handle: a number, never followed.
pub type Handle = *mut c_void;

thread_local! {
    static LAST: RefCell<Option<Fault>> = const { RefCell::new(None) };
}

/// Runs a call, keeps its sentence for `rhc_LastMessage`, and gives its number.
fn code(call: impl FnOnce() -> Result<(), Fault>) -> c_int {
    answer(call).map_or_else(|code| code as c_int, |()| Code::Ok as c_int)
}

/// As [`code`], with a value.
fn answer<T>(call: impl FnOnce() -> Result<T, Fault>) -> Result<T, Code> {
    let outcome = catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| {
        Err(Fault::new(
            Code::Device,
            "a defect in this library; report it with what was called",
            "本库内部错误；请连同调用情况一并报告",
        ))
    });
    let outcome = outcome.map_err(|fault| {
        let code = fault.code;
        (code, Some(fault))
    });
    let (outcome, fault) = match outcome {
        Ok(value) => (Ok(value), None),
        Err((code, fault)) => (Err(code), fault),
    };
    // A thread that is ending has no use for a sentence.
    let _ = LAST.try_with(|last| last.replace(fault));
    outcome
}

/// A call on the device of a handle.
fn on(handle: Handle, call: impl FnOnce(&mut Device) -> Result<(), Fault>) -> c_int {
    code(|| DEVICES.with(handle as usize, call))
}

/// Names the configuration file that openings from now on read (mode 0600). Not in the DLL.
///
/// # Safety
/// `path` is null or a string that ends in a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rhc_Configure(path: *const c_char) -> c_int {
    code(|| {
        // SAFETY: the caller's promise is handed on.
        let bytes = unsafe { pointer::text(path, 4096) }?;
        let path = bytes
            .as_deref()
            .and_then(|bytes| std::str::from_utf8(bytes).ok());
        let path = path
            .filter(|path| !path.is_empty())
            .ok_or_else(|| Fault::parameter("no path of a file is given", "未给出文件路径"))?;
        DEVICES.configure(PathBuf::from(path));
        Ok(())
    })
}

/// What the last call of this thread had to say, in GB 18030, in the language of `RHC_LANG` (zh, else en); empty after a
/// success. Gives the number of bytes of the whole sentence; what does not fit into `size` is left out. Not in the DLL.
///
/// # Safety
/// `text` is null or valid for `size` bytes of writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rhc_LastMessage(text: *mut c_char, size: c_int) -> c_int {
    let message = catch_unwind(last_message).unwrap_or_default();
    let (whole, _, _) = GB18030.encode(&message);
    let room = usize::try_from(size).unwrap_or(0).min(4096);
    if let (Ok(out), 1..) = (Out::new(text), room) {
        let mut short = message.as_str();
        while GB18030.encode(short).0.len() >= room {
            let last = short.char_indices().next_back();
            short = last.map_or("", |(at, _)| &short[..at]);
        }
        // SAFETY: valid for `size` bytes by the caller's promise, and the text with its zero byte is not longer.
        unsafe { out.text(&GB18030.encode(short).0) };
    }
    c_int::try_from(whole.len()).unwrap_or(c_int::MAX)
}

fn last_message() -> String {
    let chinese = std::env::var_os("RHC_LANG").is_some_and(|language| language == "zh");
    let said = LAST.try_with(|last| {
        let last = last.borrow();
        let said = last.as_ref().map(|fault| {
            let text = if chinese {
                &fault.chinese
            } else {
                &fault.english
            };
            format!("{} {text}", fault.code as i32)
        });
        said.unwrap_or_default()
    });
    said.unwrap_or_default()
}
