//! Delivery lists (D44): what a maker says it has delivered, and nobody makes keys for anything else.
//!
//! A list is a JSON text; beside it stands `<file>.sig`, the maker's SM2 signature over the file's exact bytes (ZA of
//! the default identity), `r ‖ s` in hex. [`verify`] looks at the signature first and only then at the text.
//!
//! ```json
//! {"format":"rhc-delivery-list-1","maker":"5454","product":"RHC-SIM","mark":"TEST","sequence":1,
//!  "kind":"card","items":["1122334455667788"]}
//! ```

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use crate::cert::Mark;
use crate::gm::sm2::{SIGNATURE_LEN, SigningKey, Sm2Error, VerifyingKey};

/// The one format there is.
pub const FORMAT: &str = "rhc-delivery-list-1";
/// Text that is longer than this is no delivery list (a million items fit).
const MAX_LEN: usize = 32 * 1024 * 1024;

/// What a list delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Blank user cards, by card factor.
    Card,
    /// Blank SAMs, by chip serial.
    Sam,
}

/// A maker's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryList {
    /// [`FORMAT`].
    pub format: String,
    /// Vendor code, four hex digits, as in the ATR.
    pub maker: String,
    /// Product name.
    pub product: String,
    /// TEST, DEMO or PRODUCTION.
    pub mark: Mark,
    /// Number of this list at this maker, from 1.
    pub sequence: u64,
    /// Cards or SAMs.
    pub kind: Kind,
    /// Card factors or chip serials, 16 hex digits each.
    pub items: Vec<String>,
}

/// Why a list was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DeliveryError {
    /// `.sig` is not 128 hex digits.
    #[error("the signature file must hold 128 hex digits: r and s")]
    SignatureForm,
    /// Not signed by this maker, or changed since.
    #[error("the delivery list is not signed by this maker, or was changed after signing")]
    Signature,
    /// Not a delivery list.
    #[error("not a delivery list: {0}")]
    Form(String),
    /// The list names another maker than the key belongs to.
    #[error(
        "the list is by maker {found}, but the signature was checked with the key of {expected}"
    )]
    Maker {
        /// Whose key was used.
        expected: String,
        /// What the list says.
        found: String,
    },
    /// The key does not sign.
    #[error(transparent)]
    Key(#[from] Sm2Error),
}

impl DeliveryError {
    /// The same text for a Chinese reader.
    #[must_use]
    pub fn chinese(&self) -> String {
        match self {
            Self::SignatureForm => "签名文件须为 128 位十六进制数字：r 与 s".to_owned(),
            Self::Signature => "交货清单不是该厂商签名的，或签名后被改动".to_owned(),
            Self::Form(what) => format!("不是有效的交货清单：{what}"),
            Self::Maker { expected, found } => {
                format!("清单属于厂商 {found}，而验签用的是厂商 {expected} 的密钥")
            }
            Self::Key(_) => "密钥不可用于 SM2 签名".to_owned(),
        }
    }
}

impl DeliveryList {
    /// A list in its canonical form (items upper case), checked.
    ///
    /// # Errors
    /// [`DeliveryError::Form`] names what is wrong.
    pub fn new(
        maker: &str,
        product: &str,
        mark: Mark,
        sequence: u64,
        kind: Kind,
        items: &[[u8; 8]],
    ) -> Result<Self, DeliveryError> {
        let list = Self {
            format: FORMAT.to_owned(),
            maker: maker.to_ascii_uppercase(),
            product: product.to_owned(),
            mark,
            sequence,
            kind,
            items: items.iter().map(hex::encode_upper).collect(),
        };
        list.check()?;
        Ok(list)
    }

    /// The file's text.
    ///
    /// # Errors
    /// [`DeliveryError::Form`] if it cannot be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, DeliveryError> {
        let mut text =
            serde_json::to_vec_pretty(self).map_err(|e| DeliveryError::Form(e.to_string()))?;
        text.push(b'\n');
        Ok(text)
    }

    /// The delivered factors or serials as bytes.
    pub fn factors(&self) -> impl Iterator<Item = [u8; 8]> + '_ {
        self.items.iter().filter_map(|item| factor(item))
    }

    fn check(&self) -> Result<(), DeliveryError> {
        let form = |ok: bool, what: &str| {
            if ok {
                Ok(())
            } else {
                Err(DeliveryError::Form(what.to_owned()))
            }
        };
        form(
            self.format == FORMAT,
            "the format must be rhc-delivery-list-1",
        )?;
        form(
            self.maker.len() == 4 && self.maker.bytes().all(|b| b.is_ascii_hexdigit()),
            "the maker must be four hex digits",
        )?;
        form(
            !self.product.trim().is_empty(),
            "the product must have a name",
        )?;
        form(self.sequence > 0, "the sequence number starts at 1")?;
        form(!self.items.is_empty(), "there are no items")?;
        let mut seen = HashSet::new();
        for (index, item) in self.items.iter().enumerate() {
            let Some(factor) = factor(item) else {
                let text = format!("item {} is not 16 hex digits", index + 1);
                return Err(DeliveryError::Form(text));
            };
            form(
                seen.insert(factor),
                &format!("item {} stands there twice", index + 1),
            )?;
        }
        Ok(())
    }
}

/// Signs the exact bytes of a list's file; the answer is the text of `<file>.sig`.
///
/// # Errors
/// [`DeliveryError::Key`] if the key cannot sign.
pub fn sign(file: &[u8], maker_key: &SigningKey) -> Result<String, DeliveryError> {
    Ok(hex::encode(maker_key.sign_message(file)?))
}

/// Reads a list that this maker signed.
///
/// `maker` is the vendor code that `key` belongs to: a list signed by one maker cannot speak for another.
///
/// # Errors
/// The signature, then the form, then the maker.
pub fn verify(
    file: &[u8],
    signature_hex: &str,
    maker: &str,
    key: &VerifyingKey,
) -> Result<DeliveryList, DeliveryError> {
    let mut signature = [0u8; SIGNATURE_LEN];
    hex::decode_to_slice(signature_hex.trim(), &mut signature)
        .map_err(|_| DeliveryError::SignatureForm)?;
    key.verify_message(file, &signature)
        .map_err(|_| DeliveryError::Signature)?;
    if file.len() > MAX_LEN {
        return Err(DeliveryError::Form("the file is too long".to_owned()));
    }
    let list: DeliveryList =
        serde_json::from_slice(file).map_err(|e| DeliveryError::Form(e.to_string()))?;
    list.check()?;
    if !list.maker.eq_ignore_ascii_case(maker) {
        return Err(DeliveryError::Maker {
            expected: maker.to_owned(),
            found: list.maker,
        });
    }
    Ok(list)
}

/// The public key label of a test maker (D42): give it to [`SigningKey::from_label`].
#[must_use]
pub fn test_maker_label(maker: &str) -> String {
    format!("RHC-TEST-SM2-MAKER-{}", maker.to_ascii_uppercase())
}

fn factor(item: &str) -> Option<[u8; 8]> {
    let mut bytes = [0u8; 8];
    hex::decode_to_slice(item, &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests;
