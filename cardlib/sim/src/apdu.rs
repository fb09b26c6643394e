//! What a card sees of a command: header, data, Le, and whether Lc agreed with the length (R14).
//!
//! A card must name the *first* thing that is wrong in the order of R9, and a wrong length is only the fifth of them;
//! so a command whose length does not agree is still taken apart and refused where its turn comes.

use cardlib_card::status::Status;

/// A command as it came.
pub struct Incoming<'a> {
    /// Class.
    pub cla: u8,
    /// Instruction.
    pub ins: u8,
    /// Parameter 1.
    pub p1: u8,
    /// Parameter 2.
    pub p2: u8,
    /// The Lc byte; 0 when there is none.
    pub lc: u8,
    /// Command data; empty when the length does not agree.
    pub data: &'a [u8],
    /// Le, if sent.
    pub le: Option<u8>,
    well_formed: bool,
}

impl<'a> Incoming<'a> {
    /// Takes a command apart; `None` when not even a header came.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (&[cla, ins, p1, p2], body) = bytes.split_first_chunk::<4>()?;
        let mut command = Self {
            cla,
            ins,
            p1,
            p2,
            lc: 0,
            data: &[],
            le: None,
            well_formed: true,
        };
        match body {
            [] => {}
            [le] => command.le = Some(*le),
            [lc, rest @ ..] => {
                let len = usize::from(*lc);
                command.lc = *lc;
                command.well_formed = len > 0 && (rest.len() == len || rest.len() == len + 1);
                if command.well_formed {
                    command.data = &rest[..len];
                    command.le = rest.get(len).copied();
                }
            }
        }
        Some(command)
    }

    /// 6700 unless the length agrees and `fits` takes the number of data bytes.
    ///
    /// # Errors
    /// [`Status::LENGTH`].
    pub fn lc_is(&self, fits: impl FnOnce(usize) -> bool) -> Result<(), Status> {
        if self.well_formed && fits(self.data.len()) {
            Ok(())
        } else {
            Err(Status::LENGTH)
        }
    }

    /// 6A86 unless P1 and P2 are as asked.
    ///
    /// # Errors
    /// [`Status::P1P2`].
    pub fn p1p2_is(&self, fits: impl FnOnce(u8, u8) -> bool) -> Result<(), Status> {
        if fits(self.p1, self.p2) {
            Ok(())
        } else {
            Err(Status::P1P2)
        }
    }

    /// How many bytes are wanted: absent and 00 mean all (R11).
    #[must_use]
    pub fn wanted(&self) -> Option<usize> {
        self.le.filter(|le| *le != 0).map(usize::from)
    }
}

/// `Err` unless the condition holds: reads like the check order of R9.
///
/// # Errors
/// The status given.
pub fn require(condition: bool, otherwise: Status) -> Result<(), Status> {
    if condition { Ok(()) } else { Err(otherwise) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_do_not_agree_are_seen_late() {
        for bad in [
            &[0, 0xA4, 0, 0, 2, 1][..],
            &[0, 0xA4, 0, 0, 1, 1, 0, 0],
            &[0, 0xA4, 0, 0, 0, 0],
        ] {
            let command = Incoming::parse(bad).unwrap();
            assert_eq!(command.ins, 0xA4);
            assert_eq!(command.lc_is(|_| true), Err(Status::LENGTH));
        }
        assert!(Incoming::parse(&[0, 0xA4, 0]).is_none());
    }

    #[test]
    fn the_four_cases() {
        let parse = |bytes: &'static [u8]| Incoming::parse(bytes).unwrap();
        assert_eq!(parse(&[0, 1, 2, 3]).wanted(), None);
        assert_eq!(parse(&[0, 1, 2, 3, 8]).wanted(), Some(8));
        assert_eq!(parse(&[0, 1, 2, 3, 0]).wanted(), None);
        let case4 = parse(&[0, 1, 2, 3, 1, 9, 8]);
        assert_eq!((case4.data, case4.le), (&[9][..], Some(8)));
    }
}
