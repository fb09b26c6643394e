//! A card made of a conversation: it answers what is written, and only to the commands that are written, in their order.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Conversation, Event};
use crate::card::Card;
use crate::error::ReaderError;

/// A conversation that is held again, with all its chips.
#[derive(Clone)]
pub struct Replay {
    script: Arc<Mutex<Script>>,
}

struct Script {
    conversation: Conversation,
    /// Events that have happened.
    done: usize,
}

impl Replay {
    #[must_use]
    pub fn new(conversation: Conversation) -> Self {
        let done = 0;
        let script = Script { conversation, done };
        Self {
            script: Arc::new(Mutex::new(script)),
        }
    }

    /// The chip of this name. Several chips keep the order in which the conversation has them.
    #[must_use]
    pub fn chip(&self, name: &str) -> Replayed {
        let first = self
            .script()
            .conversation
            .events()
            .find_map(|(_, chip, event)| match event {
                Event::Begin { atr } if chip == name => Some(atr.clone()),
                _ => None,
            });
        Replayed {
            name: name.to_owned(),
            atr: first.unwrap_or_default(),
            replay: self.clone(),
        }
    }

    /// Whether everything that is written has been said.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let script = self.script();
        script.done == script.conversation.events().count()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        // The counter is right after any panic elsewhere.
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next event if `fits` says that it is this one.
    fn next<T>(
        &self,
        name: &str,
        what: &str,
        fits: impl FnOnce(&Event) -> Option<T>,
    ) -> Result<T, ReaderError> {
        let mut script = self.script();
        let next = script.conversation.events().nth(script.done);
        let (line, outcome) = match next {
            Some((line, chip, event)) if chip == name => (line, fits(event)),
            Some((line, ..)) => (line, None),
            None => return Err(ReaderError::Conversation(format!("{what} after its end"))),
        };
        let Some(taken) = outcome else {
            let text = format!("{name}: {what} is not what line {line} has");
            return Err(ReaderError::Conversation(text));
        };
        script.done += 1;
        Ok(taken)
    }
}

/// One chip of a [`Replay`].
pub struct Replayed {
    name: String,
    atr: Vec<u8>,
    replay: Replay,
}

impl Card for Replayed {
    fn atr(&self) -> &[u8] {
        &self.atr
    }

    fn begin(&mut self) -> Result<(), ReaderError> {
        self.atr = self
            .replay
            .next(&self.name, "a transaction", |event| match event {
                Event::Begin { atr } => Some(atr.clone()),
                _ => None,
            })?;
        Ok(())
    }

    fn transmit(&mut self, sent: &[u8]) -> Result<Vec<u8>, ReaderError> {
        let header = sent.get(..4).unwrap_or(sent);
        let what = format!("the command {header:02X?}");
        let answer = self.replay.next(&self.name, &what, |event| match event {
            Event::Exchange { command, answer } if command == sent => Some(answer.clone()),
            _ => None,
        })?;
        answer.ok_or(ReaderError::CardLost)
    }

    fn end(&mut self) -> Result<(), ReaderError> {
        self.atr = self
            .replay
            .next(&self.name, "a reset", |event| match event {
                Event::Reset { atr } => Some(atr.clone()),
                _ => None,
            })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Channel;

    const TEXT: &str = "sam atr 3B02\ncard atr 3B00\ncard 0084 > 6D00\nsam 00A4 > -\ncard reset 3B01\nsam reset 3B02\n";

    fn replay() -> Replay {
        Replay::new(TEXT.parse().expect("form"))
    }

    #[test]
    fn the_written_answers_come_back_in_their_order() {
        let replay = replay();
        let (mut card, mut sam) = (replay.chip("card"), replay.chip("sam"));
        let mut sam = sam.transaction().expect("sam");
        let mut card = card.transaction().expect("card");
        assert_eq!(card.transmit(&[0x00, 0x84]), Ok(vec![0x6D, 0x00]));
        assert_eq!(sam.transmit(&[0x00, 0xA4]), Err(ReaderError::CardLost));
        assert!(!replay.is_over());
        card.end().expect("reset");
        sam.end().expect("reset");
        assert!(replay.is_over());
    }

    #[test]
    fn another_command_or_another_order_is_told_with_its_line() {
        let replay = replay();
        let (mut card, mut sam) = (replay.chip("card"), replay.chip("sam"));
        assert!(
            matches!(card.begin(), Err(ReaderError::Conversation(_))),
            "the SAM is first"
        );
        sam.begin().expect("sam");
        card.begin().expect("card");
        let error = Card::transmit(&mut card, &[0x00, 0x85, 0x00, 0x00, 0xAA]).expect_err("other");
        let told = error.to_string();
        assert!(told.contains("line 3") && !told.contains("AA"), "{told}");
    }
}
