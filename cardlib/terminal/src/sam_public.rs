//! What a SAM gives and takes without its application: public files, free to read (R55), and the change of its PIN
//! (R54), which needs no VERIFY before.

use cardlib_card::apdu::Command;
use cardlib_card::profile::Profile;
use cardlib_reader::Channel;
use zeroize::Zeroizing;

use crate::error::FlowError;
use crate::pin::Pin;
use crate::sam::SamClient;

/// Between old and new PIN in CHANGE PIN.
const BETWEEN: u8 = 0xFF;

/// Reads a public file such as `MF/0015` or `DF01/001C` of a SAM inside a transaction.
///
/// # Errors
/// [`FlowError`] when it cannot be read.
pub fn read_public(
    profile: &Profile,
    channel: &mut dyn Channel,
    path: &str,
) -> Result<Vec<u8>, FlowError> {
    let mut sam = SamClient::at_mf(profile, channel)?;
    if !path.starts_with("MF/") {
        sam.select(profile.sam.df.fid, "SELECT DF01")?;
    }
    sam.read_file(path)
}

/// CHANGE PIN of a SAM inside a transaction.
///
/// # Errors
/// [`FlowError::PinWrong`] for the old one, [`FlowError::PinBlocked`].
pub fn change_pin(
    profile: &Profile,
    channel: &mut dyn Channel,
    old: &Pin,
    new: &Pin,
) -> Result<(), FlowError> {
    let mut sam = SamClient::at_mf(profile, channel)?;
    let both = Zeroizing::new([old.bcd(), &[BETWEEN], new.bcd()].concat());
    let change = Command::new(0x80, 0x5E, 0x01, 0x00).with_data(both.as_slice());
    sam.send_pin("CHANGE PIN", change)
}
