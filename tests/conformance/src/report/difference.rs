//! Expected against seen, cut down to where they part, the places that differ marked.

use maud::{Markup, html};

/// Characters before the first difference, and of the whole window.
const BEFORE: usize = 24;
const WINDOW: usize = 96;
/// Up to this length both are shown whole.
const WHOLE: usize = 160;

/// Both texts as they are shown.
#[must_use]
pub fn shown(expected: &str, seen: &str) -> (Markup, Markup) {
    let (one, other): (Vec<char>, Vec<char>) = (expected.chars().collect(), seen.chars().collect());
    let parts = (0..one.len().min(other.len())).find(|at| one[*at] != other[*at]);
    let long = one.len().max(other.len()) > WHOLE;
    let from = match parts {
        Some(at) if long => at.saturating_sub(BEFORE),
        _ => 0,
    };
    (
        marked(&one, &other, from, long),
        marked(&other, &one, from, long),
    )
}

fn marked(own: &[char], other: &[char], from: usize, long: bool) -> Markup {
    let to = if long {
        own.len().min(from + WINDOW)
    } else {
        own.len()
    };
    // Runs of characters that differ or do not.
    let mut runs: Vec<(bool, String)> = Vec::new();
    for (at, own) in own.iter().enumerate().take(to).skip(from) {
        let differs = other.get(at).is_some_and(|c| c != own);
        match runs.last_mut() {
            Some((kind, text)) if *kind == differs => text.push(*own),
            _ => runs.push((differs, own.to_string())),
        }
    }
    html! {
        @if from > 0 { "… " }
        @for (differs, text) in runs { @if differs { mark { (text) } } @else { (text) } }
        @if to < own.len() { " …" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_in_the_window() {
        let (one, other) = shown("9000", "9200");
        assert_eq!(one.into_string(), "9<mark>0</mark>00");
        assert_eq!(other.into_string(), "9<mark>2</mark>00");
        let long = "0".repeat(4000);
        let changed = format!("{}1{}", &long[..3900], &long[3901..]);
        let (one, other) = shown(&long, &changed);
        assert!(other.into_string().contains("<mark>1</mark>") && one.into_string().len() < 200);
    }
}
