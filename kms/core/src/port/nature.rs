//! What stands behind the port, and which of its rules the HSM keeps itself.

use serde::Serialize;

/// Who sees to a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keeper {
    /// The HSM: whoever holds the key service's machine cannot go round it.
    Hsm,
    /// The key service, because the HSM knows no such thing: whoever holds its credentials can.
    KeyService,
    /// Nobody.
    Nobody,
}

/// An adapter with its HSM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Nature {
    /// `sim`, `sdf`, `pkcs11`.
    pub adapter: &'static str,
    /// Block cipher, hash, signature.
    pub algorithms: &'static str,
    /// Where keys are derived and wrapped.
    pub keys: Keeper,
    /// Depth, ways out, one factor, skeleton policy.
    pub rules: Keeper,
    /// Two officers for an order.
    pub officers: Keeper,
    /// Counts of tickets, and one answer for one request.
    pub counts: Keeper,
    /// Putting a chip's protected commands together.
    pub scripts: Keeper,
    /// A record of its own of what was done.
    pub audit: Keeper,
}

impl Nature {
    /// An HSM that was made for this port and keeps everything itself.
    #[must_use]
    pub fn whole(adapter: &'static str) -> Self {
        Self {
            adapter,
            algorithms: "SM4, SM3, SM2",
            keys: Keeper::Hsm,
            rules: Keeper::Hsm,
            officers: Keeper::Hsm,
            counts: Keeper::Hsm,
            scripts: Keeper::Hsm,
            audit: Keeper::Hsm,
        }
    }
}
