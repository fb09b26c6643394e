//! The RSA functions: they are there and say that the machine has no RSA, whatever they are given.

use super::Handle;
use crate::codes::SDR_NOTSUPPORT;
use crate::failure::{self, Failure};
use std::ffi::{c_int, c_void};

fn no_rsa() -> c_int {
    let failure = Failure::new(SDR_NOTSUPPORT, "this machine has no RSA");
    failure::remember(failure);
    c_int::try_from(SDR_NOTSUPPORT).unwrap_or(c_int::MAX)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_ExportSignPublicKey_RSA(
    _hSessionHandle: Handle,
    _uiKeyIndex: u32,
    _pucPublicKey: *mut c_void,
) -> c_int {
    no_rsa()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_ExportEncPublicKey_RSA(
    _hSessionHandle: Handle,
    _uiKeyIndex: u32,
    _pucPublicKey: *mut c_void,
) -> c_int {
    no_rsa()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_GenerateKeyPair_RSA(
    _hSessionHandle: Handle,
    _uiKeyBits: u32,
    _pucPublicKey: *mut c_void,
    _pucPrivateKey: *mut c_void,
) -> c_int {
    no_rsa()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_GenerateKeyWithIPK_RSA(
    _hSessionHandle: Handle,
    _uiIPKIndex: u32,
    _uiKeyBits: u32,
    _pucKey: *mut u8,
    _puiKeyLength: *mut u32,
    _phKeyHandle: *mut Handle,
) -> c_int {
    no_rsa()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_GenerateKeyWithEPK_RSA(
    _hSessionHandle: Handle,
    _uiKeyBits: u32,
    _pucPublicKey: *mut c_void,
    _pucKey: *mut u8,
    _puiKeyLength: *mut u32,
    _phKeyHandle: *mut Handle,
) -> c_int {
    no_rsa()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_ImportKeyWithISK_RSA(
    _hSessionHandle: Handle,
    _uiISKIndex: u32,
    _pucKey: *mut u8,
    _uiKeyLength: u32,
    _phKeyHandle: *mut Handle,
) -> c_int {
    no_rsa()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_ExchangeDigitEnvelopeBaseOnRSA(
    _hSessionHandle: Handle,
    _uiKeyIndex: u32,
    _pucPublicKey: *mut c_void,
    _pucDEInput: *mut u8,
    _uiDELength: u32,
    _pucDEOutput: *mut u8,
    _puiDELength: *mut u32,
) -> c_int {
    no_rsa()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_ExternalPublicKeyOperation_RSA(
    _hSessionHandle: Handle,
    _pucPublicKey: *mut c_void,
    _pucDataInput: *mut u8,
    _uiInputLength: u32,
    _pucDataOutput: *mut u8,
    _puiOutputLength: *mut u32,
) -> c_int {
    no_rsa()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_InternalPublicKeyOperation_RSA(
    _hSessionHandle: Handle,
    _uiKeyIndex: u32,
    _pucDataInput: *mut u8,
    _uiInputLength: u32,
    _pucDataOutput: *mut u8,
    _puiOutputLength: *mut u32,
) -> c_int {
    no_rsa()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_InternalPrivateKeyOperation_RSA(
    _hSessionHandle: Handle,
    _uiKeyIndex: u32,
    _pucDataInput: *mut u8,
    _uiInputLength: u32,
    _pucDataOutput: *mut u8,
    _puiOutputLength: *mut u32,
) -> c_int {
    no_rsa()
}
