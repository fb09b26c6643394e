//! A SAM under the knife.

use cardlib_sim::{SamCard, VirtualCard};

use super::{answer, ins, sw};
use crate::bench::virtual_product::Recipe;

/// The SAM, and what its hook remembers.
pub struct SamPatient {
    pub sam: SamCard,
    pub recipe: Recipe,
    pub scratch: Vec<u8>,
    pub count: u32,
    /// The power goes inside the command that comes.
    pub cut: bool,
    pub(in crate::mutants) word: Option<(u8, u16, u16)>,
}

/// What is done to each command and each reset of a SAM.
#[derive(Clone, Copy)]
pub struct SamHook {
    pub command: fn(&mut SamPatient, &[u8]) -> Vec<u8>,
    pub reset: fn(&mut SamPatient) -> Vec<u8>,
    /// The hook does itself what a cut leaves behind, and `command` sees it in [`SamPatient::cut`].
    pub torn: bool,
    pub(in crate::mutants) word: Option<(u8, u16, u16)>,
}

impl Default for SamHook {
    fn default() -> Self {
        Self {
            command: |p, a| p.sam.handle(a),
            reset: |p| p.sam.reset(),
            torn: false,
            word: None,
        }
    }
}

impl SamHook {
    /// Only commands are changed.
    pub fn on(command: fn(&mut SamPatient, &[u8]) -> Vec<u8>) -> Self {
        Self {
            command,
            ..Self::default()
        }
    }

    /// Only resets are.
    pub fn at_reset(reset: fn(&mut SamPatient) -> Vec<u8>) -> Self {
        Self {
            reset,
            ..Self::default()
        }
    }

    /// What is left behind by a power cut inside a command.
    pub fn torn(command: fn(&mut SamPatient, &[u8]) -> Vec<u8>) -> Self {
        Self {
            torn: true,
            ..Self::on(command)
        }
    }

    /// A status word in place of another.
    #[must_use]
    pub fn word(ins: u8, from: u16, to: u16) -> Self {
        Self {
            word: Some((ins, from, to)),
            command: SamPatient::other_word,
            ..Self::default()
        }
    }
}

impl SamPatient {
    fn other_word(&mut self, apdu: &[u8]) -> Vec<u8> {
        let out = self.sam.handle(apdu);
        match self.word {
            Some((on, from, to)) if (on == 0xFF || on == ins(apdu)) && sw(&out) == from => {
                answer(to)
            }
            Some((on, 0x63C0, to)) if on == ins(apdu) && sw(&out) & 0xFFF0 == 0x63C0 => answer(to),
            _ => out,
        }
    }
}

/// A defective SAM.
pub struct FaultySam {
    patient: SamPatient,
    hook: SamHook,
}

impl FaultySam {
    #[must_use]
    pub fn new(sam: SamCard, recipe: Recipe, hook: SamHook) -> Self {
        Self {
            patient: SamPatient {
                sam,
                recipe,
                scratch: Vec::new(),
                count: 0,
                cut: false,
                word: hook.word,
            },
            hook,
        }
    }
}

impl VirtualCard for FaultySam {
    fn reset(&mut self) -> Vec<u8> {
        (self.hook.reset)(&mut self.patient)
    }

    fn handle(&mut self, apdu: &[u8]) -> Vec<u8> {
        let out = (self.hook.command)(&mut self.patient, apdu);
        if std::mem::take(&mut self.patient.cut) {
            return Vec::new();
        }
        out
    }

    fn cut_at(&mut self, moment: usize) {
        if self.hook.torn {
            self.patient.cut = true;
        } else {
            self.patient.sam.cut_at(moment);
        }
    }
}
