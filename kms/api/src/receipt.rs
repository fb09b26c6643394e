//! What a key service certifies about a script it made, for the registry: the station carries it there and cannot change it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Purpose under which receipts are signed ([`kms_platform::notary`]).
pub const PURPOSE: &str = "rhc-card-receipt-1";

/// The text of a receipt: a script went out for this chip with this content. Names no person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardReceipt {
    /// TEST, DEMO or PRODUCTION.
    pub mark: String,
    /// Card factor, hexadecimal.
    pub factor: String,
    /// 发卡序列号 in the content (element 10).
    pub serial: String,
    /// SM3 of the content's canonical bytes, without the security code, hexadecimal.
    pub data_hash: String,
    /// SM3 over the script's commands, hexadecimal.
    pub script_digest: String,
    /// The request it answers.
    pub request_id: Uuid,
    /// When, UTC.
    pub at: String,
}
