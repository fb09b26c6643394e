//! What a lower tier sends up, and what comes back beside the keys.

use cardlib_card::cert::Mark;
use serde::{Deserialize, Serialize};
use sm3::{Digest, Sm3};
use uuid::Uuid;

use super::{HandDownError, admit};
use crate::tier::Tier;

const REQUEST_FORMAT: &str = "rhc-hand-down-request-1";
const PAYLOAD_FORMAT: &str = "rhc-hand-down-payload-1";

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

    /// Reads what a package carries and checks that it is for us, and answers one of the requests that may be answered.
    ///
    /// # Errors
    /// [`HandDownError`] names what does not fit.
    pub fn parse(bytes: &[u8], tier: &Tier, asked: &[Uuid]) -> Result<Self, HandDownError> {
        let payload: Self =
            serde_json::from_slice(bytes).map_err(|_| HandDownError::Form("hand-down package"))?;
        if payload.format != PAYLOAD_FORMAT {
            return Err(HandDownError::Form("hand-down package"));
        }
        if payload.to != *tier {
            return Err(HandDownError::OtherReceiver(payload.to.to_string()));
        }
        if !asked.contains(&payload.request) {
            return Err(HandDownError::Unasked);
        }
        Ok(payload)
    }
}
