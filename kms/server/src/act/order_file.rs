//! A request for signatures on its way from one officer to the next: exact texts and the signatures so far, as a JSON file.

use kms_core::policy::{Approval, Request, Rule, Signer};
use serde::{Deserialize, Serialize};

use super::Act;
use crate::refusal::{self, Refusal, Result};
use crate::refuse;

const FORMAT: &str = "rhc-kms-order-2";

/// What is asked with its texts for the HSM, and who has signed.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderFile {
    format: String,
    act: Act,
    request: Request,
    approvals: Vec<Approval>,
}

impl OrderFile {
    pub(super) fn new(act: Act, request: Request) -> Self {
        Self {
            format: FORMAT.to_owned(),
            act,
            request,
            approvals: Vec::new(),
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
        if matches!(self.act, Act::RawTransport { .. } | Act::Ceremony(_)) {
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

    /// What is signed.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Signatures so far.
    #[must_use]
    pub fn approvals(&self) -> &[Approval] {
        &self.approvals
    }

    /// Names of those who have signed.
    #[must_use]
    pub fn signers(&self) -> String {
        let names: Vec<&str> = self.approvals.iter().map(|a| a.officer.as_str()).collect();
        names.join(",")
    }

    /// One more signature that was made elsewhere.
    pub(crate) fn add(&mut self, approval: Approval) {
        self.approvals.push(approval);
    }

    /// Signs with an officer's device.
    ///
    /// # Errors
    /// The device does not sign.
    pub fn sign(&mut self, rule: &Rule, device: &dyn Signer) -> Result<()> {
        let approval = Approval::sign(&self.request, rule, device)
            .map_err(|e| Refusal::about(&refusal::INVALID, e.to_string()))?;
        self.approvals.push(approval);
        Ok(())
    }
}
