//! The extension's functions on a session.

use super::raw::{Buffer, Out, Room, bytes};
use super::{Handle, guarded, handle, on_session};
use crate::extension::{MAX_JSON, MAX_MESSAGE, chains, json, name, names};
use crate::failure::Failure;
use crate::keys::index;
use crate::session::Open;
use crate::types::{EccSignature, ExtTicket};
use hsm_wire::ticket::Target;
use std::ffi::c_int;
use zeroize::Zeroizing;

/// Longest list of ids or factors.
const MAX_LIST: u32 = 64 * 1024;

/// # Safety
/// `data` is null or valid for reading `length` bytes.
unsafe fn named(data: *const u8, length: u32) -> Result<String, Failure> {
    // SAFETY: the caller's promise.
    name(unsafe { bytes(data, length, 64, "name") }?)
}

/// A function that answers a text.
///
/// # Safety
/// The contract of the header for buffer and length.
unsafe fn text(
    session: Handle,
    place: *mut u8,
    length: *mut u32,
    work: impl FnOnce(&mut Open) -> Result<Zeroizing<Vec<u8>>, Failure>,
) -> Result<(), Failure> {
    on_session(session, |open| {
        // SAFETY: the caller's promise.
        let room = unsafe { Room::or_query(place, length) }?;
        room.put(&work(open)?)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDFE_Info(
    hSessionHandle: Handle,
    pucJson: *mut u8,
    puiLength: *mut u32,
) -> c_int {
    // SAFETY: the contract of the header (see `ffi`), handed on; so below.
    guarded(|| unsafe {
        text(hSessionHandle, pucJson, puiLength, |open| {
            json(&open.info()?)
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDFE_ListKeys(
    hSessionHandle: Handle,
    pucJson: *mut u8,
    puiLength: *mut u32,
) -> c_int {
    // SAFETY: as above.
    guarded(|| unsafe { text(hSessionHandle, pucJson, puiLength, Open::keys_json) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDFE_ListTickets(
    hSessionHandle: Handle,
    pucJson: *mut u8,
    puiLength: *mut u32,
) -> c_int {
    // SAFETY: as above.
    guarded(|| unsafe { text(hSessionHandle, pucJson, puiLength, Open::tickets_json) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDFE_Audit(
    hSessionHandle: Handle,
    ullFrom: u64,
    pucJson: *mut u8,
    puiLength: *mut u32,
) -> c_int {
    // SAFETY: as above.
    guarded(|| unsafe {
        text(hSessionHandle, pucJson, puiLength, |open| {
            open.audit_json(ullFrom)
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDFE_LastPackage(
    hSessionHandle: Handle,
    pucPeer: *const u8,
    uiPeerLength: u32,
    pucPackage: *mut u8,
    puiLength: *mut u32,
) -> c_int {
    // SAFETY: as above.
    guarded(|| unsafe {
        text(hSessionHandle, pucPackage, puiLength, |open| {
            let peer = named(pucPeer, uiPeerLength)?;
            Ok(Zeroizing::new(open.last_package(peer)?.into_bytes()))
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDFE_Fill(
    hSessionHandle: Handle,
    uiTarget: u32,
    pucRequests: *const u8,
    uiRequestsLength: u32,
    pucJson: *mut u8,
    puiLength: *mut u32,
) -> c_int {
    // SAFETY: as above.
    guarded(|| unsafe {
        text(hSessionHandle, pucJson, puiLength, |open| {
            let target = match uiTarget {
                0 => Target::Card,
                1 => Target::Sam,
                _ => return Err(Failure::input("target: SDFE_CARD or SDFE_SAM")),
            };
            let requests = bytes(pucRequests, uiRequestsLength, MAX_JSON, "requests")?;
            open.fill(target, requests)
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDFE_TicketStatus(
    hSessionHandle: Handle,
    pucTicket: *const u8,
    uiTicketLength: u32,
    pstTicket: *mut ExtTicket,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            // SAFETY: the contract of the header.
            let (id, out) = unsafe { (named(pucTicket, uiTicketLength)?, Out::new(pstTicket)?) };
            out.put(open.ticket(id)?);
            Ok(())
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDFE_SignWithKey(
    hSessionHandle: Handle,
    pucKey: *const u8,
    uiKeyLength: u32,
    pucMessage: *const u8,
    uiMessageLength: u32,
    pucSignature: *mut EccSignature,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            // SAFETY: the contract of the header.
            let (key, message, out) = unsafe {
                (
                    named(pucKey, uiKeyLength)?,
                    bytes(pucMessage, uiMessageLength, MAX_MESSAGE, "message")?,
                    Out::new(pucSignature)?,
                )
            };
            out.put(EccSignature::new(&open.sign_by_name(key, message)?));
            Ok(())
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDFE_MACWithKey(
    hSessionHandle: Handle,
    pucKey: *const u8,
    uiKeyLength: u32,
    pucMessage: *const u8,
    uiMessageLength: u32,
    pucMAC: *mut u8,
    uiMACLength: u32,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            let length = u8::try_from(uiMACLength)
                .ok()
                .filter(|length| (1..=8).contains(length))
                .ok_or_else(|| Failure::input("a MAC of 1 to 8 bytes"))?;
            // SAFETY: the contract of the header.
            let (key, message, out) = unsafe {
                (
                    named(pucKey, uiKeyLength)?,
                    bytes(pucMessage, uiMessageLength, MAX_MESSAGE, "message")?,
                    Buffer::new(pucMAC, usize::from(length))?,
                )
            };
            out.put(&open.mac_by_name(key, message, length)?)
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDFE_Diversify(
    hSessionHandle: Handle,
    pucTicket: *const u8,
    uiTicketLength: u32,
    pucKey: *const u8,
    uiKeyLength: u32,
    pucFactors: *const u8,
    uiFactorCount: u32,
    pucCheckValue: *mut u8,
    phKeyHandle: *mut Handle,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            let length = uiFactorCount.saturating_mul(8);
            // SAFETY: the contract of the header: so many factors of 8 bytes.
            let (ticket, key, factors) = unsafe {
                (
                    named(pucTicket, uiTicketLength)?,
                    named(pucKey, uiKeyLength)?,
                    bytes(pucFactors, length, 64, "factors")?,
                )
            };
            let chain = chains(factors, uiFactorCount)?.pop().unwrap_or_default();
            // SAFETY: the contract of the header: 3 bytes, and a handle.
            let (check, out) = unsafe { (Buffer::new(pucCheckValue, 3)?, Out::new(phKeyHandle)?) };
            let (token, value) = open.diversify(ticket, key, chain)?;
            check.put(&value.0)?;
            out.put(handle(token));
            Ok(())
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDFE_DeriveAndWrap(
    hSessionHandle: Handle,
    pucTicket: *const u8,
    uiTicketLength: u32,
    uiKEKIndex: u32,
    pucKeys: *const u8,
    uiKeysLength: u32,
    pucFactors: *const u8,
    uiLevels: u32,
    uiChainCount: u32,
    pucWrapped: *mut u8,
    puiWrappedLength: *mut u32,
    pucCheckValues: *mut u8,
    puiCheckValuesLength: *mut u32,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            let kek = index(uiKEKIndex)?;
            let length = uiLevels.saturating_mul(uiChainCount).saturating_mul(8);
            // SAFETY: the contract of the header: so many chains of so many factors of 8 bytes.
            let (ticket, keys, factors) = unsafe {
                (
                    named(pucTicket, uiTicketLength)?,
                    bytes(pucKeys, uiKeysLength, MAX_LIST, "keys")?,
                    bytes(pucFactors, length, MAX_LIST, "factors")?,
                )
            };
            let (keys, chains) = (names(keys)?, chains(factors, uiLevels)?);
            // SAFETY: the contract of the header, for both buffers.
            let (wrapped, checks) = unsafe {
                (
                    Room::or_query(pucWrapped, puiWrappedLength)?,
                    Room::or_query(pucCheckValues, puiCheckValuesLength)?,
                )
            };
            // Checked first: a derivation costs the ticket.
            let count = keys.len() * chains.len();
            let fits = (wrapped.needs(16 * count), checks.needs(3 * count));
            fits.0.and(fits.1)?;
            let (keys, values) = open.derive_and_wrap(ticket, kek, keys, chains)?;
            wrapped.put(&keys)?;
            checks.put(&values)
        })
    })
}
