//! Flaws on order: a card that breaks one rule, so that whoever looks for broken rules (the sequence fuzzer, a conformance
//! check) can show that it finds them. No card has one unless a test gives it one.

/// A broken rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Rights outlive the selection of another directory (against R35).
    RightsSurviveSelect,
    /// A wrong EXTERNAL AUTHENTICATE costs no try (against R33, R70).
    GuessesAreFree,
    /// The psychiatric flag's record is read without its right.
    SpecialDataUnguarded,
    /// Visit file EE02 is updated with the read right alone.
    VisitUpdateByReaders,
    /// In DF03 a challenge is the first half of the maintenance key.
    ChallengeIsKey,
    /// ERASE RECORD takes the update right (against the table of rights).
    EraseByWriters,
}

impl Flaw {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::RightsSurviveSelect,
        Self::GuessesAreFree,
        Self::SpecialDataUnguarded,
        Self::VisitUpdateByReaders,
        Self::ChallengeIsKey,
        Self::EraseByWriters,
    ];
}
