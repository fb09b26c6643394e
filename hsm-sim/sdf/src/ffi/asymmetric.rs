//! SM2 signatures and encryption.

use super::raw::{Out, Room, bytes, envelope, value};
use super::{Handle, guarded, on_session};
use crate::codes::{MAX_CALL, SDR_VERIFYERR};
use crate::failure::Failure;
use crate::keys::{digest, for_encryption, for_signing, index, sm2_plain};
use crate::types::{EccCipherHead, EccPublicKey, EccSignature};
use hsm_wire::Hex;
use hsm_wire::device::DeviceRequest;
use std::ffi::c_int;

/// A signature as its numbers.
///
/// # Safety
/// `signature` is null or valid for reading.
unsafe fn signature(signature: *const EccSignature) -> Result<Hex<64>, Failure> {
    // SAFETY: the caller's promise.
    let read = unsafe { value(signature, "signature") }?;
    read.numbers()
        .ok_or_else(|| Failure::new(SDR_VERIFYERR, "numbers of more than 256 bits"))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_ExternalVerify_ECC(
    hSessionHandle: Handle,
    uiAlgID: u32,
    pucPublicKey: *mut EccPublicKey,
    pucDataInput: *mut u8,
    uiInputLength: u32,
    pucSignature: *mut EccSignature,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            for_signing(uiAlgID)?;
            // SAFETY: the contract of the header (see `ffi`), for all that goes in.
            let (public_key, e, signature) = unsafe {
                (
                    value(pucPublicKey, "public key")?.numbers()?,
                    digest(bytes(pucDataInput, uiInputLength, MAX_CALL, "data")?)?,
                    signature(pucSignature)?,
                )
            };
            open.done(DeviceRequest::VerifyWith {
                public_key,
                e,
                signature,
            })
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_InternalSign_ECC(
    hSessionHandle: Handle,
    uiISKIndex: u32,
    pucData: *mut u8,
    uiDataLength: u32,
    pucSignature: *mut EccSignature,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            let index = index(uiISKIndex)?;
            // SAFETY: the contract of the header.
            let e = digest(unsafe { bytes(pucData, uiDataLength, MAX_CALL, "data") }?)?;
            // SAFETY: the contract of the header.
            let out = unsafe { Out::new(pucSignature) }?;
            out.put(EccSignature::new(&open.sign(index, e)?));
            Ok(())
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_InternalVerify_ECC(
    hSessionHandle: Handle,
    uiIPKIndex: u32,
    pucData: *mut u8,
    uiDataLength: u32,
    pucSignature: *mut EccSignature,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            let index = index(uiIPKIndex)?;
            // SAFETY: the contract of the header, for all that goes in.
            let (e, signature) = unsafe {
                (
                    digest(bytes(pucData, uiDataLength, MAX_CALL, "data")?)?,
                    signature(pucSignature)?,
                )
            };
            open.done(DeviceRequest::Verify {
                index,
                e,
                signature,
            })
        })
    })
}

/// Both ways of encrypting.
///
/// # Safety
/// The contract of the header for the data and the cipher text.
unsafe fn encrypt(
    session: Handle,
    algorithm: u32,
    data: (*const u8, u32),
    cipher: *mut EccCipherHead,
    request: impl FnOnce(hsm_wire::device::Secret) -> Result<DeviceRequest, Failure>,
) -> Result<(), Failure> {
    on_session(session, |open| {
        for_encryption(algorithm)?;
        // SAFETY: the caller's promise.
        let plain = sm2_plain(unsafe { bytes(data.0, data.1, MAX_CALL, "data") }?)?;
        let length = plain.0.len();
        let request = request(plain)?;
        // SAFETY: the caller's promise.
        let out = unsafe { Out::new(cipher) }?;
        let made = open.envelope(request)?;
        if made.cipher.len() != length {
            return Err(Failure::unexpected());
        }
        // SAFETY: the header asks for as much room after the head as data went in, which is checked just above.
        unsafe { out.put_envelope(&made) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_ExternalEncrypt_ECC(
    hSessionHandle: Handle,
    uiAlgID: u32,
    pucPublicKey: *mut EccPublicKey,
    pucData: *mut u8,
    uiDataLength: u32,
    pucEncData: *mut EccCipherHead,
) -> c_int {
    guarded(|| {
        // SAFETY: the contract of the header, handed on.
        unsafe {
            encrypt(
                hSessionHandle,
                uiAlgID,
                (pucData, uiDataLength),
                pucEncData,
                |plain| {
                    let public_key = value(pucPublicKey, "public key")?.numbers()?;
                    Ok(DeviceRequest::EncryptFor { public_key, plain })
                },
            )
        }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_InternalEncrypt_ECC(
    hSessionHandle: Handle,
    uiIPKIndex: u32,
    uiAlgID: u32,
    pucData: *mut u8,
    uiDataLength: u32,
    pucEncData: *mut EccCipherHead,
) -> c_int {
    guarded(|| {
        // SAFETY: the contract of the header, handed on.
        unsafe {
            encrypt(
                hSessionHandle,
                uiAlgID,
                (pucData, uiDataLength),
                pucEncData,
                |plain| {
                    let index = index(uiIPKIndex)?;
                    Ok(DeviceRequest::EncryptForIndex { index, plain })
                },
            )
        }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_InternalDecrypt_ECC(
    hSessionHandle: Handle,
    uiISKIndex: u32,
    uiAlgID: u32,
    pucEncData: *mut EccCipherHead,
    pucData: *mut u8,
    puiDataLength: *mut u32,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            let index = index(uiISKIndex)?;
            for_encryption(uiAlgID)?;
            // SAFETY: the contract of the header.
            let (envelope, room) =
                unsafe { (envelope(pucEncData)?, Room::new(pucData, puiDataLength)?) };
            room.needs(envelope.cipher.len())?;
            let plain = open.bytes(DeviceRequest::Decrypt { index, envelope })?;
            room.put(&plain.0)
        })
    })
}
