//! Certificates of card issuers (D20, 180 bytes) and of SAMs (D21, 190 bytes).
//!
//! The 52 common bytes, then for a SAM its serial number, then the public key X ‖ Y and the signature r ‖ s, which
//! covers everything before it, made with ZA of the default identity. An HSM signs: it takes [`IssuerCertificate::to_be_signed`]
//! and the result goes into [`IssuerCertificate::with_signature`]; reading goes through `verify`, which answers
//! only for a right signature, a right form and the mark asked for (D38).
//!
//! Both are generic over the key: SM2 unless said otherwise, [`crate::suite::VerifyingKey`] where the profile decides (D46).

mod codes;
mod common;
mod issuer;
mod sam;

pub use codes::{CodeError, IssuerLevel, issuer_code, luhn_check_digit, sam_serial};
pub use common::{CertificateBody, CertificateKey, Mark};
pub use issuer::{ISSUER_CERTIFICATE_LEN, ISSUER_SIGNED_LEN, IssuerCertificate};
pub use sam::{SAM_CERTIFICATE_LEN, SAM_SIGNED_LEN, SamCertificate};

use thiserror::Error;

/// Why a certificate was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CertificateError {
    /// Not 180 or 190 bytes.
    #[error("a certificate of this kind has {expected} bytes, this one has {found}")]
    Length {
        /// What the kind asks for.
        expected: usize,
        /// What came.
        found: usize,
    },
    /// A fixed field has another value.
    #[error("the certificate's {field} is not what this kind of certificate has")]
    Field {
        /// The field's name.
        field: &'static str,
    },
    /// The certificate belongs to another world (D38).
    #[error(
        "the certificate is marked {found}, but {expected} is wanted here; the marks never mix"
    )]
    Mark {
        /// The mark asked for.
        expected: Mark,
        /// The mark of the certificate.
        found: Mark,
    },
    /// The public key is no point of the curve.
    #[error("the certificate holds no usable public key")]
    PublicKey,
    /// The signer did not sign these bytes.
    #[error("the certificate's signature is not right: another signer, or changed bytes")]
    Signature,
}
