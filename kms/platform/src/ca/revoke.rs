//! The list of certificates that an authority takes back (RFC 5280 §5).

use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    CertificateRevocationListParams, KeyIdMethod, RevocationReason, RevokedCertParams, SerialNumber,
};

use super::{Authority, CaError, since_1970};

/// A list is made anew with every revocation; its own date only says when it should be looked for again.
const LIST_VALIDITY: Duration = Duration::from_secs(86_400 * 397);

/// One certificate taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenBack {
    /// Serial number in hexadecimal.
    pub serial: String,
    /// Since when.
    pub at: Timestamp,
}

impl Authority {
    /// The whole list, PEM; `number` grows from list to list.
    ///
    /// # Errors
    /// A serial number is not hexadecimal.
    pub fn revocation_list(
        &self,
        all: &[TakenBack],
        number: u64,
        now: Timestamp,
    ) -> Result<String, CaError> {
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let revoked = all.iter().map(|one| {
            let serial =
                hex::decode(&one.serial).map_err(|_| CaError::Serial(one.serial.clone()))?;
            Ok(RevokedCertParams {
                serial_number: SerialNumber::from_slice(&serial),
                revocation_time: epoch + since_1970(one.at),
                reason_code: Some(RevocationReason::Unspecified),
                invalidity_date: None,
            })
        });
        let list = CertificateRevocationListParams {
            this_update: epoch + since_1970(now),
            next_update: epoch + since_1970(now) + LIST_VALIDITY,
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect::<Result<_, CaError>>()?,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(list.signed_by(&self.issuer)?.pem()?)
    }
}
