//! Defective terminals: a sound library whose commands are bent between the reader and the recording chip. One fault each, of
//! the kinds that real terminals have; the suite must find every one by a case of its clause.

use cardlib_sim::{UserCard, VirtualCard};

use super::chips::Recorder;

/// What is wrong with the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    RepeatsAuthentication,
    RepeatsAtExhaustedKey,
    RepeatsPin,
    NoResetAtEnd,
    IgnoresExpiry,
    TakesForgedCard,
    SkipsInternalAuthentication,
    SameRandom,
    WrongMac,
    ForeignProvince,
    EntersOtherApplication,
    WritesFixedFile,
    OldVersion,
    GoesOnWithoutChallenge,
    FetchesForEver,
    WritesTwice,
    TakesEmptyPlace,
}

/// Id, fault, clause, what is wrong.
pub const TABLE: [(&str, Fault, &str, &str); 17] = [
    (
        "repeats-authentication",
        Fault::RepeatsAuthentication,
        "R68",
        "sends a refused EXTERNAL AUTHENTICATE again",
    ),
    (
        "repeats-at-exhausted-key",
        Fault::RepeatsAtExhaustedKey,
        "R33",
        "tries a key on whose counter 6983 stands again",
    ),
    (
        "repeats-pin",
        Fault::RepeatsPin,
        "sam 4.2",
        "sends a refused PIN again",
    ),
    (
        "no-reset-at-end",
        Fault::NoResetAtEnd,
        "reader-api 5.1",
        "leaves card and SAM with their rights",
    ),
    (
        "ignores-expiry",
        Fault::IgnoresExpiry,
        "R30",
        "serves a card whose date is past",
    ),
    (
        "takes-forged-card",
        Fault::TakesForgedCard,
        "user-card 3.3",
        "does not compare the answer of INTERNAL AUTHENTICATE",
    ),
    (
        "skips-internal-authentication",
        Fault::SkipsInternalAuthentication,
        "user-card 3.3",
        "shows keys before it knows that the card is genuine",
    ),
    (
        "same-random",
        Fault::SameRandom,
        "user-card 3.3",
        "sends the same random number every time",
    ),
    (
        "wrong-mac",
        Fault::WrongMac,
        "user-card 3.3",
        "last byte of the MAC wrong",
    ),
    (
        "foreign-province",
        Fault::ForeignProvince,
        "R68",
        "tries its province's keys on another province's card",
    ),
    (
        "enters-other-application",
        Fault::EntersOtherApplication,
        "user-card 2.3",
        "enters an application that the call does not need",
    ),
    (
        "writes-fixed-file",
        Fault::WritesFixedFile,
        "user-card 2.2",
        "sends an update to a file that is fixed",
    ),
    (
        "old-version",
        Fault::OldVersion,
        "R79",
        "authenticates with version 00 in place of 01",
    ),
    (
        "goes-on-without-challenge",
        Fault::GoesOnWithoutChallenge,
        "user-card 3.3",
        "computes over what was no challenge",
    ),
    (
        "fetches-for-ever",
        Fault::FetchesForEver,
        "R74",
        "follows 61xx without end",
    ),
    (
        "writes-twice",
        Fault::WritesTwice,
        "user-card 3.3",
        "sends an update again",
    ),
    (
        "takes-empty-place",
        Fault::TakesEmptyPlace,
        "R27",
        "takes a place whose flag is FF for a record",
    ),
];

/// A chip behind a terminal's fault. `genuine` is a sound card that only answers for it where the fault needs a right proof.
pub struct Bent {
    below: Recorder,
    genuine: UserCard,
    fault: Option<Fault>,
    commands: usize,
    atr: Vec<u8>,
    /// The card says that it is of province 34 (record 57 of DDF1/EF05).
    foreign: bool,
    /// The genuine card's waiting answer goes up, not the chip's.
    from_genuine: bool,
}

impl Bent {
    #[must_use]
    pub fn new(below: Recorder, genuine: UserCard, fault: Option<Fault>) -> Self {
        Self {
            below,
            genuine,
            fault,
            commands: 0,
            atr: Vec::new(),
            foreign: false,
            from_genuine: false,
        }
    }

    /// Sends a command a second time where its first answer is of this kind.
    fn again(&mut self, apdu: &[u8], ins: u8, refused: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let answer = self.below.handle(apdu);
        if apdu.get(1) == Some(&ins) && refused(&answer) {
            return self.below.handle(apdu);
        }
        answer
    }

    /// Sends commands of its own before the first INTERNAL AUTHENTICATE.
    fn insert(&mut self, apdu: &[u8], own: &[&[u8]]) -> Vec<u8> {
        if apdu.get(1) == Some(&0x88) {
            for command in own {
                self.below.handle(command);
            }
        }
        self.below.handle(apdu)
    }

