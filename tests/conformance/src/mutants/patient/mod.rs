//! A card or SAM with a hand inside: each command and reset goes through a hook, which knows the keys and may change what the
//! chip remembers.

mod knowledge;
mod sam;
mod user;

pub use sam::{FaultySam, SamHook, SamPatient};
pub use user::{FaultyUser, Patient, Scratch, UserHook};

/// The status word of an answer.
#[must_use]
pub fn sw(answer: &[u8]) -> u16 {
    answer
        .split_last_chunk::<2>()
        .map_or(0, |(_, word)| u16::from_be_bytes(*word))
}

/// INS of a command; 0 where there is none.
#[must_use]
pub fn ins(apdu: &[u8]) -> u8 {
    apdu.get(1).copied().unwrap_or(0)
}

/// A bare status word as answer.
#[must_use]
pub fn answer(word: u16) -> Vec<u8> {
    word.to_be_bytes().to_vec()
}

/// The command with one byte changed.
#[must_use]
pub fn with(apdu: &[u8], at: usize, byte: u8) -> Vec<u8> {
    let mut out = apdu.to_vec();
    if let Some(place) = out.get_mut(at) {
        *place = byte;
    }
    out
}

/// Whether a command carries a MAC.
#[must_use]
pub fn has_mac(apdu: &[u8]) -> bool {
    matches!(
        apdu,
        [0x04, 0xDC, ..] | [0x84, 0xD2 | 0x0C | 0x1E | 0x18 | 0x16, ..]
    ) && apdu.len() >= 9
}

/// Header and body in front of the MAC, and where the MAC begins.
pub(super) fn before_mac(apdu: &[u8]) -> Option<(&[u8], usize)> {
    let at = (5 + usize::from(*apdu.get(4)?)).checked_sub(4)?;
    apdu.get(at..at + 4)?;
    Some((apdu.get(..at)?, at))
}
