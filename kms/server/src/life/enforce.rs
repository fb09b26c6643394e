//! States where keys are used: before the HSM is asked, which refuses what it was told to hold in any case.

use std::collections::BTreeMap;
use std::sync::Arc;

use cardlib_card::dialect::sam::Versions;
use cardlib_card::dialect::{Base, BaseKey, Plan, Step, Target as SlotTarget};
use kms_core::catalogue::{key_id, transport_id};
use kms_core::lifecycle::{KeyState, LifeError, Purpose, on_card};
use kms_core::port::{BaseClass, Export, Mark, Target};

use crate::records::{life, rotations};
use crate::refusal::Result;
use crate::service::Service;

/// Keys that are not simply in use, and where they stand.
pub(crate) type States = BTreeMap<String, KeyState>;

impl Service {
    /// Every key of a plan may be used for it now. On a card a version that is out of use for good gets its stand-in.
    pub(crate) async fn live_keys(
        &self,
        plan: &mut Plan,
        target: Target,
        vendor: [u8; 2],
    ) -> Result<()> {
        let mut conn = self.store.pool().acquire().await?;
        let states = life::not_active(&mut conn).await?;
        drop(conn);
        self.live_among(&states, plan, target, vendor)
    }

    /// [`Self::live_keys`], the states being known: for requests that share a transaction.
    pub(crate) fn live_among(
        &self,
        states: &States,
        plan: &mut Plan,
        target: Target,
        vendor: [u8; 2],
    ) -> Result<()> {
        if states.is_empty() {
            return Ok(());
        }
        check(states, &base_of(plan, target, vendor), Purpose::Session)?;
        for text in &plan.mac_texts {
            check(states, &key_id(&text.key, text.version), Purpose::Sign)?;
        }
        for slot in &mut plan.slots {
            let state_of = |version| {
                let id = key_id(&slot.key, version);
                Some(states.get(&id).copied().unwrap_or(KeyState::Active))
            };
            if target == Target::Card && slot.target == SlotTarget::Chip {
                slot.from = on_card(self.profile, &slot.key, slot.version, state_of)?;
            } else {
                let id = key_id(&slot.key, slot.version);
                check(states, &id, Purpose::LoadSam)?;
            }
        }
        Ok(())
    }

    /// A key may be used for something now.
    pub(crate) async fn must_permit(&self, id: &str, purpose: Purpose) -> Result<()> {
        let mut conn = self.store.pool().acquire().await?;
        check(&life::not_active(&mut conn).await?, id, purpose)
    }

    /// Of the keys that would be handed down, those that still may be.
    pub(crate) async fn still_handed_down(&self, entries: Vec<Export>) -> Result<Vec<Export>> {
        let mut conn = self.store.pool().acquire().await?;
        let states = life::not_active(&mut conn).await?;
        let lives = |entry: &Export| check(&states, &entry.id, Purpose::HandDown).is_ok();
        Ok(entries.into_iter().filter(lives).collect())
    }

    /// Which versions a new SAM gets: in a TEST store every one that may be loaded (D12), elsewhere those in use and the next,
    /// which is the one that an open rotation goes to, or the one after the flows' own.
    pub(crate) async fn sam_versions(&self) -> Result<Versions> {
        let mut conn = self.store.pool().acquire().await?;
        let states = life::not_active(&mut conn).await?;
        let rotations = rotations::all(&mut conn).await?;
        drop(conn);
        let flow = self.profile.assumed.flow_version.value;
        let next = rotations
            .iter()
            .map(|standing| standing.rotation.to)
            .max()
            .map_or(flow + 1, |to| to);
        let kept = self.profile.key_instances().filter(|one| {
            let id = key_id(&one.key.name, one.version);
            let state = states.get(&id).copied().unwrap_or(KeyState::Active);
            let waits = state == KeyState::PreActive && one.version != next;
            !state.permits(Purpose::LoadSam) || (waits && self.mark != Mark::Test)
        });
        let kept = kept.map(|one| (one.key.name.clone(), one.version));
        Ok(Versions::Without(kept.collect()))
    }
}

fn check(states: &States, id: &str, purpose: Purpose) -> Result<()> {
    match states.get(id) {
        Some(state) if !state.permits(purpose) => Err(LifeError::NotNow {
            key: id.to_owned(),
            state: *state,
        }
        .into()),
        _ => Ok(()),
    }
}

/// The key that opens a plan's first session.
fn base_of(plan: &Plan, target: Target, vendor: [u8; 2]) -> String {
    let first = plan.phases.iter().flat_map(|phase| &phase.steps).next();
    match first.map(Arc::as_ref) {
        Some(Step::Open {
            base: Base::Held(BaseKey::Transport),
            ..
        }) => {
            let class = match target {
                Target::Card => BaseClass::CardTransport,
                Target::Sam => BaseClass::SamTransport,
            };
            transport_id(class, vendor)
        }
        Some(Step::Open {
            base: Base::Held(base),
            ..
        }) => key_id(base.name(), 0),
        _ => String::new(),
    }
}
