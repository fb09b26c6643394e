//! An order on its way from one officer to the next: exact texts and the signatures so far, as a JSON file.

use kms_core::approval::OfficerSignature;
use kms_hsm::officer::OfficerFile;
use serde::{Deserialize, Serialize};

use super::{Act, Signatures};
use crate::refusal::{self, Result};
use crate::refuse;

const FORMAT: &str = "rhc-kms-order-1";

/// Texts for the HSM, what they are for, and who has signed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderFile {
    format: String,
    act: Act,
    expires: u64,
    orders: Vec<Signed>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    text: String,
    signatures: Signatures,
}

impl OrderFile {
    pub(super) fn new(act: Act, expires: u64, texts: Vec<String>) -> Self {
        let orders = texts
            .into_iter()
            .map(|text| Signed {
                text,
                signatures: Vec::new(),
            })
            .collect();
        Self {
            format: FORMAT.to_owned(),
            act,
            expires,
            orders,
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It is no order file.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let file: Option<Self> = serde_json::from_slice(text).ok();
        file.filter(|file| file.format == FORMAT).ok_or_else(|| {
            refuse!(
                &refusal::INVALID,
                "not an order file of rhc-kms",
                "不是 rhc-kms 的指令文件"
            )
        })
    }

    /// As a file's text.
    ///
    /// # Errors
    /// An order that carries a key in the clear is never written.
    pub fn to_json(&self) -> Result<String> {
        if matches!(self.act, Act::RawTransport { .. }) {
            return Err(refuse!(
                &refusal::INVALID,
                "a key in the clear does not go into an order file; use --as twice",
                "明文密钥不得写入指令文件，请两次使用 --as"
            ));
        }
        Ok(serde_json::to_string_pretty(self)?)
    }

    /// What it is for.
    #[must_use]
    pub fn act(&self) -> &Act {
        &self.act
    }

    /// The texts, as the officers read them.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        self.orders.iter().map(|order| order.text.clone()).collect()
    }

    /// Names of those who have signed.
    #[must_use]
    pub fn signers(&self) -> String {
        let first = self
            .orders
            .first()
            .map(|order| order.signatures.as_slice())
            .unwrap_or_default();
        first
            .iter()
            .map(|signature| signature.officer.as_str())
            .collect::<Vec<_>>()
            .join(",")
    }

    pub(super) fn expires(&self) -> u64 {
        self.expires
    }

    pub(super) fn signed(&self) -> impl Iterator<Item = (&str, &[OfficerSignature])> {
        self.orders
            .iter()
            .map(|order| (order.text.as_str(), order.signatures.as_slice()))
    }

    /// Adds an officer's signature to every text.
    ///
    /// # Errors
    /// The key does not sign.
    pub fn sign(&mut self, officer: &OfficerFile) -> Result<()> {
        for order in &mut self.orders {
            order.signatures.push(officer.sign(&order.text)?);
        }
        Ok(())
    }
}
