//! The chips that a terminal meets: virtual card and SAM that write down what they see, with scripted answers where a case
//! wants another chip than a sound one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cardlib_sim::VirtualCard;
use cardlib_sim::vpcd::{Manner, Slot};

use super::bends::Bent;
use super::cards::{CardKind, card};
use super::case::TerminalCase;
use super::faults::Bend;
use super::judge::{Event, begins};
use crate::bench::virtual_product::Recipe;

/// A chip that can stand in a thread of its own.
pub type AnyChip = Box<dyn VirtualCard + Send>;

/// What all chips saw, in order.
pub type Log = Arc<Mutex<Vec<Event>>>;

/// Locks; a thread that panicked while it held the lock leaves nothing half done here.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A chip that writes down what it sees.
pub struct Recorder {
    sam: bool,
    chip: AnyChip,
    scripted: Vec<(String, Vec<u8>)>,
    log: Log,
}

impl Recorder {
    fn note(&self, command: Option<&[u8]>, answer: &[u8], began: Instant) {
        locked(&self.log).push(Event {
            sam: self.sam,
            command: command.map(<[u8]>::to_vec),
            answer: answer.to_vec(),
            micros: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
        });
    }
}

impl VirtualCard for Recorder {
    fn reset(&mut self) -> Vec<u8> {
        let began = Instant::now();
        let atr = self.chip.reset();
        self.note(None, &atr, began);
        atr
    }

    fn handle(&mut self, apdu: &[u8]) -> Vec<u8> {
        let began = Instant::now();
        let script = self
            .scripted
            .iter()
            .find(|(pattern, _)| begins(pattern, apdu));
        let answer = match script {
            Some((_, answer)) => answer.clone(),
            None => self.chip.handle(apdu),
        };
        self.note(Some(apdu), &answer, began);
        answer
    }
}

/// A place whose chip is changed between cases without the reader's noticing.
#[derive(Clone)]
struct Place(Arc<Mutex<Option<Bent>>>);

impl VirtualCard for Place {
    fn reset(&mut self) -> Vec<u8> {
        locked(&self.0).as_mut().map_or_else(Vec::new, Bent::reset)
    }

    fn handle(&mut self, apdu: &[u8]) -> Vec<u8> {
        locked(&self.0)
            .as_mut()
            .map_or_else(|| vec![0x6F, 0x00], |chip| chip.handle(apdu))
    }
}

/// Two vpcd readers with chips of ours.
pub struct Rig {
    recipe: Recipe,
    card: Place,
    sam: Place,
    log: Log,
}

impl Rig {
    /// Puts a sound card and a SAM into the readers at these addresses (`HOST:PORT`).
    ///
    /// # Errors
    /// No reader there.
    pub fn plug(recipe: Recipe, card: &str, sam: &str) -> Result<Self, String> {
        let rig = Self {
            recipe,
            card: Place(Arc::default()),
            sam: Place(Arc::default()),
            log: Log::default(),
        };
        rig.put(CardKind::Sound, 5, &[], None)?;
        for (address, place) in [(card, &rig.card), (sam, &rig.sam)] {
            let slot =
                Slot::connect(address, Duration::from_secs(10)).map_err(|e| e.to_string())?;
            let mut place = place.clone();
            // Ends when the reader goes away, or with the process.
            std::thread::spawn(move || slot.serve(&mut place, Manner::default()));
        }
        Ok(rig)
    }

    /// From the next case on the chips' random numbers follow from this seed.
    pub fn reseed(&mut self, seed: u64) {
        self.recipe.seed = seed;
    }

    /// The chips of a case, fresh, with an empty record.
    ///
    /// # Errors
    /// The profile does not take them.
    pub fn prepare(&self, case: &TerminalCase, fault: Option<&Bend>) -> Result<(), String> {
        let scripted: Vec<_> = case
            .scripted
            .iter()
            .map(|one| (one.sam, one.pattern.clone(), one.answer.clone()))
            .collect();
        self.put(case.card, case.sam_type, &scripted, fault)
    }

    fn put(
        &self,
        kind: CardKind,
        sam_type: u8,
        scripted: &[(bool, String, Vec<u8>)],
        fault: Option<&Bend>,
    ) -> Result<(), String> {
        let recipe = Recipe {
            sam_type,
            ..self.recipe
        };
        let recorder = |sam: bool, mut chip: AnyChip| {
            chip.reset();
            let own = scripted.iter().filter(|one| one.0 == sam);
            Recorder {
                sam,
                chip,
                scripted: own.map(|one| (one.1.clone(), one.2.clone())).collect(),
                log: Arc::clone(&self.log),
            }
        };
        let card = recorder(false, Box::new(card(&recipe, kind)?));
        let sam = recorder(true, Box::new(recipe.sam()?));
        *locked(&self.card.0) = Some(Bent::new(false, card, recipe.card()?, fault.cloned()));
        *locked(&self.sam.0) = Some(Bent::new(true, sam, recipe.card()?, fault.cloned()));
        locked(&self.log).clear();
        Ok(())
    }

    /// What the chips saw since [`Rig::prepare`].
    #[must_use]
    pub fn seen(&self) -> Vec<Event> {
        locked(&self.log).clone()
    }
}
