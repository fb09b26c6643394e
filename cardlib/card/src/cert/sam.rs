//! The SAM certificate of D21: signed by the issuer's key, kept in the SAM's 001C and copied into every visit record.

use super::CertificateError;
use super::common::{
    ALGORITHM_AT, COMMON_LEN, CertificateBody, CertificateKey, Mark, require_mark,
};
use crate::gm::sm2::{SIGNATURE_LEN, VerifyingKey};

/// Whole length.
pub const SAM_CERTIFICATE_LEN: usize = 190;
/// Bytes under the signature.
pub const SAM_SIGNED_LEN: usize = 126;
const KIND: u8 = 0x02;
const KEY_AT: usize = COMMON_LEN + 10;

/// A SAM certificate without its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamCertificate<K = VerifyingKey> {
    /// The common fields; the issuer code is that of the issuer (R59).
    pub body: CertificateBody,
    /// The SAM's serial number, cn10 (D19).
    pub sam_serial: [u8; 10],
    /// The SAM's public key.
    pub public_key: K,
}

impl<K: CertificateKey> SamCertificate<K> {
    /// The 126 bytes that the issuer signs, as a message with ZA of the default identity.
    #[must_use]
    pub fn to_be_signed(&self) -> [u8; SAM_SIGNED_LEN] {
        let mut out = [0u8; SAM_SIGNED_LEN];
        out[..COMMON_LEN].copy_from_slice(&self.body.encode(KIND, self.public_key.algorithm()));
        out[COMMON_LEN..KEY_AT].copy_from_slice(&self.sam_serial);
        out[KEY_AT..].copy_from_slice(&self.public_key.xy());
        out
    }

    /// The certificate, once somebody has signed [`Self::to_be_signed`].
    #[must_use]
    pub fn with_signature(&self, signature: &[u8; SIGNATURE_LEN]) -> [u8; SAM_CERTIFICATE_LEN] {
        let mut out = [0u8; SAM_CERTIFICATE_LEN];
        out[..SAM_SIGNED_LEN].copy_from_slice(&self.to_be_signed());
        out[SAM_SIGNED_LEN..].copy_from_slice(signature);
        out
    }

    /// Reads the fields **without** looking at the signature, whichever algorithm `K` takes.
    ///
    /// # Errors
    /// Length, a fixed field, or the public key is not right.
    pub fn parse_any(bytes: &[u8]) -> Result<Self, CertificateError> {
        let bytes: &[u8; SAM_CERTIFICATE_LEN] =
            bytes.try_into().map_err(|_| CertificateError::Length {
                expected: SAM_CERTIFICATE_LEN,
                found: bytes.len(),
            })?;
        let mut common = [0u8; COMMON_LEN];
        common.copy_from_slice(&bytes[..COMMON_LEN]);
        let body = CertificateBody::decode::<K>(&common, KIND)?;
        let mut sam_serial = [0u8; 10];
        sam_serial.copy_from_slice(&bytes[COMMON_LEN..KEY_AT]);
        let public_key = K::from_parts(common[ALGORITHM_AT], &bytes[KEY_AT..SAM_SIGNED_LEN])
            .ok_or(CertificateError::PublicKey)?;
        Ok(Self {
            body,
            sam_serial,
            public_key,
        })
    }

    /// Reads a certificate that `issuer` signed and that carries `mark`.
    ///
    /// # Errors
    /// Everything that is not right with it, the signature before the mark.
    pub fn verify(bytes: &[u8], issuer: &K, mark: Mark) -> Result<Self, CertificateError> {
        let certificate = Self::parse_any(bytes)?;
        let (signed, signature) = bytes.split_at(SAM_SIGNED_LEN);
        if !issuer.has_signed(signed, signature) {
            return Err(CertificateError::Signature);
        }
        require_mark(mark, certificate.body.mark)?;
        Ok(certificate)
    }
}

impl SamCertificate {
    /// Reads the fields of an SM2 certificate **without** looking at the signature: for display only.
    ///
    /// # Errors
    /// Length, a fixed field, or the public key is not right.
    pub fn parse_unverified(bytes: &[u8]) -> Result<Self, CertificateError> {
        Self::parse_any(bytes)
    }
}
