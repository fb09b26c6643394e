//! Visit records that a terminal wrote, put together from what the card saw, and judged as a back office would: whole, signed
//! over exactly the data, by the SAM whose certificate stands behind (R76, D17, D21).

use std::collections::BTreeMap;

use cardlib_card::profile::Signature as Algorithm;
use cardlib_card::suite::{SigningKey, VerifyingKey};
use sm3::Digest as _;

use super::judge::Event;

const SIGNATURE: usize = 64;
const CERTIFICATE: usize = 190;

/// Bytes of data in a file: stays EE, visits ED (user card 2.2).
fn data_len(fid: u16) -> Option<usize> {
    match fid >> 8 {
        0xEE => Some(1639),
        0xED => Some(3013),
        _ => None,
    }
}

/// What was written into each file by UPDATE BINARY, byte by byte.
fn written(seen: &[Event]) -> BTreeMap<u16, BTreeMap<usize, u8>> {
    let mut files: BTreeMap<u16, BTreeMap<usize, u8>> = BTreeMap::new();
    let mut current = None;
    for event in seen.iter().filter(|event| !event.sam) {
        let Some(command) = &event.command else {
            current = None;
            continue;
        };
        let done = event.answer.ends_with(&[0x90, 0x00]);
        match command.as_slice() {
            [0x00, 0xA4, 0x00, _, 0x02, high, low, ..] if done => {
                current = Some(u16::from_be_bytes([*high, *low]));
            }
            [0x00, 0xA4, ..] if done || event.answer.first() == Some(&0x61) => current = None,
            [0x00, 0xD6, high, low, lc, data @ ..] if done => {
                let Some(fid) = current else { continue };
                let at = usize::from(u16::from_be_bytes([*high, *low]));
                let data = data.iter().take(usize::from(*lc));
                files
                    .entry(fid)
                    .or_default()
                    .extend((at..).zip(data.copied()));
            }
            _ => {}
        }
    }
    files
}

/// # Errors
/// What is wrong with the record.
pub fn check(fid: u16, seen: &[Event]) -> Result<(), String> {
    let len = data_len(fid).ok_or("no visit file")?;
    let mut files = written(seen);
    let bytes = files.remove(&fid).ok_or("nothing was written there")?;
    let whole = len + SIGNATURE + CERTIFICATE;
    if bytes.len() != whole || bytes.last_key_value().map(|(at, _)| *at) != Some(whole - 1) {
        return Err(format!("{} bytes were written, not {whole}", bytes.len()));
    }
    let bytes: Vec<u8> = bytes.into_values().collect();
    let (data, rest) = bytes.split_at(len);
    let (signature, certificate) = rest.split_at(SIGNATURE);
    let label = b"RHC-TEST-SM2-ISSUER-41";
    let issuer = SigningKey::from_label(Algorithm::Sm2, label).map_err(|e| e.to_string())?;
    issuer
        .verifying_key()
        .verify_message(&certificate[..126], &certificate[126..])
        .map_err(|_| "what stands behind the signature is no certificate of the issuer's")?;
    let key = VerifyingKey::from_bytes(Algorithm::Sm2, &certificate[62..126])
        .map_err(|e| e.to_string())?;
    let digest: [u8; 32] = sm3::Sm3::digest(data).into();
    key.verify_digest(&digest, signature)
        .map_err(|_| format!("the signature does not cover bytes 0-{}", len - 1))
}
