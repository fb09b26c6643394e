//! The C boundary: `libhsm_sim_sdf.so`, or another GM/T 0018 library with the same extension, loaded by its path.
//!
//! Everything unsafe of this crate is here. A [`Device`] or [`Session`] handle is only ever one that the library itself
//! gave and that was not closed; texts go in with their length and come back in buffers of a stated length.
#![allow(unsafe_code)] // the C boundary; every block says why it is sound

use std::ffi::{CString, c_char, c_int, c_uchar, c_uint, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use kms_core::port::HsmError;
use libloading::Library as Loaded;

/// The extension's version that this was written for.
const VERSION: c_uint = 1;
const OK: c_int = 0;
const BASE: c_int = 0x0100_0000;
const NO_BUFFER: c_int = BASE + 0x1C;
const BUSY: c_int = BASE + 0xE002;
const RANDOM_FAILED: c_int = BASE + 0x17;
/// First guess for an answer's room; an order's answer needs this much at once.
const ROOM: usize = 0x0020_0000;

type Handle = *mut c_void;
type TextOut = unsafe extern "C" fn(Handle, *mut c_uchar, *mut c_uint) -> c_int;
type TextInOut =
    unsafe extern "C" fn(Handle, *const c_uchar, c_uint, *mut c_uchar, *mut c_uint) -> c_int;
type Fill = unsafe extern "C" fn(
    Handle,
    c_uint,
    *const c_uchar,
    c_uint,
    *mut c_uchar,
    *mut c_uint,
) -> c_int;
type Sign = unsafe extern "C" fn(
    Handle,
    *const c_uchar,
    c_uint,
    *const c_uchar,
    c_uint,
    *mut Signature,
) -> c_int;

type Mac = unsafe extern "C" fn(
    Handle,
    *const c_uchar,
    c_uint,
    *const c_uchar,
    c_uint,
    *mut c_uchar,
    c_uint,
) -> c_int;

/// `ECCSignature`: both numbers right-aligned.
#[repr(C)]
pub(super) struct Signature {
    pub r: [u8; 64],
    pub s: [u8; 64],
}

/// `SDFE_ERROR`.
#[repr(C)]
struct LastError {
    code: c_uint,
    step: c_int,
    name: [u8; 64],
    detail: [u8; 256],
}

/// The functions that this adapter calls; pointers stay good as long as the library is loaded.
struct Functions {
    last_error: unsafe extern "C" fn(*mut LastError) -> c_int,
    open_device: unsafe extern "C" fn(*const c_char, *mut Handle) -> c_int,
    close_device: unsafe extern "C" fn(Handle) -> c_int,
    open_session: unsafe extern "C" fn(Handle, *mut Handle) -> c_int,
    close_session: unsafe extern "C" fn(Handle) -> c_int,
    officer_info: TextOut,
    execute_order: TextInOut,
    info: TextOut,
    list_keys: TextOut,
    last_package: TextInOut,
    sign: Sign,
    mac: Mac,
    fill: Fill,
}

/// A loaded library.
pub(super) struct Library {
    functions: Functions,
    /// Unloaded last.
    _loaded: Loaded,
}

impl Library {
    pub(super) fn load(path: &Path) -> Result<Arc<Self>, HsmError> {
        let failed =
            |e: libloading::Error| HsmError::Unavailable(format!("{}: {e}", path.display()));
        // SAFETY: loading runs the library's initialisers; the path is the administrator's choice, as with every driver.
        let loaded = unsafe { Loaded::new(path) }.map_err(failed)?;
        macro_rules! find {
            ($name:literal) => {{
                // SAFETY: the type is the prototype of this name in sdf.h or hsm_sim_ext.h.
                *unsafe { loaded.get(concat!($name, "\0").as_bytes()) }.map_err(|_| {
                    HsmError::Unavailable(format!(
                        "{} lacks {}: a library without the extension derives through host memory, which this adapter does not do",
                        path.display(),
                        $name
                    ))
                })?
            }};
        }
        let version: unsafe extern "C" fn(*mut c_uint) -> c_int = find!("SDFE_GetVersion");
        let mut found = 0;
        // SAFETY: the function writes one number to where it is told.
        if unsafe { version(&raw mut found) } != OK || found != VERSION {
            return Err(HsmError::Unavailable(format!(
                "{}: extension version {found}, not {VERSION}",
                path.display()
            )));
        }
        let functions = Functions {
            last_error: find!("SDFE_GetLastError"),
            open_device: find!("SDFE_OpenDeviceWithConfig"),
            close_device: find!("SDF_CloseDevice"),
            open_session: find!("SDF_OpenSession"),
            close_session: find!("SDF_CloseSession"),
            officer_info: find!("SDFE_OfficerInfo"),
            execute_order: find!("SDFE_ExecuteOrder"),
            info: find!("SDFE_Info"),
            list_keys: find!("SDFE_ListKeys"),
            last_package: find!("SDFE_LastPackage"),
            sign: find!("SDFE_SignWithKey"),
            mac: find!("SDFE_MACWithKey"),
            fill: find!("SDFE_Fill"),
        };
        Ok(Arc::new(Self {
            functions,
            _loaded: loaded,
        }))
    }

    /// What a code means; asked on the thread that got it.
    fn error(&self, code: c_int, doing: &str) -> HsmError {
        let mut last = LastError {
            code: 0,
            step: -1,
            name: [0; 64],
            detail: [0; 256],
        };
        // SAFETY: the structure has the layout of SDFE_ERROR and is written by the call only.
        let told = unsafe { (self.functions.last_error)(&raw mut last) } == OK;
        let name = text(&last.name);
        if code == BUSY {
            return refused("Busy", "the HSM is busy and did nothing");
        }
        if code == RANDOM_FAILED {
            return refused("EntropyFailed", "the random generator failed");
        }
        if told && !name.is_empty() {
            let at = if last.step < 0 {
                String::new()
            } else {
                format!("step {}: ", last.step)
            };
            return refused(&name, &format!("{at}{}", text(&last.detail)));
        }
        HsmError::Unavailable(format!("{doing}: SDF code {code:08X}"))
    }

    /// A call that answers with a text.
    fn answer(
        &self,
        doing: &str,
        call: impl Fn(*mut c_uchar, *mut c_uint) -> c_int,
    ) -> Result<Vec<u8>, HsmError> {
        let mut room = ROOM;
        loop {
            let mut buffer = vec![0u8; room];
            let mut length = c_uint::try_from(room).unwrap_or(c_uint::MAX);
            let code = call(buffer.as_mut_ptr(), &raw mut length);
            let length = length as usize;
            match code {
                OK if length <= room => {
                    buffer.truncate(length);
                    return Ok(buffer);
                }
                NO_BUFFER if length > room => room = length,
                code => return Err(self.error(code, doing)),
            }
        }
    }
}

fn refused(rule: &str, detail: &str) -> HsmError {
    HsmError::Refused {
        rule: rule.to_owned(),
        detail: detail.to_owned(),
    }
}

/// Up to the first zero byte.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]).into_owned()
}

