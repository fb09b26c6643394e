//! A new token: its two key pairs, its mark, its first officers. What `rhc-hsm init` does for the simulator.

use kms_core::approval::Officer;
use kms_core::port::{HsmError, HsmIdentity, Mark};

use super::book::Book;
use super::token::Token;
use super::{Place, refused};

/// Label of the pair that signs packages.
pub(super) const SIGNING: &str = "rhc-hsm/signing";
/// Label of the pair that receives envelopes.
pub(super) const ENCRYPTION: &str = "rhc-hsm/encryption";

/// Makes key pairs and book for a token that was initialised with its own tool.
///
/// # Errors
/// The book exists, the token does not answer, or there are not two officers.
pub fn prepare(
    place: &Place<'_>,
    mark: Mark,
    officers: &[Officer],
) -> Result<HsmIdentity, HsmError> {
    if officers.len() < 2 {
        return Err(refused(
            "TooFewOfficers",
            "an order needs two officers: name at least two",
        ));
    }
    let token = Token::load(place.library, place.token, place.pin_file)?;
    let software = token.is_software()?;
    let (signing, encryption) = token.with(|work| {
        work.remove(SIGNING)?;
        work.remove(ENCRYPTION)?;
        let signing = work.pair(SIGNING, true)?;
        Ok((signing, work.pair(ENCRYPTION, false)?))
    })?;
    let book = Book::create(place.book)?;
    book.write(|rows| {
        rows.set_fact("mark", &mark)?;
        rows.set_fact("software", &software)?;
        rows.set_fact("signing-key", &hex::encode_upper(signing))?;
        rows.set_fact("encryption-key", &hex::encode_upper(encryption))?;
        rows.set_fact("next-order", &1u64)?;
        for officer in officers {
            rows.add_officer(officer)?;
        }
        rows.identity()
    })
}

/// What people compare: SM3 over both public keys, for every kind of HSM.
pub(super) fn fingerprint(signing: &[u8; 64], encryption: &[u8; 64]) -> [u8; 32] {
    cardlib_card::gm::sm3::digest(&[&signing[..], encryption].concat())
}
