//! A rotation's way: planned, opened by two officers, carried to each SAM in a package of its own, terminals switched, retired.
//!
//! A package is a script under SMK_P for one chip at one counter, so the SAM itself takes it once and no other SAM takes it at all.
//! The cryptogram that the SAM gives after the work stays here; only that SAM can send it back.

use cardlib_card::dialect::sam_use;
use kms_api::sam_package::{PURPOSE, SamPackage, SamProbe};
use kms_api::{AnswerKind, Script};
use kms_core::fill::Job;
use kms_core::lifecycle::{KeyState, Purpose};
use kms_core::port::Target;
use kms_core::rotation::{self, Action, Phase, Rotation};
use kms_core::tier::{Factor, province_factor};
use kms_platform::audit::Outcome;
use kms_platform::notary::{Notary, Signed};
use serde_json::json;
use uuid::Uuid;

use crate::records::life;
use crate::records::rotations::{self, Sent};
use crate::records::sams::{self, MadeSam};
use crate::refusal::{self, Refusal, Result};
use crate::refuse;
use crate::service::Service;

/// A package on its way out.
pub struct Packed {
    /// Chip serial, hexadecimal.
    pub chip: String,
    /// The signed text.
    pub signed: Signed,
}

impl Service {
    /// Keeps a plan; nothing happens to keys or SAMs yet.
    ///
    /// # Errors
    /// The tier owns no such keys, a version does not fit, or there is a plan already.
    pub async fn plan_rotation(&self, versions: (u8, u8), by: &str) -> Result<Rotation> {
        let rotation = rotation::plan(self.profile, &self.tier, versions, by.to_owned())?;
        self.may("rotation.plan", by).await?;
        let mut tx = self.begin().await?;
        let known = rotations::all(&mut tx).await?;
        if let Some(other) = known
            .iter()
            .find(|standing| standing.rotation.phase != Phase::Retired)
        {
            let id = &other.rotation.id;
            return Err(refuse!(
                &refusal::ROTATION,
                "{id} is not at its end; one rotation at a time",
                "{id} 尚未结束；一次只能进行一个轮换"
            ));
        }
        if known.iter().any(|s| s.rotation.id == rotation.id) {
            return Err(refuse!(&refusal::EXISTS, "{}", "{}", rotation.id));
        }
        for (version, states) in [
            (
                rotation.from,
                &[KeyState::Active, KeyState::Compromised, KeyState::Suspended][..],
            ),
            (rotation.to, &[KeyState::PreActive, KeyState::Active][..]),
        ] {
            for id in rotation.ids(version) {
                let state = life::state(&mut tx, &id).await?;
                if !states.contains(&state) {
                    return Err(refuse!(
                        &refusal::KEY_STATE,
                        "{id} is {}",
                        "{id} 为{}",
                        state.as_str()
                    ));
                }
            }
        }
        let detail = json!({ "from": rotation.from, "to": rotation.to, "keys": rotation.keys });
        let begun = self
            .before(&mut tx, by, "rotation.plan", &rotation.id, &detail)
            .await?;
        rotations::put(&mut tx, &rotation, &self.now()).await?;
        self.after(&mut tx, begun, &Outcome::Done).await?;
        self.commit(tx).await?;
        Ok(rotation)
    }

    /// Terminals use the new version from today.
    ///
    /// # Errors
    /// The rotation is not open.
    pub async fn switch_terminals(&self, id: &str, by: &str) -> Result<()> {
        self.may("rotation.switch", by).await?;
        let mut tx = self.begin().await?;
        let rotation = rotations::get(&mut tx, id).await?.rotation;
        rotation.must_be(&[Phase::Open], "open it first: rhc-kms rotation open")?;
        let begun = self
            .before(&mut tx, by, "rotation.switch", id, &json!({}))
            .await?;
        let next = Rotation {
            phase: Phase::Switched,
            ..rotation
        };
        rotations::put(&mut tx, &next, &self.now()).await?;
        self.after(&mut tx, begun, &Outcome::Done).await?;
        self.commit(tx).await
    }

    /// SAMs that nobody told this service of, or whose counter went on elsewhere, as a station saw them.
    ///
    /// # Errors
    /// A SAM is not of this tier's area, or the store failed.
    pub async fn learn_sams(&self, probes: &[SamProbe], by: &str) -> Result<()> {
        self.may("rotation.packages", by).await?;
        let mut tx = self.begin().await?;
        for probe in probes {
            let chip = factor(&probe.chip_serial)?;
            let province = probe.serial.get(..2).unwrap_or_default().to_owned();
            if self.tier.province().is_some_and(|own| own != province) {
                return Err(refuse!(
                    &refusal::AREA,
                    "SAM {} is of province {province}",
                    "SAM卡 {} 属于省 {province}",
                    probe.serial
                ));
            }
            let known = sams::find(&mut tx, &chip).await?;
            let begun = self
                .before(
                    &mut tx,
                    by,
                    "sam.seen",
                    &probe.chip_serial,
                    &json!({ "counter": probe.sam.counter }),
                )
                .await?;
            let sam = MadeSam {
                chip,
                sam_type: probe.sam_type,
                province,
                serial: Some(probe.serial.clone()),
                held: known
                    .as_ref()
                    .map(|sam| sam.held.clone())
                    .unwrap_or_default(),
                counter: probe.sam.counter,
                state: known.map_or_else(|| "active".to_owned(), |sam| sam.state),
            };
            sams::put(&mut tx, &sam, &self.now()).await?;
            self.after(&mut tx, begun, &Outcome::Done).await?;
        }
        self.commit(tx).await
    }

