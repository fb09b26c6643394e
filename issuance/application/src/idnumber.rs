//! The citizen's identity number (GB 11643): six digits of area, eight of birth date, three of order, a check character.
//! It is also the health card number (tag 08).

use jiff::civil::Date;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::area;

/// A number whose form, check character, area and date are right. No `Debug`: it is a person.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Zeroize, ZeroizeOnDrop)]
pub struct IdNumber(String);

/// What is wrong with an identity number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdNumberFault {
    /// Not 17 digits and a digit or X.
    #[error("is not 17 digits and a digit or X")]
    Form,
    /// ISO 7064 MOD 11-2 says another last character.
    #[error("has a wrong check character: one of its digits is mistyped")]
    CheckCharacter,
    /// The first six digits never were a place that registers persons.
    #[error("begins with an area code that never existed")]
    Area,
    /// Digits 7–14 are no date.
    #[error("contains a birth date that does not exist")]
    Date,
}

const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECK: &[u8; 11] = b"10X98765432";

/// The check character of 17 digits (ISO 7064 MOD 11-2); none if they are not 17 digits.
#[must_use]
pub fn check_character(digits: &[u8]) -> Option<u8> {
    if digits.len() != 17 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let sum: u32 = digits
        .iter()
        .zip(WEIGHTS)
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    Some(CHECK[(sum % 11) as usize])
}

impl IdNumber {
    /// Checks the number; a small x counts as X.
    ///
    /// # Errors
    /// The first of the four faults found.
    pub fn parse(text: &str) -> Result<Self, IdNumberFault> {
        let number = text.to_ascii_uppercase();
        let Some((last, digits)) = number.as_bytes().split_last() else {
            return Err(IdNumberFault::Form);
        };
        let expected = check_character(digits).ok_or(IdNumberFault::Form)?;
        if !last.is_ascii_digit() && *last != b'X' {
            return Err(IdNumberFault::Form);
        }
        if *last != expected {
            return Err(IdNumberFault::CheckCharacter);
        }
        if !area::registers_persons(&number[..6]) {
            return Err(IdNumberFault::Area);
        }
        if crate::date::parse_compact(&number[6..14]).is_none() {
            return Err(IdNumberFault::Date);
        }
        Ok(Self(number))
    }

    /// The 18 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first six digits.
    #[must_use]
    pub fn area_code(&self) -> &str {
        &self.0[..6]
    }

    /// The date of digits 7–14.
    #[must_use]
    pub fn birth_date(&self) -> Date {
        crate::date::parse_compact(&self.0[6..14]).unwrap_or(Date::ZERO)
    }

    /// Whether digit 17 is odd.
    #[must_use]
    pub fn is_male(&self) -> bool {
        self.0.as_bytes()[16] % 2 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Option<IdNumberFault> {
        IdNumber::parse(text).err()
    }

    #[test]
    fn example_of_the_standard() {
        // GB 11643-1999 prints 11010519491231002X as its example, and 440524188001010014.
        let number = IdNumber::parse("11010519491231002x").expect("valid");
        assert_eq!(number.as_str(), "11010519491231002X");
        assert_eq!(number.area_code(), "110105");
        assert_eq!(number.birth_date(), jiff::civil::date(1949, 12, 31));
        assert!(!number.is_male());
        assert!(IdNumber::parse("440524188001010014").is_ok_and(|number| number.is_male()));
    }

    #[test]
    fn each_fault_by_name() {
        assert_eq!(fault(""), Some(IdNumberFault::Form));
        assert_eq!(fault("11010519491231002"), Some(IdNumberFault::Form));
        assert_eq!(fault("1101051949123100２X"), Some(IdNumberFault::Form));
        assert_eq!(fault("11010519491231002Y"), Some(IdNumberFault::Form));
        assert_eq!(
            fault("110105194912310021"),
            Some(IdNumberFault::CheckCharacter)
        );
        assert_eq!(
            fault(&with_check("99010519491231002")),
            Some(IdNumberFault::Area)
        );
        assert_eq!(
            fault(&with_check("11010519490230002")),
            Some(IdNumberFault::Date)
        );
    }

    #[test]
    fn every_single_digit_error_is_seen() {
        let right = b"11010519491231002X";
        for place in 0..17 {
            for digit in b'0'..=b'9' {
                let mut changed = *right;
                if changed[place] == digit {
                    continue;
                }
                changed[place] = digit;
                let text = std::str::from_utf8(&changed).expect("ASCII");
                assert_eq!(fault(text), Some(IdNumberFault::CheckCharacter), "{text}");
            }
        }
    }

    fn with_check(digits: &str) -> String {
        let check = check_character(digits.as_bytes()).expect("17 digits");
        format!("{digits}{}", char::from(check))
    }
}
