//! Public keys of an index, key pairs, session keys under envelopes and key encryption keys.

use super::raw::{Out, Room, bytes, envelope, value};
use super::{Handle, guarded, handle, on_session};
use crate::failure::Failure;
use crate::keys::{for_encryption, index, kek_mode, pair_bits, session_key_bits};
use crate::types::{EccCipherHead, EccPrivateKey, EccPublicKey};
use hsm_wire::Hex;
use hsm_wire::device::{DeviceRequest, Pair};
use std::ffi::c_int;
use zeroize::Zeroize;

fn export(session: Handle, at: u32, pair: Pair, place: *mut EccPublicKey) -> c_int {
    guarded(|| {
        on_session(session, |open| {
            let at = index(at)?;
            // SAFETY: the contract of the header (see `ffi`).
            let out = unsafe { Out::new(place) }?;
            out.put(EccPublicKey::new(&open.public_key(at, pair)?));
            Ok(())
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_ExportSignPublicKey_ECC(
    hSessionHandle: Handle,
    uiKeyIndex: u32,
    pucPublicKey: *mut EccPublicKey,
) -> c_int {
    export(hSessionHandle, uiKeyIndex, Pair::Sign, pucPublicKey)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_ExportEncPublicKey_ECC(
    hSessionHandle: Handle,
    uiKeyIndex: u32,
    pucPublicKey: *mut EccPublicKey,
) -> c_int {
    export(hSessionHandle, uiKeyIndex, Pair::Encrypt, pucPublicKey)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_GenerateKeyPair_ECC(
    hSessionHandle: Handle,
    uiAlgID: u32,
    uiKeyBits: u32,
    pucPublicKey: *mut EccPublicKey,
    pucPrivateKey: *mut EccPrivateKey,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            pair_bits(uiAlgID, uiKeyBits)?;
            // SAFETY: the contract of the header, for both places.
            let (public, private) = unsafe { (Out::new(pucPublicKey)?, Out::new(pucPrivateKey)?) };
            let (key, d) = open.generate_pair()?;
            let mut made = EccPrivateKey::new(&d.0);
            public.put(EccPublicKey::new(&key));
            private.put(made);
            made.zeroize();
            Ok(())
        })
    })
}

/// Both ways of a fresh session key in an envelope.
fn generate(
    session: Handle,
    bits: u32,
    cipher: *mut EccCipherHead,
    key: *mut Handle,
    request: impl FnOnce() -> Result<DeviceRequest, Failure>,
) -> Result<(), Failure> {
    on_session(session, |open| {
        session_key_bits(bits)?;
        let request = request()?;
        // SAFETY: the contract of the header, for both places.
        let (cipher, key) = unsafe { (Out::new(cipher)?, Out::new(key)?) };
        let (token, envelope) = open.generate_enveloped(request)?;
        // SAFETY: the header asks for room for the session key's 16 bytes after the head.
        unsafe { cipher.put_envelope(&envelope) };
        key.put(handle(token));
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_GenerateKeyWithIPK_ECC(
    hSessionHandle: Handle,
    uiIPKIndex: u32,
    uiKeyBits: u32,
    pucKey: *mut EccCipherHead,
    phKeyHandle: *mut Handle,
) -> c_int {
    guarded(|| {
        generate(hSessionHandle, uiKeyBits, pucKey, phKeyHandle, || {
            let index = index(uiIPKIndex)?;
            Ok(DeviceRequest::GenerateForIndex { index })
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_GenerateKeyWithEPK_ECC(
    hSessionHandle: Handle,
    uiKeyBits: u32,
    uiAlgID: u32,
    pucPublicKey: *mut EccPublicKey,
    pucKey: *mut EccCipherHead,
    phKeyHandle: *mut Handle,
) -> c_int {
    guarded(|| {
        generate(hSessionHandle, uiKeyBits, pucKey, phKeyHandle, || {
            for_encryption(uiAlgID)?;
            // SAFETY: the contract of the header.
            let public_key = unsafe { value(pucPublicKey, "public key") }?.numbers()?;
            Ok(DeviceRequest::GenerateFor { public_key })
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_ImportKeyWithISK_ECC(
    hSessionHandle: Handle,
    uiISKIndex: u32,
    pucKey: *mut EccCipherHead,
    phKeyHandle: *mut Handle,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            let index = index(uiISKIndex)?;
            // SAFETY: the contract of the header.
            let (envelope, out) = unsafe { (envelope(pucKey)?, Out::new(phKeyHandle)?) };
            let token = open.take_key(DeviceRequest::ImportEnvelope { index, envelope })?;
            out.put(handle(token));
            Ok(())
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_ExchangeDigitEnvelopeBaseOnECC(
    hSessionHandle: Handle,
    uiKeyIndex: u32,
    uiAlgID: u32,
    pucPublicKey: *mut EccPublicKey,
    pucEncDataIn: *mut EccCipherHead,
    pucEncDataOut: *mut EccCipherHead,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            let index = index(uiKeyIndex)?;
            for_encryption(uiAlgID)?;
            // SAFETY: the contract of the header.
            let public_key = unsafe { value(pucPublicKey, "public key") }?.numbers()?;
            // SAFETY: the contract of the header.
            let (envelope, out) = unsafe { (envelope(pucEncDataIn)?, Out::new(pucEncDataOut)?) };
            let length = envelope.cipher.len();
            let made = open.envelope(DeviceRequest::ExchangeEnvelope {
                index,
                public_key,
                envelope,
            })?;
            if made.cipher.len() != length {
                return Err(Failure::unexpected());
            }
            // SAFETY: the answer is as long as what came in, and the header asks for that much room.
            unsafe { out.put_envelope(&made) };
            Ok(())
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_GenerateKeyWithKEK(
    hSessionHandle: Handle,
    uiKeyBits: u32,
    uiAlgID: u32,
    uiKEKIndex: u32,
    pucKey: *mut u8,
    puiKeyLength: *mut u32,
    phKeyHandle: *mut Handle,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            session_key_bits(uiKeyBits)?;
            kek_mode(uiAlgID)?;
            let kek = index(uiKEKIndex)?;
            // SAFETY: the contract of the header, for all three places.
            let (room, out) = unsafe { (Room::new(pucKey, puiKeyLength)?, Out::new(phKeyHandle)?) };
            room.needs(16)?;
            let (token, wrapped) = open.generate_under_kek(kek)?;
            room.put(&wrapped.0)?;
            out.put(handle(token));
            Ok(())
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_ImportKeyWithKEK(
    hSessionHandle: Handle,
    uiAlgID: u32,
    uiKEKIndex: u32,
    pucKey: *mut u8,
    uiKeyLength: u32,
    phKeyHandle: *mut Handle,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            kek_mode(uiAlgID)?;
            let kek = index(uiKEKIndex)?;
            // SAFETY: the contract of the header.
            let (wrapped, out) = unsafe {
                (
                    bytes(pucKey, uiKeyLength, 16, "wrapped key")?,
                    Out::new(phKeyHandle)?,
                )
            };
            let wrapped = wrapped
                .try_into()
                .map(Hex)
                .map_err(|_| Failure::input("a wrapped key has 16 bytes"))?;
            let token = open.take_key(DeviceRequest::ImportUnderKek { kek, wrapped })?;
            out.put(handle(token));
            Ok(())
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_DestroyKey(hSessionHandle: Handle, hKeyHandle: Handle) -> c_int {
    guarded(|| on_session(hSessionHandle, |open| open.destroy(hKeyHandle.addr())))
}
