//! T=0 answers (R10–R12, R74): data of a command that also had data wait for GET RESPONSE.

use cardlib_card::status::Status;
use zeroize::Zeroizing;

use crate::apdu::Incoming;

/// What a command that succeeded gives back.
pub enum Outcome {
    /// 9000, no data.
    Done,
    /// Data and 9000 at once: the command had no data of its own.
    Data(Vec<u8>),
    /// `61 L`, the data at GET RESPONSE.
    Waiting(Vec<u8>),
}

/// Outcome or status word.
pub type Answer = Result<Outcome, Status>;

/// The data that wait for GET RESPONSE.
#[derive(Default)]
pub struct Pending(Zeroizing<Vec<u8>>);

impl Pending {
    /// Forgets what waits, as every command but GET RESPONSE does.
    pub fn discard(&mut self) {
        self.0 = Zeroizing::default();
    }

    /// Makes the bytes of an answer, keeping what must wait.
    pub fn settle(&mut self, answer: Answer) -> Vec<u8> {
        match answer {
            Ok(Outcome::Done) => word(Status::OK),
            Ok(Outcome::Data(data)) => with_word(data, Status::OK),
            Ok(Outcome::Waiting(data)) => {
                let status = waiting(data.len());
                self.0 = Zeroizing::new(data);
                word(status)
            }
            Err(status) => word(status),
        }
    }

    /// GET RESPONSE `00 C0 00 00 Le` (R12).
    pub fn get_response(&mut self, command: &Incoming<'_>) -> Vec<u8> {
        let mut data = std::mem::take(&mut self.0);
        let checked = command
            .p1p2_is(|p1, p2| p1 == 0 && p2 == 0)
            .and_then(|()| command.lc_is(|lc| lc == 0));
        if let Err(status) = checked {
            return word(status);
        }
        if data.is_empty() {
            return word(Status::CONDITIONS);
        }
        let wanted = command.wanted().unwrap_or(data.len());
        if wanted > data.len() {
            let status = Status::wrong_le(low_byte(data.len()));
            self.0 = data;
            return word(status);
        }
        let rest = Zeroizing::new(data.split_off(wanted));
        let status = if rest.is_empty() {
            Status::OK
        } else {
            waiting(rest.len())
        };
        self.0 = rest;
        with_word(data.to_vec(), status)
    }
}

fn waiting(len: usize) -> Status {
    Status::more(low_byte(len))
}

/// Lengths here are at most 256, which T=0 writes as 00.
fn low_byte(len: usize) -> u8 {
    len.to_le_bytes()[0]
}

/// A bare status word.
#[must_use]
pub fn word(status: Status) -> Vec<u8> {
    status.0.to_be_bytes().to_vec()
}

fn with_word(mut data: Vec<u8>, status: Status) -> Vec<u8> {
    data.extend_from_slice(&status.0.to_be_bytes());
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(pending: &mut Pending, le: &[u8]) -> Vec<u8> {
        let bytes = [&[0, 0xC0, 0, 0][..], le].concat();
        pending.get_response(&Incoming::parse(&bytes).unwrap())
    }

    #[test]
    fn r12_in_pieces() {
        let mut pending = Pending::default();
        assert_eq!(ask(&mut pending, &[0]), [0x69, 0x85]);
        let sent = pending.settle(Ok(Outcome::Waiting(vec![1, 2, 3, 4])));
        assert_eq!(sent, [0x61, 4]);
        assert_eq!(ask(&mut pending, &[5]), [0x6C, 4]);
        assert_eq!(ask(&mut pending, &[1]), [1, 0x61, 3]);
        assert_eq!(ask(&mut pending, &[3]), [2, 3, 4, 0x90, 0]);
        assert_eq!(ask(&mut pending, &[0]), [0x69, 0x85]);
    }

    #[test]
    fn a_refused_get_response_loses_the_data() {
        let mut pending = Pending::default();
        pending.settle(Ok(Outcome::Waiting(vec![1])));
        let wrong = [0, 0xC0, 1, 0, 1];
        let sent = pending.get_response(&Incoming::parse(&wrong).unwrap());
        assert_eq!(sent, [0x6A, 0x86]);
        assert_eq!(ask(&mut pending, &[0]), [0x69, 0x85]);
    }
}
