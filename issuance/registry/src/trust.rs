//! What the registry checks itself instead of believing the station: SAM certificates by the issuers it is configured with
//! (D20, D21), and the key service's receipts for card scripts by their signature (P21).
//!
//! What it still has to believe: that the card was read back through the SAM named. A station that lies about that
//! registers a card that the key service made for this very chip, serial and content, and no other.

use std::path::{Path, PathBuf};

use cardlib_card::cert::{CertificateError, IssuerCertificate, Mark as CardMark, SamCertificate};
use cardlib_card::profile::Signature;
use cardlib_card::suite::{SigningKey, VerifyingKey};
use issuance_registry_api::problems::{CERTIFICATE_DIFFERS, ISSUER_UNKNOWN, RECEIPT_REFUSED};
use issuance_registry_api::{RegistrationRequest, SamRegistrationRequest};
use jiff::Timestamp;
use kms_api::receipt::{CardReceipt, PURPOSE};
use kms_platform::mark::Mark;
use kms_platform::name::Role;
use kms_platform::notary::Witness;
use kms_platform::problem::Problem;

/// Label of the public TEST root (D36).
const TEST_ROOT: &[u8] = b"RHC-TEST-SM2-ROOT";
/// Hexadecimal digits of a public key X ‖ Y.
const KEY_DIGITS: usize = 128;

/// An issuer certificate that is not taken.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("{path}: {source}", path = path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path}: {what} in hexadecimal is wanted", path = path.display())]
    Form { path: PathBuf, what: &'static str },
    #[error("the ministry's public key is not known: give it with --root FILE")]
    NoRoot,
    #[error("{path}: {cause}", path = path.display())]
    Certificate {
        path: PathBuf,
        cause: CertificateError,
    },
}

/// Whose signatures count here.
#[derive(Default)]
pub struct Trust {
    issuers: Vec<IssuerCertificate<VerifyingKey>>,
    witness: Option<Witness>,
}

/// A receipt that was signed by a key service whose area contains the card's.
pub(crate) struct Vouched {
    pub(crate) script_digest: String,
}

impl Trust {
    /// With a witness for receipts.
    #[must_use]
    pub fn by(witness: Witness) -> Self {
        Self {
            issuers: Vec::new(),
            witness: Some(witness),
        }
    }

    /// Takes an issuer certificate (360 hex digits) that the ministry's root signed; the TEST root is known, every other comes
    /// from a file of 128 hex digits.
    ///
    /// # Errors
    /// File, form, signature or mark.
    pub fn add_issuer(
        &mut self,
        path: &Path,
        root: Option<&Path>,
        mark: Mark,
    ) -> Result<(), TrustError> {
        let bytes = hexadecimal(path, "an issuer certificate")?;
        let wrong = |cause| TrustError::Certificate {
            path: path.to_owned(),
            cause,
        };
        let algorithm = algorithm_of(&bytes).map_err(wrong)?;
        let root = match root {
            Some(root) => public_key(root, algorithm)?,
            None if mark == Mark::Test => test_root(algorithm).ok_or(TrustError::NoRoot)?,
            None => return Err(TrustError::NoRoot),
        };
        let issuer = IssuerCertificate::verify(&bytes, &root, card_mark(mark));
        self.issuers.push(issuer.map_err(wrong)?);
        Ok(())
    }

    /// The certificate is signed by an issuer known here and is for this SAM, this mark and this day.
    pub(crate) fn check_sam(
        &self,
        request: &SamRegistrationRequest,
        mark: Mark,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let differs = |en: String, zh: &str| Problem::new(&CERTIFICATE_DIFFERS).detail(en, zh);
        let bytes = hex::decode(&request.certificate)
            .map_err(|_| differs("not hexadecimal".into(), "不是十六进制"))?;
        let certificate: SamCertificate<VerifyingKey> = SamCertificate::parse_any(&bytes)
            .map_err(|cause| differs(cause.to_string(), "不是 SAM 证书"))?;
        if certificate.body.mark != card_mark(mark) {
            return Err(differs(
                "another mark (TEST, DEMO, PRODUCTION)".into(),
                "标记不同（测试、演示、生产）",
            ));
        }
        if hex::encode(certificate.sam_serial) != request.serial.as_str() {
            return Err(differs("another serial".into(), "序列号不同"));
        }
        if !certificate.body.is_valid_on(cn4(now)) {
            return Err(differs("not valid today".into(), "今日不在有效期内"));
        }
        let signed_by = |issuer: &&IssuerCertificate<VerifyingKey>| {
            SamCertificate::verify(&bytes, &issuer.public_key, card_mark(mark)).is_ok()
        };
        let unknown = || Problem::new(&ISSUER_UNKNOWN);
        let issuer = self.issuers.iter().find(signed_by).ok_or_else(unknown)?;
        // The first two digits of issuer code and SAM serial are the province's.
        let (code, serial) = (issuer.body.issuer_code, certificate.sam_serial);
        if code != certificate.body.issuer_code || code[0] != serial[0] {
            return Err(differs(
                "another issuer or province".into(),
                "发卡机构或省份不同",
            ));
        }
        Ok(())
    }

