//! What was measured, against what is wanted (`tests/bench/bars.toml`).

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// One bar: an upper or a lower limit, and what it is about.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bar {
    what: String,
    at_most: Option<f64>,
    at_least: Option<f64>,
}

/// All bars, by part and name.
pub struct Bars(BTreeMap<String, BTreeMap<String, Bar>>);

/// One line of the table.
#[derive(Serialize)]
pub struct Line {
    pub name: String,
    pub what: String,
    pub measured: f64,
    pub bar: String,
    pub met: bool,
}

impl Bars {
    /// Reads the file's text.
    ///
    /// # Errors
    /// It is no such file.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(Self(toml::from_str(text).context("bars.toml")?))
    }

    /// Compares every value of a part with its bar. Each bar must have been measured, each value have a bar.
    ///
    /// # Errors
    /// One of the two is missing.
    pub fn compare(&self, part: &str, values: &BTreeMap<String, f64>) -> Result<Vec<Line>> {
        let bars = self
            .0
            .get(part)
            .with_context(|| format!("bars.toml has no [{part}]"))?;
        if let Some(name) = values.keys().find(|name| !bars.contains_key(*name)) {
            bail!("{part}.{name} was measured and has no bar");
        }
        bars.iter()
            .map(|(name, bar)| {
                let measured = *values
                    .get(name)
                    .with_context(|| format!("{part}.{name} was not measured"))?;
                Ok(bar.line(format!("{part}.{name}"), measured))
            })
            .collect()
    }
}

impl Bar {
    fn line(&self, name: String, measured: f64) -> Line {
        let met = self.at_most.is_none_or(|limit| measured <= limit)
            && self.at_least.is_none_or(|limit| measured >= limit);
        let limits = [("≤", self.at_most), ("≥", self.at_least)];
        let bar: Vec<String> = limits
            .iter()
            .filter_map(|(sign, limit)| limit.map(|limit| format!("{sign} {limit}")))
            .collect();
        Line {
            name,
            what: self.what.clone(),
            measured,
            bar: bar.join(" "),
            met,
        }
    }
}

/// The table as printed.
pub fn table(lines: &[Line]) -> String {
    let mut text = format!(
        "{:<32} {:>14} {:>12}  met\n",
        "measurement", "best of 3", "bar"
    );
    for line in lines {
        let met = if line.met { "yes" } else { "NO" };
        text.push_str(&format!(
            "{:<32} {:>14.3} {:>12}  {met}\n",
            line.name, line.measured, line.bar
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARS: &str = "[station]\nown = { what = \"own time\", at_most = 10.0 }\nshare = { what = \"share\", at_least = 0.95 }\n";

    fn measured(own: f64, share: f64) -> BTreeMap<String, f64> {
        BTreeMap::from([("own".to_owned(), own), ("share".to_owned(), share)])
    }

    #[test]
    fn limits_hold_on_their_side() {
        let bars = Bars::parse(BARS).unwrap();
        let met = |own, share| {
            let lines = bars.compare("station", &measured(own, share)).unwrap();
            lines.iter().all(|line| line.met)
        };
        assert!(met(10.0, 0.95));
        assert!(!met(10.1, 0.95));
        assert!(!met(10.0, 0.94));
    }

    #[test]
    fn bars_and_values_must_match() {
        let bars = Bars::parse(BARS).unwrap();
        assert!(bars.compare("station", &BTreeMap::new()).is_err());
        assert!(bars.compare("other", &measured(1.0, 1.0)).is_err());
        let mut more = measured(1.0, 1.0);
        more.insert("third".into(), 1.0);
        assert!(bars.compare("station", &more).is_err());
    }
}
