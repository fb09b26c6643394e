//! A SAM's papers: issuer certificate (DF01/001B), its own (001C) and the application data (001A), checked before the SAM
//! is relied upon (D20, D21, R59, R67).
//!
//! What is valid on which day: the SAM's two certificates and the period of 001A on the day on which the SAM works; the
//! issuer certificate of a *card* on the day on which the card was issued (element 6), since a card may live longer than
//! the certificate under which it was made.

use cardlib_card::cert::{self, CertificateBody, Mark};
use cardlib_card::element::{self, ElementType};
use cardlib_card::profile::{Profile, Signature};
use cardlib_card::suite::VerifyingKey;
use cardlib_card::visit::Day;

use crate::anchors::{Anchors, algorithm_of};
use crate::error::FlowError;
use crate::facts::SamFacts;
use crate::sam::SamClient;

/// An issuer's certificate of either algorithm.
pub type IssuerCertificate = cert::IssuerCertificate<VerifyingKey>;
/// A SAM's certificate of either algorithm.
pub type SamCertificate = cert::SamCertificate<VerifyingKey>;

/// Which paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Paper {
    /// 180 bytes, D20.
    Issuer,
    /// 190 bytes, D21.
    Sam,
    /// 001A.
    Application,
}

impl Paper {
    const fn name(self) -> &'static str {
        match self {
            Self::Issuer => "issuer certificate",
            Self::Sam => "SAM certificate",
            Self::Application => "application data (001A)",
        }
    }

    const fn chinese(self) -> &'static str {
        match self {
            Self::Issuer => "发卡机构证书",
            Self::Sam => "SAM 卡证书",
            Self::Application => "应用公共信息（001A）",
        }
    }
}

/// Why a SAM is not relied upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PapersError {
    #[error("{} has not its form; have the SAM replaced by its issuer", .0.name())]
    Form(Paper),
    #[error("{} is not signed by whom it names; have the SAM replaced by its issuer", .0.name())]
    Signature(Paper),
    #[error("certificates are of different worlds ({0} and {1}); test and real parts never mix")]
    Mixed(Mark, Mark),
    #[error("{} is that of another SAM or province; have the SAM replaced by its issuer", .0.name())]
    Other(Paper),
    #[error("{} is not valid yet; look at this computer's date", .0.name())]
    NotYet(Paper),
    #[error("{} is past its last day; have it renewed by its issuer", .0.name())]
    Past(Paper),
}

impl PapersError {
    /// The same text for a Chinese reader.
    #[must_use]
    pub fn chinese(&self) -> String {
        match self {
            Self::Form(paper) => format!("{}形式不符；请由发放机构更换", paper.chinese()),
            Self::Signature(paper) => format!("{}签名不符；请由发放机构更换", paper.chinese()),
            Self::Mixed(one, other) => {
                format!("证书分属不同环境（{one} 与 {other}）；测试与正式不得混用")
            }
            Self::Other(paper) => {
                format!("{}属于另一 SAM 或另一省；请由发放机构更换", paper.chinese())
            }
            Self::NotYet(paper) => format!("{}尚未生效；请检查本机日期", paper.chinese()),
            Self::Past(paper) => format!("{}已过有效期；请由发放机构更新", paper.chinese()),
        }
    }
}

/// The three files as they lie in the SAM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamPapers {
    pub application: Vec<u8>,
    pub issuer: Vec<u8>,
    pub own: Vec<u8>,
}

/// Papers that hold together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    pub mark: Mark,
    /// Whether the ministry's key confirmed the issuer; without it only issuer and SAM belong together.
    pub by_root: bool,
    pub issuer: IssuerCertificate,
    pub sam: SamCertificate,
}

impl SamPapers {
    /// Reads the three files; DF01 is current before and after.
    ///
    /// # Errors
    /// [`FlowError`] when one cannot be read.
    pub fn read(sam: &mut SamClient<'_>) -> Result<Self, FlowError> {
        Ok(Self {
            application: sam.read_file("DF01/001A")?,
            issuer: sam.issuer_certificate()?,
            own: sam.certificate()?,
        })
    }

