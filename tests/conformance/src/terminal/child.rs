//! The child process: loads the library under test and makes the calls that it is given on standard input, one JSON object a
//! line, answering each on standard output. It may hang or crash; the parent waits for a bounded time and judges.
#![allow(
    unsafe_code,
    reason = "a C library is loaded and called; each block says why it holds"
)]

use std::ffi::{CString, c_char, c_int, c_void};
use std::io::{BufRead, Write};
use std::path::Path;

use libloading::{Library, Symbol};
use serde::{Deserialize, Serialize};

use super::case::Argument;

/// Larger than any size of the interface's manual.
const BUFFER: usize = 16 * 1024;

/// A call on its way into the child.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ordered {
    pub function: String,
    pub arguments: Vec<Argument>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returned {
    pub code: i32,
    /// The filled memory as text (GB 18030), up to its zero byte.
    pub values: Vec<String>,
}

type Handle = *mut c_void;
type Pointer = *mut c_char;

/// Serves calls until standard input ends. The first answer is that of `iDOpenPort`: code 0 when a handle came.
///
/// # Errors
/// The library cannot be loaded, lacks a function, or standard input is not what the parent writes.
pub fn serve(library: &Path, config: Option<&Path>) -> Result<(), String> {
    // SAFETY: loading runs the library's initialisers; that is what this process is for, and nothing else lives in it.
    let library = unsafe { Library::new(library) }.map_err(|e| e.to_string())?;
    if let Some(config) = config {
        let path =
            CString::new(config.as_os_str().as_encoded_bytes()).map_err(|e| e.to_string())?;
        // SAFETY: declared in rhc_reader.h as int rhc_Configure(const char *); the string outlives the call.
        let code = unsafe {
            let configure: Symbol<'_, unsafe extern "C" fn(*const c_char) -> c_int> =
                symbol(&library, "rhc_Configure")?;
            configure(path.as_ptr())
        };
        if code != 0 {
            return Err(format!("rhc_Configure: {code}"));
        }
    }
    // SAFETY: HANDLE iDOpenPort(void).
    let handle = unsafe {
        let open: Symbol<'_, unsafe extern "C" fn() -> Handle> = symbol(&library, "iDOpenPort")?;
        open()
    };
    answer(&Returned {
        code: i32::from(handle.is_null()),
        values: Vec::new(),
    })?;
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|e| e.to_string())?;
        let ordered: Ordered = serde_json::from_str(&line).map_err(|e| e.to_string())?;
        answer(&call(&library, handle, &ordered)?)?;
    }
    // SAFETY: int iDClosePort(void).
    unsafe {
        let close: Symbol<'_, unsafe extern "C" fn() -> c_int> = symbol(&library, "iDClosePort")?;
        close();
    }
    Ok(())
}

fn answer(returned: &Returned) -> Result<(), String> {
    let line = serde_json::to_string(returned).map_err(|e| e.to_string())?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|e| e.to_string())
}

/// # Safety
/// `T` is the function's type in rhc_reader.h.
unsafe fn symbol<'l, T>(library: &'l Library, name: &str) -> Result<Symbol<'l, T>, String> {
    // SAFETY: the caller's promise.
    unsafe { library.get(name.as_bytes()) }.map_err(|e| e.to_string())
}

/// Calls `int f(HANDLE, char *…)`, or with one `int` before the pointers.
fn call(library: &Library, handle: Handle, ordered: &Ordered) -> Result<Returned, String> {
    let (number, rest) = match ordered.arguments.as_slice() {
        [Argument::Number(number), rest @ ..] => (Some(*number), rest),
        rest => (None, rest),
    };
    let mut memory = Vec::new();
    for argument in rest {
        memory.push(match argument {
            Argument::Out => Some(vec![0u8; BUFFER]),
            Argument::Null => None,
            Argument::Text(text) => {
                let mut bytes = encoding_rs::GB18030.encode(text).0.into_owned();
                bytes.push(0);
                Some(bytes)
            }
            Argument::Number(_) => return Err("a number stands first".into()),
        });
    }
    let pointers: Vec<Pointer> = memory
        .iter_mut()
        .map(|one| {
            one.as_mut()
                .map_or(std::ptr::null_mut(), |bytes| bytes.as_mut_ptr().cast())
        })
        .collect();
    let code = dispatch(library, handle, &ordered.function, number, &pointers)?;
    let values = rest
        .iter()
        .zip(&memory)
        .filter(|(argument, _)| **argument == Argument::Out)
        .map(|(_, bytes)| {
            let bytes = bytes.as_deref().unwrap_or_default();
            let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
            encoding_rs::GB18030.decode(&bytes[..end]).0.into_owned()
        })
        .collect();
    Ok(Returned { code, values })
}

/// One arm for each number of pointers behind the handle; `WITH` calls with them.
macro_rules! by_count {
    ($name:expr, $pointers:expr, $with:ident; $([$($p:ident)*])*) => {
        match *$pointers {
            $([$($p),*] => $with!($($p)*),)*
            _ => Err(format!("{}: {} pointers", $name, $pointers.len())),
        }
    };
}

/// The type of a pointer, for each of them.
macro_rules! pointer {
    ($p:ident) => {
        Pointer
    };
}

fn dispatch(
    library: &Library,
    handle: Handle,
    name: &str,
    number: Option<i32>,
    pointers: &[Pointer],
) -> Result<i32, String> {
    // In both: the case names a function of rhc_reader.h with exactly these parameters; every pointer is null, a string that
    // ends in zero, or memory larger than any size of the manual, alive until after the call.
    macro_rules! plain {
        ($($p:ident)*) => {{
            type Wanted = unsafe extern "C" fn(Handle, $(pointer!($p)),*) -> c_int;
            // SAFETY: as said above, int f(HANDLE, char *…).
            unsafe { symbol::<Wanted>(library, name).map(|function| function(handle, $($p),*)) }
        }};
    }
    let Some(number) = number else {
        return by_count!(name, pointers, plain;
            [a] [a b] [a b c] [a b c d] [a b c d e] [a b c d e f] [a b c d e f g h i]
            [a b c d e f g h i j] [a b c d e f g h i j k l m n o]);
    };
    macro_rules! numbered {
        ($($p:ident)*) => {{
            type Wanted = unsafe extern "C" fn(Handle, c_int, $(pointer!($p)),*) -> c_int;
            // SAFETY: as said above, int f(HANDLE, int, char *…).
            unsafe { symbol::<Wanted>(library, name).map(|function| function(handle, number, $($p),*)) }
        }};
    }
    by_count!(name, pointers, numbered; [] [a] [a b] [a b c])
}
