//! Area codes of GB/T 2260, with the abolished ones: an identity number keeps the code of its first registration.
//!
//! The table and where it comes from: `data/README.md` of this crate.

use std::sync::OnceLock;

static TABLE: &str = include_str!("../data/area-codes.tsv");

/// One administrative division.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Six digits as a number.
    pub code: u32,
    /// First year of a revision that lists it.
    pub first: u16,
    /// Last year of a revision that lists it; none while it is in force.
    pub last: Option<u16>,
    /// Its last name.
    pub name: &'static str,
}

fn areas() -> &'static [Area] {
    static AREAS: OnceLock<Vec<Area>> = OnceLock::new();
    AREAS.get_or_init(|| TABLE.lines().filter_map(parse).collect())
}

fn parse(line: &'static str) -> Option<Area> {
    let mut fields = line.split('\t');
    let code = fields.next()?.parse().ok()?;
    let first = fields.next()?.parse().ok()?;
    let last = fields.next()?.parse().ok();
    Some(Area {
        code,
        first,
        last,
        name: fields.next()?,
    })
}

fn number(code: &str) -> Option<u32> {
    let digits = code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit());
    if digits { code.parse().ok() } else { None }
}

/// The division of this six-digit code, in force or abolished.
#[must_use]
pub fn find(code: &str) -> Option<Area> {
    let code = number(code)?;
    let areas = areas();
    areas
        .binary_search_by_key(&code, |area| area.code)
        .ok()
        .map(|at| areas[at])
}

/// Whether an identity number can begin with this code: a county-level division, a prefecture without counties (东莞,
/// 中山, 儋州…), or one of the three codes of residence permits.
#[must_use]
pub fn registers_persons(code: &str) -> bool {
    let Some(area) = find(code) else { return false };
    match (area.code % 10_000, area.code % 100) {
        (0, _) => matches!(area.code / 10_000, 81..=83),
        (_, 0) => !has_divisions(area.code),
        _ => true,
    }
}

fn has_divisions(prefecture: u32) -> bool {
    let areas = areas();
    let next = areas.partition_point(|area| area.code <= prefecture);
    areas
        .get(next)
        .is_some_and(|area| area.code / 100 == prefecture / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sorted_and_whole() {
        assert_eq!(areas().len(), TABLE.lines().count());
        assert!(areas().windows(2).all(|pair| pair[0].code < pair[1].code));
    }

    #[test]
    fn finds_present_and_abolished() {
        let jinshui = find("410105").expect("in the table");
        assert_eq!((jinshui.name, jinshui.last), ("金水区", None));
        let changping = find("110221").expect("abolished, still in the table");
        assert_eq!(changping.name, "昌平县");
        assert!(changping.last.is_some());
        assert!(find("999999").is_none() && find("41010").is_none() && find("+41010").is_none());
    }

    #[test]
    fn only_places_that_register_persons() {
        for code in [
            "410105", "110221", "441900", "442000", "330113", "810000", "830000", "413023",
        ] {
            assert!(registers_persons(code), "{code}");
        }
        for code in [
            "410000", "410100", "110000", "710000", "000000", "419999", "4101ab",
        ] {
            assert!(!registers_persons(code), "{code}");
        }
    }
}
