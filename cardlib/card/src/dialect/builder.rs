//! Grows a plan step by step; both kinds of chip share it.

use std::sync::Arc;

use super::template::Value;
use super::{
    AnswerKind, Base, BaseKey, Dialect, DialectError, Level, MacText, Phase, Plan, Slot, Step,
    Target,
};

/// A plan being made.
pub(super) struct Builder<'a> {
    dialect: &'a Dialect,
    phases: Vec<Phase>,
    steps: Vec<Arc<Step>>,
    slots: Vec<Slot>,
    mac_texts: Vec<MacText>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(dialect: &'a Dialect) -> Self {
        Self::over(dialect, Vec::new())
    }

    /// A plan whose first slots are given.
    pub(super) fn over(dialect: &'a Dialect, slots: Vec<Slot>) -> Self {
        Self {
            dialect,
            phases: Vec::new(),
            steps: Vec::new(),
            slots,
            mac_texts: Vec::new(),
        }
    }

    /// Opens a session under a key that the HSM holds.
    pub(super) fn open_held(&mut self, key: BaseKey, key_version: u8, counter: u32) {
        self.open(Base::Held(key), key_version, counter);
    }

    /// Opens a session under the master key just written: a new base key starts its counter at 0.
    pub(super) fn open_slot(&mut self, slot: usize, key_version: u8) {
        self.open(Base::Slot(slot), key_version, 0);
    }

    fn open(&mut self, base: Base, key_version: u8, counter: u32) {
        self.steps.push(Arc::new(Step::Open {
            base,
            key_version,
            counter,
            level: Level::MacEncrypt,
        }));
    }

    /// A key to be written.
    pub(super) fn slot(&mut self, key: &str, version: u8, target: Target, levels: u8) -> usize {
        self.slots.push(Slot {
            key: key.into(),
            version,
            from: version,
            target,
            levels,
        });
        self.slots.len() - 1
    }

    /// A text whose MAC goes onto the chip.
    pub(super) fn mac_text(&mut self, text: MacText) -> usize {
        self.mac_texts.push(text);
        self.mac_texts.len() - 1
    }

    /// A command without a key.
    pub(super) fn command(
        &mut self,
        name: &str,
        values: Vec<(&str, Value)>,
    ) -> Result<(), DialectError> {
        self.push(name, values, None, None)
    }

    /// A command that writes the key of `slot`.
    pub(super) fn key_command(
        &mut self,
        name: &str,
        values: Vec<(&str, Value)>,
        slot: usize,
    ) -> Result<(), DialectError> {
        self.push(name, values, Some(slot), None)
    }

    /// A command whose answer the station keeps.
    pub(super) fn asking(
        &mut self,
        name: &str,
        values: Vec<(&str, Value)>,
        answer: AnswerKind,
    ) -> Result<(), DialectError> {
        self.push(name, values, None, Some(answer))
    }

    fn push(
        &mut self,
        name: &str,
        values: Vec<(&str, Value)>,
        slot: Option<usize>,
        answer: Option<AnswerKind>,
    ) -> Result<(), DialectError> {
        let (header, segments) = self.dialect.render(name, values, slot)?;
        self.steps.push(Arc::new(Step::Command {
            header,
            segments,
            answer,
        }));
        Ok(())
    }

    /// Closes a phase.
    pub(super) fn phase(&mut self, name: &'static str) {
        let steps = std::mem::take(&mut self.steps);
        self.phases.push(Phase { name, steps });
    }

    /// A phase that is there already.
    pub(super) fn prepared(&mut self, phase: &Phase) {
        self.phases.push(phase.clone());
    }

    pub(super) fn finish(self) -> Plan {
        Plan {
            mechanism: self.dialect.mechanism.clone(),
            phases: self.phases,
            slots: self.slots,
            mac_texts: self.mac_texts,
        }
    }
}
