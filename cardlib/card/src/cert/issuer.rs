//! The issuer certificate of D20: signed by the ministry's root key, kept in DDF1/EF05 tag 05 and in a SAM's 001B.

use super::CertificateError;
use super::common::{COMMON_LEN, CertificateBody, Mark, require_mark};
use crate::gm::sm2::{SIGNATURE_LEN, VerifyingKey};

/// Whole length.
pub const ISSUER_CERTIFICATE_LEN: usize = 180;
/// Bytes under the signature.
pub const ISSUER_SIGNED_LEN: usize = 116;
const KIND: u8 = 0x01;

/// An issuer certificate without its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerCertificate {
    /// The common fields.
    pub body: CertificateBody,
    /// The issuer's public key.
    pub public_key: VerifyingKey,
}

impl IssuerCertificate {
    /// The 116 bytes that the root key signs, as a message with ZA of the default identity.
    #[must_use]
    pub fn to_be_signed(&self) -> [u8; ISSUER_SIGNED_LEN] {
        let mut out = [0u8; ISSUER_SIGNED_LEN];
        out[..COMMON_LEN].copy_from_slice(&self.body.encode(KIND));
        out[COMMON_LEN..].copy_from_slice(&self.public_key.to_bytes());
        out
    }

    /// The certificate, once somebody has signed [`Self::to_be_signed`].
    #[must_use]
    pub fn with_signature(&self, signature: &[u8; SIGNATURE_LEN]) -> [u8; ISSUER_CERTIFICATE_LEN] {
        let mut out = [0u8; ISSUER_CERTIFICATE_LEN];
        out[..ISSUER_SIGNED_LEN].copy_from_slice(&self.to_be_signed());
        out[ISSUER_SIGNED_LEN..].copy_from_slice(signature);
        out
    }

    /// Reads the fields **without** looking at the signature: for display only.
    ///
    /// # Errors
    /// Length, a fixed field, or the public key is not right.
    pub fn parse_unverified(bytes: &[u8]) -> Result<Self, CertificateError> {
        let bytes: &[u8; ISSUER_CERTIFICATE_LEN] =
            bytes.try_into().map_err(|_| CertificateError::Length {
                expected: ISSUER_CERTIFICATE_LEN,
                found: bytes.len(),
            })?;
        let mut common = [0u8; COMMON_LEN];
        common.copy_from_slice(&bytes[..COMMON_LEN]);
        let body = CertificateBody::decode(&common, KIND)?;
        let public_key = VerifyingKey::from_bytes(&bytes[COMMON_LEN..ISSUER_SIGNED_LEN])
            .map_err(|_| CertificateError::PublicKey)?;
        Ok(Self { body, public_key })
    }

    /// Reads a certificate that `root` signed and that carries `mark`.
    ///
    /// # Errors
    /// Everything that is not right with it, the signature before the mark.
    pub fn verify(bytes: &[u8], root: &VerifyingKey, mark: Mark) -> Result<Self, CertificateError> {
        let certificate = Self::parse_unverified(bytes)?;
        let (signed, signature) = bytes.split_at(ISSUER_SIGNED_LEN);
        root.verify_message(signed, signature)
            .map_err(|_| CertificateError::Signature)?;
        require_mark(mark, certificate.body.mark)?;
        Ok(certificate)
    }
}
