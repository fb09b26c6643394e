//! A chip behind a terminal's fault: commands and answers are bent between the reader and the recording chip.

use cardlib_sim::{UserCard, VirtualCard};

use super::chips::Recorder;
use super::faults::{Bend, Meant, Special};
use super::judge::begins;

/// `genuine` is a sound card that only answers for the chip where the fault needs a right proof.
pub struct Bent {
    sam: bool,
    below: Recorder,
    genuine: UserCard,
    bend: Option<Bend>,
    commands: usize,
    atr: Vec<u8>,
    /// The card says that it is of province 34 (record 57 of DDF1/EF05).
    foreign: bool,
    /// The genuine card's waiting answer goes up, not the chip's.
    from_genuine: bool,
    inserted: bool,
    challenge: Option<Vec<u8>>,
}

impl Bent {
    #[must_use]
    pub fn new(sam: bool, below: Recorder, genuine: UserCard, bend: Option<Bend>) -> Self {
        Self {
            sam,
            below,
            genuine,
            bend,
            commands: 0,
            atr: Vec::new(),
            foreign: false,
            from_genuine: false,
            inserted: false,
            challenge: None,
        }
    }

    fn concerns(&self, meant: &Meant, apdu: &[u8]) -> bool {
        meant.sam == self.sam && begins(&meant.pattern, apdu)
    }

    fn insert(&mut self, commands: &[Vec<u8>]) {
        for command in commands {
            self.below.handle(command);
        }
        self.inserted = true;
    }

    fn bent(&mut self, bend: &Bend, apdu: &[u8]) -> Vec<u8> {
        match bend {
            Bend::Flip(meant, at, mask) if self.concerns(meant, apdu) => {
                let mut sent = apdu.to_vec();
                let place = match usize::try_from(*at) {
                    Ok(at) => Some(at),
                    Err(_) => sent.len().checked_add_signed(*at),
                };
                if let Some(byte) = place.and_then(|at| sent.get_mut(at)) {
                    *byte ^= mask;
                }
                self.below.handle(&sent)
            }
            Bend::Drop(meant, answer) if self.concerns(meant, apdu) => answer.clone(),
            Bend::Again(meant, beginning) if self.concerns(meant, apdu) => {
                let answer = self.below.handle(apdu);
                if answer.starts_with(beginning) {
                    self.below.handle(apdu)
                } else {
                    answer
                }
            }
            Bend::Insert(meant, commands) if !self.inserted && self.concerns(meant, apdu) => {
                self.insert(commands);
                self.below.handle(apdu)
            }
            Bend::Answer(meant, beginning, other) if self.concerns(meant, apdu) => {
                let answer = self.below.handle(apdu);
                if answer.starts_with(beginning) {
                    other.clone()
                } else {
                    answer
                }
            }
            Bend::Special(special) => self.special(*special, apdu),
            _ => self.below.handle(apdu),
        }
    }

    fn special(&mut self, special: Special, apdu: &[u8]) -> Vec<u8> {
        let ins = apdu.get(1).copied().unwrap_or_default();
        match special {
            Special::NoReset => self.below.handle(apdu),
            Special::Genuine(sent) => self.proved(apdu, sent),
            Special::ForeignProvince => {
                let proof = [&[0x00, 0x82, 0x00, 0x05, 0x11][..], &[0; 16], &[1]].concat();
                if ins == 0x88 && self.foreign {
                    self.insert(&[vec![0x00, 0x84, 0x00, 0x00, 0x08], proof]);
                }
                let answer = self.below.handle(apdu);
                self.foreign |= answer.starts_with(&[57, 0x03, 0x34]);
                answer
            }
            Special::FetchesForEver => {
                let mut answer = self.below.handle(apdu);
                for _ in 0..1000 {
                    if ins != 0xC0 || answer.len() < 2 || answer[answer.len() - 2] != 0x61 {
                        break;
                    }
                    answer = self.below.handle(apdu);
                }
                answer
            }
            Special::KeepsChallenge => match &self.challenge {
                Some(challenge) if ins == 0x84 => challenge.clone(),
                _ => {
                    let answer = self.below.handle(apdu);
                    if ins == 0x84 && answer.len() == 10 && !self.sam {
                        self.challenge = Some(answer.clone());
                    }
                    answer
                }
            },
        }
    }

    /// Lets the genuine card prove itself; the chip sees INTERNAL AUTHENTICATE where it is `sent` all the same.
    fn proved(&mut self, apdu: &[u8], sent: bool) -> Vec<u8> {
        let answer = self.genuine.handle(apdu);
        let fetched = self.from_genuine && apdu.get(1) == Some(&0xC0);
        self.from_genuine = apdu.get(1) == Some(&0x88);
        if self.from_genuine || fetched {
            if sent {
                self.below.handle(apdu);
            }
            return answer;
        }
        self.below.handle(apdu)
    }
}

impl VirtualCard for Bent {
    fn reset(&mut self) -> Vec<u8> {
        if self.bend == Some(Bend::Special(Special::NoReset)) && self.commands > 0 {
            return self.atr.clone();
        }
        self.genuine.reset();
        self.from_genuine = false;
        self.challenge = None;
        self.atr = self.below.reset();
        self.atr.clone()
    }

    fn handle(&mut self, apdu: &[u8]) -> Vec<u8> {
        self.commands += 1;
        match self.bend.clone() {
            Some(bend) => self.bent(&bend, apdu),
            None => self.below.handle(apdu),
        }
    }
}
