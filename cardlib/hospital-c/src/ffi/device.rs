//! Ports, power and raw commands; the SAM's files, PIN, digest and signature.

use std::ffi::{c_char, c_int, c_uint, c_ulong};
use std::ptr::null_mut;

use zeroize::Zeroizing;

use crate::code::{Code, Fault};
use crate::device::SlotNumber;
use crate::ffi::pointer::{self, Out};
use crate::ffi::{Handle, answer, code, on};
use crate::registry::DEVICES;
use crate::sam;

/// Most bytes of an ATR that `PowerOn` hands out: 40 digits and a zero byte is what the interface documents.
const ATR_MOST: usize = 20;
/// A short command: header, Lc, 255 bytes, Le.
const COMMAND: usize = 261;
/// Longest PIN that is looked at.
const PIN_MOST: usize = 32;

/// Opens the first device of the configuration; null when it cannot (`rhc_LastMessage` says why).
#[unsafe(no_mangle)]
pub extern "C" fn iDOpenPort() -> Handle {
    open(0)
}

/// Opens device `port` of the configuration, counted from 1; another number opens the first.
#[unsafe(no_mangle)]
pub extern "C" fn OpenDevice(port: c_int) -> Handle {
    let index = usize::try_from(port).ok().and_then(|n| n.checked_sub(1));
    open(index.unwrap_or(0))
}

fn open(index: usize) -> Handle {
    let handle = answer(|| DEVICES.open(index));
    handle.map_or(null_mut(), |handle| handle as Handle)
}

/// Closes what `iDOpenPort` opened.
#[unsafe(no_mangle)]
pub extern "C" fn iDClosePort() -> c_int {
    code(|| DEVICES.close_port())
}

/// Closes a handle.
#[unsafe(no_mangle)]
pub extern "C" fn CloseDevice(hDev: Handle) -> c_int {
    code(|| DEVICES.close(hDev as usize))
}

/// Resets the card in a slot and gives its answer to reset in hexadecimal.
///
/// # Safety
/// `ATR` is null or valid for 41 bytes of writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PowerOn(hDev: Handle, slot: c_int, ATR: *mut c_char) -> c_int {
    on(hDev, |device| {
        let (out, slot) = (Out::new(ATR)?, SlotNumber::new(slot)?);
        let atr = device.power_on(slot)?;
        if atr.len() > ATR_MOST {
            return Err(Fault::new(
                Code::Card,
                "this is no health card and no SAM: its answer to reset is too long",
                "不是居民健康卡或 SAM：复位应答过长",
            ));
        }
        // SAFETY: at most 40 digits and a zero byte; valid for 41 bytes by the caller's promise.
        unsafe { out.text(hex::encode_upper(&atr).as_bytes()) };
        Ok(())
    })
}

/// Sends a command as it is; the answer with its status word. Rights that it gains last until the next flow, `PowerOn` or the
/// end of the port.
///
/// # Safety
/// `pbyC_Command` is null or readable for `byLen` bytes; `pbyR_Command` is null or valid for 258 bytes of writing;
/// `pnRes` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SendAPDU(
    hDev: Handle,
    bySlot: u8,
    pbyC_Command: *const u8,
    byLen: c_ulong,
    pbyR_Command: *mut u8,
    pnRes: *mut c_int,
) -> c_int {
    on(hDev, |device| {
        let (out, len) = (Out::new(pbyR_Command)?, Out::new(pnRes)?);
        let slot = SlotNumber::new(c_int::from(bySlot))?;
        let bytes = usize::try_from(byLen).ok();
        let bytes = bytes.filter(|len| (4..=COMMAND).contains(len));
        let bytes = bytes.ok_or_else(|| {
            Fault::parameter("a command has 4 to 261 bytes", "命令长度须为 4 至 261 字节")
        })?;
        // SAFETY: readable for `byLen` bytes by the caller's promise.
        let command = unsafe { pointer::bytes(pbyC_Command, bytes) }?;
        let given = Zeroizing::new(device.send_apdu(slot, &command)?);
        if given.len() > 258 {
            return Err(Fault::new(
                Code::Device,
                "the answer is longer than a short one",
                "应答超过短格式长度",
            ));
        }
        // SAFETY: at most 258 bytes; both valid by the caller's promise.
        unsafe {
            out.bytes(&given);
            len.number(given.len() as c_int);
        }
        Ok(())
    })
}

/// Has the SAM verify its PIN; null and empty take the PIN file's.
///
/// # Safety
/// `PIN` is null or a string that ends in a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iVerifyPIN(hDev: Handle, PIN: *const c_char) -> c_int {
    on(hDev, |device| {
        // SAFETY: the caller's promise is handed on.
        let pin = unsafe { pointer::text(PIN, PIN_MOST) }?;
        let given = pin.as_deref().map(Vec::as_slice);
        sam::verify(device, given).map_err(|(fault, _)| fault)
    })
}

