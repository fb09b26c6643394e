//! The two numbers inside a certificate: 发卡机构代码 (D24) and the SAM serial number (D19), both with the Luhn
//! check digit of GB/T 14504.

use thiserror::Error;

/// Why a number could not be formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CodeError {
    /// Something else than decimal digits, or too many or few of them.
    #[error("{0} must be {1} decimal digits")]
    Digits(&'static str, usize),
    /// A running number that does not fit its digits.
    #[error("the running number does not fit its {0} digits")]
    Running(usize),
}

/// Level digit of an issuer (D24).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssuerLevel {
    /// 1
    Ministry,
    /// 2
    Province,
    /// 3
    Prefecture,
    /// 4: bank or other joint issuer
    Joint,
}

impl IssuerLevel {
    fn digit(self) -> char {
        match self {
            Self::Ministry => '1',
            Self::Province => '2',
            Self::Prefecture => '3',
            Self::Joint => '4',
        }
    }
}

/// The Luhn check digit of a row of decimal digits (GB/T 14504), or `None` if there are other characters.
#[must_use]
pub fn luhn_check_digit(digits: &str) -> Option<char> {
    let mut sum = 0;
    for (position, character) in digits.chars().rev().enumerate() {
        let digit = character.to_digit(10)?;
        // The digit left of the check digit is doubled, then every second one.
        let weighted = if position % 2 == 0 { digit * 2 } else { digit };
        sum += weighted / 10 + weighted % 10;
    }
    char::from_digit((10 - sum % 10) % 10, 10)
}

/// cn11 of D24: area 6 ‖ level 1 ‖ running number 8 ‖ check digit 1, padded with F to 22 digits.
///
/// # Errors
/// The area is not six digits, or the running number exceeds eight.
pub fn issuer_code(area: &str, level: IssuerLevel, running: u32) -> Result<[u8; 11], CodeError> {
    if !is_digits(area, 6) {
        return Err(CodeError::Digits("the area code", 6));
    }
    if running > 99_999_999 {
        return Err(CodeError::Running(8));
    }
    let digits = format!("{area}{}{running:08}", level.digit());
    pack(&with_check(digits))
}

/// cn10 of D19: province 2 ‖ prefecture 2 ‖ type 2 ‖ year 4 ‖ running number 9 ‖ check digit 1.
///
/// # Errors
/// The area is not four digits, or type, year or running number exceed their digits.
pub fn sam_serial(
    area: &str,
    sam_type: u8,
    year: u16,
    running: u32,
) -> Result<[u8; 10], CodeError> {
    if !is_digits(area, 4) {
        return Err(CodeError::Digits("province and prefecture", 4));
    }
    if sam_type > 99 {
        return Err(CodeError::Digits("the SAM type", 2));
    }
    if !(1000..=9999).contains(&year) {
        return Err(CodeError::Digits("the year", 4));
    }
    if running > 999_999_999 {
        return Err(CodeError::Running(9));
    }
    pack(&with_check(format!(
        "{area}{sam_type:02}{year}{running:09}"
    )))
}

fn is_digits(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|b| b.is_ascii_digit())
}

fn with_check(mut digits: String) -> String {
    if let Some(check) = luhn_check_digit(&digits) {
        digits.push(check);
    }
    digits
}

/// Packs digits two to a byte, left aligned, the rest F.
fn pack<const N: usize>(digits: &str) -> Result<[u8; N], CodeError> {
    let mut out = [0xFFu8; N];
    for (position, byte) in digits.bytes().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        let slot = out
            .get_mut(position / 2)
            .filter(|_| digit < 10)
            .ok_or(CodeError::Digits("the number", 2 * N))?;
        *slot = if position % 2 == 0 {
            digit << 4 | 0x0F
        } else {
            *slot & 0xF0 | digit
        };
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The classic example number of ISO/IEC 7812 texts, and a payment test number.
    #[test]
    fn luhn_known_numbers() {
        assert_eq!(luhn_check_digit("7992739871"), Some('3'));
        assert_eq!(luhn_check_digit("411111111111111"), Some('1'));
        assert_eq!(luhn_check_digit("79927X"), None);
    }

    #[test]
    fn codes_have_their_layout() {
        let code = issuer_code("410100", IssuerLevel::Prefecture, 1).unwrap();
        let text = hex::encode(code);
        assert!(text.starts_with("410100300000001"), "{text}");
        assert!(text.ends_with("ffffff"), "{text}");
        let serial = hex::encode(sam_serial("4101", 1, 2026, 7).unwrap());
        assert!(serial.starts_with("4101012026000000007"), "{serial}");
        assert_eq!(serial.len(), 20);
        assert_eq!(
            luhn_check_digit(&serial[..19]),
            serial.chars().last(),
            "{serial}"
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(issuer_code("41010", IssuerLevel::Province, 1).is_err());
        assert!(issuer_code("41010x", IssuerLevel::Province, 1).is_err());
        assert!(issuer_code("410100", IssuerLevel::Province, 100_000_000).is_err());
        assert!(sam_serial("41", 1, 2026, 1).is_err());
        assert!(sam_serial("4101", 100, 2026, 1).is_err());
        assert!(sam_serial("4101", 1, 999, 1).is_err());
        assert!(sam_serial("4101", 1, 2026, 1_000_000_000).is_err());
    }
}
