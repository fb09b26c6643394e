//! Dates as people type them (`1949-12-31`, `1949/12/31`, `19491231`) and as the card stores them (`YYYYMMDD`).

use jiff::civil::Date;

/// Eight digits that are a date of the calendar, from 1800 on.
#[must_use]
pub fn parse_compact(digits: &str) -> Option<Date> {
    if digits.len() != 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let year = digits[..4]
        .parse::<i16>()
        .ok()
        .filter(|year| *year >= 1800)?;
    Date::new(year, digits[4..6].parse().ok()?, digits[6..].parse().ok()?).ok()
}

/// One of the three ways to type a date; month and day may lack their leading zero when separated.
#[must_use]
pub fn parse(text: &str) -> Option<Date> {
    let Some(separator) = text.chars().find(|c| matches!(c, '-' | '/' | '.')) else {
        return parse_compact(text);
    };
    let mut parts = text.split(separator);
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let short = |part: &str| matches!(part.len(), 1 | 2);
    if parts.next().is_some() || year.len() != 4 || !short(month) || !short(day) {
        return None;
    }
    parse_compact(&format!("{year}{month:0>2}{day:0>2}"))
}

/// The eight digits of a cn4 date.
#[must_use]
pub fn compact(date: Date) -> String {
    format!("{:04}{:02}{:02}", date.year(), date.month(), date.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_spellings_of_one_day() {
        let day = Some(jiff::civil::date(1990, 3, 7));
        for text in [
            "1990-03-07",
            "1990-3-7",
            "1990/03/07",
            "1990.3.7",
            "19900307",
        ] {
            assert_eq!(parse(text), day, "{text}");
        }
        assert_eq!(compact(jiff::civil::date(1990, 3, 7)), "19900307");
    }

    #[test]
    fn refuses_what_is_no_day() {
        for text in [
            "",
            "1990-02-29",
            "1990-13-01",
            "90-01-01",
            "1990-1",
            "1990-1-1-1",
            "1990-+1-01",
            "1990/01-01",
            "1700-01-01",
            "１９９００１０１",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(parse("2000-02-29").is_some());
    }
}
