//! X.509 certificates over SM2 keys (GM/T 0015): the issuer's, and under it those of SAMs, for parties whose software reads
//! X.509 and not the short forms of cards (D20, D21).
//!
//! The issuer's key signs in the HSM, both times. The issuer's certificate is signed by itself: what vouches for it is the
//! ministry's root, by the D20 certificate of the same key, which it carries whole in an extension. A SAM's carries none: its
//! short form leaves inside its own session only (P20).

use cardlib_card::cert::SamCertificate;
use cardlib_card::suite::VerifyingKey;
use jiff::civil::Date;
use kms_core::catalogue::{SM2_ISSUER, key_id};
use kms_core::tier::Factor;
use serde_json::json;
use signature::Keypair;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::der::asn1::{BitString, ObjectIdentifier, OctetString};
use x509_cert::der::{Any, DateTime, EncodePem, pem::LineEnding};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, KeyUsages};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{
    AlgorithmIdentifierOwned, Document, DynSignatureAlgorithmIdentifier, EncodePublicKey,
    SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef,
};
use x509_cert::time::{Time, Validity};
use x509_cert::{Certificate, TbsCertificate};

use crate::act::prepare::unhex;
use crate::records::{chips, settings};
use crate::refusal::{self, Refusal, Result};
use crate::refuse;
use crate::service::Service;

/// sm2-with-sm3, id-ecPublicKey, sm2p256v1.
const SM2_WITH_SM3: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.501");
const EC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const SM2_CURVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.301");
/// The short certificate (D20) of the same key, whole: an arc under 2.25, which needs no registration.
const SHORT_FORM: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.25.2012.543.1");

/// Whose certificate.
pub enum Whose {
    /// The issuer's.
    Issuer,
    /// A SAM's, by its chip serial.
    Sam(Factor),
}

impl Service {
    /// Makes a certificate, PEM.
    ///
    /// # Errors
    /// The keys are not SM2, the issuer key or the SAM's certificate is not here, or the HSM refuses.
    pub async fn x509(&self, whose: &Whose, by: &str) -> Result<String> {
        self.may("identity.issue", by).await?;
        let object = match whose {
            Whose::Issuer => "issuer".to_owned(),
            Whose::Sam(chip) => hex::encode_upper(chip),
        };
        let mut tx = self.begin().await?;
        let begun = self
            .before(&mut tx, by, "certificate.x509", &object, &json!({}))
            .await?;
        self.commit(tx).await?;
        let made = self.make_x509(whose).await;
        self.close(begun, made).await
    }

    async fn make_x509(&self, whose: &Whose) -> Result<String> {
        let mut conn = self.store.pool().acquire().await?;
        let issuer: Option<String> = settings::find(&mut conn, "issuer-certificate").await?;
        let short = unhex(&issuer.ok_or_else(|| {
            refuse!(
                &refusal::KEY_MISSING,
                "no issuer certificate yet: import the hand-down first",
                "尚无发卡机构证书：请先导入上级下发"
            )
        })?)?;
        let issuer = Subject::issuer(&short)?;
        let subject = match whose {
            Whose::Issuer => Subject::issuer(&short)?,
            Whose::Sam(chip) => {
                let found = chips::certificate(&mut conn, chip).await?;
                Subject::sam(&found.ok_or_else(|| {
                    refuse!(
                        &refusal::UNKNOWN,
                        "no SAM of this chip serial was certified here",
                        "本处未为此芯片号的 SAM 卡签发证书"
                    )
                })?)?
            }
        };
        drop(conn);
        let signer = HsmKey(issuer.point);
        let mut builder = subject.builder(issuer.name)?;
        let message = builder.finalize(&signer).map_err(unmade)?;
        let signed = self
            .in_hsm(move |hsm| hsm.sign(&key_id(SM2_ISSUER, 0), &message))
            .await?;
        let signature = BitString::from_bytes(&der_signature(&signed)).map_err(unmade)?;
        let certificate: Certificate = builder.assemble(signature, &signer).map_err(unmade)?;
        certificate.to_pem(LineEnding::LF).map_err(unmade)
    }
}

fn unmade(error: impl std::fmt::Display) -> Refusal {
    Refusal::about(&refusal::CERTIFICATE, error.to_string())
}

/// Who is certified, out of the short certificate.
struct Subject {
    name: Name,
    point: [u8; 64],
    days: ([u8; 4], [u8; 4]),
    serial: Vec<u8>,
    is_issuer: bool,
    short: Vec<u8>,
}

impl Subject {
    fn issuer(short: &[u8]) -> Result<Self> {
        use cardlib_card::cert::IssuerCertificate;
        let read = IssuerCertificate::<VerifyingKey>::parse_any(short).map_err(unmade)?;
        let code = hex::encode_upper(short.get(2..13).unwrap_or_default());
        let days = (read.body.valid_from, read.body.valid_to);
        let name = format!("CN=Issuer {code},O=RHC,C=CN");
        Self::of(short, &read.public_key, days, &name, true)
    }

    fn sam(short: &[u8]) -> Result<Self> {
        let read = SamCertificate::<VerifyingKey>::parse_any(short).map_err(unmade)?;
        let serial = hex::encode_upper(short.get(52..62).unwrap_or_default());
        let days = (read.body.valid_from, read.body.valid_to);
        let name = format!("CN=SAM {serial},O=RHC,C=CN");
        Self::of(short, &read.public_key, days, &name, false)
    }

