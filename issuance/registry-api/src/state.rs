//! A card's states and what leads from one to another.

use std::str::FromStr;

use kms_platform::lang::Text;
use serde::{Deserialize, Serialize};

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
}
