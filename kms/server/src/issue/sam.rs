//! A SAM's scripts, stage by stage (D43).

use cardlib_card::cert::SamCertificate;
use cardlib_card::dialect::sam::{self, KeyPair};
use cardlib_card::dialect::{ChipState, Plan};
use cardlib_card::suite::VerifyingKey;
use kms_api::{
    CardState, SamNationalRequest, SamProvincialFilesRequest, SamProvincialKeysRequest, Script,
};
use kms_core::certificate::{SamFacts, sam_files};
use kms_core::port::Mark;
use kms_core::testkeys;
use kms_core::ticket::TicketKind;
use kms_core::tier::province_factor;
use kms_platform::name::Peer;

use super::sam_stage::{Stage, sam_serial};
use crate::records::chips;
use crate::records::sams::{self, MadeSam};
use crate::refusal::{self, Result};
use crate::refuse;
use crate::service::Service;

impl Service {
    /// National stage.
    ///
    /// # Errors
    /// A refusal by name.
    pub async fn sam_national(&self, peer: &Peer, request: &SamNationalRequest) -> Result<Script> {
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
                .ticket_for(
                    &request.ticket,
                    TicketKind::SamNational,
                    (&request.chip_serial, request.vendor, request.cos_version),
                )
                .await?,
            kind: TicketKind::SamNational,
            chip: &request.chip_serial,
            vendor: &request.vendor,
            cos_version: request.cos_version,
            purpose: format!("type {} province {}", request.sam_type, request.province),
            province,
        };
        let versions = self.sam_versions().await?;
        let plan = || {
            Ok(sam::national(
                &self.dialect,
                self.profile,
                request.sam_type,
                &versions,
                chip(request.sam),
            )?)
        };
        let script = self.stage(peer, &stage, &request.province, plan).await?;
        // After both provincial stages its counter stands at 2.
        let made = Made {
            chip: request.chip_serial,
            sam_type: request.sam_type,
            province: &request.province,
            serial: None,
            counter: 2,
        };
        self.note_sam(made, Some(&script)).await?;
        Ok(script)
    }

    /// Provincial stage a. The SAM is asked to prove its key pair with a challenge that only this service can make; the
    /// latest one counts, so that a SAM taken up again proves anew.
    ///
    /// # Errors
    /// A refusal by name.
    pub async fn sam_provincial_keys(
        &self,
        peer: &Peer,
        request: &SamProvincialKeysRequest,
    ) -> Result<Script> {
        let serial = sam_serial(&request.serial, request.sam_type)?;
        let (ticket, kind) = (&request.ticket, TicketKind::SamProvincial);
        let ticket = self
            .ticket_for(
                ticket,
                kind,
                (&request.chip_serial, request.vendor, request.cos_version),
            )
            .await?;
        let stage = self.provincial(
            "sam.provincial-keys",
            (request.request_id, ticket),
            (&request.chip_serial, &request.vendor, request.cos_version),
            &request.serial,
        )?;
        let purpose = format!("{} {}", stage.purpose, request.request_id);
        let challenge = self.hash_key.hash("sam-challenge", purpose.as_bytes());
        let versions = self.sam_versions().await?;
        let plan = || {
            let pair = match self.mark {
                Mark::Test => KeyPair::Test(testkeys::sm2_sam(&hex::encode(serial))),
                Mark::Demo | Mark::Production => KeyPair::Generate,
            };
            Ok(sam::provincial_keys(
                &self.dialect,
                self.profile,
                request.sam_type,
                &versions,
                pair,
                &challenge,
                chip(request.sam),
            )?)
        };
        let script = self.stage(peer, &stage, &request.serial, plan).await?;
        let mut tx = self.begin().await?;
        chips::set_challenge(&mut tx, &request.chip_serial, &challenge).await?;
        self.commit(tx).await?;
        let made = Made {
            chip: request.chip_serial,
            sam_type: request.sam_type,
            province: request.serial.get(..2).unwrap_or_default(),
            serial: Some(&request.serial),
            counter: request.sam.counter + 2,
        };
        self.note_sam(made, Some(&script)).await?;
        Ok(script)
    }

    /// Provincial stage b: the issuer key certifies what the SAM answered and proved in stage a. The certificate goes out
    /// inside the SAM's session only, and the SAM becomes active only if it names its own key (P20).
    ///
    /// # Errors
    /// A refusal by name.
    pub async fn sam_provincial_files(
        &self,
        peer: &Peer,
        request: &SamProvincialFilesRequest,
    ) -> Result<Script> {
        let serial = sam_serial(&request.serial, request.sam_type)?;
        let (ticket, kind) = (&request.ticket, TicketKind::SamProvincial);
        let ticket = self
            .ticket_for(
                ticket,
                kind,
                (&request.chip_serial, request.vendor, request.cos_version),
            )
            .await?;
        let stage = self.provincial(
            "sam.provincial-files",
            (request.request_id, ticket),
            (&request.chip_serial, &request.vendor, request.cos_version),
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
        let body = SamCertificate::<VerifyingKey>::parse_any(&certificate)
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
        let script = self.stage(peer, &stage, &request.serial, plan).await?;
        let made = Made {
            chip: request.chip_serial,
            sam_type: request.sam_type,
            province: request.serial.get(..2).unwrap_or_default(),
            serial: Some(&request.serial),
            counter: request.sam.counter + 1,
        };
        self.note_sam(made, None).await?;
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

    /// Keeps what a SAM holds and where its counter will stand, for rotations and for the day it is lost.
    async fn note_sam(&self, made: Made<'_>, script: Option<&Script>) -> Result<()> {
        let mut tx = self.begin().await?;
        let known = sams::find(&mut tx, &made.chip).await?;
        let written = script.into_iter().flat_map(|script| &script.check_values);
        let held = written
            .filter(|value| self.profile.key(&value.key).is_some())
            .map(|value| (value.key.clone(), value.version));
        let held: std::collections::BTreeSet<_> = held.collect();
        let held = match known {
            Some(known) if held.is_empty() => known.held,
            _ => held,
        };
        let sam = MadeSam {
            chip: made.chip,
            sam_type: made.sam_type,
            province: made.province.to_owned(),
            serial: made.serial.map(str::to_owned),
            held,
            counter: made.counter,
            state: "active".to_owned(),
        };
        sams::put(&mut tx, &sam, &self.now()).await?;
        self.commit(tx).await
    }
}

/// What a stage tells of its SAM.
struct Made<'a> {
    chip: [u8; 8],
    sam_type: u8,
    province: &'a str,
    serial: Option<&'a str>,
    counter: u32,
}

fn chip(state: CardState) -> ChipState {
    ChipState {
        key_version: state.key_version,
        counter: state.counter,
        state: state.state,
    }
}
