//! From a dialect plan to the HSM's request, and from its answer to phases again.

use std::sync::Arc;

use cardlib_card::dialect::Target as SlotTarget;
use cardlib_card::dialect::{AnswerKind, Base, BaseKey, Level, Plan, Slot, Step};
use cardlib_card::profile::Profile;
use thiserror::Error;
use uuid::Uuid;

use crate::catalogue::{factor_list, key_id, remaining_factors, transport_id};
use crate::port::{BaseClass, FillRequest, Filled, FilledStep, KeyRef, Mark, Target};
use crate::tier::{Factor, Tier};

/// The chip and the request that a plan is for.
pub struct Job<'a> {
    /// Card or SAM.
    pub target: Target,
    /// Id of the request.
    pub request_id: Uuid,
    /// Ticket to be spent.
    pub ticket: &'a str,
    /// Mark of the store.
    pub mark: Mark,
    /// Where this service stands.
    pub tier: &'a Tier,
    /// Province factor: of this tier, or of the province the ministry makes a SAM for.
    pub province: Factor,
    /// Card factor or chip serial.
    pub chip: Factor,
    /// Vendor code from the ATR.
    pub vendor: [u8; 2],
}

/// Why a plan and this service do not fit.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FillError {
    /// A plan that does not begin with a session, or begins with one under a slot.
    #[error("a plan begins with a session under a held key")]
    NoBase,
    /// A key that is in no catalogue.
    #[error("key-missing: {0} is in no catalogue")]
    UnknownKey(String),
    /// Sessions of different levels in one plan.
    #[error("a plan's sessions have one level")]
    Level,
    /// The HSM answered another number of steps than was asked.
    #[error("the HSM answered another script than was asked")]
    OtherScript,
}

/// Names and sizes of the plan's phases, to cut the answer into.
pub struct Outline {
    phases: Vec<PhaseOutline>,
    /// The keys, as the chip will have them.
    pub slots: Vec<Slot>,
}

/// A phase's name and, per step, how many commands it becomes and what the last one's answer is.
type PhaseOutline = (&'static str, Vec<(usize, Option<AnswerKind>)>);

/// A phase of finished commands.
pub struct FilledPhase {
    /// Name.
    pub name: &'static str,
    /// Commands and what their answers are.
    pub steps: Vec<(FilledStep, Option<AnswerKind>)>,
}

/// Turns a plan into the HSM's request.
///
/// # Errors
/// [`FillError`] for a plan that is none, or a key that is in no catalogue.
pub fn request(
    profile: &Profile,
    plan: Plan,
    job: &Job<'_>,
) -> Result<(FillRequest, Outline), FillError> {
    let slots = held_keys(profile, &plan.slots, job)?;
    let outline = Outline {
        phases: plan
            .phases
            .iter()
            .map(|p| (p.name, p.steps.iter().map(|step| size(step)).collect()))
            .collect(),
        slots: plan.slots,
    };
    let steps: Vec<Arc<Step>> = plan
        .phases
        .into_iter()
        .flat_map(|phase| phase.steps)
        .collect();
    let (base, level) = opening(&steps)?;
    let base = base_key(profile, base, job)?;
    let mac_texts = plan.mac_texts.into_iter().map(|mut text| {
        text.key = key_id(&text.key, text.version);
        text
    });
    let request = FillRequest {
        target: job.target,
        request_id: job.request_id,
        ticket: job.ticket.to_owned(),
        mark: job.mark,
        mechanism: plan.mechanism,
        factor: job.chip,
        base,
        slots,
        mac_texts: mac_texts.collect(),
        steps,
        level,
    };
    Ok((request, outline))
}

fn size(step: &Step) -> (usize, Option<AnswerKind>) {
    match step {
        Step::Open { .. } => (2, None),
        Step::Command { answer, .. } => (1, *answer),
    }
}

/// The held key that opens the first session, and the level that all have.
fn opening(steps: &[Arc<Step>]) -> Result<(BaseKey, Level), FillError> {
    let Some(Step::Open {
        base: Base::Held(base),
        level,
        ..
    }) = steps.first().map(Arc::as_ref)
    else {
        return Err(FillError::NoBase);
    };
    let other = |step: &Arc<Step>| matches!(**step, Step::Open { level: its, .. } if its != *level);
    if steps.iter().any(other) {
        return Err(FillError::Level);
    }
    Ok((*base, *level))
}

/// The key behind each slot. Versions of a key stand side by side and have the same factors.
fn held_keys(profile: &Profile, slots: &[Slot], job: &Job<'_>) -> Result<Vec<KeyRef>, FillError> {
    let mut keys: Vec<KeyRef> = Vec::with_capacity(slots.len());
    for (at, slot) in slots.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| slots.get(at));
        let factors = match (slot.target, before, keys.last()) {
            (SlotTarget::Root, ..) => Vec::new(),
            (SlotTarget::Chip, Some(before), Some(key))
                if before.key == slot.key && before.target == slot.target =>
            {
                key.factors.clone()
            }
            (SlotTarget::Chip, ..) => chip_factors(profile, &slot.key, job)?,
        };
        keys.push(KeyRef {
            id: key_id(&slot.key, slot.from),
            factors,
        });
    }
    Ok(keys)
}

