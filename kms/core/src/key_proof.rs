//! A SAM's proof that it holds the private half of its key pair (`cos-dialect.md`, PROVE KEY PAIR; P20).

use cardlib_card::profile::Signature;
use cardlib_card::suite::{SuiteError, VerifyingKey};

use crate::tier::Factor;

/// What the signed text begins with, so that nothing else a SAM signs can pass for a proof.
const LABEL: &[u8; 16] = b"RHC-COS-1-PROOF\0";

/// Checks the signature over label, chip serial, challenge and public key.
///
/// # Errors
/// No key of the algorithm, or not its signature over this chip and challenge.
pub fn check(
    algorithm: Signature,
    chip: &Factor,
    challenge: &[u8; 32],
    public_key: &[u8; 64],
    proof: &[u8; 64],
) -> Result<(), SuiteError> {
    let message = [&LABEL[..], chip, challenge, public_key].concat();
    VerifyingKey::from_bytes(algorithm, public_key)?.verify_message(&message, proof)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardlib_card::suite::SigningKey;

    #[test]
    fn a_proof_holds_for_one_chip_one_challenge_one_key() {
        for algorithm in [Signature::Sm2, Signature::EcdsaP256] {
            let key = |label: &[u8]| SigningKey::from_label(algorithm, label).unwrap();
            let (own, other) = (key(b"own"), key(b"other"));
            let public = own.verifying_key().to_bytes();
            let text = [&LABEL[..], &[7; 8], &[9; 32], &public].concat();
            let proof = own.sign_message(&text).unwrap();
            let check = |chip: u8, challenge: u8, public: &[u8; 64], proof: &[u8; 64]| {
                check(algorithm, &[chip; 8], &[challenge; 32], public, proof)
            };
            check(7, 9, &public, &proof).unwrap();
            assert!(check(8, 9, &public, &proof).is_err(), "another chip");
            assert!(check(7, 8, &public, &proof).is_err(), "another challenge");
            let others = other.verifying_key().to_bytes();
            assert!(check(7, 9, &others, &proof).is_err(), "another key");
            let forged = other.sign_message(&text).unwrap();
            assert!(check(7, 9, &public, &forged).is_err(), "another signer");
            assert!(check(7, 9, &[0; 64], &proof).is_err(), "no key");
        }
    }
}
