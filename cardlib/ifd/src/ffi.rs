//! The C functions that pcscd calls (`ifdhandler.h`, IFD handler 3.0). The only unsafe code of this crate.
//!
//! Each function turns its pointers into slices and numbers, calls safe code, and turns the outcome into a response
//! code. What every `unsafe` block here rests on is the contract of the header: a pointer that is not null is valid for
//! the length that comes with it, is not aliased during the call, and device names end in a zero byte. Null pointers,
//! lengths beyond any APDU and numbers that name no reader are answered with an error before anything is touched.
//! A panic stops at this boundary: it becomes `IFD_COMMUNICATION_ERROR`.
#![allow(unsafe_code)]

use std::ffi::{CStr, OsStr, c_char, c_int, c_uchar};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use crate::codes::{
    ATTR_ATR_STRING, ATTR_ICC_PRESENCE, ATTR_MAXINPUT, ATTR_VENDOR_NAME, Code, Dword,
    GET_FEATURE_REQUEST, IFD_COMMUNICATION_ERROR, IFD_ERROR_INSUFFICIENT_BUFFER,
    IFD_ERROR_NOT_SUPPORTED, IFD_ERROR_TAG, IFD_ERROR_VALUE_READ_ONLY, IFD_ICC_NOT_PRESENT,
    IFD_ICC_PRESENT, IFD_NO_SUCH_DEVICE, IFD_POWER_DOWN, IFD_POWER_UP, IFD_PROTOCOL_NOT_SUPPORTED,
    IFD_RESET, IFD_SUCCESS, MAX_APDU, MAX_READERS, PROTOCOLS, TAG_IFD_ATR,
    TAG_IFD_POLLING_THREAD_WITH_TIMEOUT, TAG_IFD_SIMULTANEOUS_ACCESS, TAG_IFD_SLOT_THREAD_SAFE,
    TAG_IFD_SLOTS_NUMBER, TAG_IFD_STOP_POLLING_THREAD, TAG_IFD_THREAD_SAFE,
};
use crate::conf::DEVICE_PREFIX;
use crate::reader::{Presence, Reader};
use crate::registry::Registry;

static READERS: LazyLock<Registry> = LazyLock::new(Registry::default);

/// `SCARD_IO_HEADER`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct IoHeader {
    /// Transmission protocol.
    pub protocol: Dword,
    /// Length of this structure.
    pub length: Dword,
}

fn guarded(call: impl FnOnce() -> Code) -> Code {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or(IFD_COMMUNICATION_ERROR)
}

fn with_reader(lun: Dword, call: impl FnOnce(&Reader) -> Code) -> Code {
    guarded(|| READERS.get(lun).map_or(IFD_NO_SUCH_DEVICE, |it| call(&it)))
}

fn open(lun: Dword, path: &Path) -> Code {
    match Reader::open(path) {
        Ok(reader) => match READERS.put(lun, Arc::new(reader)) {
            true => IFD_SUCCESS,
            false => IFD_NO_SUCH_DEVICE,
        },
        Err(cause) => {
            let path = path.display();
            let _ = writeln!(
                std::io::stderr(),
                "rhc reader driver: {path}: {cause}; see DEVICENAME in reader.conf"
            );
            IFD_NO_SUCH_DEVICE
        }
    }
}

/// Opens the reader whose socket is `device` (DEVICENAME of `reader.conf`, with or without `/dev/null:` before it).
///
/// # Safety
/// `device` is null or a string that ends in a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHCreateChannelByName(lun: Dword, device: *const c_char) -> Code {
    if device.is_null() {
        return IFD_NO_SUCH_DEVICE;
    }
    // SAFETY: not null, and the caller promises a zero byte at its end; the borrow ends with this call.
    let device = unsafe { CStr::from_ptr(device) };
    guarded(|| {
        let name = device.to_bytes();
        let path = name.strip_prefix(DEVICE_PREFIX).unwrap_or(name);
        open(lun, Path::new(OsStr::from_bytes(path)))
    })
}

/// Opens the reader of a number, for a `reader.conf` without DEVICENAME: its socket is `/run/rhc-ifd/readerNN`.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHCreateChannel(lun: Dword, channel: Dword) -> Code {
    guarded(|| {
        open(
            lun,
            &PathBuf::from(format!("/run/rhc-ifd/reader{channel:02}")),
        )
    })
}

