//! A SAM's scripts, stage by stage (D43).

use std::sync::Arc;

use cardlib_card::cert::SamCertificate;
use cardlib_card::dialect::sam::{self, KeyPair, Versions};
use cardlib_card::dialect::{ChipState, Plan};
use kms_api::{
    CardState, SamNationalRequest, SamProvincialFilesRequest, SamProvincialKeysRequest, Script,
};
use kms_core::binding::{Binding, ChipClaim, ChipKind};
use kms_core::certificate::{SamFacts, sam_files};
use kms_core::fill::Job;
use kms_core::port::{Mark, Target};
use kms_core::testkeys;
use kms_core::ticket::TicketKind;
use kms_core::tier::{Factor, province_factor};
use kms_platform::name::Peer;
use uuid::Uuid;

use super::Intent;
use crate::refusal::{self, Refusal, Result};
use crate::refuse;
use crate::service::Service;

/// What all three requests say of the chip and its purpose.
pub(super) struct Stage<'a> {
    act: &'static str,
    request_id: Uuid,
    ticket: String,
    pub(super) kind: TicketKind,
    chip: &'a Factor,
    vendor: &'a [u8; 2],
    /// What this SAM is for; another purpose of the same chip is refused.
    purpose: String,
    province: Factor,
}

impl Service {
    /// National stage.
    ///
    /// # Errors
    /// A refusal by name.
    pub async fn sam_national(
        self: &Arc<Self>,
        peer: &Peer,
        request: &SamNationalRequest,
    ) -> Result<Script> {
        let province = province_factor(&request.province).ok_or_else(|| {
            refuse!(
                &refusal::INVALID,
                "province: two digits are wanted",
                "省：须为两位数字"
            )
        })?;
        let stage = Stage {
            act: "sam.national",
            request_id: request.request_id,
            ticket: self
                .ticket_for(&request.ticket, TicketKind::SamNational)
                .await?,
            kind: TicketKind::SamNational,
            chip: &request.chip_serial,
            vendor: &request.vendor,
            purpose: format!("type {} province {}", request.sam_type, request.province),
            province,
        };
        let plan = || {
            let versions = self.versions();
            Ok(sam::national(
                &self.dialect,
                self.profile,
                request.sam_type,
                &versions,
                chip(request.sam),
            )?)
        };
        self.stage(peer, &stage, &request.province, plan).await
    }

    /// Provincial stage a.
    ///
    /// # Errors
    /// A refusal by name.
    pub async fn sam_provincial_keys(
        self: &Arc<Self>,
        peer: &Peer,
        request: &SamProvincialKeysRequest,
    ) -> Result<Script> {
        let serial = sam_serial(&request.serial, request.sam_type)?;
        let ticket = self
            .ticket_for(&request.ticket, TicketKind::SamProvincial)
            .await?;
        let stage = self.provincial(
            "sam.provincial-keys",
            (request.request_id, ticket),
            (&request.chip_serial, &request.vendor),
            &request.serial,
        )?;
        let plan = || {
            let pair = match self.mark {
                Mark::Test => KeyPair::Test(testkeys::sm2_sam(&hex::encode(serial))),
                Mark::Demo | Mark::Production => KeyPair::Generate,
            };
            let versions = self.versions();
            Ok(sam::provincial_keys(
                &self.dialect,
                self.profile,
                request.sam_type,
                &versions,
                pair,
                chip(request.sam),
            )?)
        };
        self.stage(peer, &stage, &request.serial, plan).await
    }

    /// Provincial stage b: the issuer key certifies what the SAM answered in stage a.
    ///
    /// # Errors
    /// A refusal by name.
    pub async fn sam_provincial_files(
        self: &Arc<Self>,
        peer: &Peer,
        request: &SamProvincialFilesRequest,
    ) -> Result<Script> {
        let serial = sam_serial(&request.serial, request.sam_type)?;
        let ticket = self
            .ticket_for(&request.ticket, TicketKind::SamProvincial)
            .await?;
        let stage = self.provincial(
            "sam.provincial-files",
            (request.request_id, ticket),
            (&request.chip_serial, &request.vendor),
            &request.serial,
        )?;
        // Everything that can be wrong with the request is found before the issuer key signs.
        let sound = self
            .only_stations(peer, stage.kind)
            .and_then(|()| self.own_area(peer, &request.serial))
            .and_then(|()| {
                self.files_plan(request, &serial, &[0; 180], &[0; 190], ([0; 4], [0; 4]))
            });
        let certificates = match sound {
            Ok(_) => self.sam_certificate(peer, request, &serial, &stage).await,
            Err(refusal) => Err(refusal),
        };
        let (issuer, certificate) = match certificates {
            Ok(both) => both,
            Err(refusal) => {
                let object = hex::encode_upper(request.chip_serial);
                return Err(self
                    .refused(&peer.to_string(), stage.act, &object, refusal)
                    .await);
            }
        };
        let body = SamCertificate::parse_unverified(&certificate)
            .map_err(|e| {
                refuse!(
                    &refusal::STORE,
                    "stored SAM certificate: {e}",
                    "存储的 SAM 证书：{e}"
                )
            })?
            .body;
        let validity = (body.valid_from, body.valid_to);
        let plan = || self.files_plan(request, &serial, &issuer, &certificate, validity);
        let mut script = self.stage(peer, &stage, &request.serial, plan).await?;
        script.sam_certificate = Some(hex::encode_upper(&certificate));
        Ok(script)
    }

    fn files_plan(
        &self,
        request: &SamProvincialFilesRequest,
        serial: &[u8; 10],
        issuer_certificate: &[u8],
        sam_certificate: &[u8],
        (valid_from, valid_to): ([u8; 4], [u8; 4]),
    ) -> Result<Plan> {
        let facts = SamFacts {
            serial,
            sam_type: request.sam_type,
            province: self.tier.province().unwrap_or_default(),
            city: &request.terminal.city,
            number: request.terminal.number,
            valid_from,
            valid_to,
            issuer_certificate,
            sam_certificate,
        };
        let files = sam_files(&facts)?;
        let pin = request.pin.expose();
        Ok(sam::provincial_files(
            &self.dialect,
            self.profile,
            &files,
            pin,
            chip(request.sam),
        )?)
    }

    /// Checks who asks and where, makes the plan, records, fills.
    async fn stage(
        self: &Arc<Self>,
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

    fn provincial<'a>(
        &self,
        act: &'static str,
        (request_id, ticket): (Uuid, String),
        (chip, vendor): (&'a Factor, &'a [u8; 2]),
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

    /// TEST SAMs hold every version, others the current one and the next (D12).
    fn versions(&self) -> Versions {
        match self.mark {
            Mark::Test => Versions::All,
            Mark::Demo | Mark::Production => {
                let current = self.profile.assumed.flow_version.value;
                Versions::Only(vec![current, current + 1])
            }
        }
    }
}

fn chip(state: CardState) -> ChipState {
    ChipState {
        key_version: state.key_version,
        counter: state.counter,
        state: state.state,
    }
}

/// D19: 20 digits with the type in them and a right check digit.
fn sam_serial(text: &str, sam_type: u8) -> Result<[u8; 10]> {
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
