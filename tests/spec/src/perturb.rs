//! Every item of a profile, changed in turn: numbers by one, words to each of their other values, bytes, lists and tables by one
//! item less.
//!
//! Of a profile that says only what differs from its base, only what it says itself.

use cardlib_card::profile::Profile;
use toml::{Table, Value};

/// One changed item.
pub struct Perturbation {
    pub profile: &'static str,
    /// Where it is, such as `file/DDF1/EF08/elements/7/len`.
    pub item: String,
    /// What it became.
    pub change: String,
    /// The whole profile with it.
    pub table: Table,
}

/// All of a profile.
///
/// # Panics
/// The profile is none of the embedded ones.
#[must_use]
pub fn all(profile: &'static str) -> Vec<Perturbation> {
    let table = explicit(Profile::table(profile).expect("an embedded profile"));
    let base =
        (profile != "rhc-2012").then(|| explicit(Profile::table("rhc-2012").expect("the base")));
    let mut walk = Walk {
        profile,
        whole: Value::Table(table.clone()),
        found: Vec::new(),
    };
    walk.table(&table, base.as_ref(), &mut Vec::new(), "");
    walk.found
}

/// What a profile leaves to defaults, written down, so that it can be changed too.
fn explicit(mut table: Table) -> Table {
    let files = table.get_mut("file").and_then(Value::as_array_mut);
    for file in files.into_iter().flatten().filter_map(Value::as_table_mut) {
        let text = |word: &str| Value::String(word.into());
        for (key, value) in [
            ("erase", text("never")),
            ("write_once", Value::Boolean(false)),
            ("secure_messaging", text("none")),
        ] {
            file.entry(key).or_insert(value);
        }
        if file.get("kind").and_then(Value::as_str) != Some("binary") {
            file.entry("address").or_insert(text("position"));
        }
    }
    table
}

struct Walk {
    profile: &'static str,
    whole: Value,
    found: Vec<Perturbation>,
}

/// A step into the table: a key, or a place in a list.
#[derive(Clone)]
enum Step {
    Key(String),
    At(usize),
}

impl Walk {
    fn table(&mut self, table: &Table, base: Option<&Table>, path: &mut Vec<Step>, item: &str) {
        for (key, value) in table {
            let was = base.map(|base| base.get(key));
            if was == Some(Some(value)) {
                continue;
            }
            path.push(Step::Key(key.clone()));
            let item = if item.is_empty() {
                key.clone()
            } else {
                format!("{item}/{key}")
            };
            self.value(value, was.flatten(), path, &item);
            path.pop();
        }
    }

    fn value(&mut self, value: &Value, base: Option<&Value>, path: &mut Vec<Step>, item: &str) {
        match value {
            Value::Table(table) => self.table(table, base.and_then(Value::as_table), path, item),
            Value::Array(list) if list.iter().all(Value::is_table) && !list.is_empty() => {
                let old = base.and_then(Value::as_array);
                for (at, each) in list.iter().enumerate() {
                    let same = |other: &&Value| identity(other) == identity(each);
                    let was = old.and_then(|old| old.iter().find(same));
                    if was == Some(each) {
                        continue;
                    }
                    let item = format!("{item}/{}", identity(each).unwrap_or(at.to_string()));
                    path.push(Step::At(at));
                    if let Some(table) = each.as_table() {
                        self.table(table, was.and_then(Value::as_table), path, &item);
                    }
                    path.pop();
                    if was.is_none() {
                        let mut fewer = list.clone();
                        fewer.remove(at);
                        self.note(path, &item, "left out", Value::Array(fewer));
                    }
                }
            }
            leaf => {
                for (said, changed) in changes(item, leaf, &self.whole) {
                    self.note(path, item, &said, changed);
                }
            }
        }
    }

    fn note(&mut self, path: &[Step], item: &str, change: &str, value: Value) {
        let mut whole = self.whole.clone();
        let place = path.iter().try_fold(&mut whole, |at, step| match step {
            Step::Key(key) => at.get_mut(key),
            Step::At(n) => at.get_mut(n),
        });
        *place.expect("a path of the table") = value;
        let Value::Table(table) = whole else { return };
        self.found.push(Perturbation {
            profile: self.profile,
            item: item.to_owned(),
            change: change.to_owned(),
            table,
        });
    }
}

