//! Named checks of an answer's data, for what no pattern says: encodings, code lists, check digits, certificates, signatures.

use std::collections::BTreeSet;

use cardlib_card::profile::Signature as Algorithm;
use cardlib_card::suite::VerifyingKey;
use encoding_rs::GB18030;

use super::symbols::Known;
use crate::formulas::Cipher;

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

fn tlv(words: &[&str], data: &[u8]) -> Checked {
    let [tag, len, rest @ ..] = words else {
        return Err("tlv TAG LEN KIND".into());
    };
    let (tag, len): (u8, u8) = (
        tag.parse().map_err(|_| "a tag")?,
        len.parse().map_err(|_| "a length")?,
    );
    let head = format!("tag {tag} and length {len}, that is {tag:02X}{len:02X} and {len} bytes");
    let value = data
        .strip_prefix(&[tag, len])
        .filter(|value| value.len() == usize::from(len))
        .ok_or(head)?;
    element(rest, value)
}

fn element(words: &[&str], value: &[u8]) -> Checked {
    let [kind, rules @ ..] = words else {
        return Ok(());
    };
    match *kind {
        "ans" => ans(value)?,
        "cn" => cn(value)?,
        "b" => {}
        other => return Err(format!("no element type '{other}'")),
    }
    rules.iter().try_for_each(|word| rule(word, value))
}

/// GB 18030 text, left aligned, padded with 00 (R20, R26).
fn ans(value: &[u8]) -> Checked {
    let text: &[u8] = text_of(value);
    let padding = &value[text.len()..];
    hold(padding.iter().all(|b| *b == 0), "text, then only 00")?;
    hold(!text.contains(&0), "text without 00 inside, left aligned")?;
    let (_, _, wrong) = GB18030.decode(text);
    hold(!wrong, "GB 18030 text")
}

fn text_of(value: &[u8]) -> &[u8] {
    let end = value.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
    &value[..end]
}

/// Digits, left aligned, padded with F.
fn cn(value: &[u8]) -> Checked {
    let digits = hex::encode_upper(value);
    let padding = digits.trim_start_matches(|c: char| c.is_ascii_digit());
    hold(
        padding.chars().all(|c| c == 'F'),
        "digits, left aligned, then only F",
    )
}

fn rule(word: &str, value: &[u8]) -> Checked {
    let digits = hex::encode_upper(value);
    let bare = digits.trim_end_matches('F');
    let text = String::from_utf8_lossy(text_of(value)).into_owned();
    match word {
        "filled" => hold(
            !bare.is_empty() && value.iter().any(|b| *b != 0),
            "a value that is not all padding",
        ),
        "blank" => hold(
            bare.is_empty() || value.iter().all(|b| *b == 0),
            "an absent value: all padding",
        ),
        "date" => hold(is_date(&digits), "a date YYYYMMDD"),
        "date-or-blank" => hold(
            is_date(&digits) || bare.is_empty(),
            "a date YYYYMMDD, or all F",
        ),
        "number18" => hold(
            is_identity_number(&text),
            "18 characters of GB 11643 with a right check character",
        ),
        "area6" => hold(
            digits.len() == 6 && bare.len() == 6,
            "six digits of GB/T 2260",
        ),
        "issuer-code" => hold(
            bare.len() == 16 && luhn(bare),
            "16 digits with a right Luhn digit (D24)",
        ),
        "serial10" => hold(
            is_serial(&text),
            "two digits and eight of 0-9, A-Z without I and O (D23)",
        ),
        "upper-hex" => hold(
            !text.is_empty() && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F')),
            "upper-case hexadecimal characters",
        ),
        _ => match word.strip_prefix("in=") {
            Some(list) => hold(
                list.split(',')
                    .any(|code| code.eq_ignore_ascii_case(&digits)),
                format!("one of {list}"),
            ),
            None => Err(format!("no rule '{word}'")),
        },
    }
}

fn is_date(digits: &str) -> bool {
    let part = |from: usize, to: usize| digits.get(from..to).and_then(|d| d.parse::<i16>().ok());
    let (Some(year), Some(month), Some(day)) = (part(0, 4), part(4, 6), part(6, 8)) else {
        return false;
    };
    let (Ok(month), Ok(day)) = (i8::try_from(month), i8::try_from(day)) else {
        return false;
    };
    digits.len() == 8 && jiff::civil::Date::new(year, month, day).is_ok()
}

