//! Values that interoperation needs and no public source gives; each says which decision fixed it.

use serde::Deserialize;

/// One assumed value with its clause.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assumed<T> {
    pub value: T,
    pub clause: String,
}

/// The table `[assumed]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssumedValues {
    /// Consecutive wrong MACs until the application blocks itself.
    pub mac_error_limit: Assumed<u8>,
    /// Consecutive wrong external authentications until a key version blocks.
    pub key_error_limit: Assumed<u8>,
    /// Version that flows use of a key with several groups.
    pub flow_version: Assumed<u8>,
    /// Version byte of a key with one group.
    pub single_version: Assumed<u8>,
    pub sam_pin_tries: Assumed<u8>,
    pub sam_pin_digits: Assumed<u8>,
    /// Most bytes that a client asks for or sends in one binary command.
    pub client_chunk: Assumed<u8>,
    /// Shortest and longest name that SELECT takes.
    pub name_min: Assumed<u8>,
    pub name_max: Assumed<u8>,
    /// P2 with which P1 of READ RECORD is a tag.
    pub tag_addressed_p2: Assumed<u8>,
    /// 规范版本 of the cards.
    pub spec_version: Assumed<String>,
    /// Version byte in the SAM's public file.
    pub sam_version: Assumed<u8>,
}
