//! What a SAM's three requests have in common: who may ask, what the chip is bound to, the way from plan to script (D43).

use cardlib_card::dialect::Plan;
use kms_api::Script;
use kms_core::binding::{Binding, ChipClaim, ChipKind};
use kms_core::fill::Job;
use kms_core::port::Target;
use kms_core::ticket::TicketKind;
use kms_core::tier::Factor;
use kms_platform::name::Peer;
use uuid::Uuid;

use super::Intent;
use crate::refusal::{self, Refusal, Result};
use crate::refuse;
use crate::service::Service;

/// What all three requests say of the chip and its purpose.
pub(super) struct Stage<'a> {
    pub(super) act: &'static str,
    pub(super) request_id: Uuid,
    pub(super) ticket: String,
    pub(super) kind: TicketKind,
    pub(super) chip: &'a Factor,
    pub(super) vendor: &'a [u8; 2],
    pub(super) cos_version: u8,
    /// What this SAM is for; another purpose of the same chip is refused.
    pub(super) purpose: String,
    pub(super) province: Factor,
}

impl Service {
    /// Checks who asks and where, makes the plan, records, fills.
    pub(super) async fn stage(
        &self,
        peer: &Peer,
        stage: &Stage<'_>,
        area_digits: &str,
        plan: impl FnOnce() -> Result<Plan>,
    ) -> Result<Script> {
        let made = self
            .only_stations(peer, stage.kind)
            .and_then(|()| self.own_area(peer, area_digits))
            .and_then(|()| plan());
        let plan = match made {
            Ok(plan) => plan,
            Err(refusal) => {
                let object = hex::encode_upper(stage.chip);
                return Err(self
                    .refused(&peer.to_string(), stage.act, &object, refusal)
                    .await);
            }
        };
        let intent = self.intent(stage);
        let begun = self
            .intend(peer, stage.request_id, &intent)
            .await
            .map_err(sam_words)?;
        let job = Job {
            target: Target::Sam,
            request_id: stage.request_id,
            ticket: &stage.ticket,
            mark: self.mark,
            tier: &self.tier,
            province: stage.province,
            chip: *stage.chip,
            vendor: *stage.vendor,
        };
        let script = self.fill(plan, &job).await;
        self.deliver(begun, &intent, script)
            .await
            .map_err(sam_words)
    }

    pub(super) fn intent<'s>(&self, stage: &'s Stage<'_>) -> Intent<'s> {
        Intent {
            act: stage.act,
            ticket: &stage.ticket,
            kind: stage.kind,
            cos_version: stage.cos_version,
            claim: ChipClaim {
                factor: stage.chip,
                kind: ChipKind::Sam,
                vendor: stage.vendor,
                mark: self.mark,
            },
            binding: Binding {
                subject: self.hash_key.hash("sam", stage.purpose.as_bytes()),
                data: self.hash_key.hash("sam-content", b""),
            },
        }
    }

    pub(super) fn provincial<'a>(
        &self,
        act: &'static str,
        (request_id, ticket): (Uuid, String),
        (chip, vendor, cos_version): (&'a Factor, &'a [u8; 2], u8),
        serial: &str,
    ) -> Result<Stage<'a>> {
        let (kind, purpose) = (TicketKind::SamProvincial, format!("serial {serial}"));
        Ok(Stage {
            act,
            request_id,
            ticket,
            kind,
            chip,
            vendor,
            cos_version,
            purpose,
            province: self.province_factor()?,
        })
    }

    /// Stations ask for SAMs of their own province, and this service makes SAMs of its own area.
    pub(super) fn own_area(&self, peer: &Peer, digits: &str) -> Result<()> {
        let province = digits.get(..2);
        let stations = peer.area.province().is_none() || peer.area.province() == province;
        let ours = self.tier.province().is_none() || self.tier.province() == province;
        if stations && ours {
            Ok(())
        } else {
            Err(refuse!(
                &refusal::AREA,
                "the SAM is for another province",
                "该 SAM 卡属于其他省"
            ))
        }
    }
}

/// D19: 20 digits with the type in them and a right check digit.
pub(super) fn sam_serial(text: &str, sam_type: u8) -> Result<[u8; 10]> {
    let wrong = |what: &str| refuse!(&refusal::INVALID, "serial: {what}", "序列号：{what}");
    let mut serial = [0; 10];
    if !text.bytes().all(|b| b.is_ascii_digit()) || hex::decode_to_slice(text, &mut serial).is_err()
    {
        return Err(wrong("20 digits are wanted"));
    }
    if text.get(4..6) != Some(&format!("{sam_type:02}")) {
        return Err(wrong("it names another SAM type"));
    }
    let check = text
        .get(..19)
        .and_then(cardlib_card::cert::luhn_check_digit);
    if check.is_none() || check != text.chars().last() {
        return Err(wrong("the check digit is not right"));
    }
    Ok(serial)
}

/// A SAM is bound to a purpose, not to a person.
pub(super) fn sam_words(refusal: Refusal) -> Refusal {
    if refusal.slug() == refusal::OTHER_PERSON.slug || refusal.slug() == refusal::OTHER_DATA.slug {
        Refusal::new(&refusal::OTHER_PURPOSE)
    } else {
        refusal
    }
}
