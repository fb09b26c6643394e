//! Numbers that name cards and SAMs, checked where they enter: parse, don't validate.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is not of the form its place wants. It is not quoted: it may be personal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {form}")]
pub struct Invalid {
    pub what: &'static str,
    pub form: &'static str,
}

/// Declares a checked text: parse, serde, access; `Debug` and `Display` because these name things, not persons.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $what:literal, $form:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(text.to_owned())) } else { Err(Invalid { what: $what, form: $form }) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;

            fn try_from(text: String) -> Result<Self, Invalid> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
pub(crate) use checked_text;

/// The alphabet of D23: digits and capitals without I and O.
pub(crate) const BASE34: &[u8; 34] = b"0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

pub(crate) fn is_upper_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'))
}

checked_text!(
    /// 发卡序列号 (D23): two province digits, then eight characters of base 34.
    CardSerial,
    "card serial",
    "two province digits and eight of 0-9, A-Z without I and O",
    |text| text.len() == 10
        && text.bytes().take(2).all(|b| b.is_ascii_digit())
        && text.bytes().skip(2).all(|b| BASE34.contains(&b))
);

checked_text!(
    /// The card factor (D5): 8 bytes, 16 upper-case hexadecimal digits.
    Factor,
    "card factor",
    "16 upper-case hexadecimal digits",
    |text| is_upper_hex(text, 16)
);

checked_text!(
    /// An SM3 digest: 64 upper-case hexadecimal digits.
    Digest,
    "digest",
    "64 upper-case hexadecimal digits",
    |text| is_upper_hex(text, 64)
);

checked_text!(
    /// SAM serial (D19): 20 digits, the last one the check digit of GB/T 14504.
    SamSerialNumber,
    "SAM serial",
    "20 digits, the last one the check digit",
    |text| text.len() == 20 && is_digits(text) && luhn(&text[..19]) == text.as_bytes()[19]
);

impl SamSerialNumber {
    /// Province 2 ‖ prefecture 2 ‖ type 2 ‖ year 4 ‖ running number 9, and the check digit behind; `None` when a part
    /// does not fit its place.
    #[must_use]
    pub fn compose(area4: &str, sam_type: u8, year: i16, running: u64) -> Option<Self> {
        let body = format!("{area4}{sam_type:02}{year:04}{running:09}");
        let fits = body.len() == 19 && is_digits(&body);
        fits.then(|| Self(format!("{body}{}", char::from(luhn(&body)))))
    }
}

impl CardSerial {
    /// Two province digits and a value below 34⁸; `None` when a part does not fit.
    #[must_use]
    pub fn compose(province: &str, mut value: u64) -> Option<Self> {
        let mut tail = [b'0'; 8];
        for place in tail.iter_mut().rev() {
            *place = BASE34[usize::try_from(value % 34).ok()?];
            value /= 34;
        }
        if value != 0 {
            return None;
        }
        format!("{province}{}", String::from_utf8_lossy(&tail))
            .parse()
            .ok()
    }
}

/// The check digit of GB/T 14504 (Luhn) for a text of digits, as a character.
fn luhn(digits: &str) -> u8 {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let value = u32::from(digit.wrapping_sub(b'0'));
            match (place % 2, value * 2) {
                (0, doubled) if doubled > 9 => doubled - 9,
                (0, doubled) => doubled,
                _ => value,
            }
        })
        .sum();
    // (10 − sum mod 10) mod 10 is one digit.
    b'0' + u8::try_from((10 - sum % 10) % 10).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A serial comes from a request's address, or from a card: neither need be ASCII, nor cut where a character ends.
    #[test]
    fn characters_of_several_bytes_are_refused_wherever_they_lie() {
        for text in ["4中文字", "中文字4", "41中文00", "4100000中", "é100000000"] {
            assert!(text.parse::<CardSerial>().is_err(), "{text}");
            assert!(text.parse::<Factor>().is_err(), "{text}");
        }
        for text in ["4中中中中中中1", "中中中中中中41", "4101052026000000中"] {
            assert!(text.parse::<SamSerialNumber>().is_err(), "{text}");
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }

    /// The published example of the Luhn check digit (ISO/IEC 7812-1 annex B; 7992739871 → 3), and a well-known test
    /// bank card number.
    #[test]
    fn check_digits_agree_with_published_ones() {
        assert_eq!(luhn("7992739871"), b'3');
        assert_eq!(luhn("411111111111111"), b'1');
    }

    #[test]
    fn a_sam_serial_has_its_parts_in_place() {
        let serial = SamSerialNumber::compose("4101", 5, 2026, 7).unwrap();
        assert_eq!(&serial.as_str()[..19], "4101052026000000007");
        assert_eq!(serial.as_str().parse(), Ok(serial.clone()));
        let mut wrong = serial.as_str().to_owned();
        let last = if wrong.ends_with('0') { "1" } else { "0" };
        wrong.replace_range(19.., last);
        assert!(wrong.parse::<SamSerialNumber>().is_err());
        assert!(SamSerialNumber::compose("4101", 5, 2026, 1_000_000_000).is_none());
        assert!(SamSerialNumber::compose("41", 5, 2026, 1).is_none());
    }

    #[test]
    fn a_card_serial_uses_the_34_characters() {
        assert_eq!(CardSerial::compose("41", 0).unwrap().as_str(), "4100000000");
        assert_eq!(
            CardSerial::compose("41", 34_u64.pow(8) - 1)
                .unwrap()
                .as_str(),
            "41ZZZZZZZZ"
        );
        assert!(CardSerial::compose("41", 34_u64.pow(8)).is_none());
        for bad in [
            "41I0000000",
            "41O0000000",
            "4A00000000",
            "410000000",
            "41000000a0",
            "４10000000",
        ] {
            assert!(bad.parse::<CardSerial>().is_err(), "{bad}");
        }
    }
}
