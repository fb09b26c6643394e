//! Keys from one tier to the next: the lower asks, two officers above grant, two below import (D27).
//!
//! The request names the HSM that two officers have enrolled before, the lower tier's certificate request and, from a
//! province, its issuer public key. What comes back travels inside the HSM's signed package: keys and a [`Payload`].

use cardlib_card::cert::Mark;
use serde::{Deserialize, Serialize};
use sm3::{Digest, Sm3};
use thiserror::Error;
use uuid::Uuid;

use crate::port::{HsmIdentity, PeerKind};
use crate::tier::Tier;

const PEER_FORMAT: &str = "rhc-hsm-peer-1";
const REQUEST_FORMAT: &str = "rhc-hand-down-request-1";
const PAYLOAD_FORMAT: &str = "rhc-hand-down-payload-1";

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

/// Whose HSM a peer is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Holder {
    /// Another tier's.
    Tier(Tier),
    /// A card maker's, by vendor code: it sends transport keys only.
    Maker(String),
}

/// What `rhc-kms hsm info` exports and `hsm enrol` takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerFile {
    format: String,
    /// Whose HSM it is.
    pub holder: Holder,
    /// Mark of its HSM.
    pub mark: Mark,
    /// SM3 over both keys.
    #[serde(with = "hex")]
    pub fingerprint: [u8; 32],
    /// X‖Y, signs packages.
    #[serde(with = "hex")]
    pub signing_key: [u8; 64],
    /// X‖Y, receives envelopes.
    #[serde(with = "hex")]
    pub encryption_key: [u8; 64],
    /// Software.
    pub simulator: bool,
}

impl PeerFile {
    /// Our own.
    #[must_use]
    pub fn new(tier: &Tier, hsm: &HsmIdentity) -> Self {
        Self::of(Holder::Tier(tier.clone()), hsm)
    }

    /// A maker's, from what its HSM says of itself.
    ///
    /// # Errors
    /// The fingerprint is not that of the keys, or it is of another mark.
    pub fn of_maker(vendor: [u8; 2], hsm: &HsmIdentity, ours: Mark) -> Result<Self, HandDownError> {
        Self::of(Holder::Maker(hex::encode_upper(vendor)), hsm).checked(ours)
    }

    fn of(holder: Holder, hsm: &HsmIdentity) -> Self {
        Self {
            format: PEER_FORMAT.to_owned(),
            holder,
            mark: hsm.mark,
            fingerprint: hsm.fingerprint,
            signing_key: hsm.signing_key,
            encryption_key: hsm.encryption_key,
            simulator: hsm.simulator,
        }
    }

    /// Reads another's.
    ///
    /// # Errors
    /// Not such a file, or a fingerprint that is not that of the keys, or another mark.
    pub fn parse(text: &[u8], ours: Mark) -> Result<Self, HandDownError> {
        let file: Self =
            serde_json::from_slice(text).map_err(|_| HandDownError::Form("HSM peer"))?;
        if file.format != PEER_FORMAT {
            return Err(HandDownError::Form("HSM peer"));
        }
        file.checked(ours)
    }

    fn checked(self, ours: Mark) -> Result<Self, HandDownError> {
        let digest: [u8; 32] = Sm3::new()
            .chain_update(self.signing_key)
            .chain_update(self.encryption_key)
            .finalize()
            .into();
        if digest != self.fingerprint {
            return Err(HandDownError::Fingerprint);
        }
        admit(ours, self.mark)?;
        Ok(self)
    }

    /// Name under which the peer is enrolled: `ministry`, `province-41`, `maker-4844`.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.holder {
            Holder::Tier(tier) => peer_name(tier),
            Holder::Maker(vendor) => format!("maker-{vendor}"),
        }
    }

    /// How this HSM stands to the service of `ours`; none when the two exchange no keys.
    #[must_use]
    pub fn kind_at(&self, ours: &Tier) -> Option<PeerKind> {
        match &self.holder {
            Holder::Maker(_) => Some(PeerKind::Maker),
            Holder::Tier(tier) if ours.is_directly_above(tier) => Some(PeerKind::Lower),
            Holder::Tier(tier) if tier.is_directly_above(ours) => Some(PeerKind::Upper),
            Holder::Tier(_) => None,
        }
    }
}

/// Name of a tier's HSM as a peer.
#[must_use]
pub fn peer_name(tier: &Tier) -> String {
    match tier {
        Tier::Ministry => "ministry".to_owned(),
        _ => format!("{}-{}", tier.name(), tier.area()),
    }
}

/// Groups of four that two people read to each other.
#[must_use]
pub fn spoken(fingerprint: &[u8; 32]) -> String {
    let hex = hex::encode_upper(fingerprint);
    hex.as_bytes()
        .chunks(4)
        .map(|group| String::from_utf8_lossy(group))
        .collect::<Vec<_>>()
        .join(" ")
}

