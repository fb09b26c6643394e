//! The shape of a plan: what is to be said to one chip, with numbered gaps where keys go.

use std::sync::Arc;

use zeroize::Zeroizing;

/// One chip's whole script before an HSM has filled and protected it. No `Debug`: it names a person.
pub struct Plan {
    /// HSM mechanism that the dialect wants.
    pub mechanism: String,
    /// Phases in order; the station's journal has the same ones.
    pub phases: Vec<Phase>,
    /// Key slots; [`Segment::Key`] and [`Base::Slot`] count into this list.
    pub slots: Vec<Slot>,
    /// Texts whose MAC goes onto the card; [`Segment::MacText`] counts into this list.
    pub mac_texts: Vec<MacText>,
}

/// A phase: `open`, `files`, `keys`, `data`, `activate`.
#[derive(Clone)]
pub struct Phase {
    /// Its name.
    pub name: &'static str,
    /// Its steps in order; what is the same for every card is shared by their plans.
    pub steps: Vec<Arc<Step>>,
}

/// One step.
#[derive(Clone)]
pub enum Step {
    /// INITIALIZE UPDATE and EXTERNAL AUTHENTICATE, two APDUs.
    Open {
        /// Whose session.
        base: Base,
        /// Key version byte of the base key.
        key_version: u8,
        /// Counter that the chip stands at.
        counter: u32,
        /// Protection of the commands that follow.
        level: Level,
    },
    /// One protected command.
    Command {
        /// CLA INS P1 P2.
        header: [u8; 4],
        /// Its data in order.
        segments: Vec<Segment>,
        /// What the chip answers besides 9000.
        answer: Option<AnswerKind>,
    },
}

/// The key under which a session is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// A key that the HSM holds, diversified for this chip.
    Held(BaseKey),
    /// The key in this slot, written a step before.
    Slot(usize),
}

impl Base {
    /// The slot, where it is one.
    #[must_use]
    pub fn slot(self) -> Option<usize> {
        match self {
            Self::Held(_) => None,
            Self::Slot(slot) => Some(slot),
        }
    }
}

/// Base keys by role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseKey {
    /// The maker's transport key (D34, D41).
    Transport,
    /// Card master key (D39).
    Cmk,
    /// SAM master key of the national stage (D40).
    SmkN,
    /// SAM master key of the provincial stage (D40).
    SmkP,
}

impl BaseKey {
    /// Name as in the profile's service keys; `TRANSPORT` for the maker's key.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Transport => "TRANSPORT",
            Self::Cmk => "CMK",
            Self::SmkN => "SMK_N",
            Self::SmkP => "SMK_P",
        }
    }
}

/// Protection of a session's commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// MAC only (LV 01).
    Mac,
    /// MAC and encryption (LV 03).
    MacEncrypt,
}

/// A piece of a command's data.
#[derive(Clone)]
pub enum Segment {
    /// These bytes; wiped when dropped, they may name a person.
    Literal(Zeroizing<Vec<u8>>),
    /// The wrapped key of this slot, 16 bytes.
    Key(usize),
    /// Check value of this slot, 3 bytes.
    CheckValue(usize),
    /// The characters made from this text's MAC.
    MacText(usize),
    /// The public test private key of this label (D37), 32 bytes; an HSM fills it in a TEST store only.
    TestScalar(String),
}

/// Answer data to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// X‖Y of the SAM's key pair.
    PublicKey,
    /// r‖s by which the SAM proves that it holds the private half.
    KeyProof,
}

/// Which factors take a key from the place where it is held to what is written on the chip. The key service knows
/// at which tier it stands and turns this into factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Root form, as its owner holds it: a SAM's key.
    Root,
    /// Diversified for the chip: by card factor or chip serial, after every factor above it.
    Chip,
}

/// One key to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Key name, `RK1_DDF1`, `CMK`.
    pub key: Arc<str>,
    /// Version, as the chip has it.
    pub version: u8,
    /// Version of the held key that it is made from: the same, or that of its stand-in.
    pub from: u8,
    /// Root or diversified.
    pub target: Target,
    /// Diversification levels between its root and this chip: 0 for a root, else as in the profile (1, 2, 3).
    pub levels: u8,
}

/// A text and the key under which its MAC is made (D22).
pub struct MacText {
    /// Key name, `CVK`.
    pub key: String,
    /// Version.
    pub version: u8,
    /// The text; wiped when dropped.
    pub text: Zeroizing<Vec<u8>>,
    /// How many upper-case hexadecimal characters of the MAC.
    pub digits: u8,
}

impl Segment {
    /// Bytes this segment takes in the command; `mac_texts` of its plan says how long codes are.
    #[must_use]
    pub fn len(&self, mac_texts: &[MacText]) -> usize {
        match self {
            Self::Literal(bytes) => bytes.len(),
            Self::Key(_) => 16,
            Self::CheckValue(_) => 3,
            Self::TestScalar(_) => 32,
            Self::MacText(index) => mac_texts.get(*index).map_or(0, |m| usize::from(m.digits)),
        }
    }
}
