//! What an HSM asks of an order, for adapters whose machine cannot check it itself: two different officers over the exact
//! bytes. What the key service asks before it passes an order on is decided in [`crate::policy`], and only there.

use cardlib_card::gm::sm2::{SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::policy::same_person;

/// Approvers that an act needs.
pub const APPROVERS: usize = 2;

/// An officer as the service knows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Officer {
    /// Name, unique in this service and its HSM.
    pub name: String,
    /// SM2 public key X‖Y.
    #[serde(with = "hex")]
    pub public_key: [u8; 64],
}

/// One officer's signature over an act's exact bytes (SM2, ZA of the default identity).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfficerSignature {
    /// Who signs.
    pub officer: String,
    /// r‖s.
    #[serde(with = "hex")]
    pub signature: [u8; 64],
}

/// Proof that two officers other than the requester signed exactly these bytes.
#[derive(Debug)]
pub struct Approved {
    signatures: Vec<OfficerSignature>,
}

/// Why an act is not approved, by name.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ApprovalError {
    /// The requester signed their own request.
    #[error("requester-approves: {0} asked for this and cannot approve it; another officer must")]
    RequesterApproves(String),
    /// Nobody is named as the requester, so nobody could be kept from approving.
    #[error("requester-unnamed: name the person who asks (--by NAME)")]
    RequesterUnnamed,
    /// Too few different officers.
    #[error(
        "two-officers-needed: {0} officer(s) signed; a second, different officer must sign the same bytes"
    )]
    TooFew(usize),
    /// One officer signed twice.
    #[error("same-officer-twice: {0} signed twice; the second signature must be another officer's")]
    SameOfficer(String),
    /// Not an officer of this service.
    #[error("unknown-officer: {0} is no officer here; enrol them with `rhc-kms officer add`")]
    UnknownOfficer(String),
    /// The signature is not over these bytes by this officer.
    #[error("bad-signature: the signature of {0} does not fit this act; sign the order again")]
    BadSignature(String),
}

impl Approved {
    /// The signatures, to be passed on to the HSM, which checks them again.
    #[must_use]
    pub fn signatures(&self) -> &[OfficerSignature] {
        &self.signatures
    }

    /// Names of the approvers, for the audit.
    #[must_use]
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.signatures.iter().map(|s| s.officer.as_str()).collect();
        names.join(",")
    }
}

/// Checks the signatures over `act`; none may be by one of the `requesters`.
///
/// # Errors
/// [`ApprovalError`] names the first rule that is broken.
pub fn approve(
    act: &[u8],
    requesters: &[&str],
    signatures: &[OfficerSignature],
    officers: &[Officer],
) -> Result<Approved, ApprovalError> {
    if requesters.iter().any(|name| name.trim().is_empty()) {
        return Err(ApprovalError::RequesterUnnamed);
    }
    for (index, signature) in signatures.iter().enumerate() {
        let name = &signature.officer;
        if requesters.iter().any(|asked| same_person(asked, name)) {
            return Err(ApprovalError::RequesterApproves(name.clone()));
        }
        if signatures
            .iter()
            .take(index)
            .any(|earlier| same_person(&earlier.officer, name))
        {
            return Err(ApprovalError::SameOfficer(name.clone()));
        }
        let officer = officers
            .iter()
            .find(|officer| officer.name == *name)
            .ok_or_else(|| ApprovalError::UnknownOfficer(name.clone()))?;
        VerifyingKey::from_bytes(&officer.public_key)
            .and_then(|key| key.verify_message(act, &signature.signature))
            .map_err(|_| ApprovalError::BadSignature(name.clone()))?;
    }
    if signatures.len() < APPROVERS {
        return Err(ApprovalError::TooFew(signatures.len()));
    }
    Ok(Approved {
        signatures: signatures.to_vec(),
    })
}

/// An officer's signature; the key stays with the officer's tool.
///
/// # Errors
/// Practically never: a digest that the key cannot sign.
pub fn sign(
    act: &[u8],
    officer: &str,
    key: &SigningKey,
) -> Result<OfficerSignature, ApprovalError> {
    let signature = key
        .sign_message(act)
        .map_err(|_| ApprovalError::BadSignature(officer.to_owned()))?;
    Ok(OfficerSignature {
        officer: officer.to_owned(),
        signature,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> SigningKey {
        SigningKey::from_label(name.as_bytes()).unwrap()
    }

    fn officers() -> Vec<Officer> {
        let officer = |name: &str| Officer {
            name: name.into(),
            public_key: key(name).verifying_key().to_bytes(),
        };
        vec![officer("ada"), officer("bei"), officer("cai")]
    }

    fn signed(act: &[u8], name: &str) -> OfficerSignature {
        sign(act, name, &key(name)).unwrap()
    }

    #[test]
    fn two_other_officers_approve() {
        let both = [signed(b"act", "bei"), signed(b"act", "cai")];
        let approved = approve(b"act", &["ada"], &both, &officers()).unwrap();
        assert_eq!(approved.names(), "bei,cai");
        assert_eq!(approved.signatures(), both);
    }

    #[test]
    fn the_requester_one_officer_or_one_twice_do_not() {
        let refused = |names: &[&str], requesters: &[&str]| {
            let signatures: Vec<_> = names.iter().map(|name| signed(b"act", name)).collect();
            approve(b"act", requesters, &signatures, &officers()).unwrap_err()
        };
        assert_eq!(
            refused(&["ada", "bei"], &["ada"]),
            ApprovalError::RequesterApproves("ada".into())
        );
        assert_eq!(
            refused(&["bei", "ada"], &["ada"]),
            ApprovalError::RequesterApproves("ada".into())
        );
        for disguised in ["Ada", " ada", "ADA\n"] {
            assert_eq!(
                refused(&["ada", "bei"], &[disguised]),
                ApprovalError::RequesterApproves("ada".into())
            );
        }
        assert_eq!(
            refused(&["ada", "bei"], &["cai", " "]),
            ApprovalError::RequesterUnnamed
        );
        assert_eq!(refused(&["bei"], &["ada"]), ApprovalError::TooFew(1));
        assert_eq!(refused(&[], &[]), ApprovalError::TooFew(0));
        assert_eq!(
            refused(&["bei", "bei"], &["ada"]),
            ApprovalError::SameOfficer("bei".into())
        );
        assert_eq!(
            refused(&["bei", "eve"], &[]),
            ApprovalError::UnknownOfficer("eve".into())
        );
    }

    #[test]
    fn a_signature_counts_for_its_bytes_and_its_officer_only() {
        let other_act = [signed(b"act", "bei"), signed(b"Act", "cai")];
        assert_eq!(
            approve(b"act", &[], &other_act, &officers()).unwrap_err(),
            ApprovalError::BadSignature("cai".into())
        );
        let borrowed = OfficerSignature {
            officer: "cai".into(),
            ..signed(b"act", "bei")
        };
        let two = [signed(b"act", "bei"), borrowed];
        assert_eq!(
            approve(b"act", &[], &two, &officers()).unwrap_err(),
            ApprovalError::BadSignature("cai".into())
        );
    }
}
