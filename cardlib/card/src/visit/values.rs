//! Days, moments and amounts as a card writes them in digits (R24, R77).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroize;

/// Digits that do not mean what they should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ValueError {
    /// Not YYYYMMDD of the calendar.
    #[error("is no day of the calendar: write YYYYMMDD")]
    Day,
    /// Not YYYYMMDDhhmmss.
    #[error("is no moment: write YYYYMMDDhhmmss")]
    Moment,
    /// Not a whole number.
    #[error("is no whole number")]
    Number,
}

/// A day, YYYYMMDD, cn4.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Zeroize, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

/// A moment, YYYYMMDDhhmmss, cn7.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Zeroize, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Moment {
    day: Day,
    hour: u8,
    minute: u8,
    second: u8,
}

/// An amount of money in fen, a hundredth of a yuan.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Zeroize, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fen(pub u64);

impl Day {
    /// A day of the Gregorian calendar, years 1–9999.
    #[must_use]
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let last = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            _ => return None,
        };
        let known = (1..=9999).contains(&year) && (1..=last).contains(&day);
        known.then_some(Self { year, month, day })
    }
}

impl Moment {
    /// A moment of a day, to the second.
    #[must_use]
    pub fn new(day: Day, hour: u8, minute: u8, second: u8) -> Option<Self> {
        (hour < 24 && minute < 60 && second < 60).then_some(Self {
            day,
            hour,
            minute,
            second,
        })
    }

    /// Its day.
    #[must_use]
    pub fn day(self) -> Day {
        self.day
    }
}

impl FromStr for Day {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let [year, rest] = parts(text, 8, 4).ok_or(ValueError::Day)?;
        // Four digits: at most 9999 and 99·100 + 99.
        let (year, rest) = (year as u16, rest as u16);
        let [month, day] = [rest / 100, rest % 100].map(|n| n.to_le_bytes()[0]);
        Self::new(year, month, day).ok_or(ValueError::Day)
    }
}

impl FromStr for Moment {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (day, time) = text.split_at_checked(8).ok_or(ValueError::Moment)?;
        let day = day.parse().map_err(|_| ValueError::Moment)?;
        let [hour, rest] = parts(time, 6, 2).ok_or(ValueError::Moment)?;
        let [hour, minute, second] = [hour, rest / 100, rest % 100].map(|n| n.to_le_bytes()[0]);
        Self::new(day, hour, minute, second).ok_or(ValueError::Moment)
    }
}

/// `len` digits as two numbers, the first of `at` digits.
fn parts(text: &str, len: usize, at: usize) -> Option<[u32; 2]> {
    let digits = text.len() == len && text.bytes().all(|b| b.is_ascii_digit());
    let (left, right) = text.split_at_checked(at).filter(|_| digits)?;
    Some([left.parse().ok()?, right.parse().ok()?])
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}{:02}{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            day,
            hour,
            minute,
            second,
        } = self;
        write!(f, "{day}{hour:02}{minute:02}{second:02}")
    }
}

macro_rules! text_in_json {
    ($($kind:ident),*) => {$(
        impl TryFrom<String> for $kind {
            type Error = ValueError;
            fn try_from(text: String) -> Result<Self, ValueError> {
                text.parse()
            }
        }

        impl From<$kind> for String {
            fn from(value: $kind) -> Self {
                value.to_string()
            }
        }
    )*};
}

text_in_json!(Day, Moment);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for good in ["20240229", "20000229", "20261122", "00010101", "99991231"] {
            assert_eq!(good.parse::<Day>().map(|d| d.to_string()), Ok(good.into()));
        }
        for bad in [
            "20230229",
            "19000229",
            "20261131",
            "20261301",
            "20260001",
            "20260100",
            "00000101",
            "2026112",
            "202611220",
            "2026-1-1",
            "",
        ] {
            assert!(bad.parse::<Day>().is_err(), "{bad}");
        }
        let day = |text: &str| text.parse::<Day>().ok();
        assert!(day("20261123") > day("20261122"));
    }

    #[test]
    fn moments_end_at_the_second_before_midnight() {
        let last = "20261122235959".parse::<Moment>();
        assert_eq!(last.map(|m| m.to_string()), Ok("20261122235959".into()));
        for bad in [
            "20261122240000",
            "20261122006000",
            "20261122000060",
            "20261122",
            "日",
        ] {
            assert!(bad.parse::<Moment>().is_err(), "{bad}");
        }
    }
}
