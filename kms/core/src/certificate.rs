//! Issuer and SAM certificates (D20, D21) and the SAM's public files, made ready for the HSM to sign.

use cardlib_card::cert::{
    CertificateBody, CertificateError, CodeError, IssuerCertificate, IssuerLevel, Mark,
    SamCertificate, issuer_code,
};
use cardlib_card::profile::Signature;
use cardlib_card::suite::{SuiteError, VerifyingKey};
use jiff::civil::Date;
use thiserror::Error;

use crate::tier::{Tier, province_factor};

/// An issuer's certificate outlives the cards that carry it.
const ISSUER_YEARS: i16 = 30;
/// A SAM is replaced before its certificate ends.
const SAM_YEARS: i16 = 10;
/// Version byte of file 0015 (R55).
const SAM_VERSION: u8 = 0x01;
/// National key index of file 001A and issuer number of file 0016 (R67).
const FIRST: u8 = 0x01;

/// Why a certificate or file cannot be made.
#[derive(Debug, Error)]
pub enum IssueError {
    /// A code of the certificate.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// A public key that is no point.
    #[error(transparent)]
    Key(#[from] SuiteError),
    /// A certificate that is none.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A date beyond the calendar.
    #[error("the certificate's validity goes beyond the calendar")]
    Date,
    /// SAM serial, area or number of another form.
    #[error("{0}")]
    Form(&'static str),
}

/// The certificate of a province's issuer key, to be signed by the ministry's root (D20). `serial` counts the
/// ministry's issuer certificates.
///
/// # Errors
/// The tier is not a province, or the key is none of the profile's algorithm.
pub fn issuer(
    tier: &Tier,
    algorithm: Signature,
    public_key: &[u8; 64],
    serial: u64,
    today: Date,
    mark: Mark,
) -> Result<IssuerCertificate<VerifyingKey>, IssueError> {
    let Tier::Province(_) = tier else {
        return Err(IssueError::Form("only a province has an issuer key"));
    };
    let code = issuer_code(&format!("{}0000", tier.area()), IssuerLevel::Province, 1)?;
    Ok(IssuerCertificate {
        body: body(code, serial, today, ISSUER_YEARS, mark)?,
        public_key: VerifyingKey::from_bytes(algorithm, public_key)?,
    })
}

/// The certificate of a SAM, to be signed by the issuer key (D21); the SAM's key is of the issuer's algorithm.
///
/// # Errors
/// Serial or key have another form.
pub fn sam(
    issuer_certificate: &[u8],
    serial: &[u8; 10],
    public_key: &[u8; 64],
    today: Date,
    mark: Mark,
) -> Result<SamCertificate<VerifyingKey>, IssueError> {
    let issuer: IssuerCertificate<VerifyingKey> = IssuerCertificate::parse_any(issuer_certificate)?;
    let algorithm = match issuer.public_key {
        VerifyingKey::Sm2(_) => Signature::Sm2,
        VerifyingKey::P256(_) => Signature::EcdsaP256,
    };
    let digits = hex::encode(serial);
    // Running number of D19, unique per province, prefecture, type and year: the certificate's own serial.
    let running = digits
        .get(..19)
        .and_then(|head| head.parse().ok())
        .ok_or(IssueError::Form("the SAM serial is not 20 digits"))?;
    Ok(SamCertificate {
        body: body(issuer.body.issuer_code, running, today, SAM_YEARS, mark)?,
        sam_serial: *serial,
        public_key: VerifyingKey::from_bytes(algorithm, public_key)?,
    })
}

fn body(
    issuer_code: [u8; 11],
    serial: u64,
    today: Date,
    years: i16,
    mark: Mark,
) -> Result<CertificateBody, IssueError> {
    let end = today
        .checked_add(jiff::Span::new().years(years))
        .map_err(|_| IssueError::Date)?;
    Ok(CertificateBody {
        issuer_code,
        serial,
        valid_from: cn4(today),
        valid_to: cn4(end),
        mark,
    })
}

/// YYYYMMDD in four bytes.
#[must_use]
pub fn cn4(date: Date) -> [u8; 4] {
    let mut out = [0; 4];
    // Four digits of year, two each of month and day: eight decimal digits for every date of this calendar's range.
    let _ = hex::decode_to_slice(date.strftime("%Y%m%d").to_string(), &mut out);
    out
}

/// What the public files of a SAM are made from.
pub struct SamFacts<'a> {
    /// D19.
    pub serial: &'a [u8; 10],
    /// 1–5.
    pub sam_type: u8,
    /// Two province digits.
    pub province: &'a str,
    /// Two prefecture digits.
    pub city: &'a str,
    /// Running number of the terminal, at most six digits.
    pub number: u32,
    /// Validity of the certificate, for 001A.
    pub valid_from: [u8; 4],
    /// The same.
    pub valid_to: [u8; 4],
    /// D20.
    pub issuer_certificate: &'a [u8],
    /// D21.
    pub sam_certificate: &'a [u8],
}

/// The five public files of a SAM by path (R55, R67).
///
/// # Errors
/// Area or number have another form.
pub fn sam_files(facts: &SamFacts<'_>) -> Result<[(&'static str, Vec<u8>); 5], IssueError> {
    let factor = province_factor(facts.province)
        .ok_or(IssueError::Form("the province is not two digits"))?;
    let mut public = facts.serial.to_vec();
    public.extend([SAM_VERSION, facts.sam_type, 0, 0]);
    if facts.number > 999_999 {
        return Err(IssueError::Form(
            "the terminal's number has more than six digits",
        ));
    }
    let terminal = format!(
        "{}{}{FIRST:02}{:06}",
        facts.province, facts.city, facts.number
    );
    let terminal = hex::decode(terminal)
        .ok()
        .filter(|bytes| bytes.len() == 6 && facts.city.bytes().all(|b| b.is_ascii_digit()));
    let application = [
        &[FIRST][..],
        &factor,
        &factor,
        &facts.valid_from,
        &facts.valid_to,
    ]
    .concat();
    Ok([
        ("MF/0015", public),
        (
            "MF/0016",
            terminal.ok_or(IssueError::Form("the terminal's city is not two digits"))?,
        ),
        ("DF01/001A", application),
        ("DF01/001B", facts.issuer_certificate.to_vec()),
        ("DF01/001C", facts.sam_certificate.to_vec()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardlib_card::suite::SigningKey;
    use jiff::civil::date;

    const TODAY: Date = date(2026, 11, 22);

    #[test]
    fn certificates_verify_up_to_the_root() {
        for algorithm in [Signature::Sm2, Signature::EcdsaP256] {
            certificates_of(algorithm);
        }
    }

    fn certificates_of(algorithm: Signature) {
        let key = |label: &str| SigningKey::from_label(algorithm, label.as_bytes()).unwrap();
        let (root, issuer_key, sam_key) = (
            key("RHC-TEST-SM2-ROOT"),
            key("RHC-TEST-SM2-ISSUER-41"),
            key("any"),
        );
        let issuer_public = issuer_key.verifying_key().to_bytes();
        let made = |tier: &Tier| issuer(tier, algorithm, &issuer_public, 7, TODAY, Mark::Test);
        let tbs = made(&Tier::new("province", "41").unwrap()).unwrap();
        let issuer_cert = tbs.with_signature(&root.sign_message(&tbs.to_be_signed()).unwrap());
        let read =
            IssuerCertificate::verify(&issuer_cert, &root.verifying_key(), Mark::Test).unwrap();
        assert_eq!(
            (read.body.serial, hex::encode(read.body.valid_to)),
            (7, "20561122".to_owned())
        );
        let mut serial = [0; 10];
        hex::decode_to_slice("41010120260000000017", &mut serial).unwrap();
        let sam_public = sam_key.verifying_key().to_bytes();
        let tbs = sam(&issuer_cert, &serial, &sam_public, TODAY, Mark::Test).unwrap();
        let sam_cert = tbs.with_signature(&issuer_key.sign_message(&tbs.to_be_signed()).unwrap());
        let read = SamCertificate::verify(&sam_cert, &read.public_key, Mark::Test).unwrap();
        assert_eq!(
            (read.sam_serial, read.body.serial),
            (serial, 4_101_012_026_000_000_001)
        );
        assert!(made(&Tier::Ministry).is_err());
    }

    #[test]
    fn files_are_as_long_as_the_profile_says() {
        let serial = [0x41; 10];
        let facts = SamFacts {
            serial: &serial,
            sam_type: 5,
            province: "41",
            city: "01",
            number: 12,
            valid_from: [0x20, 0x26, 0x11, 0x22],
            valid_to: [0x20, 0x36, 0x11, 0x22],
            issuer_certificate: &[1; 180],
            sam_certificate: &[2; 190],
        };
        let files = sam_files(&facts).unwrap();
        let profile = cardlib_card::profile::Profile::rhc_2012();
        for (path, bytes) in &files {
            assert_eq!(
                profile.sam_file(path).map(|file| file.size),
                Some(bytes.len()),
                "{path}"
            );
        }
        assert_eq!(
            hex::encode(&files[0].1),
            "41414141414141414141".to_owned() + "01050000"
        );
        assert_eq!(hex::encode(&files[1].1), "410101000012");
        assert_eq!(
            hex::encode_upper(&files[2].1),
            "01343130303030303034313030303030302026112220361122"
        );
        assert!(
            sam_files(&SamFacts {
                number: 1_000_000,
                ..facts
            })
            .is_err()
        );
    }
}
