//! Do the card's issuer and the SAM's belong together (D20, D21, D38)? Off line: the SAM carries its issuer's
//! certificate, and who has the ministry's public key can check both.

use cardlib_card::cert::{IssuerCertificate, Mark, SamCertificate};
use cardlib_card::element::{self, ElementType};
use cardlib_card::gm::sm2::VerifyingKey;
use cardlib_terminal::CardFacts;

/// The SAM's two certificates as they lie in it.
pub struct SamPapers {
    pub issuer: Vec<u8>,
    pub own: Vec<u8>,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// All is right; whose mark it is, and whether the ministry's key confirmed it.
    Right { mark: Mark, by_root: bool },
    /// The card's certificate is none, or not of the issuer that the card names.
    Card,
    /// The SAM's certificates do not belong together.
    Sam,
    /// Card and SAM are of different worlds.
    Mixed { card: Mark, sam: Mark },
}

/// Compares the papers; `root` is the ministry's public key where the terminal has it.
#[must_use]
pub fn compare(card: &CardFacts, sam: &SamPapers, root: Option<&VerifyingKey>) -> Found {
    let Some(sam_mark) = sam_mark(sam, root) else {
        return Found::Sam;
    };
    let Ok(certificate) = IssuerCertificate::parse_unverified(&card.issuer_certificate) else {
        return Found::Card;
    };
    let mark = certificate.body.mark;
    if mark != sam_mark {
        return Found::Mixed {
            card: mark,
            sam: sam_mark,
        };
    }
    let named = element::encode(
        ElementType::Cn,
        certificate.body.issuer_code.len(),
        &card.issuer_code,
    );
    if named.as_deref() != Ok(certificate.body.issuer_code.as_slice()) {
        return Found::Card;
    }
    match root {
        Some(root) if IssuerCertificate::verify(&card.issuer_certificate, root, mark).is_err() => {
            Found::Card
        }
        Some(_) => Found::Right {
            mark,
            by_root: true,
        },
        None => Found::Right {
            mark,
            by_root: false,
        },
    }
}

/// The mark of a SAM whose own certificate is signed by the issuer whose certificate lies beside it.
fn sam_mark(sam: &SamPapers, root: Option<&VerifyingKey>) -> Option<Mark> {
    let issuer = IssuerCertificate::parse_unverified(&sam.issuer).ok()?;
    let mark = issuer.body.mark;
    if let Some(root) = root {
        IssuerCertificate::verify(&sam.issuer, root, mark).ok()?;
    }
    SamCertificate::verify(&sam.own, &issuer.public_key, mark).ok()?;
    Some(mark)
}
