//! Elements and records: encodings, rules on values (R20, R26, the code lists).

use encoding_rs::GB18030;

use super::digits::{is_date, is_identity_number, is_serial, luhn};
use super::{Checked, hold};

pub(super) fn tlv(words: &[&str], data: &[u8]) -> Checked {
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

pub(super) fn element(words: &[&str], value: &[u8]) -> Checked {
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