    fn of(
        short: &[u8],
        key: &VerifyingKey,
        days: ([u8; 4], [u8; 4]),
        name: &str,
        is_issuer: bool,
    ) -> Result<Self> {
        let VerifyingKey::Sm2(key) = key else {
            return Err(refuse!(
                &refusal::CERTIFICATE,
                "only SM2 keys are certified this way",
                "仅为 SM2 密钥签发"
            ));
        };
        // The digest of the short certificate is as unique as that is.
        let mut serial = cardlib_card::gm::sm3::digest(short)[..16].to_vec();
        serial[0] = serial[0] & 0x7F | 0x40;
        Ok(Self {
            name: name.parse().map_err(unmade)?,
            point: key.to_bytes(),
            days,
            serial,
            is_issuer,
            short: short.to_vec(),
        })
    }

    fn builder(self, issuer: Name) -> Result<CertificateBuilder<Profile>> {
        let validity = Validity::new(midnight(&self.days.0)?, midnight(&self.days.1)?);
        let serial = SerialNumber::new(&self.serial).map_err(unmade)?;
        let key = SubjectPublicKeyInfoOwned::from_key(&Point(self.point)).map_err(unmade)?;
        let profile = Profile {
            subject: self.name,
            issuer,
        };
        let mut builder =
            CertificateBuilder::new(profile, serial, validity, key).map_err(unmade)?;
        let basic = BasicConstraints {
            ca: self.is_issuer,
            path_len_constraint: self.is_issuer.then_some(0),
        };
        builder.add_extension(&basic).map_err(unmade)?;
        let usage = if self.is_issuer {
            KeyUsage(KeyUsages::KeyCertSign | KeyUsages::DigitalSignature)
        } else {
            KeyUsage(KeyUsages::DigitalSignature.into())
        };
        builder.add_extension(&usage).map_err(unmade)?;
        if self.is_issuer {
            builder.add_extension(Short(self.short)).map_err(unmade)?;
        }
        Ok(builder)
    }
}

/// cn4 of a short certificate (YYYYMMDD) as the first moment of that day, UTC.
fn midnight(cn4: &[u8; 4]) -> Result<Time> {
    let text = hex::encode(cn4);
    let date: Date = Date::strptime("%Y%m%d", &text).map_err(unmade)?;
    let (year, month, day) = (date.year(), date.month(), date.day());
    let part = |number: i8| u8::try_from(number).map_err(unmade);
    let year = u16::try_from(year).map_err(unmade)?;
    let moment = DateTime::new(year, part(month)?, part(day)?, 0, 0, 0).map_err(unmade)?;
    Ok(Time::GeneralTime(moment.into()))
}

/// The short form as an extension that nobody need understand.
struct Short(Vec<u8>);

impl x509_cert::ext::ToExtension for Short {
    type Error = x509_cert::der::Error;

    fn to_extension(self, _: &Name, _: &[Extension]) -> Result<Extension, Self::Error> {
        let inner = x509_cert::der::Encode::to_der(&OctetString::new(self.0)?)?;
        Ok(Extension {
            extn_id: SHORT_FORM,
            critical: false,
            extn_value: OctetString::new(inner)?,
        })
    }
}

/// Names; extensions are added one by one.
struct Profile {
    subject: Name,
    issuer: Name,
}

impl BuilderProfile for Profile {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _spk: SubjectPublicKeyInfoRef<'_>,
        _issuer_spk: SubjectPublicKeyInfoRef<'_>,
        _tbs: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        Ok(Vec::new())
    }
}

/// The public side of a key that signs elsewhere.
struct HsmKey([u8; 64]);

impl Keypair for HsmKey {
    type VerifyingKey = Point;

    fn verifying_key(&self) -> Point {
        Point(self.0)
    }
}

impl DynSignatureAlgorithmIdentifier for HsmKey {
    fn signature_algorithm_identifier(&self) -> x509_cert::spki::Result<AlgorithmIdentifierOwned> {
        Ok(AlgorithmIdentifierOwned {
            oid: SM2_WITH_SM3,
            parameters: None,
        })
    }
}

/// X‖Y.
#[derive(Clone)]
struct Point([u8; 64]);

impl EncodePublicKey for Point {
    fn to_public_key_der(&self) -> x509_cert::spki::Result<Document> {
        let point = [&[0x04][..], &self.0].concat();
        let key = SubjectPublicKeyInfoOwned {
            algorithm: AlgorithmIdentifierOwned {
                oid: EC_KEY,
                parameters: Some(Any::from(SM2_CURVE)),
            },
            subject_public_key: BitString::from_bytes(&point)?,
        };
        Document::try_from(&key)
    }
}

/// r‖s as SEQUENCE of two INTEGERs; both lengths stay below 128.
fn der_signature(signature: &[u8; 64]) -> Vec<u8> {
    let integer = |bytes: &[u8]| {
        let from = bytes.iter().position(|byte| *byte != 0);
        let bytes = from.map_or(&[0][..], |from| &bytes[from..]);
        let sign = bytes.first().is_some_and(|first| first & 0x80 != 0);
        let mut out = vec![0x02, (bytes.len() + usize::from(sign)) as u8];
        out.extend(sign.then_some(0));
        out.extend_from_slice(bytes);
        out
    };
    let (r, s) = signature.split_at(32);
    let both = [integer(r), integer(s)].concat();
    [&[0x30, both.len() as u8][..], &both].concat()
}