fn size(bytes: &[u8]) -> Result<c_uint, HsmError> {
    c_uint::try_from(bytes.len()).map_err(|_| refused("TooLarge", "the request"))
}

/// An open device.
pub(super) struct Device {
    library: Arc<Library>,
    handle: Handle,
}

// SAFETY: GM/T 0018 devices and sessions may be used from any thread; a session only by one at a time, which `&mut` sees to.
unsafe impl Send for Device {}
// SAFETY: as above; a device's functions open sessions and carry orders, and are thread-safe by the header.
unsafe impl Sync for Device {}

impl Device {
    pub(super) fn open(library: Arc<Library>, config: &Path) -> Result<Arc<Self>, HsmError> {
        let path = CString::new(config.as_os_str().as_bytes())
            .map_err(|_| refused("BadRequest", "the path has a zero byte"))?;
        let mut handle = std::ptr::null_mut();
        // SAFETY: a zero-terminated path, and a place for one handle.
        let code = unsafe { (library.functions.open_device)(path.as_ptr(), &raw mut handle) };
        if code != OK || handle.is_null() {
            return Err(library.error(code, "opening the device"));
        }
        Ok(Arc::new(Self { library, handle }))
    }

    pub(super) fn session(self: &Arc<Self>) -> Result<Session, HsmError> {
        let mut handle = std::ptr::null_mut();
        // SAFETY: our own open device, and a place for one handle.
        let code = unsafe { (self.library.functions.open_session)(self.handle, &raw mut handle) };
        if code != OK || handle.is_null() {
            return Err(self.library.error(code, "opening a session"));
        }
        Ok(Session {
            device: Arc::clone(self),
            handle,
        })
    }

    /// `HsmInfo` as JSON, without an operator's credential.
    pub(super) fn officer_info(&self) -> Result<Vec<u8>, HsmError> {
        let call = self.library.functions.officer_info;
        // SAFETY: our own open device; the buffer has the length stated.
        self.library.answer("info", |out, length| unsafe {
            call(self.handle, out, length)
        })
    }

