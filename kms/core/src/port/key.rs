//! Keys as attributes: what one is for, where it may go, how deep.

use serde::{Deserialize, Serialize};

/// What a key may be used for; exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyUse {
    /// Diversified, then loaded onto chips.
    Derive,
    /// Opens personalisation sessions.
    SessionBase(BaseClass),
    /// MAC of a text (CVK).
    Mac,
    /// SM2 signatures at the operator's request (issuer key).
    Sign,
    /// SM2 signatures by officers' order only (root key).
    SignByOrder,
}

/// Which sessions a base key opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BaseClass {
    /// Maker's transport key of cards.
    CardTransport,
    /// CMK.
    CardMaster,
    /// Maker's transport key of SAMs.
    SamTransport,
    /// SMK_N, SMK_P.
    SamMaster,
}

/// Ways out of the HSM, each with the least number of diversifications by then; `None`: never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ways {
    /// To another HSM.
    pub hsm: Option<u8>,
    /// To a SAM.
    pub sam: Option<u8>,
    /// To a card.
    pub card: Option<u8>,
}

/// A key to be made or received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySpec {
    /// Id, `RK1_DDF1/1`.
    pub id: String,
    /// Name, `RK1_DDF1`.
    pub name: String,
    /// Version.
    pub version: u8,
    /// Its one use.
    pub usage: KeyUse,
    /// Where it may go.
    pub ways: Ways,
    /// Diversifications behind it.
    pub depth: u8,
    /// SM2 rather than the block cipher.
    pub is_key_pair: bool,
}

/// A key that an HSM holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldKey {
    /// What it is.
    pub spec: KeySpec,
    /// Check value (D8).
    pub check_value: [u8; 3],
    /// X‖Y of a key pair.
    pub public_key: Option<[u8; 64]>,
}
