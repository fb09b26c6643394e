//! A user card's script.

use std::sync::Arc;

use cardlib_card::dialect::ChipState;
use kms_api::receipt::{CardReceipt, PURPOSE};
use kms_api::{PersonalisationRequest, Script};
use kms_core::binding::Binding;
use kms_core::ticket::TicketKind;
use kms_core::tier::Factor;
use kms_platform::name::Peer;
use kms_platform::notary::Signed;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::group::Asked;
use crate::authority;
use crate::life::alarms::shown;
use crate::refusal::{self, Refusal, Result};
use crate::refuse;
use crate::service::Service;

pub(super) const ACT: &str = "card.personalise";
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
        self: &Arc<Self>,
        peer: &Peer,
        request: &PersonalisationRequest,
    ) -> Result<Script> {
        let only = std::slice::from_ref(request);
        let answered = self.personalise_many(peer, only).await.pop();
        answered.unwrap_or_else(|| Err(broken_off()))
    }

    /// Answers a batch, each request with its own outcome, in their order. Requests of everybody who asks at the same time
    /// share transactions and calls of the HSM ([`super::group`]).
    pub async fn personalise_many(
        self: &Arc<Self>,
        peer: &Peer,
        requests: &[PersonalisationRequest],
    ) -> Vec<Result<Script>> {
        let mut under_way = Vec::with_capacity(requests.len());
        for request in requests {
            under_way.push(self.ask_for_card(peer, request).await);
        }
        let mut outcomes = Vec::with_capacity(requests.len());
        for (request, asked) in requests.iter().zip(under_way) {
            outcomes.push(match asked {
                Ok((canonical, answer)) => self.card_answer(request, &canonical, answer).await,
                Err(refusal) => Err(refusal),
            });
        }
        outcomes
    }

    /// Checks what can be checked without the store and hands the request to the worker.
    async fn ask_for_card(
        self: &Arc<Self>,
        peer: &Peer,
        request: &PersonalisationRequest,
    ) -> Result<(Zeroizing<Vec<u8>>, oneshot::Receiver<Result<Script>>)> {
        let plan = match self.card_plan(peer, request) {
            Ok(plan) => plan,
            Err(refusal) => {
                let factor = hex::encode_upper(request.factor);
                return Err(self.refused(&peer.to_string(), ACT, &factor, refusal).await);
            }
        };
        let canonical = Zeroizing::new(request.content.canonical_bytes());
        let issuer = request.content.value(TAG_ISSUER_CERTIFICATE);
        let (reply, answer) = oneshot::channel();
        let asked = Asked {
            actor: peer.to_string(),
            request_id: request.request_id,
            ticket: request.ticket.clone(),
            factor: request.factor,
            vendor: request.vendor,
            cos_version: request.cos_version,
            issuer: issuer.map(hex::encode_upper).unwrap_or_default(),
            binding: Binding {
                subject: self
                    .hash_key
                    .hash("person", request.person.expose().as_bytes()),
                data: self.hash_key.hash("card-content", &canonical),
            },
            plan,
            shown: shown(request.card),
            reply,
        };
        let handed = self.card_desk().send(asked).await;
        handed.map_err(|_| broken_off())?;
        Ok((canonical, answer))
    }

    async fn card_answer(
        &self,
        request: &PersonalisationRequest,
        canonical: &[u8],
        answer: oneshot::Receiver<Result<Script>>,
    ) -> Result<Script> {
        let mut script = answer.await.map_err(|_| broken_off())??;
        script.receipt = self.receipt(request, canonical, &script)?;
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

    fn card_plan(
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
        let chip = ChipState {
            key_version: request.card.key_version,
            counter: request.card.counter,
            state: request.card.state,
        };
        Ok(self.frame.plan(&request.content, chip)?)
    }

    /// The issuer certificate on the card is that of the province whose keys it gets.
    pub(super) fn check_issuer(&self, known: Option<String>, given: &str) -> Result<()> {
        match known {
            Some(known) if known == given => Ok(()),
            None => Err(refuse!(
                &refusal::KEY_MISSING,
                "no issuer certificate yet: import the hand-down first",
                "尚无发卡机构证书：请先导入上级下发"
            )),
            Some(_) => Err(refuse!(
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

/// The worker is gone or failed in the middle: what was recorded stands, and the same request brings it.
fn broken_off() -> Refusal {
    refuse!(
        &refusal::STORE,
        "the request broke off; repeat it unchanged",
        "请求中断；请原样重发"
    )
}
