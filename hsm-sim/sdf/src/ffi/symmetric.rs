//! SM4 with session keys, and hashes.

use super::raw::{Iv, Room, bytes, value};
use super::{Handle, guarded, on_session};
use crate::cipher::{hash, mac_mode, mode, whole_blocks};
use crate::codes::MAX_CALL;
use crate::failure::Failure;
use crate::types::EccPublicKey;
use hsm_wire::device::{DeviceRequest, Hash, MAX_IDENTITY, Mode, Secret};
use std::ffi::c_int;
use std::ptr::NonNull;

/// Arguments of `SDF_Encrypt` and `SDF_Decrypt`.
struct Call {
    session: Handle,
    key: Handle,
    algorithm: u32,
    iv: *mut u8,
    data: *mut u8,
    length: u32,
    out: *mut u8,
    out_length: *mut u32,
}

impl Call {
    /// # Safety
    /// The contract of the header for every pointer.
    unsafe fn run(self, decrypt: bool) -> Result<(), Failure> {
        on_session(self.session, |open| {
            let key = open.handle(self.key.addr())?;
            let mode = mode(self.algorithm)?;
            if self.length > MAX_CALL {
                return Err(Failure::input("at most 1048576 bytes in one call"));
            }
            whole_blocks(self.length)?;
            let data = NonNull::new(self.data).ok_or_else(|| Failure::input("data: null"))?;
            let length = usize::try_from(self.length).map_err(|_| Failure::input("length"))?;
            // SAFETY: the caller's promise.
            let room = unsafe { Room::new(self.out, self.out_length) }?;
            let mut iv = match mode {
                Mode::Ecb => Iv::none(),
                // SAFETY: the caller's promise.
                _ => unsafe { Iv::new(self.iv) }?,
            };
            // SAFETY: the data are readable for `length` bytes by the caller's promise.
            unsafe {
                room.work(data, length, |here| {
                    open.link.cipher(key, mode, decrypt, &mut iv.value, here)
                })
            }?;
            iv.put();
            Ok(())
        })
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_Encrypt(
    hSessionHandle: Handle,
    hKeyHandle: Handle,
    uiAlgID: u32,
    pucIV: *mut u8,
    pucData: *mut u8,
    uiDataLength: u32,
    pucEncData: *mut u8,
    puiEncDataLength: *mut u32,
) -> c_int {
    guarded(|| {
        let call = Call {
            session: hSessionHandle,
            key: hKeyHandle,
            algorithm: uiAlgID,
            iv: pucIV,
            data: pucData,
            length: uiDataLength,
            out: pucEncData,
            out_length: puiEncDataLength,
        };
        // SAFETY: the contract of the header (see `ffi`), handed on.
        unsafe { call.run(false) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_Decrypt(
    hSessionHandle: Handle,
    hKeyHandle: Handle,
    uiAlgID: u32,
    pucIV: *mut u8,
    pucEncData: *mut u8,
    uiEncDataLength: u32,
    pucData: *mut u8,
    puiDataLength: *mut u32,
) -> c_int {
    guarded(|| {
        let call = Call {
            session: hSessionHandle,
            key: hKeyHandle,
            algorithm: uiAlgID,
            iv: pucIV,
            data: pucEncData,
            length: uiEncDataLength,
            out: pucData,
            out_length: puiDataLength,
        };
        // SAFETY: the contract of the header, handed on.
        unsafe { call.run(true) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_CalculateMAC(
    hSessionHandle: Handle,
    hKeyHandle: Handle,
    uiAlgID: u32,
    pucIV: *mut u8,
    pucData: *mut u8,
    uiDataLength: u32,
    pucMAC: *mut u8,
    puiMACLength: *mut u32,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            let key = open.handle(hKeyHandle.addr())?;
            mac_mode(uiAlgID)?;
            // SAFETY: the contract of the header.
            let data = unsafe { bytes(pucData, uiDataLength, MAX_CALL, "data") }?;
            whole_blocks(uiDataLength)?;
            // SAFETY: the contract of the header.
            let (room, mut iv) = unsafe { (Room::new(pucMAC, puiMACLength)?, Iv::new(pucIV)?) };
            room.needs(16)?;
            open.link.mac(key, &mut iv.value, data)?;
            room.put(&iv.value[..])?;
            iv.put();
            Ok(())
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_HashInit(
    hSessionHandle: Handle,
    uiAlgID: u32,
    pucPublicKey: *mut EccPublicKey,
    pucID: *mut u8,
    uiIDLength: u32,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            let hash = hash(uiAlgID)?;
            // ZA is of SM3; with another hash the standard gives key and identity no meaning.
            let signer = if pucPublicKey.is_null() || hash != Hash::Sm3 {
                None
            } else {
                let limit = u32::try_from(MAX_IDENTITY).unwrap_or(u32::MAX);
                // SAFETY: the contract of the header.
                let (key, id) = unsafe {
                    (
                        value(pucPublicKey, "public key")?.numbers()?,
                        bytes(pucID, uiIDLength, limit, "identity")?,
                    )
                };
                if id.is_empty() {
                    return Err(Failure::input("a public key goes with an identity"));
                }
                Some((key, Secret(id.to_vec())))
            };
            open.done(DeviceRequest::HashInit { hash, signer })
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_HashUpdate(
    hSessionHandle: Handle,
    pucData: *mut u8,
    uiDataLength: u32,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            // SAFETY: the contract of the header.
            let data = unsafe { bytes(pucData, uiDataLength, MAX_CALL, "data") }?;
            if data.is_empty() {
                return Err(Failure::input("no data"));
            }
            open.hash_update(data)
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_HashFinal(
    hSessionHandle: Handle,
    pucHash: *mut u8,
    puiHashLength: *mut u32,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            // SAFETY: the contract of the header.
            let room = unsafe { Room::new(pucHash, puiHashLength) }?;
            // Checked first: a hash that finds no room goes on.
            room.needs(32)?;
            let digest = open.bytes(DeviceRequest::HashFinal)?;
            room.put(&digest.0)
        })
    })
}
