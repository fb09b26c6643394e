//! Readers that are no defect of the card in them: slow ones, ones that talk more than they were told to, ones that lose their
//! card and find it again.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use cardlib_reader::{Card, ReaderError};
use cardlib_sim::VirtualCard;

use crate::bench::Bench;
use crate::bench::virtual_product::{Make, Recipe, VirtualBench};
use crate::step::Which;
use crate::suite::Kind;

/// What is odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// 20 ms for a command, as T=0 at 9,600 baud, and now and then two seconds. The time passes on a clock of its own.
    Slow,
    /// Fetches what `61 L` announces and repeats what `6C L` refuses before anybody asks.
    Chatty,
    /// Loses the card now and then, sometimes before it got the command, sometimes with its answer on the way.
    Restarting,
}

impl Oddity {
    pub const ALL: [Self; 3] = [Self::Slow, Self::Chatty, Self::Restarting];

    #[must_use]
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Slow => ("slow reader", "慢速读卡器"),
            Self::Chatty => ("chatty reader", "自动取数读卡器"),
            Self::Restarting => ("restarting reader", "中途重启的读卡器"),
        }
    }

    /// A bench with a sound card and a sound SAM; the one that is tested is reached through the odd reader.
    ///
    /// # Errors
    /// The simulator does not make the chips.
    pub fn bench(self, recipe: Recipe, kind: Kind) -> Result<Box<dyn Bench>, String> {
        let clock = Rc::new(Cell::new(Duration::ZERO));
        let own = clock.clone();
        let odd = move |chip: Box<dyn VirtualCard>| Reader {
            chip,
            oddity: self,
            count: 0,
            clock: own.clone(),
        };
        let sam_odd = kind == Kind::Sam;
        let other = odd.clone();
        let card: Make = Box::new(move || {
            let card: Box<dyn VirtualCard> = Box::new(recipe.card()?);
            Ok(if sam_odd { card } else { Box::new(odd(card)) })
        });
        let sam: Make = Box::new(move || {
            let sam: Box<dyn VirtualCard> = Box::new(recipe.sam()?);
            Ok(if sam_odd { Box::new(other(sam)) } else { sam })
        });
        let inner = VirtualBench::new(self.words().0, Some(card), Some(sam))?;
        Ok(Box::new(OddBench {
            inner,
            begun: Instant::now(),
            clock,
        }))
    }
}

/// A chip behind an odd reader.
struct Reader {
    chip: Box<dyn VirtualCard>,
    oddity: Oddity,
    count: u32,
    clock: Rc<Cell<Duration>>,
}

/// Numbers without a common divisor, so that it hits another place of the cases each time.
const PAUSES: u32 = 211;
const LOSES: u32 = 683;

impl VirtualCard for Reader {
    fn reset(&mut self) -> Vec<u8> {
        self.chip.reset()
    }

    fn handle(&mut self, apdu: &[u8]) -> Vec<u8> {
        self.count += 1;
        match self.oddity {
            Oddity::Slow => {
                let pause = if self.count.is_multiple_of(PAUSES) {
                    2000
                } else {
                    20
                };
                let passed = self.clock.get() + Duration::from_millis(pause);
                self.clock.set(passed);
                self.chip.handle(apdu)
            }
            Oddity::Chatty => self.fetched(apdu),
            Oddity::Restarting if self.count.is_multiple_of(LOSES) => {
                if self.count.is_multiple_of(2) {
                    self.chip.handle(apdu);
                }
                Vec::new()
            }
            Oddity::Restarting => self.chip.handle(apdu),
        }
    }
}

impl Reader {
    fn fetched(&mut self, apdu: &[u8]) -> Vec<u8> {
        let mut answer = self.chip.handle(apdu);
        if let ([0x6C, le], [head @ .., _]) = (answer.as_slice(), apdu)
            && head.len() == 4
        {
            answer = self.chip.handle(&[head, &[*le]].concat());
        }
        if let [0x61, le] = answer.as_slice() {
            answer = self.chip.handle(&[0x00, 0xC0, 0x00, 0x00, *le]);
        }
        answer
    }
}

/// The bench with the reader's own time.
struct OddBench {
    inner: VirtualBench,
    begun: Instant,
    clock: Rc<Cell<Duration>>,
}

impl Bench for OddBench {
    fn chip(&mut self, which: Which) -> Result<Option<&mut dyn Card>, ReaderError> {
        self.inner.chip(which)
    }

    fn sample(&mut self, number: u32) -> Result<(), String> {
        self.inner.sample(number)
    }

    fn recover(&mut self) -> Result<(), ReaderError> {
        self.inner.recover()
    }

    fn now(&self) -> Instant {
        self.begun + self.clock.get()
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}
