//! Virtual products in this process: cards and SAMs of the simulator, fresh for each sample. The rehearsal of a laboratory,
//! and the body of every mutant.

use std::cell::Cell;
use std::rc::Rc;

use cardlib_reader::inprocess::{InProcess, Signal};
use cardlib_reader::{Card, ReaderError};
use cardlib_sim::VirtualCard;

use super::Bench;
pub use super::recipe::{FACTOR, NUMBER, Recipe};
use crate::step::Which;

/// Makes a fresh chip.
pub type Make = Box<dyn Fn() -> Result<Box<dyn VirtualCard>, String>>;

type Powered = InProcess<Box<dyn FnMut(Signal<'_>) -> Vec<u8>>>;

/// The moment of the next command at which the power is to go.
type Cutter = Rc<Cell<Option<u8>>>;

/// Virtual chips in this process.
pub struct VirtualBench {
    name: String,
    make_card: Option<Make>,
    make_sam: Option<Make>,
    card: Option<Powered>,
    sam: Option<Powered>,
    cutters: [Cutter; 2],
}

impl VirtualBench {
    /// Chips that these functions make.
    ///
    /// # Errors
    /// What the functions say.
    pub fn new(
        name: impl Into<String>,
        make_card: Option<Make>,
        make_sam: Option<Make>,
    ) -> Result<Self, String> {
        let mut bench = Self {
            name: name.into(),
            make_card,
            make_sam,
            card: None,
            sam: None,
            cutters: Default::default(),
        };
        bench.fresh()?;
        Ok(bench)
    }

    /// Sound chips of a recipe.
    ///
    /// # Errors
    /// The profile does not take them.
    pub fn sound(recipe: Recipe, with_sam: bool) -> Result<Self, String> {
        let card: Make = Box::new(move || Ok(Box::new(recipe.card()?)));
        let sam: Make = Box::new(move || Ok(Box::new(recipe.sam()?)));
        Self::new(
            format!("virtual {} in this process", recipe.preset.name),
            Some(card),
            with_sam.then_some(sam),
        )
    }

    fn fresh(&mut self) -> Result<(), String> {
        let made = |make: &Option<Make>, cutter: &Cutter| {
            let chip = make.as_ref().map(|make| make()).transpose()?;
            Ok::<_, String>(chip.map(|chip| powered(chip, Rc::clone(cutter))))
        };
        self.card = made(&self.make_card, &self.cutters[0])?;
        self.sam = made(&self.make_sam, &self.cutters[1])?;
        Ok(())
    }
}

fn powered(mut chip: Box<dyn VirtualCard>, cutter: Cutter) -> Powered {
    InProcess::new(Box::new(move |signal: Signal<'_>| match signal {
        Signal::Reset => chip.reset(),
        Signal::Command(command) => {
            if let Some(moment) = cutter.take() {
                chip.cut_at(usize::from(moment));
            }
            chip.handle(command)
        }
    }))
}

impl Bench for VirtualBench {
    fn chip(&mut self, which: Which) -> Result<Option<&mut dyn Card>, ReaderError> {
        let place = match which {
            Which::Card => &mut self.card,
            Which::Sam => &mut self.sam,
        };
        Ok(place.as_mut().map(|chip| chip as &mut dyn Card))
    }

    fn sample(&mut self, number: u32) -> Result<(), String> {
        if number > 1 { self.fresh() } else { Ok(()) }
    }

    fn recover(&mut self) -> Result<(), ReaderError> {
        Ok(())
    }

    fn can_cut(&self) -> bool {
        true
    }

    fn arm_cut(&mut self, which: Which, moment: u8) -> Result<(), String> {
        let cutter = match which {
            Which::Card => &self.cutters[0],
            Which::Sam => &self.cutters[1],
        };
        cutter.set(Some(moment));
        Ok(())
    }

    fn describe(&self) -> String {
        self.name.clone()
    }
}
