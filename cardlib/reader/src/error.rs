//! What goes wrong between us and a card. Every text says what to do next.

use std::time::Duration;

use cardlib_card::apdu::ApduError;

/// A failure of the transport; what the card itself refuses is a status word and not here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReaderError {
    #[error("no reader is called '{wanted}'; {}", known(.there))]
    NoReader { wanted: String, there: Vec<String> },
    #[error("'{wanted}' fits several readers ({}); give the whole name", .fit.join(", "))]
    ManyReaders { wanted: String, fit: Vec<String> },
    #[error("no card in reader '{0}'; put one in")]
    NoCard(String),
    #[error(
        "the card in reader '{0}' does not answer to reset; turn it over, clean its contacts, or try another"
    )]
    Mute(String),
    #[error("another program holds the card in reader '{0}'; close it and try again")]
    InUse(String),
    /// The card went away in the middle: PC/SC reports success with fewer than two bytes, or a removal.
    #[error("the card was lost in the middle of a command; put it back and begin again")]
    CardLost,
    #[error("the card has been silent for {} s; take it out, put it back and begin again", .0.as_secs_f32())]
    Silent(Duration),
    #[error("another program reset the card; its rights are gone, begin again")]
    Reset,
    #[error(
        "the PC/SC service cannot be reached; start it (systemctl start pcscd, or pcscd --foreground) and try again"
    )]
    DaemonGone,
    #[error(
        "the card asks for more than {0} rounds of one command; it is defective or no health card"
    )]
    Endless(usize),
    #[error("a command is sent outside a transaction; begin one first")]
    NoTransaction,
    #[error(transparent)]
    Apdu(#[from] ApduError),
    /// What PC/SC said where nothing above fits.
    #[error("the reader failed: {0}; unplug it, plug it in again and retry")]
    Transport(String),
}

fn known(there: &[String]) -> String {
    if there.is_empty() {
        "no reader is connected: plug one in, or start pcscd with a virtual one".to_owned()
    } else {
        format!("there are: {}", there.join(", "))
    }
}

impl ReaderError {
    /// Whether the card may have executed the last command although no answer came.
    #[must_use]
    pub const fn outcome_unknown(&self) -> bool {
        matches!(
            self,
            Self::CardLost | Self::Silent(_) | Self::Transport(_) | Self::DaemonGone
        )
    }
}
