//! Codes in cells: the dictionaries of the card profile, found by code or by word.

use cardlib_card::profile::Element;
use cardlib_card::profile::codes::{self, Dictionary};

/// The dictionary of an element, if it is a coded one.
#[must_use]
pub fn of(element: &Element) -> Option<&'static Dictionary> {
    codes::dictionary(element.codes.as_deref()?)
}

/// The code that a cell names by itself, or by its Chinese or English word.
#[must_use]
pub fn find<'a>(list: &'a Dictionary, cell: &str) -> Option<&'a str> {
    if let Some((code, _)) = list.get_key_value(cell) {
        return Some(code);
    }
    let named = list
        .iter()
        .find(|(_, text)| text.zh == cell || text.en.eq_ignore_ascii_case(cell));
    named.map(|(code, _)| code.as_str())
}

/// An ethnic group by code (a spreadsheet may have eaten the leading zero) or name, with or without 族.
#[must_use]
pub fn find_ethnic<'a>(list: &'a Dictionary, cell: &str) -> Option<&'a str> {
    find(list, cell)
        .or_else(|| find(list, &format!("{cell:0>2}")))
        .or_else(|| find(list, &format!("{cell}族")))
}

/// All codes of a list for a message: `0 1 2 9`, or first and last of a long one.
#[must_use]
pub fn codes(list: &Dictionary) -> String {
    match (list.len(), list.first_key_value(), list.last_key_value()) {
        (20.., Some((first, _)), Some((last, _))) => format!("{first}–{last}"),
        _ => list
            .keys()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" "),
    }
}

/// Medical alerts as the application form numbers them, and their elements. Number 5, the psychiatric mark, is not one
/// of them: it has its own file and its own column.
pub const ALERTS: [(&str, u8); 12] = [
    ("1", 43),
    ("2", 44),
    ("3", 45),
    ("4", 46),
    ("6", 47),
    ("7", 48),
    ("8", 49),
    ("9", 50),
    ("10", 51),
    ("11", 52),
    ("12", 53),
    ("13", 54),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ethnic_groups_are_01_to_56() {
        let list = codes::dictionary("ethnic").expect("in the profile");
        assert_eq!(codes(list), "01–56");
        assert_eq!(find_ethnic(list, "维吾尔"), Some("05"));
        assert_eq!(find_ethnic(list, "维吾尔族"), Some("05"));
        assert_eq!(find_ethnic(list, "5"), Some("05"));
        assert_eq!(find_ethnic(list, "uygur"), Some("05"));
        for wrong in ["57", "0", "", "外"] {
            assert_eq!(find_ethnic(list, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn code_or_word() {
        let sex = codes::dictionary("sex").expect("in the profile");
        for cell in ["2", "女", "Female"] {
            assert_eq!(find(sex, cell), Some("2"), "{cell}");
        }
        assert_eq!(find(sex, "3"), None);
        assert_eq!(codes(sex), "0 1 2 9");
    }
}
