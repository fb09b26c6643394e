//! One command, one answer; and what a T=0 card makes of it: `61 L` (GET RESPONSE) and `6C L` (repeat with Le = L).

use cardlib_card::apdu::{Command, Response};
use cardlib_card::status::Status;
use zeroize::{Zeroize, Zeroizing};

use crate::error::ReaderError;
use crate::row::{self, Answered, Rule};

/// Something that takes a command APDU and gives the answer APDU.
pub trait Channel {
    /// Moves bytes. The answer has at least two bytes (the status word).
    ///
    /// # Errors
    /// [`ReaderError`] when the transport failed; a refusal by the card is not an error here.
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, ReaderError>;

    /// Moves one command after the other, none of which depends on another's answer, each to its whole answer: what `61 L`
    /// keeps back is fetched, and a command answered `6C L` is sent once more with Le = L. Stops where an answer is not
    /// `9000`: the answers up to and including that one, or those that came before the transport failed and why it did
    /// ([`ReaderError::Endless`]: an answer never came to its end).
    fn series(&mut self, commands: &[Vec<u8>]) -> (Vec<Answered>, Result<(), ReaderError>) {
        in_turn(commands, |command| self.transmit(command))
    }
}

impl<C: Channel + ?Sized> Channel for &mut C {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, ReaderError> {
        (**self).transmit(command)
    }

    fn series(&mut self, commands: &[Vec<u8>]) -> (Vec<Answered>, Result<(), ReaderError>) {
        (**self).series(commands)
    }
}

/// What a series is, for a channel that moves single commands.
pub(crate) fn in_turn(
    commands: &[Vec<u8>],
    transmit: impl FnMut(&[u8]) -> Result<Vec<u8>, ReaderError>,
) -> (Vec<Answered>, Result<(), ReaderError>) {
    let mut answers = Vec::with_capacity(commands.len());
    let whole = commands.iter().map(|one| (&one[..], Rule::Whole));
    let done = row::run(whole, None, transmit, |one| answers.push(one));
    (answers, done)
}

/// Most GET RESPONSEs for one command: a short answer is 256 bytes, which a card may hand over in pieces.
pub const MAX_ROUNDS: usize = 16;

/// A command's whole answer.
pub(crate) fn whole(
    command: &[u8],
    transmit: &mut impl FnMut(&[u8]) -> Result<Vec<u8>, ReaderError>,
) -> Result<Vec<u8>, ReaderError> {
    let mut answer = Zeroizing::new(with_right_le(command, transmit)?);
    let mut rounds = 0;
    while let Some(waiting) = status(&answer)?.bytes_waiting() {
        rounds += 1;
        if rounds > MAX_ROUNDS {
            return Err(ReaderError::Endless(MAX_ROUNDS));
        }
        // 256 is written as Le 00.
        let le = u8::try_from(waiting).unwrap_or(0);
        let more = [0x00, 0xC0, 0x00, 0x00, le];
        let part = Zeroizing::new(with_right_le(&more, transmit)?);
        let data = answer.len() - 2;
        let mut grown = Zeroizing::new(Vec::with_capacity(data + part.len()));
        grown.extend_from_slice(answer.get(..data).unwrap_or_default());
        grown.extend_from_slice(&part);
        answer = grown;
    }
    Ok(std::mem::take(&mut *answer))
}

/// Sends once more where the card answered `6C L`; a second `6C` is the card's answer.
fn with_right_le(
    command: &[u8],
    transmit: &mut impl FnMut(&[u8]) -> Result<Vec<u8>, ReaderError>,
) -> Result<Vec<u8>, ReaderError> {
    let answer = transmit(command)?;
    let Some(le) = status(&answer)?.right_le() else {
        return Ok(answer);
    };
    let Ok(mut parsed) = Command::parse(command) else {
        return Ok(answer);
    };
    parsed = parsed.with_le(le);
    let again = Zeroizing::new(parsed.encode()?);
    parsed.zeroize();
    let answer = transmit(&again)?;
    status(&answer)?;
    Ok(answer)
}

/// Its status word; an answer without one was cut when the card left.
fn status(answer: &[u8]) -> Result<Status, ReaderError> {
    let bytes = answer.last_chunk().ok_or(ReaderError::CardLost)?;
    let status = Status(u16::from_be_bytes(*bytes));
    if is_status(status) {
        Ok(status)
    } else {
        Err(ReaderError::CardLost)
    }
}

/// Sends a command and collects its whole answer.
///
/// # Errors
/// [`ReaderError`] of the transport; [`ReaderError::Endless`] when the card never comes to an end.
pub fn exchange<C: Channel + ?Sized>(
    channel: &mut C,
    command: &Command,
) -> Result<Response, ReaderError> {
    let answer = exchange_all(channel, [command])?.pop();
    answer.ok_or(ReaderError::CardLost)
}

