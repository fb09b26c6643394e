//! What is asked, as the exact text that an approver reads, and what an approver's device signs.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sm3::{Digest, Sm3};
use thiserror::Error;

use super::Rule;
use crate::approval::OfficerSignature;
use crate::port::Mark;
use crate::tier::Tier;

/// Longer texts are shown by their beginning and their hash; the hash binds the whole.
const SHOWN: usize = 4096;

/// A request that waits for signatures. Its [`Request::text`] is what counts; nothing else is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Unique.
    pub id: String,
    /// Row of the policy table.
    pub operation: String,
    /// Where.
    pub tier: Tier,
    /// Of which world.
    pub mark: Mark,
    /// Fingerprint of the HSM that executes it.
    #[serde(with = "hex")]
    pub hsm: [u8; 32],
    /// Who asks: here first, then below.
    pub requesters: Vec<String>,
    /// Seconds since 1970.
    pub created: u64,
    /// Signatures after this moment count no more.
    pub expires: u64,
    /// What is done, in words and data.
    pub subject: String,
    /// The HSM's orders, exactly as they will be executed.
    pub orders: Vec<String>,
}

impl Request {
    /// The canonical text.
    #[must_use]
    pub fn text(&self, rule: &Rule) -> String {
        let mut text = String::from("rhc-kms approval request 1\n");
        let roles: Vec<&str> = rule.approve.iter().map(|role| role.as_str()).collect();
        let mut line = |name: &str, value: &str| {
            // Values may come from another tier: none of them begins a line of its own.
            let _ = writeln!(text, "{name}: {}", value.replace(['\n', '\r'], " "));
        };
        line("request", &self.id);
        line("operation", &self.operation);
        line("tier", &format!("{} {}", self.tier, self.mark));
        line("hsm", &hex::encode_upper(self.hsm));
        line("asked by", &quoted(&self.requesters));
        line("asked", &moment(self.created));
        line("expires", &moment(self.expires));
        line(
            "signatures",
            &format!("{} of {}", rule.approvers, roles.join(", ")),
        );
        line("what", &shown(&self.subject));
        for (number, order) in (1..).zip(&self.orders) {
            line(&format!("order {number}"), &shown(order));
        }
        text
    }

    /// SM3 of the canonical text.
    #[must_use]
    pub fn hash(&self, rule: &Rule) -> [u8; 32] {
        Sm3::digest(self.text(rule)).into()
    }
}

fn quoted(names: &[String]) -> String {
    serde_json::to_string(names).unwrap_or_default()
}

fn moment(seconds: u64) -> String {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .map_or_else(|| seconds.to_string(), |at| at.to_string())
}

fn shown(text: &str) -> String {
    if text.len() <= SHOWN {
        return text.to_owned();
    }
    let cut = text.floor_char_boundary(256);
    format!(
        "{}… ({} bytes, SM3 {})",
        &text[..cut],
        text.len(),
        hex::encode_upper(Sm3::digest(text))
    )
}

/// What a device signs for a request: words that nothing else begins with, and the hash.
#[must_use]
pub fn statement(hash: &[u8; 32]) -> String {
    format!("rhc-kms approves {}", hex::encode_upper(hash))
}

/// An approver's own device. A key file under a passphrase is the first; a smart card and WebAuthn come with the console.
pub trait Signer {
    /// Whose it is.
    fn name(&self) -> &str;

    /// SM2 signature r‖s over the message, ZA of the default identity.
    ///
    /// # Errors
    /// The device does not sign.
    fn sign_message(&self, message: &[u8]) -> Result<[u8; 64], DeviceError>;
}

/// A device that does not sign.
#[derive(Debug, Error)]
#[error("the officer's device does not sign: {0}")]
pub struct DeviceError(pub String);

/// One person's signatures: over the request's hash, and over each order for the HSM, which verifies them itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The request's id.
    pub request: String,
    /// Who signs.
    pub officer: String,
    /// Over [`statement`].
    #[serde(with = "hex")]
    pub signature: [u8; 64],
    /// Over each order's text.
    pub orders: Vec<OrderSignature>,
}

/// r‖s over one order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderSignature(#[serde(with = "hex")] pub [u8; 64]);

impl Approval {
    /// Signs a request with a device.
    ///
    /// # Errors
    /// The device does not sign.
    pub fn sign(request: &Request, rule: &Rule, device: &dyn Signer) -> Result<Self, DeviceError> {
        let signature = device.sign_message(statement(&request.hash(rule)).as_bytes())?;
        let orders = request.orders.iter().map(|order| {
            let signed = device.sign_message(order.as_bytes())?;
            Ok(OrderSignature(signed))
        });
        Ok(Self {
            request: request.id.clone(),
            officer: device.name().to_owned(),
            signature,
            orders: orders.collect::<Result<_, DeviceError>>()?,
        })
    }

    /// The signature over one order, as the HSM takes it.
    #[must_use]
    pub fn order(&self, number: usize) -> Option<OfficerSignature> {
        Some(OfficerSignature {
            officer: self.officer.clone(),
            signature: self.orders.get(number)?.0,
        })
    }
}
