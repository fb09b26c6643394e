//! Device, session, information, random numbers, access rights.

use super::raw::{Buffer, Out, bytes};
use super::{Handle, device_of, fork, guarded, handle, on_session};
use crate::codes::MAX_CALL;
use crate::config::Config;
use crate::device::Device;
use crate::failure::Failure;
use crate::keys::index;
use crate::table::table;
use crate::types::DeviceInfo;
use hsm_wire::device::{DeviceRequest, Secret};
use std::ffi::{CStr, OsStr, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use zeroize::Zeroizing;

fn open_device(
    place: *mut Handle,
    config: impl FnOnce() -> Result<Config, Failure>,
) -> Result<(), Failure> {
    // SAFETY: the contract of the header (see `ffi`).
    let out = unsafe { Out::new(place) }?;
    fork::watch();
    let device = Device::open(config()?)?;
    out.put(handle(table().add_device(device)));
    Ok(())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_OpenDevice(phDeviceHandle: *mut Handle) -> c_int {
    guarded(|| open_device(phDeviceHandle, Config::find))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDFE_OpenDeviceWithConfig(
    pszPath: *const c_char,
    phDeviceHandle: *mut Handle,
) -> c_int {
    guarded(|| {
        if pszPath.is_null() {
            return Err(Failure::input("path: null"));
        }
        // SAFETY: not null, and the header asks for a zero at its end; the borrow ends with this call.
        let path = unsafe { CStr::from_ptr(pszPath) };
        let path = Path::new(OsStr::from_bytes(path.to_bytes()));
        open_device(phDeviceHandle, || Config::read(path))
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_CloseDevice(hDeviceHandle: Handle) -> c_int {
    guarded(|| table().close_device(hDeviceHandle.addr()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_OpenSession(
    hDeviceHandle: Handle,
    phSessionHandle: *mut Handle,
) -> c_int {
    guarded(|| {
        let device = device_of(hDeviceHandle)?;
        // SAFETY: the contract of the header.
        let out = unsafe { Out::new(phSessionHandle) }?;
        let session = device.session(hDeviceHandle.addr())?;
        out.put(handle(table().add_session(session)));
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_CloseSession(hSessionHandle: Handle) -> c_int {
    guarded(|| table().close_session(hSessionHandle.addr()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_GetDeviceInfo(
    hSessionHandle: Handle,
    pstDeviceInfo: *mut DeviceInfo,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            // SAFETY: the contract of the header.
            let out = unsafe { Out::new(pstDeviceInfo) }?;
            out.put(DeviceInfo::new(&open.info()?));
            Ok(())
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_GenerateRandom(
    hSessionHandle: Handle,
    uiLength: u32,
    pucRandom: *mut u8,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            if !(1..=MAX_CALL).contains(&uiLength) {
                return Err(Failure::input("1 to 1048576 random bytes"));
            }
            let length = usize::try_from(uiLength).map_err(|_| Failure::input("length"))?;
            // SAFETY: the contract of the header.
            let out = unsafe { Buffer::new(pucRandom, length) }?;
            let mut random = Zeroizing::new(vec![0; length]);
            open.random(&mut random)?;
            out.put(&random)
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_GetPrivateKeyAccessRight(
    hSessionHandle: Handle,
    uiKeyIndex: u32,
    pucPassword: *mut u8,
    uiPwdLength: u32,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            let index = index(uiKeyIndex)?;
            if uiPwdLength < 8 {
                return Err(Failure::input("a password has 8 to 128 bytes"));
            }
            // SAFETY: the contract of the header.
            let password = unsafe { bytes(pucPassword, uiPwdLength, 128, "password") }?;
            let password = Secret(password.to_vec());
            open.done(DeviceRequest::Access { index, password })
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_ReleasePrivateKeyAccessRight(
    hSessionHandle: Handle,
    uiKeyIndex: u32,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            let index = index(uiKeyIndex)?;
            open.done(DeviceRequest::Release { index })
        })
    })
}
