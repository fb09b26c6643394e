//! Named checks of an answer's data, for what no pattern says: encodings, code lists, check digits, certificates, signatures.

mod certificate;
mod digits;
mod element;
mod file;

use std::collections::BTreeSet;

use super::symbols::Known;
use certificate::{issuer_certificate, sam_certificate, signed_by_sam};
use element::{element, tlv};
use file::{photo, sam_info};

const NAMES: [&str; 14] = [
    "len",
    "tlv",
    "fresh",
    "varied",
    "one-of",
    "element",
    "signed-by-sam",
    "issuer-certificate",
    "sam-certificate",
    "sam-info",
    "photo",
    "either",
    "within",
    "not",
];

/// Whether a check exists, for the loader.
#[must_use]
pub fn is_known(name: &str) -> bool {
    NAMES.contains(&name)
}

type Checked = Result<(), String>;

fn hold(condition: bool, otherwise: impl Into<String>) -> Checked {
    if condition {
        Ok(())
    } else {
        Err(otherwise.into())
    }
}

/// Runs a check.
///
/// # Errors
/// What was expected, as text.
pub fn run(
    name: &str,
    words: &[String],
    content: &[u8],
    data: &[u8],
    known: &mut Known,
) -> Checked {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match name {
        // is len N
        "len" => {
            let len: usize = words
                .first()
                .and_then(|w| w.parse().ok())
                .unwrap_or(usize::MAX);
            hold(data.len() == len, format!("{len} bytes"))
        }
        // is tlv TAG LEN KIND rule…: a record of the variable files
        "tlv" => tlv(&words, data),
        // is element KIND rule…: bare bytes
        "element" => element(&words, data),
        // is fresh: a challenge that this run has not seen
        "fresh" => {
            let value: [u8; 8] = data.try_into().map_err(|_| "8 bytes")?;
            hold(
                known.challenges.insert(value),
                "a challenge that did not come before",
            )
        }
        // is varied: of the challenges of this run every byte takes many values
        "varied" => {
            let value: [u8; 8] = data.try_into().map_err(|_| "8 bytes")?;
            known.challenges.insert(value);
            let many = |at: usize| {
                known
                    .challenges
                    .iter()
                    .map(|c| c[at])
                    .collect::<BTreeSet<_>>()
            };
            let fewest = (0..8).map(|at| many(at).len()).min().unwrap_or(0);
            // Of 64 random bytes fewer than 32 values are never seen (below 2^-60).
            let told = format!("challenges of which no byte takes few values ({fewest} seen)");
            hold(known.challenges.len() < 64 || fewest >= 32, told)
        }
        // is one-of HEX HEX …
        "one-of" => {
            let seen = hex::encode_upper(data);
            hold(
                words.iter().any(|word| word.eq_ignore_ascii_case(&seen)),
                format!("one of {}", words.join(" ")),
            )
        }
        // is signed-by-sam SERIAL-NAME: digest
        "signed-by-sam" => signed_by_sam(&words, content, data, known),
        // is issuer-certificate; data is the record's value or the file
        "issuer-certificate" => issuer_certificate(&words, data, known),
        "sam-certificate" => sam_certificate(&words, data, known),
        // is photo: a whole EF07 of DDF1
        "photo" => photo(data),
        // is either: {saved old}{saved new}: one half of the content, which has two of equal length
        "either" => {
            let (old, new) = content.split_at(content.len() / 2);
            let told = format!("{} or {}", hex::encode_upper(old), hex::encode_upper(new));
            hold(data == old || data == new, told)
        }
        // is not: content
        "not" => hold(
            data != content,
            format!("anything but {}", hex::encode_upper(content)),
        ),
        // is within MS: the time of the last exchange
        "within" => {
            let limit: u64 = words.first().and_then(|w| w.parse().ok()).unwrap_or(0);
            hold(
                known.last_ms <= limit,
                format!("an answer within {limit} ms, not after {}", known.last_ms),
            )
        }
        // is sam-info: 0015
        "sam-info" => sam_info(data),
        _ => Err(format!("no check '{name}'")),
    }
}
