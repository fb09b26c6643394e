//! The child process: loads the library under test and makes the calls that it is given on standard input, one JSON object a
//! line, answering each on standard output. It may hang or crash; the parent waits for a bounded time and judges.
#![allow(
    unsafe_code,
    reason = "a C library is loaded and called; each block says why it holds"
)]

use std::ffi::{CString, c_char, c_int, c_uchar, c_ulong, c_void};
use std::io::{BufRead, Write};
use std::path::Path;

use libloading::{Library, Symbol};
use serde::{Deserialize, Serialize};

use super::argument::Argument;

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

/// Calls one of the interface's functions. Its parameters are those that the case names, in this order.
fn call(library: &Library, handle: Handle, ordered: &Ordered) -> Result<Returned, String> {
    let mut memory: Vec<Option<Vec<u8>>> = ordered
        .arguments
        .iter()
        .map(|argument| argument.memory(BUFFER))
        .collect();
    let values: Vec<Value> = ordered
        .arguments
        .iter()
        .zip(&mut memory)
        .map(|(argument, memory)| match (argument, memory) {
            (Argument::Number(number), _) => Value::Number(*number),
            (_, Some(bytes)) => Value::Pointer(bytes.as_mut_ptr().cast()),
            (_, None) => Value::Pointer(std::ptr::null_mut()),
        })
        .collect();
    let code = dispatch(library, handle, &ordered.function, &values)?;
    let values = ordered
        .arguments
        .iter()
        .zip(&memory)
        .filter(|(argument, _)| argument.is_answer())
        .map(|(argument, bytes)| argument.shown(bytes.as_deref().unwrap_or_default()))
        .collect();
    Ok(Returned { code, values })
}

/// What is handed over.
#[derive(Clone, Copy)]
enum Value {
    Number(i64),
    Pointer(Pointer),
}

/// One arm for each form that functions of the interface have behind the handle: `n` an int, `p` a pointer.
macro_rules! by_form {
    ($library:expr, $handle:expr, $name:expr, $values:expr; $([$($letter:ident)*])*) => {
        match *$values {
            $([$(form!(pattern $letter)),*] => form!(call $library, $handle, $name, $values; $($letter)*),)*
            _ => Err(format!("{}: no function of the interface has such parameters", $name)),
        }
    };
}

macro_rules! form {
    (pattern n) => { Value::Number(_) };
    (pattern p) => { Value::Pointer(_) };
    (type n) => { c_int };
    (type p) => { Pointer };
    (take n $rest:ident) => { int(&mut $rest)? };
    (take p $rest:ident) => { pointer(&mut $rest)? };
    (call $library:expr, $handle:expr, $name:expr, $values:expr; $($letter:ident)*) => {{
        type Wanted = unsafe extern "C" fn(Handle, $(form!(type $letter)),*) -> c_int;
        #[allow(unused_mut, unused_variables, reason = "a function may have nothing behind the handle")]
        let mut rest = $values.iter();
        // SAFETY: the case names a function of rhc_reader.h with exactly these parameters; every pointer is null, a string
        // that ends in zero, or memory at least as large as the manual says, alive until after the call.
        unsafe {
            symbol::<Wanted>($library, $name)
                .and_then(|function| Ok(function($handle, $(form!(take $letter rest)),*)))
        }
    }};
}

type Rest<'v> = std::slice::Iter<'v, Value>;

fn int(rest: &mut Rest<'_>) -> Result<c_int, String> {
    match rest.next() {
        Some(Value::Number(number)) => c_int::try_from(*number).map_err(|e| e.to_string()),
        _ => Err("a number".into()),
    }
}

fn pointer(rest: &mut Rest<'_>) -> Result<Pointer, String> {
    match rest.next() {
        Some(Value::Pointer(pointer)) => Ok(*pointer),
        _ => Err("a pointer".into()),
    }
}

fn dispatch(
    library: &Library,
    handle: Handle,
    name: &str,
    values: &[Value],
) -> Result<i32, String> {
    if let (
        "SendAPDU",
        [
            Value::Number(slot),
            Value::Pointer(command),
            Value::Number(len),
            Value::Pointer(answer),
            Value::Pointer(got),
        ],
    ) = (name, values)
    {
        return raw(library, handle, (*slot, *command, *len), (*answer, *got));
    }
    by_form!(library, handle, name, values;
        [] [p] [p p] [p p p] [p p p p] [p p p p p] [p p p p p p] [p p p p p p p p p]
        [p p p p p p p p p p] [p p p p p p p p p p p p p p p]
        [n] [n p] [n p p] [n p p p] [n p n n n] [n n p p] [p n p p])
}

/// `SendAPDU`, whose slot is a char and whose length is a long.
fn raw(
    library: &Library,
    handle: Handle,
    (slot, command, len): (i64, Pointer, i64),
    (answer, got): (Pointer, Pointer),
) -> Result<i32, String> {
    type Wanted =
        unsafe extern "C" fn(Handle, c_uchar, Pointer, c_ulong, Pointer, Pointer) -> c_int;
    let slot = c_uchar::try_from(slot).map_err(|e| e.to_string())?;
    let len = c_ulong::try_from(len).map_err(|e| e.to_string())?;
    // SAFETY: int SendAPDU(HANDLE, unsigned char, unsigned char *, unsigned long, unsigned char *, int *); as above.
    unsafe {
        symbol::<Wanted>(library, "SendAPDU")
            .map(|function| function(handle, slot, command, len, answer, got))
    }
}