/// Closes a reader.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHCloseChannel(lun: Dword) -> Code {
    guarded(|| match READERS.take(lun) {
        Some(reader) => {
            reader.stop_waiting();
            reader.power_off();
            IFD_SUCCESS
        }
        None => IFD_NO_SUCH_DEVICE,
    })
}

/// Tells what the driver or a reader is like.
///
/// # Safety
/// `length` is null or valid; `value` is null or valid for `*length` bytes of writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHGetCapabilities(
    lun: Dword,
    tag: Dword,
    length: *mut Dword,
    value: *mut c_uchar,
) -> Code {
    guarded(|| match capability(lun, tag) {
        // SAFETY: the caller's promise about `length` and `value` is handed on unchanged.
        Ok(bytes) => unsafe { give(&bytes, value, length) },
        Err(code) => code,
    })
}

fn capability(lun: Dword, tag: Dword) -> Result<Vec<u8>, Code> {
    let reader = || READERS.get(lun).ok_or(IFD_NO_SUCH_DEVICE);
    Ok(match tag {
        TAG_IFD_ATR | ATTR_ATR_STRING => reader()?.atr(),
        ATTR_ICC_PRESENCE => vec![if reader()?.atr().is_empty() { 0 } else { 2 }],
        TAG_IFD_SLOTS_NUMBER | TAG_IFD_THREAD_SAFE => vec![1],
        // One slot a reader: there is nothing to be called at the same time.
        TAG_IFD_SLOT_THREAD_SAFE => vec![0],
        TAG_IFD_SIMULTANEOUS_ACCESS => vec![MAX_READERS],
        TAG_IFD_POLLING_THREAD_WITH_TIMEOUT => {
            let wait: extern "C" fn(Dword, c_int) -> Code = wait_for_event;
            (wait as usize).to_ne_bytes().to_vec()
        }
        TAG_IFD_STOP_POLLING_THREAD => {
            let stop: extern "C" fn(Dword) -> Code = stop_waiting;
            (stop as usize).to_ne_bytes().to_vec()
        }
        ATTR_VENDOR_NAME => b"RHC\0".to_vec(),
        ATTR_MAXINPUT => u32::try_from(MAX_APDU)
            .unwrap_or(u32::MAX)
            .to_ne_bytes()
            .to_vec(),
        _ => return Err(IFD_ERROR_TAG),
    })
}

/// Writes `bytes` to a buffer of `*length` bytes and their number to `length`.
///
/// # Safety
/// As [`IFDHGetCapabilities`].
unsafe fn give(bytes: &[u8], value: *mut c_uchar, length: *mut Dword) -> Code {
    if length.is_null() || value.is_null() {
        return IFD_COMMUNICATION_ERROR;
    }
    // SAFETY: not null, valid by the caller's promise.
    let room = unsafe { length.read() };
    if Dword::try_from(bytes.len()).map_or(true, |len| len > room) {
        return IFD_ERROR_INSUFFICIENT_BUFFER;
    }
    // SAFETY: `value` is valid for `room` bytes by the caller's promise and `bytes.len() <= room`; `bytes` is memory of
    // ours, so the two do not overlap; `length` as above.
    unsafe {
        value.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        length.write(bytes.len() as Dword);
    }
    IFD_SUCCESS
}

/// Nothing of this reader can be set.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHSetCapabilities(
    lun: Dword,
    _tag: Dword,
    _length: Dword,
    _value: *const c_uchar,
) -> Code {
    with_reader(lun, |_| IFD_ERROR_VALUE_READ_ONLY)
}

/// Any of T=0 and T=1 will do: the frames carry whole APDUs.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHSetProtocolParameters(
    lun: Dword,
    protocol: Dword,
    _flags: c_uchar,
    _pts1: c_uchar,
    _pts2: c_uchar,
    _pts3: c_uchar,
) -> Code {
    with_reader(lun, |reader| {
        reader.heard();
        if PROTOCOLS.contains(&protocol) {
            IFD_SUCCESS
        } else {
            IFD_PROTOCOL_NOT_SUPPORTED
        }
    })
}