fn base_key(profile: &Profile, base: BaseKey, job: &Job<'_>) -> Result<KeyRef, FillError> {
    if base == BaseKey::Transport {
        let class = if job.target == Target::Card {
            BaseClass::CardTransport
        } else {
            BaseClass::SamTransport
        };
        return Ok(KeyRef {
            id: transport_id(class, job.vendor),
            factors: vec![job.chip],
        });
    }
    let factors = chip_factors(profile, base.name(), job)?;
    Ok(KeyRef {
        id: key_id(base.name(), 0),
        factors,
    })
}

fn chip_factors(profile: &Profile, name: &str, job: &Job<'_>) -> Result<Vec<Factor>, FillError> {
    let list = factor_list(profile, name).ok_or_else(|| FillError::UnknownKey(name.to_owned()))?;
    Ok(remaining_factors(list, job.tier, job.province, job.chip))
}

/// Base keys with which scripts of a ticket may start, of the keys held here.
#[must_use]
pub fn ticket_base_keys(
    target: Target,
    held: impl Iterator<Item = crate::port::HeldKey>,
) -> Vec<String> {
    use crate::port::KeyUse;
    held.filter(|key| match (target, key.spec.usage) {
        (Target::Card, KeyUse::SessionBase(class)) => {
            matches!(class, BaseClass::CardTransport | BaseClass::CardMaster)
        }
        (Target::Sam, KeyUse::SessionBase(class)) => {
            matches!(class, BaseClass::SamTransport | BaseClass::SamMaster)
        }
        _ => false,
    })
    .map(|key| key.spec.id)
    .collect()
}

impl Outline {
    /// Cuts the HSM's answer into the plan's phases.
    ///
    /// # Errors
    /// [`FillError::OtherScript`] when the numbers disagree.
    pub fn cut(&self, filled: Filled) -> Result<Vec<FilledPhase>, FillError> {
        let mut steps = filled.steps.into_iter();
        let mut phases = Vec::with_capacity(self.phases.len());
        for (name, sizes) in &self.phases {
            let mut out = Vec::new();
            for (count, answer) in sizes {
                for _ in 0..*count {
                    out.push((steps.next().ok_or(FillError::OtherScript)?, *answer));
                }
            }
            phases.push(FilledPhase { name, steps: out });
        }
        if steps.next().is_some() || filled.check_values.len() != self.slots.len() {
            return Err(FillError::OtherScript);
        }
        Ok(phases)
    }
}

