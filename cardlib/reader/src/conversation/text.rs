//! The file format, there and back.

use std::fmt;
use std::str::FromStr;

use super::{Conversation, Event, Line};

/// A line that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct ParseError {
    /// From 1.
    pub line: usize,
    pub what: &'static str,
}

const ATR: &str = "atr";
const RESET: &str = "reset";
const NO_ANSWER: &str = "-";

impl fmt::Display for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            match line {
                Line::Comment(text) if text.is_empty() => writeln!(f)?,
                Line::Comment(text) => writeln!(f, "# {text}")?,
                Line::Event { chip, event } => writeln!(f, "{chip} {event}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin { atr } => write!(f, "{ATR} {}", upper(atr)),
            Self::Reset { atr } => write!(f, "{RESET} {}", upper(atr)),
            Self::Exchange { command, answer } => {
                let answer = answer.as_deref().map_or(NO_ANSWER.into(), upper);
                write!(f, "{} > {answer}", upper(command))
            }
        }
    }
}

impl FromStr for Conversation {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let lines = (1..).zip(text.lines()).map(|(number, line)| {
            parse(line.trim()).map_err(|what| ParseError { line: number, what })
        });
        lines.collect::<Result<_, _>>().map(|lines| Self { lines })
    }
}

fn parse(line: &str) -> Result<Line, &'static str> {
    if line.is_empty() {
        return Ok(Line::Comment(String::new()));
    }
    if let Some(comment) = line.strip_prefix('#') {
        return Ok(Line::Comment(comment.trim().to_owned()));
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    let (chip, event) = match words.as_slice() {
        [chip, ATR, atr] => (chip, Event::Begin { atr: bytes(atr)? }),
        [chip, RESET, atr] => (chip, Event::Reset { atr: bytes(atr)? }),
        [chip, command, ">", NO_ANSWER] => {
            let command = bytes(command)?;
            (
                chip,
                Event::Exchange {
                    command,
                    answer: None,
                },
            )
        }
        [chip, command, ">", answer] => {
            let (command, answer) = (bytes(command)?, bytes(answer)?);
            if answer.len() < 2 {
                return Err("an answer has at least a status word; write - for none");
            }
            (
                chip,
                Event::Exchange {
                    command,
                    answer: Some(answer),
                },
            )
        }
        _ => {
            return Err("write: chip COMMAND > ANSWER, chip atr ATR, chip reset ATR, or # comment");
        }
    };
    Ok(Line::Event {
        chip: (*chip).to_owned(),
        event,
    })
}

fn upper(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02X}");
            text
        })
}

fn bytes(digits: &str) -> Result<Vec<u8>, &'static str> {
    let value = |digit: &u8| char::from(*digit).to_digit(16);
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.is_empty() {
        return Err("hexadecimal bytes have two digits each");
    }
    pairs
        .iter()
        .map(|[high, low]| {
            let byte = value(high)? << 4 | value(low)?;
            u8::try_from(byte).ok()
        })
        .collect::<Option<_>>()
        .ok_or("only hexadecimal digits 0-9, A-F")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# a card is asked\n\ncard atr 3B00\ncard 00840000 > 6D00\ncard 00A4 > -\ncard reset 3B01\n";

    #[test]
    fn a_text_comes_back_as_it_was() {
        let read: Conversation = TEXT.parse().expect("form");
        assert_eq!(read.to_string(), TEXT);
        assert_eq!(read.events().count(), 4);
        let loose = TEXT.to_lowercase().replace("card 0084", "  card   0084");
        assert_eq!(loose.parse::<Conversation>().expect("form"), read);
    }

    #[test]
    fn what_is_no_conversation_is_refused_by_line() {
        for (text, line) in [
            ("# x\ncard", 2),
            ("card 00A > 9000", 1),
            ("card 00A4 > 90", 1),
            ("card 00A4 > 90zz", 1),
            ("card 00A4 9000", 1),
            ("card atr", 1),
            ("card é0 > 9000", 1),
            ("\n\ncard 00 > > 9000", 3),
        ] {
            let error = text.parse::<Conversation>().expect_err(text);
            assert_eq!(error.line, line, "{text}: {error}");
        }
    }

    #[test]
    fn the_first_difference_is_told_and_comments_do_not_count() {
        let one: Conversation = TEXT.parse().expect("form");
        let other: Conversation = TEXT
            .replace("# a card is asked", "# other")
            .parse()
            .expect("form");
        assert_eq!(one.difference(&other), None);
        let other: Conversation = TEXT.replace("6D00", "9000").parse().expect("form");
        let told = one.difference(&other).expect("a difference");
        assert!(
            told.contains("line 4: card 00840000 > 6D00") && told.contains("9000"),
            "{told}"
        );
        let cut: Conversation = TEXT[..TEXT.len() - 16].parse().expect("form");
        assert!(one.difference(&cut).expect("shorter").contains("the end"));
    }
}