/// Sends commands none of which depends on another's answer, as far as each comes to `9000`: the whole answers up to and
/// including the first that does not. Where the channel has a thread between caller and card it is woken once for all.
///
/// # Errors
/// As [`exchange`].
pub fn exchange_all<'c, C: Channel + ?Sized>(
    channel: &mut C,
    commands: impl IntoIterator<Item = &'c Command>,
) -> Result<Vec<Response>, ReaderError> {
    let encoded = commands.into_iter().map(Command::encode);
    let bytes = Zeroizing::new(encoded.collect::<Result<Vec<_>, _>>()?);
    let (raw, done) = channel.series(&bytes);
    done?;
    let answers = raw.iter().map(|raw| {
        status(&raw.answer)?;
        Response::parse(&raw.answer).map_err(|_| ReaderError::CardLost)
    });
    answers.collect()
}

/// ISO 7816-4: SW1 is 6x or 9x, 60 excepted. Anything else is the tail of an answer that was cut when the card left.
const fn is_status(status: Status) -> bool {
    matches!(status.sw1(), 0x61..=0x6F | 0x90..=0x9F)
}

/// Sends a command and takes only `9000`.
///
/// # Errors
/// The transport's error, or the card's status word in the inner result.
pub fn expect_ok<C: Channel + ?Sized>(
    channel: &mut C,
    command: &Command,
) -> Result<Result<Vec<u8>, Status>, ReaderError> {
    let answer = exchange(channel, command)?;
    Ok(if answer.status.is_ok() {
        Ok(answer.data)
    } else {
        Err(answer.status)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers in turn, and remembers what it was asked.
    struct Script {
        answers: Vec<Vec<u8>>,
        asked: Vec<Vec<u8>>,
    }

    impl Script {
        fn new(answers: &[&[u8]]) -> Self {
            Self {
                answers: answers.iter().rev().map(|a| a.to_vec()).collect(),
                asked: Vec::new(),
            }
        }
    }

    impl Channel for Script {
        fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, ReaderError> {
            self.asked.push(command.to_vec());
            Ok(self.answers.pop().expect("the script is long enough"))
        }
    }

    const READ: Command = Command::new(0x00, 0xB2, 0x01, 0x04);

    #[test]
    fn bytes_that_wait_are_fetched_until_none_do() {
        let mut card = Script::new(&[&[0x61, 3], &[1, 2, 0x61, 1], &[3, 0x90, 0]]);
        let answer = exchange(&mut card, &READ).expect("answer");
        assert_eq!((answer.data, answer.status), (vec![1, 2, 3], Status::OK));
        assert_eq!(card.asked[1], [0x00, 0xC0, 0x00, 0x00, 3]);
        assert_eq!(card.asked[2], [0x00, 0xC0, 0x00, 0x00, 1]);
    }

    #[test]
    fn a_wrong_length_is_repeated_once() {
        let mut card = Script::new(&[&[0x6C, 5], &[1, 2, 3, 4, 5, 0x90, 0]]);
        let answer = exchange(&mut card, &READ.with_le(0x80)).expect("answer");
        assert_eq!(answer.data.len(), 5);
        assert_eq!(card.asked[1], [0x00, 0xB2, 0x01, 0x04, 5]);

        let mut stubborn = Script::new(&[&[0x6C, 5], &[0x6C, 6]]);
        let answer = exchange(&mut stubborn, &READ).expect("answer");
        assert_eq!(
            answer.status,
            Status(0x6C06),
            "the second is the card's answer, not a loop"
        );
    }

    #[test]
    fn a_card_that_never_ends_is_left() {
        let forever: Vec<&[u8]> = vec![&[0x61, 1]; MAX_ROUNDS + 2];
        assert_eq!(
            exchange(&mut Script::new(&forever), &READ),
            Err(ReaderError::Endless(MAX_ROUNDS))
        );
    }

    #[test]
    fn an_answer_without_status_is_a_lost_card() {
        assert_eq!(
            exchange(&mut Script::new(&[&[]]), &READ),
            Err(ReaderError::CardLost)
        );
        assert_eq!(
            exchange(&mut Script::new(&[&[0x90]]), &READ),
            Err(ReaderError::CardLost)
        );
    }

    #[test]
    fn the_tail_of_a_cut_answer_is_not_taken_for_a_status() {
        assert_eq!(
            exchange(&mut Script::new(&[&[0x01, 0x31, 0x30]]), &READ),
            Err(ReaderError::CardLost)
        );
        assert_eq!(
            exchange(&mut Script::new(&[&[0x60, 0x00]]), &READ),
            Err(ReaderError::CardLost)
        );
    }

    #[test]
    fn two_hundred_and_fifty_six_bytes_are_asked_for_as_zero() {
        let mut whole = vec![7; 256];
        whole.extend_from_slice(&[0x90, 0]);
        let mut card = Script::new(&[&[0x61, 0], &whole]);
        assert_eq!(exchange(&mut card, &READ).expect("answer").data.len(), 256);
        assert_eq!(card.asked[1], [0x00, 0xC0, 0x00, 0x00, 0]);
    }

    #[test]
    fn a_refusal_is_the_cards_word_not_an_error() {
        let mut card = Script::new(&[&[0x69, 0x82]]);
        assert_eq!(expect_ok(&mut card, &READ), Ok(Err(Status::SECURITY)));
    }
}