/// Powers the card up or down, or resets it.
///
/// # Safety
/// `atr_length` is null or valid; `atr` is null or valid for `*atr_length` bytes of writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHPowerICC(
    lun: Dword,
    action: Dword,
    atr: *mut c_uchar,
    atr_length: *mut Dword,
) -> Code {
    with_reader(lun, |reader| {
        let warm = match action {
            IFD_POWER_DOWN => {
                reader.power_off();
                return IFD_SUCCESS;
            }
            IFD_POWER_UP => false,
            IFD_RESET => true,
            _ => return IFD_ERROR_NOT_SUPPORTED,
        };
        match reader.power_on(warm) {
            // SAFETY: the caller's promise about `atr` and `atr_length` is handed on unchanged.
            Ok(bytes) => unsafe { give(&bytes, atr, atr_length) },
            Err(trouble) => trouble.code(),
        }
    })
}

/// Sends a command and takes its answer.
///
/// # Safety
/// `command` is null or valid for `command_length` bytes of reading; `answer_length` is null or valid; `answer` is null
/// or valid for `*answer_length` bytes of writing and overlaps no other argument; `answer_header` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHTransmitToICC(
    lun: Dword,
    header: IoHeader,
    command: *const c_uchar,
    command_length: Dword,
    answer: *mut c_uchar,
    answer_length: *mut Dword,
    answer_header: *mut IoHeader,
) -> Code {
    if answer_length.is_null() {
        return IFD_COMMUNICATION_ERROR;
    }
    // SAFETY: not null, valid by the caller's promise.
    let room = unsafe { answer_length.replace(0) };
    let length = usize::try_from(command_length).unwrap_or(usize::MAX);
    if command.is_null() || answer.is_null() || length > MAX_APDU {
        return IFD_COMMUNICATION_ERROR;
    }
    let room = usize::try_from(room).unwrap_or(usize::MAX).min(MAX_APDU);
    // SAFETY: not null; readable for `length` bytes by the caller's promise, at most 65,548; nobody writes it meanwhile.
    let command = unsafe { std::slice::from_raw_parts(command, length) };
    // SAFETY: not null; writable for at least `room` bytes by the caller's promise, not aliased; any bit pattern is a u8.
    let answer = unsafe { std::slice::from_raw_parts_mut(answer, room) };
    with_reader(lun, |reader| match reader.transmit(command, answer) {
        Ok(len) => {
            // SAFETY: checked not to be null above, valid by the caller's promise.
            unsafe { answer_length.write(len as Dword) };
            if !answer_header.is_null() {
                // SAFETY: not null, valid by the caller's promise; the field is written through a raw pointer.
                unsafe { (&raw mut (*answer_header).protocol).write(header.protocol) };
            }
            IFD_SUCCESS
        }
        Err(trouble) => trouble.code(),
    })
}

/// Whether a card is in.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHICCPresence(lun: Dword) -> Code {
    with_reader(lun, |reader| match reader.presence() {
        Presence::Present => IFD_ICC_PRESENT,
        Presence::Absent => IFD_ICC_NOT_PRESENT,
        Presence::Gone => IFD_NO_SUCH_DEVICE,
    })
}

/// Reader functions beyond PC/SC part 3: the list of part 10 features is empty, everything else is unknown.
///
/// # Safety
/// `returned` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHControl(
    lun: Dword,
    control: Dword,
    _input: *const c_uchar,
    _input_length: Dword,
    _output: *mut c_uchar,
    _output_length: Dword,
    returned: *mut Dword,
) -> Code {
    if returned.is_null() {
        return IFD_COMMUNICATION_ERROR;
    }
    // SAFETY: not null, valid by the caller's promise.
    unsafe { returned.write(0) };
    with_reader(lun, |_| {
        if control == GET_FEATURE_REQUEST {
            IFD_SUCCESS
        } else {
            IFD_ERROR_NOT_SUPPORTED
        }
    })
}

/// What pcscd's event thread of each reader sleeps in.
extern "C" fn wait_for_event(lun: Dword, milliseconds: c_int) -> Code {
    let time = u64::try_from(milliseconds).ok().map(Duration::from_millis);
    with_reader(lun, |reader| match reader.wait(time) {
        Presence::Gone => IFD_NO_SUCH_DEVICE,
        Presence::Present | Presence::Absent => IFD_SUCCESS,
    })
}

/// Ends that sleep once.
extern "C" fn stop_waiting(lun: Dword) -> Code {
    with_reader(lun, |reader| {
        reader.stop_waiting();
        IFD_SUCCESS
    })
}