    /// The key service made its script for this chip, this serial and this content.
    pub(crate) fn check_receipt(
        &self,
        request: &RegistrationRequest,
        area: &str,
        mark: Mark,
        now: Timestamp,
    ) -> Result<Vouched, Problem> {
        let refused = |en: &str, zh: &str| Problem::new(&RECEIPT_REFUSED).detail(en, zh);
        let (Some(signed), Some(witness)) = (&request.receipt, &self.witness) else {
            return Err(refused("there is no receipt", "没有回执"));
        };
        let signer = witness.signer(PURPOSE, signed, now).map_err(|cause| {
            tracing::info!(%cause, "receipt refused");
            refused("its signature is not right", "回执签名不符")
        })?;
        if signer.role != Role::Kms || !signer.area.contains_code(area) {
            return Err(refused(
                "its signer is no key service of this area",
                "签名者不是该地区的密钥服务",
            ));
        }
        let receipt: CardReceipt = serde_json::from_str(&signed.text)
            .map_err(|_| refused("its text is none of ours", "回执内容无法识别"))?;
        for (same, en, zh) in [
            (
                receipt.mark.eq_ignore_ascii_case(mark.as_str()),
                "another mark",
                "标记不同",
            ),
            (
                receipt.factor == request.factor.as_str(),
                "another chip",
                "芯片不同",
            ),
            (
                receipt.serial == request.serial.as_str(),
                "another serial",
                "序列号不同",
            ),
            (
                receipt.data_hash == request.data_hash.as_str(),
                "other data",
                "数据不同",
            ),
        ] {
            if !same {
                return Err(refused(en, zh));
            }
        }
        Ok(Vouched {
            script_digest: receipt.script_digest,
        })
    }
}

fn card_mark(mark: Mark) -> CardMark {
    match mark {
        Mark::Test => CardMark::Test,
        Mark::Demo => CardMark::Demo,
        Mark::Production => CardMark::Production,
    }
}

/// The day in China as certificates carry it.
fn cn4(now: Timestamp) -> [u8; 4] {
    let day = now.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(8)));
    let mut out = [0; 4];
    // Eight decimal digits for every date of this calendar's range.
    let _ = hex::decode_to_slice(day.strftime("%Y%m%d").to_string(), &mut out);
    out
}

/// The algorithm of the key in an issuer certificate, which is its signer's too (D20, D46).
fn algorithm_of(certificate: &[u8]) -> Result<Signature, CertificateError> {
    let read: IssuerCertificate<VerifyingKey> = IssuerCertificate::parse_any(certificate)?;
    Ok(match read.public_key {
        VerifyingKey::Sm2(_) => Signature::Sm2,
        VerifyingKey::P256(_) => Signature::EcdsaP256,
    })
}

fn test_root(algorithm: Signature) -> Option<VerifyingKey> {
    let root = SigningKey::from_label(algorithm, TEST_ROOT).ok()?;
    Some(root.verifying_key())
}

fn hexadecimal(path: &Path, what: &'static str) -> Result<Vec<u8>, TrustError> {
    let text = std::fs::read_to_string(path).map_err(|source| TrustError::File {
        path: path.to_owned(),
        source,
    })?;
    hex::decode(text.trim()).map_err(|_| TrustError::Form {
        path: path.to_owned(),
        what,
    })
}

fn public_key(path: &Path, algorithm: Signature) -> Result<VerifyingKey, TrustError> {
    let what = "a public key of 128 digits";
    let bytes = hexadecimal(path, what)?;
    let form = || TrustError::Form {
        path: path.to_owned(),
        what,
    };
    if bytes.len() * 2 != KEY_DIGITS {
        return Err(form());
    }
    VerifyingKey::from_bytes(algorithm, &bytes).map_err(|_| form())
}
