//! Another HSM as a file: public keys and the fingerprint that two people compare by voice.

use cardlib_card::cert::Mark;
use serde::{Deserialize, Serialize};
use sm3::{Digest, Sm3};

use super::{HandDownError, admit};
use crate::port::{HsmIdentity, PeerKind};
use crate::tier::Tier;

const PEER_FORMAT: &str = "rhc-hsm-peer-1";

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
