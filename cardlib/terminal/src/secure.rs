//! Secure messaging of one command (user card 3.4): cipher text and MAC under a session key that the SAM makes from the
//! card's challenge. The challenge enters through the key, not through the IV; one serves cipher and MAC (D15).

use cardlib_card::apdu::Command;
use cardlib_card::profile::Key;
use zeroize::{Zeroize, Zeroizing};

use crate::error::FlowError;
use crate::formulas::pad;
use crate::sam::{Factors, SamClient};

/// Key, factors and challenge of one protected command.
pub struct Protection<'k> {
    pub key: &'k Key,
    pub version: u8,
    pub factors: Factors,
    /// The card's challenge.
    pub challenge: [u8; 8],
}

/// `header ‖ Lc ‖ E(len ‖ plain ‖ 80 00…) ‖ MAC4`.
///
/// # Errors
/// [`FlowError`] of the SAM; [`FlowError::TooLong`] when one command of the SAM does not take the message.
pub fn cipher_and_mac(
    sam: &mut SamClient<'_>,
    with: &Protection<'_>,
    header: [u8; 4],
    plain: &[u8],
) -> Result<Command, FlowError> {
    let len = u8::try_from(plain.len()).map_err(|_| FlowError::TooLong(plain.len()))?;
    let counted = Zeroizing::new([&[len], plain].concat());
    let mut padded = pad(&counted);
    with.deliver_ahead(sam);
    let cipher = sam.encrypt(&padded);
    padded.zeroize();
    let mut data = cipher?;
    let mac = mac(sam, with, header, &data)?;
    data.extend_from_slice(&mac);
    let [cla, ins, p1, p2] = header;
    Ok(Command::new(cla, ins, p1, p2).with_data(data))
}

/// `header ‖ 04 ‖ MAC4` over the header alone.
///
/// # Errors
/// [`FlowError`] of the SAM.
pub fn mac_only(
    sam: &mut SamClient<'_>,
    with: &Protection<'_>,
    header: [u8; 4],
) -> Result<Command, FlowError> {
    let [cla, ins, p1, p2] = header;
    Ok(Command::new(cla, ins, p1, p2).with_data(mac(sam, with, header, &[])?))
}

/// The MAC covers `CLA INS P1 P2 Lc ‖ data`, Lc counting the MAC itself.
fn mac(
    sam: &mut SamClient<'_>,
    with: &Protection<'_>,
    header: [u8; 4],
    data: &[u8],
) -> Result<[u8; 4], FlowError> {
    let lc = u8::try_from(data.len() + 4).map_err(|_| FlowError::TooLong(data.len()))?;
    with.deliver_ahead(sam);
    sam.mac(&pad(&[&header[..], &[lc], data].concat()))
}

impl Protection<'_> {
    fn deliver_ahead(&self, sam: &mut SamClient<'_>) {
        sam.deliver_ahead(self.key, self.version, &self.factors, self.challenge);
    }
}
