//! Compares a JSON document with a golden file after taking out what differs from run to run.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

/// Fields whose values are times, dates or random, and what stands in the golden file for them.
const CHANGING: [(&str, &str); 6] = [
    ("took_ms", "<time>"),
    ("total_ms", "<time>"),
    ("timings", "<times>"),
    ("date", "<date>"),
    ("serial", "<serial>"),
    ("sam_serial", "<serial>"),
];

/// The document with changing values replaced, whatever their depth; absent values stay absent.
pub fn redacted(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(map.iter().map(redacted_field).collect::<Map<_, _>>()),
        Value::Array(list) => Value::Array(list.iter().map(redacted).collect()),
        other => other.clone(),
    }
}

fn redacted_field((name, value): (&String, &Value)) -> (String, Value) {
    let placeholder = CHANGING
        .iter()
        .find(|(field, _)| field == name)
        .filter(|_| !value.is_null());
    let value = placeholder.map_or_else(|| redacted(value), |(_, text)| Value::from(*text));
    (name.clone(), value)
}

/// Compares; with `GOLDEN=write` in the environment it writes the golden file instead.
pub fn compare(document: &Value, golden: &Path) -> Result<()> {
    let own = serde_json::to_string_pretty(&redacted(document))? + "\n";
    if std::env::var("GOLDEN").is_ok_and(|wish| wish == "write") {
        fs::write(golden, own)?;
        return Ok(());
    }
    let wanted = fs::read_to_string(golden).with_context(|| format!("no {}", golden.display()))?;
    if own == wanted {
        return Ok(());
    }
    let line = own
        .lines()
        .zip(wanted.lines())
        .position(|(own, wanted)| own != wanted);
    let at = line.unwrap_or_else(|| own.lines().count().min(wanted.lines().count()));
    bail!(
        "line {} differs from {}:\n  now:    {}\n  golden: {}\nIf that is meant: GOLDEN=write and look at the difference",
        at + 1,
        golden.display(),
        own.lines().nth(at).unwrap_or("(end)"),
        wanted.lines().nth(at).unwrap_or("(end)"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_changes_is_taken_out() {
        let one = json!({"cards": [{"serial": "41ABCDEFGH", "took_ms": 12, "verdict": "valid", "timings": {"a": 1}}]});
        let two = json!({"cards": [{"serial": "41JKLMNPQR", "took_ms": 99, "verdict": "valid", "timings": null}]});
        assert_eq!(redacted(&one)["cards"][0]["verdict"], "valid");
        assert_eq!(
            redacted(&one)["cards"][0]["serial"],
            redacted(&two)["cards"][0]["serial"]
        );
        assert_ne!(
            redacted(&one),
            redacted(&two),
            "an absent value is a difference"
        );
    }

    #[test]
    fn a_difference_names_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("golden.json");
        fs::write(
            &path,
            serde_json::to_string_pretty(&json!({"verdict": "valid"})).unwrap() + "\n",
        )
        .unwrap();
        assert!(compare(&json!({"verdict": "valid"}), &path).is_ok());
        let wrong = compare(&json!({"verdict": "forged"}), &path)
            .unwrap_err()
            .to_string();
        assert!(
            wrong.contains("line 2") && wrong.contains("forged"),
            "{wrong}"
        );
    }
}
