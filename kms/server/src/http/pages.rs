//! Lists in pages: a cursor names the last row seen, so that rows that come meanwhile shift nothing.

use kms_api::{Page, PageQuery};

use crate::refusal::{self, Refusal, Result};

const DEFAULT: u16 = 100;
const MOST: u16 = 1000;

/// The page after the cursor of rows that are in a lasting order; `key` tells a row from every other.
///
/// # Errors
/// A cursor that is none of ours, or a size that is not possible.
pub(super) fn page<T>(
    rows: Vec<T>,
    key: impl Fn(&T) -> &str,
    query: &PageQuery,
) -> Result<Page<T>> {
    let limit = query.limit.unwrap_or(DEFAULT);
    if limit == 0 || limit > MOST {
        return Err(Refusal::about(&refusal::INVALID, format!("limit 1–{MOST}")));
    }
    let (limit, all) = (usize::from(limit), rows.len());
    let start = match &query.cursor {
        None => 0,
        Some(cursor) => {
            let last = hex::decode(cursor).ok();
            let last = last.and_then(|bytes| String::from_utf8(bytes).ok());
            let at = last.and_then(|last| rows.iter().position(|row| key(row) == last));
            at.ok_or_else(|| Refusal::about(&refusal::INVALID, "cursor"))? + 1
        }
    };
    let items: Vec<T> = rows.into_iter().skip(start).take(limit).collect();
    let more = start + items.len() < all;
    let next = items
        .last()
        .filter(|_| more)
        .map(|last| hex::encode(key(last)));
    Ok(Page { items, next })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(cursor: Option<String>, limit: Option<u16>) -> Result<Page<String>> {
        let rows = (0..5).map(|n| format!("row {n}")).collect();
        page(rows, |row| row, &PageQuery { cursor, limit })
    }

    #[test]
    fn pages_follow_one_another_and_end() {
        let (mut cursor, mut seen, mut pages) = (None, Vec::new(), 0);
        loop {
            let page = ask(cursor, Some(2)).expect("a page");
            pages += 1;
            seen.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!((pages, seen.len()), (3, 5));
        assert_eq!((&*seen[0], &*seen[4]), ("row 0", "row 4"));
        assert!(ask(None, None).expect("all").next.is_none());
    }

    #[test]
    fn a_foreign_cursor_and_an_impossible_size_are_refused() {
        for (cursor, limit) in [
            (Some("zz"), None),
            (Some("00"), None),
            (None, Some(0)),
            (None, Some(1001)),
        ] {
            let refused = ask(cursor.map(str::to_owned), limit).err();
            assert_eq!(refused.map(|r| r.slug()), Some("invalid-value"));
        }
    }
}
