//! Conversations with chips as text: recorded, replayed, compared.
//!
//! ```text
//! # what this is, for people
//! card atr 3B6C0002…        power: a transaction begins; the answer to reset
//! card 00A40000023F00 > 6106     one command, one answer
//! card 00B2010400 > -            no answer came
//! card reset 3B6C0002…      the reset at its end
//! ```
//! The first word of a line names the chip. A conversation is whole: keys do not travel in it, but PINs and data do, so
//! only chips that call themselves test chips (R62, D38) are recorded; [`Recorder`] refuses every other.
//!
//! | module | one idea |
//! |---|---|
//! | `text` | the file format |
//! | `record` | a card that writes down what is said to it |
//! | `replay` | a card made of a conversation: right commands get the written answers |

mod record;
mod replay;
mod text;

pub use record::{Recorded, Recorder};
pub use replay::{Replay, Replayed};
pub use text::ParseError;

/// What happened, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conversation {
    pub lines: Vec<Line>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// For people.
    Comment(String),
    /// Something between a terminal and a chip.
    Event { chip: String, event: Event },
}

/// What happened to a chip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A transaction begins.
    Begin { atr: Vec<u8> },
    /// A command; no answer where the transport failed.
    Exchange {
        command: Vec<u8>,
        answer: Option<Vec<u8>>,
    },
    /// A transaction ends.
    Reset { atr: Vec<u8> },
}

impl Conversation {
    /// Events with the number of their line in the text, comments left out.
    pub fn events(&self) -> impl Iterator<Item = (usize, &str, &Event)> {
        (1..)
            .zip(&self.lines)
            .filter_map(|(number, line)| match line {
                Line::Comment(_) => None,
                Line::Event { chip, event } => Some((number, chip.as_str(), event)),
            })
    }

    /// The first place where two conversations differ (comments do not count), as text for people; `None` where they
    /// say the same.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        let (mut ours, mut theirs) = (self.events(), other.events());
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return None,
                (Some((_, chip, event)), Some((_, other_chip, other_event)))
                    if chip == other_chip && event == other_event => {}
                (ours, theirs) => return Some(told(ours, theirs)),
            }
        }
    }
}

fn told(ours: Option<(usize, &str, &Event)>, theirs: Option<(usize, &str, &Event)>) -> String {
    let side = |side: Option<(usize, &str, &Event)>| match side {
        Some((line, chip, event)) => format!("line {line}: {chip} {event}"),
        None => "the end".to_owned(),
    };
    format!("{}\n  against {}", side(ours), side(theirs))
}
