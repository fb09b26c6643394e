//! The back office of a settlement (user card 3.3): is this visit record signed by a SAM whose certificate comes, over its
//! issuer's, from the ministry (R76, D17, D20, D21)?
//!
//! Cards and terminals do not verify signatures; only the office does, with the issuers' certificates that it keeps and
//! the ministry's public keys. A record is judged by the day of the visit: SAM and issuer certificate must have been
//! valid on it, and it must not lie in the future. Accepting is idempotent: a desk whose card was pulled
//! between acceptance and ERASE RECORD asks again with the same bytes.

use cardlib_card::cert::Mark;
use cardlib_card::element::{self, ElementType};
use cardlib_card::profile::Profile;
use cardlib_card::suite;
use cardlib_card::visit::{Day, SignedVisit, Visit, VisitKind};

use crate::anchors::Anchors;
use crate::papers::{
    Chain, IssuerCertificate, Paper, PapersError, SamCertificate, check_chain, check_issuer,
    valid_on,
};

/// Who judges a visit record before its place on the card is freed.
pub trait BackOffice {
    /// Takes the record, or says why not.
    ///
    /// # Errors
    /// [`OfficeError`]; the card then keeps its record.
    fn accept(&mut self, kind: VisitKind, record: &SignedVisit) -> Result<(), OfficeError>;
}

/// Why a record is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfficeError {
    /// No certificate of the issuer that the SAM's certificate names.
    #[error("no certificate of issuer {0} is kept here; import it and try again")]
    UnknownIssuer(String),
    /// The office has no key of the ministry for this mark.
    #[error("no root key for {0} certificates is known here; configure it and try again")]
    NoAnchor(Mark),
    #[error("{0}")]
    Papers(#[from] PapersError),
    /// The signature does not fit data and SAM certificate.
    #[error(
        "the signature does not fit the data: the record was changed, or another SAM signed it"
    )]
    Signature,
    /// The data are no visit record.
    #[error("the data are not of the record's form ({0})")]
    Form(String),
    /// The record carries no day of a visit.
    #[error("the record carries no day of the visit")]
    NoDay,
    /// Its day lies ahead.
    #[error("the visit lies in the future; look at the clock of desk and office")]
    Future,
    /// Settled already, not covered …: what an office of somebody else's says.
    #[error("{0}")]
    Refused(String),
}

impl OfficeError {
    /// The same text for a Chinese reader.
    #[must_use]
    pub fn chinese(&self) -> String {
        match self {
            Self::UnknownIssuer(code) => format!("没有发卡机构 {code} 的证书；请导入后重试"),
            Self::NoAnchor(mark) => format!("没有 {mark} 环境的根公钥；请配置后重试"),
            Self::Papers(cause) => cause.chinese(),
            Self::Signature => "签名与数据不符：记录被改动，或由另一 SAM 签名".into(),
            Self::Form(what) => format!("数据形式不符（{what}）"),
            Self::NoDay => "记录中没有就诊日期".into(),
            Self::Future => "就诊日期在将来；请检查前台与后台的时钟".into(),
            Self::Refused(why) => why.clone(),
        }
    }
}

/// A record that holds: what it says, and who signed it.
pub struct Accepted {
    pub visit: Visit,
    pub day: Day,
    pub mark: Mark,
    pub sam: SamCertificate,
}

/// An office with its own books: issuers' certificates and root keys.
pub struct Office<'p> {
    profile: &'p Profile,
    anchors: Anchors,
    issuers: Vec<Vec<u8>>,
    today: Day,
}

impl<'p> Office<'p> {
    #[must_use]
    pub const fn new(profile: &'p Profile, anchors: Anchors, today: Day) -> Self {
        Self {
            profile,
            anchors,
            issuers: Vec::new(),
            today,
        }
    }

    /// Keeps an issuer's certificate (180 bytes); the ministry must have signed it.
    ///
    /// # Errors
    /// [`OfficeError`] when it is none of the ministry's.
    pub fn keep(&mut self, certificate: &[u8]) -> Result<(), OfficeError> {
        let algorithm = self.profile.crypto.signature;
        let (read, by_root) = check_issuer(algorithm, certificate, &self.anchors)?;
        if !by_root {
            return Err(OfficeError::NoAnchor(read.body.mark));
        }
        self.issuers.push(certificate.to_vec());
        Ok(())
    }

    /// Verifies a record: root → issuer → SAM → data, and the dates.
    ///
    /// # Errors
    /// [`OfficeError`], the first thing that is not right.
    pub fn verify(&self, kind: VisitKind, record: &SignedVisit) -> Result<Accepted, OfficeError> {
        let layout = kind.layout(self.profile).map_err(form)?;
        if record.data.len() != layout.data {
            return Err(OfficeError::Form("its length".into()));
        }
        let named = SamCertificate::parse_any(&record.certificate)
            .map_err(|_| PapersError::Form(Paper::Sam))?;
        let chain = self.chain(&named, &record.certificate)?;
        verify_record(self.profile, &record.data, &record.signature, &chain.sam)?;
        let visit = Visit::decode(self.profile, kind, &record.data).map_err(form)?;
        let day = day_of(&visit).ok_or(OfficeError::NoDay)?;
        if day > self.today {
            return Err(OfficeError::Future);
        }
        valid_on(&chain.issuer.body, Paper::Issuer, day)?;
        valid_on(&chain.sam.body, Paper::Sam, day)?;
        Ok(Accepted {
            visit,
            day,
            mark: chain.mark,
            sam: chain.sam,
        })
    }

    /// The chain over one of the certificates of the issuer that the SAM's names; the last one's fault where none fits.
    fn chain(&self, sam: &SamCertificate, certificate: &[u8]) -> Result<Chain, OfficeError> {
        let algorithm = self.profile.crypto.signature;
        let code = sam.body.issuer_code;
        let of_issuer = self.issuers.iter().filter(|kept| {
            IssuerCertificate::parse_any(kept).is_ok_and(|kept| kept.body.issuer_code == code)
        });
        let mut fault =
            OfficeError::UnknownIssuer(element::decode(ElementType::Cn, &code).unwrap_or_default());
        for issuer in of_issuer {
            match check_chain(algorithm, issuer, certificate, &self.anchors) {
                Ok(chain) => return Ok(chain),
                Err(cause) => fault = cause.into(),
            }
        }
        Err(fault)
    }
}

impl BackOffice for Office<'_> {
    fn accept(&mut self, kind: VisitKind, record: &SignedVisit) -> Result<(), OfficeError> {
        self.verify(kind, record).map(drop)
    }
}

/// A SAM's signature over a record's data: the digest is taken as *e* (D17).
///
/// # Errors
/// [`OfficeError::Signature`].
pub fn verify_record(
    profile: &Profile,
    data: &[u8],
    signature: &[u8],
    sam: &SamCertificate,
) -> Result<(), OfficeError> {
    let digest = suite::digest(profile.crypto.hash, data);
    sam.public_key
        .verify_digest(&digest, signature)
        .map_err(|_| OfficeError::Signature)
}

fn form(cause: impl ToString) -> OfficeError {
    OfficeError::Form(cause.to_string())
}

/// The day on which a visit was recorded: when an outpatient was seen, an inpatient discharged (or, still there,
/// admitted).
#[must_use]
pub fn day_of(visit: &Visit) -> Option<Day> {
    match visit {
        Visit::Inpatient(stay) => stay.discharged.or(stay.admitted),
        Visit::Outpatient(visit) => visit.seen.map(|moment| moment.day()),
    }
}
