//! Taking in makers' delivery lists (D44) and, with two officers, makers' keys.

use cardlib_card::delivery::{self, DeliveryList, test_maker_label};
use cardlib_card::gm::sm2::{SigningKey, VerifyingKey};
use kms_core::handdown::{admit, file_fingerprint};
use kms_core::policy::Signer;
use kms_core::port::Mark;

use crate::records::{chips, people};
use crate::refusal::{self, Refusal, Result};
use crate::refuse;
use crate::service::Service;

/// What an import brought.
#[derive(Debug, serde::Serialize)]
pub struct Imported {
    /// Vendor code.
    pub maker: String,
    /// Number of the list.
    pub sequence: u64,
    /// `card` or `sam`.
    pub kind: String,
    /// Items of the list.
    pub items: usize,
    /// False when the very list was there already.
    pub new: bool,
}

impl Service {
    /// Takes a list and its signature. A maker seen for the first time needs their key and two officers, except the public
    /// test maker's key (D42) in a TEST store.
    ///
    /// # Errors
    /// Signature, form, mark or maker are not right; nothing was taken.
    pub async fn import_delivery(
        &self,
        list: &[u8],
        signature: &str,
        maker_key: Option<[u8; 64]>,
        officers: &[&dyn Signer],
    ) -> Result<Imported> {
        self.may("delivery.import", "operator").await?;
        let done = self
            .try_delivery(list, signature, maker_key, officers)
            .await;
        match done {
            Ok(done) => Ok(done),
            Err(refusal) => Err(self
                .refused("operator", "delivery.import", "", refusal)
                .await),
        }
    }

    async fn try_delivery(
        &self,
        list: &[u8],
        signature: &str,
        maker_key: Option<[u8; 64]>,
        officers: &[&dyn Signer],
    ) -> Result<Imported> {
        let refused = |e: &dyn std::fmt::Display| Refusal::about(&refusal::DELIVERY, e.to_string());
        let claimed: DeliveryList =
            serde_json::from_slice(list).map_err(|_| refused(&"not a delivery list"))?;
        let vendor = claimed.maker.to_ascii_uppercase();
        let (key, approvers) = self.maker_key(&vendor, maker_key, officers).await?;
        let verifying = VerifyingKey::from_bytes(&key).map_err(|e| refused(&e))?;
        let list_read =
            delivery::verify(list, signature, &vendor, &verifying).map_err(|e| refused(&e))?;
        admit(self.mark, list_read.mark)?;
        let digest = hex::encode_upper(file_fingerprint(list));
        let mut tx = self.begin().await?;
        let detail = serde_json::json!({ "maker": vendor, "digest": digest, "items": list_read.items.len() });
        let object = format!("{vendor} {}", list_read.sequence);
        let begun = self
            .before(&mut tx, "operator", "delivery.import", &object, &detail)
            .await?;
        if let Some(approvers) = approvers {
            people::add_maker(&mut tx, &vendor, &key, &approvers).await?;
        }
        let new = chips::add_list(&mut tx, &list_read, &digest, &self.now()).await?;
        self.after(&mut tx, begun, &kms_platform::audit::Outcome::Done)
            .await?;
        self.commit(tx).await?;
        let kind = if list_read.kind == delivery::Kind::Sam {
            "sam"
        } else {
            "card"
        };
        Ok(Imported {
            maker: vendor,
            sequence: list_read.sequence,
            kind: kind.into(),
            items: list_read.items.len(),
            new,
        })
    }

    /// The key to check with, and for a new one by whom it was approved.
    async fn maker_key(
        &self,
        vendor: &str,
        given: Option<[u8; 64]>,
        officers: &[&dyn Signer],
    ) -> Result<([u8; 64], Option<String>)> {
        let known = {
            let mut conn = self.store.pool().acquire().await?;
            people::maker(&mut conn, vendor).await?
        };
        if let Some(known) = known {
            return match given {
                Some(given) if given != known => Err(refuse!(
                    &refusal::MAKER,
                    "maker {vendor} has another key here",
                    "本处登记的卡商 {vendor} 公钥不同"
                )),
                _ => Ok((known, None)),
            };
        }
        let test = SigningKey::from_label(test_maker_label(vendor).as_bytes())
            .ok()
            .map(|key| key.verifying_key().to_bytes());
        if self.mark == Mark::Test
            && (given.is_none() || given == test)
            && let Some(test) = test
        {
            return Ok((test, Some("public test key".to_owned())));
        }
        let given = given.ok_or_else(|| {
            refuse!(
                &refusal::MAKER,
                "maker {vendor} was never seen here",
                "本处从未登记卡商 {vendor}"
            )
        })?;
        let act = format!(
            "rhc-kms maker {vendor} {} {}",
            hex::encode_upper(given),
            self.mark
        );
        let permit = self
            .admit_paper("maker.add", Vec::new(), act, officers)
            .await?;
        Ok((given, Some(permit.names())))
    }
}