/// What tells an item of a list from its neighbours.
fn identity(item: &Value) -> Option<String> {
    let table = item.as_table()?;
    ["path", "name", "id", "number", "tag"]
        .into_iter()
        .find_map(|key| table.get(key))
        .map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
}

/// Values that a leaf may become.
fn changes(item: &str, value: &Value, whole: &Value) -> Vec<(String, Value)> {
    let key = item.rsplit('/').next().unwrap_or(item);
    match value {
        Value::Integer(n) => {
            let mut out = vec![*n + 1];
            if *n > 0 {
                out.push(*n - 1);
            }
            let shown = |n: i64| (format!("{n:#x}"), Value::Integer(n));
            out.into_iter().map(shown).collect()
        }
        Value::Boolean(b) => vec![((!b).to_string(), Value::Boolean(!b))],
        Value::String(text) => words(item, key, text, whole)
            .into_iter()
            .filter(|other| other != text)
            .map(|other| (other.clone(), Value::String(other)))
            .collect(),
        Value::Array(list) => lists(key, list, whole),
        _ => Vec::new(),
    }
}

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(|each| (*each).to_owned()).collect()
}

/// Names of an item of the profile, such as keys.
fn names(whole: &Value, list: &str) -> Vec<String> {
    let items = whole.get(list).and_then(Value::as_array);
    let items = items.into_iter().flatten();
    items
        .filter_map(|item| item.get("name")?.as_str().map(str::to_owned))
        .collect()
}

fn words(item: &str, key: &str, text: &str, whole: &Value) -> Vec<String> {
    let directory = item.split('/').nth(1).unwrap_or_default();
    match key {
        "kind" => strings(&["binary", "fixed", "variable", "cyclic"]),
        "type" => strings(&["ans", "cn", "b"]),
        "block" => strings(&["card", "mac-errors", "command", "foreign"]),
        "class" => strings(&["internal", "read", "update", "erase", "lock", "maintenance"]),
        "scope" => strings(&["national", "provincial"]),
        "cipher" => strings(&["sm4", "aes128"]),
        "hash" => strings(&["sm3", "sha256"]),
        "signature" => strings(&["sm2", "ecdsa-p256"]),
        "secure_messaging" => strings(&["none", "mac", "cipher-mac"]),
        "address" => strings(&["position", "tag-or-position"]),
        "use" => strings(&["security-code", "card-master", "sam-master"]),
        "format" => strings(&["plain", "date", "date-time", "count", "money"]),
        "read" | "update" | "erase" | "maintenance" => {
            let here = |name: &String| name.ends_with(directory);
            let mut all: Vec<String> = names(whole, "key").into_iter().filter(here).collect();
            if key != "maintenance" {
                all.extend(strings(&["free", "never"]));
            }
            all
        }
        "df" | "parent" => names(whole, "df"),
        "df_name" | "prefix" | "pad" | "test_vendor" => {
            let other = if text.ends_with('0') { '1' } else { '0' };
            let stem = &text[..text.len() - 1];
            vec![format!("{stem}{other}"), text[..text.len() - 2].to_owned()]
        }
        _ => vec![format!("{text}X")],
    }
}

fn lists(key: &str, list: &[Value], whole: &Value) -> Vec<(String, Value)> {
    let mut out: Vec<(String, Value)> = (0..list.len())
        .map(|at| {
            let mut fewer = list.to_vec();
            let gone = fewer.remove(at);
            (format!("without {gone}"), Value::Array(fewer))
        })
        .collect();
    if key == "keys" {
        let missing = names(whole, "key").into_iter().map(Value::String);
        for more in missing.filter(|name| !list.contains(name)) {
            let mut longer = list.to_vec();
            longer.push(more.clone());
            out.push((format!("with {more}"), Value::Array(longer)));
        }
    }
    out
}
