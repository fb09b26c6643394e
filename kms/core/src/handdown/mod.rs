//! Keys from one tier to the next: the lower asks, two officers above grant, two below import (D27).
//!
//! The request names the HSM that two officers have enrolled before, the lower tier's certificate request and, from a
//! province, its issuer public key. What comes back travels inside the HSM's signed package: keys and a [`Payload`].

mod peer;
mod request;

use cardlib_card::cert::Mark;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use peer::{Holder, PeerFile, peer_name, spoken};
pub use request::{Payload, Request, file_fingerprint};

/// A refusal, by name.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum HandDownError {
    /// Not the file that was expected.
    #[error("not a {0} file, or damaged: export it again")]
    Form(&'static str),
    /// TEST, DEMO and PRODUCTION never mix (D38).
    #[error("mark-mismatch: this store is {ours}, what came is {theirs}")]
    Mark {
        /// Our mark.
        ours: Mark,
        /// The other's.
        theirs: Mark,
    },
    /// Keys go one tier down only.
    #[error("wrong-tier: {ours} does not hand keys to {theirs}")]
    Tier {
        /// Here.
        ours: String,
        /// There.
        theirs: String,
    },
    /// The fingerprint is not that of the two keys.
    #[error(
        "fingerprint-mismatch: the file's fingerprint is not that of its keys; export it again"
    )]
    Fingerprint,
    /// The request's HSM was never enrolled, or another was.
    #[error(
        "hsm-not-enrolled: the HSM of {0} is not the one that two officers confirmed; run `rhc-kms hsm enrol` and `hsm confirm`"
    )]
    NotEnrolled(String),
    /// An answer that nobody asked for.
    #[error(
        "request-unknown: the package answers a request that this service did not make, or that was answered already"
    )]
    Unasked,
    /// A package for another tier.
    #[error("wrong-receiver: the package is for {0}")]
    OtherReceiver(String),
    /// A province's request without its issuer key.
    #[error(
        "the request of a province lacks its issuer public key; make it with `rhc-kms request`"
    )]
    IssuerKey,
}

/// Where a grant stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum GrantState {
    /// Waits for the two officers.
    Requested,
    /// The issuer certificate is signed, the package not yet made.
    Certified {
        /// D20.
        #[serde(with = "hex")]
        issuer_certificate: Vec<u8>,
    },
    /// The package is made.
    Granted {
        /// The two officers.
        approvers: String,
    },
}

/// Refuses another mark (D38).
///
/// # Errors
/// [`HandDownError::Mark`].
pub fn admit(ours: Mark, theirs: Mark) -> Result<(), HandDownError> {
    if ours == theirs {
        Ok(())
    } else {
        Err(HandDownError::Mark { ours, theirs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::HsmIdentity;
    use crate::tier::Tier;
    use sm3::{Digest, Sm3};
    use uuid::Uuid;

    fn hsm(mark: Mark) -> HsmIdentity {
        let fingerprint = Sm3::new()
            .chain_update([1; 64])
            .chain_update([2; 64])
            .finalize()
            .into();
        HsmIdentity {
            fingerprint,
            mark,
            signing_key: [1; 64],
            encryption_key: [2; 64],
            officers: vec![],
            policy: None,
            ceremonies: (0, [0; 32]),
            simulator: true,
        }
    }

    fn tier(name: &str, area: &str) -> Tier {
        Tier::new(name, area).unwrap()
    }

    #[test]
    fn a_peer_file_with_a_changed_key_or_mark_is_refused() {
        let file = PeerFile::new(&tier("province", "41"), &hsm(Mark::Test));
        let text = serde_json::to_string(&file).unwrap();
        assert_eq!(PeerFile::parse(text.as_bytes(), Mark::Test).unwrap(), file);
        let changed = text.replacen("0101", "0102", 1);
        assert_eq!(
            PeerFile::parse(changed.as_bytes(), Mark::Test),
            Err(HandDownError::Fingerprint)
        );
        assert!(matches!(
            PeerFile::parse(text.as_bytes(), Mark::Demo),
            Err(HandDownError::Mark { .. })
        ));
        assert!(matches!(
            PeerFile::parse(b"{}", Mark::Test),
            Err(HandDownError::Form(_))
        ));
    }

    #[test]
    fn a_request_is_answered_one_tier_up_for_the_enrolled_hsm_only() {
        let province = tier("province", "41");
        let request = Request::new(
            Uuid::from_u128(1),
            Mark::Test,
            province,
            "li".into(),
            [9; 32],
            "csr".into(),
            Some([3; 64]),
        );
        let text = serde_json::to_vec(&request).unwrap();
        assert_eq!(
            Request::parse(&text, Mark::Test, &Tier::Ministry, Some(&[9; 32])).unwrap(),
            request
        );
        let refused = |mark, tier: &Tier, enrolled: Option<[u8; 32]>| {
            Request::parse(&text, mark, tier, enrolled.as_ref()).unwrap_err()
        };
        assert!(matches!(
            refused(Mark::Demo, &Tier::Ministry, Some([9; 32])),
            HandDownError::Mark { .. }
        ));
        assert!(matches!(
            refused(Mark::Test, &tier("province", "42"), Some([9; 32])),
            HandDownError::Tier { .. }
        ));
        assert!(matches!(
            refused(Mark::Test, &Tier::Ministry, Some([8; 32])),
            HandDownError::NotEnrolled(_)
        ));
        assert!(matches!(
            refused(Mark::Test, &Tier::Ministry, None),
            HandDownError::NotEnrolled(_)
        ));
    }

    #[test]
    fn a_package_answers_the_outstanding_request_of_its_receiver() {
        let province = tier("province", "41");
        let request = Request::new(
            Uuid::from_u128(1),
            Mark::Test,
            province.clone(),
            "li".into(),
            [9; 32],
            "csr".into(),
            Some([3; 64]),
        );
        let payload = Payload::new(
            &request,
            Tier::Ministry,
            "chain".into(),
            "root".into(),
            vec![1; 180],
            vec![2; 64],
        );
        let bytes = serde_json::to_vec(&payload).unwrap();
        assert_eq!(
            Payload::parse(&bytes, &province, &[Uuid::from_u128(2), request.id]).unwrap(),
            payload
        );
        assert_eq!(
            Payload::parse(&bytes, &province, &[]),
            Err(HandDownError::Unasked)
        );
        assert_eq!(
            Payload::parse(&bytes, &province, &[Uuid::from_u128(2)]),
            Err(HandDownError::Unasked)
        );
        let other = Payload::parse(&bytes, &tier("province", "42"), &[request.id]);
        assert_eq!(
            other,
            Err(HandDownError::OtherReceiver("province 41".into()))
        );
    }
}
