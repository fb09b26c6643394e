//! Profiles that name another one as their `base` and say only what differs, so that nothing is written twice.
//!
//! Tables are merged key by key. Lists of tables (`[[key]]`, `[[file]]` …) are merged by what identifies their items, `name`,
//! `path`, `id`, `number` or `tag`: an item that the base has is changed, another one is added at the end. Every other list
//! and value replaces the base's.

use toml::{Table, Value};

/// Keys that identify an item of a list.
const IDENTITY: [&str; 5] = ["name", "path", "id", "number", "tag"];

/// The base with the overlay's changes.
pub(super) fn merge(mut base: Table, overlay: Table) -> Table {
    for (key, value) in overlay {
        let merged = match (base.remove(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) => Value::Table(merge(old, new)),
            (Some(Value::Array(old)), Value::Array(new)) if identified(&old, &new) => {
                Value::Array(merge_items(old, new))
            }
            (_, value) => value,
        };
        base.insert(key, merged);
    }
    base
}

fn merge_items(mut items: Vec<Value>, changes: Vec<Value>) -> Vec<Value> {
    for change in changes {
        let same = items
            .iter()
            .position(|item| identity(item) == identity(&change));
        match (same, change) {
            (Some(at), Value::Table(new)) => {
                if let Value::Table(old) = &mut items[at] {
                    *old = merge(std::mem::take(old), new);
                }
            }
            (_, change) => items.push(change),
        }
    }
    items
}

fn identified(old: &[Value], new: &[Value]) -> bool {
    old.iter().chain(new).all(|item| identity(item).is_some())
}

/// What identifies an item among its neighbours.
fn identity(item: &Value) -> Option<(&'static str, &Value)> {
    let table = item.as_table()?;
    IDENTITY
        .into_iter()
        .find_map(|key| table.get(key).map(|value| (key, value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(base: &str, overlay: &str) -> Table {
        let read = |text: &str| text.parse::<Table>().expect("toml");
        merge(read(base), read(overlay))
    }

    #[test]
    fn tables_by_key_items_by_name_the_rest_replaced() {
        let base = "a = 1\nl = [1, 2]\n[t]\nx = 1\ny = 2\n[[k]]\nname = \"A\"\nu = 1\nv = 2\n[[k]]\nname = \"B\"\nu = 3";
        let overlay = "l = [3]\n[t]\ny = 5\n[[k]]\nname = \"B\"\nu = 4\n[[k]]\nname = \"C\"\nu = 9";
        let wanted = "a = 1\nl = [3]\n[t]\nx = 1\ny = 5\n[[k]]\nname = \"A\"\nu = 1\nv = 2\n[[k]]\nname = \"B\"\nu = 4\n[[k]]\nname = \"C\"\nu = 9";
        assert_eq!(
            merged(base, overlay),
            wanted.parse::<Table>().expect("toml")
        );
    }

    #[test]
    fn a_file_is_one_even_where_its_number_is_not() {
        let base = "[[f]]\npath = \"A/1\"\nfid = 1\n[[f]]\npath = \"B/1\"\nfid = 1";
        let out = merged(base, "[[f]]\npath = \"B/1\"\nfid = 2");
        assert_eq!(out["f"][0]["fid"].as_integer(), Some(1));
        assert_eq!(out["f"][1]["fid"].as_integer(), Some(2));
    }
}