    pub(super) fn execute_order(&self, order: &[u8]) -> Result<Vec<u8>, HsmError> {
        let (call, size) = (self.library.functions.execute_order, size(order)?);
        // SAFETY: our own open device; both buffers have the lengths stated.
        self.library.answer("the order", |out, length| unsafe {
            call(self.handle, order.as_ptr(), size, out, length)
        })
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: opened by us, closed once; sessions hold the device, so none is left.
        unsafe { (self.library.functions.close_device)(self.handle) };
    }
}

/// An open session: one connection of the operator.
pub(super) struct Session {
    device: Arc<Device>,
    handle: Handle,
}

// SAFETY: a session may move between threads; it is used by one at a time, as every call wants `&mut`.
unsafe impl Send for Session {}

impl Session {
    pub(super) fn info(&mut self) -> Result<Vec<u8>, HsmError> {
        let call = self.device.library.functions.info;
        // SAFETY: our own open session; the buffer has the length stated.
        self.device.library.answer("info", |out, length| unsafe {
            call(self.handle, out, length)
        })
    }

    pub(super) fn list_keys(&mut self) -> Result<Vec<u8>, HsmError> {
        let call = self.device.library.functions.list_keys;
        // SAFETY: our own open session; the buffer has the length stated.
        self.device.library.answer("keys", |out, length| unsafe {
            call(self.handle, out, length)
        })
    }

    pub(super) fn last_package(&mut self, peer: &str) -> Result<Vec<u8>, HsmError> {
        let (call, size) = (
            self.device.library.functions.last_package,
            size(peer.as_bytes())?,
        );
        // SAFETY: our own open session; both buffers have the lengths stated.
        self.device
            .library
            .answer("the package", |out, length| unsafe {
                call(self.handle, peer.as_ptr(), size, out, length)
            })
    }

    pub(super) fn sign(&mut self, key: &str, message: &[u8]) -> Result<Signature, HsmError> {
        let mut signature = Signature {
            r: [0; 64],
            s: [0; 64],
        };
        let (key_size, message_size) = (size(key.as_bytes())?, size(message)?);
        let call = self.device.library.functions.sign;
        // SAFETY: our own open session; both texts have the lengths stated; the signature has the C layout.
        let code = unsafe {
            call(
                self.handle,
                key.as_ptr(),
                key_size,
                message.as_ptr(),
                message_size,
                &raw mut signature,
            )
        };
        if code == OK {
            Ok(signature)
        } else {
            Err(self.device.library.error(code, "the signature"))
        }
    }

    /// First 8 bytes of the MAC with a key of usage mac.
    pub(super) fn mac(&mut self, key: &str, message: &[u8]) -> Result<[u8; 8], HsmError> {
        let mut mac = [0; 8];
        let (key_size, message_size) = (size(key.as_bytes())?, size(message)?);
        let call = self.device.library.functions.mac;
        // SAFETY: our own open session; all three buffers have the lengths stated.
        let code = unsafe {
            call(
                self.handle,
                key.as_ptr(),
                key_size,
                message.as_ptr(),
                message_size,
                mac.as_mut_ptr(),
                8,
            )
        };
        if code == OK {
            Ok(mac)
        } else {
            Err(self.device.library.error(code, "the MAC"))
        }
    }

    /// A JSON array of requests in, of outcomes out; `target` 0 card, 1 SAM.
    pub(super) fn fill(&mut self, target: u32, requests: &[u8]) -> Result<Vec<u8>, HsmError> {
        let (call, size) = (self.device.library.functions.fill, size(requests)?);
        // SAFETY: our own open session; both buffers have the lengths stated.
        self.device
            .library
            .answer("the script", |out, length| unsafe {
                call(self.handle, target, requests.as_ptr(), size, out, length)
            })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: opened by us, closed once.
        unsafe { (self.device.library.functions.close_session)(self.handle) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_such_library_is_refused_with_a_word() {
        let refused = |path: &str| Library::load(Path::new(path)).err().map(|e| e.to_string());
        let none = refused("/nowhere/libsdf.so");
        assert!(none.is_some_and(|text| text.contains("/nowhere/libsdf.so")));
        let other = refused("libc.so.6");
        assert!(other.is_some_and(|text| text.contains("lacks SDFE_GetVersion")));
    }

    #[test]
    fn texts_end_at_their_first_zero() {
        assert_eq!(text(b"Busy\0\0garbage"), "Busy");
        assert_eq!(text(b"whole"), "whole");
    }
}