/// GB 11643: ISO 7064 MOD 11-2 over 17 digits.
fn is_identity_number(text: &str) -> bool {
    let Ok(bytes) = <[u8; 18]>::try_from(text.as_bytes()) else {
        return false;
    };
    if !bytes[..17].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let sum = bytes[..17]
        .iter()
        .fold(0u32, |sum, b| (sum + u32::from(b - b'0')) * 2 % 11);
    let check = b"10X98765432"[usize::try_from(sum).unwrap_or(0) % 11];
    bytes[17] == check
}

fn is_serial(text: &str) -> bool {
    let bytes = text.as_bytes();
    let base34 = |b: &u8| b.is_ascii_digit() || b.is_ascii_uppercase() && !matches!(b, b'I' | b'O');
    bytes.len() == 10 && bytes[..2].iter().all(u8::is_ascii_digit) && bytes[2..].iter().all(base34)
}

/// GB/T 14504.
fn luhn(digits: &str) -> bool {
    let sum: u32 = (0u32..)
        .zip(digits.bytes().rev())
        .map(|(at, b)| {
            let value = u32::from(b.saturating_sub(b'0')) * (1 + at % 2);
            value / 10 + value % 10
        })
        .sum();
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && sum.is_multiple_of(10)
}

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
fn issuer_certificate(words: &[&str], data: &[u8], known: &Known) -> Checked {
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

fn sam_certificate(words: &[&str], data: &[u8], known: &Known) -> Checked {
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
fn signed_by_sam(words: &[&str], digest: &[u8], data: &[u8], known: &Known) -> Checked {
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

/// R75: the length counts the JPEG, which begins at offset 2; 0000 is no photo.
fn photo(data: &[u8]) -> Checked {
    let (len, rest) = data
        .split_first_chunk::<2>()
        .ok_or("a length of two bytes")?;
    let len = usize::from(u16::from_be_bytes(*len));
    hold(len <= 3072, "a length of 0-3072")?;
    let jpeg = rest.get(..len).ok_or("as many bytes as the length says")?;
    let whole = jpeg.starts_with(&[0xFF, 0xD8]) && jpeg.ends_with(&[0xFF, 0xD9]);
    hold(len == 0 || whole, "a JPEG from FFD8 to FFD9")?;
    hold(
        rest[len..].iter().all(|b| *b == 0),
        "00 in the unused bytes",
    )
}

/// 0015: serial of 20 digits with Luhn digit (D19), version 01, type 1-5, 0000 (R55).
fn sam_info(data: &[u8]) -> Checked {
    let data: &[u8; 14] = data.try_into().map_err(|_| "14 bytes")?;
    let serial = hex::encode_upper(&data[..10]);
    hold(
        luhn(&serial),
        "a serial of 20 digits with a right Luhn digit",
    )?;
    hold(data[10] == 0x01, "version 01")?;
    hold((1..=5).contains(&data[11]), "a SAM type 1-5")?;
    hold(
        serial[4..6].parse() == Ok(data[11]),
        "the type as in the serial",
    )?;
    hold(data[12..] == [0, 0], "0000 at the end")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tells(words: &str, value: &str) -> bool {
        let words: Vec<&str> = words.split(' ').collect();
        element(&words, &hex::decode(value).unwrap()).is_ok()
    }

    #[test]
    fn encodings() {
        assert!(tells("ans filled", "D5C5C8FD0000"));
        assert!(!tells("ans", "00D5C5"), "right aligned");
        assert!(!tells("ans", "D5FF00"), "not GB 18030");
        assert!(tells("ans blank", "0000"));
        assert!(tells("cn date", "20261122") && !tells("cn date", "20261322"));
        assert!(tells("cn", "12FF") && !tells("cn", "FF12") && !tells("cn", "1A"));
        assert!(tells("cn issuer-code", "4100002000000015FFFFFF"));
        assert!(tells("b in=00,01", "01") && !tells("b in=00,01", "02"));
        let number = |text: &str| tells("ans number18", &hex::encode(text));
        assert!(
            number("11010519491231002X")
                && !number("110105194912310021")
                && !number("1101051949123100")
        );
        assert!(
            tells("ans serial10", &hex::encode("41ABCDEFGH"))
                && !tells("ans serial10", &hex::encode("41ABCDEFGI"))
        );
    }
}
