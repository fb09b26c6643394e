//! What an error of PC/SC means. After an error the reader's state decides: the same code comes for a card that was
//! pulled, one that another program reset, and a reader that was unplugged.

use super::{Presence, ReaderInfo};
use crate::error::ReaderError;

/// Where it happened: a reader, or the daemon itself.
pub(super) struct Place(Option<String>);

impl Place {
    pub(super) fn daemon() -> Self {
        Self(None)
    }

    pub(super) fn reader(name: &str) -> Self {
        Self(Some(name.to_owned()))
    }

    pub(super) fn name(&self) -> String {
        self.0.clone().unwrap_or_default()
    }
}

/// The meaning of an error code alone.
pub(super) fn of(cause: pcsc::Error, place: &Place) -> ReaderError {
    use pcsc::Error as E;
    match cause {
        E::NoService | E::ServiceStopped | E::Shutdown | E::InvalidHandle | E::ServerTooBusy => {
            ReaderError::DaemonGone
        }
        E::UnknownReader | E::ReaderUnavailable | E::NoReadersAvailable => ReaderError::NoReader {
            wanted: place.name(),
            there: Vec::new(),
        },
        E::NoSmartcard => ReaderError::NoCard(place.name()),
        E::UnresponsiveCard | E::UnpoweredCard | E::UnsupportedCard => {
            ReaderError::Mute(place.name())
        }
        E::SharingViolation => ReaderError::InUse(place.name()),
        E::RemovedCard => ReaderError::CardLost,
        E::ResetCard => ReaderError::Reset,
        other => ReaderError::Transport(other.to_string()),
    }
}

/// The meaning of an error code when connecting, with a look at the reader where the code leaves it open.
pub(super) fn after(
    cause: pcsc::Error,
    place: &Place,
    look: impl FnOnce() -> Result<ReaderInfo, ReaderError>,
) -> ReaderError {
    match (of(cause, place), look().map(|info| info.card)) {
        (
            ReaderError::Transport(_) | ReaderError::CardLost | ReaderError::Mute(_),
            Ok(Presence::Empty),
        ) => ReaderError::NoCard(place.name()),
        (ReaderError::Transport(_), Ok(Presence::Mute)) => ReaderError::Mute(place.name()),
        (error, Err(gone @ (ReaderError::DaemonGone | ReaderError::NoReader { .. }))) => {
            match error {
                ReaderError::Transport(_) => gone,
                known => known,
            }
        }
        (error, _) => error,
    }
}

/// The meaning of an error code in the middle of a transaction.
pub(super) fn during(cause: pcsc::Error, place: &Place, now: Option<Presence>) -> ReaderError {
    match of(cause, place) {
        ReaderError::NoCard(_) => ReaderError::CardLost,
        ReaderError::Transport(_) | ReaderError::Mute(_) if now != Some(Presence::Present) => {
            ReaderError::CardLost
        }
        known => known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_says_little_is_read_with_the_readers_state() {
        let place = Place::reader("R");
        let during = |cause, now| super::during(cause, &place, now);
        assert_eq!(
            during(pcsc::Error::NotTransacted, Some(Presence::Empty)),
            ReaderError::CardLost
        );
        assert!(matches!(
            during(pcsc::Error::NotTransacted, Some(Presence::Present)),
            ReaderError::Transport(_)
        ));
        assert_eq!(
            during(pcsc::Error::ResetCard, Some(Presence::Present)),
            ReaderError::Reset
        );
        assert_eq!(
            during(pcsc::Error::NoService, None),
            ReaderError::DaemonGone
        );
    }

    #[test]
    fn connecting_tells_no_card_from_a_mute_one_and_another_program() {
        let place = Place::reader("R");
        let look = |card| {
            move || {
                Ok(ReaderInfo {
                    name: "R".into(),
                    card,
                    atr: Vec::new(),
                    events: 0,
                })
            }
        };
        let after = |cause, card| super::after(cause, &place, look(card));
        assert_eq!(
            after(pcsc::Error::NoSmartcard, Presence::Empty),
            ReaderError::NoCard("R".into())
        );
        assert_eq!(
            after(pcsc::Error::UnpoweredCard, Presence::Empty),
            ReaderError::NoCard("R".into())
        );
        assert_eq!(
            after(pcsc::Error::UnresponsiveCard, Presence::Mute),
            ReaderError::Mute("R".into())
        );
        assert_eq!(
            after(pcsc::Error::SharingViolation, Presence::Present),
            ReaderError::InUse("R".into())
        );
    }
}
