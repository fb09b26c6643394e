//! Cards: reservation, registration, states and verification.

use std::str::FromStr;

use kms_platform::lang::Text;
use kms_platform::mark::Mark;
use kms_platform::notary::Signed;
use serde::{Deserialize, Serialize};

use crate::serial::{CardSerial, Digest, Factor, Invalid, SamSerialNumber};

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

/// A card's place in its life.
///
/// ```text
/// reserved ──registered──▶ active ──lost──▶ lost
///    │                       │ ▲            │ │
///    │                       │ └───found────┘ │
///    │                       └──cancelled─────┴──▶ cancelled
///    └──voided──▶ voided
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CardState {
    /// A serial is taken, the card is being made.
    Reserved,
    /// Read back and registered: good.
    Active,
    /// 挂失: reported lost, may be found again.
    Lost,
    /// 注销: over for good.
    Cancelled,
    /// Given up before it was ever active.
    Voided,
}

/// What happens to a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CardEvent {
    Registered,
    Lost,
    Found,
    Cancelled,
    Voided,
}

impl CardState {
    pub const ALL: [CardState; 5] = [
        CardState::Reserved,
        CardState::Active,
        CardState::Lost,
        CardState::Cancelled,
        CardState::Voided,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            CardState::Reserved => "reserved",
            CardState::Active => "active",
            CardState::Lost => "lost",
            CardState::Cancelled => "cancelled",
            CardState::Voided => "voided",
        }
    }

    #[must_use]
    pub const fn label(self) -> Text {
        match self {
            CardState::Reserved => Text::new("being made", "制作中"),
            CardState::Active => Text::new("active", "正常"),
            CardState::Lost => Text::new("lost", "挂失"),
            CardState::Cancelled => Text::new("cancelled", "注销"),
            CardState::Voided => Text::new("voided", "作废"),
        }
    }

    /// Whether the card still stands for its person: then no other can be reserved.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(
            self,
            CardState::Reserved | CardState::Active | CardState::Lost
        )
    }

    /// The state after an event; `None` where the event cannot happen.
    #[must_use]
    pub const fn after(self, event: CardEvent) -> Option<CardState> {
        match (self, event) {
            (CardState::Reserved, CardEvent::Registered) | (CardState::Lost, CardEvent::Found) => {
                Some(CardState::Active)
            }
            (CardState::Reserved, CardEvent::Voided) => Some(CardState::Voided),
            (CardState::Active, CardEvent::Lost) => Some(CardState::Lost),
            (CardState::Active | CardState::Lost, CardEvent::Cancelled) => {
                Some(CardState::Cancelled)
            }
            _ => None,
        }
    }
}

impl CardEvent {
    pub const ALL: [CardEvent; 5] = [
        CardEvent::Registered,
        CardEvent::Lost,
        CardEvent::Found,
        CardEvent::Cancelled,
        CardEvent::Voided,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            CardEvent::Registered => "registered",
            CardEvent::Lost => "lost",
            CardEvent::Found => "found",
            CardEvent::Cancelled => "cancelled",
            CardEvent::Voided => "voided",
        }
    }

    #[must_use]
    pub const fn label(self) -> Text {
        match self {
            CardEvent::Registered => Text::new("registered", "登记"),
            CardEvent::Lost => Text::new("reported lost", "挂失"),
            CardEvent::Found => Text::new("found", "解挂"),
            CardEvent::Cancelled => Text::new("cancelled", "注销"),
            CardEvent::Voided => Text::new("voided", "作废"),
        }
    }
}

/// A word that is no state or no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown word for a card's state or event")]
pub struct UnknownWord;

impl FromStr for CardState {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        CardState::ALL
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or(UnknownWord)
    }
}

impl FromStr for CardEvent {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        CardEvent::ALL
            .into_iter()
            .find(|event| event.as_str() == word)
            .ok_or(UnknownWord)
    }
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

    /// The whole table: five states × five events, six of the pairs are legal.
    #[test]
    fn every_transition_is_as_the_picture_shows() {
        use CardEvent as E;
        use CardState as S;
        let legal = [
            (S::Reserved, E::Registered, S::Active),
            (S::Reserved, E::Voided, S::Voided),
            (S::Active, E::Lost, S::Lost),
            (S::Active, E::Cancelled, S::Cancelled),
            (S::Lost, E::Found, S::Active),
            (S::Lost, E::Cancelled, S::Cancelled),
        ];
        for state in S::ALL {
            for event in E::ALL {
                let expected = legal
                    .iter()
                    .find(|(from, on, _)| (*from, *on) == (state, event))
                    .map(|row| row.2);
                assert_eq!(state.after(event), expected, "{state:?} {event:?}");
            }
        }
    }

    #[test]
    fn words_read_back() {
        for state in CardState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        for event in CardEvent::ALL {
            assert_eq!(event.as_str().parse(), Ok(event));
            assert_eq!(serde_json::to_value(event).unwrap(), event.as_str());
        }
    }

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