    /// Lets the genuine card prove itself; `seen` is what the chip sees of the command, if anything.
    fn proved(&mut self, apdu: &[u8], seen: Option<&[u8]>) -> Vec<u8> {
        let answer = self.genuine.handle(apdu);
        let fetched = self.from_genuine && apdu.get(1) == Some(&0xC0);
        self.from_genuine = apdu.get(1) == Some(&0x88);
        if self.from_genuine || fetched {
            if let Some(seen) = seen {
                self.below.handle(seen);
            }
            return answer;
        }
        self.below.handle(apdu)
    }

    fn bent(&mut self, fault: Fault, apdu: &[u8]) -> Vec<u8> {
        let ins = apdu.get(1).copied().unwrap_or_default();
        match fault {
            Fault::RepeatsAuthentication => self.again(apdu, 0x82, |answer| answer[0] == 0x63),
            Fault::RepeatsAtExhaustedKey => self.again(apdu, 0x82, |answer| answer == [0x69, 0x83]),
            Fault::RepeatsPin => self.again(apdu, 0x20, |answer| answer[0] == 0x63),
            Fault::WritesTwice => self.again(apdu, 0xDC, |answer| answer == [0x90, 0x00]),
            Fault::NoResetAtEnd => self.below.handle(apdu),
            Fault::IgnoresExpiry => {
                let mut answer = self.below.handle(apdu);
                if answer.starts_with(&[0x07, 0x04, 0x20, 0x20]) {
                    answer[3] = 0x36;
                }
                answer
            }
            Fault::TakesForgedCard => self.proved(apdu, Some(apdu)),
            Fault::SkipsInternalAuthentication => self.proved(apdu, None),
            Fault::SameRandom => {
                let mut seen = apdu.to_vec();
                if ins == 0x88
                    && let Some(random) = seen.get_mut(5..13)
                {
                    random.fill(0);
                }
                self.proved(apdu, Some(&seen))
            }
            Fault::WrongMac | Fault::OldVersion => {
                let (bad, flip) = if fault == Fault::WrongMac {
                    (0xDC, 0xFF)
                } else {
                    (0x82, 0x01)
                };
                let mut sent = apdu.to_vec();
                if ins == bad
                    && let Some(last) = sent.last_mut()
                {
                    *last ^= flip;
                }
                self.below.handle(&sent)
            }
            Fault::ForeignProvince => {
                let proof = [&[0x00, 0x82, 0x00, 0x05, 0x11][..], &[0; 16], &[1]].concat();
                let own: &[&[u8]] = if self.foreign {
                    &[&[0x00, 0x84, 0x00, 0x00, 0x08], &proof]
                } else {
                    &[]
                };
                let answer = self.insert(apdu, own);
                self.foreign |= answer.starts_with(&[57, 0x03, 0x34]);
                answer
            }
            Fault::EntersOtherApplication => self.insert(
                apdu,
                &[
                    &[0x00, 0xA4, 0x00, 0x0C, 0x02, 0xDF, 0x02],
                    &[0x00, 0xA4, 0x00, 0x0C, 0x02, 0xDD, 0xF1],
                ],
            ),
            Fault::WritesFixedFile => {
                let update = [&[0x04, 0xDC, 0x01, 0x04, 0x14][..], &[0; 20]].concat();
                self.insert(apdu, &[&update])
            }
            Fault::GoesOnWithoutChallenge => {
                let answer = self.below.handle(apdu);
                if ins == 0x84 && answer == [0x6D, 0x00] {
                    return vec![1, 2, 3, 4, 5, 6, 7, 8, 0x90, 0x00];
                }
                answer
            }
            Fault::FetchesForEver => {
                let mut answer = self.below.handle(apdu);
                for _ in 0..1000 {
                    if ins != 0xC0 || answer.len() < 2 || answer[answer.len() - 2] != 0x61 {
                        break;
                    }
                    answer = self.below.handle(apdu);
                }
                answer
            }
            Fault::TakesEmptyPlace => {
                let answer = self.below.handle(apdu);
                if ins == 0xB2 && answer == [0xFF, 0x90, 0x00] {
                    return vec![0x00, 0x90, 0x00];
                }
                answer
            }
        }
    }
}

impl VirtualCard for Bent {
    fn reset(&mut self) -> Vec<u8> {
        if self.fault == Some(Fault::NoResetAtEnd) && self.commands > 0 {
            return self.atr.clone();
        }
        self.genuine.reset();
        self.from_genuine = false;
        self.atr = self.below.reset();
        self.atr.clone()
    }

    fn handle(&mut self, apdu: &[u8]) -> Vec<u8> {
        self.commands += 1;
        match self.fault {
            Some(fault) => self.bent(fault, apdu),
            None => self.below.handle(apdu),
        }
    }
}