/// The skeleton policy of a dialect: which command carries what, so that no key that a host knows goes out under a
/// valid MAC (rule 3 of the HSM port).
///
/// # Errors
/// The dialect lacks a command.
pub fn policy(
    dialect: &cardlib_card::dialect::Dialect,
    mark: Mark,
) -> Result<crate::port::Operation, cardlib_card::dialect::DialectError> {
    use crate::port::{PolicyRule, RuleShape};
    const KEY_HEADER: u8 = 9;
    const ANY_DATA: u8 = 239;
    let both = [Target::Card, Target::Sam];
    let mut wanted: Vec<(&[Target], &str, RuleShape)> = vec![
        (&both, "master-key", RuleShape::MasterKey(KEY_HEADER)),
        (
            &[Target::Card],
            "card-key",
            RuleShape::ApplicationKey(KEY_HEADER),
        ),
        (
            &[Target::Sam],
            "sam-key",
            RuleShape::ApplicationKey(KEY_HEADER),
        ),
        (&[Target::Card], "create-ef", RuleShape::Data(14)),
        (&both, "store-data", RuleShape::Data(ANY_DATA)),
        (&both, "wipe", RuleShape::Data(0)),
        (&[Target::Sam], "generate-key-pair", RuleShape::Data(0)),
        (&[Target::Sam], "prove-key-pair", RuleShape::Data(32)),
        (&[Target::Sam], "set-pin", RuleShape::Data(3)),
        (&[Target::Sam], "retire-key", RuleShape::Data(2)),
        (&[Target::Sam], "set-ceiling", RuleShape::Data(6)),
        (&[Target::Sam], "lock-sam", RuleShape::Data(0)),
        (&[Target::Sam], "unlock-sam", RuleShape::Data(0)),
        (&[Target::Sam], "destroy-sam", RuleShape::Data(0)),
        (&[Target::Card], "set-personalised", RuleShape::Data(0)),
        (&[Target::Sam], "end-national-stage", RuleShape::Data(0)),
        (&both, "activate", RuleShape::Data(0)),
    ];
    if mark == Mark::Test {
        wanted.push((&[Target::Sam], "import-key-pair", RuleShape::TestScalar));
    }
    let mut rules = Vec::new();
    for (targets, command, shape) in wanted {
        let header = dialect.header(command)?;
        rules.extend(targets.iter().map(|target| PolicyRule {
            target: *target,
            header,
            shape,
        }));
    }
    let name = format!(
        "{}-{}",
        dialect.name,
        if mark == Mark::Test {
            "test"
        } else {
            "standard"
        }
    );
    Ok(crate::port::Operation::LoadPolicy {
        name,
        mechanism: dialect.mechanism.clone(),
        rules,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardlib_card::dialect::sam::{self, Versions};
    use cardlib_card::dialect::{ChipState, Dialect, Plan};

    const CHIP: Factor = [7; 8];

    fn national() -> Plan {
        let blank = ChipState {
            key_version: 0,
            counter: 0,
            state: 1,
        };
        let dialect = Dialect::rhc_cos_1().unwrap();
        sam::national(&dialect, Profile::rhc_2012(), 1, &Versions::All, blank).unwrap()
    }

    fn job(tier: &Tier) -> Job<'_> {
        Job {
            target: Target::Sam,
            request_id: Uuid::nil(),
            ticket: "t",
            mark: Mark::Test,
            tier,
            province: *b"41000000",
            chip: CHIP,
            vendor: [0x54, 0x54],
        }
    }

    #[test]
    fn a_sam_gets_roots_and_its_own_master_keys() {
        let (request, outline) =
            request(Profile::rhc_2012(), national(), &job(&Tier::Ministry)).unwrap();
        let key = |id: &str, factors: Vec<Factor>| KeyRef {
            id: id.into(),
            factors,
        };
        assert_eq!(request.base, key("SAM_TRANSPORT_5454/0", vec![CHIP]));
        assert_eq!(request.slots[0], key("SMK_N/0", vec![CHIP]));
        assert_eq!(request.slots[1], key("SMK_P/0", vec![*b"41000000", CHIP]));
        assert_eq!(request.slots[2], key("IRK_DDF1/0", vec![]));
        assert_eq!(outline.slots.len(), request.slots.len());
    }

    #[test]
    fn an_answer_of_another_length_is_no_answer() {
        let step = || FilledStep {
            apdu: vec![],
            sw: 0x9000,
            expect_tail: None,
        };
        let cut = |steps: usize, values: usize| {
            let (_, outline) =
                request(Profile::rhc_2012(), national(), &job(&Tier::Ministry)).unwrap();
            let steps = (0..steps).map(|_| step()).collect();
            let check_values = vec![[0; 3]; values];
            outline.cut(Filled {
                steps,
                check_values,
                mac_texts: vec![],
                digest: [0; 32],
                quota_left: 0,
            })
        };
        // Two opens of two commands each, two master keys, wipe, 20 roots, the end of the stage.
        let (steps, slots) = (4 + 2 + 1 + 20 + 1, 22);
        let phases = cut(steps, slots).unwrap();
        assert_eq!(
            phases
                .iter()
                .map(|phase| phase.steps.len())
                .collect::<Vec<_>>(),
            [6, 21, 1]
        );
        for (steps, slots) in [(steps - 1, slots), (steps + 1, slots), (steps, slots - 1)] {
            assert_eq!(cut(steps, slots).err(), Some(FillError::OtherScript));
        }
    }

    #[test]
    fn the_policy_lets_keys_into_write_key_only_and_test_scalars_into_test_stores_only() {
        use crate::port::{Operation, RuleShape};
        for mark in [Mark::Test, Mark::Demo, Mark::Production] {
            let Operation::LoadPolicy { rules, .. } =
                policy(&Dialect::rhc_cos_1().unwrap(), mark).unwrap()
            else {
                panic!("a policy");
            };
            for rule in &rules {
                let writes_key = rule.header[..2] == [0x84, 0xD4];
                let key_shape = matches!(
                    rule.shape,
                    RuleShape::ApplicationKey(9) | RuleShape::MasterKey(9)
                );
                assert_eq!(writes_key, key_shape, "{rule:?}");
            }
            let scalars = rules
                .iter()
                .filter(|rule| rule.shape == RuleShape::TestScalar)
                .count();
            assert_eq!(scalars, usize::from(mark == Mark::Test));
        }
    }
}
