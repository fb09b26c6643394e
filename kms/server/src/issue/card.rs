//! A user card's script.

use cardlib_card::dialect::{ChipState, user};
use kms_api::receipt::{CardReceipt, PURPOSE};
use kms_api::{PersonalisationRequest, Script};
use kms_core::binding::{Binding, ChipClaim, ChipKind};
use kms_core::fill::Job;
use kms_core::port::Target;
use kms_core::ticket::TicketKind;
use kms_core::tier::Factor;
use kms_platform::name::Peer;
use kms_platform::notary::Signed;
use zeroize::Zeroizing;

use super::Intent;
use crate::authority;
use crate::records::settings;
use crate::refusal::{self, Refusal, Result};
use crate::refuse;
use crate::service::Service;

const ACT: &str = "card.personalise";
/// Elements that the service compares with what it knows.
const TAG_ISSUER_CERTIFICATE: u8 = 5;
const TAG_CARD_NUMBER: u8 = 8;
const TAG_SERIAL: u8 = 10;
const TAG_AREA: u8 = 57;

impl Service {
    /// Answers one personalisation request.
    ///
    /// # Errors
    /// A refusal by name; nothing was made then, or the same request brings the same script.
    pub async fn personalise(
        &self,
        peer: &Peer,
        request: &PersonalisationRequest,
    ) -> Result<Script> {
        let factor = hex::encode_upper(request.factor);
        let plan = match self.card_plan(peer, request).await {
            Ok(plan) => plan,
            Err(refusal) => {
                return Err(self.refused(&peer.to_string(), ACT, &factor, refusal).await);
            }
        };
        let ticket = self.ticket_for(&request.ticket, TicketKind::Card, &request.factor);
        let ticket = match ticket.await {
            Ok(ticket) => ticket,
            Err(refusal) => {
                return Err(self.refused(&peer.to_string(), ACT, &factor, refusal).await);
            }
        };
        let canonical = Zeroizing::new(request.content.canonical_bytes());
        let intent = Intent {
            act: ACT,
            ticket: &ticket,
            kind: TicketKind::Card,
            claim: ChipClaim {
                factor: &request.factor,
                kind: ChipKind::Card,
                vendor: &request.vendor,
                mark: self.mark,
            },
            binding: Binding {
                subject: self
                    .hash_key
                    .hash("person", request.person.expose().as_bytes()),
                data: self.hash_key.hash("card-content", &canonical),
            },
        };
        let begun = self.intend(peer, request.request_id, &intent).await?;
        let job = Job {
            target: Target::Card,
            request_id: request.request_id,
            ticket: &ticket,
            mark: self.mark,
            tier: &self.tier,
            province: self.province_factor()?,
            chip: request.factor,
            vendor: request.vendor,
        };
        let script = self.fill(plan, &job).await;
        let mut script = self.deliver(begun, &intent, script).await?;
        script.receipt = self.receipt(request, &canonical, &script)?;
        Ok(script)
    }

    /// What the registry is to believe of this card besides the station's word; none where nobody serves.
    fn receipt(
        &self,
        request: &PersonalisationRequest,
        canonical: &[u8],
        script: &Script,
    ) -> Result<Option<Signed>> {
        let Some(notary) = &self.notary else {
            return Ok(None);
        };
        let serial = request.content.value(TAG_SERIAL).unwrap_or_default();
        let receipt = CardReceipt {
            mark: self.mark.to_string(),
            factor: hex::encode_upper(request.factor),
            serial: String::from_utf8_lossy(serial).into_owned(),
            data_hash: hex::encode_upper(cardlib_card::gm::sm3::digest(canonical)),
            script_digest: script.digest.clone(),
            request_id: script.request_id,
            at: self.now(),
        };
        let signed = notary.sign(PURPOSE, serde_json::to_string(&receipt)?);
        let signed = signed.map_err(|e| Refusal::about(&refusal::STORE, e.to_string()))?;
        Ok(Some(signed))
    }

    async fn card_plan(
        &self,
        peer: &Peer,
        request: &PersonalisationRequest,
    ) -> Result<cardlib_card::dialect::Plan> {
        self.only_stations(peer, TicketKind::Card)?;
        if !authority::area(&self.tier)?.contains(&peer.area) {
            return Err(refuse!(
                &refusal::AREA,
                "this is the key service of {}",
                "本密钥服务属于 {}",
                self.tier
            ));
        }
        if request.content.value(TAG_CARD_NUMBER) != Some(request.person.expose().as_bytes()) {
            return Err(refuse!(
                &refusal::CONTENT,
                "element 8 is not the number of the person named",
                "数据元 8 与所指人员号码不符"
            ));
        }
        let area = request.content.value(TAG_AREA).map(hex::encode);
        if !area.is_some_and(|area| area.starts_with(self.tier.area())) {
            return Err(refuse!(
                &refusal::CONTENT,
                "element 57: the area code lies outside this key service's area",
                "数据元 57：应用城市代码不在本密钥服务辖区内"
            ));
        }
        self.check_issuer(request).await?;
        let chip = ChipState {
            key_version: request.card.key_version,
            counter: request.card.counter,
            state: request.card.state,
        };
        Ok(user::user_card(
            &self.dialect,
            self.profile,
            &request.content,
            chip,
        )?)
    }

    /// The issuer certificate on the card is that of the province whose keys it gets.
    async fn check_issuer(&self, request: &PersonalisationRequest) -> Result<()> {
        let mut conn = self.store.pool().acquire().await?;
        let known: Option<String> = settings::find(&mut conn, "issuer-certificate").await?;
        let given = request
            .content
            .value(TAG_ISSUER_CERTIFICATE)
            .map(hex::encode_upper);
        match (known, given) {
            (Some(known), Some(given)) if known == given => Ok(()),
            (None, _) => Err(refuse!(
                &refusal::KEY_MISSING,
                "no issuer certificate yet: import the hand-down first",
                "尚无发卡机构证书：请先导入上级下发"
            )),
            _ => Err(refuse!(
                &refusal::CONTENT,
                "element 5 is not the issuer certificate of this province",
                "数据元 5 不是本省发卡机构证书"
            )),
        }
    }

    pub(super) fn only_stations(&self, peer: &Peer, kind: TicketKind) -> Result<()> {
        self.peer_may(
            match kind {
                TicketKind::Card => ACT,
                TicketKind::SamNational => "sam.national",
                TicketKind::SamProvincial => "sam.provincial",
            },
            peer,
        )
    }

    pub(super) fn province_factor(&self) -> Result<Factor> {
        self.tier.province_factor().ok_or_else(|| {
            refuse!(
                &refusal::WRONG_TIER,
                "the ministry has no province factor",
                "部级没有省级分散因子"
            )
        })
    }
}