    /// SAMs of a rotation, or the one chip named.
    ///
    /// # Errors
    /// No such SAM, or the store failed.
    pub async fn sams_of(&self, id: &str, chip: Option<&str>) -> Result<Vec<MadeSam>> {
        let mut conn = self.store.pool().acquire().await?;
        let rotation = rotations::get(&mut conn, id).await?.rotation;
        let wanted = chip.map(factor).transpose()?;
        let made = sams::all(&mut conn).await?.into_iter().filter(|sam| {
            wanted.map_or_else(
                || sam.state != "destroyed" && rotation.concerns(self.profile, sam.sam_type),
                |chip| sam.chip == chip,
            )
        });
        let made: Vec<_> = made.collect();
        if let (Some(chip), true) = (chip, made.is_empty()) {
            return Err(refuse!(&refusal::UNKNOWN, "SAM {chip}", "SAM卡 {chip}"));
        }
        Ok(made)
    }

    /// Makes one SAM's package.
    ///
    /// # Errors
    /// The rotation is not open, the HSM refuses, or nothing can be recorded.
    pub async fn pack(
        &self,
        id: &str,
        sam: &MadeSam,
        action: Action,
        (notary, by): (&Notary, &str),
    ) -> Result<Packed> {
        let mut tx = self.begin().await?;
        let rotation = rotations::get(&mut tx, id).await?.rotation;
        rotation.must_be(
            &[Phase::Open, Phase::Switched, Phase::Retired],
            "two officers open it: rhc-kms rotation open",
        )?;
        let chip = hex::encode_upper(sam.chip);
        let detail = json!({ "rotation": id, "action": action.as_str(), "counter": sam.counter });
        let begun = self
            .before(&mut tx, by, "sam.package", &chip, &detail)
            .await?;
        self.commit(tx).await?;
        let script = self.script_for(&rotation, sam, action).await;
        let (script, tail) = self.close(begun, script).await?;
        let sent = Sent {
            chip: chip.clone(),
            action,
            counter: sam.counter,
            tail,
            packed: self.now(),
            done: None,
        };
        let mut tx = self.begin().await?;
        rotations::packed(&mut tx, id, &sam.chip, &sent).await?;
        self.commit(tx).await?;
        let package = SamPackage {
            mark: self.mark.to_string(),
            rotation: id.to_owned(),
            action: action.as_str().to_owned(),
            chip_serial: chip.clone(),
            sam_type: sam.sam_type,
            counter: sam.counter,
            script,
            at: self.now(),
        };
        let text = serde_json::to_string(&package)?;
        let signed = notary
            .sign(PURPOSE, text)
            .map_err(|e| Refusal::about(&refusal::STORE, e.to_string()))?;
        Ok(Packed { chip, signed })
    }

    /// The filled script, and the cryptogram that it must not show.
    async fn script_for(
        &self,
        rotation: &Rotation,
        sam: &MadeSam,
        action: Action,
    ) -> Result<(Script, Option<String>)> {
        if matches!(action, Action::Add | Action::Rekey) {
            for id in rotation.ids(rotation.to) {
                self.must_permit(&id, Purpose::LoadSam).await?;
            }
        }
        let deeds = rotation.deeds(self.profile, sam.sam_type, action);
        if deeds.is_empty() {
            return Err(refuse!(
                &refusal::ROTATION,
                "a SAM of type {} holds none of its keys",
                "类型 {} 的SAM卡不含相关密钥",
                sam.sam_type
            ));
        }
        let plan = sam_use::in_use(&self.dialect, self.profile, sam.counter, &deeds)?;
        let province = province_factor(&sam.province)
            .ok_or_else(|| refuse!(&refusal::STORE, "a SAM's province", "SAM卡所属省"))?;
        let job = Job {
            target: Target::Sam,
            request_id: Uuid::new_v4(),
            ticket: &rotation.id,
            mark: self.mark,
            tier: &self.tier,
            province,
            chip: sam.chip,
            vendor: [0; 2],
        };
        let mut script = self.fill(plan, &job).await?;
        let last = script
            .phases
            .iter_mut()
            .filter(|phase| phase.name == "finish")
            .filter_map(|phase| phase.steps.first_mut())
            .next();
        let tail = last.and_then(|step| {
            step.answer = Some(AnswerKind::Opening);
            step.expect_tail.take()
        });
        Ok((script, tail))
    }
}

/// A chip serial from its text.
pub(crate) fn factor(text: &str) -> Result<Factor> {
    let mut chip = [0; 8];
    hex::decode_to_slice(text, &mut chip).map_err(|_| {
        refuse!(
            &refusal::INVALID,
            "a chip serial is 16 hex digits",
            "芯片序列号须为 16 位十六进制数字"
        )
    })?;
    Ok(chip)
}
