//! Certificates and signatures of the TEST world (D17, D20).

use cardlib_card::profile::Signature as Algorithm;
use cardlib_card::suite::VerifyingKey;

use super::digits::{is_date, luhn};
use super::{Checked, hold};
use crate::engine::symbols::Known;
use crate::formulas::Cipher;

fn algorithm(known: &Known) -> Algorithm {
    match known.preset.cipher {
        Cipher::Sm4 => Algorithm::Sm2,
        Cipher::Aes => Algorithm::EcdsaP256,
    }
}

fn algorithm_byte(known: &Known) -> u8 {
    match known.preset.cipher {
        Cipher::Sm4 => 0x04,
        Cipher::Aes => 0x05,
    }
}

fn verifies(known: &Known, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let key = VerifyingKey::from_bytes(algorithm(known), key);
    key.is_ok_and(|key| key.verify_message(message, signature).is_ok())
}

fn test_key(known: &Known, label: &str) -> Result<[u8; 64], String> {
    Ok(known.test_signer(label)?.verifying_key().to_bytes())
}

/// D20: the 52 bytes that both certificates begin with.
fn body(data: &[u8], kind: u8, known: &Known) -> Checked {
    hold(
        data.starts_with(&[0x01, kind]),
        format!("format 01 and kind {kind:02X}"),
    )?;
    let code = hex::encode_upper(data.get(2..13).unwrap_or_default());
    let code = code.trim_end_matches('F');
    hold(
        code.len() == 16 && luhn(code),
        "an issuer code of 16 digits with a right Luhn digit",
    )?;
    for dates in [21..25, 25..29] {
        let digits = hex::encode_upper(data.get(dates).unwrap_or_default());
        hold(is_date(&digits), "dates of validity YYYYMMDD")?;
    }
    let byte = algorithm_byte(known);
    hold(
        data.get(29..31) == Some(&[byte, byte][..]),
        format!("algorithm bytes {byte:02X}"),
    )?;
    hold(
        data.get(31) == Some(&0xFF),
        "root key index FF of the TEST world",
    )?;
    hold(
        data.get(32..36) == Some(&b"TEST"[..]),
        "TEST in the free bytes",
    )
}

/// With the word `tlv` the data are a record whose value is the certificate.
pub(super) fn issuer_certificate(words: &[&str], data: &[u8], known: &Known) -> Checked {
    let data = if words.contains(&"tlv") {
        data.get(2..).unwrap_or_default()
    } else {
        data
    };
    let data: &[u8; 180] = data.try_into().map_err(|_| "180 bytes")?;
    body(data, 0x01, known)?;
    let root = test_key(known, "RHC-TEST-SM2-ROOT")?;
    let right = verifies(known, &root, &data[..116], &data[116..]);
    hold(right, "a signature of the TEST root key over bytes 0-115")
}

pub(super) fn sam_certificate(words: &[&str], data: &[u8], known: &Known) -> Checked {
    let data: &[u8; 190] = data.try_into().map_err(|_| "190 bytes")?;
    body(data, 0x02, known)?;
    let issuer = words.first().and_then(|name| known.saved.get(*name));
    let issuer = issuer
        .and_then(|certificate| certificate.get(52..116))
        .ok_or("an issuer certificate read before")?;
    hold(
        verifies(known, issuer, &data[..126], &data[126..]),
        "a signature of the issuer's key over bytes 0-125",
    )
}

/// D17: over the digest itself, with the key of the SAM's certificate that was saved before.
pub(super) fn signed_by_sam(words: &[&str], digest: &[u8], data: &[u8], known: &Known) -> Checked {
    let certificate = words
        .first()
        .and_then(|name| known.saved.get(*name))
        .ok_or("a certificate read before")?;
    let key = certificate
        .get(62..126)
        .ok_or("a SAM certificate of 190 bytes")?;
    let digest: &[u8; 32] = digest.try_into().map_err(|_| "a digest of 32 bytes")?;
    let key = VerifyingKey::from_bytes(algorithm(known), key).map_err(|e| e.to_string())?;
    hold(
        key.verify_digest(digest, data).is_ok(),
        "a signature over this digest by the certificate's key",
    )
}
