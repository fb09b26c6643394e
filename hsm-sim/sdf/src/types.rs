//! The structures of GM/T 0018, laid out as C has them, and what stands in them.

use crate::codes::{
    MAX_CALL, SDR_ENCDATAERR, SDR_KEYERR, SGD_SHA256, SGD_SM2, SGD_SM2_1, SGD_SM2_2, SGD_SM2_3,
    SGD_SM3, SGD_SM4_CBC, SGD_SM4_CFB, SGD_SM4_ECB, SGD_SM4_MAC, SGD_SM4_OFB, SM2_BITS,
};
use crate::failure::Failure;
use hsm_wire::Hex;
use hsm_wire::device::Envelope;
use hsm_wire::info::HsmInfo;
use zeroize::Zeroize;

/// `ECCref_MAX_LEN`
pub const ECC_LEN: usize = 64;
/// Where the number begins in a field: 256 bits are right-aligned behind zeros.
const LEAD: usize = ECC_LEN - 32;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct DeviceInfo {
    pub issuer_name: [u8; 40],
    pub device_name: [u8; 16],
    pub device_serial: [u8; 16],
    pub device_version: u32,
    pub standard_version: u32,
    pub asym_alg_ability: [u32; 2],
    pub sym_alg_ability: u32,
    pub hash_alg_ability: u32,
    pub buffer_size: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct EccPublicKey {
    pub bits: u32,
    pub x: [u8; ECC_LEN],
    pub y: [u8; ECC_LEN],
}

#[repr(C)]
#[derive(Clone, Copy, Zeroize)]
pub struct EccPrivateKey {
    pub bits: u32,
    pub k: [u8; ECC_LEN],
}

/// The fixed part of `ECCCipher`; `C` follows it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct EccCipherHead {
    pub x: [u8; ECC_LEN],
    pub y: [u8; ECC_LEN],
    pub m: [u8; 32],
    pub l: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct EccSignature {
    pub r: [u8; ECC_LEN],
    pub s: [u8; ECC_LEN],
}

/// `SDFE_ERROR`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ExtError {
    pub code: u32,
    pub step: i32,
    pub name: [u8; 64],
    pub detail: [u8; 256],
}

/// `SDFE_TICKET`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ExtTicket {
    pub count: u64,
    pub used: u64,
    pub answers: u64,
    pub not_after: u64,
    pub closed: u32,
    pub kind: u32,
}

fn field(number: &[u8]) -> [u8; ECC_LEN] {
    let mut field = [0; ECC_LEN];
    for (to, from) in field[LEAD..].iter_mut().zip(number) {
        *to = *from;
    }
    field
}

/// X and Y, or r and s, from their fields; `None`: a field begins with something else than zeros.
fn numbers(x: &[u8; ECC_LEN], y: &[u8; ECC_LEN]) -> Option<Hex<64>> {
    let mut both = [0; 64];
    both[..32].copy_from_slice(&x[LEAD..]);
    both[32..].copy_from_slice(&y[LEAD..]);
    let zeros = x[..LEAD].iter().chain(&y[..LEAD]).all(|byte| *byte == 0);
    zeros.then_some(Hex(both))
}

impl EccPublicKey {
    #[must_use]
    pub fn new(key: &Hex<64>) -> Self {
        Self {
            bits: SM2_BITS,
            x: field(&key.0[..32]),
            y: field(&key.0[32..]),
        }
    }

    /// X ‖ Y.
    ///
    /// # Errors
    /// `SDR_KEYERR`: not of 256 bits.
    pub fn numbers(&self) -> Result<Hex<64>, Failure> {
        let wrong = || Failure::new(SDR_KEYERR, "a public key of 256 bits, right-aligned");
        if self.bits != SM2_BITS {
            return Err(wrong());
        }
        numbers(&self.x, &self.y).ok_or_else(wrong)
    }
}

impl EccPrivateKey {
    /// From d.
    #[must_use]
    pub fn new(d: &[u8]) -> Self {
        Self {
            bits: SM2_BITS,
            k: field(d),
        }
    }
}

impl EccSignature {
    #[must_use]
    pub fn new(signature: &Hex<64>) -> Self {
        Self {
            r: field(&signature.0[..32]),
            s: field(&signature.0[32..]),
        }
    }

    /// r ‖ s; `None`: numbers of more than 256 bits, which no signature has.
    #[must_use]
    pub fn numbers(&self) -> Option<Hex<64>> {
        numbers(&self.r, &self.s)
    }
}

