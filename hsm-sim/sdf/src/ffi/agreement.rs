//! Key agreement between two devices.

use super::raw::{Out, bytes, value};
use super::{Handle, guarded, handle, on_session};
use crate::failure::Failure;
use crate::keys::{index, session_key_bits};
use crate::types::EccPublicKey;
use hsm_wire::device::{AgreementPeer, MAX_IDENTITY};
use std::ffi::c_int;

/// # Safety
/// `data` is null or valid for reading `length` bytes.
unsafe fn identity(data: *const u8, length: u32) -> Result<Vec<u8>, Failure> {
    let limit = u32::try_from(MAX_IDENTITY).unwrap_or(u32::MAX);
    // SAFETY: the caller's promise.
    let bytes = unsafe { bytes(data, length, limit, "identity") }?;
    if bytes.is_empty() {
        return Err(Failure::input("an identity has 1 to 1024 bytes"));
    }
    Ok(bytes.to_vec())
}

/// # Safety
/// Each pointer is null or valid for reading.
unsafe fn peer(
    id: (*const u8, u32),
    public_key: *const EccPublicKey,
    temporary: *const EccPublicKey,
) -> Result<AgreementPeer, Failure> {
    // SAFETY: the caller's promise, for all three.
    let (identity, public_key, temporary) = unsafe {
        (
            identity(id.0, id.1)?,
            value(public_key, "public key")?,
            value(temporary, "temporary public key")?,
        )
    };
    Ok(AgreementPeer {
        identity,
        public_key: public_key.numbers()?,
        temporary: temporary.numbers()?,
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_GenerateAgreementDataWithECC(
    hSessionHandle: Handle,
    uiISKIndex: u32,
    uiKeyBits: u32,
    pucSponsorID: *mut u8,
    uiSponsorIDLength: u32,
    pucSponsorPublicKey: *mut EccPublicKey,
    pucSponsorTmpPublicKey: *mut EccPublicKey,
    phAgreementHandle: *mut Handle,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            let index = index(uiISKIndex)?;
            session_key_bits(uiKeyBits)?;
            // SAFETY: the contract of the header (see `ffi`).
            let identity = unsafe { identity(pucSponsorID, uiSponsorIDLength) }?;
            // SAFETY: the contract of the header, for all three places.
            let (public, temporary, out) = unsafe {
                (
                    Out::new(pucSponsorPublicKey)?,
                    Out::new(pucSponsorTmpPublicKey)?,
                    Out::new(phAgreementHandle)?,
                )
            };
            let (token, long, short) = open.agreement(index, identity)?;
            public.put(EccPublicKey::new(&long));
            temporary.put(EccPublicKey::new(&short));
            out.put(handle(token));
            Ok(())
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_GenerateKeyWithECC(
    hSessionHandle: Handle,
    pucResponseID: *mut u8,
    uiResponseIDLength: u32,
    pucResponsePublicKey: *mut EccPublicKey,
    pucResponseTmpPublicKey: *mut EccPublicKey,
    hAgreementHandle: Handle,
    phKeyHandle: *mut Handle,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            // SAFETY: the contract of the header.
            let (peer, out) = unsafe {
                (
                    peer(
                        (pucResponseID, uiResponseIDLength),
                        pucResponsePublicKey,
                        pucResponseTmpPublicKey,
                    )?,
                    Out::new(phKeyHandle)?,
                )
            };
            let token = open.agreement_finish(hAgreementHandle.addr(), peer)?;
            out.put(handle(token));
            Ok(())
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_GenerateAgreementDataAndKeyWithECC(
    hSessionHandle: Handle,
    uiISKIndex: u32,
    uiKeyBits: u32,
    pucResponseID: *mut u8,
    uiResponseIDLength: u32,
    pucSponsorID: *mut u8,
    uiSponsorIDLength: u32,
    pucSponsorPublicKey: *mut EccPublicKey,
    pucSponsorTmpPublicKey: *mut EccPublicKey,
    pucResponsePublicKey: *mut EccPublicKey,
    pucResponseTmpPublicKey: *mut EccPublicKey,
    phKeyHandle: *mut Handle,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            let index = index(uiISKIndex)?;
            session_key_bits(uiKeyBits)?;
            // SAFETY: the contract of the header.
            let (own, peer) = unsafe {
                (
                    identity(pucResponseID, uiResponseIDLength)?,
                    peer(
                        (pucSponsorID, uiSponsorIDLength),
                        pucSponsorPublicKey,
                        pucSponsorTmpPublicKey,
                    )?,
                )
            };
            // SAFETY: the contract of the header, for all three places.
            let (public, temporary, out) = unsafe {
                (
                    Out::new(pucResponsePublicKey)?,
                    Out::new(pucResponseTmpPublicKey)?,
                    Out::new(phKeyHandle)?,
                )
            };
            let (token, long, short) = open.agreement_answer(index, own, peer)?;
            public.put(EccPublicKey::new(&long));
            temporary.put(EccPublicKey::new(&short));
            out.put(handle(token));
            Ok(())
        })
    })
}
