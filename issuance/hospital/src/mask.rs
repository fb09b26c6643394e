//! Personal data as they may be shown to whoever stands beside the screen.

use crate::check::Entry;

/// One element of the holder's. Name: the first character; number: the area; birth date: the year; sex and ethnic group: nothing.
pub fn value(entry: &Entry) -> String {
    match entry.tag {
        11 => mask_keeping(&entry.value, 1, 0),
        14 => mask_keeping(&entry.value, 4, 0),
        15 => keep_ends(&entry.value, 6),
        _ => "*".to_owned(),
    }
}

/// Keeps the first characters and the last one; the same form as the registry's.
pub fn keep_ends(text: &str, keep: usize) -> String {
    mask_keeping(text, keep, 1)
}

fn mask_keeping(text: &str, head: usize, tail: usize) -> String {
    let len = text.chars().count();
    let shown = |at: usize| at < head || (len > head + tail && at >= len - tail);
    text.chars()
        .enumerate()
        .map(|(at, c)| if shown(at) || c == '-' { c } else { '*' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(tag: u8, text: &str) -> Entry {
        Entry {
            tag,
            name: "x".into(),
            value: text.into(),
        }
    }

    #[test]
    fn personal_data_are_masked() {
        assert_eq!(value(&entry(11, "张三丰")), "张**");
        assert_eq!(value(&entry(11, "张")), "张");
        assert_eq!(value(&entry(14, "1985-07-12")), "1985-**-**");
        assert_eq!(
            value(&entry(15, "41010119850712001X")),
            "410101***********X"
        );
        assert_eq!(value(&entry(12, "1 male")), "*");
        assert_eq!(keep_ends("", 6), "");
    }
}