impl EccCipherHead {
    #[must_use]
    pub fn new(envelope: &Envelope) -> Self {
        Self {
            x: field(&envelope.point.0[..32]),
            y: field(&envelope.point.0[32..]),
            m: envelope.check.0,
            l: u32::try_from(envelope.cipher.len()).unwrap_or(u32::MAX),
        }
    }

    /// With the bytes that follow it.
    ///
    /// # Errors
    /// `SDR_ENCDATAERR`: the point is not of 256 bits.
    pub fn envelope(&self, cipher: Vec<u8>) -> Result<Envelope, Failure> {
        let wrong = || Failure::new(SDR_ENCDATAERR, "a point of 256 bits, right-aligned");
        Ok(Envelope {
            point: numbers(&self.x, &self.y).ok_or_else(wrong)?,
            check: Hex(self.m),
            cipher,
        })
    }
}

/// `text` and zeros.
fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    for (to, from) in bytes.iter_mut().zip(text.bytes()) {
        *to = from;
    }
    bytes
}

/// As [`padded`], with a zero at the end in any case.
fn zero_ended<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = padded(text);
    if let Some(last) = bytes.last_mut() {
        *last = 0;
    }
    bytes
}

impl DeviceInfo {
    /// What the simulator says of itself; the number in the serial is the fingerprint's.
    #[must_use]
    pub fn new(info: &HsmInfo) -> Self {
        let [a, b, ..] = info.id.0;
        let number = u16::from_be_bytes([a, b]);
        Self {
            issuer_name: padded("RHC simulator: NOT FOR PRODUCTION KEYS"),
            device_name: padded("rhc-hsm"),
            device_serial: padded(&format!("20260101001{number:05}")),
            device_version: version(&info.version),
            standard_version: 1,
            asym_alg_ability: [SGD_SM2 | SGD_SM2_1 | SGD_SM2_2 | SGD_SM2_3, SM2_BITS],
            sym_alg_ability: SGD_SM4_ECB | SGD_SM4_CBC | SGD_SM4_CFB | SGD_SM4_OFB | SGD_SM4_MAC,
            hash_alg_ability: SGD_SM3 | SGD_SHA256,
            buffer_size: MAX_CALL,
        }
    }
}

/// `1.2.3` as 00010203.
fn version(text: &str) -> u32 {
    text.split('.')
        .take(3)
        .filter_map(|part| part.parse::<u8>().ok())
        .fold(0, |version, part| version << 8 | u32::from(part))
}

impl ExtError {
    #[must_use]
    pub fn new(failure: Option<Failure>) -> Self {
        let step = failure.as_ref().and_then(|failure| failure.step);
        let (code, name, detail) = failure
            .as_ref()
            .map_or((0, "", ""), |f| (f.code, f.name, f.detail.as_str()));
        Self {
            code,
            step: step.and_then(|step| i32::try_from(step).ok()).unwrap_or(-1),
            name: zero_ended(name),
            detail: zero_ended(detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::{offset_of, size_of};

    /// The same figures stand in the C test, which takes them from the header.
    #[test]
    fn layouts_are_the_header_s() {
        assert_eq!(size_of::<DeviceInfo>(), 100);
        assert_eq!(size_of::<EccPublicKey>(), 132);
        assert_eq!(size_of::<EccPrivateKey>(), 68);
        assert_eq!(size_of::<EccCipherHead>(), 164);
        assert_eq!(offset_of!(EccCipherHead, l), 160);
        assert_eq!(size_of::<EccSignature>(), 128);
        assert_eq!(size_of::<ExtError>(), 328);
        assert_eq!(size_of::<ExtTicket>(), 40);
    }

    #[test]
    fn numbers_stand_right_aligned() {
        let key = Hex([7; 64]);
        let mut public = EccPublicKey::new(&key);
        assert_eq!(&public.x[..LEAD], &[0; 32]);
        assert_eq!(public.numbers(), Ok(key));
        public.y[0] = 1;
        assert!(public.numbers().is_err());
        public.y[0] = 0;
        public.bits = 512;
        assert!(public.numbers().is_err());
    }

    #[test]
    fn texts_end_in_a_zero() {
        let failure = Failure::new(5, &"x".repeat(400));
        let error = ExtError::new(Some(failure));
        assert_eq!((error.code, error.step), (5, -1));
        assert_eq!(error.detail[255], 0);
        assert_eq!(error.detail[254], b'x');
        assert_eq!(version("1.2.3"), 0x0001_0203);
    }
}
