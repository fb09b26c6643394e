//! What was measured, against what is wanted (`tests/bench/bars.toml`).

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// One bar: an upper or a lower limit.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bar {
    at_most: Option<f64>,
    at_least: Option<f64>,
}

/// One line of the table.
#[derive(Serialize)]
pub struct Line {
    pub name: String,
    pub measured: f64,
    pub bar: String,
    pub met: bool,
}

/// Compares every measurement with its bar; each bar must have been measured.
pub fn compare(text: &str, measured: &BTreeMap<String, f64>) -> Result<Vec<Line>> {
    let bars: BTreeMap<String, Bar> = toml::from_str(text).context("bars.toml")?;
    bars.into_iter()
        .map(|(name, bar)| {
            let measured = *measured
                .get(&name)
                .with_context(|| format!("{name} was not measured"))?;
            let met = bar.at_most.is_none_or(|limit| measured <= limit)
                && bar.at_least.is_none_or(|limit| measured >= limit);
            let limits = [("≤", bar.at_most), ("≥", bar.at_least)];
            let bar: Vec<String> = limits
                .iter()
                .filter_map(|(sign, limit)| limit.map(|limit| format!("{sign} {limit}")))
                .collect();
            Ok(Line {
                name,
                measured,
                bar: bar.join(" "),
                met,
            })
        })
        .collect()
}

/// The table as printed.
pub fn table(lines: &[Line]) -> String {
    let mut text = format!(
        "{:<24} {:>12} {:>10}  met\n",
        "measurement", "best of 3", "bar"
    );
    for line in lines {
        let met = if line.met { "yes" } else { "NO" };
        text.push_str(&format!(
            "{:<24} {:>12.3} {:>10}  {met}\n",
            line.name, line.measured, line.bar
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARS: &str = "[own_time_ms]\nat_most = 10.0\n[share]\nat_least = 0.95\n";

    fn measured(own: f64, share: f64) -> BTreeMap<String, f64> {
        BTreeMap::from([("own_time_ms".to_owned(), own), ("share".to_owned(), share)])
    }

    #[test]
    fn limits_hold_on_their_side() {
        let met = |own, share| {
            compare(BARS, &measured(own, share))
                .unwrap()
                .iter()
                .all(|line| line.met)
        };
        assert!(met(10.0, 0.95));
        assert!(!met(10.1, 0.95));
        assert!(!met(10.0, 0.94));
    }

    #[test]
    fn a_bar_without_a_measurement_is_an_error() {
        assert!(compare(BARS, &BTreeMap::new()).is_err());
    }
}
