//! Cards: reservation, registration, states and verification.

use std::str::FromStr;

use kms_platform::mark::Mark;
use kms_platform::notary::Signed;
use serde::{Deserialize, Serialize};

use crate::serial::{CardSerial, Digest, Factor, Invalid, SamSerialNumber};
use crate::state::{CardEvent, CardState};

/// 居民健康卡号码: the 18-character citizen number. Personal: no `Debug`, no `Display`, only [`CardNumber::masked`].
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CardNumber(String);

impl CardNumber {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Area and last character only: `410102***********X`.
    #[must_use]
    pub fn masked(&self) -> String {
        format!("{}{}{}", &self.0[..6], "*".repeat(11), &self.0[17..])
    }
}

impl FromStr for CardNumber {
    type Err = Invalid;

    /// 17 digits and a digit or X: the form, so that a temporary number without check digit passes too.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let form = text.len() == 18
            && text.bytes().take(17).all(|b| b.is_ascii_digit())
            && text
                .bytes()
                .skip(17)
                .all(|b| b.is_ascii_digit() || b == b'X');
        if form {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid {
            what: "card number",
            form: "17 digits and a digit or X",
        })
    }
}

impl TryFrom<String> for CardNumber {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<CardNumber> for String {
    fn from(number: CardNumber) -> String {
        number.0
    }
}

/// Asks for a serial before anything is written on the card; the same for the same number and factor, however often.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReservationRequest {
    pub card_number: CardNumber,
    /// 应用城市代码 (GB/T 2260), four or six digits, within the station's area.
    pub area: String,
    pub factor: Factor,
}

/// The serial that this person's card will carry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    pub serial: CardSerial,
    /// `reserved`; or the state reached when this card was registered before (a repeat after a crash).
    pub state: CardState,
    pub mark: Mark,
}

/// What the station proved by reading the finished card through a SAM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistrationRequest {
    pub serial: CardSerial,
    pub factor: Factor,
    /// SM3 of the canonical bytes of the content as prepared (without the security code, which the key service adds).
    pub data_hash: Digest,
    /// SM3 of the canonical bytes of the same content as read back from the card: must equal `data_hash`.
    pub read_back_digest: Digest,
    /// The SAM through which the card was authenticated and read: must be registered here and active.
    pub sam_serial: SamSerialNumber,
    pub checks: Checks,
    /// The key service's receipt for the script it made: chip, serial, content and script as *it* knows them. Without one
    /// no card is registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Signed>,
}

/// What has to have passed before a card is registered; anything false refuses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checks {
    /// The card proved its key to the SAM (INTERNAL AUTHENTICATE).
    pub authenticated: bool,
    /// The security code on the card (tag 09) is the one the key service made.
    pub security_code: bool,
}

/// Sets a card's state by saying what happened to it. `registered` is not taken here: that is [`RegistrationRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventRequest {
    pub event: CardEvent,
    /// Why, 1 to 200 characters; no personal data.
    pub reason: String,
}

/// A card after a change; without the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    pub serial: CardSerial,
    pub state: CardState,
    /// UTC, `2026-01-31T08:00:00Z`.
    pub since: String,
    pub mark: Mark,
}

/// A card with everything the registry knows of it. Holds a number, so no `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardView {
    pub serial: CardSerial,
    pub card_number: CardNumber,
    pub area: String,
    pub factor: Factor,
    pub state: CardState,
    pub since: String,
    pub mark: Mark,
    /// Set once the card was registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_hash: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sam_serial: Option<SamSerialNumber>,
    pub history: Vec<HistoryEntry>,
}

/// One change of a card's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    pub at: String,
    /// `reserved` or an event's word.
    pub event: String,
    pub state: CardState,
    pub actor: String,
    pub reason: String,
}

/// All cards a person has or had (newest first), or the one with a serial.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cards {
    pub cards: Vec<CardView>,
}

/// What a hospital learns: whether the card in its hand is good, and since when. Nothing else of the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    pub state: CardState,
    pub since: String,
    pub mark: Mark,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_checked_and_masked() {
        let number: CardNumber = "41010219900101123X".parse().unwrap();
        assert_eq!(number.masked(), "410102***********X");
        for bad in [
            "",
            "41010219900101123x",
            "4101021990010112",
            "X10102199001011234",
            "410102199001011２",
        ] {
            assert!(bad.parse::<CardNumber>().is_err(), "{bad}");
        }
    }
}
