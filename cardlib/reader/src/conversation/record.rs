//! A card that writes down what is said to it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cardlib_card::profile::Profile;

use super::{Conversation, Event, Line};
use crate::card::Card;
use crate::error::ReaderError;

/// One conversation with any number of chips.
#[derive(Clone)]
pub struct Recorder {
    profile: &'static Profile,
    heard: Arc<Mutex<Conversation>>,
}

impl Recorder {
    /// Records chips of this profile.
    #[must_use]
    pub fn new(profile: &'static Profile) -> Self {
        Self {
            profile,
            heard: Arc::default(),
        }
    }

    /// A chip whose words are written down under this name (one word).
    pub fn chip<C: Card>(&self, name: &str, card: C) -> Recorded<C> {
        Recorded {
            card,
            name: name.to_owned(),
            recorder: self.clone(),
        }
    }

    /// A line for people.
    pub fn comment(&self, text: &str) {
        self.lines().lines.push(Line::Comment(text.to_owned()));
    }

    /// What was heard so far.
    #[must_use]
    pub fn conversation(&self) -> Conversation {
        self.lines().clone()
    }

    fn lines(&self) -> MutexGuard<'_, Conversation> {
        // A list of lines is whole after any panic elsewhere.
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, chip: &str, event: Event) {
        self.lines().lines.push(Line::Event {
            chip: chip.to_owned(),
            event,
        });
    }

    /// Only a chip that calls itself a test chip is written down.
    fn require_test_chip(&self, atr: &[u8]) -> Result<(), ReaderError> {
        let vendor = self.profile.parse_atr(atr).map(|facts| facts.vendor);
        if vendor.is_ok_and(|vendor| vendor[..] == self.profile.atr.test_vendor[..]) {
            return Ok(());
        }
        Err(ReaderError::Conversation(
            "only test chips are recorded, and this is none".into(),
        ))
    }
}

/// A chip under recording.
pub struct Recorded<C> {
    card: C,
    name: String,
    recorder: Recorder,
}

impl<C: Card> Card for Recorded<C> {
    fn atr(&self) -> &[u8] {
        self.card.atr()
    }

    fn begin(&mut self) -> Result<(), ReaderError> {
        self.card.begin()?;
        let atr = self.card.atr().to_vec();
        if let Err(refused) = self.recorder.require_test_chip(&atr) {
            self.card.end()?;
            return Err(refused);
        }
        self.recorder.note(&self.name, Event::Begin { atr });
        Ok(())
    }

    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, ReaderError> {
        let answer = self.card.transmit(command);
        let event = Event::Exchange {
            command: command.to_vec(),
            answer: answer.as_ref().ok().cloned(),
        };
        self.recorder.note(&self.name, event);
        answer
    }

    fn end(&mut self) -> Result<(), ReaderError> {
        self.card.end()?;
        let atr = self.card.atr().to_vec();
        self.recorder.note(&self.name, Event::Reset { atr });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Channel;
    use crate::inprocess::{InProcess, Signal};

    const TEST: &str = "3B6C000211223344556677885454 01 07";

    fn chip(atr: &str) -> InProcess<impl FnMut(Signal<'_>) -> Vec<u8>> {
        let digits = atr.replace(' ', "");
        let atr: Vec<u8> = (0..digits.len() / 2)
            .filter_map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok())
            .collect();
        InProcess::new(move |signal: Signal<'_>| match signal {
            Signal::Reset => atr.clone(),
            Signal::Command(_) => vec![0x6D, 0x00],
        })
    }

    #[test]
    fn a_test_chip_is_written_down_from_power_to_reset() {
        let recorder = Recorder::new(Profile::rhc_2012());
        recorder.comment("one command");
        let mut card = recorder.chip("card", chip(TEST));
        card.transaction()
            .expect("begin")
            .transmit(&[0, 0x84, 0, 0, 8])
            .expect("answer");
        let atr = "3B6C00021122334455667788";
        let expected = format!(
            "# one command\ncard atr {atr}54540107\ncard 0084000008 > 6D00\ncard reset {atr}54540107\n"
        );
        assert_eq!(recorder.conversation().to_string(), expected);
    }

    #[test]
    fn another_chip_is_not_recorded() {
        let recorder = Recorder::new(Profile::rhc_2012());
        for atr in ["3B6C000211223344556677881234 01 07", "3B00"] {
            let mut card = recorder.chip("card", chip(atr));
            let refused = card.transaction().err();
            assert!(
                matches!(refused, Some(ReaderError::Conversation(_))),
                "{atr}"
            );
        }
        assert_eq!(recorder.conversation(), Conversation::default());
    }
}