/// As `iVerifyPIN`, and tells the tries that are left.
///
/// # Safety
/// `pin` is null or a string that ends in a zero byte; `retry` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn VerifyPin(hDev: Handle, pin: *const c_char, retry: *mut u8) -> c_int {
    on(hDev, |device| {
        let out = Out::new(retry)?;
        // SAFETY: the caller's promise is handed on.
        let pin = unsafe { pointer::text(pin, PIN_MOST) }?;
        let given = pin.as_deref().map(Vec::as_slice);
        let (outcome, left) = match sam::verify(device, given) {
            Ok(()) => (Ok(()), Some(sam::all_tries(device))),
            Err((fault, left)) => (Err(fault), left),
        };
        if let Some(left) = left {
            // SAFETY: valid by the caller's promise.
            unsafe { out.number(left) };
        }
        outcome
    })
}

/// Changes the SAM's PIN.
///
/// # Safety
/// Both are null or strings that end in a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iChange_Pin(
    hDev: Handle,
    oldPin: *const c_char,
    newPin: *const c_char,
) -> c_int {
    on(hDev, |device| {
        // SAFETY: the caller's promise is handed on.
        let (old, new) = unsafe {
            (
                pointer::required(oldPin, PIN_MOST)?,
                pointer::required(newPin, PIN_MOST)?,
            )
        };
        sam::change(device, &old, &new)
    })
}

/// # Safety
/// `info` is null or valid for the file's size in the given form.
unsafe fn sam_file(hDev: Handle, path: &str, info: *mut c_char, hexadecimal: bool) -> c_int {
    on(hDev, |device| {
        let out = Out::new(info)?;
        let bytes = sam::file(device, path)?;
        // SAFETY: the documented size is that of the file, which the profile fixes: digits and a zero byte, or its bytes.
        unsafe {
            if hexadecimal {
                out.text(hex::encode_upper(&bytes).as_bytes());
            } else {
                out.bytes(&bytes);
            }
        }
        Ok(())
    })
}

macro_rules! sam_files {
    ($($name:ident: $path:literal, $hexadecimal:literal;)*) => {$(
        #[doc = concat!("The SAM's file ", $path, ".")]
        ///
        /// # Safety
        /// `info` is null or valid for the documented size.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(hDev: Handle, info: *mut c_char) -> c_int {
            // SAFETY: the caller's promise is handed on.
            unsafe { sam_file(hDev, $path, info, $hexadecimal) }
        }
    )*};
}

sam_files! {
    iReader_SAM_Public: "MF/0015", true;
    iReader_SAM_Terminal: "MF/0016", true;
    iReader_SAM_PublicApp: "DF01/001A", true;
    iReader_SAM_OrgCertificate: "DF01/001B", false;
    iReader_SAM_Certificate: "DF01/001C", false;
}

/// The device's serial number.
///
/// # Safety
/// `info` is null or valid for 64 bytes of writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IReader_GetDeviceCSN(hDev: Handle, info: *mut c_char) -> c_int {
    on(hDev, |device| {
        let out = Out::new(info)?;
        let serial = sam::device_serial(device)?;
        // SAFETY: at most 63 bytes and a zero byte; valid for 64 by the caller's promise.
        unsafe { out.text(&serial) };
        Ok(())
    })
}

/// The SM3 digest of up to 16 MiB.
///
/// # Safety
/// `pbData` is null or readable for `nDataLen` bytes; `pbHash` is null or valid for 32 bytes of writing; `pbHashLen` is
/// null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SM3Digest(
    hCard: Handle,
    pbData: *const u8,
    nDataLen: c_uint,
    pbHash: *mut u8,
    pbHashLen: *mut u8,
) -> c_int {
    on(hCard, |device| {
        let (hash, len) = (Out::new(pbHash)?, Out::new(pbHashLen)?);
        let most = usize::try_from(nDataLen).ok();
        let most = most.filter(|len| *len <= sam::MAX_DIGEST_INPUT);
        let most = most.ok_or_else(|| {
            Fault::parameter("at most 16 MiB are digested at once", "一次最多摘要 16 MiB")
        })?;
        // SAFETY: readable for `nDataLen` bytes by the caller's promise.
        let data = unsafe { pointer::bytes(pbData, most) }?;
        let digest = sam::digest(device, &data);
        // SAFETY: both valid by the caller's promise.
        unsafe {
            hash.bytes(&digest);
            len.number(digest.len() as u8);
        }
        Ok(())
    })
}

/// The SAM's SM2 signature r ‖ s over a digest of 32 bytes.
///
/// # Safety
/// `pbData` is null or readable for `nLen` bytes; `pbSignedData` is null or valid for 64 bytes of writing; `pbLength` is
/// null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SM2SignHash(
    hCard: Handle,
    pbData: *const u8,
    nLen: c_int,
    pbSignedData: *mut u8,
    pbLength: *mut u8,
) -> c_int {
    on(hCard, |device| {
        let (out, len) = (Out::new(pbSignedData)?, Out::new(pbLength)?);
        let bytes = usize::try_from(nLen).ok().filter(|len| *len == 32);
        let bytes =
            bytes.ok_or_else(|| Fault::parameter("a digest has 32 bytes", "摘要须为 32 字节"))?;
        // SAFETY: readable for `nLen` bytes by the caller's promise.
        let digest = unsafe { pointer::bytes(pbData, bytes) }?;
        let signature = sam::sign(device, &digest)?;
        // SAFETY: both valid by the caller's promise.
        unsafe {
            out.bytes(&signature);
            len.number(signature.len() as u8);
        }
        Ok(())
    })
}
