//! The extension's general part, and what officers do: a device handle is enough, orders carry their own proof.

use super::raw::{Out, Room, bytes};
use super::{Handle, device_of, guarded};
use crate::codes::{SDFE_ORDER_ROOM, SDFE_VERSION};
use crate::extension::{MAX_JSON, json, order};
use crate::failure;
use crate::types::ExtError;
use std::ffi::c_int;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDFE_GetVersion(puiVersion: *mut u32) -> c_int {
    guarded(|| {
        // SAFETY: the contract of the header (see `ffi`).
        unsafe { Out::new(puiVersion) }?.put(SDFE_VERSION);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDFE_GetLastError(pstError: *mut ExtError) -> c_int {
    let last = failure::last();
    guarded(|| {
        // SAFETY: the contract of the header.
        unsafe { Out::new(pstError) }?.put(ExtError::new(last));
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDFE_OfficerInfo(
    hDeviceHandle: Handle,
    pucJson: *mut u8,
    puiLength: *mut u32,
) -> c_int {
    guarded(|| {
        let device = device_of(hDeviceHandle)?;
        // SAFETY: the contract of the header.
        let room = unsafe { Room::or_query(pucJson, puiLength) }?;
        room.put(&json(&device.officer_info()?)?)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDFE_ExecuteOrder(
    hDeviceHandle: Handle,
    pucOrder: *const u8,
    uiOrderLength: u32,
    pucJson: *mut u8,
    puiLength: *mut u32,
) -> c_int {
    guarded(|| {
        let device = device_of(hDeviceHandle)?;
        // SAFETY: the contract of the header.
        let order = order(unsafe { bytes(pucOrder, uiOrderLength, MAX_JSON, "order") }?)?;
        // SAFETY: the contract of the header.
        let room = unsafe { Room::or_query(pucJson, puiLength) }?;
        // An order is spent when it arrives: its answer must find room.
        room.needs(usize::try_from(SDFE_ORDER_ROOM).unwrap_or(usize::MAX))?;
        room.put(&json(&device.execute(order)?)?)
    })
}