    /// Certificates, serial, province and dates.
    ///
    /// # Errors
    /// [`PapersError`] naming the paper that is not right.
    pub fn check(
        &self,
        profile: &Profile,
        facts: &SamFacts,
        anchors: &Anchors,
        today: Day,
    ) -> Result<Chain, PapersError> {
        let algorithm = profile.crypto.signature;
        let chain = check_chain(algorithm, &self.issuer, &self.own, anchors)?;
        valid_on(&chain.issuer.body, Paper::Issuer, today)?;
        valid_on(&chain.sam.body, Paper::Sam, today)?;
        let serial = element::decode(ElementType::Cn, &chain.sam.sam_serial);
        if serial.as_deref() != Ok(facts.serial.as_str()) {
            return Err(PapersError::Other(Paper::Sam));
        }
        check_application(profile, &self.application, facts, today)?;
        Ok(chain)
    }
}

/// Root → issuer → SAM, without dates.
///
/// # Errors
/// [`PapersError`] naming the certificate that is not right.
pub fn check_chain(
    algorithm: Signature,
    issuer: &[u8],
    sam: &[u8],
    anchors: &Anchors,
) -> Result<Chain, PapersError> {
    let (read, by_root) = check_issuer(algorithm, issuer, anchors)?;
    let mark = read.body.mark;
    let own = SamCertificate::parse_any(sam).map_err(|_| PapersError::Form(Paper::Sam))?;
    if own.body.mark != mark {
        return Err(PapersError::Mixed(mark, own.body.mark));
    }
    if own.body.issuer_code != read.body.issuer_code {
        return Err(PapersError::Other(Paper::Issuer));
    }
    SamCertificate::verify(sam, &read.public_key, mark)
        .map_err(|_| PapersError::Signature(Paper::Sam))?;
    Ok(Chain {
        mark,
        by_root,
        issuer: read,
        sam: own,
    })
}

/// Reads an issuer's certificate of the profile's algorithm, and tells whether the ministry's key of its mark signed it:
/// `false` where the terminal has no such key.
///
/// # Errors
/// [`PapersError`] when it has one, and that did not sign.
pub fn check_issuer(
    algorithm: Signature,
    certificate: &[u8],
    anchors: &Anchors,
) -> Result<(IssuerCertificate, bool), PapersError> {
    let read = IssuerCertificate::parse_any(certificate)
        .ok()
        .filter(|read| algorithm_of(&read.public_key) == algorithm)
        .ok_or(PapersError::Form(Paper::Issuer))?;
    let mark = read.body.mark;
    let Some(root) = anchors.root(mark, algorithm) else {
        return Ok((read, false));
    };
    match IssuerCertificate::verify(certificate, root, mark) {
        Ok(read) => Ok((read, true)),
        Err(_) => Err(PapersError::Signature(Paper::Issuer)),
    }
}

/// Whether a certificate is valid on a day.
///
/// # Errors
/// [`PapersError::NotYet`], [`PapersError::Past`].
pub fn valid_on(body: &CertificateBody, paper: Paper, day: Day) -> Result<(), PapersError> {
    within(body.valid_from, body.valid_to, paper, day)
}

/// BCD dates of equal length order as numbers do.
fn within(from: [u8; 4], to: [u8; 4], paper: Paper, day: Day) -> Result<(), PapersError> {
    let day = cn4(day);
    if day < from {
        return Err(PapersError::NotYet(paper));
    }
    if day > to {
        return Err(PapersError::Past(paper));
    }
    Ok(())
}

fn cn4(day: Day) -> [u8; 4] {
    let bytes = element::encode(ElementType::Cn, 4, &day.to_string());
    // A day is eight digits: always four bytes.
    bytes
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .unwrap_or([0xFF; 4])
}

/// 001A: index 1 ‖ issuer 8 ‖ receiver 8 ‖ from cn4 ‖ to cn4; both identifiers are the province factor (R67).
fn check_application(
    profile: &Profile,
    bytes: &[u8],
    facts: &SamFacts,
    today: Day,
) -> Result<(), PapersError> {
    let paper = Paper::Application;
    let (parts, dates) = bytes.split_at_checked(17).ok_or(PapersError::Form(paper))?;
    let (dates, rest) = dates.as_chunks::<4>();
    let [from, to] = dates else {
        return Err(PapersError::Form(paper));
    };
    let digits = |bytes: &[u8]| bytes.iter().all(|b| b >> 4 < 10 && b & 0x0F < 10);
    let dated = digits(from) && digits(to) && *from != [0; 4];
    if !rest.is_empty() || !dated || parts.first() != Some(&0x01) {
        return Err(PapersError::Form(paper));
    }
    let province = profile.factors.province.of_area(facts.province());
    let identifiers = province.map(|factor| [factor, factor].concat());
    if identifiers.as_deref() != parts.get(1..) {
        return Err(PapersError::Other(paper));
    }
    within(*from, *to, paper, today)
}
