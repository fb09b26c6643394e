//! Do the card's issuer and the SAM's papers hold (D20, D21, D38, R67)? Off line: the SAM carries its issuer's certificate,
//! and who has the ministry's public key can check both. The TEST root is public and shipped.
//!
//! Dates: the SAM's papers must be valid on the day of the verification, the card's issuer certificate on the day on
//! which the card was issued; the card itself has its own validity (R30).

use cardlib_card::cert::Mark;
use cardlib_card::element::{self, ElementType};
use cardlib_card::profile::Profile;
use cardlib_card::visit::Day;
use cardlib_terminal::papers::{Paper, PapersError, check_issuer, valid_on};
use cardlib_terminal::{Anchors, CardFacts, SamFacts, SamPapers};

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// All is right; whose mark it is, and whether the ministry's key confirmed it.
    Right { mark: Mark, by_root: bool },
    /// The card's certificate is none, not of the issuer that the card names, or was not valid when the card was issued.
    Card,
    /// The SAM's papers do not hold.
    Sam(PapersError),
    /// Card and SAM are of different worlds.
    Mixed { card: Mark, sam: Mark },
}

/// What the terminal knows beside card and SAM.
pub struct Ground<'a> {
    pub profile: &'a Profile,
    pub anchors: &'a Anchors,
    pub today: Day,
}

/// Checks the SAM's papers, then the card's against them.
#[must_use]
pub fn compare(card: &CardFacts, papers: &SamPapers, sam: &SamFacts, ground: &Ground<'_>) -> Found {
    let chain = match papers.check(ground.profile, sam, ground.anchors, ground.today) {
        Ok(chain) => chain,
        Err(cause) => return Found::Sam(cause),
    };
    let algorithm = ground.profile.crypto.signature;
    let Ok((issuer, by_root)) = check_issuer(algorithm, &card.issuer_certificate, ground.anchors)
    else {
        return Found::Card;
    };
    let mark = issuer.body.mark;
    if mark != chain.mark {
        return Found::Mixed {
            card: mark,
            sam: chain.mark,
        };
    }
    let code = issuer.body.issuer_code;
    let named = element::encode(ElementType::Cn, code.len(), &card.issuer_code);
    let issued = card.issued.parse::<Day>();
    let in_time = issued.is_ok_and(|day| valid_on(&issuer.body, Paper::Issuer, day).is_ok());
    if named.as_deref() != Ok(code.as_slice()) || !in_time {
        return Found::Card;
    }
    Found::Right {
        mark,
        by_root: by_root && chain.by_root,
    }
}
