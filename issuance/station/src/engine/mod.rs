//! One card, from "seen" to "registered": probe, reserve, one call to the key service, the script phase by phase, read
//! back through a SAM, register. The intent of every phase is in the journal before its first command, so that after a
//! crash or a pulled card the next attempt knows what is certain (`docs/architecture.md`, rule 4).
//!
//! | module | one idea |
//! |---|---|
//! | this one | who takes part, and what comes out |
//! | `card` | what card is in the reader, whose it is to become; what is left over from earlier runs |
//! | `make` | the script, the read-back, the registration |
//! | `digest` | what binds a card to its data |

mod card;
mod digest;
mod make;

use std::time::Duration;

use cardlib_card::content::CardContent;
use cardlib_card::profile::{AtrFacts, Profile};
use cardlib_reader::Channel;
use jiff::civil::Date;
use kms_platform::clock::Clock;

pub use digest::data_hash;

use crate::fault::Fault;
use crate::journal::Journal;
use crate::ports::{Keys, Registry};
use crate::timing::Timings;

/// Reads a card through a SAM and compares it with what was meant.
pub trait Examiner {
    /// Fails unless the card is one of ours and holds exactly this; `is_code` knows 安全码, which is not in the content.
    ///
    /// # Errors
    /// What differs, or why it could not be read.
    fn examine(
        &mut self,
        card: &mut dyn Channel,
        facts: &AtrFacts,
        content: &CardContent,
        is_code: &dyn Fn(&str) -> bool,
    ) -> Result<Evidence, Fault>;

    /// Time spent in the SAM so far.
    fn spent(&self) -> Duration;
}

/// What proves that a card was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Serial of the SAM.
    pub sam_serial: String,
    /// SM3 over the canonical bytes of what was read, 安全码 left out.
    pub digest: String,
}

/// Who issues.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// 发卡机构名称.
    pub name: String,
    /// 发卡机构代码 (D24), 16 digits.
    pub code: String,
    /// 发卡机构证书 (D20).
    pub certificate: Vec<u8>,
    /// 应用城市代码, six digits.
    pub area: String,
}

/// What a station needs to make cards.
pub struct Station<'a> {
    /// The card profile.
    pub profile: &'a Profile,
    /// The key service.
    pub keys: &'a dyn Keys,
    /// The registry.
    pub registry: &'a dyn Registry,
    /// The journal.
    pub journal: &'a mut Journal,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Who issues.
    pub issuer: Issuer,
    /// Ticket for new cards.
    pub ticket: String,
}

/// How a card ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Made in one go.
    Issued,
    /// Begun earlier, finished now.
    Finished,
    /// Active already, not yet registered: read back and registered now.
    Recovered,
}

impl Verdict {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Finished => "finished",
            Self::Recovered => "recovered",
        }
    }
}

/// What became of a card in the reader.
pub struct Outcome {
    /// Whose card: place in the list of applicants.
    pub applicant: Option<usize>,
    /// Factor in hexadecimal, as far as the card told it.
    pub factor: Option<String>,
    /// Serial, as far as one was reserved.
    pub serial: Option<String>,
    /// How it ended.
    pub result: Result<Verdict, Fault>,
    /// Whose time it took.
    pub timings: Timings,
}

/// The date in China, which has one time zone.
#[must_use]
pub fn today(clock: &dyn Clock) -> Date {
    jiff::tz::Offset::constant(8)
        .to_datetime(clock.now())
        .date()
}