/// What a lower tier asks with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    format: String,
    /// Unique.
    pub id: Uuid,
    /// Mark of the asking store.
    pub mark: Mark,
    /// Who asks.
    pub from: Tier,
    /// The person who asks, as named there.
    pub requester: String,
    /// Fingerprint of the HSM that is to receive.
    #[serde(with = "hex")]
    pub hsm: [u8; 32],
    /// Certificate request of the lower tier's authority, PEM.
    pub csr: String,
    /// X‖Y of a province's issuer key, hexadecimal.
    pub issuer_key: Option<String>,
}

impl Request {
    /// A new request.
    #[must_use]
    pub fn new(
        id: Uuid,
        mark: Mark,
        from: Tier,
        requester: String,
        hsm: [u8; 32],
        csr: String,
        issuer_key: Option<[u8; 64]>,
    ) -> Self {
        let issuer_key = issuer_key.map(hex::encode_upper);
        Self {
            format: REQUEST_FORMAT.to_owned(),
            id,
            mark,
            from,
            requester,
            hsm,
            csr,
            issuer_key,
        }
    }

    /// Reads a request and checks that this tier can answer it.
    ///
    /// # Errors
    /// [`HandDownError`] names what does not fit.
    pub fn parse(
        text: &[u8],
        ours: Mark,
        tier: &Tier,
        enrolled: Option<&[u8; 32]>,
    ) -> Result<Self, HandDownError> {
        let request: Self =
            serde_json::from_slice(text).map_err(|_| HandDownError::Form("hand-down request"))?;
        if request.format != REQUEST_FORMAT {
            return Err(HandDownError::Form("hand-down request"));
        }
        admit(ours, request.mark)?;
        if !tier.is_directly_above(&request.from) {
            return Err(HandDownError::Tier {
                ours: tier.to_string(),
                theirs: request.from.to_string(),
            });
        }
        if enrolled != Some(&request.hsm) {
            return Err(HandDownError::NotEnrolled(request.from.to_string()));
        }
        if matches!(request.from, Tier::Province(_)) && request.issuer_public_key().is_none() {
            return Err(HandDownError::IssuerKey);
        }
        Ok(request)
    }

    /// The issuer key as bytes.
    #[must_use]
    pub fn issuer_public_key(&self) -> Option<[u8; 64]> {
        let mut key = [0; 64];
        hex::decode_to_slice(self.issuer_key.as_deref()?, &mut key).ok()?;
        Some(key)
    }
}

/// What two people compare: SM3 of a file's exact bytes.
#[must_use]
pub fn file_fingerprint(bytes: &[u8]) -> [u8; 32] {
    Sm3::digest(bytes).into()
}

/// What travels beside the keys, under the sender HSM's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    format: String,
    /// The request that is answered.
    pub request: Uuid,
    /// Who sends.
    pub from: Tier,
    /// For whom.
    pub to: Tier,
    /// Certificate chain of the receiver's authority, PEM, without the root.
    pub ca_chain: String,
    /// The country's root, PEM.
    pub anchors: String,
    /// The province's issuer certificate (D20).
    #[serde(with = "hex")]
    pub issuer_certificate: Vec<u8>,
    /// X‖Y of the ministry's root key, to verify it.
    #[serde(with = "hex")]
    pub root_key: Vec<u8>,
}

impl Payload {
    /// For an answer.
    #[must_use]
    pub fn new(
        request: &Request,
        from: Tier,
        ca_chain: String,
        anchors: String,
        issuer_certificate: Vec<u8>,
        root_key: Vec<u8>,
    ) -> Self {
        let (format, to) = (PAYLOAD_FORMAT.to_owned(), request.from.clone());
        Self {
            format,
            request: request.id,
            from,
            to,
            ca_chain,
            anchors,
            issuer_certificate,
            root_key,
        }
    }

    /// Reads what a package carries and checks that it is for us.
    ///
    /// # Errors
    /// [`HandDownError`] names what does not fit.
    pub fn parse(
        bytes: &[u8],
        tier: &Tier,
        outstanding: Option<Uuid>,
    ) -> Result<Self, HandDownError> {
        let payload: Self =
            serde_json::from_slice(bytes).map_err(|_| HandDownError::Form("hand-down package"))?;
        if payload.format != PAYLOAD_FORMAT {
            return Err(HandDownError::Form("hand-down package"));
        }
        if payload.to != *tier {
            return Err(HandDownError::OtherReceiver(payload.to.to_string()));
        }
        if outstanding != Some(payload.request) {
            return Err(HandDownError::Unasked);
        }
        Ok(payload)
    }
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
            Payload::parse(&bytes, &province, Some(request.id)).unwrap(),
            payload
        );
        assert_eq!(
            Payload::parse(&bytes, &province, None),
            Err(HandDownError::Unasked)
        );
        assert_eq!(
            Payload::parse(&bytes, &province, Some(Uuid::from_u128(2))),
            Err(HandDownError::Unasked)
        );
        let other = Payload::parse(&bytes, &tier("province", "42"), Some(request.id));
        assert_eq!(
            other,
            Err(HandDownError::OtherReceiver("province 41".into()))
        );
    }
}
